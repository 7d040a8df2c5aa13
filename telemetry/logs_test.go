package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"drey/store/sql"
)

// journal is a sink that keeps what it is given, and fails on demand.
type journal struct {
	mu      sync.Mutex
	events  []LogEvent
	marks   [][]byte
	batches int
	err     error
	changed chan struct{}
}

func (j *journal) Append(_ context.Context, _ LogTarget, events []LogEvent, mark []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer func() {
		close(j.changed)
		j.changed = make(chan struct{})
	}()
	if j.err != nil {
		return j.err
	}
	j.events, j.batches, j.marks = append(j.events, events...), j.batches+1, append(j.marks, mark)
	return nil
}

func (j *journal) Marks(_ context.Context, _ LogTarget, _ time.Time, fn func([]byte)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range j.marks {
		if m != nil {
			fn(m)
		}
	}
	return nil
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

// wait waits until the journal satisfies the condition.
func (j *journal) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		j.mu.Lock()
		done, changed := ok(), j.changed
		j.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s: it has %d events", what, len(j.events))
		}
	}
}

func (j *journal) texts() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var s []string
	for _, e := range j.events {
		s = append(s, e.Message)
	}
	return strings.Join(s, "\n")
}

// desk is a Tailer with its journal, its server log and a directory of log files.
type desk struct {
	*Tailer
	t    *testing.T
	dir  string
	db   *sql.DB
	sink *journal
	said *bytes.Buffer
	may  error
	app  LoggedApplication
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, dir: t.TempDir(), sink: &journal{changed: make(chan struct{})}, said: &bytes.Buffer{}}
	d.app = LoggedApplication{ID: "app-1", ARN: "arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders", Target: LogTarget{"123456789012", "us-east-1", "g", "s"}}
	db, err := sql.Open(filepath.Join(d.dir, "drey.db"))
	if err != nil {
		t.Fatal(err)
	}
	d.db = db
	d.start()
	t.Cleanup(func() {
		if err := errors.Join(d.Tailer.Close(), d.db.Close()); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *desk) start() {
	d.t.Helper()
	tailer, err := NewTailer(d.t.Context(), TailerConfig{
		DB: d.db, Sink: d.sink, Poll: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(d.said, nil)),
		Now:     func() time.Time { return time.UnixMilli(1_000_000) },
		Allowed: func(context.Context, LoggedApplication) error { return d.may },
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Tailer = tailer
}

func (d *desk) restart() {
	d.t.Helper()
	if err := d.Tailer.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.start()
}

func (d *desk) file(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name, text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.file(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) rename(from, to string) {
	d.t.Helper()
	if err := os.Rename(d.file(from), d.file(to)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) shipped(n int) {
	d.t.Helper()
	d.sink.wait(d.t, fmt.Sprintf("%d events", n), func() bool { return len(d.sink.events) >= n })
}

// drained ends following and compares all that was shipped.
func (d *desk) drained(want ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
	defer cancel()
	d.Unfollow(ctx, d.app.ID)
	if got := d.sink.texts(); got != strings.Join(want, "\n") {
		d.t.Errorf("shipped:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestLogLine(t *testing.T) {
	for line, want := range map[string]LogEvent{
		`{"a":1,"timestamp":1234,"message":"x, \"y\"","n":{"timestamp":5}}`: {1234, `{"a":1,"message":"x, \"y\"","n":{"timestamp":5}}`},
		`{"timestamp":1}`:                           {1, `{}`},
		`{"timestamp":1, "b" : [1, 2]}`:             {1, `{"b" : [1, 2]}`},
		`{"a":1,"timestamp":2} `:                    {2, `{"a":1}`},
		`{"a":1 , "timestamp":2 , "b":3}`:           {2, `{"a":1 , "b":3}`},
		` { "timestamp":2 , "b":3}`:                 {2, `{"b":3}`},
		`{"time\u0073tamp":2,"b":"\\"}`:             {2, `{"b":"\\"}`},
		`{"timestamp":1,"a":2,"a":3,"timestamp":4}`: {1, `{"a":2,"a":3,"timestamp":4}`},
		`{"timestamp":-1}`:                          {7, `{"timestamp":-1}`},
		`{"timestamp":1.5}`:                         {7, `{"timestamp":1.5}`},
		strings.Repeat("[", 1<<18):                  {7, strings.Repeat("[", 1<<18)},
		`{"a":1}`:                                   {7, `{"a":1}`},
		`{"timestamp":"x","a":1}`:                   {7, `{"timestamp":"x","a":1}`},
		`{"timestamp":1,"a":`:                       {7, `{"timestamp":1,"a":`},
		`{"timestamp":1}{"timestamp":2}`:            {7, `{"timestamp":1}{"timestamp":2}`},
		`Exception in thread "main"`:                {7, `Exception in thread "main"`},
		"bad \xff byte":                             {7, "bad \uFFFD byte"},
	} {
		if got := logLine([]byte(line), 7); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
	if n := len(logLine([]byte(strings.Repeat("é", maxLogBatch)), 7).Message); n != maxLogMessage {
		t.Errorf("a long line became %d bytes", n)
	}
}

func TestShipsLinesAsTheyAreWritten(t *testing.T) {
	d := newDesk(t)
	d.write("jm.json", `{"timestamp":5,"message":"one"}`+"\n"+`{"timestamp":6,"mess`)
	d.Follow(d.app, []string{d.file("jm.json"), d.file("tm.json")})
	d.shipped(1)
	d.write("jm.json", `age":"two"}`+"\nplain\n\n")
	d.shipped(3)
	d.write("tm.json", "torn")
	d.drained(`{"message":"one"}`, `{"message":"two"}`, "plain", "torn")
	if e := d.sink.events; e[0].Time != 5 || e[1].Time != 6 || e[2].Time != 1_000_000 {
		t.Errorf("times: %v", e)
	}
}

func TestKeepsItsPlaceOverRestarts(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", "1\n2\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(2)
	d.restart()
	d.write("a.json", "3\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(3)
	d.drained("1", "2", "3")
	d.Follow(d.app, []string{d.file("a.json")})
	d.write("a.json", "4\n")
	d.shipped(4)
	d.drained("1", "2", "3", "4")
}

func TestRollingWhileFollowed(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", "1\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(1)
	d.write("a.json", "2\n")
	d.rename("a.json", "a.json.1")
	d.write("a.json", "3\n")
	d.shipped(3)
	d.rename("a.json", "a.json.2")
	d.write("a.json", "4\n")
	d.shipped(4)
	d.drained("1", "2", "3", "4")
}

// TestRollingWhileAway rolls four times over the three files that log4j2 keeps while no server runs.
func TestRollingWhileAway(t *testing.T) {
	for name, rolls := range map[string]int{"once": 1, "three times": 3, "until the file is gone": 5} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.write("a.json", "begin\n")
			d.Follow(d.app, []string{d.file("a.json")})
			d.shipped(1)
			d.restart()
			want := []string{"begin"}
			d.write("a.json", "tail\n")
			if rolls < 4 {
				want = append(want, "tail")
			}
			for i := range rolls {
				d.roll("a.json", 3)
				text := fmt.Sprintf("roll %d", i)
				d.write("a.json", text+"\n")
				if i >= rolls-4 {
					want = append(want, text)
				}
			}
			d.Follow(d.app, []string{d.file("a.json")})
			d.shipped(len(want))
			d.drained(want...)
			if told := strings.Contains(d.said.String(), "lines may be lost"); told != (rolls > 3) {
				t.Errorf("it says %q", d.said)
			}
		})
	}
}

// TestRollingAllTheTime rolls files at every moment of the reading, by cursors that take up where the last one was: each line is there
// once while the reader is no more files behind than are kept.
func TestRollingAllTheTime(t *testing.T) {
	const kept, lines = 6, 2000
	d := newDesk(t)
	var read atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := &cursor{path: d.file("a.json")}
		for n := int64(0); n < lines && !t.Failed(); n = read.Load() {
			var b batch
			if _, err := c.fill(&b, false, time.Now); err != nil {
				t.Error(err)
			}
			for i, e := range b.events {
				if e.Message != fmt.Sprint("line ", n+int64(i)) {
					t.Errorf("after %d lines comes %q", n+int64(i), e.Message)
				}
			}
			if c.missed {
				t.Errorf("after %d lines it misses files", n)
			}
			if read.Add(int64(len(b.events))); c.file != nil && n%5 == 0 {
				p, err := c.where()
				if err != nil {
					t.Error(err)
				}
				c.close()
				c = &cursor{path: c.path, saved: &p}
			}
		}
		c.close()
	}()
	for i := int64(0); i < lines && !t.Failed(); runtime.Gosched() {
		if i-read.Load() < kept-1 {
			d.roll("a.json", kept)
			d.write("a.json", fmt.Sprint("line ", i, "\n"))
			i++
		}
	}
	<-done
}

// roll renames files as log4j2 does: when there are as many as are kept, the oldest goes and the others move down one by one.
func (d *desk) roll(name string, kept int) {
	d.t.Helper()
	rolled := func(n int) string { return fmt.Sprintf("%s.%d", name, n) }
	there := func(name string) bool {
		_, err := os.Lstat(d.file(name))
		return err == nil
	}
	n := 1
	for n <= kept && there(rolled(n)) {
		n++
	}
	if n > kept {
		if err := os.Remove(d.file(rolled(1))); err != nil {
			d.t.Fatal(err)
		}
		for n = 1; n < kept; n++ {
			d.rename(rolled(n+1), rolled(n))
		}
	}
	if there(name) {
		d.rename(name, rolled(n))
	}
}

func TestAnotherFileWithTheSameInodeIsNew(t *testing.T) {
	d := newDesk(t)
	d.write("a.json", "first line\nsecond\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(2)
	d.restart()
	if err := os.WriteFile(d.file("a.json"), []byte("other line\nand more than before\n"), 0o600); err != nil { // same inode
		t.Fatal(err)
	}
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(4)
	d.drained("first line", "second", "other line", "and more than before")
}

// An application may put what it likes in the place of its log files.
func TestFollowsFilesOnly(t *testing.T) {
	d := newDesk(t)
	d.write("secret", "of the server\n")
	d.write("log.json", "a\n")
	for name, put := range map[string]func(string) error{
		"link.json": func(path string) error { return os.Symlink(d.file("secret"), path) },
		"pipe.json": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"dir.json":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		if err := put(d.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	d.Follow(d.app, []string{d.file("link.json"), d.file("pipe.json"), d.file("dir.json"), d.file("log.json")})
	d.shipped(1)
	d.drained("a")
}

func TestMissingStreamDropsInSilenceAndSaysItOnce(t *testing.T) {
	d := newDesk(t)
	d.sink.fail(ErrNoLogStream)
	d.write("a.json", "lost 1\n")
	d.Follow(d.app, []string{d.file("a.json")})
	dropped := func(n int64) {
		t.Helper()
		d.sink.wait(t, "drop", func() bool { return d.Counts(d.app.ID).Dropped >= n-1 }) // the sink wakes just before the count
		for deadline := time.Now().Add(10 * time.Second); d.Counts(d.app.ID).Dropped < n; {
			if time.Now().After(deadline) {
				t.Fatalf("dropped %d", d.Counts(d.app.ID).Dropped)
			}
		}
	}
	dropped(1)
	d.write("a.json", "lost 2\n")
	dropped(2)
	d.sink.fail(nil)
	d.write("a.json", "kept\n")
	d.shipped(1)
	d.drained("kept")
	if n := strings.Count(d.said.String(), "create the log group"); n != 1 {
		t.Errorf("said %d times:\n%s", n, d.said)
	}
}

func TestMissingRightDrops(t *testing.T) {
	d := newDesk(t)
	d.may = errors.New("no statement allows logs:PutLogEvents")
	d.write("a.json", "lost\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.drained()
	if !strings.Contains(d.said.String(), "no statement allows") {
		t.Errorf("said: %s", d.said)
	}
}

func TestFailingSinkLosesAndDoublesNothing(t *testing.T) {
	d := newDesk(t)
	d.sink.fail(errors.New("disk full"))
	d.write("a.json", "1\n2\n")
	d.Follow(d.app, []string{d.file("a.json")})
	d.sink.wait(t, "an attempt", func() bool { return true })
	d.write("a.json", "3\n")
	d.sink.fail(nil)
	d.shipped(3)
	d.drained("1", "2", "3")
}

func TestUnfollowGivesUpAtItsDeadlineAndKeepsThePlace(t *testing.T) {
	d := newDesk(t)
	d.sink.fail(errors.New("disk full"))
	d.write("a.json", "1\n")
	d.Follow(d.app, []string{d.file("a.json")})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	d.Unfollow(ctx, d.app.ID)
	d.sink.fail(nil)
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(1)
	d.drained("1")
}

func TestBatches(t *testing.T) {
	d := newDesk(t)
	line := strings.Repeat("x", 1000)
	var want []string
	var text strings.Builder
	for i := range 25_000 {
		l := fmt.Sprint(i)
		if i%10 == 0 {
			l += line
		}
		want = append(want, l)
		text.WriteString(l + "\n")
	}
	d.write("a.json", text.String()+strings.Repeat("y", maxLogBatch+100))
	d.Follow(d.app, []string{d.file("a.json")})
	d.shipped(len(want))
	want = append(want, strings.Repeat("y", maxLogMessage), strings.Repeat("y", maxLogBatch+100-maxLogMessage))
	d.drained(want...)
	if d.sink.batches < 4 {
		t.Errorf("%d batches", d.sink.batches)
	}
}

func TestWithoutTargetLinesStay(t *testing.T) {
	d := newDesk(t)
	d.app.Target = LogTarget{}
	d.write("a.json", "1\n")
	d.Follow(d.app, []string{d.file("a.json")})
	if err := d.ServiceRecord(t.Context(), d.app, ServiceRecord{}); err != nil {
		t.Error(err)
	}
	d.drained()
	if !strings.Contains(d.said.String(), "has no logging option") {
		t.Errorf("said: %s", d.said)
	}
}

func TestServiceRecord(t *testing.T) {
	d := newDesk(t)
	err := d.ServiceRecord(t.Context(), d.app, ServiceRecord{ApplicationARN: d.app.ARN, ApplicationVersionID: 3, Message: "at Main.<init>", MessageType: "ERROR", ErrorCode: "CodeError.InvalidApplicationCode"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"applicationARN":"` + d.app.ARN + `","applicationVersionId":3,"message":"at Main.<init>","messageType":"ERROR","messageSchemaVersion":"1","errorCode":"CodeError.InvalidApplicationCode"}`
	if got := d.sink.texts(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	d.sink.fail(ErrNoLogStream)
	if err := d.ServiceRecord(t.Context(), d.app, ServiceRecord{Message: "lost"}); err != nil || !strings.Contains(d.said.String(), "lost") {
		t.Errorf("%v, said %s", err, d.said)
	}
}

func TestParseLogStreamARN(t *testing.T) {
	got, err := ParseLogStreamARN("arn:aws:logs:us-east-1:123456789012:log-group:/aws/kinesis-analytics/x:log-stream:kinesis-analytics-log-stream")
	if want := (LogTarget{"123456789012", "us-east-1", "/aws/kinesis-analytics/x", "kinesis-analytics-log-stream"}); err != nil || got != want {
		t.Errorf("%v %v", got, err)
	}
	if _, err := ParseLogStreamARN("arn:aws:logs:us-east-1:123456789012:log-group:x"); err == nil {
		t.Error("a group passed for a stream")
	}
}

func FuzzLogLine(f *testing.F) {
	for _, s := range []string{`{"timestamp":1,"a":[{}]}`, `{"timestamp":1`, "x", `{"a":1,,"timestamp":2}`, `{"timestamp":-1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e := logLine(line, 7)
		if e.Time < 0 || len(e.Message) > maxLogMessage || (len(line) > 0 && e.Message == "") || !slices.Equal([]rune(e.Message), []rune(strings.ToValidUTF8(e.Message, ""))) {
			t.Fatalf("%q became %v", line, e)
		}
	})
}
