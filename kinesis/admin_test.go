package kinesis

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

var ordersARN = key{account, "us-east-1", "orders"}.arn()

// must is t for calls that may not fail: must(t)(call).
func must[O any](t testing.TB) func(*O, error) *O {
	return func(out *O, err error) *O {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func TestListsGoOnByToken(t *testing.T) {
	s, c, ctx := newService(t, 5)
	for i := range 4 {
		create(t, s, ctx, fmt.Sprint("more-", i), 1)
	}
	list := must[model.ListStreamsOutput](t)(s.ListStreams(ctx, &model.ListStreamsInput{Limit: new(int32(3))}))
	if !*list.HasMoreStreams || !slices.Equal(list.StreamNames, []string{"more-0", "more-1", "more-2"}) {
		t.Fatalf("%+v", list)
	}
	list = must[model.ListStreamsOutput](t)(s.ListStreams(ctx, &model.ListStreamsInput{NextToken: list.NextToken}))
	if *list.HasMoreStreams || !slices.Equal(list.StreamNames, []string{"more-3", "orders"}) || len(list.StreamSummaries) != 2 {
		t.Fatalf("%+v", list)
	}
	shards := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), MaxResults: new(int32(3))}))
	if len(shards.Shards) != 3 || shards.NextToken == nil {
		t.Fatalf("%+v", shards)
	}
	again := &model.ListShardsInput{NextToken: shards.NextToken}
	shards = must[model.ListShardsOutput](t)(s.ListShards(ctx, again))
	if len(shards.Shards) != 2 || shards.NextToken != nil || *shards.Shards[0].ShardId != shardID(3) {
		t.Fatalf("%+v", shards)
	}
	_, err := s.ListShards(ctx, &model.ListShardsInput{NextToken: again.NextToken, StreamName: new("orders")})
	wantError(t, err, model.InvalidArgumentException, "cannot be provided together")
	c.add(tokenLife + time.Second)
	_, err = s.ListShards(ctx, again)
	wantError(t, err, model.ExpiredNextTokenException, "expired")
}

func TestShardFilters(t *testing.T) {
	s, c, ctx := newService(t, 3)
	later := new(c.now())
	for _, x := range []struct {
		filter model.ShardFilter
		want   int
	}{
		{model.ShardFilter{Type: model.ShardFilterTypeAT_LATEST}, 3},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_TRIM_HORIZON}, 3},
		{model.ShardFilter{Type: model.ShardFilterTypeFROM_TRIM_HORIZON}, 3},
		{model.ShardFilter{Type: model.ShardFilterTypeAT_TIMESTAMP, Timestamp: later}, 3},
		{model.ShardFilter{Type: model.ShardFilterTypeFROM_TIMESTAMP, Timestamp: new(time.Unix(0, 0))}, 3},
		{model.ShardFilter{Type: model.ShardFilterTypeAFTER_SHARD_ID, ShardId: new(shardID(1))}, 1},
	} {
		out := must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), ShardFilter: &x.filter}))
		if len(out.Shards) != x.want {
			t.Errorf("%s gives %d shards", x.filter.Type, len(out.Shards))
		}
	}
}

func TestTagsAndPoliciesOfStreamsAndConsumers(t *testing.T) {
	s, _, ctx := newService(t, 1)
	made := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader"), Tags: map[string]string{"a": "0"}}))
	for _, arn := range []*string{&ordersARN, made.Consumer.ConsumerARN} {
		must[model.TagResourceOutput](t)(s.TagResource(ctx, &model.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"b": "2", "a": "1"}}))
		must[model.UntagResourceOutput](t)(s.UntagResource(ctx, &model.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"b", "never"}}))
		tags := must[model.ListTagsForResourceOutput](t)(s.ListTagsForResource(ctx, &model.ListTagsForResourceInput{ResourceARN: arn})).Tags
		if len(tags) != 1 || *tags[0].Key != "a" || *tags[0].Value != "1" {
			t.Fatal(tags)
		}
		_, err := s.GetResourcePolicy(ctx, &model.GetResourcePolicyInput{ResourceARN: arn})
		wantError(t, err, model.ResourceNotFoundException, "policy")
		must[model.PutResourcePolicyOutput](t)(s.PutResourcePolicy(ctx, &model.PutResourcePolicyInput{ResourceARN: arn, Policy: new(`{"Version":"2012-10-17"}`)}))
		if p := must[model.GetResourcePolicyOutput](t)(s.GetResourcePolicy(ctx, &model.GetResourcePolicyInput{ResourceARN: arn})); *p.Policy != `{"Version":"2012-10-17"}` {
			t.Fatal(*p.Policy)
		}
		access, err := s.Access(ctx, "GetResourcePolicy", &model.GetResourcePolicyInput{ResourceARN: arn})
		if err != nil || access[0].ResourcePolicy == "" || access[0].Conditions["aws:ResourceTag/a"][0] != "1" {
			t.Fatal(access, err)
		}
		must[model.DeleteResourcePolicyOutput](t)(s.DeleteResourcePolicy(ctx, &model.DeleteResourcePolicyInput{ResourceARN: arn}))
	}
	many := map[string]string{}
	for i := range maxTags {
		many[fmt.Sprint(i)] = ""
	}
	_, err := s.AddTagsToStream(ctx, &model.AddTagsToStreamInput{StreamName: new("orders"), Tags: many})
	wantError(t, err, model.InvalidArgumentException, "cannot have more than 50 tags")
	must[model.RemoveTagsFromStreamOutput](t)(s.RemoveTagsFromStream(ctx, &model.RemoveTagsFromStreamInput{StreamName: new("orders"), TagKeys: []string{"a"}}))
	must[model.AddTagsToStreamOutput](t)(s.AddTagsToStream(ctx, &model.AddTagsToStreamInput{StreamName: new("orders"), Tags: many}))
	page := must[model.ListTagsForStreamOutput](t)(s.ListTagsForStream(ctx, &model.ListTagsForStreamInput{StreamName: new("orders"), Limit: new(int32(2)), ExclusiveStartTagKey: new("0")}))
	if !*page.HasMoreTags || len(page.Tags) != 2 || *page.Tags[0].Key != "1" {
		t.Fatalf("%+v", page)
	}
}

func TestSettings(t *testing.T) {
	s, c, ctx := newService(t, 1)
	name := new("orders")
	must[model.StartStreamEncryptionOutput](t)(s.StartStreamEncryption(ctx, &model.StartStreamEncryptionInput{StreamName: name, EncryptionType: model.EncryptionTypeKMS, KeyId: new("alias/aws/kinesis")}))
	_, err := s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}})
	wantError(t, err, model.ResourceInUseException, "not ACTIVE, instead in state UPDATING")
	c.add(time.Second)
	if out := put(t, s, ctx, "k", "x"); out.EncryptionType != model.EncryptionTypeKMS {
		t.Fatal(out.EncryptionType)
	}
	must[model.StopStreamEncryptionOutput](t)(s.StopStreamEncryption(ctx, &model.StopStreamEncryptionInput{StreamName: name, EncryptionType: model.EncryptionTypeKMS, KeyId: new("alias/aws/kinesis")}))
	c.add(time.Second)
	put(t, s, ctx, "k", "y")
	out := get(t, s, ctx, iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON}))
	if out.Records[0].EncryptionType != model.EncryptionTypeKMS || out.Records[1].EncryptionType != "" {
		t.Fatal(out.Records)
	}
	must[model.UpdateStreamModeOutput](t)(s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}}))
	c.add(time.Second)
	on := must[model.EnableEnhancedMonitoringOutput](t)(s.EnableEnhancedMonitoring(ctx, &model.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []model.MetricsName{model.MetricsNameALL}}))
	if len(on.CurrentShardLevelMetrics) != 0 || len(on.DesiredShardLevelMetrics) != 7 {
		t.Fatalf("%+v", on)
	}
	c.add(time.Second)
	off := must[model.DisableEnhancedMonitoringOutput](t)(s.DisableEnhancedMonitoring(ctx, &model.DisableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []model.MetricsName{model.MetricsNameIncomingBytes}}))
	if len(off.CurrentShardLevelMetrics) != 7 || len(off.DesiredShardLevelMetrics) != 6 {
		t.Fatalf("%+v", off)
	}
	limits := must[model.DescribeLimitsOutput](t)(s.DescribeLimits(ctx, &model.DescribeLimitsInput{}))
	if *limits.OnDemandStreamCount != 1 || *limits.OpenShardCount != 0 {
		t.Fatalf("%+v", limits)
	}
	sum := must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamName: name})).StreamDescriptionSummary
	if sum.StreamModeDetails.StreamMode != model.StreamModeON_DEMAND || len(sum.EnhancedMonitoring[0].ShardLevelMetrics) != 6 {
		t.Fatalf("%+v", sum)
	}
	byID := must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamId: new(s.all()[0].load().ID)}))
	if *byID.StreamDescriptionSummary.StreamName != "orders" {
		t.Fatal("found another stream by id")
	}
}

func TestConsumers(t *testing.T) {
	s, c, ctx := newService(t, 1)
	for i := range consumersLimit {
		must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new(fmt.Sprintf("c%02d", i))}))
	}
	_, err := s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c20")})
	wantError(t, err, model.LimitExceededException, "limit of 20 consumers")
	_, err = s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c07")})
	wantError(t, err, model.ResourceInUseException, "already exists")
	page := must[model.ListStreamConsumersOutput](t)(s.ListStreamConsumers(ctx, &model.ListStreamConsumersInput{StreamARN: &ordersARN, MaxResults: new(int32(15))}))
	rest := must[model.ListStreamConsumersOutput](t)(s.ListStreamConsumers(ctx, &model.ListStreamConsumersInput{StreamARN: &ordersARN, NextToken: page.NextToken}))
	if len(page.Consumers) != 15 || len(rest.Consumers) != 5 || *rest.Consumers[0].ConsumerName != "c15" || rest.NextToken != nil {
		t.Fatal(len(page.Consumers), len(rest.Consumers))
	}
	first := page.Consumers[0]
	if want := fmt.Sprintf("%s/consumer/c00:%d", ordersARN, first.ConsumerCreationTimestamp.Unix()); *first.ConsumerARN != want {
		t.Fatal(*first.ConsumerARN, want)
	}
	must[model.DeregisterStreamConsumerOutput](t)(s.DeregisterStreamConsumer(ctx, &model.DeregisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c00")}))
	d := must[model.DescribeStreamConsumerOutput](t)(s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c00")}))
	if d.ConsumerDescription.ConsumerStatus != model.ConsumerStatusDELETING {
		t.Fatal(d.ConsumerDescription.ConsumerStatus)
	}
	c.add(time.Second)
	_, err = s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c00")})
	wantError(t, err, model.ResourceNotFoundException, "Consumer c00")
	must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("c00")}))
}

func TestAccess(t *testing.T) {
	s, _, ctx := newService(t, 1)
	made := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")}))
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeLATEST})
	for _, x := range []struct {
		op   string
		in   any
		want string
	}{
		{"PutRecord", &model.PutRecordInput{StreamName: new("orders")}, ordersARN},
		{"PutRecords", &model.PutRecordsInput{StreamARN: new("arn:aws:kinesis:eu-west-1:111122223333:stream/theirs")}, "arn:aws:kinesis:eu-west-1:111122223333:stream/theirs"},
		{"GetRecords", &model.GetRecordsInput{ShardIterator: it}, ordersARN},
		{"ListStreams", &model.ListStreamsInput{}, "*"},
		{"RegisterStreamConsumer", &model.RegisterStreamConsumerInput{StreamARN: &ordersARN}, ordersARN},
		{"DescribeStreamConsumer", &model.DescribeStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")}, *made.Consumer.ConsumerARN},
		{"DescribeStreamConsumer", &model.DescribeStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("unknown")}, ordersARN + "/consumer/unknown"},
		{"SubscribeToShard", &model.SubscribeToShardInput{ConsumerARN: made.Consumer.ConsumerARN}, *made.Consumer.ConsumerARN},
		{"DeregisterStreamConsumer", &model.DeregisterStreamConsumerInput{ConsumerARN: made.Consumer.ConsumerARN}, *made.Consumer.ConsumerARN},
	} {
		got, err := s.Access(ctx, x.op, x.in)
		if err != nil || len(got) != 1 || got[0].Action != "kinesis:"+x.op || got[0].Resource != x.want {
			t.Errorf("%s: %+v %v", x.op, got, err)
		}
	}
	if got, err := s.Access(ctx, "GetRecords", &model.GetRecordsInput{ShardIterator: new("forged")}); err != nil || got != nil {
		t.Errorf("a forged iterator: %v %v", got, err)
	}
	tagged, err := s.Access(ctx, "CreateStream", &model.CreateStreamInput{StreamName: new("new"), Tags: map[string]string{"a": "b"}})
	if err != nil || len(tagged) != 2 || tagged[1].Action != "kinesis:AddTagsToStream" {
		t.Error(tagged, err)
	}
}

// TestAccountsAndRegionsAreApart: the same name is another stream elsewhere.
func TestAccountsAndRegionsAreApart(t *testing.T) {
	s, _, ctx := newService(t, 1)
	for _, r := range []wire.Request{{Account: "111122223333", Region: "us-east-1"}, {Account: account, Region: "eu-west-1"}} {
		other := wire.WithRequest(context.Background(), &r)
		_, err := s.DescribeStream(other, &model.DescribeStreamInput{StreamName: new("orders")})
		wantError(t, err, model.ResourceNotFoundException, "under account "+r.Account)
		create(t, s, other, "orders", 2)
	}
	d := must[model.DescribeStreamOutput](t)(s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("orders")}))
	if len(d.StreamDescription.Shards) != 1 {
		t.Fatal(len(d.StreamDescription.Shards))
	}
}

func TestRefusalsWhileCreatingAndOfTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", 1)
		tag := func(key, value string) error {
			_, err := s.AddTagsToStream(ctx, &model.AddTagsToStreamInput{StreamName: new("orders"), Tags: map[string]string{key: value}})
			return err
		}
		wantError(t, tag("a", "b"), model.ResourceInUseException, "not ACTIVE, instead in state CREATING")
		_, err := s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders")})
		wantError(t, err, model.ResourceInUseException, "instead in state CREATING")
		time.Sleep(creation)
		wantError(t, tag("a;b", "c"), model.InvalidArgumentException, "invalid characters")
		wantError(t, tag("a", "b;c"), model.InvalidArgumentException, "invalid characters")
		wantError(t, tag("aws:a", "b"), model.InvalidArgumentException, "reserved")
		if err := tag("Straße 1/2:x", "größer = +-%@_."); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPoliciesAreValidated(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) {
		c.ValidatePolicy = func(string) error { return wire.ValidationException.Errorf("Syntax errors in policy.") }
	})
	_, err := s.PutResourcePolicy(requestContext(t.Context()), &model.PutResourcePolicyInput{ResourceARN: &ordersARN, Policy: new("{}")})
	wantError(t, err, model.InvalidArgumentException, "Syntax errors in policy.")
}

func TestRequestsThatContradictThemselves(t *testing.T) {
	s, c, ctx := newService(t, 1)
	create(t, s, ctx, "others", 1)
	c.add(time.Second)
	others := key{account, "us-east-1", "others"}.arn()
	made := must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")})).Consumer
	for _, in := range []model.DescribeStreamConsumerInput{
		{ConsumerARN: made.ConsumerARN, ConsumerName: new("writer")}, {ConsumerARN: made.ConsumerARN, StreamARN: &others}, {ConsumerARN: &ordersARN},
	} {
		_, err := s.DescribeStreamConsumer(ctx, &in)
		wantError(t, err, model.InvalidArgumentException, "conflicts")
	}
	must[model.DescribeStreamConsumerOutput](t)(s.DescribeStreamConsumer(ctx, &model.DescribeStreamConsumerInput{ConsumerARN: made.ConsumerARN, ConsumerName: new("reader"), StreamARN: &ordersARN}))
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	_, err := s.GetRecords(ctx, &model.GetRecordsInput{ShardIterator: it, StreamARN: &others})
	wantError(t, err, model.InvalidArgumentException, "not of stream "+others)
	_, err = s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("orders"), StreamARN: &others})
	wantError(t, err, model.InvalidArgumentException, "name different streams")
	earlier := new(c.now().Add(-time.Hour))
	_, err = s.ListStreamConsumers(ctx, &model.ListStreamConsumersInput{StreamARN: &ordersARN, StreamCreationTimestamp: earlier})
	wantError(t, err, model.ResourceNotFoundException, "orders")
	_, err = s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), StreamCreationTimestamp: earlier})
	wantError(t, err, model.ResourceNotFoundException, "orders")
	created := s.all()[0].load().Created
	must[model.ListShardsOutput](t)(s.ListShards(ctx, &model.ListShardsInput{StreamName: new("orders"), StreamCreationTimestamp: &created}))
}

func TestListsGiveAHundredAtMost(t *testing.T) {
	s, _, ctx := newService(t, 120)
	d := must[model.DescribeStreamOutput](t)(s.DescribeStream(ctx, &model.DescribeStreamInput{StreamName: new("orders"), Limit: new(int32(1000))})).StreamDescription
	if len(d.Shards) != 100 || !*d.HasMoreShards {
		t.Fatalf("%d shards", len(d.Shards))
	}
}

func TestRetentionDoesNotBringBack(t *testing.T) {
	s, c, ctx := newService(t, 1)
	put(t, s, ctx, "k", "old")
	c.add(25 * time.Hour)
	put(t, s, ctx, "k", "new")
	must[model.IncreaseStreamRetentionPeriodOutput](t)(s.IncreaseStreamRetentionPeriod(ctx, &model.IncreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: new(int32(8760))}))
	wantData(t, readLineage(t, s, ctx), "new")
	c.add(100 * 24 * time.Hour)
	wantData(t, readLineage(t, s, ctx), "new")
}

func TestEncryptionRefusals(t *testing.T) {
	limited(t, 1, func(t *testing.T, s *Service, ctx context.Context) {
		start := func(kind model.EncryptionType) error {
			_, err := s.StartStreamEncryption(ctx, &model.StartStreamEncryptionInput{StreamName: new("orders"), EncryptionType: kind, KeyId: new("alias/aws/kinesis")})
			time.Sleep(updating)
			return err
		}
		wantError(t, start(model.EncryptionTypeNONE), model.InvalidArgumentException, "must be KMS")
		_, err := s.StopStreamEncryption(ctx, &model.StopStreamEncryptionInput{StreamName: new("orders"), EncryptionType: model.EncryptionTypeNONE, KeyId: new("k")})
		wantError(t, err, model.InvalidArgumentException, "must be KMS")
		for range daily["StartStreamEncryption"] {
			if err := start(model.EncryptionTypeKMS); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, start(model.EncryptionTypeKMS), model.LimitExceededException, "25 times within the last 24 hours")
	})
}

func TestDeletedStreamsTakeNoConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		ctx := requestContext(t.Context())
		create(t, s, ctx, "orders", 1)
		time.Sleep(creation)
		must[model.DeleteStreamOutput](t)(s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders")}))
		_, err := s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")})
		wantError(t, err, model.ResourceInUseException, "instead in state DELETING")
	})
}

func TestTagsOfANewConsumerNeedAPermission(t *testing.T) {
	s, _, ctx := newService(t, 1)
	need, err := s.Access(ctx, "RegisterStreamConsumer", &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader"), Tags: map[string]string{"a": "b"}})
	if err != nil || len(need) != 2 || need[1].Action != "kinesis:TagResource" || need[1].Resource != ordersARN+"/consumer/reader" {
		t.Fatal(need, err)
	}
}
