package main

import (
	"context"
	"fmt"
	"slices"
)

const shards = 8

// puts measures PutRecords of 500 records.
func (b *bench) puts(ctx context.Context) error {
	return b.besidePeers(ctx, func(ctx context.Context) error {
		t := newTable("PutRecords of 500 records, 8 shards, records/s",
			"record", "connections", "Drey", "kinesalite", "kinesis-local", "ratio to the best", "aim", "server CPU µs/record: Drey", "kinesalite", "kinesis-local")
		for _, c := range []struct {
			size, connections int
			aim               string
		}{{100, 4, "≥ 20"}, {100, 1, ""}, {1000, 4, "≥ 10"}, {1000, 1, ""}} {
			load := traffic{asJSON, 500, c.size, c.connections, shards}
			all, err := b.compare(ctx, func(ctx context.Context, s *server) (outcome, error) { return b.putTraffic(ctx, s, load) })
			if err != nil {
				return err
			}
			b.reached = append(b.reached, writing(load, all[0]))
			rates := each(all, func(o outcome) float64 { return o.records })
			t.row(fmt.Sprintf("%d B", c.size), c.connections, count(rates[0]), count(rates[1]), count(rates[2]), decimal(rates[0]/slices.Max(rates[1:])), c.aim,
				micros(all[0].cpu), micros(all[1].cpu), micros(all[2].cpu))
		}
		t.print(b.out)
		return b.otherWays(ctx)
	})
}

// otherWays measures Drey's PutRecords as the Java SDK speaks, and as applications reach it.
func (b *bench) otherWays(ctx context.Context) error {
	drey := b.servers[0]
	t := newTable("Drey's PutRecords of 500 records in other ways, 8 shards, 4 connections", "record", "", "records/s", "server CPU µs/record")
	for _, size := range []int{100, 1000} {
		for _, way := range []struct {
			name string
			format
			*server
		}{{"JSON", asJSON, drey}, {"CBOR 1.1", asCBOR, drey}, {"JSON over TLS", asJSON, drey.overTLS()}} {
			o, err := b.putTraffic(ctx, way.server, traffic{way.format, 500, size, 4, shards})
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			t.row(fmt.Sprintf("%d B", size), way.name, count(o.records), micros(o.cpu))
		}
	}
	t.print(b.out)
	return nil
}

// put measures PutRecord, whose latency counts.
func (b *bench) put(ctx context.Context) error {
	return b.besidePeers(ctx, func(ctx context.Context) error {
		t := newTable("PutRecord of 100 B, 8 shards",
			"connections", "", "Drey", "kinesalite", "kinesis-local", "ratio to the best", "aim")
		for _, c := range []struct {
			connections int
			rate, p99   string // aims
		}{{1, "≥ 1 to kinesalite", ""}, {16, "≥ 5", "≤ 0.20"}, {64, "≥ 5", "≤ 0.20"}} {
			load := traffic{asJSON, 1, 100, c.connections, shards}
			all, err := b.compare(ctx, func(ctx context.Context, s *server) (outcome, error) { return b.putTraffic(ctx, s, load) })
			if err != nil {
				return err
			}
			b.reached = append(b.reached, writing(load, all[0]))
			rates := each(all, func(o outcome) float64 { return o.steps })
			t.row(c.connections, "requests/s", count(rates[0]), count(rates[1]), count(rates[2]), decimal(rates[0]/slices.Max(rates[1:])), c.rate)
			t.durations(c.connections, "p50 ms", all, func(o outcome) float64 { return millis(o.p50) }, "")
			t.durations(c.connections, "p99 ms", all, func(o outcome) float64 { return millis(o.p99) }, c.p99)
			t.durations(c.connections, "CPU µs/record", all, func(o outcome) float64 { return float64(o.cpu.Nanoseconds()) / 1000 }, "")
		}
		t.print(b.out)
		return nil
	})
}

// durations is a row of figures of which the smallest is the best.
func (t *table) durations(connections int, what string, all []outcome, figure func(outcome) float64, aim string) {
	f := each(all, figure)
	t.row(connections, what, decimal(f[0]), decimal(f[1]), decimal(f[2]), decimal(f[0]/slices.Min(f[1:])), aim)
}

func each(all []outcome, figure func(outcome) float64) []float64 {
	var f []float64
	for _, o := range all {
		f = append(f, figure(o))
	}
	return f
}
