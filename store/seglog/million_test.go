package seglog

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	manyRecords = 10_000_000
	manyLogs    = 8
	manyBatch   = 500
	manyPayload = 100
)

// countingFS counts the bytes that are read, and waits for no disk.
type countingFS struct {
	osFS
	read atomic.Int64
}

type countingFile struct {
	File
	read *atomic.Int64
}

func (c *countingFS) OpenFile(name string, flag int) (File, error) {
	f, err := c.osFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return countingFile{f, &c.read}, nil
}

func (f countingFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	f.read.Add(int64(n))
	return n, err
}

func (countingFile) Sync() error { return nil }

// manyStore is a store of ten million records, and its journal as kill -9 leaves it.
type manyStore struct {
	dir     string
	journal map[string][]byte
}

func fillMany(t testing.TB) manyStore {
	t.Helper()
	m := manyStore{t.TempDir(), map[string][]byte{}}
	j, err := OpenJournal(m.dir, JournalOptions{FS: &countingFS{}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range manyLogs {
		wg.Go(func() {
			l := New(filepath.Join(m.dir, fmt.Sprint("log", i)), Options{Journal: j})
			payloads := make([][]byte, manyBatch)
			for k := range payloads {
				payloads[k] = make([]byte, manyPayload)
			}
			for range manyRecords / manyLogs / manyBatch {
				if _, _, err := l.Append(payloads...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	j.work.Wait()
	for _, f := range j.files {
		if m.journal[f.path], err = os.ReadFile(f.path); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}

// kill brings back the journal as it was when the process ended. The segments are as they were anyway.
func (m manyStore) kill(t testing.TB) {
	t.Helper()
	for path, body := range m.journal {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// open opens the store so far that each log has given its first record and would take the next.
func (m manyStore) open(t testing.TB, fsys FS) *Journal {
	t.Helper()
	j, err := OpenJournal(m.dir, JournalOptions{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	for i := range manyLogs {
		l := New(filepath.Join(m.dir, fmt.Sprint("log", i)), Options{Journal: j})
		r := l.Reader(1)
		if rec, err := r.Next(); err != nil || rec.Ordinal != 1 {
			t.Fatal(rec.Ordinal, err)
		}
		if _, next, _, err := l.Bounds(); err != nil || next != manyRecords/manyLogs+1 {
			t.Fatalf("log %d: the next record is %d, %v", i, next, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// mayRead is what opening the store may read, however much is stored: each group of the journal twice, the last segment of
// each log, and of the others the index, a chunk of the first one apart. all is what is stored.
func (m manyStore) mayRead(t testing.TB) (bound, all int64) {
	t.Helper()
	for _, body := range m.journal {
		bound += 2 * int64(len(body))
	}
	for i := range manyLogs {
		dir := filepath.Join(m.dir, fmt.Sprint("log", i))
		segments := segmentFiles(t, dir)
		for k, path := range segments {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if all += info.Size(); k == len(segments)-1 {
				bound += info.Size()
			}
		}
		bound += readChunk + int64(len(segments))*128<<10
	}
	return bound, all
}

// TestOpeningReadsIndexesOnly: what is read when a store is opened is bounded by the journal and the last segments.
func TestOpeningReadsIndexesOnly(t *testing.T) {
	m := fillMany(t)
	bound, all := m.mayRead(t)
	if bound > all/2 {
		t.Fatalf("%d MB are stored, of which %d may be read: too little to tell anything", all>>20, bound>>20)
	}
	for _, how := range []string{"closed", "killed"} {
		if how == "killed" {
			m.kill(t)
		}
		fsys := &countingFS{}
		if err := m.open(t, fsys).Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d MB were read", how, fsys.read.Load()>>20, all>>20)
		if n := fsys.read.Load(); n > bound {
			t.Errorf("%s: %d MB were read of %d MB, expected at most %d", how, n>>20, all>>20, bound>>20)
		}
	}
}

// BenchmarkOpenTenMillion opens a store of ten million records, with syncs, after it was closed and after kill -9.
func BenchmarkOpenTenMillion(b *testing.B) {
	m := fillMany(b)
	for _, how := range []string{"closed", "killed"} {
		b.Run(how, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if how == "killed" {
					m.kill(b)
				}
				b.StartTimer()
				j := m.open(b, OS)
				b.StopTimer()
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
