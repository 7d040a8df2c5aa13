// Bench prints, for this machine, how long an application takes from StartApplication until all of its tasks run, as a ratio
// to the same jar on a session cluster of stock Flink that is started by hand, both cold and in the same run; and how soon
// the server is ready and what it occupies when idle; and how long a change of the parallelism stops the processing, in place
// and by a restart, with connectors of Kinesis too. It judges nothing.
//
//	go run ./bench
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// shape is what both sides run: one JobManager, so many TaskManagers with one slot each.
type shape struct {
	jar          string
	taskManagers int
	memory       string // of a TaskManager
}

func main() {
	rounds := flag.Int("rounds", 3, "how often each is started")
	parallelism := flag.Int("parallelism", 4, "tasks of each operator, and TaskManagers")
	only := flag.String("only", "", "one part: start, rescaling, connectors")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, *rounds, *parallelism); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, rounds, parallelism int) (err error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "drey-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	s, err := openDrey(ctx, root, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Printf("server ready            %6d ms   (aim: < 100)\n", s.ready.Milliseconds())
	fmt.Printf("server idle             %6.1f MB   (aim: < 50)\n", float64(s.idle)/1e6)

	sh := shape{filepath.Join(root, "examples", "order-processor", "target", "order-processor-1.0.jar"), parallelism, "1g"}
	if err := s.prepare(ctx, sh); err != nil {
		return err
	}
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"start", func() error { return s.starts(ctx, root, work, sh, rounds) }},
		{"rescaling", func() error {
			return s.rescaling(ctx, filepath.Join(root, "e2e", "jars", "target", "test-portable.jar"), rounds)
		}},
		{"connectors", func() error {
			return s.connectors(ctx, filepath.Join(root, "bench", "carrier", "target", "carrier.jar"), rounds)
		}},
	} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// starts prints how long it takes until all tasks run, beside stock Flink.
func (s *drey) starts(ctx context.Context, root, work string, sh shape, rounds int) error {
	stock := stockFlink{home: filepath.Join(root, ".cache", "drey", "runtimes", "FLINK-1_18"), work: filepath.Join(work, "stock"), drey: s}
	var ours, theirs []time.Duration
	for i := range rounds {
		t, err := stock.start(ctx, sh)
		if err != nil {
			return fmt.Errorf("stock Flink: %w", err)
		}
		d, err := s.start(ctx)
		if err != nil {
			return fmt.Errorf("StartApplication: %w", err)
		}
		ours, theirs = append(ours, d), append(theirs, t)
		fmt.Printf("round %d                 %6.2f s    stock Flink %.2f s\n", i+1, d.Seconds(), t.Seconds())
	}
	d, t := median(ours), median(theirs)
	fmt.Printf("start to all tasks run  %6.2f s    stock Flink %.2f s (medians; %d TaskManagers, cold)\n", d.Seconds(), t.Seconds(), sh.taskManagers)
	fmt.Printf("ratio                   %6.2f      (aim: ≤ 0.60)\n", d.Seconds()/t.Seconds())
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
