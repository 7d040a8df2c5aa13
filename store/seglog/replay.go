package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// segmentName names a segment in a journal.
type segmentName struct {
	path  string // of the log
	first uint64
}

// replay does again what the groups of the journal say. Doing it twice does no harm: frames go to the place where they
// stood, and what stands behind the last of them was never acknowledged.
func (j *Journal) replay() error {
	var groups []journalGroup
	for _, f := range j.files {
		found, err := j.readGroups(f)
		if err != nil {
			return err
		}
		groups = append(groups, found...)
	}
	slices.SortFunc(groups, func(a, b journalGroup) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	if len(groups) > 0 {
		j.number = groups[len(groups)-1].number
	}
	if err := j.redo(groups); err != nil {
		return err
	}
	for _, f := range j.files {
		if err := f.void(); err != nil {
			return err
		}
	}
	return nil
}

// readGroups opens a journal file, if there is one, and reads what it holds.
func (j *Journal) readGroups(f *journalFile) (groups []journalGroup, err error) {
	f.f, err = j.opts.FS.OpenFile(f.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		f.f = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := readAll(j.opts.FS, f.path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	f.filled = int64(len(b))
	for at := int64(0); at < int64(len(b)); {
		g, err := decodeGroup(b[at:])
		stale := len(groups) > 0 && int64(len(b))-at >= groupHeader && groupGeneration(b[at:]) != groups[0].generation
		if stale || (err == nil && g.generation == 0) {
			break
		}
		if err != nil {
			if len(groups) > 0 {
				j.opts.Report(Tear{f.path, at, int64(len(b)) - at})
			}
			break
		}
		groups, at = append(groups, g), at+g.size
	}
	return groups, nil
}

// gone is what the groups say of files that were unlinked, with the numbers of the groups that say it.
type gone struct {
	removed map[string]uint64
	trimmed map[segmentName]uint64
}

func unlinked(groups []journalGroup) gone {
	x := gone{map[string]uint64{}, map[segmentName]uint64{}}
	for _, g := range groups {
		for _, n := range g.notes {
			switch n.kind {
			case removedNote:
				x.removed[n.path] = g.number
			case trimmedNote:
				x.trimmed[segmentName{n.path, n.first}] = g.number
			}
		}
	}
	return x
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

// redo carries out groups in the order of their numbers and makes the segments durable.
func (j *Journal) redo(groups []journalGroup) error {
	x := unlinked(groups)
	dirs := map[string]bool{}
	if err := x.unlink(j, dirs); err != nil {
		return err
	}
	redone := redoneSegments{}
	defer redone.close()
	for _, g := range groups {
		for _, n := range g.notes {
			if n.kind != framesNote || x.after(segmentName{n.path, n.first}, g.number) {
				continue
			}
			if err := redone.put(j, n); err != nil {
				return err
			}
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
	for dir := range dirs {
		if err := j.opts.FS.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
