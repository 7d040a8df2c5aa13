package seglog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A store that is written without syncs has a file of this name, which holds the identity of the machine's run.
const relaxedName = "journal-unsynced"

// bootID names this run of the machine (Linux, random(4)); "" where that is not known.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// settleRelaxed takes over a store that was written without syncs, before any log is in use. If the machine has ended since,
// parts of it may be missing anywhere: each log is cut behind its last whole group. If syncs are wanted from now on, all
// that is there is synced: what stands before an acknowledged group must be as durable as it.
func (j *Journal) settleRelaxed() error {
	marker := filepath.Join(j.root, relaxedName)
	run, err := readAll(j.opts.FS, marker)
	if errors.Is(err, fs.ErrNotExist) {
		if j.opts.NoSync {
			return j.markRelaxed(marker)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if string(run) != j.opts.Boot {
		if err := j.eachLog(j.root, j.cutLog); err != nil {
			return err
		}
	}
	if j.opts.NoSync {
		return j.markRelaxed(marker)
	}
	if err := j.eachLog(j.root, j.syncLog); err != nil {
		return err
	}
	if err := j.opts.FS.Remove(marker); err != nil {
		return err
	}
	return j.opts.FS.SyncDir(j.root)
}

func (j *Journal) markRelaxed(marker string) error {
	if err := j.opts.FS.MkdirAll(j.root); err != nil {
		return err
	}
	f, err := j.opts.FS.OpenFile(marker, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(j.opts.Boot), 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), j.opts.FS.SyncDir(j.root))
}

// eachLog finds the logs below dir and hands on their segments, oldest first.
func (j *Journal) eachLog(dir string, do func(dir string, segments []uint64) error) error {
	entries, err := j.opts.FS.ReadDir(dir) // sorted by name
	if err != nil {
		return err
	}
	var segments []uint64
	for _, e := range entries {
		if e.IsDir() {
			if err := j.eachLog(filepath.Join(dir, e.Name()), do); err != nil {
				return err
			}
		} else if first, ok := segmentFirst(e.Name()); ok {
			segments = append(segments, first)
		}
	}
	return do(dir, segments)
}

// cutLog ends a log at its first damage.
func (j *Journal) cutLog(dir string, segments []uint64) error {
	next := uint64(0)
	for i, first := range segments {
		path := segmentPath(dir, first)
		x, d, err := scan(j.opts.FS, path, first)
		if err != nil {
			return err
		}
		switch {
		case i > 0 && first != next: // records between the two are lost
			return j.drop(dir, segments[i:])
		case d != nil:
			if err := j.cutSegment(path, x.size); err != nil {
				return err
			}
			j.opts.Report(Tear{path, x.size, int64(len(d.rest))})
			return j.drop(dir, segments[i+1:])
		}
		next = x.last + 1
	}
	return nil
}

func (j *Journal) cutSegment(path string, size int64) error {
	f, err := j.opts.FS.OpenFile(path, os.O_RDWR)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(segmentMagic), 0)
	if err == nil {
		err = f.Truncate(size)
	}
	_ = j.opts.FS.Remove(indexPath(path)) // a wrong one is found out by its size
	return errors.Join(err, f.Close())
}

// drop unlinks segments that nothing leads to any more.
func (j *Journal) drop(dir string, segments []uint64) error {
	for _, first := range segments {
		path := segmentPath(dir, first)
		if err := j.opts.FS.Remove(path); err != nil {
			return err
		}
		_ = j.opts.FS.Remove(indexPath(path)) // an index without a segment is ignored and harmless
		j.opts.Report(Tear{Path: path})
	}
	return nil
}

func (j *Journal) syncLog(dir string, segments []uint64) error {
	for _, first := range segments {
		if err := j.syncSegment(segmentPath(dir, first)); err != nil {
			return err
		}
	}
	return j.opts.FS.SyncDir(dir)
}
