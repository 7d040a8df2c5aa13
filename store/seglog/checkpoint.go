package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkpoint syncs the segments that f speaks of, and the names of new ones; then f is needed no more, and says so: a
// replay of only its beginning, the rest being overwritten, would cut the segments there.
func (j *Journal) checkpoint(f *journalFile) error {
	if f.rewrite {
		if err := j.rewrite(f); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	for path := range f.segments {
		if err := j.syncSegment(path); err != nil {
			f.rewrite = true
			return fmt.Errorf("journal: %w", err)
		}
	}
	if err := j.syncDirs(f.dirs); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := f.void(); err != nil {
		return err
	}
	clear(f.segments)
	clear(f.dirs)
	f.rewrite = false
	return nil
}

// rewrite gives the groups of f to the segments again. After a failed sync the operating system may believe that they are
// on the disk, and a second sync would say so.
func (j *Journal) rewrite(f *journalFile) error {
	_, err := j.readGroups(f, func(g journalGroup) error {
		for _, n := range g.notes {
			path := segmentPath(filepath.Join(j.root, n.path), n.first)
			if n.kind != framesNote || !f.segments[path] {
				continue
			}
			if err := j.rewriteFrames(path, n); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// rewriteFrames does nothing to a segment that was trimmed meanwhile.
func (j *Journal) rewriteFrames(path string, n note) error {
	s, err := j.opts.FS.OpenFile(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.WriteAt([]byte(segmentMagic), 0) // it may be new
	if err == nil {
		_, err = s.WriteAt(n.frames, n.offset)
	}
	return errors.Join(err, s.Close())
}

// syncDirs makes names durable; a directory that is gone has none.
func (j *Journal) syncDirs(dirs map[string]bool) error {
	for dir := range dirs {
		if err := j.opts.FS.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncSegment does nothing to one that was trimmed meanwhile.
func (j *Journal) syncSegment(path string) error {
	f, err := j.opts.FS.OpenFile(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// void makes a file hold no group, without giving its space back.
func (f *journalFile) void() error {
	if f.f == nil {
		return nil
	}
	if _, err := f.f.WriteAt(make([]byte, groupHeader), 0); err != nil {
		return err
	}
	return f.f.Sync()
}
