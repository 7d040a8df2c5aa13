package main

import (
	"context"
	"errors"
	"fmt"
)

var errNothingStored = errors.New("there is nothing to read")

// consumer reads a shard with GetRecords from its beginning to its end, again and again.
type consumer struct {
	*conn
	format
	server      *server
	first, next string // iterators
	seen, all   int    // records of this lap; of the shard, once a lap is over
}

type getRecordsInput struct {
	ShardIterator string
	Limit         int
}

const maxRecords = 10_000

func (c *consumer) step() (int, error) {
	request, err := c.server.request(c.format, "GetRecords", getRecordsInput{c.next, maxRecords})
	if err != nil {
		return 0, err
	}
	page, err := c.roundTrip(request)
	if err != nil {
		return 0, err
	}
	n := c.recordsIn(page)
	if c.seen += n; n == 0 {
		c.all = c.seen
	}
	switch {
	case n == 0 && c.all == 0:
		return 0, errNothingStored
	case n == 0 || c.seen == c.all:
		c.next, c.seen = c.first, 0
	default:
		c.next, err = c.nextIterator(page)
	}
	return n, err
}

// iterator gives one at the position.
func (s *server) iterator(ctx context.Context, stream, shard, position string) (string, error) {
	var out struct{ ShardIterator string }
	err := s.call(ctx, "GetShardIterator", map[string]any{"StreamName": stream, "ShardId": shard, "ShardIteratorType": position}, &out)
	return out.ShardIterator, err
}

// shard is the name of a stream's shard, in a stream that was never resharded.
func shard(i int) string { return fmt.Sprintf("shardId-%012d", i) }

// consumers are one for each shard.
func (s *server) consumers(ctx context.Context, f format, stream string) ([]worker, error) {
	var all []worker
	for i := range shards {
		first, err := s.iterator(ctx, stream, shard(i), "TRIM_HORIZON")
		if err != nil {
			closeAll(all)
			return nil, err
		}
		c, err := s.dial(ctx)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, &consumer{conn: c, format: f, server: s, first: first, next: first})
	}
	return all, nil
}
