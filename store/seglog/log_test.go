package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

func mustAppend(t testing.TB, l *Log, payloads ...string) uint64 {
	t.Helper()
	var b [][]byte
	for _, p := range payloads {
		b = append(b, []byte(p))
	}
	first, _, err := l.Append(b...)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func readAllRecords(t testing.TB, r *Reader) (got []string) {
	t.Helper()
	defer r.Close()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s", rec.Ordinal, rec.Data))
	}
}

func wantRecords(t testing.TB, r *Reader, want ...string) {
	t.Helper()
	if got := readAllRecords(t, r); !slices.Equal(got, want) {
		t.Fatalf("read %q, want %q", got, want)
	}
}

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestReadsWhatWasAppended(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "log")
	l := New(dir, Options{})
	if first := mustAppend(t, l, "a", "", "c"); first != 1 {
		t.Fatalf("first ordinal %d", first)
	}
	r := l.Reader(2)
	defer r.Close()
	rec, err := r.Next()
	if err != nil || rec.Ordinal != 2 || len(rec.Data) != 0 {
		t.Fatalf("%v %v", rec, err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("at the end: %v", err)
	}
	mustAppend(t, l, "d")
	if rec, err := r.Next(); err != nil || string(rec.Data) != "d" || rec.Ordinal != 4 {
		t.Fatalf("after growth: %v %v", rec, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, ErrClosed) {
		t.Fatalf("after close: %v", err)
	}
	l = New(dir, Options{})
	wantRecords(t, l.Reader(3), "3 c", "4 d")
	if oldest, next, _, err := l.Bounds(); oldest != 1 || next != 5 || err != nil {
		t.Fatal(oldest, next, err)
	}
}

func TestRollsAndSeeksAcrossSegments(t *testing.T) {
	for _, step := range []int{1, 100, 40 << 10} { // payload sizes: many entries of the sparse index, and few
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			dir := t.TempDir()
			c := &clock{t: time.UnixMilli(1_000_000)}
			l := New(dir, Options{SegmentBytes: int64(step * 7), Now: c.now})
			for range 50 {
				mustAppend(t, l, string(bytes.Repeat([]byte("x"), step)))
				c.add(time.Second)
			}
			if n := len(segmentFiles(t, dir)); n < 5 {
				t.Fatalf("%d segments", n)
			}
			l.Close()
			l = New(dir, Options{SegmentBytes: 1 << 20, Now: c.now})
			for i := range uint64(52) {
				checkFirst(t, l.Reader(i), min(max(i, 1), 51))
				checkFirst(t, l.ReaderAt(time.UnixMilli(1_000_000+int64(i)*1000)), i+1)
				checkFirst(t, l.ReaderAt(time.UnixMilli(1_000_000+int64(i)*1000-500)), i+1)
			}
		})
	}
}

// checkFirst wants that the first record has the ordinal, and that all 50 follow; beyond 50 there is none.
func checkFirst(t *testing.T, r *Reader, ordinal uint64) {
	t.Helper()
	defer r.Close()
	for want := ordinal; want <= 50; want++ {
		if rec, err := r.Next(); err != nil || rec.Ordinal != want {
			t.Fatalf("record %d, %v; want %d", rec.Ordinal, err, want)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

func TestSidecarIsOnlyAShortcut(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{SegmentBytes: 1})
	mustAppend(t, l, "a", "b")
	mustAppend(t, l, "c")
	mustAppend(t, l, "d")
	l.Close()
	files := segmentFiles(t, dir)
	if err := os.Remove(indexPath(files[0])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(indexPath(files[1]), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, New(dir, Options{}).Reader(1), "1 a", "2 b", "3 c", "4 d")
}

func TestTrimKeepsOrdinals(t *testing.T) {
	dir := t.TempDir()
	c := &clock{t: time.UnixMilli(1_000_000)}
	l := New(dir, Options{SegmentBytes: 1, Now: c.now})
	for range 4 {
		mustAppend(t, l, "x")
		c.add(time.Second)
	}
	slow := l.Reader(1)
	defer slow.Close()
	if _, err := slow.Next(); err != nil {
		t.Fatal(err)
	}
	if err := l.Trim(time.UnixMilli(1_002_000)); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, l.Reader(1), "3 x", "4 x")
	if rec, err := slow.Next(); err != nil || rec.Ordinal != 3 {
		t.Fatalf("the reader of a trimmed segment got %v %v", rec, err)
	}
	if err := l.Trim(c.now()); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, l.Reader(1))
	l.Close()
	l = New(dir, Options{Now: func() time.Time { return time.UnixMilli(5) }}) // the clock went back
	if first := mustAppend(t, l, "y"); first != 5 {
		t.Fatalf("ordinal %d after all was trimmed", first)
	}
	if n := len(segmentFiles(t, dir)); n != 1 {
		t.Fatalf("%d segments left", n)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	c := &clock{t: time.UnixMilli(1_000_000)}
	l := New(t.TempDir(), Options{Now: c.now})
	_, a, _ := l.Append(nil)
	c.add(-time.Minute)
	_, b, err := l.Append(nil)
	if err != nil || b.Before(a) {
		t.Fatalf("%v after %v, %v", b, a, err)
	}
}

func TestConcurrentAppendersShareSyncs(t *testing.T) {
	fsys := &faultFS{}
	l := New(t.TempDir(), Options{FS: fsys, SegmentBytes: 64 << 10})
	const writers, each = 32, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			last := uint64(0)
			for i := range each {
				first, _, err := l.Append(fmt.Appendf(nil, "%02d-%03d-%080d", w, i, 0), fmt.Appendf(nil, "%02d+%03d", w, i))
				if err != nil || first <= last {
					t.Errorf("ordinal %d after %d: %v", first, last, err)
					return
				}
				last = first
			}
		})
	}
	wg.Wait()
	r := l.Reader(1)
	defer r.Close()
	next := make([]int, writers)
	for want := uint64(1); want <= writers*each*2; want += 2 {
		a, err1 := r.Next()
		b, err2 := r.Next()
		if err1 != nil || err2 != nil || a.Ordinal != want {
			t.Fatal(a.Ordinal, want, err1, err2)
		}
		var w, i int
		if _, err := fmt.Sscanf(string(a.Data), "%02d-%03d", &w, &i); err != nil || i != next[w] || string(b.Data) != fmt.Sprintf("%02d+%03d", w, i) {
			t.Fatalf("%q then %q; writer %d is at %d", a.Data, b.Data, w, next[w])
		}
		next[w]++
	}
	if n := fsys.syncs.Load(); n >= writers*each {
		t.Errorf("%d syncs for %d appends", n, writers*each)
	}
}

func TestGrown(t *testing.T) {
	l := New(t.TempDir(), Options{})
	grown := l.Grown(0)
	select {
	case <-grown:
		t.Fatal("nothing was appended")
	default:
	}
	mustAppend(t, l, "a")
	<-grown
	<-l.Grown(0)
	grown = l.Grown(1)
	l.Close()
	<-grown
	<-l.Grown(7)
}

func TestFullDisk(t *testing.T) {
	var full error = &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	breaks := map[string]func(*faultFS){
		"write":      func(f *faultFS) { f.write.Store(&full) },
		"half write": func(f *faultFS) { f.write.Store(&full); f.short.Store(true) },
		"sync":       func(f *faultFS) { f.sync.Store(&full) },
		"truncate":   func(f *faultFS) { f.write.Store(&full); f.short.Store(true); f.truncate.Store(&full) },
	}
	for name, breakIt := range breaks {
		for _, roll := range []int64{1, 1 << 20} {
			t.Run(fmt.Sprintf("%s, roll at %d", name, roll), func(t *testing.T) {
				dir, fsys := t.TempDir(), &faultFS{}
				l := New(dir, Options{FS: fsys, SegmentBytes: roll})
				mustAppend(t, l, "a")
				breakIt(fsys)
				for range 2 {
					if _, _, err := l.Append([]byte("lost"), []byte("lost too")); !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("append on a full disk: %v", err)
					}
				}
				wantRecords(t, l.Reader(1), "1 a")
				fsys.write.Store(nil)
				fsys.sync.Store(nil)
				fsys.truncate.Store(nil)
				if first := mustAppend(t, l, "b"); first != 2 {
					t.Fatalf("ordinal %d", first)
				}
				wantRecords(t, l.Reader(1), "1 a", "2 b")
				l.Close()
				wantRecords(t, New(dir, Options{}).Reader(1), "1 a", "2 b")
			})
		}
	}
}

func TestTornTailIsCutAndReported(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{})
	mustAppend(t, l, "a")
	mustAppend(t, l, "bb", "cc", "dd")
	l.Close()
	path := segmentFiles(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := segmentHeader + frameHeader + 1
	for end := second; end < int64(len(whole)); end++ {
		if err := os.WriteFile(path, whole[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		var tears []Tear
		l := New(dir, Options{Report: func(x Tear) { tears = append(tears, x) }})
		wantRecords(t, l.Reader(1), "1 a") // a group is there as a whole or not at all
		if lost := end - second; (lost > 0) != (len(tears) == 1) || (lost > 0 && tears[0].Lost != lost) {
			t.Fatalf("cut at %d: reported %v, lost %d", end, tears, lost)
		}
		if first := mustAppend(t, l, "new"); first != 2 {
			t.Fatalf("appended as %d", first)
		}
		l.Close()
	}
}

func TestTornSegmentHeader(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{})
	mustAppend(t, l, "a")
	l.Close()
	if err := os.WriteFile(segmentPath(dir, 2), []byte("DRE"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = New(dir, Options{})
	mustAppend(t, l, "b")
	wantRecords(t, l.Reader(1), "1 a", "2 b")
}

// TestDamage: acknowledged records are never cut, whatever the order in which a crash let pages reach the disk.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{})
	mustAppend(t, l, "aaaa")
	mustAppend(t, l, "bbbb", "cccc")
	l.Close()
	path := segmentFiles(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const frame = frameHeader + 4
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 0x20
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l := New(dir, Options{})
		_, next, _, err := l.Bounds()
		var c *CorruptError
		switch {
		case int64(i) < segmentHeader+frame: // header or first group: a later group shows that this one was acknowledged
			if !errors.As(err, &c) || c.Offset > int64(i) || c.Path != path {
				t.Fatalf("byte %d: %v", i, err)
			}
			if _, _, err := l.Append(nil); !errors.As(err, &c) {
				t.Fatalf("append to a damaged log: %v", err)
			}
		case err != nil || next > 3: // last group: as if torn
			t.Fatalf("byte %d: next %d, %v", i, next, err)
		}
	}
}

func TestDamageInASealedSegmentShowsWhenRead(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{SegmentBytes: 1})
	mustAppend(t, l, "aaaa", "bbbb")
	mustAppend(t, l, "cccc")
	l.Close()
	path := segmentFiles(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(dir, Options{}).Reader(1)
	defer r.Close()
	if rec, err := r.Next(); err != nil || string(rec.Data) != "aaaa" {
		t.Fatal(rec, err)
	}
	var c *CorruptError
	if _, err := r.Next(); !errors.As(err, &c) || c.Offset != segmentHeader+frameHeader+4 {
		t.Fatal(err)
	}
}

func TestMissingSegment(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{SegmentBytes: 1})
	for range 3 {
		mustAppend(t, l, "x")
	}
	l.Close()
	if err := os.Remove(segmentFiles(t, dir)[1]); err != nil {
		t.Fatal(err)
	}
	var c *CorruptError
	if _, _, _, err := New(dir, Options{}).Bounds(); !errors.As(err, &c) {
		t.Fatal(err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(appendFrame(nil, frame{ordinal: 1, time: 5, group: true, payload: []byte("abc")}))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		if fr, err := decodeFrame(b); err == nil {
			if again := appendFrame(nil, fr); !bytes.Equal(again, b[:fr.size]) {
				t.Fatalf("%x became %x", b, again)
			}
		}
		seg := append([]byte(segmentMagic), b...)
		x, d, err := scanFrames(bytes.NewReader(seg), int64(len(seg)), 1)
		if err != nil {
			t.Fatal(err)
		}
		if d == nil && x.size != int64(len(seg)) || d != nil && d.offset > int64(len(seg)) {
			t.Fatal(x, d)
		}
		if d != nil {
			groupFollows(d.rest, x.last+1)
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	x := newIndex(7)
	x.add(frame{ordinal: 7, time: 1, size: 30})
	f.Add(x.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := decodeIndex(b); err == nil && !bytes.Equal(x.encode(), b) {
			t.Fatal("the index does not encode to what it was decoded from")
		}
	})
}
