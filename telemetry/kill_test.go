package telemetry_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/logs"
	model "drey/model/logs"
	"drey/store/sql"
	"drey/telemetry"
	"drey/wire"
)

const killDir = "TELEMETRY_TEST_KILL_DIR"

// TestMain lets the test binary be the child that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		shipForever(dir)
	}
	os.Exit(m.Run())
}

var killTarget = telemetry.LogTarget{Account: "123456789012", Region: "us-east-1", Group: "g", Stream: "s"}

// shipped is the real Logs service as the tailer's sink.
type shipped struct{ *logs.Service }

func (s shipped) Append(ctx context.Context, to telemetry.LogTarget, events []telemetry.LogEvent, mark []byte) error {
	list := make([]logs.Event, len(events))
	for i, e := range events {
		list[i] = logs.Event(e)
	}
	return s.Service.Append(ctx, to.Account, to.Region, to.Group, to.Stream, list, mark)
}

func (s shipped) Marks(ctx context.Context, of telemetry.LogTarget, since time.Time, fn func([]byte)) error {
	return s.Service.Marks(ctx, of.Account, of.Region, of.Group, of.Stream, since, fn)
}

func openLogs(dir string) (*sql.DB, *logs.Service, error) {
	db, err := sql.Open(filepath.Join(dir, "drey.db"))
	if err != nil {
		return nil, nil, err
	}
	s, err := logs.Open(context.Background(), logs.Config{DB: db, Dir: filepath.Join(dir, "logs"), Log: slog.New(slog.DiscardHandler)})
	return db, s, err
}

// shipForever follows the files of one application, and prints how many lines it has shipped.
func shipForever(dir string) {
	db, s, err := openLogs(dir)
	if err != nil {
		panic(err)
	}
	t, err := telemetry.NewTailer(context.Background(), telemetry.TailerConfig{DB: db, Sink: shipped{s}, Poll: 5 * time.Millisecond})
	if err != nil {
		panic(err)
	}
	t.Follow(telemetry.LoggedApplication{ID: "app", ARN: "arn", Target: killTarget}, []string{filepath.Join(dir, "jobmanager.log"), filepath.Join(dir, "taskmanager.log")})
	for {
		fmt.Println(t.Counts("app").Shipped)
		time.Sleep(time.Millisecond)
	}
}

// writeLines writes what an application would, at the rate of the issue: 10,000 lines a second in two files.
func writeLines(t *testing.T, dir string, n int, done chan<- struct{}) {
	defer close(done)
	var files []*bufio.Writer
	for _, name := range []string{"jobmanager.log", "taskmanager.log"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		files = append(files, bufio.NewWriter(f))
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		fmt.Fprintf(files[i%2], `{"message":"line %d %s","messageType":"INFO","instant":{"epochSecond":%d,"nanoOfSecond":0}}`+"\n", i, strings.Repeat("x", 200), time.Now().Unix())
		if i%100 == 99 {
			<-tick.C
			for _, f := range files {
				if err := f.Flush(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestKilledShipperKeepsEachLineOnce kills the server again and again while an application writes 10,000 lines a second.
func TestKilledShipperKeepsEachLineOnce(t *testing.T) {
	dir := t.TempDir()
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: killTarget.Account, Region: killTarget.Region})
	db, s, err := openLogs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateLogGroup(ctx, &model.CreateLogGroupInput{LogGroupName: new("g")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateLogStream(ctx, &model.CreateLogStreamInput{LogGroupName: new("g"), LogStreamName: new("s")}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	const lines = 20_000
	written := make(chan struct{})
	go writeLines(t, dir, lines, written)
	for round := 0; ; round++ {
		last := round >= 12
		if last {
			<-written
		}
		killShipper(t, dir, 200+round*37, last)
		if last && countLines(t, dir, lines) {
			return
		}
		if round > 60 {
			t.Fatal("lines are missing")
		}
	}
}

// killShipper runs a child until it has shipped so many lines, or the last time until it ships no more, and kills it.
func killShipper(t *testing.T, dir string, n int, last bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	count, since := 0, time.Now()
	for scan := bufio.NewScanner(out); scan.Scan(); {
		var now int
		if _, err := fmt.Sscan(scan.Text(), &now); err != nil {
			t.Fatal(err)
		}
		if now != count {
			count, since = now, time.Now()
		}
		if (!last && count >= n) || time.Since(since) > 3*time.Second {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}

// countLines tells whether every line is there; one that is there twice fails the test.
func countLines(t *testing.T, dir string, lines int) bool {
	t.Helper()
	db, s, err := openLogs(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}()
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: killTarget.Account, Region: killTarget.Region})
	seen := make([]int, lines)
	total := 0
	for in := (&model.FilterLogEventsInput{LogGroupName: new("g")}); ; {
		page, err := s.FilterLogEvents(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			var i int
			if _, err := fmt.Sscanf(*e.Message, `{"message":"line %d `, &i); err != nil {
				t.Fatalf("%s: %v", *e.Message, err)
			}
			if seen[i]++; seen[i] > 1 {
				t.Fatalf("line %d is there %d times", i, seen[i])
			}
			total++
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return total == lines
		}
	}
}
