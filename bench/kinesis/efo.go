package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// efo measures how soon a subscriber has what a producer puts.
func (b *bench) efo(ctx context.Context) error {
	return b.withDrey(ctx, func(ctx context.Context, s *server) error {
		r, err := flow{shards, 1, 1000, 2 * b.length()}.run(ctx, b, s)
		if err != nil {
			return err
		}
		t := newTable("Enhanced fan-out, from put to push: 1,000 records/s by PutRecord, 8 shards", "", "Drey", "aim")
		t.row("records/s put", count(r.rate), "1,000")
		t.row("p50 ms", decimal(millis(percentile(r.push, 50))), "≤ 2")
		t.row("p99 ms", decimal(millis(percentile(r.push, 99))), "≤ 10")
		t.row("server CPU µs/record", micros(r.cpu), "")
		t.print(b.out)
		return nil
	})
}

const (
	idleTime    = 10 * time.Second
	idleStreams = 100
)

// idle measures what streams and subscriptions cost that nobody uses.
func (b *bench) idle(ctx context.Context) error {
	return b.withDrey(ctx, func(ctx context.Context, s *server) error {
		t := newTable("Idle: server CPU and memory", "", "CPU ms/s", "RSS MB")
		if err := b.rest(ctx, s, t, "empty"); err != nil {
			return err
		}
		subscriptions, err := b.idleSubscriptions(ctx, s)
		defer func() {
			for _, x := range subscriptions {
				_ = x.Close()
			}
		}()
		if err != nil {
			return err
		}
		if err := b.rest(ctx, s, t, fmt.Sprintf("%d streams of 8 shards, %d subscriptions", idleStreams, idleStreams)); err != nil {
			return err
		}
		t.print(b.out)
		return nil
	})
}

// idleSubscriptions makes streams, each with a consumer that subscribes to one of its shards.
func (b *bench) idleSubscriptions(ctx context.Context, s *server) ([]*subscriber, error) {
	var g errgroup.Group
	g.SetLimit(10)
	var mu sync.Mutex
	var all []*subscriber
	for i := range idleStreams {
		name := b.streamName()
		g.Go(func() error {
			if err := s.createStream(ctx, name, shards); err != nil {
				return err
			}
			arn, err := s.register(ctx, name, "idle")
			if err != nil {
				return err
			}
			x := &subscriber{ctx: ctx, server: s, consumer: arn, shard: shard(i % shards), position: "LATEST"}
			if err := x.subscribe(); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, x)
			return nil
		})
	}
	err := g.Wait()
	return all, err
}

// rest lets the server be for a while.
func (b *bench) rest(ctx context.Context, s *server, t *table, what string) error {
	before, err := s.cpu()
	if err != nil {
		return err
	}
	length := idleTime
	if b.quick {
		length = b.length()
	}
	select {
	case <-time.After(length):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	size, err := s.resident()
	if err != nil {
		return err
	}
	t.row(what, decimal(millis(after-before)/length.Seconds()), megabytes(float64(size)))
	return nil
}
