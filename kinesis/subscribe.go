package kinesis

import (
	"context"
	"sync"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// SubscribeToShard ("SubscribeToShard" in the API reference).
const (
	subscriptionLife  = 5 * time.Minute
	takeover          = 5 * time.Second // a younger subscription keeps its place
	heartbeat         = 5 * time.Second // an idle subscription sends an event without records
	maxEventRecords   = 1000
	maxEventSize      = 1 << 20
	subscriptionLabel = "SubscribeToShard"
)

var errShutdown = model.InternalFailureException.Errorf("The service is shutting down. Subscribe again.")

// subscription is one consumer reading one shard.
type subscription struct {
	stream   *stream
	consumer string // ARN
	name     string // of the consumer
	shard    string
	began    time.Time
	ended    chan struct{}      // closed by the one who ends it from outside
	reason   error              // after ended
	cut      context.CancelFunc // ends the wait for a subscriber that does not read
	sent     *pace              // nil: as fast as the subscriber takes
}

type subscriptionKey struct{ consumer, shard string }

// subscriptions are those that are alive: at most one for each consumer and shard.
type subscriptions struct {
	mu   sync.Mutex
	live map[subscriptionKey]*subscription
}

// begin gives x its place, and ends an older one that has it.
func (s *subscriptions) begin(x *subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := subscriptionKey{x.consumer, x.shard}
	inUse := model.ResourceInUseException.Errorf("Another active subscription exists for this consumer: %s:%s", x.consumer, x.shard)
	if old := s.live[k]; old != nil {
		if x.began.Sub(old.began) < takeover {
			return inUse
		}
		old.end(inUse)
	}
	if s.live == nil {
		s.live = map[subscriptionKey]*subscription{}
	}
	s.live[k] = x
	return nil
}

// forget frees the place of x if it still has it.
func (s *subscriptions) forget(x *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := subscriptionKey{x.consumer, x.shard}
	if s.live[k] == x {
		delete(s.live, k)
	}
}

// end ends those that which picks.
func (s *subscriptions) end(reason error, which func(*subscription) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, x := range s.live {
		if which(x) {
			x.end(reason)
			delete(s.live, k)
		}
	}
}

func (s *subscriptions) endAll(reason error) {
	s.end(reason, func(*subscription) bool { return true })
}

// end is called once, under the lock, before x leaves live.
func (x *subscription) end(reason error) {
	x.reason = reason
	close(x.ended)
	x.cut()
}

// SubscribeToShard pushes records as soon as they are durable, for five minutes. It reads no faster than the
// subscriber takes.
func (s *Service) SubscribeToShard(ctx context.Context, in *model.SubscribeToShardInput) (*model.SubscribeToShardOutput, error) {
	st, c, err := s.findConsumer(ctx, consumerReference{arn: in.ConsumerARN, stream: reference{id: in.StreamId}})
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if c.status(now) != model.ConsumerStatusACTIVE {
		return nil, model.ResourceInUseException.Errorf("Consumer %s with creation timestamp %d under stream: %s, account %s is not in ACTIVE status.", c.Name, c.Created.Unix(), st.key.Name, st.key.Account)
	}
	if st.load().Gone != nil {
		return nil, errNoStream(st.key)
	}
	l := st.load().lane(*in.ShardId, now)
	if l == nil {
		return nil, errNoShard(st.key, *in.ShardId)
	}
	p := in.StartingPosition
	from, err := s.start(st.key, l, position{p.Type, p.SequenceNumber, p.Timestamp}, subscriptionLabel)
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	sub := &subscription{stream: st, consumer: c.arn(st.key), name: c.Name, shard: l.id(), began: now, ended: make(chan struct{})}
	if s.Limits {
		sub.sent = new(pace)
	}
	reading, cut := context.WithTimeout(ctx, subscriptionLife)
	sub.cut = cut
	err = s.subs.begin(sub)
	st.meter.subscribed(now, c.Name, err == nil)
	if err != nil {
		cut()
		return nil, err
	}
	context.AfterFunc(ctx, func() { s.subs.forget(sub) }) // also when nobody ever reads the stream
	return &model.SubscribeToShardOutput{EventStream: wire.EventStream(func(ctx context.Context, send func(context.Context, any) error) error {
		defer cut()
		defer s.subs.forget(sub)
		return s.push(ctx, sub, l, from, func(event any) error { return send(reading, event) })
	})}, nil
}

// push sends what the log has from the ordinal on, until the subscription is over: with limits, 2 MiB in a second.
func (s *Service) push(ctx context.Context, sub *subscription, l *lane, from uint64, send func(any) error) error {
	over := time.NewTimer(sub.began.Add(subscriptionLife).Sub(s.Now()))
	defer over.Stop()
	idle := time.NewTimer(0) // the first event tells at once that the subscription stands
	defer idle.Stop()
	c := &cursor{Reader: l.log.Reader(from)}
	defer c.Close()
	event := func(p page, now time.Time) error {
		err := sub.send(l, p, now, send)
		idle.Reset(heartbeat)
		if err == nil {
			sub.stream.meter.pushed(s.Now(), sub.name, l, p)
		}
		return err
	}
	for {
		if ended, err := sub.rest(ctx, over.C, s.Now()); ended {
			return err
		}
		x, now := sub.stream.load(), s.Now()
		if l = x.at(l.Index); l == nil {
			return errNoShard(sub.stream.key, sub.shard)
		}
		c.Since(x.horizon(now))
		p, err := l.read(c, from, maxEventRecords, maxEventSize, now)
		if err != nil {
			return subscriptionError(sub, l, err)
		}
		from = p.next
		if len(p.records) > 0 {
			if err := event(p, now); err != nil {
				return err
			}
		}
		if p.ended {
			if err := send(lastEvent(x.children(l.id()))); err != nil {
				return err
			}
			sub.stream.meter.pushed(s.Now(), sub.name, l, page{})
			return nil
		}
		if len(p.records) > 0 {
			continue
		}
		select {
		case <-l.log.Grown(from - 1):
		case <-l.closed:
		case <-idle.C:
			if err := event(p, now); err != nil {
				return err
			}
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-sub.ended:
			return sub.reason
		}
	}
}

// atOnce is always over.
var atOnce = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// rest waits until more may be sent, and tells whether the subscription ended instead.
func (sub *subscription) rest(ctx context.Context, over <-chan time.Time, now time.Time) (ended bool, err error) {
	rested := atOnce
	if sub.sent != nil {
		if d := sub.sent.wait(now); d > 0 {
			rested = time.After(d)
		}
	}
	select {
	case <-rested:
		return false, nil
	case <-over:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-sub.ended:
		return true, sub.reason
	}
}

// subscriptionError prefers the reason of an end from outside, which closes the log under the reader.
func subscriptionError(sub *subscription, l *lane, err error) error {
	select {
	case <-sub.ended:
		return sub.reason
	default:
		return readError(sub.stream.key, l, err)
	}
}

// lastEvent ends the subscription to a closed shard. That it has no ContinuationSequenceNumber is how the Kinesis Client
// Library and Flink's connectors know that the shard was read to its end.
func lastEvent(children []model.ChildShard) *model.SubscribeToShardEventStream {
	return &model.SubscribeToShardEventStream{SubscribeToShardEvent: &model.SubscribeToShardEvent{
		Records: []model.Record{}, MillisBehindLatest: new(int64(0)), ChildShards: children,
	}}
}

// send makes an event of a page.
func (sub *subscription) send(l *lane, p page, now time.Time, send func(any) error) error {
	records, err := l.records(p.records)
	if err != nil {
		return readError(sub.stream.key, l, err)
	}
	e := &model.SubscribeToShardEvent{Records: records, MillisBehindLatest: new(p.behind.Milliseconds())}
	if n := len(records); n > 0 {
		e.ContinuationSequenceNumber = records[n-1].SequenceNumber
	} else {
		q := l.number(p.next-1, now)
		q.mark = afterOrdinal
		e.ContinuationSequenceNumber = new(q.String())
	}
	if sub.sent != nil {
		sub.sent.use(now, cost(p.size, readBytes))
	}
	return send(&model.SubscribeToShardEventStream{SubscribeToShardEvent: e})
}
