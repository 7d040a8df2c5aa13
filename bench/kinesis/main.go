// Kinesis measures, in one run on one machine and with one client, the Kinesis API of Drey beside kinesalite and
// kinesis-local: rates, latencies and server CPU; how Drey's figures grow; and what the machine itself allows. It prints
// tables in Markdown, with the aims beside the figures, and judges nothing.
//
//	go run ./bench/kinesis -quick -only puts,put
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	only    string
	seconds float64
	rounds  int
	stored  float64
	quick   bool
	echo    int
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "parts to run, by commas: "+strings.Join(names(), ", "))
	flag.Float64Var(&o.seconds, "seconds", 5, "length of a measurement")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured; the median counts")
	flag.Float64Var(&o.stored, "stored", 2, "GB of the largest store whose growth is measured")
	flag.BoolVar(&o.quick, "quick", false, "short measurements, to see that everything works")
	flag.IntVar(&o.echo, "echo", 0, "be a bare HTTP server that answers so many bytes; the bench starts itself as one")
	flag.Parse()
	if o.quick {
		o.seconds, o.rounds, o.stored = 0.3, 1, 0.05
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o)
	if ctx.Err() != nil && o.echo == 0 {
		err = errors.New("interrupted; all servers have ended")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/kinesis:", err)
		os.Exit(1)
	}
}

// parts in the order in which they run; limits comes last, since it holds its figures against those before.
var parts = []struct {
	name    string
	measure func(*bench, context.Context) error
}{
	{"puts", (*bench).puts},
	{"put", (*bench).put},
	{"get", (*bench).get},
	{"efo", (*bench).efo},
	{"cost", (*bench).cost},
	{"growth", (*bench).growth},
	{"idle", (*bench).idle},
	{"limits", (*bench).limits},
}

func names() []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return all
}

// chosen are the parts that run.
func (o options) chosen() ([]string, error) {
	if o.only == "" {
		return names(), nil
	}
	chosen := strings.Split(o.only, ",")
	for _, c := range chosen {
		if !slices.Contains(names(), c) {
			return nil, fmt.Errorf("-only %s: the parts are %s", c, strings.Join(names(), ", "))
		}
	}
	return chosen, nil
}

// bench is one run.
type bench struct {
	options
	root, work string
	program    string // drey
	out        io.Writer
	servers    []*server // Drey first, then the peers
	streams    int       // made so far
	reached    []figure  // Drey's, for limits
}

func run(ctx context.Context, o options) error {
	if o.echo > 0 {
		return serveEcho(ctx, o.echo)
	}
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	cache := filepath.Join(root, ".cache") // and not /tmp, which may lie in memory, where fsync costs nothing
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "bench-kinesis-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{options: o, root: root, work: work, program: filepath.Join(work, "drey"), out: os.Stdout}
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.describe(ctx); err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains(chosen, p.name) {
			continue
		}
		if err := p.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// describe tells on what the figures were taken.
func (b *bench) describe(ctx context.Context) error {
	node, err := b.output(ctx, "node", "--version")
	if err != nil {
		return err
	}
	disk, err := b.output(ctx, "stat", "--file-system", "--format=%T", b.work)
	if err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.out, "%d processors (load before: %.4s), %s, Node %s, data on %s; %g s a measurement, medians of %d\n",
		runtime.NumCPU(), load, runtime.Version(), node, disk, b.seconds, b.rounds)
	return err
}

func (b *bench) length() time.Duration { return time.Duration(b.seconds * float64(time.Second)) }

// warmup comes before each measurement: long enough for a JIT to compile what is hot.
func (b *bench) warmup() time.Duration { return min(b.length(), 2*time.Second) }

// besidePeers runs a part with Drey and both peers, each freshly started, and ends them.
func (b *bench) besidePeers(ctx context.Context, measure func(context.Context) error) error {
	return b.beside(ctx, measure, b.openDrey, b.openKinesalite, b.openKinesisLocal)
}

// withDrey runs a part with a Drey on an empty data directory, and ends it.
func (b *bench) withDrey(ctx context.Context, measure func(context.Context, *server) error) error {
	return b.beside(ctx, func(ctx context.Context) error { return measure(ctx, b.servers[0]) }, b.openDrey)
}

func (b *bench) beside(ctx context.Context, measure func(context.Context) error, opens ...func(context.Context) (*server, error)) (err error) {
	defer func() {
		for _, s := range b.servers {
			err = errors.Join(err, s.close())
		}
		b.servers = nil
	}()
	for _, open := range opens {
		s, err := open(ctx)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, s)
	}
	return measure(ctx)
}
