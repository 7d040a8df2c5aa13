package seglog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// fillUntil appends until journal-b takes groups and is full. It gives how many records there are.
func (s *store) fillUntil() (n int) {
	for s.journal.current != s.journal.files[1] || s.journal.current.size < s.journal.opts.Bytes {
		n++
		mustAppend(s.t, s.log("log"), fmt.Sprint(n))
	}
	s.journal.work.Wait()
	return n
}

func TestCloseLeavesTheYoungerFileWhenTheOlderIsNeeded(t *testing.T) {
	fsys := &faultFS{}
	s := openStore(t, fsys, t.TempDir(), &clock{t: time.UnixMilli(1000)}, JournalOptions{Bytes: 2000})
	n := s.fillUntil()
	broken := error(syscall.EIO)
	fsys.onlyFile.Store(new(filepath.Join(s.root, "journal-b")))
	fsys.write.Store(&broken)
	for range 3 {
		n++
		mustAppend(t, s.log("log"), fmt.Sprint(n))
	}
	if err := s.journal.Close(); err == nil {
		t.Fatal("the journal was closed although journal-b could not be written")
	}
	again := openStore(t, OS, s.root, s.clock, JournalOptions{})
	defer again.close()
	if got := contents(t, again.log("log")); len(got) != n {
		t.Errorf("%d of %d acknowledged records", len(got), n)
	}
}

// TestFailedSyncIsNotBelievedLater: Linux says once that a page could not be written, and then holds it for clean.
func TestFailedSyncIsNotBelievedLater(t *testing.T) {
	for which := range 2 {
		failOneSync(t, which)
	}
}

// failOneSync lets the first sync of one of the segments fail, and then the power.
func failOneSync(t *testing.T, which int) {
	disk := newMemFS()
	c := &clock{t: time.UnixMilli(1000)}
	s := openStore(t, disk, "/root", c, JournalOptions{Bytes: 1500})
	n := s.fillUntil()
	full := s.journal.current
	disk.failSync(slices.Sorted(maps.Keys(full.segments))[which])
	n++
	mustAppend(t, s.log("log"), fmt.Sprint(n)) // turns, and the checkpoint of the other file fails
	s.journal.work.Wait()
	if full.err == nil {
		t.Fatal("the checkpoint did not fail")
	}
	for s.journal.current != full {
		n++
		mustAppend(t, s.log("log"), fmt.Sprint(n))
	}
	s.journal.work.Wait()
	disk.mu.Lock()
	image := disk.afterPowerLoss(rand.New(rand.NewPCG(1, 1)))
	disk.mu.Unlock()
	again := openStore(t, image, "/root", c, JournalOptions{})
	if got := contents(t, again.log("log")); len(got) != n {
		t.Errorf("%d of %d acknowledged records", len(got), n)
	}
}

// powerLosses are disks after a loss of power, which keep different parts of what was not synced.
func powerLosses(disk *memFS) (images []*memFS) {
	disk.mu.Lock()
	defer disk.mu.Unlock()
	for seed := range uint64(40) {
		images = append(images, disk.afterPowerLoss(rand.New(rand.NewPCG(seed, 7))))
	}
	return images
}

func TestKillBetweenSegmentAndJournalThenPowerLoss(t *testing.T) {
	disk := newMemFS()
	c := &clock{t: time.UnixMilli(1000)}
	s := openStore(t, disk, "/root", c, JournalOptions{})
	mustAppend(t, s.log("log"), "one")
	s.close()
	s = openStore(t, disk, "/root", c, JournalOptions{})
	b := &Batch{Log: s.log("log"), Payloads: [][]byte{make([]byte, 200)}}
	if err := b.check(); err != nil {
		t.Fatal(err)
	}
	parts := divide([]*Batch{b})
	parts[0].stage(parts[0].encode(make([]byte, groupHeader))) // and here comes kill -9: the journal never gets it
	s = openStore(t, disk, "/root", c, JournalOptions{})
	ordinal := mustAppend(t, s.log("log"), "acknowledged")
	for i, image := range powerLosses(disk) {
		again := openStore(t, image, "/root", c, JournalOptions{})
		if got := contents(t, again.log("log")); got[ordinal] != "acknowledged" {
			t.Errorf("image %d: %v", i, got)
		}
	}
}

func TestRelaxedStoreGoesOnAfterPowerLoss(t *testing.T) {
	disk := newMemFS()
	c := &clock{t: time.UnixMilli(1000)}
	s := openStore(t, disk, "/root", c, JournalOptions{NoSync: true, Boot: "one"})
	for i := range 30 { // several segments
		mustAppend(t, s.log("log"), fmt.Sprintf("%d-%060d", i, i))
	}
	disk.mu.Lock()
	for name, f := range disk.names { // the worst case: all names are there
		disk.durable[name] = f
	}
	disk.mu.Unlock()
	for i, image := range powerLosses(disk) {
		for _, noSync := range []bool{true, false} {
			var torn int
			again := openStore(t, image, "/root", c, JournalOptions{NoSync: noSync, Boot: "two", Report: func(Tear) { torn++ }})
			mustAppend(t, again.log("log"), "after")
			last := uint64(0)
			for ordinal := range contents(t, again.log("log")) {
				last = max(last, ordinal)
			}
			if got := contents(t, again.log("log")); got[last] != "after" || uint64(len(got)) != last {
				t.Fatalf("image %d: %d records up to %d", i, len(got), last)
			}
			again.close()
		}
	}
}

func TestSyncedAfterRelaxed(t *testing.T) {
	disk := newMemFS()
	c := &clock{t: time.UnixMilli(1000)}
	s := openStore(t, disk, "/root", c, JournalOptions{NoSync: true, Boot: "one"})
	for i := range 30 {
		mustAppend(t, s.log("log"), fmt.Sprintf("%d-%060d", i, i))
	}
	s.close()
	s = openStore(t, disk, "/root", c, JournalOptions{Boot: "one"})
	ordinal := mustAppend(t, s.log("log"), "durable")
	for i, image := range powerLosses(disk) {
		again := openStore(t, image, "/root", c, JournalOptions{Boot: "two"})
		if got := contents(t, again.log("log")); got[ordinal] != "durable" || len(got) != 31 {
			t.Errorf("image %d: %d records", i, len(got))
		}
	}
}

func TestTrimFreesAFullDisk(t *testing.T) {
	fsys := &faultFS{}
	s := openStore(t, fsys, t.TempDir(), &clock{t: time.UnixMilli(1_000_000)}, JournalOptions{})
	for i := range 40 {
		mustAppend(t, s.log("log"), fmt.Sprintf("%d-%060d", i, i))
	}
	s.close()
	s = openStore(t, fsys, s.root, s.clock, JournalOptions{})
	dir := filepath.Join(s.root, "log")
	if n := len(segmentFiles(t, dir)); n < 3 {
		t.Fatalf("%d segments", n)
	}
	full := error(syscall.ENOSPC)
	fsys.write.Store(&full)
	if err := s.log("log").Trim(s.clock.now().Add(time.Hour)); err == nil {
		t.Error("a new segment was made on a full disk")
	}
	if n := len(segmentFiles(t, dir)); n != 1 {
		t.Errorf("%d segments are left", n)
	}
	fsys.write.Store(nil)
}
