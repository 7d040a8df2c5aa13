package kinesis

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
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

// strictClient is AWS's SDK, which tries nothing again, before a service with limits.
func strictClient(t *testing.T, edit ...func(*Config)) *kinesis.Client {
	s := open(t, t.TempDir(), append(edit, func(c *Config) { c.Limits = true })...)
	url := edgetest.Serve(t, wire.NewService(model.Model, s.Ops(), s.Access))
	return kinesis.New(kinesis.Options{
		Region: edgetest.Region, BaseEndpoint: &url, HTTPClient: edgetest.Client{Client: http.DefaultClient}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, ""),
	})
}

func active(t *testing.T, c *kinesis.Client, name *string) *types.StreamDescriptionSummary {
	t.Helper()
	for {
		d, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
		if err != nil {
			t.Fatal(err)
		}
		if d.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return d.StreamDescriptionSummary
		}
		time.Sleep(updating) // within the limit of 20 calls a second
	}
}

// TestSDKOverResharding: what a consumer of AWS's own SDK sees of a reshard, by fan-out and by polling.
func TestSDKOverResharding(t *testing.T) {
	ctx, c, name := t.Context(), strictClient(t), aws.String("orders-stream")
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	arn := active(t, c, name).StreamARN
	made, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("reader")})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(creation)
	out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: made.Consumer.ConsumerARN, ShardId: aws.String(shardID(0)), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: arn, PartitionKey: aws.String("k"), Data: []byte("last")}); err != nil {
		t.Fatal(err)
	}
	scaled, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamARN: arn, TargetShardCount: aws.Int32(2), ScalingType: types.ScalingTypeUniformScaling})
	if err != nil || *scaled.CurrentShardCount != 1 || *scaled.TargetShardCount != 2 {
		t.Fatal(scaled, err)
	}
	events := out.GetStream()
	defer events.Close()
	var last types.SubscribeToShardEvent
	records := 0
	for e := range events.Events() {
		last = e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		records += len(last.Records)
	}
	if events.Err() != nil || records != 1 || last.ContinuationSequenceNumber != nil || len(last.ChildShards) != 2 || *last.ChildShards[1].HashKeyRange.StartingHashKey != middle {
		t.Fatalf("%d records, %+v %v", records, last, events.Err())
	}
	it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String(shardID(0)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, StreamARN: arn})
	if err != nil || len(page.Records) != 1 || page.NextShardIterator != nil || len(page.ChildShards) != 2 {
		t.Fatal(page, err)
	}
}

// TestSDKSeesLimits: the errors that producers and consumers handle have AWS's types.
func TestSDKSeesLimits(t *testing.T) {
	var now atomic.Pointer[time.Time] // stands still: nothing comes back in between
	now.Store(new(time.Now()))
	ctx, c, name := t.Context(), strictClient(t, func(c *Config) { c.Now = func() time.Time { return *now.Load() } }), aws.String("orders-stream")
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	now.Store(new(time.Now().Add(time.Second)))
	data := bytes.Repeat([]byte("x"), 1<<20-1)
	var throughput *types.ProvisionedThroughputExceededException
	_, first := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: data})
	_, second := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: data})
	if first != nil || !errors.As(second, &throughput) || !strings.Contains(throughput.ErrorMessage(), "Rate exceeded for shard shardId-000000000000 in stream orders-stream under account") {
		t.Fatal(first, second)
	}
	puts, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: data}}})
	if err != nil || *puts.FailedRecordCount != 1 || *puts.Records[0].ErrorCode != "ProvisionedThroughputExceededException" {
		t.Fatal(puts, err)
	}
	var limit *types.LimitExceededException
	_, first = c.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
	_, second = c.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
	if first != nil || !errors.As(second, &limit) {
		t.Fatal(first, second)
	}
}
