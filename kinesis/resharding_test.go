package kinesis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
)

const middle = "170141183460469231731687303715884105728" // 2^127

func split(t testing.TB, s *Service, ctx context.Context, shard int, at string) {
	t.Helper()
	must[model.SplitShardOutput](t)(s.SplitShard(ctx, &model.SplitShardInput{StreamName: new("orders"), ShardToSplit: new(shardID(shard)), NewStartingHashKey: &at}))
}

func listShards(t testing.TB, s *Service, ctx context.Context, f *model.ShardFilter) []model.Shard {
	t.Helper()
	return must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), ShardFilter: f})).Shards
}

// indexes are the last digits of the ids.
func indexes(shards []model.Shard) (out string) {
	for _, s := range shards {
		out += (*s.ShardId)[len(*s.ShardId)-1:]
	}
	return out
}

func TestSplitAndMerge(t *testing.T) { synctest.Test(t, testSplitAndMerge) }

func testSplitAndMerge(t *testing.T) {
	s, c, ctx := newService(t, 1)
	a := put(t, s, ctx, "a", "a1") // MD5("a") begins with 0c, MD5("b") with 92
	b := put(t, s, ctx, "b", "b1")
	reading := get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON}))
	wantData(t, reading.Records, "a1", "b1")
	split(t, s, ctx, 0, middle)

	d := must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamName: new("orders")})).StreamDescriptionSummary
	if d.StreamStatus != model.StreamStatusUPDATING || *d.OpenShardCount != 2 {
		t.Fatalf("%s with %d open shards", d.StreamStatus, *d.OpenShardCount)
	}
	a2, b2 := put(t, s, ctx, "a", "a2"), put(t, s, ctx, "b", "b2") // while it is UPDATING
	if *a2.ShardId != shardID(1) || *b2.ShardId != shardID(2) || *a2.SequenceNumber <= *a.SequenceNumber || *b2.SequenceNumber <= *b.SequenceNumber {
		t.Fatal(*a2, *b2)
	}
	end := get(t, s, ctx, reading.NextShardIterator)
	if len(end.Records) != 0 || end.NextShardIterator != nil || len(end.ChildShards) != 2 || *end.ChildShards[1].HashKeyRange.StartingHashKey != middle || !slices.Equal(end.ChildShards[0].ParentShards, []string{shardID(0)}) {
		t.Fatalf("%+v", end)
	}
	_, err := s.MergeShards(ctx, &model.MergeShardsInput{StreamName: new("orders"), ShardToMerge: new(shardID(1)), AdjacentShardToMerge: new(shardID(2))})
	wantError(t, err, model.ResourceInUseException, "not ACTIVE, instead in state UPDATING")
	c.add(time.Second)
	must[model.MergeShardsOutput](t)(s.MergeShards(ctx, &model.MergeShardsInput{StreamARN: &ordersARN, ShardToMerge: new(shardID(2)), AdjacentShardToMerge: new(shardID(1))}))
	a3 := put(t, s, ctx, "a", "a3")
	if *a3.ShardId != shardID(3) || *a3.SequenceNumber <= *a2.SequenceNumber {
		t.Fatal(*a3)
	}
	shards := listShards(t, s, ctx, nil)
	merged := shards[3]
	if *merged.ParentShardId != shardID(2) || *merged.AdjacentParentShardId != shardID(1) || *merged.HashKeyRange.StartingHashKey != "0" || merged.SequenceNumberRange.EndingSequenceNumber != nil {
		t.Fatalf("%+v", merged)
	}
	for i, sh := range shards[:3] {
		ending := sh.SequenceNumberRange.EndingSequenceNumber
		if ending == nil || *ending <= *sh.SequenceNumberRange.StartingSequenceNumber || *ending >= *merged.SequenceNumberRange.StartingSequenceNumber {
			t.Fatalf("shard %d: %+v", i, sh.SequenceNumberRange)
		}
		after := get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardId: sh.ShardId, ShardIteratorType: model.ShardIteratorTypeAFTER_SEQUENCE_NUMBER, StartingSequenceNumber: ending}))
		if len(after.Records) != 0 || after.NextShardIterator != nil {
			t.Fatalf("after the end of shard %d: %+v", i, after)
		}
	}
	if last := shards[0].SequenceNumberRange.EndingSequenceNumber; *last < *b.SequenceNumber {
		t.Fatalf("shard 0 ends with %s, before its record %s", *last, *b.SequenceNumber)
	}
}

func TestReshardingRefusals(t *testing.T) {
	s, c, ctx := newService(t, 2)
	splitAt := func(shard, at string) error {
		_, err := s.SplitShard(ctx, &model.SplitShardInput{StreamName: new("orders"), ShardToSplit: &shard, NewStartingHashKey: &at})
		return err
	}
	merge := func(a, b int) error {
		_, err := s.MergeShards(ctx, &model.MergeShardsInput{StreamName: new("orders"), ShardToMerge: new(shardID(a)), AdjacentShardToMerge: new(shardID(b))})
		return err
	}
	count := func(n int32) error {
		_, err := s.UpdateShardCount(ctx, &model.UpdateShardCountInput{StreamName: new("orders"), TargetShardCount: &n, ScalingType: model.ScalingTypeUNIFORM_SCALING})
		return err
	}
	wantError(t, splitAt(shardID(5), "1000"), model.ResourceNotFoundException, "Could not find shard shardId-000000000005 in stream orders")
	for _, at := range []string{"0", "1", middle, "340282366920938463463374607431768211455", "999999999999999999999999999999999999999"} {
		wantError(t, splitAt(shardID(0), at), model.InvalidArgumentException, "is not both greater than one plus the shard's StartingHashKey 0")
	}
	wantError(t, merge(0, 0), model.InvalidArgumentException, "not an adjacent pair")
	wantError(t, merge(0, 9), model.ResourceNotFoundException, "shardId-000000000009")
	wantError(t, count(5), model.LimitExceededException, "scale up over double your current open shard count. Current open shard count: 2, Target shard count: 5")
	if err := splitAt(shardID(0), "1000"); err != nil {
		t.Fatal(err)
	}
	c.add(time.Second)
	wantError(t, splitAt(shardID(0), "2000"), model.ResourceInUseException, "has already been merged or split")
	wantError(t, merge(0, 1), model.ResourceInUseException, "has already been merged or split")
	wantError(t, merge(2, 1), model.InvalidArgumentException, "not an adjacent pair") // 3 lies between
	wantError(t, count(1), model.LimitExceededException, "scale down below half")
	must[model.UpdateStreamModeOutput](t)(s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}}))
	c.add(time.Second)
	for _, err := range []error{splitAt(shardID(1), middle), merge(2, 3), count(4)} {
		wantError(t, err, model.ValidationException, "on-demand capacity mode")
	}
}

func TestUpdateShardCount(t *testing.T) {
	limited(t, 2, func(t *testing.T, s *Service, ctx context.Context) {
		for _, n := range []int32{4, 2, 3, 6, 3, 2, 4, 3, 5, 3} {
			out := must[model.UpdateShardCountOutput](t)(s.UpdateShardCount(ctx, &model.UpdateShardCountInput{StreamARN: &ordersARN, TargetShardCount: &n, ScalingType: model.ScalingTypeUNIFORM_SCALING}))
			if open := listShards(t, s, ctx, &model.ShardFilter{Type: model.ShardFilterTypeAT_LATEST}); len(open) != int(n) || *out.TargetShardCount != n || *out.StreamName != "orders" {
				t.Fatalf("%d open shards, %+v", len(open), out)
			}
			time.Sleep(time.Second)
		}
		again := &model.UpdateShardCountInput{StreamARN: &ordersARN, TargetShardCount: new(int32(4)), ScalingType: model.ScalingTypeUNIFORM_SCALING}
		_, err := s.UpdateShardCount(ctx, again)
		wantError(t, err, model.LimitExceededException, "10 times within the last 24 hours")
		time.Sleep(day - 9*time.Second)
		must[model.UpdateShardCountOutput](t)(s.UpdateShardCount(ctx, again))
		checkCover(t, &s.all()[0].load().document)
		readLineage(t, s, ctx) // also those that lived for a moment, to their end
		if made, err := filepath.Glob(filepath.Join(s.Dir, "*", "shardId-*")); err != nil || len(made) == len(s.all()[0].load().Shards) {
			t.Errorf("%d directories: shards that never took a record have one, too (%v)", len(made), err)
		}
	})
}

func TestFiltersOverResharding(t *testing.T) {
	s, c, ctx := newService(t, 1)
	c.add(time.Hour)
	split(t, s, ctx, 0, middle) // 0 → 1, 2
	c.add(time.Hour)
	between := c.now()
	c.add(time.Hour)
	split(t, s, ctx, 1, "1000") // 1 → 3, 4
	c.add(time.Hour)
	later := c.now()
	for _, x := range []struct {
		filter model.ShardFilter
		want   string
	}{
		{model.ShardFilter{Type: model.ShardFilterTypeFROM_TRIM_HORIZON}, "01234"},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_TRIM_HORIZON}, "0"},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_LATEST}, "234"},
		{model.ShardFilter{Type: model.ShardFilterTypeAFTER_SHARD_ID, ShardId: new(shardID(2))}, "34"},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_TIMESTAMP, Timestamp: &between}, "12"},
		{model.ShardFilter{Type: model.ShardFilterTypeFROM_TIMESTAMP, Timestamp: &between}, "1234"},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_TIMESTAMP, Timestamp: new(between.Add(-48 * time.Hour))}, "0"},
		{model.ShardFilter{Type: model.ShardFilterTypeFROM_TIMESTAMP, Timestamp: &later}, "234"},
	} {
		if got := indexes(listShards(t, s, ctx, &x.filter)); got != x.want {
			t.Errorf("%s: shards %s, want %s", x.filter.Type, got, x.want)
		}
		first := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), ShardFilter: &x.filter, MaxResults: new(int32(1))}))
		got := indexes(first.Shards)
		for token := first.NextToken; token != nil; {
			page := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{NextToken: token, MaxResults: new(int32(1))}))
			got, token = got+indexes(page.Shards), page.NextToken
		}
		if got != x.want {
			t.Errorf("%s by pages: shards %s, want %s", x.filter.Type, got, x.want)
		}
	}
	described := must[model.DescribeStreamOutput](t)(s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("orders"), Limit: new(int32(2)), ExclusiveStartShardId: new(shardID(1))})).StreamDescription
	if indexes(described.Shards) != "23" || !*described.HasMoreShards {
		t.Fatalf("%+v", described)
	}
	c.add(22 * time.Hour) // the trim horizon is after the first split and before the second
	if got := indexes(listShards(t, s, ctx, &model.ShardFilter{Type: model.ShardFilterTypeAT_TRIM_HORIZON})); got != "12" {
		t.Errorf("at the trim horizon: shards %s", got)
	}
}

func TestClosedShardsGoWithTheirRecords(t *testing.T) {
	s, c, ctx := newService(t, 1)
	put(t, s, ctx, "k", "old")
	split(t, s, ctx, 0, middle)
	c.add(23 * time.Hour)
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	if out := get(t, s, ctx, it); len(out.Records) != 1 || out.NextShardIterator != nil || len(out.ChildShards) != 2 {
		t.Fatalf("%+v", out)
	}
	c.add(time.Hour + time.Minute)
	again := s.sealer.seal(token{Kind: iteratorToken, ID: s.all()[0].load().ID, Stream: key{account, "us-east-1", "orders"}, Ordinal: 1, Issued: c.now()})
	_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: &again})
	wantError(t, err, model.ResourceNotFoundException, "Shard shardId-000000000000 in stream orders")
	_, err = s.GetShardIterator(ctx, &model.GetShardIteratorInput{StreamName: new("orders"), ShardId: new(shardID(0)), ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	wantError(t, err, model.ResourceNotFoundException, "does not exist")
	if got := indexes(listShards(t, s, ctx, nil)); got != "12" {
		t.Fatal(got)
	}
	// A longer retention period does not bring back what had expired.
	must[model.IncreaseStreamRetentionPeriodOutput](t)(s.IncreaseStreamRetentionPeriod(ctx, &model.IncreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: new(int32(48))}))
	if got := indexes(listShards(t, s, ctx, nil)); got != "12" {
		t.Fatal(got)
	}
	dir := filepath.Join(s.Dir, s.all()[0].load().ID)
	if _, err := s.sweep(ctx, c.now()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || slices.Contains(left, filepath.Join(dir, shardID(0))) {
		t.Fatalf("records of the expired shard are left: %v %v", left, err)
	}
	c.add(time.Second)
	split(t, s, ctx, 1, "1000")
	if got := indexes(listShards(t, s, ctx, nil)); got != "1234" {
		t.Fatal(got)
	}
	put(t, s, ctx, "k", "new")
}

// TestOrphansAreRemoved: what a crash brought back of a shard or stream that is no more goes at the next start.
func TestOrphansAreRemoved(t *testing.T) {
	s, _, ctx := newService(t, 1)
	put(t, s, ctx, "k", "kept")
	stream := filepath.Join(s.Dir, s.all()[0].load().ID)
	for _, dir := range []string{filepath.Join(stream, shardID(7)), filepath.Join(s.Dir, "gone", shardID(0))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.removeOrphans(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(s.Dir, "*", "*")); err != nil || !slices.Equal(left, []string{filepath.Join(stream, shardID(0))}) {
		t.Fatal(left, err)
	}
	wantData(t, readLineage(t, s, ctx), "kept")
}

// TestOrderOverResharding: producers go on while shards are split and merged; whoever reads parents before children
// finds every record of a key once, in its order, with growing sequence numbers.
func TestOrderOverResharding(t *testing.T) {
	s, c, ctx := newService(t, 2)
	const producers, each = 8, 60
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := 0; i < each; i++ {
				records := []model.PutRecordsRequestEntry{}
				for range 1 + i%3 {
					records = append(records, model.PutRecordsRequestEntry{PartitionKey: new(fmt.Sprint("producer-", p)), Data: fmt.Append(nil, i)})
					i++
				}
				i--
				out, err := s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: records})
				if err != nil || *out.FailedRecordCount != 0 {
					t.Error(out, err)
					return
				}
			}
		})
	}
	for _, n := range []int32{4, 3, 5, 3, 6, 4} {
		c.add(time.Second)
		must[model.UpdateShardCountOutput](t)(s.UpdateShardCount(ctx, &model.UpdateShardCountInput{StreamARN: &ordersARN, TargetShardCount: &n, ScalingType: model.ScalingTypeUNIFORM_SCALING}))
	}
	wg.Wait()
	wantKeysInOrder(t, readLineage(t, s, ctx), producers, each)
}

// readLineage reads all shards in the order of their indexes, in which parents come before children.
func readLineage(t testing.TB, s *Service, ctx context.Context) (all []model.Record) {
	t.Helper()
	for _, sh := range listShards(t, s, ctx, nil) {
		it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardId: sh.ShardId, ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
		out := get(t, s, ctx, it)
		if closed := sh.SequenceNumberRange.EndingSequenceNumber != nil; closed != (out.NextShardIterator == nil) {
			t.Fatalf("%s: closed %v, next iterator %v", *sh.ShardId, closed, out.NextShardIterator)
		}
		all = append(all, out.Records...)
	}
	return all
}

func wantKeysInOrder(t testing.TB, records []model.Record, keys, each int) {
	t.Helper()
	next, last := map[string]int{}, map[string]string{}
	for _, r := range records {
		k := *r.PartitionKey
		if string(r.Data) != fmt.Sprint(next[k]) || *r.SequenceNumber <= last[k] {
			t.Fatalf("%s: %s with %s, want %d after %s", k, r.Data, *r.SequenceNumber, next[k], last[k])
		}
		next[k], last[k] = next[k]+1, *r.SequenceNumber
	}
	for k, n := range next {
		if n < each {
			t.Fatalf("%s: %d records", k, n)
		}
	}
	if len(next) != keys {
		t.Fatalf("%d keys", len(next))
	}
}

func TestSubscriptionEndsWithItsShard(t *testing.T) {
	fanOut(t, func(t *testing.T, s *Service, ctx context.Context, arn *string) {
		l := subscribe(t, s, ctx, arn, latest, nil)
		slow := make(chan struct{})
		put(t, s, ctx, "k", "a")
		l.want(t, "a")
		began := time.Now()
		split(t, s, ctx, 0, middle)
		if err := <-l.done; err != nil || time.Since(began) > 0 {
			t.Fatalf("ended after %v: %v", time.Since(began), err)
		}
		l.want(t, "a")
		_, _, e := l.taken()
		if e.ContinuationSequenceNumber != nil || len(e.ChildShards) != 2 || *e.ChildShards[0].ShardId != shardID(1) {
			t.Fatalf("%+v", e)
		}
		// One that comes later, or is slow, gets the rest first, each part with its number.
		l = subscribe(t, s, ctx, arn, horizon, func() { <-slow })
		close(slow)
		if err := <-l.done; err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := len(l.events); n != 2 || len(l.events[0].Records) != 1 || *l.events[0].ContinuationSequenceNumber != *l.events[0].Records[0].SequenceNumber || len(l.events[0].ChildShards) != 0 || len(l.events[1].ChildShards) != 2 {
			t.Fatalf("%d events", n)
		}
	})
}

// TestFailedReshardingChangesNothing: a document that could not be stored leaves the shards as they were, open.
func TestFailedReshardingChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", 1)
		time.Sleep(time.Second)
		put(t, s, ctx, "k", "a")
		if err := s.DB.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SplitShard(ctx, &model.SplitShardInput{StreamName: new("orders"), ShardToSplit: new(shardID(0)), NewStartingHashKey: new(middle)}); err == nil || !strings.Contains(err.Error(), "change stream") {
			t.Fatal(err)
		}
		if out := put(t, s, ctx, "k", "b"); *out.ShardId != shardID(0) {
			t.Fatal(*out.ShardId)
		}
	})
}

// TestNoShardClosesDuringAPut: whoever came in before a reshard is done before it; whoever comes after goes to the children.
func TestNoShardClosesDuringAPut(t *testing.T) {
	s, _, ctx := newService(t, 1)
	st := s.all()[0]
	x := st.enter()
	resharded := make(chan struct{})
	go func() {
		defer close(resharded)
		split(t, s, ctx, 0, middle)
	}()
	for st.door.TryRLock() { // until the reshard waits at the door
		st.door.RUnlock()
		runtime.Gosched()
	}
	if _, _, err := x.open[0].put(appendPayload(nil, "a", []byte("1"), model.EncryptionTypeNONE)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-resharded:
		t.Fatal("the shard was closed during a put")
	default:
	}
	st.leave()
	<-resharded
	if out := put(t, s, ctx, "a", "2"); *out.ShardId != shardID(1) {
		t.Fatal(*out.ShardId)
	}
	wantKeys := readLineage(t, s, ctx)
	wantData(t, wantKeys, "1", "2")
}
