package telemetry

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Namespace is where all metrics of applications go.
const Namespace = "AWS/KinesisAnalytics"

// Dimension is a name and value of a sample.
type Dimension struct{ Name, Value string }

// Datum is one sample. Its value is finite; its unit is one of CloudWatch's.
type Datum struct {
	Name       string
	Dimensions []Dimension
	Time       time.Time
	Value      float64
	Unit       string
}

// MetricSink takes samples. When Put returns nil they are durable.
type MetricSink interface {
	Put(ctx context.Context, account, region, namespace string, data []Datum) error
}

// Container is the use of resources by one TaskManager since its start.
type Container struct {
	Name                   string
	CPUSeconds             float64
	CPULimit               float64 // cores
	MemoryBytes, MemoryMax int64
	DiskBytes, DiskMax     int64
}

// Application is what the Receiver must know of who reports.
type Application struct {
	Account, Region, Name string
	MetricsLevel          string // APPLICATION (also ""), TASK, OPERATOR or PARALLELISM
	Flink2                bool   // its Flink is 2.0 or later
	// Containers measures the TaskManagers; nil = not measured. It is called twice a minute, never at the same time.
	Containers func(context.Context) ([]Container, error)
}

// Facts are what the keeper of an application knows and Flink's reports do not tell.
type Facts struct {
	DownSince time.Time // since when the job is not running; zero = it runs
	Restarts  int       // how often the job was submitted anew after its JobManager died, less what Flink counts and is none
	KPUs      int       // in use, the one of orchestration included; 0 = not known
}

// ReceiverConfig is what a Receiver needs.
type ReceiverConfig struct {
	Sink MetricSink
	Log  *slog.Logger     // nil = slog.Default
	Now  func() time.Time // nil = time.Now
	Tick time.Duration    // how often facts and containers are looked at; 0 = every 5 seconds
	// Minute is the length of the datapoints of Load, in each of which containers are measured twice; 0 = a minute.
	Minute time.Duration
	// History gives the datapoints of Load that lie before those of this Receiver; nil = they are lost.
	History func(ctx context.Context, a Application, from, to time.Time) ([]Load, error)
}

// Receiver takes reports of applications that are registered.
type Receiver struct {
	ReceiverConfig
	mu     sync.Mutex
	apps   map[string]*reporter // by token
	cancel context.CancelFunc
	done   chan struct{}
}

// NewReceiver starts the clock of the Receiver.
func NewReceiver(ctx context.Context, c ReceiverConfig) *Receiver {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Minute == 0 {
		c.Minute = time.Minute
	}
	if c.Tick == 0 {
		c.Tick = min(5*time.Second, c.Minute/6)
	}
	r := &Receiver{ReceiverConfig: c, apps: map[string]*reporter{}, done: make(chan struct{})}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go r.run(ctx)
	return r
}

// Close stops the clock. Reports are taken as long as somebody hands them in.
func (r *Receiver) Close() error {
	r.cancel()
	<-r.done
	return nil
}

// Register lets the application report under the token. Doing it again replaces what is known of the application and
// keeps what was reported.
func (r *Receiver) Register(token string, a Application) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.apps[token]
	if p == nil {
		p = &reporter{sampled: map[string]int64{}, cpu: map[string]cpuUse{}}
		r.apps[token] = p
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.app = a
}

// Unregister forgets the application. Unknown tokens are no error.
func (r *Receiver) Unregister(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.apps, token)
}

// Observe hands in facts of a registered application; they hold until the next ones. It is cheap.
func (r *Receiver) Observe(token string, f Facts) {
	if p := r.reporter(token); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.facts = f
	}
}

func (r *Receiver) reporter(token string) *reporter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.apps[token]
}

// ErrUnknownToken is the answer to reports of nobody that is registered.
var ErrUnknownToken = errors.New("no application reports under this token")

const maxReport = 64 << 20 // bytes of one report, unpacked

// Write takes one report in the Influx line protocol, gzip or plain. Lines that cannot be read are an error, the other
// lines of the report count.
func (r *Receiver) Write(ctx context.Context, token string, body io.Reader) error {
	p := r.reporter(token)
	if p == nil {
		return ErrUnknownToken
	}
	text, err := unpack(body)
	if err != nil {
		return fmt.Errorf("metrics report: %w", err)
	}
	var lines []line
	bad := parseLines(text, func(l line) { lines = append(lines, l) })
	a, data := p.report(lines, r.Now())
	if err := r.put(ctx, a, data); err != nil {
		return err
	}
	return bad
}

func unpack(body io.Reader) ([]byte, error) {
	b := bufio.NewReader(body)
	var in io.Reader = b
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b { // a shorter body is no gzip
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		in = z
	}
	text, err := io.ReadAll(io.LimitReader(in, maxReport+1))
	if err == nil && len(text) > maxReport {
		err = fmt.Errorf("more than %d bytes", maxReport)
	}
	return text, err
}

func (r *Receiver) put(ctx context.Context, a Application, data []Datum) error {
	if len(data) == 0 {
		return nil
	}
	if err := r.Sink.Put(ctx, a.Account, a.Region, Namespace, data); err != nil {
		return fmt.Errorf("metrics of %s: %w", a.Name, err)
	}
	return nil
}

func (r *Receiver) run(ctx context.Context) {
	defer close(r.done)
	t := time.NewTicker(r.Tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.tick(ctx)
		}
	}
}

// tick publishes what no report tells.
func (r *Receiver) tick(ctx context.Context) {
	r.mu.Lock()
	apps := make([]*reporter, 0, len(r.apps))
	for _, p := range r.apps {
		apps = append(apps, p)
	}
	r.mu.Unlock()
	for _, p := range apps {
		a, data := p.observed(r.Now())
		containers, err := p.containers(ctx, r.Minute, r.Now())
		if err != nil && ctx.Err() == nil {
			r.Log.Debug("measure containers", "application", a.Name, "error", err)
		}
		if err := r.put(ctx, a, append(data, containers...)); err != nil && ctx.Err() == nil {
			r.Log.Error("publish metrics", "application", a.Name, "error", err)
		}
	}
}

// reporter is one application's state.
type reporter struct {
	mu      sync.Mutex
	app     Application
	facts   Facts
	sampled map[string]int64 // when, Unix milliseconds, by metric, dimensions and reporting entity
	swept   int64            // the minute in which old ones were forgotten last
	kpus    int64            // the hour that has a sample of KPUs
	cpu     map[string]cpuUse

	load     []Load
	recalled bool // load begins with what others remember
}

// cpuUse is a measurement that the next one is compared with.
type cpuUse struct {
	at      time.Time
	seconds float64
}

// due tells, once for each part of a minute, that a sample of the series is wanted.
func (p *reporter) due(series string, perMinute int, now time.Time) bool {
	part := func(ms int64) int64 { return ms * int64(perMinute) / 60000 }
	if last, ok := p.sampled[series]; ok && part(last) >= part(now.UnixMilli()) {
		return false
	}
	p.sampled[series] = now.UnixMilli()
	return true
}

// forget drops series of subtasks and processes that are gone, so that restarts do not pile up.
func (p *reporter) forget(now time.Time) {
	const many = 50000
	if minute := now.Unix() / 60; len(p.sampled) > many && p.swept != minute {
		maps.DeleteFunc(p.sampled, func(_ string, last int64) bool { return now.UnixMilli()-last > 60000 })
		p.swept = minute
	}
}
