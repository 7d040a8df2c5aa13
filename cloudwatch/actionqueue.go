package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	model "drey/model/cloudwatch"
)

// maxTaken is how many actions of a target are taken from the queue at once.
const maxTaken = 100

// waitingAction is a row of the queue.
type waitingAction struct {
	id int64
	queuedAction
}

// target is what an action is done to: a topic, or the application that is scaled, whatever is done to it.
func (q queuedAction) target() string {
	target, _, _ := strings.Cut(q.ARN, "?")
	return target
}

// runActions carries out what is queued, apart from evaluations, which it must not hold up: the actions on one target in the
// order in which they were queued, those on others beside them, so that an address that does not answer keeps no other waiting.
func (s *Service) runActions(ctx context.Context) {
	type end struct {
		target string
		err    error
	}
	ends, busy := make(chan end), map[string]bool{}
	var carriers sync.WaitGroup
	defer carriers.Wait()
	retry := time.NewTimer(everyTenSeconds * time.Second) // what a crash left behind
	defer retry.Stop()
	later := func(err error) {
		s.report(ctx, "carry out actions of alarms", err)
		retry.Reset(everyMinute * time.Second)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.queued:
		case <-retry.C:
		case e := <-ends:
			if delete(busy, e.target); e.err != nil {
				later(e.err)
				continue
			}
		}
		waiting, err := s.waiting(ctx, busy)
		if err != nil {
			later(err)
			continue
		}
		for target, list := range waiting {
			busy[target] = true
			carriers.Go(func() {
				e := end{target, s.carryOut(ctx, list)}
				select {
				case ends <- e:
				case <-ctx.Done():
				}
			})
		}
	}
}

// waiting gives the oldest actions of each target that is not busy.
func (s *Service) waiting(ctx context.Context, busy map[string]bool) (map[string][]waitingAction, error) {
	found := map[string][]waitingAction{}
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, kind, document FROM cloudwatch_actions ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var w waitingAction
			var kind, text string
			if err := rows.Scan(&w.id, &kind, &text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &w.queuedAction); err != nil {
				return fmt.Errorf("a queued action: %w", err)
			}
			w.kind = model.AlarmType(kind)
			if t := w.target(); !busy[t] && len(found[t]) < maxTaken {
				found[t] = append(found[t], w)
			}
		}
		return rows.Err()
	})
	return found, err
}

// carryOut performs actions, one after the other. One that a crash interrupts is performed again, by the same plan.
func (s *Service) carryOut(ctx context.Context, list []waitingAction) error {
	for i := range list {
		w := &list[i]
		err := s.perform(ctx, w.id, &w.queuedAction)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		item := w.outcome(s.now(), err)
		err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
			if _, err := tx.ExecContext(ctx, `DELETE FROM cloudwatch_actions WHERE id = ?`, w.id); err != nil {
				return err
			}
			return item.insert(ctx, tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
