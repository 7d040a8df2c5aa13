package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// segmentName names a segment in a journal.
type segmentName struct {
	path  string // of the log
	first uint64
}

// replay does again what the groups of the journal say. Doing it twice does no harm: frames go to the place where they
// stood, and what stands behind the last of them was never acknowledged. It holds one group in memory at a time.
func (j *Journal) replay() error {
	var files []*journalFile // in the order of their groups
	x := gone{map[string]uint64{}, map[segmentName]uint64{}}
	for _, f := range j.files {
		oldest := j.number
		found, err := j.readGroups(f, func(g journalGroup) error {
			x.note(g)
			j.number = max(j.number, g.number)
			return nil
		})
		switch {
		case err != nil:
			return err
		case found > 0 && found < oldest:
			files = append([]*journalFile{f}, files...)
		case found > 0:
			files = append(files, f)
		}
	}
	if err := j.redo(files, x); err != nil {
		return err
	}
	for _, f := range files { // the older first: the younger cannot be left out of a replay
		if err := f.void(); err != nil {
			return err
		}
	}
	return nil
}

// readGroups shows the groups of a file to visit and gives the number of the first, 0 if there is none. A note is good
// until visit returns.
func (j *Journal) readGroups(f *journalFile, visit func(journalGroup) error) (first uint64, err error) {
	if err := f.open(j.opts.FS); f.f == nil || err != nil {
		return 0, err
	}
	w := window{f: f.f, size: f.filled}
	var generation uint64
	for at := int64(0); at < f.filled; {
		b, err := w.group(at)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f.path, err)
		}
		g, err := decodeGroup(b)
		stale := first > 0 && len(b) >= groupHeader && groupGeneration(b) != generation
		if stale || err != nil {
			if !stale && first > 0 && !f.torn {
				f.torn = true
				j.opts.Report(Tear{f.path, at, f.filled - at})
			}
			break
		}
		if first == 0 {
			first, generation = g.number, g.generation
		}
		if err := visit(g); err != nil {
			return 0, err
		}
		at += g.size
	}
	return first, nil
}

// group gives the bytes of the group that begins at offset, or what there is of it.
func (w *window) group(offset int64) ([]byte, error) {
	b, err := w.bytes(offset, groupHeader)
	if err != nil || len(b) < groupHeader {
		return b, err
	}
	return w.bytes(offset, max(groupHeader, groupSize(b)))
}

// open opens the file if there is one.
func (f *journalFile) open(fsys FS) (err error) {
	if f.f != nil {
		return nil
	}
	if f.f, err = fsys.OpenFile(f.path, os.O_RDWR); err != nil {
		f.f = nil
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	f.filled, err = f.f.Size()
	return err
}

// gone is what the groups say of files that were unlinked, with the numbers of the groups that say it.
type gone struct {
	removed map[string]uint64
	trimmed map[segmentName]uint64
}

func (x gone) note(g journalGroup) {
	for _, n := range g.notes {
		switch n.kind {
		case removedNote:
			x.removed[n.path] = g.number
		case trimmedNote:
			x.trimmed[segmentName{n.path, n.first}] = g.number
		}
	}
}

// after tells whether a file was unlinked after the group wrote to it.
func (x gone) after(name segmentName, number uint64) bool {
	return x.removed[name.path] > number || x.trimmed[name] > number
}

// unlink does it again, and adds to dirs where.
func (x gone) unlink(j *Journal, dirs map[string]bool) error {
	for name := range x.removed {
		if err := j.opts.FS.RemoveAll(filepath.Join(j.root, name)); err != nil {
			return err
		}
		j.above(filepath.Dir(name), dirs)
	}
	for name := range x.trimmed {
		err := j.opts.FS.Remove(segmentPath(filepath.Join(j.root, name.path), name.first))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		j.above(name.path, dirs)
	}
	return nil
}

// redo carries out the groups of the files, one file after the other, and makes the segments durable.
func (j *Journal) redo(files []*journalFile, x gone) error {
	dirs := map[string]bool{}
	if err := x.unlink(j, dirs); err != nil {
		return err
	}
	redone := redoneSegments{}
	defer redone.close()
	for _, f := range files {
		_, err := j.readGroups(f, func(g journalGroup) error {
			for _, n := range g.notes {
				if n.kind != framesNote || x.after(segmentName{n.path, n.first}, g.number) {
					continue
				}
				if err := redone.put(j, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return j.settle(redone, dirs)
}

type redoneSegments map[segmentName]*redoneSegment

// put writes the frames of n to where they stood.
func (r redoneSegments) put(j *Journal, n note) (err error) {
	name := segmentName{n.path, n.first}
	s := r[name]
	if s == nil {
		if s, err = j.reopen(name); err != nil {
			return err
		}
		r[name] = s
	}
	_, err = s.f.WriteAt(n.frames, n.offset)
	s.end = n.offset + int64(len(n.frames))
	return err
}

func (r redoneSegments) close() {
	for _, s := range r {
		_ = s.f.Close() // all of it was synced, or the error is known
	}
}

// redoneSegment is a segment that a replay writes to.
type redoneSegment struct {
	f   File
	end int64
}

// reopen opens a segment, which may have vanished with its directory in a loss of power.
func (j *Journal) reopen(name segmentName) (*redoneSegment, error) {
	dir := filepath.Join(j.root, name.path)
	if err := j.opts.FS.Mkdirs(dir); err != nil {
		return nil, err
	}
	f, err := j.opts.FS.OpenFile(segmentPath(dir, name.first), os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt([]byte(segmentMagic), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &redoneSegment{f, segmentHeader}, nil
}

// settle cuts the segments where the last acknowledged frame ends, and syncs them, the names above them, and dirs.
func (j *Journal) settle(redone redoneSegments, dirs map[string]bool) error {
	for name, s := range redone {
		if err := s.f.Truncate(s.end); err != nil {
			return err
		}
		if err := s.f.Sync(); err != nil {
			return err
		}
		j.above(name.path, dirs)
	}
	return j.syncDirs(dirs)
}
