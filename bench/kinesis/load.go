package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// worker is one connection's part of a load.
type worker interface {
	// step sends one request, or takes one event, and tells how many records it was about.
	step() (records int, err error)
	Close() error
}

// outcome is one measurement.
type outcome struct {
	steps, records float64       // a second
	p50, p99       time.Duration // of steps
	cpu            time.Duration // of the server, for each record
	answer         int           // average length of an answer's body
}

// measure lets the workers run side by side: first to warm up, then for the length of the measurement. Each works until
// the time is over and finishes the step that it has begun; the rate is the sum of theirs.
func (b *bench) measure(ctx context.Context, s *server, workers []worker) (outcome, error) {
	if _, err := work(ctx, workers, b.warmup()); err != nil {
		return outcome{}, s.fail(err)
	}
	before, err := s.cpu()
	if err != nil {
		return outcome{}, err
	}
	shares, err := work(ctx, workers, b.length())
	if err != nil {
		return outcome{}, s.fail(err)
	}
	after, err := s.cpu()
	if err != nil {
		return outcome{}, err
	}
	o := sum(shares, after-before)
	if o.records == 0 {
		return o, s.fail(errNothing)
	}
	return o, nil
}

// errNothing keeps a measurement that met no record from passing as a slow one.
var errNothing = errors.New("no record in the whole measurement")

// share is what one worker did.
type share struct {
	records int
	elapsed time.Duration
	steps   []time.Duration
}

func work(ctx context.Context, workers []worker, length time.Duration) ([]share, error) {
	shares := make([]share, len(workers))
	var g errgroup.Group
	for i, w := range workers {
		shares[i].steps = make([]time.Duration, 0, 1<<16)
		g.Go(func() error { return shares[i].fill(ctx, w, length) })
	}
	return shares, g.Wait()
}

func (sh *share) fill(ctx context.Context, w worker, length time.Duration) error {
	began := time.Now()
	for now := began; sh.elapsed < length; {
		n, err := w.step()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		end := time.Now()
		sh.steps = append(sh.steps, end.Sub(now))
		sh.records += n
		sh.elapsed, now = end.Sub(began), end
	}
	return nil
}

func sum(shares []share, cpu time.Duration) outcome {
	var o outcome
	var steps []time.Duration
	records := 0
	for _, sh := range shares {
		o.steps += float64(len(sh.steps)) / sh.elapsed.Seconds()
		o.records += float64(sh.records) / sh.elapsed.Seconds()
		steps = append(steps, sh.steps...)
		records += sh.records
	}
	slices.Sort(steps)
	o.p50, o.p99 = percentile(steps, 50), percentile(steps, 99)
	if records > 0 {
		o.cpu = cpu / time.Duration(records)
	}
	return o
}

// percentile gives the smallest of the sorted values that at least p of a hundred do not exceed (nearest rank); 0 of none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// middle takes the median of each figure; of an even number, the larger of the two.
func middle(outcomes []outcome) outcome {
	return outcome{
		steps:   median(outcomes, func(o outcome) float64 { return o.steps }),
		records: median(outcomes, func(o outcome) float64 { return o.records }),
		p50:     median(outcomes, func(o outcome) time.Duration { return o.p50 }),
		p99:     median(outcomes, func(o outcome) time.Duration { return o.p99 }),
		cpu:     median(outcomes, func(o outcome) time.Duration { return o.cpu }),
		answer:  median(outcomes, func(o outcome) int { return o.answer }),
	}
}

func median[T any, V cmp.Ordered](of []T, figure func(T) V) V {
	var all []V
	for _, o := range of {
		all = append(all, figure(o))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// averageAnswer is that of the first connection; the others' are like it.
func averageAnswer(workers []worker) int { return workers[0].(interface{ average() int }).average() }

// closeAll ends the workers' connections. What the servers would say about it is of no interest.
func closeAll(workers []worker) {
	for _, w := range workers {
		_ = w.Close()
	}
}

// compare measures the same on all servers in turn, so often as there are rounds, and gives the medians in the order of
// the servers.
func (b *bench) compare(ctx context.Context, measure func(context.Context, *server) (outcome, error)) ([]outcome, error) {
	all := make([][]outcome, len(b.servers))
	for range b.rounds {
		for i, s := range b.servers {
			o, err := measure(ctx, s)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], o)
		}
	}
	var medians []outcome
	for _, outcomes := range all {
		medians = append(medians, middle(outcomes))
	}
	return medians, nil
}
