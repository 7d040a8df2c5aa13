// Package reconcile keeps every application as it is wanted: one goroutine per application observes, asks app.Plan for the
// next step, stores the intent, acts, stores the outcome, and looks again. A hint wakes it and never steers it, so a
// restart of the server, a retry and normal work are one path. It decides nothing: that is package app's business.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/flink"
)

// Tokens gives the token by which an application's processes get credentials of its role.
type Tokens interface {
	ApplicationToken(ctx context.Context, account, applicationARN, roleARN string) (string, error)
	ForgetApplication(ctx context.Context, account, applicationARN string) error
}

// Telemetry follows running applications. Watch is called at every pass and must be cheap; reporter is the name under which the
// application's processes report their metrics.
type Telemetry interface {
	Watch(a *app.Application, reporter string, r driver.Report)
	Forget(a *app.Application)
	// Record writes a service record into the application's log stream, Note one that tells of no error.
	Record(ctx context.Context, a *app.Application, errorCode, message string)
	Note(ctx context.Context, a *app.Application, message string)
	// CPU gives the use of CPU by the application's KPUs, oldest minute first.
	CPU(ctx context.Context, a *app.Application) ([]app.Load, error)
}

// Config is what the keeper needs.
type Config struct {
	DB            *appdb.DB
	Driver        driver.Driver
	Tokens        Tokens
	Telemetry     Telemetry
	StateDir      string // state of applications lies below
	CodeDir       string // staged code, by its SHA-256
	SnapshotDir   string // enhanced snapshots lie below
	Objects       Objects
	KPUMemory     int64  // bytes
	Credentials   string // URI of the container-credentials endpoint
	TelemetryHost string
	// StateChecker gives the host path of a runtime's compiled StateCheckClass; "" = there is none.
	StateChecker func(runtime string) string
	// Compatible tells why state of one runtime cannot be restored on another; nil = it can.
	Compatible func(from, to string) error
	// Rescales tells whether a runtime can rescale a running job in place.
	Rescales func(runtime string) bool
	Scaling  app.Rule
	MaxKPUs  int // of one application
	Log      *slog.Logger
	Now      func() time.Time
}

// Keeper owns the goroutines of all applications.
type Keeper struct {
	Config
	flinks       flink.Connections
	snapshotHint chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	loops map[app.Key]*loop
}

// Open takes up every application where the last server left it.
func Open(ctx context.Context, c Config) (*Keeper, error) {
	k := &Keeper{Config: c, loops: map[app.Key]*loop{}, snapshotHint: make(chan struct{}, 1)}
	k.ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var known []*app.Application
	err := c.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		known, err = tx.EveryApplication()
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, a := range known {
		k.Poke(a.Key)
	}
	k.wg.Go(newVault(k).run)
	return k, nil
}

// Close stops looking. Jobs go on.
func (k *Keeper) Close() error {
	k.cancel()
	k.wg.Wait()
	k.flinks.Close()
	return nil
}

// Poke hints that an application has changed.
func (k *Keeper) Poke(key app.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.loops[key]
	if l == nil {
		l = newLoop(k, key)
		k.loops[key] = l
		k.wg.Go(l.run)
	}
	select {
	case l.hint <- struct{}{}:
	default:
	}
}

// Health tells whether the application's job was up at the last look. Where that is not known it waits a little for a look
// that tells.
func (k *Keeper) Health(ctx context.Context, key app.Key) app.Health {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for {
		health, next := k.lastLook(key)
		if health != app.NotKnown || next == nil {
			return health
		}
		select {
		case <-ctx.Done():
			return app.NotKnown
		case <-next:
		}
	}
}

// lastLook gives what the last look at an application saw, and a channel that is closed by the next; nil =
// nobody looks.
func (k *Keeper) lastLook(key app.Key) (app.Health, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.loops[key]
	if l == nil {
		return app.NotKnown, nil
	}
	return l.health, l.looked
}

// saw notes what a look has seen.
func (l *loop) saw(health app.Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.health = health
	close(l.looked)
	l.looked = make(chan struct{})
}

// Checkpoint gives the path of the newest completed checkpoint of the application's job; "" = it has none.
func (k *Keeper) Checkpoint(a *app.Application) string {
	if a.Run == nil {
		return ""
	}
	return newestCheckpoint(k.state(a), a.Run.JobID)
}

// RESTAddress gives the address of the JobManager of an application, http://127.0.0.1:port; "" = it has none, or its job does
// not run.
func (k *Keeper) RESTAddress(ctx context.Context, key app.Key) (string, error) {
	a, err := k.DB.Application(ctx, key)
	if errors.Is(err, appdb.ErrNotFound) || err == nil && a.Status() != app.Running {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	r, err := k.report(ctx, a)
	return r.RESTAddress, err
}

// JobPlan gives the plan of the running job, in Flink's JSON; "" = none runs.
func (k *Keeper) JobPlan(ctx context.Context, a *app.Application) string {
	if a.Run == nil || a.Cluster == nil {
		return ""
	}
	r, err := k.report(ctx, a)
	if err != nil {
		return ""
	}
	plan, err := k.client(r).Plan(ctx, a.Run.JobID)
	if err != nil {
		return ""
	}
	return plan
}

// Pauses between looks.
const (
	busyPause   = 100 * time.Millisecond
	steadyPause = time.Second
	errorPause  = 3 * time.Second
	maxPause    = time.Minute // between tries of what fails again and again
	never       = time.Duration(-1)
	lookTimeout = 3 * time.Second // that a caller waits for a look which tells how a job is
)

// loop keeps one application.
type loop struct {
	*Keeper
	key       app.Key
	hint      chan struct{}
	health    app.Health    // at the last look; guarded by Keeper.mu
	looked    chan struct{} // closed by the next look; guarded by Keeper.mu
	failures  int           // passes that failed since one that found all well
	told      told          // what the log knows already
	collected string        // the job for which checkpoints of earlier ones were removed
	bringing  sync.Mutex
	call      *call // nil = none is under way
	scaling   scaling
	status    app.Status // as it was said last
	token     string
	tokenFor  tokenOf
}

func newLoop(k *Keeper, key app.Key) *loop {
	return &loop{Keeper: k, key: key, hint: make(chan struct{}, 1), looked: make(chan struct{})}
}

// tokenOf is what a token was given for.
type tokenOf struct{ id, arn, role string }

// run looks until the application is erased or the keeper closes.
func (l *loop) run() {
	defer l.abandon()
	for {
		pause, err := l.pass(l.ctx)
		if errors.Is(err, appdb.ErrNotFound) {
			if l.forget() {
				return
			}
			continue // it was created anew
		}
		if err != nil && l.ctx.Err() == nil {
			l.Log.Error("keep application", "application", l.key.Name, "error", err)
			pause = retryPause(l.failures)
			l.failures++
		}
		var timer <-chan time.Time
		if pause != never {
			timer = time.After(pause)
		}
		select {
		case <-l.ctx.Done():
			return
		case <-l.hint:
		case <-timer:
		}
	}
}

// retryPause is how long to wait after an error, when so many came before it.
func retryPause(failures int) time.Duration {
	return min(errorPause<<min(failures, 10), maxPause)
}

// forget ends the loop of an erased application, unless it was created anew meanwhile.
func (l *loop) forget() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.hint) > 0 {
		l.health = app.NotKnown
		return false
	}
	delete(l.loops, l.key)
	return true
}

// pass looks once and takes one step.
func (l *loop) pass(ctx context.Context) (time.Duration, error) {
	a, err := l.DB.Application(ctx, l.key)
	if err != nil {
		return never, err
	}
	s, err := l.observe(ctx, a)
	if err != nil {
		l.saw(app.NotKnown)
		return 0, err
	}
	l.saw(s.Health(a))
	if err := l.snapshots(ctx, a, &s); err != nil {
		return 0, err
	}
	if err := l.enhanced(ctx, a, &s); err != nil {
		return 0, err
	}
	if err := l.collect(a); err != nil {
		return 0, err
	}
	if status := a.Status(); status != l.status {
		l.Log.Info("application", "name", a.Name, "status", status, "version", a.Version.ID)
		l.status = status
	}
	step := app.Plan(a, s.Observed, l.Now())
	if step.Kind != app.Wait && step.Kind != app.Idle {
		l.Log.Debug("step", "application", l.key.Name, "step", step.Kind, "error", step.Error)
	}
	if err := l.act(ctx, a, s, step); err != nil {
		return 0, err
	}
	if step.Kind == app.Idle {
		l.failures = 0
	}
	return pause(a, step, s), nil
}

func pause(a *app.Application, step app.Step, s sight) time.Duration {
	switch {
	case step.Kind == app.Wait, s.snapshotting:
		return busyPause
	case step.Kind != app.Idle:
		return 0
	case a.Run == nil:
		return never
	}
	return steadyPause
}
