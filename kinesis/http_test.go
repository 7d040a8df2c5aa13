package kinesis

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"drey/edge/edgetest"
	model "drey/model/kinesis"
	"drey/wire"
)

// client is AWS's own SDK, pointed at the service behind the real edge.
func client(t *testing.T, s *Service) *kinesis.Client {
	url := edgetest.Serve(t, wire.NewService(model.Model, model.Ops(s), s.Access))
	return kinesis.New(kinesis.Options{
		Region: edgetest.Region, BaseEndpoint: &url, HTTPClient: edgetest.Client{Client: http.DefaultClient},
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, ""),
	})
}

func TestSDK(t *testing.T) {
	ctx := t.Context()
	c := client(t, open(t, t.TempDir()))
	name := aws.String("orders-stream")
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2), Tags: map[string]string{"team": "orders"}}); err != nil {
		t.Fatal(err)
	}
	if err := kinesis.NewStreamExistsWaiter(c, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	var entries []types.PutRecordsRequestEntry
	for i := range 10 {
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i)), Data: fmt.Append(nil, i)})
	}
	puts, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: entries})
	if err != nil || *puts.FailedRecordCount != 0 {
		t.Fatal(puts, err)
	}
	shards, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name})
	if err != nil || len(shards.Shards) != 2 {
		t.Fatal(shards, err)
	}
	total := 0
	for _, sh := range shards.Shards {
		it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: sh.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Records {
			if string(r.Data) != *r.PartitionKey {
				t.Errorf("%q at %s", r.Data, *r.PartitionKey)
			}
			total++
		}
	}
	if total != len(entries) {
		t.Fatalf("%d records came back", total)
	}
	sum, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil || *sum.StreamDescriptionSummary.OpenShardCount != 2 || *sum.StreamDescriptionSummary.RetentionPeriodHours != 24 {
		t.Fatal(sum, err)
	}
	tags, err := c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "orders" {
		t.Fatal(tags, err)
	}
	sdkSubscribe(t, c, sum.StreamDescriptionSummary.StreamARN, shards.Shards[0])
}

func sdkSubscribe(t *testing.T, c *kinesis.Client, stream *string, sh types.Shard) {
	ctx := t.Context()
	made, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("flink-processor")})
	if err != nil {
		t.Fatal(err)
	}
	for status := made.Consumer.ConsumerStatus; status != types.ConsumerStatusActive; {
		d, err := c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("flink-processor")})
		if err != nil {
			t.Fatal(err)
		}
		status = d.ConsumerDescription.ConsumerStatus
	}
	out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: made.Consumer.ConsumerARN, ShardId: sh.ShardId, StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})
	if err != nil {
		t.Fatal(err)
	}
	events := out.GetStream()
	defer events.Close()
	next := func() types.SubscribeToShardEvent {
		e, ok := <-events.Events()
		if !ok {
			t.Fatal(events.Err())
		}
		return e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
	}
	if e := next(); len(e.Records) != 0 {
		t.Fatalf("LATEST begins with %d records", len(e.Records))
	}
	began := time.Now()
	put, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: stream, PartitionKey: aws.String("k"), ExplicitHashKey: sh.HashKeyRange.StartingHashKey, Data: []byte("pushed")})
	if err != nil {
		t.Fatal(err)
	}
	e := next()
	t.Logf("from put to push: %v", time.Since(began))
	if len(e.Records) != 1 || string(e.Records[0].Data) != "pushed" || *e.ContinuationSequenceNumber != *put.SequenceNumber {
		t.Fatalf("%+v", e)
	}
	if _, err := c.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: made.Consumer.ConsumerARN}); err != nil {
		t.Fatal(err)
	}
	for range events.Events() {
	}
	if events.Err() == nil {
		t.Fatal("the stream ended without the reason")
	}
}
