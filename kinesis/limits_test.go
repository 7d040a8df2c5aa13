package kinesis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

func TestQuotaOfAShard(t *testing.T) {
	const mib = 1 << 20
	type step struct {
		at   time.Duration
		op   string
		size int
		want bool
	}
	repeat := func(n int, s step) (out []step) {
		for range n {
			out = append(out, s)
		}
		return out
	}
	for _, x := range []struct {
		name  string
		steps []step
	}{
		{"a second's bytes at once, then as they come back", []step{
			{0, "write", mib, true}, {0, "write", 1, false}, {500 * time.Millisecond, "write", mib/2 + 1, false},
			{500 * time.Millisecond, "write", mib / 2, true}, {501 * time.Millisecond, "write", mib / 2, false}, {10 * time.Second, "write", mib, true}, {10 * time.Second, "write", 1, false},
		}},
		{"a thousand records a second", append(repeat(1000, step{0, "write", 1, true}),
			step{0, "write", 1, false}, step{time.Millisecond, "write", 1, true}, step{time.Millisecond, "write", 1, false})},
		{"a large record is paid for afterwards", []step{
			{0, "write", 10 * mib, true}, {9 * time.Second, "write", 100, false}, {9*time.Second + 500*time.Millisecond, "write", mib / 4, true}, {10 * time.Second, "write", 10 * mib, false}, {20 * time.Second, "write", 10 * mib, true},
		}},
		{"five calls a second", append(repeat(5, step{0, "call", 0, true}), step{0, "call", 0, false}, step{200 * time.Millisecond, "call", 0, true}, step{399 * time.Millisecond, "call", 0, false})},
		{"after a full page five seconds of nothing", []step{
			{0, "call", 10 * mib, true}, {4999 * time.Millisecond, "call", 0, false}, {5001 * time.Millisecond, "call", 0, true},
		}},
		{"two MiB a second", []step{
			{0, "call", 2 * mib, true}, {0, "call", 2 * mib, true}, {0, "call", 1, false}, {999 * time.Millisecond, "call", 1, false}, {1001 * time.Millisecond, "call", 1, true},
		}},
		{"five iterators a second", append(repeat(5, step{0, "iterator", 0, true}), step{0, "iterator", 0, false}, step{time.Second, "iterator", 0, true})},
	} {
		t.Run(x.name, func(t *testing.T) {
			q, start := new(quota), time.Unix(1_700_000_000, 0)
			for i, s := range x.steps {
				now := start.Add(s.at)
				var got bool
				switch s.op {
				case "write":
					got = q.write(now, s.size)
				case "iterator":
					got = q.iterator(now)
				case "call":
					if got = q.call(now); got {
						q.got(now, s.size, s.size >= maxReadSize)
					}
				}
				if got != s.want {
					t.Fatalf("step %d: %s of %d at %v: %v", i, s.op, s.size, s.at, got)
				}
			}
		})
	}
}

// TestClockIsSet: limits give what they would have given, whether the clock is set back or forward, and however far.
func TestClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-365 * 24 * time.Hour, -10 * time.Minute, -2 * time.Second, -500 * time.Millisecond, time.Minute, 365 * 24 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			q, c, before := new(quota), callers{}, time.Unix(1_700_000_000, 0)
			now := before.Add(step)
			if !q.write(before, 10<<20) || !q.call(before) || !q.iterator(before) || !c.admit(before, "a", 1) {
				t.Fatal("nothing is admitted to full buckets")
			}
			q.got(before, 10<<20, true)
			if step < 0 && (q.write(now, 1) || q.call(now) || c.admit(now, "a", 1)) {
				t.Error("the debt is forgiven")
			}
			now = now.Add(11 * time.Second)
			if !q.write(now, 1<<19) || !q.call(now) || !q.iterator(now) || !c.admit(now, "a", 1) {
				t.Error("the shard is shut")
			}
			if q.write(now, 1<<20) || c.admit(now, "a", 1) {
				t.Error("there is no limit")
			}
			changes := []time.Time{before}
			if got := within(changes, before.Add(step).Add(2*day), day); len(got) > 0 {
				t.Error("a change counts for more than two days")
			}
		})
	}
}

// TestClockIsSetBackUnderASubscription: its pace is that of the records, not of the step.
func TestClockIsSetBackUnderASubscription(t *testing.T) {
	sub, now := &subscription{sent: new(pace)}, time.Unix(1_700_000_000, 0)
	sub.sent.use(now, 2*burst)
	if d := sub.sent.wait(now.Add(-time.Hour)); d != burst {
		t.Errorf("it waits for %v", d)
	}
}

func TestQuotaCostsNoAllocation(t *testing.T) {
	now := time.Now()
	for _, q := range []*quota{nil, new(quota)} {
		if n := testing.AllocsPerRun(100, func() { q.write(now, 100); q.call(now); q.got(now, 100, false); q.iterator(now) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// limited runs the test in a bubble on a service with limits and a stream "orders" that is ACTIVE.
func limited(t *testing.T, shards int32, test func(t *testing.T, s *Service, ctx context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), func(c *Config) { c.Limits = true })
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", shards)
		time.Sleep(2 * time.Second)
		test(t, s, ctx)
	})
}

func TestWriteLimits(t *testing.T) {
	limited(t, 2, func(t *testing.T, s *Service, ctx context.Context) {
		full := model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("a"), Data: make([]byte, 1<<20-1)}
		must[model.PutRecordOutput](t)(s.PutRecord(ctx, &full))
		_, err := s.PutRecord(ctx, &full)
		wantError(t, err, model.ProvisionedThroughputExceededException, "Rate exceeded for shard shardId-000000000000 in stream orders under account 123456789012.")
		time.Sleep(300 * time.Millisecond)
		// Now there are about 307 KiB left in the shard of "a", and all in that of "b".
		big := make([]byte, 200<<10)
		records := []model.PutRecordsRequestEntry{
			{PartitionKey: new("a"), Data: big}, {PartitionKey: new("a"), Data: big}, {PartitionKey: new("b"), Data: big}, {PartitionKey: new("a"), Data: []byte("small")},
		}
		out := must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: records}))
		if *out.FailedRecordCount != 1 || out.Records[0].SequenceNumber == nil || out.Records[2].SequenceNumber == nil || out.Records[3].SequenceNumber == nil {
			t.Fatalf("%+v", out)
		}
		if r := out.Records[1]; *r.ErrorCode != "ProvisionedThroughputExceededException" || !strings.Contains(*r.ErrorMessage, "shardId-000000000000 in stream orders") || r.SequenceNumber != nil || r.ShardId != nil {
			t.Fatalf("%+v", r)
		}
		time.Sleep(time.Second)
		must[model.PutRecordOutput](t)(s.PutRecord(ctx, &full))
	})
}

func TestReadLimits(t *testing.T) {
	limited(t, 1, func(t *testing.T, s *Service, ctx context.Context) {
		for range 10 {
			put(t, s, ctx, "k", strings.Repeat("x", 1<<20-1))
			time.Sleep(time.Second)
		}
		it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
		next := get(t, s, ctx, it).NextShardIterator
		again := func() error {
			_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: next})
			return err
		}
		time.Sleep(4900 * time.Millisecond)
		wantError(t, again(), model.ProvisionedThroughputExceededException, "Rate exceeded for shard shardId-000000000000 in stream orders")
		time.Sleep(200 * time.Millisecond)
		for i := range 5 {
			if err := again(); err != nil {
				t.Fatal(i, err)
			}
		}
		wantError(t, again(), model.ProvisionedThroughputExceededException, "Rate exceeded")
		for range 4 {
			iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeLATEST})
		}
		time.Sleep(time.Second)
		if err := again(); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeLATEST})
		}
		_, err := s.GetShardIterator(ctx, &model.GetShardIteratorInput{StreamName: new("orders"), ShardId: new(shardID(0)), ShardIteratorType: model.ShardIteratorTypeLATEST})
		wantError(t, err, model.ProvisionedThroughputExceededException, "Rate exceeded")
	})
}

func TestFanOutIsPaced(t *testing.T) {
	limited(t, 1, func(t *testing.T, s *Service, ctx context.Context) {
		for range 10 {
			put(t, s, ctx, "k", strings.Repeat("x", 1<<20-1))
			time.Sleep(time.Second)
		}
		out := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")}))
		time.Sleep(time.Second)
		l := subscribe(t, s, ctx, out.Consumer.ConsumerARN, horizon, nil)
		for _, x := range []struct{ after, least, most int }{{0, 2, 4}, {1, 4, 6}, {2, 8, 10}, {2, 10, 10}} {
			time.Sleep(time.Duration(x.after) * time.Second)
			synctest.Wait()
			if got, _, _ := l.taken(); len(got) < x.least || len(got) > x.most {
				t.Errorf("%d MiB were sent, want %d to %d", len(got), x.least, x.most)
			}
		}
		l.cancel()
		<-l.done
	})
}

// call calls an operation through the table that the edge serves.
func call(s *Service, ctx context.Context, op string, in any) error {
	for _, o := range s.Ops() {
		if o.Name == op {
			_, err := o.Call(ctx, in)
			return err
		}
	}
	panic("no operation " + op)
}

func TestCallRates(t *testing.T) {
	limited(t, 1, func(t *testing.T, s *Service, ctx context.Context) {
		if err := call(s, ctx, "DescribeLimits", &model.DescribeLimitsInput{}); err != nil {
			t.Fatal(err)
		}
		wantError(t, call(s, ctx, "DescribeLimits", &model.DescribeLimitsInput{}), model.LimitExceededException, "Rate exceeded for account 123456789012: DescribeLimits may be called 1 times per second.")
		other := wire.WithRequest(ctx, &wire.Request{Account: "111122223333", Region: "us-east-1"})
		if err := call(s, other, "DescribeLimits", &model.DescribeLimitsInput{}); err != nil {
			t.Fatal(err)
		}
		list := func(arn string) error {
			return call(s, ctx, "ListStreamConsumers", &model.ListStreamConsumersInput{StreamARN: &arn})
		}
		for range 5 {
			if err := list(ordersARN); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, list(ordersARN), model.LimitExceededException, "ListStreamConsumers may be called 5 times")
		wantError(t, list(ordersARN+"-too"), model.ResourceNotFoundException, "orders-too") // each stream has its own
		time.Sleep(time.Second)
		if err := list(ordersARN); err != nil {
			t.Fatal(err)
		}
		arn := ordersARN + "/consumer/nobody:1"
		subscribe := &model.SubscribeToShardInput{ConsumerARN: &arn, ShardId: new(shardID(0)), StartingPosition: &latest}
		wantError(t, call(s, ctx, "SubscribeToShard", subscribe), model.ResourceNotFoundException, "Consumer nobody")
		wantError(t, call(s, ctx, "SubscribeToShard", subscribe), model.LimitExceededException, "1 times per second")
		subscribe.ShardId = new(shardID(1))
		wantError(t, call(s, ctx, "SubscribeToShard", subscribe), model.ResourceNotFoundException, "Consumer nobody")
	})
}

func TestEveryRateIsOfAnOperation(t *testing.T) {
	for name := range rates {
		if accesses[name] == nil {
			t.Errorf("%s is no operation", name)
		}
	}
	for name := range daily {
		if accesses[name] == nil {
			t.Errorf("%s is no operation", name)
		}
	}
}

func TestCallersAreForgotten(t *testing.T) {
	c, now := callers{}, time.Unix(1_700_000_000, 0)
	for i := range 3 * maxCallers {
		now = now.Add(time.Second)
		if !c.admit(now, fmt.Sprint(i), 1) {
			t.Fatal(i)
		}
	}
	if len(c.paces) > maxCallers {
		t.Fatalf("%d are kept", len(c.paces))
	}
}

func TestLimitsOfWhatHappensAtOnceAndInADay(t *testing.T) {
	limited(t, 1, func(t *testing.T, s *Service, ctx context.Context) {
		for i := range creatingLimit {
			create(t, s, ctx, fmt.Sprint("new-", i), 1)
			must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new(fmt.Sprint("c", i))}))
		}
		sixth := &model.CreateStreamInput{StreamName: new("sixth"), ShardCount: new(int32(1))}
		_, err := s.CreateStream(ctx, sixth)
		wantError(t, err, model.LimitExceededException, "5 streams in the CREATING state")
		another := &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("sixth")}
		_, err = s.RegisterStreamConsumer(ctx, another)
		wantError(t, err, model.LimitExceededException, "5 consumers in the CREATING state")
		time.Sleep(time.Second)
		must[model.CreateStreamOutput](t)(s.CreateStream(ctx, sixth))
		must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, another))

		mode := func(m model.StreamMode) error {
			_, err := s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: m}})
			time.Sleep(time.Second)
			return err
		}
		for _, m := range []model.StreamMode{model.StreamModeON_DEMAND, model.StreamModePROVISIONED} {
			if err := mode(m); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, mode(model.StreamModeON_DEMAND), model.LimitExceededException, "2 times within the last 24 hours")
		time.Sleep(day)
		if err := mode(model.StreamModeON_DEMAND); err != nil {
			t.Fatal(err)
		}
	})
}
