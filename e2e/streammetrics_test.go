package e2e

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// once keeps AWS's SDK from trying again what was throttled or cut off.
func once(o *kinesis.Options) { o.RetryMaxAttempts = 1 }

// untilThrottled calls until a shard has no throughput left, and gives how often it had.
func (s *server) untilThrottled(call func() error) (passed int) {
	s.t.Helper()
	for range 100 {
		err := call()
		var throttled *types.ProvisionedThroughputExceededException
		if errors.As(err, &throttled) {
			return passed
		}
		if err != nil {
			s.t.Fatal(err)
		}
		passed++
	}
	s.t.Fatal("nothing was throttled")
	return 0
}

// streamMetric asks CloudWatch for the sum and the number of all samples.
func (s *server) streamMetric(name string, dimensions ...string) (sum, samples float64) {
	s.t.Helper()
	var answer struct {
		Datapoints []struct{ Sum, SampleCount float64 }
	}
	args := []string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/Kinesis", "--metric-name", name, "--period", "60", "--statistics", "Sum", "SampleCount",
		"--start-time", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339), "--dimensions", "Name=StreamName,Value=orders"}
	s.awsJSON(&answer, append(args, dimensions...)...)
	for _, p := range answer.Datapoints {
		sum += p.Sum
		samples += p.SampleCount
	}
	return sum, samples
}

// TestStreamMetrics holds what the AWS CLI reads of AWS/Kinesis against what clients of a stream were told. The server is
// stopped in between: the minute that had begun must be there too.
func TestStreamMetrics(t *testing.T) {
	const size = 500 << 10
	s := serve(t)
	stream := s.makeStream("orders", 1)
	s.aws("kinesis", "enable-enhanced-monitoring", "--stream-name", "orders", "--shard-level-metrics", "IncomingBytes", "ReadProvisionedThroughputExceeded")
	s.aws("kinesis", "wait", "stream-exists", "--stream-name", "orders")
	c, ctx, shard := s.streams(false), t.Context(), stream.Shards[0].ShardId
	consumer := s.consumer(stream, "reader")

	puts := s.untilThrottled(func() error {
		_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream.StreamName, PartitionKey: aws.String("k"), Data: make([]byte, size-1)}, once)
		return err
	})
	records := []types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: make([]byte, 1<<20-1)}, {PartitionKey: aws.String("k"), Data: []byte("123")}}
	batch, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: stream.StreamName, Records: records}, once)
	if err != nil || *batch.FailedRecordCount != 1 {
		t.Fatalf("%+v %v", batch, err)
	}
	if _, err := pushed(ctx, s.streams(true), consumer, shard, puts+1); err != nil {
		t.Fatal(err)
	}
	it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: stream.StreamName, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	gets := s.untilThrottled(func() error {
		_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}, once)
		return err
	})
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.boot()

	stored, ofConsumer, ofShard := float64(puts*size), "Name=ConsumerName,Value=reader", "Name=ShardId,Value="+*shard
	for _, x := range []struct {
		name         string
		dimension    []string
		sum, samples float64
	}{
		{"PutRecord.Success", nil, float64(puts), float64(puts + 1)},
		{"PutRecord.Bytes", nil, stored, float64(puts)},
		{"PutRecords.TotalRecords", nil, 2, 1},
		{"PutRecords.SuccessfulRecords", nil, 1, 1},
		{"PutRecords.ThrottledRecords", nil, 1, 1},
		{"PutRecords.FailedRecords", nil, 0, 1},
		{"IncomingBytes", nil, stored + 4, float64(puts + 1)},
		{"IncomingRecords", nil, float64(puts + 1), float64(puts + 1)},
		{"WriteProvisionedThroughputExceeded", nil, 2, float64(puts + 2)},
		{"GetRecords.Success", nil, float64(gets), float64(gets + 1)},
		{"GetRecords.Records", nil, 0, float64(gets)},
		{"ReadProvisionedThroughputExceeded", nil, 1, float64(gets + 1)},
		{"SubscribeToShard.Success", []string{ofConsumer}, 1, 1},
		{"SubscribeToShard.RateExceeded", []string{ofConsumer}, 0, 0},
		{"IncomingBytes", []string{ofShard}, stored + 4, float64(puts + 1)},
		{"ReadProvisionedThroughputExceeded", []string{ofShard}, 1, float64(gets + 1)},
		{"IncomingRecords", []string{ofShard}, 0, 0},
	} {
		if sum, samples := s.streamMetric(x.name, x.dimension...); sum != x.sum || samples != x.samples {
			t.Errorf("%s %v: %v samples with the sum %v, want %v and %v", x.name, x.dimension, samples, sum, x.samples, x.sum)
		}
	}
	for name, want := range map[string]float64{"SubscribeToShardEvent.Records": float64(puts + 1), "SubscribeToShardEvent.Bytes": stored + 4} {
		if sum, _ := s.streamMetric(name, ofConsumer); sum != want {
			t.Errorf("%s: %v, want %v", name, sum, want)
		}
	}
	s.checkStreamMetricsList(*shard)
	s.checkLatencies()
}

func (s *server) checkStreamMetricsList(shard string) {
	s.t.Helper()
	for filter, want := range map[string][]string{
		"Name=ShardId,Value=" + shard:    {"IncomingBytes", "ReadProvisionedThroughputExceeded"},
		"Name=ConsumerName,Value=reader": {"SubscribeToShard.Success", "SubscribeToShardEvent.Bytes", "SubscribeToShardEvent.MillisBehindLatest", "SubscribeToShardEvent.Records", "SubscribeToShardEvent.Success"},
	} {
		var got []string
		s.awsJSON(&got, "cloudwatch", "list-metrics", "--namespace", "AWS/Kinesis", "--dimensions", filter, "--query", "sort(Metrics[].MetricName)")
		if !slices.Equal(got, want) {
			s.t.Errorf("metrics with %s: %v", filter, got)
		}
	}
}

// checkLatencies: percentiles are known, and lie between the extremes.
func (s *server) checkLatencies() {
	s.t.Helper()
	for _, name := range []string{"PutRecord.Latency", "GetRecords.Latency"} {
		var extremes []struct{ Minimum, Maximum float64 }
		var percentiles []struct{ ExtendedStatistics map[string]float64 }
		ask := []string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/Kinesis", "--metric-name", name, "--period", "86400", "--query", "Datapoints", "--dimensions", "Name=StreamName,Value=orders",
			"--start-time", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339), "--unit", "Milliseconds"}
		s.awsJSON(&extremes, append(ask, "--statistics", "Minimum", "Maximum")...)
		s.awsJSON(&percentiles, append(ask, "--extended-statistics", "p50", "p99")...)
		if len(extremes) == 0 || len(extremes) != len(percentiles) {
			s.t.Errorf("%s: %v and %v", name, extremes, percentiles)
			continue
		}
		for i, p := range percentiles {
			p50, p99 := p.ExtendedStatistics["p50"], p.ExtendedStatistics["p99"]
			if e := extremes[i]; e.Minimum <= 0 || p50 < e.Minimum || p99 < p50 || e.Maximum < p99 {
				s.t.Error(fmt.Sprint(name, ": ", e, " and ", p50, " ", p99))
			}
		}
	}
}
