package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"golang.org/x/sync/errgroup"

	"drey/edge/edgetest"
)

// streams is AWS's SDK for Go at the server, over HTTP/1.1 or HTTP/2.
func (s *server) streams(http2 bool) *kinesis.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	s.t.Cleanup(transport.CloseIdleConnections)
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + s.listen), HTTPClient: edgetest.Client{Client: &http.Client{Transport: transport}},
		Credentials: credentials.NewStaticCredentialsProvider(s.getenv("AWS_ACCESS_KEY_ID"), s.getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
}

// makeStream makes a stream and waits for it.
func (s *server) makeStream(name string, shards int) types.StreamDescription {
	s.t.Helper()
	c, ctx := s.streams(false), s.t.Context()
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(int32(shards))}); err != nil {
		s.t.Fatal(err)
	}
	soon := func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	out, err := kinesis.NewStreamExistsWaiter(c, soon).WaitForOutput(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.StreamDescription
}

// consumer registers a consumer and waits for it.
func (s *server) consumer(stream types.StreamDescription, name string) *string {
	s.t.Helper()
	c, ctx := s.streams(false), s.t.Context()
	made, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: stream.StreamARN, ConsumerName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.await(name+" is ACTIVE", time.Minute, func() bool {
		out, err := c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: made.Consumer.ConsumerARN})
		return err == nil && out.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive
	})
	return made.Consumer.ConsumerARN
}

// subscription reads a shard from its beginning, by enhanced fan-out.
func subscription(ctx context.Context, c *kinesis.Client, consumer, shard *string) (*kinesis.SubscribeToShardEventStream, error) {
	out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: shard, StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	if err != nil {
		return nil, err
	}
	return out.GetStream(), nil
}

// pushed reads n records of a shard.
func pushed(ctx context.Context, c *kinesis.Client, consumer, shard *string, n int) ([]types.Record, error) {
	events, err := subscription(ctx, c, consumer, shard)
	if err != nil {
		return nil, err
	}
	defer events.Close()
	var got []types.Record
	for len(got) < n {
		e, ok := <-events.Events()
		if !ok {
			return got, fmt.Errorf("the subscription ended after %d of %d records: %w", len(got), n, events.Err())
		}
		got = append(got, e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value.Records...)
	}
	return got, nil
}

// polled reads a shard from its beginning to its tip.
func polled(ctx context.Context, c *kinesis.Client, stream, shard *string) ([]types.Record, error) {
	it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: stream, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		return nil, err
	}
	var got []types.Record
	for next := it.ShardIterator; ; {
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, err
		}
		if got, next = append(got, out.Records...), out.NextShardIterator; *out.MillisBehindLatest == 0 {
			return got, nil
		}
	}
}

// TestStreamsByTheGoSDK has 16 producers put at once. Each shard must hold what they were told, in an order that
// respects each of them, and give it alike to those who ask and those who are pushed to.
func TestStreamsByTheGoSDK(t *testing.T) {
	const producers, each, shards = 16, 50, 2
	s := serve(t)
	stream := s.makeStream("orders", shards)
	consumer := s.consumer(stream, "go")
	c := s.streams(false)
	var mu sync.Mutex
	acknowledged := map[string]map[string]string{} // shard → number → data
	g, ctx := errgroup.WithContext(t.Context())
	for p := range producers {
		g.Go(func() error {
			var last *string
			key := fmt.Sprintf("producer-%d", p)
			for i := range each {
				data := fmt.Sprintf("%s %d", key, i)
				out, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream.StreamName, PartitionKey: &key, Data: []byte(data), SequenceNumberForOrdering: last})
				if err != nil {
					return err
				}
				last = out.SequenceNumber
				mu.Lock()
				if acknowledged[*out.ShardId] == nil {
					acknowledged[*out.ShardId] = map[string]string{}
				}
				acknowledged[*out.ShardId][*last] = data
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, shard := range stream.Shards {
		told := acknowledged[*shard.ShardId]
		total += len(told)
		asked, err := polled(t.Context(), c, stream.StreamName, shard.ShardId)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pushed(t.Context(), s.streams(true), consumer, shard.ShardId, len(told))
		if err != nil {
			t.Fatal(err)
		}
		checkShard(t, shard, told, asked)
		if !slices.EqualFunc(asked, got, func(a, b types.Record) bool {
			return *a.SequenceNumber == *b.SequenceNumber && string(a.Data) == string(b.Data)
		}) {
			t.Errorf("%s: %d records were polled, and %d others pushed", *shard.ShardId, len(asked), len(got))
		}
	}
	if total != producers*each {
		t.Errorf("%d of %d records have a number of their own", total, producers*each)
	}
}

// checkShard holds a shard's records against what producers were told of them.
func checkShard(t *testing.T, shard types.Shard, told map[string]string, records []types.Record) {
	t.Helper()
	if len(records) != len(told) {
		t.Errorf("%s holds %d records, %d were acknowledged", *shard.ShardId, len(records), len(told))
	}
	previous, next := new(big.Int), map[string]int{}
	for _, r := range records {
		number, _ := new(big.Int).SetString(*r.SequenceNumber, 10)
		if number.Cmp(previous) <= 0 {
			t.Errorf("%s comes after %s", number, previous)
		}
		previous = number
		if want := fmt.Sprintf("%s %d", *r.PartitionKey, next[*r.PartitionKey]); string(r.Data) != want || told[*r.SequenceNumber] != want {
			t.Errorf("%s is %q, acknowledged was %q; next of its producer is %q", number, r.Data, told[*r.SequenceNumber], want)
		}
		next[*r.PartitionKey]++
		sum := md5.Sum([]byte(*r.PartitionKey))
		hash := new(big.Int).SetBytes(sum[:])
		start, _ := new(big.Int).SetString(*shard.HashKeyRange.StartingHashKey, 10)
		end, _ := new(big.Int).SetString(*shard.HashKeyRange.EndingHashKey, 10)
		if hash.Cmp(start) < 0 || hash.Cmp(end) > 0 {
			t.Errorf("%s does not belong to %s", *r.PartitionKey, *shard.ShardId)
		}
	}
}

// TestLargestRecords puts a record of 10 MiB by each operation, partition key included, and gets both back by polling and by
// enhanced fan-out, within AWS's limits of throughput. In JSON such a record is a request, a page and an event of 14 MB; clients
// take events of 16 MiB (Go) or 24 MiB (botocore).
func TestLargestRecords(t *testing.T) {
	s := serve(t)
	stream := s.makeStream("large", 2)
	consumer := s.consumer(stream, "reader")
	c, ctx := s.streams(false), t.Context()
	key := "key"
	data := make([]byte, 10<<20-len(key))
	rand.NewChaCha8([32]byte{}).Read(data)
	put := func(shard int, data []byte) error {
		_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream.StreamName, PartitionKey: &key, ExplicitHashKey: stream.Shards[shard].HashKeyRange.StartingHashKey, Data: data})
		return err
	}
	var validation *types.ValidationException
	if err := put(0, data); !errors.As(err, &validation) {
		t.Fatalf("a stream whose records may have 1 MiB took 10: %v", err)
	}
	if _, err := c.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: stream.StreamARN, MaxRecordSizeInKiB: aws.Int32(10 << 10)}); err != nil {
		t.Fatal(err)
	}
	if err := put(0, data); err != nil {
		t.Fatal(err)
	}
	entry := types.PutRecordsRequestEntry{PartitionKey: &key, ExplicitHashKey: stream.Shards[1].HashKeyRange.StartingHashKey, Data: data}
	out, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: stream.StreamName, Records: []types.PutRecordsRequestEntry{entry}})
	if err != nil || *out.FailedRecordCount != 0 {
		t.Fatal(out, err)
	}
	for _, shard := range stream.Shards {
		asked, err := polled(ctx, c, stream.StreamName, shard.ShardId)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pushed(ctx, s.streams(true), consumer, shard.ShardId, 1)
		if err != nil {
			t.Fatal(err)
		}
		for how, records := range map[string][]types.Record{"polled": asked, "pushed": got} {
			if len(records) != 1 || !bytes.Equal(records[0].Data, data) {
				t.Errorf("%s: %d records were %s, or not what was put", *shard.ShardId, len(records), how)
			}
		}
	}
	if err := put(1, append(data, 'x')); !errors.As(err, &validation) {
		t.Errorf("a record of a byte more than 10 MiB: %v", err)
	}
}
