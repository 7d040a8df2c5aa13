package kinesis

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"drey/kinesis/delivery"
	model "drey/model/kinesis"
	"drey/wire"
)

// CreateQueue makes a queue on an on-demand stream of the caller's account and region. It is ACTIVE a moment later.
func (s *Service) CreateQueue(ctx context.Context, in *model.CreateQueueInput) (*model.CreateQueueOutput, error) {
	if len(in.StreamConfigurationList) != 1 {
		return nil, model.ValidationException.Errorf("StreamConfigurationList must contain exactly one entry.")
	}
	c := in.StreamConfigurationList[0]
	st, _, err := s.findReady(ctx, reference{arn: c.StreamARN})
	if err != nil {
		return nil, err
	}
	if r := wire.FromContext(ctx); st.key.Account != r.Account || st.key.Region != r.Region {
		return nil, model.ValidationException.Errorf("Stream %s is of another account or region than the queue would be.", *c.StreamARN)
	}
	s.birth.Lock() // so that no other queue takes the name
	defer s.birth.Unlock()
	var made queue
	err = s.change(ctx, st, func(d *document) error {
		now := s.Now()
		if err := s.roomForQueue(st.key, d, *in.QueueName, now); err != nil {
			return err
		}
		if err := checkTags(key{Account: st.key.Account}, in.Tags, len(in.Tags)); err != nil {
			return err
		}
		made = queue{
			ID: strings.ToLower(rand.Text()), Name: *in.QueueName, Created: now, Active: now.Add(creation),
			Visibility: defaultVisibility, Receives: defaultReceives, Tags: in.Tags,
		}
		if err := errors.Join(made.begin(c.StartingPosition, d, now), made.configure(in.QueueAttributes)); err != nil {
			return err
		}
		d.Queues = append(d.queues(now), made)
		return s.openDesk(st.load(), &made, now)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.queues[made.ID] = st
	s.mu.Unlock()
	return &model.CreateQueueOutput{QueueDescription: made.describe(st.key, made.Created)}, nil
}

// openDesk begins the log of a new queue. If the queue then does not come into being, the log is removed with the next start
// of the service.
func (s *Service) openDesk(x *state, q *queue, now time.Time) error {
	var events []delivery.Event
	for _, l := range x.lanes {
		if q.Start != model.QueueStartingPositionTypeLATEST {
			break
		}
		next, err := l.next()
		if err != nil {
			return err
		}
		events = append(events, delivery.Place(now, delivery.ID{Shard: l.Index, Ordinal: next}))
	}
	events = append(events, delivery.New().SetLimit(now, int(q.Receives)))
	d := s.newDesk(x.ID, q.ID)
	_, _, err := d.log.Append(delivery.Encode(events))
	return errors.Join(err, d.log.Close())
}

// roomForQueue refuses a queue that may not be.
func (s *Service) roomForQueue(k key, d *document, name string, now time.Time) error {
	if d.Gone != nil {
		return errNotActive(k, d.status(now))
	}
	if d.Mode != model.StreamModeON_DEMAND {
		return model.ValidationException.Errorf("Stream %s under account %s has the provisioned capacity mode. Queues are only for streams with the on-demand capacity mode.", k.Name, k.Account)
	}
	changing := 0
	for _, st := range s.all() {
		if st.key.Account != k.Account || st.key.Region != k.Region {
			continue
		}
		for _, q := range st.load().queues(now) {
			if q.Name == name {
				return model.ResourceInUseException.Errorf("Queue %s under account %s already exists.", name, k.Account)
			}
			changing += q.changing(now)
		}
	}
	if s.Limits && changing >= changingQueues {
		return errChangingQueues(k)
	}
	if limit := s.consumersOf(k, d, now); d.registered(now) >= limit {
		return model.LimitExceededException.Errorf("This request would exceed the limit of %d consumers and queues of stream %s under account %s.", limit, k.Name, k.Account)
	}
	return nil
}

// changing is 1 for a queue that is CREATING or DELETING.
func (q *queue) changing(now time.Time) int {
	if st := q.status(now); st == model.QueueStatusCREATING || st == model.QueueStatusDELETING {
		return 1
	}
	return 0
}

func errChangingQueues(k key) error {
	return model.LimitExceededException.Errorf("Account %s already has %d queues in the CREATING or DELETING state in %s, which is the limit.", k.Account, changingQueues, k.Region)
}

// DeleteQueue begins the end of a queue: it delivers nothing any more, and no receipt handle is good.
func (s *Service) DeleteQueue(ctx context.Context, in *model.DeleteQueueInput) (*model.DeleteQueueOutput, error) {
	t, st, _, err := s.findQueue(*in.QueueARN)
	if err != nil {
		return nil, err
	}
	s.birth.Lock() // one at a time is counted
	defer s.birth.Unlock()
	changing, now := 0, s.Now()
	for _, other := range s.all() {
		for _, q := range other.load().queues(now) {
			if other.key.Account == st.key.Account && other.key.Region == st.key.Region {
				changing += q.changing(now)
			}
		}
	}
	return &model.DeleteQueueOutput{}, s.changeQueue(ctx, t, func(q *queue) error {
		if q.Gone != nil {
			return nil
		}
		if s.Limits && changing-q.changing(now) >= changingQueues {
			return errChangingQueues(st.key)
		}
		q.Gone = new(s.Now().Add(deletion))
		return nil
	})
}

// UpdateQueue changes attributes of an ACTIVE queue. Records in flight stay hidden as long as they would have; a lower
// MaxReceiveCount makes dead letters of visible records that were received as often, and a higher one leaves dead letters
// what they are.
func (s *Service) UpdateQueue(ctx context.Context, in *model.UpdateQueueInput) (*model.UpdateQueueOutput, error) {
	t, st, d, err := s.findQueue(*in.QueueARN)
	if err != nil {
		return nil, err
	}
	var out *model.QueueDescription
	err = s.changeQueue(ctx, t, func(q *queue) error {
		now := s.Now()
		if status := q.status(now); status != model.QueueStatusACTIVE {
			return model.ResourceInUseException.Errorf("Queue %s is not ACTIVE, instead in state %s.", *in.QueueARN, status)
		}
		q.Updated = now.Add(updating)
		if err := q.configure(in.QueueAttributes); err != nil {
			return err
		}
		out = q.describe(st.key, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.atDesk(t, st, d, func(*state, *queue, time.Time) error { return nil }); err != nil { // from now on, not from the next use on
		return nil, err
	}
	return &model.UpdateQueueOutput{QueueDescription: out}, nil
}

// DescribeQueue tells of a queue.
func (s *Service) DescribeQueue(_ context.Context, in *model.DescribeQueueInput) (*model.DescribeQueueOutput, error) {
	t, st, _, err := s.findQueue(*in.QueueARN)
	if err != nil {
		return nil, err
	}
	q, err := s.queueOf(t, st.load())
	if err != nil {
		return nil, err
	}
	return &model.DescribeQueueOutput{QueueDescription: q.describe(st.key, s.Now())}, nil
}

// ListQueues lists the caller's queues by name, those of the streams in StreamFilter or all, 100 at a time unless
// MaxResults says less.
func (s *Service) ListQueues(ctx context.Context, in *model.ListQueuesInput) (*model.ListQueuesOutput, error) {
	now, all := s.Now(), []model.QueueSummary{}
	for st, x := range callersStreams(ctx, s, in.StreamFilter) {
		for _, q := range x.queues(now) {
			all = append(all, model.QueueSummary{
				QueueName: &q.Name, QueueARN: new(q.arn(st.key)), QueueStatus: q.status(now), QueueCreationTimestamp: &q.Created,
				Streams: []model.QueueStreamIdentifier{{StreamARN: new(st.key.arn()), StreamCreationTimestamp: &x.Created}},
			})
		}
	}
	page, next, err := cutPage(s, queuesToken, all, func(q model.QueueSummary) string { return *q.QueueName }, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &model.ListQueuesOutput{QueueSummaries: page, NextToken: next}, nil
}

// dropQueues makes the logs of deleted queues and then the queues disappear. It may be repeated.
func (s *Service) dropQueues(ctx context.Context, st *stream, now time.Time) error {
	var gone []string
	err := s.change(ctx, st, func(d *document) error {
		gone = nil
		for _, q := range d.Queues {
			if !q.gone(now) {
				continue
			}
			desk := st.load().desks[q.ID]
			if err := desk.end(desk.log.Remove); err != nil {
				return err
			}
			gone = append(gone, q.ID)
		}
		d.Queues = d.queues(now)
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range gone {
		delete(s.queues, id)
	}
	return nil
}
