package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bufio"
	"context"
	"path/filepath"

	model "drey/model/logs"
	"drey/store/sql"
	"drey/wire"
)

// TestReadsAsTheNaiveModel puts random batches, out of order, into some streams, with restarts between, and compares
// what all ways of reading say with a sorted slice.
func TestReadsAsTheNaiveModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t)
			names := []string{"s0", "s1", "s2"}
			w.create(testGroup, names...)
			type line struct {
				time int64
				text string
			}
			all := map[string][]line{}
			for n := range 400 {
				name := names[r.IntN(len(names))]
				base := w.ms(-time.Duration(r.IntN(100)) * time.Second)
				var batch []Event
				for i := range 1 + r.IntN(6) {
					base += int64(r.IntN(3000))
					e := Event{base, fmt.Sprintf("%s-%d-%d %s", name, n, i, strings.Repeat("y", r.IntN(3000)))}
					batch = append(batch, e)
					all[name] = append(all[name], line{e.Time, e.Message})
				}
				w.put(name, batch...)
				w.at = w.at.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
				switch r.IntN(100) {
				case 0:
					w.crash()
				case 1:
					w.shut()
					w.open()
				}
			}
			texts := func(list []line, keep func(line) bool) (s []string) {
				slices.SortStableFunc(list, func(a, b line) int { return int(a.time - b.time) })
				for _, l := range list {
					if keep(l) {
						s = append(s, l.text)
					}
				}
				return s
			}
			for range 12 {
				low := w.ms(-time.Duration(r.IntN(600)) * time.Second)
				high := low + int64(r.IntN(300_000))
				limit := int32(1 + r.IntN(90))
				in := func(l line) bool { return l.time >= low && l.time < high }
				name := names[r.IntN(len(names))]
				want := texts(all[name], in)
				for _, head := range []bool{true, false} {
					compare(t, fmt.Sprintf("get head=%v limit=%d", head, limit), w.getAll(name, low, high, limit, head), want)
				}
				var every []line
				for _, n := range names {
					every = append(every, all[n]...)
				}
				digit := fmt.Sprint(r.IntN(10))
				want = texts(every, func(l line) bool { return in(l) && strings.Contains(l.text, digit) })
				compareSets(t, "filter", w.filterAll(low, high-1, limit, digit, true), want, false)
				compareSets(t, "filter backward", w.filterAll(low, high-1, limit, digit, false), want, true)
			}
		})
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
}

// compareSets is for reading across streams, where equal times may come in either order: filterAll has checked that
// times do not go back.
func compareSets(t *testing.T, what string, got, want []string, reverse bool) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	compare(t, fmt.Sprintf("%s reverse=%v", what, reverse), got, want)
}

func (w *world) getAll(name string, low, high int64, limit int32, head bool) (texts []string) {
	in := &model.GetLogEventsInput{LogGroupName: new(testGroup), LogStreamName: &name, StartTime: &low, EndTime: &high, Limit: &limit, StartFromHead: &head}
	for {
		out := must(w.GetLogEvents(w.ctx, in))
		var page []string
		for _, e := range out.Events {
			page = append(page, *e.Message)
		}
		next := out.NextForwardToken
		if head {
			texts = append(texts, page...)
		} else {
			texts = append(page, texts...)
			next = out.NextBackwardToken
		}
		if in.NextToken != nil && *in.NextToken == *next {
			return texts
		}
		in.NextToken = next
	}
}

func (w *world) filterAll(low, high int64, limit int32, pattern string, head bool) (texts []string) {
	in := &model.FilterLogEventsInput{LogGroupName: new(testGroup), StartTime: &low, EndTime: &high, Limit: &limit, FilterPattern: &pattern, StartFromHead: &head}
	var last int64
	ids := map[string]bool{}
	for {
		out := must(w.FilterLogEvents(w.ctx, in))
		for _, e := range out.Events {
			if last != 0 && *e.Timestamp != last && (*e.Timestamp > last) != head {
				w.t.Fatal("the times are not in order")
			}
			if last = *e.Timestamp; ids[*e.EventId] {
				w.t.Fatal("an event came twice")
			}
			ids[*e.EventId] = true
			texts = append(texts, *e.Message)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return texts
		}
	}
}

// TestBudgetPages reads with a budget of one zone for each page: pages may be empty, but they end and miss nothing.
func TestBudgetPages(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, "a", "b")
	r := rand.New(rand.NewPCG(1, 2))
	count := 0
	for range 600 {
		w.put([]string{"a", "b"}[r.IntN(2)], Event{w.ms(-time.Duration(r.IntN(20)) * time.Second), "x"})
		count++
		w.at = w.at.Add(time.Second)
	}
	ids := ok(t, must(w.streamRows(w.ctx, 1)), nil)
	for _, backward := range []bool{false, true} {
		q := query{high: maxTime, limit: 50, budget: 1, backward: backward}
		if backward {
			q.from = end
		}
		for _, row := range ids {
			q.streams = append(q.streams, w.stream(row.id))
		}
		got, pages := 0, 0
		for {
			a := must(scan(w.ctx, q))
			got, pages = got+len(a.hits), pages+1
			if !a.more {
				break
			}
			if q.from == a.next {
				t.Fatal("no progress")
			}
			q.from = a.next
		}
		if got != count || pages < 12 {
			t.Errorf("backward=%v: %d events in %d pages", backward, got, pages)
		}
	}
}

func TestConcurrentPutsAreReadAtOnce(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 40 {
				text := fmt.Sprintf("%d/%d", g, i)
				if _, err := w.tryPut(testStream, Event{w.ms(0), text}); err != nil {
					t.Error(err)
					return
				}
				out, err := w.FilterLogEvents(w.ctx, &model.FilterLogEventsInput{LogGroupName: new(testGroup), FilterPattern: new(`"` + text + `"`)})
				if err != nil || len(out.Events) == 0 {
					t.Errorf("%s was acknowledged and is not there: %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzBlock(f *testing.F) {
	b, _ := encodeBlock([]Event{{5, "five"}, {7, "seven"}}, []byte("mark"))
	f.Add(b)
	f.Add([]byte{blockVersion, 1, 26, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, events, err := decodeBlock(b)
		if err != nil {
			return
		}
		again, h2 := encodeBlock(events, h.mark)
		_, events2, err := decodeBlock(again)
		if err != nil || h2.events != h.events || h2.bytes != h.bytes || !bytes.Equal(h2.mark, h.mark) || !slices.Equal(events, events2) {
			t.Fatalf("%v %v %v", h, h2, err)
		}
	})
}

const killDir = "LOGS_TEST_KILL_DIR"

// TestMain lets the test binary be the child that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		putForever(dir)
	}
	os.Exit(m.Run())
}

func killContext() context.Context {
	return wire.WithRequest(context.Background(), &wire.Request{Account: "123456789012", Region: "us-east-1"})
}

// putForever prints each message after it was acknowledged.
func putForever(dir string) {
	ctx := killContext()
	db := must(sql.Open(filepath.Join(dir, "drey.db")))
	s := must(Open(ctx, Config{DB: db, Dir: filepath.Join(dir, "logs")}))
	_, _ = s.CreateLogGroup(ctx, &model.CreateLogGroupInput{LogGroupName: new(testGroup)}) // it is there the second time
	_, _ = s.CreateLogStream(ctx, &model.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new(testStream)})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d.%d.%d", os.Getpid(), g, i)
				must(s.PutLogEvents(ctx, &model.PutLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new(testStream),
					LogEvents: []model.InputLogEvent{{Timestamp: new(time.Now().UnixMilli()), Message: &text}}}))
				os.Stdout.WriteString(text + "\n")
			}
		})
	}
	wg.Wait()
}

func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	exe := ok(t, must(os.Executable()), nil)
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 3 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out := ok(t, must(cmd.StdoutPipe()), nil)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == 300+round*17 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // "signal: killed"
		db := ok(t, must(sql.Open(filepath.Join(dir, "drey.db"))), nil)
		s := must(Open(killContext(), Config{DB: db, Dir: filepath.Join(dir, "logs")}))
		seen := map[string]bool{}
		in := &model.FilterLogEventsInput{LogGroupName: new(testGroup)}
		for {
			out := must(s.FilterLogEvents(killContext(), in))
			for _, e := range out.Events {
				if seen[*e.Message] {
					t.Errorf("%s came twice", *e.Message)
				}
				seen[*e.Message] = true
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if len(acknowledged) < 300 {
			t.Fatalf("only %d were acknowledged", len(acknowledged))
		}
		for text := range acknowledged {
			if !seen[text] {
				t.Fatalf("round %d: %s was acknowledged and is lost", round, text)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
