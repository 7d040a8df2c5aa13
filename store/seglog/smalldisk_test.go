package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// smallDisk is a disk of so many bytes, which never loses power. What overwrites needs no space.
type smallDisk struct {
	osFS
	mu   sync.Mutex
	free int64
}

type smallFile struct {
	File
	disk *smallDisk
	name string
}

func (d *smallDisk) give(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free += n
}

func sizeOf(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

func full(name string) error { return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC} }

func (d *smallDisk) OpenFile(name string, flag int) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := os.Stat(name); err != nil && flag&os.O_CREATE != 0 && d.free <= 0 {
		return nil, full(name) // for want of a place for its name
	}
	old := sizeOf(name)
	f, err := d.osFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	d.free += old - sizeOf(name)
	return smallFile{f, d, name}, nil
}

func (d *smallDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free += sizeOf(to)
	return d.osFS.Rename(from, to)
}

func (d *smallDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	size := sizeOf(name)
	err := d.osFS.Remove(name)
	if err == nil {
		d.free += size
	}
	return err
}

func (f smallFile) WriteAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	fits := max(0, min(int64(len(b)), size+f.disk.free-off))
	f.disk.free -= max(0, off+fits-size)
	n, err := f.File.WriteAt(b[:fits], off)
	if err == nil && n < len(b) {
		err = full(f.name)
	}
	return n, err
}

func (f smallFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	old, err := f.Size()
	if err != nil {
		return err
	}
	f.disk.free += old - size
	return f.File.Truncate(size)
}

func (smallFile) Sync() error           { return nil }
func (*smallDisk) SyncDir(string) error { return nil }

// TestRetentionFreesASmallDisk fills disks of all sizes until nothing fits, whatever it is that does not: a segment, the journal that
// has to grow, or the other one that it turns to. Then all that was acknowledged can be read, also after kill -9, what is too old
// can be trimmed, and there is room again with a few bytes more.
func TestRetentionFreesASmallDisk(t *testing.T) {
	for size := int64(3000); size < 9000; size += 73 {
		fillAndTrim(t, size)
	}
}

func fillAndTrim(t *testing.T, size int64) {
	t.Helper()
	disk := &smallDisk{free: size}
	s := openStore(t, disk, t.TempDir(), &clock{t: time.UnixMilli(1_000_000)}, JournalOptions{Bytes: 1500})
	r := rand.New(rand.NewPCG(uint64(size), 1))
	told := map[string]int{}
	for refused := 0; refused < 5; { // again and again: one log may still have room when another has not
		name := fmt.Sprint("log", r.IntN(3))
		text := fmt.Sprintf("%d-%0*d", told[name]+1, r.IntN(200), 0)
		switch _, _, err := s.log(name).Append([]byte(text)); {
		case err == nil:
			told[name]++
		case errors.Is(err, syscall.ENOSPC):
			refused++
		default:
			t.Fatalf("size %d: %v", size, err)
		}
	}
	if size%2 == 0 {
		s.journal.work.Wait()
		s = openStore(t, disk, s.root, s.clock, JournalOptions{Bytes: 1500}) // as after kill -9
	}
	for name, n := range told {
		got := contents(t, s.log(name))
		if len(got) != n || n > 0 && got[uint64(n)][:len(fmt.Sprint(n))] != fmt.Sprint(n) {
			t.Fatalf("size %d: %s has %d records, %d were acknowledged", size, name, len(got), n)
		}
	}
	s.clock.add(time.Hour)
	for name := range told {
		if err := s.log(name).Trim(s.clock.now()); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	disk.give(400) // for the segments that come after those that are trimmed
	for name, n := range told {
		if err := s.log(name).Trim(s.clock.now()); err != nil {
			t.Fatalf("size %d: trim %s: %v", size, name, err)
		}
		if files := segmentFiles(t, filepath.Join(s.root, name)); len(files) != 1 || sizeOf(files[0]) != segmentHeader {
			t.Errorf("size %d: %s is left with %v", size, name, files)
		}
		if first := mustAppend(t, s.log(name), "after"); first != uint64(n)+1 {
			t.Errorf("size %d: record %d follows %d", size, first, n)
		}
	}
	s.close()
}
