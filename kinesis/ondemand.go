package kinesis

import (
	"context"
	"errors"
	"math/big"
	"time"

	model "drey/model/kinesis"
)

// Streams with on-demand capacity ("Choose the right mode to stream in" in the developer guide).
const (
	onDemandLimit  = 50 // streams of an account and region
	onDemandShards = 4  // at first
	warmLimit      = 10 << 10
)

// hot tells whether a shard took more than half of what it can, for so long on average. Such shards are split. So the
// stream always takes up to double the peak that it had: a shard that took more than half becomes two, and twice what the
// others took is at most what they can.
func hot(bytes, records int64, over time.Duration) bool {
	return 2*cost(int(bytes), writeBytes) > over || 2*cost(int(records), writeRecords) > over
}

// scaleUp splits the shards of on-demand streams that were hot.
func (s *Service) scaleUp(ctx context.Context, now time.Time, all []metered) (err error) {
	for _, m := range all {
		st := m.stream
		x := st.load()
		if x.Mode != model.StreamModeON_DEMAND {
			continue
		}
		split := x.hotIn(m.minutes)
		if len(split) == 0 || len(x.open)+len(split) > streamShards || x.status(now) != model.StreamStatusACTIVE {
			continue
		}
		err = errors.Join(err, s.change(ctx, st, func(d *document) error {
			for _, index := range split {
				if sh := d.shard(index); sh.Closed == nil {
					d.halve(*sh, now)
				}
			}
			d.Updated = now.Add(updating)
			return nil
		}))
	}
	return err
}

// halve splits a shard in the middle, if it has one.
func (d *document) halve(s shard, now time.Time) {
	start, width := number(s.Start), new(big.Int).Sub(number(s.End), number(s.Start))
	if width.Sign() > 0 {
		d.split(s.Index, width.Add(width, big.NewInt(1)).Rsh(width, 1).Add(width, start), now)
	}
}

// warm sets the throughput for which an on-demand stream has shards in any case.
func (s *Service) warm(k key, d *document, mib int32, now time.Time) error {
	if d.Mode != model.StreamModeON_DEMAND {
		return model.ValidationException.Errorf("Stream %s under account %s has the provisioned capacity mode. Warm throughput is only for streams with the on-demand capacity mode.", k.Name, k.Account)
	}
	if !s.accounts.commitment(k).stands(now) {
		return model.ValidationException.Errorf("Warm throughput is only for accounts that have MinimumThroughputBillingCommitment enabled. Account %s has not.", k.Account)
	}
	if mib > warmLimit {
		return model.LimitExceededException.Errorf("The warm throughput of an on-demand stream is at most %d MiB/s. Requested: %d.", warmLimit, mib)
	}
	d.Warm = mib
	d.scale(max(int(mib), onDemandShards), now)
	return nil
}

// UpdateStreamWarmThroughput gives an on-demand stream as many shards as the throughput wants. When less is wanted, those
// that traffic needs come back by themselves.
func (s *Service) UpdateStreamWarmThroughput(ctx context.Context, in *model.UpdateStreamWarmThroughputInput) (*model.UpdateStreamWarmThroughputOutput, error) {
	ref := reference{in.StreamName, in.StreamARN, in.StreamId}
	k, err := s.keyOf(ctx, ref)
	if err != nil {
		return nil, err
	}
	var before *model.WarmThroughputObject
	st, err := s.changeActive(ctx, ref, func(d *document, now time.Time) error {
		before = d.warmThroughput()
		d.Updated = now.Add(updating)
		return s.warm(k, d, *in.WarmThroughputMiBps, now)
	})
	if err != nil {
		return nil, err
	}
	before.TargetMiBps = in.WarmThroughputMiBps
	return &model.UpdateStreamWarmThroughputOutput{StreamARN: new(st.key.arn()), StreamName: &st.key.Name, WarmThroughput: before}, nil
}

// warmThroughput tells what was wanted and what the shards can take.
func (d *document) warmThroughput() *model.WarmThroughputObject {
	return &model.WarmThroughputObject{TargetMiBps: new(d.Warm), CurrentMiBps: new(int32(len(d.openShards())))}
}

// UpdateStreamRecordDistributionStrategy says who chooses the shard of a record, from the next record on.
func (s *Service) UpdateStreamRecordDistributionStrategy(ctx context.Context, in *model.UpdateStreamRecordDistributionStrategyInput) (*model.UpdateStreamRecordDistributionStrategyOutput, error) {
	_, err := s.changeActive(ctx, reference{arn: in.StreamARN, id: in.StreamId}, func(d *document, _ time.Time) error {
		d.Strategy = in.RecordDistributionStrategy
		return d.checkStrategy()
	})
	return &model.UpdateStreamRecordDistributionStrategyOutput{}, err
}

func (d *document) checkStrategy() error {
	if d.Strategy != "" && d.Mode != model.StreamModeON_DEMAND {
		return model.InvalidArgumentException.Errorf("RecordDistributionStrategy is only supported for streams with the on-demand capacity mode.")
	}
	return nil
}

// strategy is what an on-demand stream uses; others have none to show.
func (d *document) strategy() model.RecordDistributionStrategy {
	if d.Mode == model.StreamModeON_DEMAND && d.Strategy == "" {
		return model.RecordDistributionStrategyUSER_PARTITION_KEY
	}
	return d.Strategy
}

// UpdateStreamMode switches between provisioned and on-demand capacity. The shards stay as they are.
func (s *Service) UpdateStreamMode(ctx context.Context, in *model.UpdateStreamModeInput) (*model.UpdateStreamModeOutput, error) {
	ref := reference{arn: in.StreamARN, id: in.StreamId}
	s.birth.Lock() // so that no other stream takes the room under the account's limits
	defer s.birth.Unlock()
	k, err := s.keyOf(ctx, ref)
	if err != nil {
		return nil, err
	}
	_, err = s.changeActive(ctx, ref, func(d *document, now time.Time) error {
		if d.Mode == in.StreamModeDetails.StreamMode {
			return model.InvalidArgumentException.Errorf("The stream is already in mode %s.", d.Mode)
		}
		if n := len(d.queues(now)); n > 0 { // so the stream is on-demand
			return model.ResourceInUseException.Errorf("Stream %s under account %s has %d queues. Delete them before you change its mode.", k.Name, k.Account, n)
		}
		if n := len(d.channels(now)); n > 0 {
			return model.ResourceInUseException.Errorf("Stream %s under account %s has %d channels. Delete them before you change its mode.", k.Name, k.Account, n)
		}
		if err := s.spend(d, "UpdateStreamMode", now); err != nil {
			return err
		}
		d.Mode, d.Updated, d.Strategy, d.Warm = in.StreamModeDetails.StreamMode, now.Add(updating), "", 0
		if err := s.roomIn(k, d.Mode, len(d.openShards())); err != nil {
			return err
		}
		if in.WarmThroughputMiBps != nil {
			return s.warm(k, d, *in.WarmThroughputMiBps, now)
		}
		return nil
	})
	return &model.UpdateStreamModeOutput{}, err
}

// roomIn refuses a stream of that mode, with so many shards, beyond what an account and region may have.
func (s *Service) roomIn(k key, mode model.StreamMode, shards int) error {
	if mode == model.StreamModePROVISIONED {
		return s.roomFor(k, shards)
	}
	if s.usage(k).onDemand >= onDemandLimit {
		return model.LimitExceededException.Errorf("This request would exceed the limit of %d on-demand streams for the account %s in %s.", onDemandLimit, k.Account, k.Region)
	}
	return nil
}
