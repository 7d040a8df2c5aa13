package kinesis

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	model "drey/model/kinesis"
	"drey/store/seglog"
)

func errNoQueue(t target) error {
	return model.ResourceNotFoundException.Errorf("Queue %s not found.", queueARN(t.stream.Account, t.stream.Region, t.queue))
}

// findQueue gives the stream and the desk of the queue with the ARN, and what the ARN names.
func (s *Service) findQueue(arn string) (target, *stream, *desk, error) {
	t, err := parseTarget(arn)
	if err != nil {
		return t, nil, nil, err
	}
	if t.queue == "" {
		return t, nil, nil, model.InvalidArgumentException.Errorf("%s is not the ARN of a queue.", arn)
	}
	st, d, err := s.queueByTarget(t)
	return t, st, d, err
}

func (s *Service) queueByTarget(t target) (*stream, *desk, error) {
	s.mu.RLock()
	st := s.queues[t.queue]
	s.mu.RUnlock()
	if st == nil || st.key.Account != t.stream.Account || st.key.Region != t.stream.Region {
		return nil, nil, errNoQueue(t)
	}
	x := st.load()
	if _, err := s.queueOf(t, x); err != nil {
		return nil, nil, err
	}
	return st, x.desks[t.queue], nil
}

// queueOf gives the queue as it is in a state of its stream. It must not be changed.
func (s *Service) queueOf(t target, x *state) (*queue, error) {
	q := x.queue(t.queue)
	if q == nil || q.gone(s.Now()) {
		return nil, errNoQueue(t)
	}
	return q, nil
}

// changeQueue stores what edit makes of a queue.
func (s *Service) changeQueue(ctx context.Context, t target, edit func(*queue) error) error {
	st, _, err := s.queueByTarget(t)
	if err != nil {
		return err
	}
	return s.change(ctx, st, func(d *document) error {
		q := d.queue(t.queue)
		if q == nil || q.gone(s.Now()) {
			return errNoQueue(t)
		}
		return edit(q)
	})
}

// atDesk lets act decide at the desk of a queue that exists and is neither CREATING nor DELETING. It returns when what was
// decided is durable; then it tells when the next record becomes visible by itself, a day ahead at most. Nothing of what was
// decided counts if there is an error.
func (s *Service) atDesk(t target, st *stream, d *desk, act func(*state, *queue, time.Time) error) (next time.Time, err error) {
	x, now := st.load(), s.Now()
	q, err := s.queueOf(t, x)
	if err != nil {
		return next, err
	}
	if status := q.status(now); status == model.QueueStatusCREATING || status == model.QueueStatusDELETING {
		return next, model.ResourceNotFoundException.Errorf("Queue %s is not ACTIVE, instead in state %s.", q.arn(st.key), status)
	}
	r, next, err := d.decisions(x, q, now, act)
	if failure := s.settle(d, r); failure != nil {
		err = failure
	}
	return next, s.queueError(t, err)
}

// decisions is what act decides, with the round that makes it durable.
func (d *desk) decisions(x *state, q *queue, now time.Time, act func(*state, *queue, time.Time) error) (*round, time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(x, q, now); err != nil {
		return nil, time.Time{}, err
	}
	err := act(x, q, now)
	next, ok := d.book.Next()
	if !ok {
		next = now.Add(day)
	}
	return d.seal(x), next, err
}

// queueError is what a caller learns when a queue could not read, or not write down what it decided.
func (s *Service) queueError(t target, err error) error {
	switch arn := queueARN(t.stream.Account, t.stream.Region, t.queue); {
	case err == nil:
		return nil
	case errors.Is(err, seglog.ErrClosed):
		return errNoQueue(t)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		s.Log.Error("a queue cannot note what it delivers: the disk is full; free space and the queue goes on by itself", "queue", arn, "dir", s.Dir, "error", err)
		return model.InternalFailureException.Errorf("Nothing was done, because the disk of the data directory is full. Free some space and try again; nothing else needs to be done.")
	default:
		return fmt.Errorf("queue %s: %w", arn, err)
	}
}
