package main

import (
	"context"
)

// growth measures how Drey's figures change with shards, consumers and stored data.
func (b *bench) growth(ctx context.Context) error {
	for _, measure := range []func(context.Context) error{b.growingShards, b.growingConsumers, b.growingStore} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) growingShards(ctx context.Context) error {
	t := newTable("Growth with the shards of a stream", "shards", "PutRecords 500 × 100 B, 4 connections, records/s", "CPU µs/record", "PutRecord 100 B, 1 connection, p50 ms", "p99 ms", "RSS MB")
	for _, n := range b.sizes(1, 8, 64, 256, 1000) {
		err := b.withDrey(ctx, func(ctx context.Context, s *server) error {
			many, err := b.putTraffic(ctx, s, traffic{asJSON, 500, 100, 4, n})
			if err != nil {
				return err
			}
			one, err := b.putTraffic(ctx, s, traffic{asJSON, 1, 100, 1, n})
			if err != nil {
				return err
			}
			size, err := s.resident()
			t.row(n, count(many.records), micros(many.cpu), decimal(millis(one.p50)), decimal(millis(one.p99)), megabytes(float64(size)))
			return err
		})
		if err != nil {
			return err
		}
	}
	t.print(b.out)
	return nil
}

// sizes leaves out the largest in a quick run.
func (b *bench) sizes(all ...int) []int {
	if b.quick {
		return all[:2]
	}
	return all
}

func (b *bench) growingConsumers(ctx context.Context) error {
	t := newTable("Growth with the consumers of a shard: 1,000 records/s by PutRecord, pushed to each", "consumers", "records/s put", "push p50 ms", "p99 ms", "CPU µs per record and consumer")
	for _, n := range b.sizes(1, 5, 20) {
		err := b.withDrey(ctx, func(ctx context.Context, s *server) error {
			r, err := flow{1, n, 1000, 2 * b.length()}.run(ctx, b, s)
			t.row(n, count(r.rate), decimal(millis(percentile(r.push, 50))), decimal(millis(percentile(r.push, 99))), micros(r.cpu))
			return err
		})
		if err != nil {
			return err
		}
	}
	t.print(b.out)
	return nil
}
