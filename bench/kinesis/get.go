package main

import (
	"context"
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
		streams := map[*server]string{}
		for _, s := range b.servers {
			name, err := b.filled(ctx, s)
			if err != nil {
				return err
			}
			streams[s] = name
		}
		all, err := b.compare(ctx, func(ctx context.Context, s *server) (outcome, error) { return b.read(ctx, s, asJSON, streams[s]) })
		if err != nil {
			return err
		}
		drey := b.servers[0]
		binary, err := b.read(ctx, drey, asCBOR, streams[drey])
		if err != nil {
			return err
		}
		secure, err := b.read(ctx, drey.overTLS(), asJSON, streams[drey])
		if err != nil {
			return err
		}
		pushed, err := b.pushed(ctx, drey, streams[drey])
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
func (b *bench) filled(ctx context.Context, s *server) (string, error) {
	name := b.streamName()
	if err := s.createStream(ctx, name, shards); err != nil {
		return "", err
	}
	return name, b.fill(ctx, s, name, readSize, readCount, 3*b.length())
}

// fill puts so many records, or what goes in within the limit.
func (b *bench) fill(ctx context.Context, s *server, stream string, size, records int, limit time.Duration) error {
	const connections = 4
	workers, err := traffic{asJSON, 500, size, connections, shards}.producers(ctx, s, stream)
	if err != nil {
		return err
	}
	defer closeAll(workers)
	deadline := time.Now().Add(limit)
	var g errgroup.Group
	for _, w := range workers {
		g.Go(func() error {
			for left := records / connections; left > 0 && time.Now().Before(deadline); {
				n, err := w.step()
				if err != nil {
					return err
				}
				left -= n
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return s.fail(err)
	}
	return nil
}

// read measures GetRecords on a stream that has records.
func (b *bench) read(ctx context.Context, s *server, f format, stream string) (outcome, error) {
	workers, err := s.consumers(ctx, f, stream)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll(workers)
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
		var workers []worker
		for _, x := range subscribers {
			x.laps = true
			workers = append(workers, x)
		}
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
