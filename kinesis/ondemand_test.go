package kinesis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// onDemand runs the test in a bubble on a service with an ACTIVE on-demand stream "orders".
func onDemand(t *testing.T, test func(t *testing.T, s *Service, ctx context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		must[model.CreateStreamOutput](t)(s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("orders"), StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}}))
		time.Sleep(time.Second)
		test(t, s, ctx)
	})
}

func summary(t testing.TB, s *Service, ctx context.Context, name string) *model.StreamDescriptionSummary {
	t.Helper()
	return must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamName: &name})).StreamDescriptionSummary
}

func commit(t testing.TB, s *Service, ctx context.Context, status model.MinimumThroughputBillingCommitmentInputStatus) *model.MinimumThroughputBillingCommitmentOutput {
	t.Helper()
	return must[model.UpdateAccountSettingsOutput](t)(s.UpdateAccountSettings(ctx, &model.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &model.MinimumThroughputBillingCommitmentInput{Status: status},
	})).MinimumThroughputBillingCommitment
}

func TestHotShards(t *testing.T) {
	for _, x := range []struct {
		bytes, records int64
		over           time.Duration
		want           bool
	}{
		{0, 0, time.Minute, false},
		{30 << 20, 100, time.Minute, false},
		{30<<20 + 1000, 100, time.Minute, true},
		{0, 30_000, time.Minute, false},
		{0, 30_001, time.Minute, true},
		{40 << 20, 30_001, 2 * time.Minute, false},
		{10_000_000_000, 0, time.Minute, true}, // without limits
		{0, 10_000_000_000, time.Minute, true},
	} {
		if got := hot(x.bytes, x.records, x.over); got != x.want {
			t.Errorf("%d bytes and %d records in %v: %v", x.bytes, x.records, x.over, got)
		}
	}
}

func TestOnDemandStreamsGrowWithTheirTraffic(t *testing.T) {
	onDemand(t, func(t *testing.T, s *Service, ctx context.Context) {
		if n := *summary(t, s, ctx, "orders").OpenShardCount; n != onDemandShards {
			t.Fatalf("%d shards at first", n)
		}
		for range 31 { // all to the shard of MD5("a"), which is the first
			put(t, s, ctx, "a", strings.Repeat("x", 1<<20-1))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		shards := listShards(t, s, ctx, &model.ShardFilter{Type: model.ShardFilterTypeAT_LATEST})
		if got := indexes(shards); got != "12345" || *shards[3].ParentShardId != shardID(0) || *shards[3].HashKeyRange.EndingHashKey != "42535295865117307932921825928971026431" {
			t.Fatalf("open shards %s: %+v", got, shards[3].HashKeyRange)
		}
		checkCover(t, &s.all()[0].load().document)
		time.Sleep(10 * time.Minute)
		if got := len(listShards(t, s, ctx, nil)); got != 6 {
			t.Fatalf("%d shards without traffic", got)
		}
	})
}

func TestRecordsAreSpreadWithoutKeys(t *testing.T) {
	onDemand(t, func(t *testing.T, s *Service, ctx context.Context) {
		_, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), Data: []byte("x")})
		wantError(t, err, wire.ValidationException, "Value null at 'partitionKey'")
		if got := summary(t, s, ctx, "orders").RecordDistributionStrategy; got != model.RecordDistributionStrategyUSER_PARTITION_KEY {
			t.Fatal(got)
		}
		must[model.UpdateStreamRecordDistributionStrategyOutput](t)(s.UpdateStreamRecordDistributionStrategy(ctx, &model.UpdateStreamRecordDistributionStrategyInput{StreamARN: &ordersARN, RecordDistributionStrategy: model.RecordDistributionStrategyAUTO}))
		if d := summary(t, s, ctx, "orders"); d.RecordDistributionStrategy != model.RecordDistributionStrategyAUTO || d.StreamStatus != model.StreamStatusACTIVE {
			t.Fatal(d.RecordDistributionStrategy, d.StreamStatus)
		}
		records := []model.PutRecordsRequestEntry{}
		for i := range 7 {
			records = append(records, model.PutRecordsRequestEntry{Data: fmt.Append(nil, i)})
		}
		out := must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: records}))
		last := must[model.PutRecordOutput](t)(s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("a"), ExplicitHashKey: new("0"), Data: []byte("7")}))
		counts := map[string]int{*last.ShardId: 1}
		for _, r := range out.Records {
			counts[*r.ShardId]++
		}
		for shard := range onDemandShards {
			if counts[shardID(shard)] != 2 {
				t.Fatal(counts)
			}
		}
		for _, r := range readLineage(t, s, ctx) {
			if keyed := string(r.Data) == "7"; keyed != (r.PartitionKey != nil) || keyed && *r.PartitionKey != "a" {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestStrategyIsForOnDemandStreams(t *testing.T) {
	s, c, ctx := newService(t, 1)
	auto := &model.UpdateStreamRecordDistributionStrategyInput{StreamARN: &ordersARN, RecordDistributionStrategy: model.RecordDistributionStrategyAUTO}
	_, err := s.UpdateStreamRecordDistributionStrategy(ctx, auto)
	wantError(t, err, model.InvalidArgumentException, "on-demand capacity mode")
	_, err = s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("x"), ShardCount: new(int32(1)), RecordDistributionStrategy: model.RecordDistributionStrategyAUTO})
	wantError(t, err, model.InvalidArgumentException, "on-demand capacity mode")
	if got := summary(t, s, ctx, "orders").RecordDistributionStrategy; got != "" {
		t.Fatal(got)
	}
	for _, m := range []model.StreamMode{model.StreamModeON_DEMAND, model.StreamModePROVISIONED} {
		must[model.UpdateStreamModeOutput](t)(s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: m}}))
		c.add(time.Second)
		if m == model.StreamModeON_DEMAND {
			must[model.UpdateStreamRecordDistributionStrategyOutput](t)(s.UpdateStreamRecordDistributionStrategy(ctx, auto))
		}
	}
	_, err = s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), Data: []byte("x")}) // the keys count again
	wantError(t, err, wire.ValidationException, "partitionKey")
}

func TestCommitment(t *testing.T) {
	const enabled, disabled = model.MinimumThroughputBillingCommitmentInputStatusENABLED, model.MinimumThroughputBillingCommitmentInputStatusDISABLED
	start := time.Unix(1_700_000_000, 0)
	type step struct {
		at   time.Duration
		want model.MinimumThroughputBillingCommitmentInputStatus // "" only looks
		got  model.MinimumThroughputBillingCommitmentOutputStatus
	}
	for _, steps := range [][]step{
		{{0, "", "DISABLED"}, {0, disabled, "DISABLED"}, {0, enabled, "ENABLED"}, {time.Hour, enabled, "ENABLED"}, {25 * time.Hour, disabled, "DISABLED"}},
		{{0, enabled, "ENABLED"}, {time.Hour, disabled, "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}, {2 * time.Hour, disabled, "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}, {23 * time.Hour, "", "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}, {24 * time.Hour, "", "DISABLED"}, {30 * time.Hour, enabled, "ENABLED"}, {50 * time.Hour, disabled, "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}},
		{{0, enabled, "ENABLED"}, {time.Hour, disabled, "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}, {2 * time.Hour, enabled, "ENABLED"}, {25 * time.Hour, "", "ENABLED"}},
	} {
		var c commitment
		for i, x := range steps {
			now := start.Add(x.at)
			if x.want != "" {
				c = c.want(x.want, now)
			}
			if d := c.describe(now); d.Status != x.got || (d.EarliestAllowedEndAt != nil) != (x.got != "DISABLED") {
				t.Errorf("step %d: %+v", i, d)
			}
		}
	}
}

func TestWarmThroughput(t *testing.T) {
	onDemand(t, func(t *testing.T, s *Service, ctx context.Context) {
		warm := func(mib int32) error {
			_, err := s.UpdateStreamWarmThroughput(ctx, &model.UpdateStreamWarmThroughputInput{StreamARN: &ordersARN, WarmThroughputMiBps: &mib})
			time.Sleep(time.Second)
			return err
		}
		wantError(t, warm(8), model.ValidationException, "MinimumThroughputBillingCommitment")
		if summary(t, s, ctx, "orders").WarmThroughput != nil {
			t.Fatal("shown without a commitment")
		}
		commit(t, s, ctx, model.MinimumThroughputBillingCommitmentInputStatusENABLED)
		for _, x := range []struct{ want, shards int32 }{{8, 8}, {30, 30}, {1, 4}} {
			if err := warm(x.want); err != nil {
				t.Fatal(err)
			}
			d := summary(t, s, ctx, "orders")
			if *d.OpenShardCount != x.shards || *d.WarmThroughput.TargetMiBps != x.want || *d.WarmThroughput.CurrentMiBps != x.shards {
				t.Fatalf("%d shards, %+v", *d.OpenShardCount, *d.WarmThroughput)
			}
			checkCover(t, &s.all()[0].load().document)
		}
		wantError(t, warm(10<<10+1), model.LimitExceededException, "at most 10240 MiB/s")
		must[model.CreateStreamOutput](t)(s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("warm"), WarmThroughputMiBps: new(int32(6)), StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}}))
		time.Sleep(time.Second)
		if d := must[model.DescribeStreamOutput](t)(s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("warm")})).StreamDescription; indexes(d.Shards) != "012345" {
			t.Fatal(indexes(d.Shards))
		}
		_, err := s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("cold"), ShardCount: new(int32(1)), WarmThroughputMiBps: new(int32(6))})
		wantError(t, err, model.ValidationException, "provisioned capacity mode")
		for i := range consumersLimit + 1 { // 50 are allowed
			must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new(fmt.Sprint("c", i))}))
		}
	})
}

func TestAccountSettingsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s, ctx := open(t, dir), requestContext(t.Context())
	began := commit(t, s, ctx, model.MinimumThroughputBillingCommitmentInputStatusENABLED)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	c := must[model.DescribeAccountSettingsOutput](t)(s.DescribeAccountSettings(ctx, &model.DescribeAccountSettingsInput{})).MinimumThroughputBillingCommitment
	if c.Status != model.MinimumThroughputBillingCommitmentOutputStatusENABLED || !c.StartedAt.Equal(*began.StartedAt) {
		t.Fatalf("%+v", c)
	}
	other := wire.WithRequest(ctx, &wire.Request{Account: "111122223333", Region: "us-east-1"})
	if c := must[model.DescribeAccountSettingsOutput](t)(s.DescribeAccountSettings(other, &model.DescribeAccountSettingsInput{})).MinimumThroughputBillingCommitment; c.Status != model.MinimumThroughputBillingCommitmentOutputStatusDISABLED {
		t.Fatalf("%+v", c)
	}
}

func TestRecordSizes(t *testing.T) {
	s, c, ctx := newService(t, 1)
	big := func(n int) error {
		_, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: make([]byte, n-1)})
		return err
	}
	wantError(t, big(1<<20+1), wire.ValidationException, "less than or equal to 1048576")
	must[model.UpdateMaxRecordSizeOutput](t)(s.UpdateMaxRecordSize(ctx, &model.UpdateMaxRecordSizeInput{StreamARN: &ordersARN, MaxRecordSizeInKiB: new(int32(10240))}))
	c.add(time.Second)
	for _, n := range []int{1<<20 + 1, 6 << 20, 10 << 20} {
		if err := big(n); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, big(10<<20+1), wire.ValidationException, "less than or equal to 10485760")
	if got := *summary(t, s, ctx, "orders").MaxRecordSizeInKiB; got != 10240 {
		t.Fatal(got)
	}
	var sizes []int
	for it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON}); ; {
		out := get(t, s, ctx, it)
		if it = out.NextShardIterator; len(out.Records) == 0 {
			break
		}
		n := 0
		for _, r := range out.Records {
			n += len(r.Data) + len(*r.PartitionKey)
		}
		sizes = append(sizes, n)
	}
	if !slices.Equal(sizes, []int{7<<20 + 1, 10 << 20}) { // no page is over 10 MiB
		t.Fatal(sizes)
	}
	must[model.UpdateMaxRecordSizeOutput](t)(s.UpdateMaxRecordSize(ctx, &model.UpdateMaxRecordSizeInput{StreamARN: &ordersARN, MaxRecordSizeInKiB: new(int32(1024))}))
	c.add(time.Second)
	wantError(t, big(1<<20+1), wire.ValidationException, "less than or equal to 1048576")
}
