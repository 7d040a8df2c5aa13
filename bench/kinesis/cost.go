package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// cost runs the Go benchmarks of the service behind the edge, without a network, for what a record allocates.
func (b *bench) cost(ctx context.Context) error {
	length := "1s"
	if b.quick {
		length = "20x"
	}
	out, err := b.output(ctx, "go", "test", "-run=^$", "-bench=^Benchmark(PutRecord|GetRecord)", "-benchmem", "-benchtime="+length, "./kinesis")
	if err != nil {
		return err
	}
	costs, err := parseCosts(out)
	if err != nil {
		return err
	}
	t := newTable("Allocation for each record, from signed request to answer, without the network", "benchmark", "bytes", "objects", "µs")
	for _, c := range costs {
		t.row(c.name, decimal(c.bytes), decimal(c.objects), decimal(c.nanoseconds/1000))
	}
	t.print(b.out)
	return nil
}

// cost is what a benchmark spends on each record.
type cost struct {
	name                        string
	nanoseconds, bytes, objects float64
}

var measured = regexp.MustCompile(`([\d.e+]+) (\S+)`)

// parseCosts reads the output of go test -bench -benchmem ("Go benchmark data format").
func parseCosts(out string) ([]cost, error) {
	var all []cost
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(line, "\t")
		name, ok := strings.CutPrefix(name, "Benchmark")
		if !ok {
			continue
		}
		figures := map[string]float64{}
		for _, m := range measured.FindAllStringSubmatch(rest, -1) {
			f, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			figures[m[2]] = f
		}
		records := figures["records/op"]
		if records == 0 {
			return nil, fmt.Errorf("%q tells no records/op", line)
		}
		name, _, _ = strings.Cut(strings.TrimSpace(name), "-") // without the number of processors
		all = append(all, cost{name, figures["ns/op"] / records, figures["B/op"] / records, figures["allocs/op"] / records})
	}
	return all, nil
}
