// Bench prints, for this machine, how long an application takes from StartApplication until all of its tasks run, as a ratio
// to the same jar on a session cluster of stock Flink that is started by hand, both cold and in the same run; and how soon
// the server is ready and what it occupies when idle; and how long a change of the parallelism stops the processing, in place
// and by a restart, with connectors of Kinesis too; and how many records a job can take that logs a line for each, with and without the collection of the lines. It
// judges nothing.
//
//	go run ./bench
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
)

// shape is what both sides run: one JobManager, so many TaskManagers with one slot each.
type shape struct {
	jar          string
	taskManagers int
	memory       string // of a TaskManager
	properties   map[string]map[string]string
}

// groups are the properties as the API takes them.
func (sh shape) groups() []types.PropertyGroup {
	list := []types.PropertyGroup{} // which must be there
	for id, properties := range sh.properties {
		list = append(list, types.PropertyGroup{PropertyGroupId: &id, PropertyMap: properties})
	}
	return list
}

// parts are what can be measured alone.
var parts = []string{"starts", "rescaling", "connectors", "lines"}

func main() {
	rounds := flag.Int("rounds", 3, "how often each is started")
	parallelism := flag.Int("parallelism", 4, "tasks of each operator, and TaskManagers")
	only := flag.String("only", "", "what is measured, beside the server itself: "+strings.Join(parts, ", ")+"; all if empty")
	flag.Parse()
	if *only != "" && !slices.Contains(parts, *only) {
		fmt.Fprintln(os.Stderr, "bench: there is no part", *only)
		os.Exit(2)
	}
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

	orders := shape{filepath.Join(root, "examples", "order-processor", "target", "order-processor-1.0.jar"), parallelism, "1g", map[string]map[string]string{
		"KinesisSource": {"stream.name": "orders-stream", "aws.region": "us-east-1"}, "KinesisSink": {"stream.name": "order-summaries-stream", "aws.region": "us-east-1"},
	}}
	if err := s.prepare(ctx, orders); err != nil {
		return err
	}
	stock := stockFlink{home: filepath.Join(root, ".cache", "drey", "runtimes", "FLINK-1_18"), work: filepath.Join(work, "stock"), drey: s}
	jars := filepath.Join(root, "e2e", "jars", "target")
	for _, part := range parts {
		if only != "" && part != only {
			continue
		}
		switch part {
		case "starts":
			err = s.starts(ctx, orders, stock, rounds)
		case "rescaling":
			err = s.rescaling(ctx, shape{filepath.Join(jars, "test-portable.jar"), 1, "1g", nil}, rounds)
		case "connectors":
			err = s.connectors(ctx, filepath.Join(root, "bench", "carrier", "target", "carrier.jar"), rounds)
		case "lines":
			err = s.lines(ctx, filepath.Join(jars, "test-lines.jar"), stock, rounds)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// starts prints how long it takes until all tasks run, here and there by turns.
func (s *drey) starts(ctx context.Context, sh shape, stock stockFlink, rounds int) error {
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

func median[T cmp.Ordered](measured []T) T {
	slices.Sort(measured)
	return measured[len(measured)/2]
}
