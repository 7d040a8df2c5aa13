package main

import (
	"context"
	"fmt"
	"time"
)

const fillLimit = 30 * time.Minute

// growingStore measures a server that holds more and more.
func (b *bench) growingStore(ctx context.Context) error {
	t := newTable("Growth with stored data: records of 1 KB on 8 shards", "stored GB", "PutRecords 500 × 100 B, records/s", "GetRecords of 100 at TRIM_HORIZON, p50 ms", "at LATEST, p50 ms",
		"RSS MB", "restart: all shards read, ms", "after kill -9, ms", "RSS MB after it")
	sizes := []float64{0, b.stored}
	if b.stored > 1 {
		sizes = []float64{0, 1, b.stored}
	}
	for _, gb := range sizes {
		if err := b.storing(ctx, t, gb); err != nil {
			return err
		}
	}
	t.print(b.out)
	return nil
}

func (b *bench) storing(ctx context.Context, t *table, gb float64) error {
	return b.withDrey(ctx, func(ctx context.Context, s *server) error {
		stream := b.streamName()
		if err := s.createStream(ctx, stream, shards); err != nil {
			return err
		}
		if _, err := fill(ctx, s, stream, int(gb*1e9/readSize), fillLimit); err != nil {
			return err
		}
		row, err := b.beforeRestarts(ctx, s, stream, gb)
		if err != nil {
			return err
		}
		for _, end := range []func(*server) error{(*server).close, (*server).kill} {
			took, err := b.restart(ctx, end, stream)
			if err != nil {
				return err
			}
			row = append(row, decimal(millis(took)))
		}
		size, err := b.servers[0].resident()
		t.row(append(row, megabytes(float64(size)))...)
		return err
	})
}

// beforeRestarts measures the first server. Latencies come first: the puts change what LATEST is.
func (b *bench) beforeRestarts(ctx context.Context, s *server, stream string, gb float64) ([]any, error) {
	var latencies []any
	for _, position := range []string{"TRIM_HORIZON", "LATEST"} {
		o, err := b.probe(ctx, s, stream, position)
		if err != nil {
			return nil, err
		}
		latencies = append(latencies, decimal(millis(o.p50)))
	}
	workers, err := traffic{asJSON, 500, 100, 4, shards}.producers(ctx, s, stream)
	if err != nil {
		return nil, err
	}
	defer closeAll(workers)
	puts, err := b.measure(ctx, s, workers)
	if err != nil {
		return nil, err
	}
	size, err := s.resident()
	return append(append([]any{decimal(gb), count(puts.records)}, latencies...), megabytes(float64(size))), err
}

// probe measures GetRecords with one and the same iterator.
func (b *bench) probe(ctx context.Context, s *server, stream, position string) (outcome, error) {
	iterator, err := s.iterator(ctx, stream, shard(0), position)
	if err != nil {
		return outcome{}, err
	}
	request, err := s.request(asJSON, "GetRecords", getRecordsInput{iterator, 100})
	if err != nil {
		return outcome{}, err
	}
	c, err := s.dial(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer c.Close()
	return b.measure(ctx, s, []worker{&sender{conn: c, requests: [][]byte{request}, records: 1}})
}

// restart ends Drey and gives the time from the start of the next server until it has answered a first GetRecords of each
// shard.
func (b *bench) restart(ctx context.Context, end func(*server) error, stream string) (time.Duration, error) {
	old := b.servers[0]
	if err := end(old); err != nil {
		return 0, err
	}
	began := time.Now()
	s, err := b.launch(ctx, old.data)
	if err != nil {
		return 0, err
	}
	s.keys, s.region = old.keys, old.region
	b.servers[0] = s
	for i := range shards {
		iterator, err := s.iterator(ctx, stream, shard(i), "TRIM_HORIZON")
		if err != nil {
			return 0, fmt.Errorf("after the restart: %w", err)
		}
		if err := s.call(ctx, "GetRecords", map[string]any{"ShardIterator": iterator, "Limit": 1}, nil); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
