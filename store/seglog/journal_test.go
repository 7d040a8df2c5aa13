package seglog

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// store is a journal with logs, as a test uses them.
type store struct {
	t       testing.TB
	fs      FS
	root    string
	clock   *clock
	journal *Journal
	logs    map[string]*Log
}

func openStore(t testing.TB, fsys FS, root string, c *clock, o JournalOptions) *store {
	t.Helper()
	o.FS = fsys
	j, err := OpenJournal(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return &store{t, fsys, root, c, j, map[string]*Log{}}
}

func (s *store) log(name string) *Log {
	if s.logs[name] == nil {
		s.logs[name] = New(filepath.Join(s.root, name), Options{Journal: s.journal, SegmentBytes: 400, Now: s.clock.now})
	}
	return s.logs[name]
}

func (s *store) close() {
	for _, l := range s.logs {
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.journal.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// contents reads all of a log: ordinal → text.
func contents(t testing.TB, l *Log) map[uint64]string {
	t.Helper()
	out := map[uint64]string{}
	for _, rec := range readAllRecords(t, l.Reader(1)) {
		var ordinal uint64
		var text string
		if _, err := fmt.Sscan(rec, &ordinal, &text); err != nil {
			t.Fatal(err)
		}
		out[ordinal] = text
	}
	return out
}

func TestOneSyncForManyLogs(t *testing.T) {
	fsys := &faultFS{}
	s := openStore(t, fsys, t.TempDir(), &clock{t: time.UnixMilli(1000)}, JournalOptions{})
	defer s.close()
	var batches []*Batch
	for i := range 20 {
		batches = append(batches, &Batch{Log: s.log(fmt.Sprint("log", i)), Payloads: [][]byte{[]byte("a"), []byte("b")}})
	}
	s.journal.Append(batches...) // makes files
	before := fsys.syncs.Load()
	s.journal.Append(batches...)
	if n := fsys.syncs.Load() - before; n != 1 {
		t.Errorf("%d syncs", n)
	}
	for i, b := range batches {
		if b.Err != nil || b.First != 3 || b.Time.UnixMilli() != 1000 {
			t.Errorf("batch %d: first %d at %v, %v", i, b.First, b.Time, b.Err)
		}
		wantRecords(t, b.Log.Reader(1), "1 a", "2 b", "3 a", "4 b")
	}
}

func TestJournalIsWrittenAnewAndStaysSmall(t *testing.T) {
	root := t.TempDir()
	s := openStore(t, OS, root, &clock{t: time.UnixMilli(1000)}, JournalOptions{Bytes: 2000})
	for i := range 200 {
		mustAppend(t, s.log(fmt.Sprint("log", i%3)), fmt.Sprint(i))
	}
	s.close()
	for _, name := range []string{"journal-a", "journal-b"} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() > 4000 {
			t.Errorf("%s: %v, %v", name, info.Size(), err)
		}
	}
	s = openStore(t, OS, root, s.clock, JournalOptions{})
	defer s.close()
	if got := contents(t, s.log("log1")); len(got) != 67 || got[1] != "1" || got[67] != "199" {
		t.Errorf("%v", got)
	}
}

func TestFullDiskFailsOneLogOfAGroup(t *testing.T) {
	fsys := &faultFS{}
	s := openStore(t, fsys, t.TempDir(), &clock{t: time.UnixMilli(1000)}, JournalOptions{})
	defer s.close()
	good, bad := s.log("good"), s.log("bad")
	mustAppend(t, good, "1")
	mustAppend(t, bad, "1")
	full := error(syscall.ENOSPC)
	fsys.onlyFile.Store(&bad.segments[0].path)
	fsys.short.Store(true)
	fsys.write.Store(&full)
	a, b := &Batch{Log: bad, Payloads: [][]byte{[]byte("2")}}, &Batch{Log: good, Payloads: [][]byte{[]byte("2")}}
	s.journal.Append(a, b)
	if !errors.Is(a.Err, syscall.ENOSPC) || b.Err != nil {
		t.Fatalf("%v, %v", a.Err, b.Err)
	}
	fsys.write.Store(nil)
	mustAppend(t, bad, "3")
	wantRecords(t, bad.Reader(1), "1 1", "2 3")
	wantRecords(t, good.Reader(1), "1 1", "2 2")

	fsys.onlyFile.Store(nil)
	fsys.sync.Store(&full)
	if _, _, err := good.Append([]byte("lost")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	fsys.sync.Store(nil)
	reopened := openStore(t, OS, s.root, s.clock, JournalOptions{}) // as after kill -9
	wantRecords(t, reopened.log("good").Reader(1), "1 1", "2 2")
	wantRecords(t, reopened.log("bad").Reader(1), "1 1", "2 3")
	reopened.close()
}

func TestTornJournalIsReportedAndCut(t *testing.T) {
	root := t.TempDir()
	s := openStore(t, OS, root, &clock{t: time.UnixMilli(1000)}, JournalOptions{})
	for i := range 3 {
		mustAppend(t, s.log("log"), fmt.Sprint(i))
	}
	path := filepath.Join(root, "journal-a")
	if err := os.Truncate(path, s.journal.current.size-5); err != nil {
		t.Fatal(err)
	}
	var tears []Tear
	again := openStore(t, OS, root, s.clock, JournalOptions{Report: func(t Tear) { tears = append(tears, t) }})
	defer again.close()
	wantRecords(t, again.log("log").Reader(1), "1 0", "2 1")
	if len(tears) != 1 || tears[0].Path != path || tears[0].Lost == 0 {
		t.Errorf("%v", tears)
	}
}

func TestJournalBringsNothingBack(t *testing.T) {
	c := &clock{t: time.UnixMilli(1_000_000)}
	s := openStore(t, OS, t.TempDir(), c, JournalOptions{})
	for range 20 {
		mustAppend(t, s.log("trimmed"), "0123456789012345678901234567890123456789")
		mustAppend(t, s.log("removed"), "0123456789012345678901234567890123456789")
	}
	c.add(time.Hour)
	if err := s.log("trimmed").Trim(c.now()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s.log("trimmed"), "new")
	if err := s.log("removed").Remove(); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, OS, s.root, c, JournalOptions{}) // as after kill -9
	defer again.close()
	wantRecords(t, again.log("trimmed").Reader(1), "21 new")
	if _, err := os.Stat(filepath.Join(s.root, "removed")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestWithoutSyncNothingIsSynced(t *testing.T) {
	fsys := &faultFS{}
	s := openStore(t, fsys, t.TempDir(), &clock{t: time.UnixMilli(1000)}, JournalOptions{NoSync: true})
	before := fsys.syncs.Load()
	mustAppend(t, s.log("log"), "a", "b")
	if n := fsys.syncs.Load() - before; n != 0 {
		t.Errorf("%d syncs", n)
	}
	again := openStore(t, OS, s.root, s.clock, JournalOptions{}) // as after kill -9
	defer again.close()
	wantRecords(t, again.log("log").Reader(1), "1 a", "2 b")
	s.close()
	if _, _, err := s.log("log").Append([]byte("late")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestPowerLossLosesNothingAcknowledged lets the power fail at every change of the disk of random lives. What was
// acknowledged before is there after, in order, and nothing that nobody wrote.
func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	for seed := range uint64(8) {
		images := 0
		for at := 1; ; at += 1 + int(seed%7) {
			image, lost := liveUntil(t, seed, at)
			if image == nil {
				break
			}
			images++
			when := fmt.Sprintf("seed %d, power lost at change %d", seed, at)
			if images%3 == 0 {
				image = recoverUntil(t, image, seed, 1+images%11)
				when += " and again while that was recovered from"
			}
			lost.check(t, image, when)
		}
		if images < 20 {
			t.Fatalf("seed %d: %d images", seed, images)
		}
	}
}

// ledger is what appenders were told, and what they tried.
type ledger struct {
	mu                  sync.Mutex
	acknowledged, tried map[string][]string // by log; ordinal-1 → text
	trimmed             map[string]uint64   // ordinals up to it may be gone
	removed             map[string]bool
}

func newLedger() *ledger {
	return &ledger{acknowledged: map[string][]string{}, tried: map[string][]string{}, trimmed: map[string]uint64{}, removed: map[string]bool{}}
}

func (l *ledger) change(edit func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	edit()
}

func (l *ledger) clone() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newLedger()
	c.trimmed, c.removed = maps.Clone(l.trimmed), maps.Clone(l.removed)
	for k, v := range l.acknowledged {
		c.acknowledged[k] = slices.Clone(v)
	}
	for k, v := range l.tried {
		c.tried[k] = slices.Clone(v)
	}
	return c
}

// liveUntil plays a life and gives the disk as it is after the power fails at that change, nil if the life is shorter.
func liveUntil(t *testing.T, seed uint64, at int) (image *memFS, then *ledger) {
	r := rand.New(rand.NewPCG(seed, 1))
	disk := newMemFS()
	book := newLedger()
	disk.onOp = func(n int) {
		if n == at {
			image, then = disk.afterPowerLoss(rand.New(rand.NewPCG(seed, uint64(at)))), book.clone()
		}
	}
	c := &clock{t: time.UnixMilli(1_000_000)}
	s := openStore(t, disk, "/root", c, JournalOptions{Bytes: 1500})
	for step := range 60 {
		c.add(time.Minute)
		disk.fill(seed >= 8 && r.IntN(3) == 0)
		name := fmt.Sprint("stream/log", r.IntN(4))
		switch what := r.IntN(20); {
		case book.removed[name]:
		case what == 0:
			before := c.now().Add(-10 * time.Minute)
			book.change(func() { book.trimmed[name] = uint64(len(book.tried[name])) }) // at most
			if err := s.log(name).Trim(before); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		case what == 1 && step > 30:
			book.change(func() { book.removed[name] = true })
			if err := s.log(name).Remove(); err != nil {
				t.Fatal(err)
			}
		default:
			s.appendRandomly(r, book, step)
		}
		s.journal.work.Wait() // so that a seed is one life
	}
	return image, then
}

// recoverUntil gives the disk as it is if the power fails once more, at that change of the recovery.
func recoverUntil(t *testing.T, disk *memFS, seed uint64, at int) *memFS {
	next := disk
	first := disk.ops
	disk.onOp = func(n int) {
		if n-first == at {
			next = disk.afterPowerLoss(rand.New(rand.NewPCG(seed, uint64(n))))
		}
	}
	if _, err := OpenJournal("/root", JournalOptions{Bytes: 1500, FS: disk}); err != nil {
		t.Fatal(err)
	}
	disk.onOp = nil
	return next
}

func (s *store) appendRandomly(r *rand.Rand, book *ledger, step int) {
	var batches []*Batch
	for i := range 1 + r.IntN(3) {
		name := fmt.Sprint("stream/log", (step+i)%4)
		if book.removed[name] {
			continue
		}
		b := &Batch{Log: s.log(name)}
		for k := range 1 + r.IntN(3) {
			text := fmt.Sprintf("%d-%d-%d-%0*d", step, i, k, r.IntN(90), 0)
			b.Payloads = append(b.Payloads, []byte(text))
			book.change(func() { book.tried[name] = append(book.tried[name], text) })
		}
		batches = append(batches, b)
	}
	s.journal.Append(batches...)
	for _, b := range batches {
		name := "stream/" + filepath.Base(b.Log.dir)
		if errors.Is(b.Err, syscall.ENOSPC) {
			book.change(func() { book.tried[name] = book.tried[name][:len(book.acknowledged[name])] })
			continue
		}
		if b.Err != nil {
			s.t.Fatal(b.Err)
		}
		for _, p := range b.Payloads {
			book.change(func() { book.acknowledged[name] = append(book.acknowledged[name], string(p)) })
		}
	}
}

func (l *ledger) check(t *testing.T, disk *memFS, when string) {
	t.Helper()
	s := openStore(t, disk, "/root", &clock{t: time.UnixMilli(9_000_000)}, JournalOptions{Bytes: 1500})
	for name, tried := range l.tried {
		if l.removed[name] {
			continue
		}
		got := contents(t, s.log(name))
		for i, text := range l.acknowledged[name] {
			ordinal := uint64(i + 1)
			if have, ok := got[ordinal]; have != text && (ok || ordinal > l.trimmed[name]) {
				t.Fatalf("%s: %s has %q as record %d, acknowledged was %q", when, name, have, ordinal, text)
			}
		}
		for ordinal, text := range got {
			if ordinal > uint64(len(tried)) || tried[ordinal-1] != text {
				t.Fatalf("%s: %s has %q as record %d, which nobody wrote", when, name, text, ordinal)
			}
		}
		mustAppend(t, s.log(name), "after")
	}
	s.close()
}

func TestConcurrentAppendersOfAJournal(t *testing.T) {
	s := openStore(t, OS, t.TempDir(), &clock{t: time.UnixMilli(1000)}, JournalOptions{Bytes: 4000})
	logs := []*Log{s.log("a"), s.log("b"), s.log("c")}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if _, _, err := logs[(w+i)%3].Append(fmt.Appendf(nil, "%d-%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.close()
	again := openStore(t, OS, s.root, s.clock, JournalOptions{})
	defer again.close()
	seen := map[string]bool{}
	for _, name := range []string{"a", "b", "c"} {
		got := contents(t, again.log(name))
		for ordinal := range uint64(len(got)) {
			seen[got[ordinal+1]] = true
		}
	}
	if len(seen) != 400 {
		t.Errorf("%d of 400 records", len(seen))
	}
}

func FuzzDecodeGroup(f *testing.F) {
	b := appendNote(make([]byte, groupHeader), note{kind: framesNote, path: "a/b", first: 1, offset: 8, frames: []byte("frames")})
	b = appendNote(b, note{kind: trimmedNote, path: "a", first: 7})
	sealGroup(b, 3, 4)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := decodeGroup(b)
		if err != nil {
			return
		}
		again := make([]byte, groupHeader)
		for _, n := range g.notes {
			again = appendNote(again, n)
		}
		sealGroup(again, g.generation, g.number)
		if string(again) != string(b[:g.size]) {
			t.Errorf("%x became %x", b[:g.size], again)
		}
	})
}
