package main

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	readSize  = 1000    // bytes of a record
	readCount = 160_000 // records to read at most
)

// get measures GetRecords, and SubscribeToShard, which neither peer has.
func (b *bench) get(ctx context.Context) error {
	return b.besidePeers(ctx, func(ctx context.Context) error {
		stored := map[*server]filling{}
		for _, s := range b.servers {
			from, err := b.filled(ctx, s)
			if err != nil {
				return err
			}
			stored[s] = from
		}
		all, err := b.compare(ctx, func(ctx context.Context, s *server) (outcome, error) { return b.read(ctx, s, asJSON, stored[s]) })
		if err != nil {
			return err
		}
		drey := b.servers[0]
		binary, err := b.read(ctx, drey, asCBOR, stored[drey])
		if err != nil {
			return err
		}
		secure, err := b.read(ctx, drey.overTLS(), asJSON, stored[drey])
		if err != nil {
			return err
		}
		pushed, err := b.pushed(ctx, drey, stored[drey].stream)
		if err != nil {
			return err
		}
		b.reached = append(b.reached, reading("GetRecords", all[0]), reading("GetRecords in CBOR 1.1", binary), reading("SubscribeToShard", pushed))
		t := newTable("Reading records of 1 KB from TRIM_HORIZON, 8 shards side by side", "", "MB/s", "ratio to the best peer's GetRecords", "aim", "server CPU µs/record")
		best := max(all[1].records, all[2].records)
		row := func(name string, o outcome, aim string) {
			t.row(name, megabytes(o.records*readSize), decimal(o.records/best), aim, micros(o.cpu))
		}
		row("Drey GetRecords", all[0], "≥ 20")
		row("Drey SubscribeToShard", pushed, "≥ 20")
		row("Drey GetRecords in CBOR 1.1", binary, "")
		row("Drey GetRecords over TLS", secure, "")
		row("kinesalite GetRecords", all[1], "")
		row("kinesis-local GetRecords", all[2], "")
		t.print(b.out)
		return nil
	})
}

// filled makes a stream with records to read: as many as go in within three measurements' time.
func (b *bench) filled(ctx context.Context, s *server) (filling, error) {
	name := b.streamName()
	if err := s.createStream(ctx, name, shards); err != nil {
		return filling{}, err
	}
	put, err := fill(ctx, s, name, readCount, 3*b.length())
	if err != nil {
		return filling{}, err
	}
	return s.count(ctx, name, put)
}

// fill puts so many records to read, or what goes in within the limit, and tells how many.
func fill(ctx context.Context, s *server, stream string, records int, limit time.Duration) (int, error) {
	const connections = 4
	workers, err := traffic{asJSON, 500, readSize, connections, shards}.producers(ctx, s, stream)
	if err != nil {
		return 0, err
	}
	defer closeAll(workers)
	deadline := time.Now().Add(limit)
	var put atomic.Int64
	var g errgroup.Group
	for _, w := range workers {
		g.Go(func() error {
			for done := 0; done < records/connections && time.Now().Before(deadline); {
				n, err := w.step()
				if err != nil {
					return err
				}
				done += n
				put.Add(int64(n))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, s.fail(err)
	}
	return int(put.Load()), nil
}

// read measures GetRecords.
func (b *bench) read(ctx context.Context, s *server, f format, from filling) (outcome, error) {
	all, err := s.consumers(ctx, f, from)
	workers := workersOf(all)
	defer closeAll(workers)
	if err != nil {
		return outcome{}, err
	}
	o, err := b.measure(ctx, s, workers)
	o.answer = averageAnswer(workers)
	return o, err
}

// pushed measures SubscribeToShard on a stream that has records.
func (b *bench) pushed(ctx context.Context, s *server, stream string) (outcome, error) {
	consumer, err := s.register(ctx, stream, "reader")
	if err != nil {
		return outcome{}, err
	}
	var outcomes []outcome
	for range b.rounds {
		subscribers, err := s.subscribers(ctx, consumer, "TRIM_HORIZON", shards)
		if err != nil {
			return outcome{}, err
		}
		for _, x := range subscribers {
			x.laps = true
		}
		workers := workersOf(subscribers)
		o, err := b.measure(ctx, s, workers)
		o.answer = subscribers[0].events.average()
		closeAll(workers)
		if err != nil {
			return outcome{}, err
		}
		outcomes = append(outcomes, o)
	}
	return middle(outcomes), nil
}
