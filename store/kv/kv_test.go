package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func add(_ []byte, operands [][]byte) ([]byte, error) {
	var sum uint64
	for _, o := range operands {
		sum += binary.BigEndian.Uint64(o)
	}
	return number(sum), nil
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func read(t *testing.T, d *DB, low, high string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := d.Scan(t.Context(), []byte(low), []byte(high), func(k, v []byte) error {
		got[string(k)] = string(v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestNothingIsOpenedBeforeUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kv")
	d := New(Config{Dir: dir})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", dir, err)
	}
	if err := d.Write(func(Batch) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestWritesScanInOrder(t *testing.T) {
	d := New(Config{Dir: t.TempDir(), Merge: add})
	defer d.Close()
	err := d.Write(func(b Batch) error {
		return errors.Join(b.Set([]byte("b"), []byte("2")), b.Set([]byte("a"), []byte("1")), b.Set([]byte("c"), []byte("3")), b.Set([]byte("d"), []byte("4")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(func(b Batch) error {
		return errors.Join(b.Delete([]byte("a")), b.DeleteRange([]byte("c"), []byte("d")))
	}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, d, "a", "z"); fmt.Sprint(got) != "map[b:2 d:4]" {
		t.Errorf("got %v", got)
	}
	refused := errors.New("refused")
	err = d.Write(func(b Batch) error { return errors.Join(b.Set([]byte("x"), nil), refused) })
	if !errors.Is(err, refused) || len(read(t, d, "x", "y")) != 0 {
		t.Errorf("a refused batch left something: %v", err)
	}
}

// TestWalkSkips: keys are left out that are near, far and behind the end.
func TestWalkSkips(t *testing.T) {
	d := New(Config{Dir: t.TempDir()})
	defer d.Close()
	if err := d.Write(func(b Batch) (err error) {
		for i := range 100 {
			err = errors.Join(err, b.Set(fmt.Appendf(nil, "k%02d", i), nil))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	next := map[string]string{"k10": "k11", "k11": "k13", "k13": "k20", "k20": "k90x", "k92": "z"}
	got := ""
	err := d.Walk(t.Context(), []byte("k10"), []byte("k95"), func(k, _ []byte) ([]byte, error) {
		got += string(k) + " "
		if n, ok := next[string(k)]; ok {
			return []byte(n), nil
		}
		return nil, nil
	})
	if err != nil || got != "k10 k11 k13 k20 k91 k92 " {
		t.Errorf("%q, %v", got, err)
	}
}

func TestScanEach(t *testing.T) {
	d := New(Config{Dir: t.TempDir(), Merge: add})
	defer d.Close()
	if err := d.Write(func(b Batch) error {
		return errors.Join(b.Set([]byte("a1"), []byte("1")), b.Set([]byte("a2"), []byte("2")), b.Set([]byte("b1"), []byte("3")), b.Set([]byte("d1"), []byte("4")))
	}); err != nil {
		t.Fatal(err)
	}
	ranges := [][2]string{{"d", "e"}, {"a", "b"}, {"c", "d"}, {"a2", "b1"}}
	bounds := func(i int) (low, high []byte) { return []byte(ranges[i][0]), []byte(ranges[i][1]) }
	got := ""
	note := func(i int, k, v []byte) error { got += fmt.Sprintf("%d %s=%s ", i, k, v); return nil }
	if err := d.ScanEach(t.Context(), len(ranges), bounds, note); err != nil || got != "0 d1=4 1 a1=1 1 a2=2 3 a2=2 " {
		t.Errorf("%q, %v", got, err)
	}
	n := 0
	if err := d.ScanEach(t.Context(), len(ranges), bounds, func(int, []byte, []byte) error { n++; return ErrStop }); err != nil || n != 1 {
		t.Errorf("stopped after %d keys, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.ScanEach(ctx, len(ranges), bounds, note); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestMergesAtOnceLoseNothing(t *testing.T) {
	d := New(Config{Dir: t.TempDir(), Merge: add})
	defer d.Close()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := d.Write(func(b Batch) error { return b.Merge([]byte("n"), number(uint64(i))) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := read(t, d, "n", "o")["n"]; got != string(number(199*200/2)) {
		t.Errorf("sum %x", got)
	}
}

// TestKilled runs itself as a process that writes until it is killed, and wants everything back that it reported.
func TestKilled(t *testing.T) {
	dir := os.Getenv("DREY_KV_DIR")
	if dir != "" {
		d := New(Config{Dir: dir, Merge: add})
		for i := uint64(0); ; i++ {
			if err := d.Write(func(b Batch) error { return errors.Join(b.Merge([]byte("n"), number(1)), b.Set(number(i), nil)) }); err != nil {
				t.Fatal(err)
			}
			fmt.Println("ack", i)
		}
	}
	dir = t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	c.Env = append(os.Environ(), "DREY_KV_DIR="+dir)
	out := &lines{kill: 50, full: make(chan struct{})}
	c.Stdout = out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-out.full
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
	acked := uint64(strings.Count(out.b.String(), "ack"))
	d := New(Config{Dir: dir, Merge: add})
	defer d.Close()
	got := binary.BigEndian.Uint64([]byte(read(t, d, "n", "o")["n"]))
	if got < acked || got > acked+1 {
		t.Errorf("%d of %d acknowledged writes are there", got, acked)
	}
}

// lines closes full when the process has acknowledged enough.
type lines struct {
	b    bytes.Buffer
	n    int
	kill int
	full chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	before := l.n
	l.n += bytes.Count(p, []byte("ack"))
	if before < l.kill && l.n >= l.kill {
		close(l.full)
	}
	return l.b.Write(p)
}

func TestFullDiskRefuses(t *testing.T) {
	d := New(Config{Dir: t.TempDir(), Merge: add})
	defer d.Close()
	put := func() error { return d.Write(func(b Batch) error { return b.Merge([]byte("n"), number(1)) }) }
	if err := put(); err != nil {
		t.Fatal(err)
	}
	left := d.free
	d.free = func() (int64, error) { return reserve - 1, nil }
	if err := put(); !errors.Is(err, ErrFull) {
		t.Errorf("write on a full disk: %v", err)
	}
	d.free = left
	if err := put(); err != nil {
		t.Errorf("write after space was made: %v", err)
	}
	if got := read(t, d, "n", "o")["n"]; got != string(number(2)) {
		t.Errorf("sum %x", got)
	}
}

// TestFailingLogBreaksTheStoreAlone injects an error of the disk into the log, which ends a process by Pebble's defaults.
func TestFailingLogBreaksTheStoreAlone(t *testing.T) {
	mem := vfs.NewMem()
	var failing atomic.Bool
	faulty := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".log") {
			return errors.New("no space left on device")
		}
		return nil
	}))
	plenty := func() (int64, error) { return 1 << 40, nil }
	d := New(Config{Dir: "kv", Merge: add})
	d.fs, d.free = faulty, plenty
	put := func() error { return d.Write(func(b Batch) error { return b.Merge([]byte("n"), number(1)) }) }
	if err := put(); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if err := put(); err == nil {
		t.Fatal("a write that is not in the log was acknowledged")
	}
	if err := put(); err == nil {
		t.Fatal("a broken store acknowledged a write")
	}
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestCancelledScanEnds(t *testing.T) {
	d := New(Config{Dir: t.TempDir()})
	defer d.Close()
	if err := d.Write(func(b Batch) error { return errors.Join(b.Set([]byte("a"), nil), b.Set([]byte("b"), nil)) }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Scan(ctx, []byte("a"), []byte("z"), func(_, _ []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled scan: %v", err)
	}
	n := 0
	if err := d.Scan(t.Context(), []byte("a"), []byte("z"), func(_, _ []byte) error { n++; return ErrStop }); err != nil || n != 1 {
		t.Errorf("stopped scan: %d keys, %v", n, err)
	}
}
