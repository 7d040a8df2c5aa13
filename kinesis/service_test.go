package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

var _ model.API = (*Service)(nil)

const account = "123456789012"

func requestContext(ctx context.Context) context.Context {
	return wire.WithRequest(ctx, &wire.Request{Account: account, Region: "us-east-1"})
}

// open opens a service on dir; it is closed at the end of the test.
func open(t testing.TB, dir string, edit ...func(*Config)) *Service {
	t.Helper()
	db, err := sql.Open(filepath.Join(dir, "drey.db"))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{DB: db, Dir: filepath.Join(dir, "kinesis"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, e := range edit {
		e(&c)
	}
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// skip moves a clock forward without waiting.
type skip struct {
	mu sync.Mutex
	d  time.Duration
}

func (c *skip) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return time.Now().Add(c.d) }
func (c *skip) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.d += d
}
func (c *skip) use(cfg *Config) { cfg.Now = c.now }

// newService gives a service with a clock to move, and a stream "orders" that is ACTIVE.
func newService(t testing.TB, shards int32) (*Service, *skip, context.Context) {
	t.Helper()
	c := &skip{}
	s := open(t, t.TempDir(), c.use)
	ctx := requestContext(t.Context())
	create(t, s, ctx, "orders", shards)
	c.add(time.Second)
	return s, c, ctx
}

func create(t testing.TB, s *Service, ctx context.Context, name string, shards int32) {
	t.Helper()
	if _, err := s.CreateStream(ctx, &model.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Service, ctx context.Context, key, data string) *model.PutRecordOutput {
	t.Helper()
	out, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: &key, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func iterator(t testing.TB, s *Service, ctx context.Context, in model.GetShardIteratorInput) *string {
	t.Helper()
	if in.StreamName == nil {
		in.StreamName = new("orders")
	}
	if in.ShardId == nil {
		in.ShardId = new("shardId-000000000000")
	}
	out, err := s.GetShardIterator(ctx, &in)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(*out.ShardIterator); n > 512 {
		t.Fatalf("an iterator of %d characters", n)
	}
	return out.ShardIterator
}

func get(t testing.TB, s *Service, ctx context.Context, iterator *string) *model.GetRecordsOutput {
	t.Helper()
	out, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: iterator})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func data(records []model.Record) (out []string) {
	for _, r := range records {
		out = append(out, string(r.Data))
	}
	return out
}

func wantData(t testing.TB, records []model.Record, want ...string) {
	t.Helper()
	if got := data(records); !slices.Equal(got, want) {
		t.Fatalf("records %q, want %q", got, want)
	}
}

func wantError(t testing.TB, err error, code wire.ErrorCode, text string) {
	t.Helper()
	if !errors.Is(err, code) || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want %s with %q", err, code.Code, text)
	}
}

func TestEveryOperationHasAnAccessRule(t *testing.T) {
	ops := model.Ops(&Service{})
	for _, op := range ops {
		if accesses[op.Name] == nil {
			t.Errorf("%s has none", op.Name)
		}
	}
	if len(accesses) != len(ops) {
		t.Errorf("%d rules for %d operations", len(accesses), len(ops))
	}
}

func TestSequenceNumbers(t *testing.T) {
	last := ""
	for _, ordinal := range []uint64{0, 1, 2, 1 << 47, 1 << 48, 1<<63 + 5} {
		for _, mark := range []uint8{0, afterOrdinal} {
			q := sequence{created: 1582837100, shard: 200, ordinal: ordinal, mark: mark, arrived: 1582837173}
			text := q.String()
			if back, ok := parseSequence(text); !ok || back != q {
				t.Fatalf("%v became %v", q, back)
			}
			if len(text) != 56 || text[:2] != "49" || text <= last {
				t.Fatalf("%s after %s", text, last)
			}
			last = text
		}
	}
	// Numbers of AWS have the same fields: this one is of shard 0 and arrived a second before its record says.
	q, ok := parseSequence("49604631341683657867295630657032921195561055316799913986")
	if !ok || q.shard != 0 || q.arrived != 1582837172 || q.created != 1582833973 {
		t.Fatalf("%+v %v", q, ok)
	}
}

func FuzzParseSequence(f *testing.F) {
	f.Add("49604631341683657867295630657032921195561055316799913986")
	f.Add(strings.Repeat("9", 56))
	f.Fuzz(func(t *testing.T, s string) {
		if q, ok := parseSequence(s); ok && q.String() != s {
			t.Fatal(s)
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	f.Add(appendPayload(nil, "key", []byte("data"), model.EncryptionTypeKMS))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, d, e, err := decodePayload(b); err == nil && string(appendPayload(nil, k, d, e)) != string(b) {
			t.Fatalf("%x", b)
		}
	})
}

func TestLifeOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		name := new("orders-stream")
		_, err := s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: name})
		wantError(t, err, model.ResourceNotFoundException, "Stream orders-stream under account 123456789012 not found.")
		create(t, s, ctx, *name, 3)
		_, err = s.CreateStream(ctx, &model.CreateStreamInput{StreamName: name, ShardCount: new(int32(1))})
		wantError(t, err, model.ResourceInUseException, "already exists")
		d, err := s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: name})
		if err != nil || d.StreamDescription.StreamStatus != model.StreamStatusCREATING || len(d.StreamDescription.Shards) != 0 {
			t.Fatal(d, err)
		}
		time.Sleep(creation)
		d, err = s.DescribeStream(ctx, &model.DescribeStreamInput{StreamARN: d.StreamDescription.StreamARN, Limit: new(int32(2))})
		if err != nil || d.StreamDescription.StreamStatus != model.StreamStatusACTIVE || len(d.StreamDescription.Shards) != 2 || !*d.StreamDescription.HasMoreShards {
			t.Fatal(d, err)
		}
		second := d.StreamDescription.Shards[1]
		if *second.ShardId != "shardId-000000000001" || *second.HashKeyRange.StartingHashKey != "113427455640312821154458202477256070485" || *second.HashKeyRange.EndingHashKey != "226854911280625642308916404954512140969" {
			t.Fatalf("%+v", *second.HashKeyRange)
		}
		if _, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: name}); err != nil {
			t.Fatal(err)
		}
		d, err = s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: name})
		if err != nil || d.StreamDescription.StreamStatus != model.StreamStatusDELETING {
			t.Fatal(d, err)
		}
		time.Sleep(deletion)
		_, err = s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: name})
		wantError(t, err, model.ResourceNotFoundException, "not found")
		create(t, s, ctx, *name, 1)
		synctest.Wait()
		if dirs, err := filepath.Glob(filepath.Join(s.Dir, "*", "shardId-*")); err != nil || len(dirs) != 0 {
			t.Fatalf("records of the deleted stream are left: %v %v", dirs, err)
		}
	})
}

func TestHashRangesCoverEverythingOnce(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 500} {
		shards := evenShards(n, time.Now())
		x := (&Service{}).newState(document{Shards: shards}, nil)
		for i, sh := range shards {
			for _, k := range []string{sh.Start, sh.End} {
				if l, err := x.target(new(""), &k); err != nil || l.Index != i {
					t.Fatalf("%d shards: key %s went to %v, not %d", n, k, l.Index, i)
				}
			}
		}
		if shards[n-1].End != "340282366920938463463374607431768211455" {
			t.Fatal(shards[n-1].End)
		}
	}
}

func TestRouting(t *testing.T) {
	s, _, ctx := newService(t, 2)
	// MD5("a") begins with 0c, MD5("b") with 92.
	if a, b := put(t, s, ctx, "a", "1"), put(t, s, ctx, "b", "2"); *a.ShardId != "shardId-000000000000" || *b.ShardId != "shardId-000000000001" {
		t.Fatal(*a.ShardId, *b.ShardId)
	}
	out, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("b"), ExplicitHashKey: new("0"), Data: []byte("3")})
	if err != nil || *out.ShardId != "shardId-000000000000" {
		t.Fatal(out, err)
	}
	_, err = s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("b"), ExplicitHashKey: new("340282366920938463463374607431768211456"), Data: []byte("3")})
	wantError(t, err, model.InvalidArgumentException, "ExplicitHashKey")
}

func TestIteratorTypes(t *testing.T) {
	s, c, ctx := newService(t, 1)
	put(t, s, ctx, "k", "a")
	c.add(time.Second)
	between := c.now()
	c.add(time.Second)
	b := put(t, s, ctx, "k", "b")
	latest := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeLATEST})
	put(t, s, ctx, "k", "c")
	for _, x := range []struct {
		in   model.GetShardIteratorInput
		want []string
	}{
		{model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON}, []string{"a", "b", "c"}},
		{model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeAT_SEQUENCE_NUMBER, StartingSequenceNumber: b.SequenceNumber}, []string{"b", "c"}},
		{model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeAFTER_SEQUENCE_NUMBER, StartingSequenceNumber: b.SequenceNumber}, []string{"c"}},
		{model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeAT_TIMESTAMP, Timestamp: &between}, []string{"b", "c"}},
	} {
		wantData(t, get(t, s, ctx, iterator(t, s, ctx, x.in)).Records, x.want...)
	}
	out := get(t, s, ctx, latest)
	wantData(t, out.Records, "c")
	out = get(t, s, ctx, out.NextShardIterator)
	if len(out.Records) != 0 || *out.MillisBehindLatest != 0 || out.NextShardIterator == nil {
		t.Fatalf("%+v", out)
	}
	put(t, s, ctx, "k", "d")
	wantData(t, get(t, s, ctx, out.NextShardIterator).Records, "d")

	_, err := s.GetShardIterator(ctx, &model.GetShardIteratorInput{StreamName: new("orders"), ShardId: new("shardId-000000000000"), ShardIteratorType: model.ShardIteratorTypeAT_SEQUENCE_NUMBER, StartingSequenceNumber: new("49604631341683657867295630657032921195561055316799913986")})
	wantError(t, err, model.InvalidArgumentException, "did not come from this stream")
	_, err = s.GetShardIterator(ctx, &model.GetShardIteratorInput{StreamName: new("orders"), ShardId: new("shardId-000000000009"), ShardIteratorType: model.ShardIteratorTypeLATEST})
	wantError(t, err, model.ResourceNotFoundException, "Shard shardId-000000000009 in stream orders under account 123456789012 does not exist")
}

func TestIteratorsExpireAndCannotBeMade(t *testing.T) {
	s, c, ctx := newService(t, 1)
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	for i := range *it {
		b := []byte(*it)
		b[i] ^= 1
		_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: new(string(b))})
		wantError(t, err, model.InvalidArgumentException, "Invalid ShardIterator")
	}
	page := s.sealer.seal(token{Kind: shardsToken, Stream: key{account, "us-east-1", "orders"}, Issued: c.now()})
	_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: &page})
	wantError(t, err, model.InvalidArgumentException, "Invalid ShardIterator")
	c.add(tokenLife + time.Second)
	_, err = s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it})
	wantError(t, err, model.ExpiredIteratorException, "further in the future than the tolerated delay of 300000 milliseconds")
}

func TestLimitsOfGetRecords(t *testing.T) {
	s, c, ctx := newService(t, 1)
	for range 12 {
		put(t, s, ctx, "k", strings.Repeat("x", 1<<20-1))
	}
	c.add(time.Minute)
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	out := get(t, s, ctx, it)
	if n := len(out.Records); n != 10 || *out.MillisBehindLatest < 60_000 {
		t.Fatalf("%d records, %d ms behind", n, *out.MillisBehindLatest)
	}
	if out = get(t, s, ctx, out.NextShardIterator); len(out.Records) != 2 || *out.MillisBehindLatest != 0 {
		t.Fatalf("%d records", len(out.Records))
	}
	out, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it, Limit: new(int32(3))})
	if err != nil || len(out.Records) != 3 {
		t.Fatal(len(out.Records), err)
	}
	_, err = s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: make([]byte, 1<<20)})
	wantError(t, err, wire.ValidationException, "Member must have length less than or equal to 1048576")
}

func TestRetention(t *testing.T) {
	s, c, ctx := newService(t, 1)
	ref := model.IncreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: new(int32(48))}
	if _, err := s.IncreaseStreamRetentionPeriod(ctx, &ref); err != nil {
		t.Fatal(err)
	}
	put(t, s, ctx, "k", "old")
	c.add(30 * time.Hour)
	put(t, s, ctx, "k", "new")
	horizon := func() []model.Record {
		return get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})).Records
	}
	wantData(t, horizon(), "old", "new")
	if _, err := s.DecreaseStreamRetentionPeriod(ctx, &model.DecreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: new(int32(24))}); err != nil {
		t.Fatal(err)
	}
	wantData(t, horizon(), "new")
	if err := s.trim(c.now()); err != nil {
		t.Fatal(err)
	}
	wantData(t, horizon(), "new")
	c.add(25 * time.Hour)
	if err := s.trim(c.now()); err != nil {
		t.Fatal(err)
	}
	if got := horizon(); len(got) != 0 {
		t.Fatal(data(got))
	}
	_, err := s.IncreaseStreamRetentionPeriod(ctx, &model.IncreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: new(int32(8761))})
	wantError(t, err, model.InvalidArgumentException, "too long")
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir, c := t.TempDir(), &skip{}
	ctx := requestContext(t.Context())
	s := open(t, dir, c.use)
	create(t, s, ctx, "orders", 2)
	create(t, s, ctx, "leaving", 1)
	c.add(time.Second)
	if _, err := s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("leaving")}); err != nil {
		t.Fatal(err)
	}
	arn := new(key{account, "us-east-1", "orders"}.arn())
	made, err := s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: new("reader")})
	if err != nil {
		t.Fatal(err)
	}
	a := put(t, s, ctx, "a", "one")
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.add(time.Second)
	s = open(t, dir, c.use)
	if out, err := s.ListStreams(ctx, &model.ListStreamsInput{}); err != nil || !slices.Equal(out.StreamNames, []string{"orders"}) {
		t.Fatal(out, err)
	}
	d, err := s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{ConsumerARN: made.Consumer.ConsumerARN})
	if err != nil || d.ConsumerDescription.ConsumerStatus != model.ConsumerStatusACTIVE {
		t.Fatal(d, err)
	}
	b := put(t, s, ctx, "a", "two")
	if *b.SequenceNumber <= *a.SequenceNumber {
		t.Fatal(*a.SequenceNumber, *b.SequenceNumber)
	}
	wantData(t, get(t, s, ctx, it).Records, "one", "two")
}

func TestOrderOfConcurrentProducers(t *testing.T) {
	s, _, ctx := newService(t, 4)
	const producers, each = 16, 40
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			last := ""
			for i := range each {
				key := fmt.Sprint("producer-", p)
				if i%2 == 0 {
					out, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: &key, Data: fmt.Append(nil, i)})
					if err != nil || *out.SequenceNumber <= last {
						t.Error(err, out, last)
						return
					}
					last = *out.SequenceNumber
					continue
				}
				out, err := s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: []model.PutRecordsRequestEntry{{PartitionKey: &key, Data: fmt.Append(nil, i)}, {PartitionKey: new("other"), Data: []byte("x")}}})
				if err != nil || *out.FailedRecordCount != 0 || *out.Records[0].SequenceNumber <= last {
					t.Error(err, out, last)
					return
				}
				last = *out.Records[0].SequenceNumber
			}
		})
	}
	wg.Wait()
	next := map[string]int{}
	total := 0
	for shard := range 4 {
		last := ""
		out := get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardId: new(shardID(shard)), ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON}))
		for _, r := range out.Records {
			if *r.SequenceNumber <= last {
				t.Fatal("sequence numbers do not grow")
			}
			last = *r.SequenceNumber
			total++
			if *r.PartitionKey == "other" {
				continue
			}
			if string(r.Data) != fmt.Sprint(next[*r.PartitionKey]) {
				t.Fatalf("%s: %s, want %d", *r.PartitionKey, r.Data, next[*r.PartitionKey])
			}
			next[*r.PartitionKey]++
		}
	}
	if total != producers*each*3/2 {
		t.Fatalf("%d records", total)
	}
}
