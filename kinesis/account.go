package kinesis

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// commitment is an account's to a minimum of throughput, which makes its on-demand streams On-demand Advantage ones
// ("UpdateAccountSettings" in the API reference). Its status is computed from these times.
type commitment struct {
	Started time.Time  // zero: never
	End     *time.Time // may lie ahead
}

// commitmentTerm is how long a commitment lasts at least.
const commitmentTerm = 24 * time.Hour

func (c commitment) status(now time.Time) model.MinimumThroughputBillingCommitmentOutputStatus {
	switch {
	case c.Started.IsZero() || c.End != nil && !now.Before(*c.End):
		return model.MinimumThroughputBillingCommitmentOutputStatusDISABLED
	case c.End != nil:
		return model.MinimumThroughputBillingCommitmentOutputStatusENABLED_UNTIL_EARLIEST_ALLOWED_END
	default:
		return model.MinimumThroughputBillingCommitmentOutputStatusENABLED
	}
}

func (c commitment) stands(now time.Time) bool {
	return c.status(now) != model.MinimumThroughputBillingCommitmentOutputStatusDISABLED
}

// want is the commitment after the owner asked for it or against it. One that is asked to end too early ends as soon as
// it may; asking for it again before takes that back.
func (c commitment) want(status model.MinimumThroughputBillingCommitmentInputStatus, now time.Time) commitment {
	enable := status == model.MinimumThroughputBillingCommitmentInputStatusENABLED
	switch {
	case enable && !c.stands(now):
		return commitment{Started: now}
	case enable:
		return commitment{Started: c.Started}
	case c.End != nil || !c.stands(now):
		return c
	}
	end := c.Started.Add(commitmentTerm)
	if now.After(end) {
		end = now
	}
	return commitment{Started: c.Started, End: &end}
}

func (c commitment) describe(now time.Time) *model.MinimumThroughputBillingCommitmentOutput {
	out := &model.MinimumThroughputBillingCommitmentOutput{Status: c.status(now)}
	if c.Started.IsZero() {
		return out
	}
	out.StartedAt = &c.Started
	if c.stands(now) {
		out.EarliestAllowedEndAt = new(c.Started.Add(commitmentTerm))
	} else {
		out.EndedAt = c.End
	}
	return out
}

// accounts are the settings of accounts, each in a region.
type accounts struct {
	mu          sync.Mutex
	commitments map[key]commitment // keys without a name
}

func (a *accounts) commitment(k key) commitment {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commitments[key{Account: k.Account, Region: k.Region}]
}

// DescribeAccountSettings tells of the commitment of the caller's account.
func (s *Service) DescribeAccountSettings(ctx context.Context, _ *model.DescribeAccountSettingsInput) (*model.DescribeAccountSettingsOutput, error) {
	r := wire.FromContext(ctx)
	c := s.accounts.commitment(key{Account: r.Account, Region: r.Region})
	return &model.DescribeAccountSettingsOutput{MinimumThroughputBillingCommitment: c.describe(s.Now())}, nil
}

// UpdateAccountSettings begins or ends the commitment of the caller's account.
func (s *Service) UpdateAccountSettings(ctx context.Context, in *model.UpdateAccountSettingsInput) (*model.UpdateAccountSettingsOutput, error) {
	r, now := wire.FromContext(ctx), s.Now()
	k := key{Account: r.Account, Region: r.Region}
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	c := s.accounts.commitments[k].want(in.MinimumThroughputBillingCommitment.Status, now)
	if err := s.saveCommitment(ctx, k, c); err != nil {
		return nil, fmt.Errorf("save settings of account %s: %w", k.Account, err)
	}
	s.accounts.commitments[k] = c
	return &model.UpdateAccountSettingsOutput{MinimumThroughputBillingCommitment: c.describe(now)}, nil
}

func (s *Service) saveCommitment(ctx context.Context, k key, c commitment) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO kinesis_accounts VALUES (?, ?, ?)
			ON CONFLICT (account, region) DO UPDATE SET commitment = excluded.commitment`, k.Account, k.Region, string(text))
		return err
	})
}

func (s *Service) loadCommitments(ctx context.Context) error {
	s.accounts.commitments = map[key]commitment{}
	return s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT account, region, commitment FROM kinesis_accounts`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k key
			var text string
			var c commitment
			if err := rows.Scan(&k.Account, &k.Region, &text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &c); err != nil {
				return fmt.Errorf("settings of account %s: %w", k.Account, err)
			}
			s.accounts.commitments[k] = c
		}
		return rows.Err()
	})
}
