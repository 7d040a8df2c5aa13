package kinesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
	"drey/store/sql"
	"drey/wire"
)

// sink takes metrics, unless it is to refuse them.
type sink struct {
	mu      sync.Mutex
	refuse  error
	data    map[string]Datum // by place, name, dimensions and minute
	repeats int              // of the same minute
}

func (s *sink) use(c *Config) {
	s.data = map[string]Datum{}
	c.Metrics = func(_ context.Context, account, region string, data []Datum) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refuse != nil {
			return s.refuse
		}
		for _, d := range data {
			k := account + " " + region + " " + d.Name
			for _, dim := range d.Dimensions {
				k += " " + dim.Name + "=" + dim.Value
			}
			k += d.Time.UTC().Format(" 15:04:05")
			if _, ok := s.data[k]; ok {
				s.repeats++
			}
			s.data[k] = d
		}
		return nil
	}
}

func (s *sink) refusing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// taken gives what came since the last call, without what the prefix is, as text.
func (s *sink) taken(prefix string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for k, d := range s.data {
		out[strings.TrimPrefix(k, prefix)] = fmt.Sprintf("%s: %v samples, sum %v, %v to %v", d.Unit, d.Count, d.Sum, d.Minimum, d.Maximum)
	}
	s.data, s.repeats = map[string]Datum{}, 0
	return out
}

func wantMetrics(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if got[k] != want[k] {
			t.Errorf("%s is %q, want %q", k, got[k], want[k])
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s is %q, and should not be", k, v)
		}
	}
}

const here = account + " us-east-1 "

// metering runs the test in a bubble on a service with limits and a stream "orders" that is ACTIVE, two seconds after a full
// minute.
func metering(t *testing.T, shards int32, test func(t *testing.T, s *Service, ctx context.Context, m *sink)) {
	synctest.Test(t, func(t *testing.T) {
		m := &sink{}
		s := open(t, t.TempDir(), func(c *Config) { c.Limits = true }, m.use)
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", shards)
		time.Sleep(2 * time.Second)
		test(t, s, ctx, m)
	})
}

func nextMinute() {
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	synctest.Wait()
}

// under gives the metrics the dimensions and the minute.
func under(suffix string, metrics map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range metrics {
		out[k+" "+suffix] = v
	}
	return out
}

func TestMetricsOfPutting(t *testing.T) {
	metering(t, 2, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		put(t, s, ctx, "a", "123")
		put(t, s, ctx, "a", "12345")
		full := model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("b"), Data: make([]byte, 1<<20-1)}
		must[model.PutRecordOutput](t)(s.PutRecord(ctx, &full))
		_, err := s.PutRecord(ctx, &full)
		wantError(t, err, model.ProvisionedThroughputExceededException, "Rate exceeded")
		_, err = s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("a"), ExplicitHashKey: new("-1"), Data: []byte("x")})
		wantError(t, err, model.InvalidArgumentException, "ExplicitHashKey") // is not counted
		must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: []model.PutRecordsRequestEntry{
			{PartitionKey: new("a"), Data: make([]byte, 9)}, {PartitionKey: new("b"), Data: []byte("no")}, {PartitionKey: new("a"), Data: make([]byte, 19)},
		}}))
		must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: []model.PutRecordsRequestEntry{{PartitionKey: new("b"), Data: []byte("no")}}}))
		if got := m.taken(""); len(got) != 0 {
			t.Fatalf("the minute is not over: %v", got)
		}
		nextMinute()
		wantMetrics(t, m.taken(here), under("StreamName=orders 00:00:00", map[string]string{
			"PutRecord.Bytes":                    "Bytes: 3 samples, sum 1.048586e+06, 4 to 1.048576e+06",
			"PutRecord.Latency":                  "Milliseconds: 4 samples, sum 0, 0 to 0",
			"PutRecord.Success":                  "Count: 4 samples, sum 3, 0 to 1",
			"PutRecords.Bytes":                   "Bytes: 1 samples, sum 30, 30 to 30",
			"PutRecords.Latency":                 "Milliseconds: 2 samples, sum 0, 0 to 0",
			"PutRecords.Success":                 "Count: 2 samples, sum 1, 0 to 1",
			"PutRecords.TotalRecords":            "Count: 2 samples, sum 4, 1 to 3",
			"PutRecords.SuccessfulRecords":       "Count: 2 samples, sum 2, 0 to 2",
			"PutRecords.FailedRecords":           "Count: 2 samples, sum 0, 0 to 0",
			"PutRecords.ThrottledRecords":        "Count: 2 samples, sum 2, 1 to 1",
			"IncomingBytes":                      "Bytes: 4 samples, sum 1.048616e+06, 4 to 1.048576e+06",
			"IncomingRecords":                    "Count: 4 samples, sum 5, 1 to 2",
			"WriteProvisionedThroughputExceeded": "Count: 6 samples, sum 3, 0 to 1",
		}))
		nextMinute()
		if got := m.taken(""); len(got) != 0 {
			t.Fatalf("an idle stream has metrics: %v", got)
		}
	})
}

func TestMetricsOfGetting(t *testing.T) {
	metering(t, 1, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		put(t, s, ctx, "k", "one")
		put(t, s, ctx, "k", "three")
		nextMinute()
		m.taken("")
		it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
		next := must[model.GetRecordsOutput](t)(s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it, Limit: new(int32(1))})).NextShardIterator
		next = get(t, s, ctx, next).NextShardIterator
		for range 3 {
			get(t, s, ctx, next)
		}
		_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: next})
		wantError(t, err, model.ProvisionedThroughputExceededException, "Rate exceeded")
		nextMinute()
		wantMetrics(t, m.taken(here), under("StreamName=orders 00:01:00", map[string]string{
			"GetRecords.Bytes":                   "Bytes: 5 samples, sum 10, 0 to 6",
			"GetRecords.IteratorAgeMilliseconds": "Milliseconds: 5 samples, sum 58000, 0 to 58000",
			"GetRecords.Latency":                 "Milliseconds: 6 samples, sum 0, 0 to 0",
			"GetRecords.Records":                 "Count: 5 samples, sum 2, 0 to 1",
			"GetRecords.Success":                 "Count: 6 samples, sum 5, 0 to 1",
			"ReadProvisionedThroughputExceeded":  "Count: 6 samples, sum 1, 0 to 1",
		}))
	})
}

func TestMetricsOfShards(t *testing.T) {
	metering(t, 2, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		shards := func() map[string]string {
			nextMinute()
			got := m.taken(here)
			maps.DeleteFunc(got, func(k, _ string) bool { return !strings.Contains(k, "ShardId") })
			return got
		}
		use := func() {
			put(t, s, ctx, "a", "123")
			must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: []model.PutRecordsRequestEntry{
				{PartitionKey: new("a"), Data: []byte("1")}, {PartitionKey: new("b"), Data: []byte("2")},
			}}))
			get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeLATEST}))
		}
		use()
		if got := shards(); len(got) != 0 {
			t.Errorf("nobody enabled %v", got)
		}
		must[model.EnableEnhancedMonitoringOutput](t)(s.EnableEnhancedMonitoring(ctx, &model.EnableEnhancedMonitoringInput{StreamName: new("orders"), ShardLevelMetrics: []model.MetricsName{model.MetricsNameALL}}))
		time.Sleep(time.Second)
		use()
		want := under("StreamName=orders ShardId=shardId-000000000000 00:01:00", map[string]string{
			"IncomingBytes":                      "Bytes: 2 samples, sum 6, 2 to 4",
			"IncomingRecords":                    "Count: 2 samples, sum 2, 1 to 1",
			"IteratorAgeMilliseconds":            "Milliseconds: 1 samples, sum 0, 0 to 0",
			"OutgoingBytes":                      "Bytes: 1 samples, sum 0, 0 to 0",
			"OutgoingRecords":                    "Count: 1 samples, sum 0, 0 to 0",
			"ReadProvisionedThroughputExceeded":  "Count: 1 samples, sum 0, 0 to 0",
			"WriteProvisionedThroughputExceeded": "Count: 2 samples, sum 0, 0 to 0",
		})
		maps.Copy(want, under("StreamName=orders ShardId=shardId-000000000001 00:01:00", map[string]string{
			"IncomingBytes":                      "Bytes: 1 samples, sum 2, 2 to 2",
			"IncomingRecords":                    "Count: 1 samples, sum 1, 1 to 1",
			"WriteProvisionedThroughputExceeded": "Count: 1 samples, sum 0, 0 to 0",
		}))
		wantMetrics(t, shards(), want)
		must[model.DisableEnhancedMonitoringOutput](t)(s.DisableEnhancedMonitoring(ctx, &model.DisableEnhancedMonitoringInput{StreamName: new("orders"), ShardLevelMetrics: []model.MetricsName{
			model.MetricsNameIncomingBytes, model.MetricsNameIteratorAgeMilliseconds, model.MetricsNameOutgoingBytes, model.MetricsNameOutgoingRecords, model.MetricsNameReadProvisionedThroughputExceeded, model.MetricsNameWriteProvisionedThroughputExceeded,
		}}))
		time.Sleep(time.Second)
		use()
		wantMetrics(t, shards(), map[string]string{
			"IncomingRecords StreamName=orders ShardId=shardId-000000000000 00:02:00": "Count: 2 samples, sum 2, 1 to 1",
			"IncomingRecords StreamName=orders ShardId=shardId-000000000001 00:02:00": "Count: 1 samples, sum 1, 1 to 1",
		})
	})
}

func TestMetricsOfFanOut(t *testing.T) {
	metering(t, 1, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		must[model.EnableEnhancedMonitoringOutput](t)(s.EnableEnhancedMonitoring(ctx, &model.EnableEnhancedMonitoringInput{StreamName: new("orders"), ShardLevelMetrics: []model.MetricsName{model.MetricsNameOutgoingBytes}}))
		made := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")}))
		time.Sleep(time.Second)
		arn := made.Consumer.ConsumerARN
		nextMinute()
		again := &model.SubscribeToShardInput{ConsumerARN: arn, ShardId: new(shardID(0)), StartingPosition: &latest}
		l := subscribe(t, s, ctx, arn, latest, nil)
		synctest.Wait()
		_, err := s.SubscribeToShard(ctx, again)
		wantError(t, err, model.ResourceInUseException, "Another active subscription")
		put(t, s, ctx, "k", "12")
		synctest.Wait()
		put(t, s, ctx, "k", "1234")
		synctest.Wait()
		l.cancel()
		<-l.done
		again.ShardId = new(shardID(7)) // there is none: the first call goes to the method, which refuses it as invalid, the second is too early
		wantError(t, call(s, ctx, "SubscribeToShard", again), model.ResourceNotFoundException, "shardId-000000000007")
		wantError(t, call(s, ctx, "SubscribeToShard", again), model.LimitExceededException, "Rate exceeded")
		nextMinute()
		got := m.taken(here)
		maps.DeleteFunc(got, func(k, _ string) bool { return !strings.Contains(k, "ConsumerName") && !strings.Contains(k, "ShardId") })
		want := under("StreamName=orders ConsumerName=reader 00:01:00", map[string]string{
			"SubscribeToShard.Success":                 "Count: 3 samples, sum 1, 0 to 1",
			"SubscribeToShard.RateExceeded":            "Count: 2 samples, sum 2, 1 to 1",
			"SubscribeToShardEvent.Bytes":              "Bytes: 3 samples, sum 8, 0 to 5",
			"SubscribeToShardEvent.Records":            "Count: 3 samples, sum 2, 0 to 1",
			"SubscribeToShardEvent.MillisBehindLatest": "Milliseconds: 3 samples, sum 0, 0 to 0",
			"SubscribeToShardEvent.Success":            "Count: 3 samples, sum 3, 1 to 1",
		})
		want["OutgoingBytes StreamName=orders ShardId=shardId-000000000000 00:01:00"] = "Bytes: 3 samples, sum 8, 0 to 5"
		wantMetrics(t, got, want)
	})
}

// incoming are the sums of IncomingRecords.
func incoming(m map[string]string) map[string]string {
	maps.DeleteFunc(m, func(k, _ string) bool { return !strings.Contains(k, "IncomingRecords") })
	return m
}

func TestMetricsAreOfferedAgain(t *testing.T) {
	metering(t, 1, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		m.refusing(errors.New("the disk is full"))
		put(t, s, ctx, "k", "1")
		nextMinute()
		put(t, s, ctx, "k", "2")
		nextMinute()
		m.refusing(nil)
		nextMinute()
		if m.repeats != 0 {
			t.Errorf("%d data came twice", m.repeats)
		}
		wantMetrics(t, incoming(m.taken(here)), map[string]string{
			"IncomingRecords StreamName=orders 00:00:00": "Count: 1 samples, sum 1, 1 to 1",
			"IncomingRecords StreamName=orders 00:01:00": "Count: 1 samples, sum 1, 1 to 1",
		})
	})
}

func TestMetricsOfAMinuteThatTheServiceCutsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := &sink{}, t.TempDir()
		for range 2 {
			db, err := sql.Open(filepath.Join(dir, "drey.db"))
			if err != nil {
				t.Fatal(err)
			}
			c := Config{DB: db, Dir: filepath.Join(dir, "kinesis")}
			m.use(&c)
			s, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			ctx := requestContext(t.Context())
			if len(s.all()) == 0 {
				create(t, s, ctx, "orders", 1)
				time.Sleep(time.Second)
			}
			put(t, s, ctx, "k", "1")
			if err := errors.Join(s.Close(), db.Close()); err != nil {
				t.Fatal(err)
			}
			wantMetrics(t, incoming(m.taken(here)), map[string]string{"IncomingRecords StreamName=orders 00:00:00": "Count: 1 samples, sum 1, 1 to 1"})
		}
	})
}

func TestMetricsOfAStreamThatIsDeleted(t *testing.T) {
	metering(t, 1, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		put(t, s, ctx, "k", "1")
		must[model.DeleteStreamOutput](t)(s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")}))
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(s.all()); n != 0 {
			t.Fatalf("%d streams are left", n)
		}
		nextMinute()
		wantMetrics(t, incoming(m.taken(here)), map[string]string{"IncomingRecords StreamName=orders 00:00:00": "Count: 1 samples, sum 1, 1 to 1"})
	})
}

func TestMetricsOfAccountsAndRegions(t *testing.T) {
	metering(t, 1, func(t *testing.T, s *Service, ctx context.Context, m *sink) {
		put(t, s, ctx, "k", "1")
		for _, r := range []wire.Request{{Account: account, Region: "eu-west-1"}, {Account: "111122223333", Region: "us-east-1"}} {
			there := wire.WithRequest(ctx, &r)
			create(t, s, there, "orders", 1)
			time.Sleep(time.Second)
			put(t, s, there, "k", "1")
			put(t, s, there, "k", "2")
		}
		nextMinute()
		wantMetrics(t, incoming(m.taken("")), under("IncomingRecords StreamName=orders 00:00:00", map[string]string{
			account + " us-east-1":   "Count: 1 samples, sum 1, 1 to 1",
			account + " eu-west-1":   "Count: 2 samples, sum 2, 1 to 1",
			"111122223333 us-east-1": "Count: 2 samples, sum 2, 1 to 1",
		}))
	})
}
