package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"drey/store/sql"
)

// LogTarget is a log stream.
type LogTarget struct{ Account, Region, Group, Stream string }

var logStreamARN = regexp.MustCompile(`^arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([^:*]+):log-stream:([^:*]+)$`)

// ParseLogStreamARN reads the ARN of a CloudWatch logging option.
func ParseLogStreamARN(arn string) (LogTarget, error) {
	m := logStreamARN.FindStringSubmatch(arn)
	if m == nil {
		return LogTarget{}, fmt.Errorf("%q is not the ARN of a log stream", arn)
	}
	return LogTarget{Account: m[2], Region: m[1], Group: m[3], Stream: m[4]}, nil
}

// LogEvent is one line of a log.
type LogEvent struct {
	Time    int64 // milliseconds since the epoch
	Message string
}

// ErrNoLogStream is what a LogSink answers when the group or the stream does not exist.
var ErrNoLogStream = errors.New("the log group or log stream does not exist")

// LogSink takes log events. When Append returns nil the events are durable, and the mark with them: both are there or none.
// Marks calls fn for the marks that arrived at since or later, in the order of their arrival.
type LogSink interface {
	Append(ctx context.Context, to LogTarget, events []LogEvent, mark []byte) error
	Marks(ctx context.Context, of LogTarget, since time.Time, fn func(mark []byte)) error
}

// LoggedApplication is an application as far as its log lines go.
type LoggedApplication struct {
	ID      string    // one for each cluster of the application; offsets are kept under it
	ARN     string    // of the application
	RoleARN string    // whose rights decide
	Target  LogTarget // zero: the lines stay in their files
}

// TailerConfig is what a Tailer needs.
type TailerConfig struct {
	DB      *sql.DB // holds the offsets
	Sink    LogSink
	Allowed func(ctx context.Context, a LoggedApplication) error // an error drops the lines; nil = everything is allowed
	Log     *slog.Logger                                         // nil = slog.Default
	Now     func() time.Time                                     // nil = time.Now
	Poll    time.Duration                                        // how often files are looked at; 0 = 200 ms
}

// Tailer ships the lines that Flink processes write into JSON-lines files to the log streams of their applications:
// each line exactly once. It keeps its place over restarts and crashes of the server, also when files were rolled
// meanwhile: where each file stands is a row, and the mark of the events, which a crash between the two leaves newer. As on AWS, lines are lost in silence when stream or
// permission is missing; the operator is told once.
type Tailer struct {
	c TailerConfig

	mu    sync.Mutex
	apps  map[string]*tail
	ended bool
}

// NewTailer brings the table of offsets up to date.
func NewTailer(ctx context.Context, c TailerConfig) (*Tailer, error) {
	if c.Allowed == nil {
		c.Allowed = func(context.Context, LoggedApplication) error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Poll == 0 {
		c.Poll = 200 * time.Millisecond
	}
	if err := c.DB.Migrate(ctx, "telemetry-logs", offsetMigrations); err != nil {
		return nil, err
	}
	if err := forgetLostFiles(ctx, c.DB); err != nil {
		return nil, fmt.Errorf("open the log tailer: %w", err)
	}
	return &Tailer{c: c, apps: map[string]*tail{}}, nil
}

// Follow ships the files of an application from now on, each from where it was left. Calling it again is cheap and
// tells of new files, another target or another role.
func (t *Tailer) Follow(a LoggedApplication, files []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	tl := t.apps[a.ID]
	if tl == nil {
		ctx, cancel := context.WithCancel(context.Background())
		tl = &tail{t: t, cancel: cancel, drain: make(chan struct{}), done: make(chan struct{})}
		t.apps[a.ID] = tl
		if a.Target == (LogTarget{}) {
			t.c.Log.Info("the application has no logging option: its log lines stay in its cluster's files", "application", a.ARN)
		}
		tl.set(a, files)
		go tl.run(ctx)
		return
	}
	tl.set(a, files)
}

// Unfollow ships what the files of an application still hold, and forgets it. When ctx ends first, the rest stays
// unshipped until the files are followed again.
func (t *Tailer) Unfollow(ctx context.Context, id string) {
	t.mu.Lock()
	tl := t.apps[id]
	delete(t.apps, id)
	t.mu.Unlock()
	if tl == nil {
		return
	}
	close(tl.drain)
	select {
	case <-tl.done:
	case <-ctx.Done():
		tl.cancel()
		<-tl.done
	}
}

// Close stops shipping. Nothing is lost: the next Tailer goes on from here.
func (t *Tailer) Close() error {
	t.mu.Lock()
	t.ended = true
	list := t.apps
	t.apps = map[string]*tail{}
	t.mu.Unlock()
	for _, tl := range list {
		tl.cancel()
	}
	for _, tl := range list {
		<-tl.done
	}
	return nil
}

// LogCounts says how many lines of an application were shipped and dropped since it was followed.
type LogCounts struct{ Shipped, Dropped int64 }

// Counts gives the counts of an application; zero when it is not followed.
func (t *Tailer) Counts(id string) LogCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tl := t.apps[id]; tl != nil {
		return LogCounts{tl.shipped.Load(), tl.dropped.Load()}
	}
	return LogCounts{}
}

// ServiceRecord is what the service itself says in an application's log stream ("Analyze logs with CloudWatch Logs
// Insights"). Unlike in Flink's lines the version is a number.
type ServiceRecord struct {
	ApplicationARN       string `json:"applicationARN"`
	ApplicationVersionID int64  `json:"applicationVersionId"`
	Message              string `json:"message"`
	MessageType          string `json:"messageType"` // ERROR …
	MessageSchemaVersion string `json:"messageSchemaVersion"`
	ErrorCode            string `json:"errorCode,omitempty"` // CodeError.InvalidApplicationCode …
}

// ServiceRecord puts r into the application's log stream, if it has one and may write to it.
func (t *Tailer) ServiceRecord(ctx context.Context, a LoggedApplication, r ServiceRecord) error {
	if a.Target == (LogTarget{}) {
		return nil
	}
	r.MessageSchemaVersion = "1"
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // people search for <init>
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("service record of %s: %w", r.ApplicationARN, err)
	}
	message := cutMessage(strings.TrimSuffix(text.String(), "\n"))
	err := t.c.Allowed(ctx, a)
	if err == nil {
		err = t.c.Sink.Append(ctx, a.Target, []LogEvent{{t.c.Now().UnixMilli(), message}}, nil)
		if err != nil && !errors.Is(err, ErrNoLogStream) {
			return fmt.Errorf("service record of %s: %w", r.ApplicationARN, err)
		}
	}
	if err != nil {
		t.c.Log.Warn("a service record was dropped", "application", a.ARN, "group", a.Target.Group, "stream", a.Target.Stream, "reason", err, "record", message)
	}
	return nil
}

// Limits of one batch.
const (
	maxLogBatch    = 1 << 20
	maxLogEvents   = 10_000
	logOverhead    = 26 // what an event counts for beside its message
	maxLogBackoff  = 5 * time.Second
	logsMissing    = "log lines are dropped: create the log group and the log stream, or remove the logging option"
	logsNotAllowed = "log lines are dropped: allow logs:PutLogEvents on the stream in a policy of the application's role"
)

// tail follows the files of one application in a goroutine of its own.
type tail struct {
	t      *Tailer
	cancel context.CancelFunc
	drain  chan struct{} // closed: ship all there is, then end
	done   chan struct{}

	mu    sync.Mutex
	app   LoggedApplication
	files []string

	cursors          []*cursor // of run alone
	said             bool      // that lines are dropped
	shipped, dropped atomic.Int64
}

func (tl *tail) set(a LoggedApplication, files []string) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.app = a
	if !slices.Equal(tl.files, files) {
		tl.files = slices.Clone(files)
	}
}

func (tl *tail) current() (LoggedApplication, []string) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.app, tl.files
}

func (tl *tail) run(ctx context.Context) {
	defer close(tl.done)
	defer tl.cancel()
	defer func() {
		for _, c := range tl.cursors {
			c.close()
		}
	}()
	tick := time.NewTicker(tl.t.c.Poll)
	defer tick.Stop()
	for {
		draining := false
		select {
		case <-ctx.Done():
			return
		case <-tl.drain:
			draining = true
		case <-tick.C:
		}
		if err := tl.pass(ctx, draining); err != nil && ctx.Err() == nil {
			a, _ := tl.current()
			tl.t.c.Log.Error("ship log lines", "application", a.ARN, "error", err)
			if !draining {
				_ = tl.pause(ctx, maxLogBackoff) // ends early with ctx or drain, which the loop sees
			}
		}
		if draining {
			return
		}
	}
}

// pass ships what the files hold now. When draining, a last line without an end counts as a line.
func (tl *tail) pass(ctx context.Context, draining bool) error {
	a, files := tl.current()
	if a.Target == (LogTarget{}) {
		return nil
	}
	if err := tl.reach(ctx, a, files); err != nil {
		return err
	}
	for {
		var b batch
		var errs []error
		more := false
		for _, c := range tl.cursors {
			full, err := c.fill(&b, draining, tl.t.c.Now)
			if err != nil {
				errs = append(errs, err) // the other files and what was read go on
			}
			more = more || full
			tl.tellMissed(a, c)
		}
		errs = append(errs, tl.ship(ctx, &b))
		if err := errors.Join(errs...); err != nil || !more {
			return err
		}
	}
}

// tellMissed tells the operator, who may be asked for lines that nobody will find.
func (tl *tail) tellMissed(a LoggedApplication, c *cursor) {
	if c.missed {
		c.missed = false
		tl.t.c.Log.Warn("log lines may be lost: log files were deleted before all of them was read", "application", a.ARN, "file", c.path)
	}
}

// reach makes cursors for new files and closes those of files that are gone and read.
func (tl *tail) reach(ctx context.Context, a LoggedApplication, files []string) error {
	tl.cursors = slices.DeleteFunc(tl.cursors, func(c *cursor) bool {
		gone := c.gone && !slices.Contains(files, c.path)
		if gone {
			c.close()
		}
		return gone
	})
	var fresh []*cursor
	for _, path := range files {
		if slices.ContainsFunc(tl.cursors, func(c *cursor) bool { return c.path == path }) {
			continue
		}
		saved, err := readOffset(ctx, tl.t.c.DB, a.ID, path)
		if err != nil {
			return err
		}
		c := &cursor{path: path, saved: saved}
		if saved != nil {
			c.batch = saved.Batch
		}
		fresh = append(fresh, c)
	}
	if err := tl.catchUp(ctx, a, fresh); err != nil {
		return err
	}
	tl.cursors = append(tl.cursors, fresh...)
	return nil
}

// catchUp moves saved places to where the marks in the log stream say that the files were left. A batch is shipped when
// the places of the one before are saved, so only one can be newer than all rows, and it arrived after them.
func (tl *tail) catchUp(ctx context.Context, a LoggedApplication, cursors []*cursor) error {
	var since time.Time
	for _, c := range cursors {
		if c.saved != nil && c.saved.at.After(since) {
			since = c.saved.at
		}
	}
	if since.IsZero() {
		return nil
	}
	since = since.Add(-time.Minute) // clocks are set back; older marks do no harm
	var problem error
	err := tl.t.c.Sink.Marks(ctx, a.Target, since, func(b []byte) {
		var m mark
		if err := json.Unmarshal(b, &m); err != nil {
			problem = fmt.Errorf("mark in the log stream of %s: %w", a.ARN, err)
		}
		if m.Application == a.ID {
			m.move(cursors)
		}
	})
	if errors.Is(err, ErrNoLogStream) {
		err = nil
	}
	return errors.Join(err, problem)
}
