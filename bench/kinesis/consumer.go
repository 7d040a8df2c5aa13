package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// consumer reads a shard with GetRecords from its beginning to its end, again and again. It knows how many records there
// are, and so asks for no empty page behind them.
type consumer struct {
	*conn
	format
	server      *server
	first, next string // iterators
	seen, all   int    // records of this lap; of the shard
}

type getRecordsInput struct {
	ShardIterator string
	Limit         int
}

const maxRecords = 10_000

func (c *consumer) step() (int, error) {
	n, err := c.page()
	if c.seen += n; c.seen == c.all {
		c.next, c.seen = c.first, 0
	}
	return n, err
}

// page reads one, and moves on behind it.
func (c *consumer) page() (int, error) {
	request, err := c.server.request(c.format, "GetRecords", getRecordsInput{c.next, maxRecords})
	if err != nil {
		return 0, err
	}
	page, err := c.roundTrip(request)
	if err != nil {
		return 0, err
	}
	c.next, err = c.nextIterator(page)
	return c.recordsIn(page), err
}

// countAll reads up to the first empty page.
func (c *consumer) countAll() error {
	for c.all = 0; ; {
		n, err := c.page()
		if err != nil {
			return err
		}
		if c.all += n; n == 0 {
			c.next = c.first
			return nil
		}
	}
}

// iterator gives one at the position.
func (s *server) iterator(ctx context.Context, stream, shard, position string) (string, error) {
	var out struct{ ShardIterator string }
	err := s.call(ctx, "GetShardIterator", map[string]any{"StreamName": stream, "ShardId": shard, "ShardIteratorType": position}, &out)
	return out.ShardIterator, err
}

// shard is the name of a stream's shard, in a stream that was never resharded.
func shard(i int) string { return fmt.Sprintf("shardId-%012d", i) }

// filling is a stream with records to read.
type filling struct {
	stream string
	counts []int // of its shards
}

// consumers are one for each shard.
func (s *server) consumers(ctx context.Context, f format, from filling) ([]*consumer, error) {
	var all []*consumer
	for i, n := range from.counts {
		first, err := s.iterator(ctx, from.stream, shard(i), "TRIM_HORIZON")
		if err != nil {
			return all, err
		}
		c, err := s.dial(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, &consumer{conn: c, format: f, server: s, first: first, next: first, all: n})
	}
	return all, nil
}

// count reads all that a stream has, which must be as many records as were put.
func (s *server) count(ctx context.Context, stream string, put int) (filling, error) {
	from := filling{stream, make([]int, shards)}
	all, err := s.consumers(ctx, asJSON, from)
	defer closeAll(workersOf(all))
	if err != nil {
		return from, err
	}
	var g errgroup.Group
	for _, c := range all {
		g.Go(c.countAll)
	}
	if err := g.Wait(); err != nil {
		return from, s.fail(err)
	}
	total := 0
	for i, c := range all {
		from.counts[i] = c.all
		total += c.all
	}
	if total != put {
		return from, fmt.Errorf("%s: %d records were put and %d are there", s.name, put, total)
	}
	return from, nil
}

func workersOf[W worker](all []W) []worker {
	var workers []worker
	for _, w := range all {
		workers = append(workers, w)
	}
	return workers
}
