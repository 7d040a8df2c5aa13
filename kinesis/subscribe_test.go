package kinesis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
)

// listener is a subscriber.
type listener struct {
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex
	events []*model.SubscribeToShardEvent
}

// subscribe starts a subscriber; take may hold up an event.
func subscribe(t testing.TB, s *Service, ctx context.Context, arn *string, p model.StartingPosition, take func()) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	out, err := s.SubscribeToShard(ctx, &model.SubscribeToShardInput{ConsumerARN: arn, ShardId: new("shardId-000000000000"), StartingPosition: &p})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	l := &listener{cancel: cancel, done: make(chan error, 1)}
	go func() {
		l.done <- out.EventStream(ctx, func(_ context.Context, e any) error {
			if take != nil {
				take()
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, e.(*model.SubscribeToShardEventStream).SubscribeToShardEvent)
			return nil
		})
		cancel()
	}()
	return l
}

// taken gives the records so far, and the events without records.
func (l *listener) taken() (got []string, idle int, last *model.SubscribeToShardEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		got = append(got, data(e.Records)...)
		if len(e.Records) == 0 {
			idle++
		}
		last = e
	}
	return got, idle, last
}

func (l *listener) want(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	if got, _, _ := l.taken(); !slices.Equal(got, want) {
		t.Fatalf("pushed %q, want %q", got, want)
	}
}

// fanOut runs the test in a bubble with a stream and an ACTIVE consumer of it.
func fanOut(t *testing.T, test func(t *testing.T, s *Service, ctx context.Context, arn *string)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", 1)
		time.Sleep(time.Second)
		out, err := s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: new(key{account, "us-east-1", "orders"}.arn()), ConsumerName: new("flink-processor")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.SubscribeToShard(ctx, &model.SubscribeToShardInput{ConsumerARN: out.Consumer.ConsumerARN, ShardId: new("shardId-000000000000"), StartingPosition: &model.StartingPosition{Type: model.ShardIteratorTypeLATEST}})
		wantError(t, err, model.ResourceInUseException, "is not in ACTIVE status")
		time.Sleep(time.Second)
		test(t, s, ctx, out.Consumer.ConsumerARN)
	})
}

var (
	latest  = model.StartingPosition{Type: model.ShardIteratorTypeLATEST}
	horizon = model.StartingPosition{Type: model.ShardIteratorTypeTRIM_HORIZON}
)

func TestSubscriptionPushesAndLivesFiveMinutes(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		put(t, s, ctx, "k", "before")
		began := time.Now()
		l := subscribe(t, s, ctx, arn, latest, nil)
		l.want(t)
		if _, idle, e := l.taken(); idle != 1 || *e.MillisBehindLatest != 0 {
			t.Fatalf("%d first events", idle)
		}
		put(t, s, ctx, "k", "a")
		l.want(t, "a") // without any time passing
		put(t, s, ctx, "k", "b")
		put(t, s, ctx, "k", "c")
		l.want(t, "a", "b", "c")
		time.Sleep(time.Minute)
		if _, idle, _ := l.taken(); idle < 11 || idle > 14 {
			t.Fatalf("%d idle events in a minute", idle)
		}
		if err := <-l.done; err != nil || time.Since(began) != subscriptionLife {
			t.Fatalf("ended after %v: %v", time.Since(began), err)
		}
		_, _, e := l.taken()
		put(t, s, ctx, "k", "d")
		for _, kind := range []model.ShardIteratorType{model.ShardIteratorTypeAT_SEQUENCE_NUMBER, model.ShardIteratorTypeAFTER_SEQUENCE_NUMBER} {
			l = subscribe(t, s, ctx, arn, model.StartingPosition{Type: kind, SequenceNumber: e.ContinuationSequenceNumber}, nil)
			l.want(t, "d")
			l.cancel()
			if err := <-l.done; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	})
}

func TestOneSubscriptionForAConsumerAndShard(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		old := subscribe(t, s, ctx, arn, latest, nil)
		time.Sleep(takeover - time.Millisecond)
		again := &model.SubscribeToShardInput{ConsumerARN: arn, ShardId: new("shardId-000000000000"), StartingPosition: &latest}
		_, err := s.SubscribeToShard(ctx, again)
		wantError(t, err, model.ResourceInUseException, "Another active subscription exists for this consumer")
		time.Sleep(time.Millisecond)
		young := subscribe(t, s, ctx, arn, latest, nil)
		wantError(t, <-old.done, model.ResourceInUseException, "Another active subscription")
		put(t, s, ctx, "k", "a")
		young.want(t, "a")
		young.cancel()
		<-young.done
		young = subscribe(t, s, ctx, arn, latest, nil) // the place is free, at once
		young.cancel()
		<-young.done
	})
}

func TestDeletionEndsSubscriptions(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		l := subscribe(t, s, ctx, arn, latest, nil)
		synctest.Wait()
		if _, err := s.DeregisterStreamConsumer(ctx, &model.DeregisterStreamConsumerInput{ConsumerARN: arn}); err != nil {
			t.Fatal(err)
		}
		wantError(t, <-l.done, model.ResourceNotFoundException, "not found")
		time.Sleep(time.Second)
		_, err := s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{ConsumerARN: arn})
		wantError(t, err, model.ResourceNotFoundException, "Consumer flink-processor")
		if n := len(s.all()[0].load().Consumers); n != 0 {
			t.Fatalf("%d consumers stored", n)
		}
	})
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		l := subscribe(t, s, ctx, arn, latest, nil)
		_, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")})
		wantError(t, err, model.ResourceInUseException, "1 registered consumers")
		if _, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders"), EnforceConsumerDeletion: new(true)}); err != nil {
			t.Fatal(err)
		}
		wantError(t, <-l.done, model.ResourceNotFoundException, "Stream orders under account 123456789012 not found.")
	})
}

func TestSlowSubscriberReadsAtItsOwnPace(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		l := subscribe(t, s, ctx, arn, latest, func() { time.Sleep(time.Second) })
		var want []string
		for i := range 20 {
			want = append(want, string(rune('a'+i)))
			put(t, s, ctx, "k", want[i]) // never waits for the subscriber
		}
		time.Sleep(30 * time.Second)
		l.want(t, want...)
		l.mu.Lock()
		if n := len(l.events); n > 12 {
			t.Errorf("%d events: what waits should be sent together", n)
		}
		l.mu.Unlock()
		l.cancel()
		<-l.done
	})
}

func TestSubscriptionFromATime(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		put(t, s, ctx, "k", "a")
		time.Sleep(time.Minute)
		second := time.Now()
		put(t, s, ctx, "k", "b")
		time.Sleep(time.Minute)
		put(t, s, ctx, "k", "c")
		at := func(at time.Time) model.StartingPosition {
			return model.StartingPosition{Type: model.ShardIteratorTypeAT_TIMESTAMP, Timestamp: &at}
		}
		for _, x := range []struct {
			at   time.Time
			want []string
		}{
			{second.Add(-time.Hour), []string{"a", "b", "c"}}, {second.Add(-time.Second), []string{"b", "c"}}, {second, []string{"b", "c"}},
			{second.Add(time.Second), []string{"c"}}, {time.Now(), []string{"c"}},
		} {
			l := subscribe(t, s, ctx, arn, at(x.at), nil)
			l.want(t, x.want...)
			l.cancel()
			<-l.done
			time.Sleep(takeover)
		}
		refused := func(p model.StartingPosition, message string) {
			t.Helper()
			_, err := s.SubscribeToShard(ctx, &model.SubscribeToShardInput{ConsumerARN: arn, ShardId: new(shardID(0)), StartingPosition: &p})
			wantError(t, err, model.InvalidArgumentException, message)
		}
		refused(model.StartingPosition{Type: model.ShardIteratorTypeAT_TIMESTAMP}, "has no timestamp parameter")
		refused(at(time.Now().Add(time.Second)), "cannot be greater than the currentTimestampInMillis")
	})
}

// TestSubscriptionAfterRetention: records that are too old are passed over without spinning.
func TestSubscriptionAfterRetention(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		put(t, s, ctx, "k", "old")
		time.Sleep(25 * time.Hour)
		l := subscribe(t, s, ctx, arn, horizon, nil)
		l.want(t)
		put(t, s, ctx, "k", "new")
		l.want(t, "new")
		l.cancel()
		<-l.done
	})
}
