// Package paced is the other end of the application in this directory: it puts the records that the application counts, and reads
// its counts. Tests and benchmarks do it alike.
package paced

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// keys are as many that the tasks of any small parallelism have some.
const keys = 64

// filler makes what lies in Flink's buffers little work.
var filler = strings.Repeat("x", 8000)

// Producer puts records into a stream. One goroutine may put while others ask how many.
type Producer struct {
	Client *kinesis.Client
	Stream string

	next int
	mu   sync.Mutex
	put  map[string]int64 // by key
}

// Put puts n records, 500 at most, whose keys go round.
func (p *Producer) Put(ctx context.Context, n int) error {
	var batch []types.PutRecordsRequestEntry
	for range n {
		key := fmt.Sprint("key-", p.next%keys)
		p.next++
		batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key + " " + filler)})
	}
	if batch == nil {
		return nil
	}
	out, err := p.Client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &p.Stream, Records: batch})
	if err != nil {
		return err
	}
	if *out.FailedRecordCount > 0 {
		return fmt.Errorf("%d records were not taken", *out.FailedRecordCount)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.put == nil {
		p.put = map[string]int64{}
	}
	for _, r := range batch {
		p.put[*r.PartitionKey]++
	}
	return nil
}

// Records is how many were put under each key.
func (p *Producer) Records() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.put)
}

// Counts reads what the application has counted, which it tells within a second.
type Counts struct {
	client *kinesis.Client
	next   *string          // iterator
	byKey  map[string]int64 // as last told
}

// ReadCounts reads from the beginning of a stream that has one shard.
func ReadCounts(ctx context.Context, client *kinesis.Client, stream string) (*Counts, error) {
	it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		return nil, err
	}
	return &Counts{client, it.ShardIterator, map[string]int64{}}, nil
}

// Backlog is how many of p's records are not counted yet, and whether each is, and once.
func (c *Counts) Backlog(ctx context.Context, p *Producer) (n int64, all bool, err error) {
	put := p.Records()
	out, err := c.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: c.next})
	if err != nil {
		return 0, false, err
	}
	c.next = out.NextShardIterator
	for _, r := range out.Records {
		key, count, _ := strings.Cut(string(r.Data), " ")
		if c.byKey[key], err = strconv.ParseInt(count, 10, 64); err != nil {
			return 0, false, fmt.Errorf("the record %q: %w", r.Data, err)
		}
	}
	for key, records := range put {
		n += records - c.byKey[key]
	}
	return max(n, 0), maps.Equal(put, c.byKey), nil
}
