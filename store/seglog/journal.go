package seglog

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// JournalOptions of a journal. Zero values mean the defaults.
type JournalOptions struct {
	Bytes  int64      // a journal file of this size takes no more groups; 64 MiB
	NoSync bool       // an append is acknowledged when the operating system has it: it survives kill -9, not a loss of power
	Report func(Tear) // told of a torn tail; nothing
	Boot   string     // names the machine's run: what was not synced is trusted within one; the system's
	FS     FS         // the operating system's
}

// Journal makes the appends to many logs durable with one fdatasync: it holds all that was appended to them since their
// segments were synced. It has two files. While one takes groups, the segments that the other speaks of are synced in
// the background; then that one is written anew, in place, which costs the disk less than growth does.
type Journal struct {
	committer
	root    string
	opts    JournalOptions
	number  uint64
	files   [2]*journalFile
	current *journalFile
	closed  bool
	work    sync.WaitGroup // checkpoints
}

// journalFile is one of the two. Its fields belong to the holder of commit, or to the checkpoint until clean is closed.
type journalFile struct {
	path       string
	f          File // nil before the first write
	generation uint64
	size       int64           // of the groups
	filled     int64           // of the file
	torn       bool            // its tail was, and that was reported
	rewrite    bool            // a segment could not be synced: what the system holds of it is not to be trusted
	segments   map[string]bool // that are not synced since they were written
	dirs       map[string]bool // nor these, since names were made in them
	clean      chan struct{}   // closed when no checkpoint is under way
	err        error           // of the last checkpoint
}

// OpenJournal opens the journal of the logs whose directories lie below root, and first gives to the segments what a
// crash kept from them. No log may be in use before.
func OpenJournal(root string, o JournalOptions) (*Journal, error) {
	o.Bytes = cmp.Or(o.Bytes, 64<<20)
	o.FS = cmp.Or(o.FS, OS)
	o.Boot = cmp.Or(o.Boot, bootID())
	if o.Report == nil {
		o.Report = func(Tear) {}
	}
	j := &Journal{root: root, opts: o}
	j.journal = j
	for i, name := range []string{"journal-a", "journal-b"} {
		clean := make(chan struct{})
		close(clean)
		j.files[i] = &journalFile{path: filepath.Join(root, name), segments: map[string]bool{}, dirs: map[string]bool{}, clean: clean}
	}
	if err := j.replay(); err != nil {
		return nil, fmt.Errorf("journal %s: %w", root, err)
	}
	if err := j.settleRelaxed(); err != nil {
		return nil, fmt.Errorf("journal %s: %w", root, err)
	}
	j.current = j.files[0]
	j.current.begin()
	return j, nil
}

// Append adds batches to logs of the journal, all in one group. Each tells in Err what became of it.
func (j *Journal) Append(batches ...*Batch) {
	good := make([]*Batch, 0, len(batches))
	for _, b := range batches {
		if b.Err = b.check(); b.Err == nil {
			good = append(good, b)
		}
	}
	if len(good) > 0 {
		j.append(good...)
	}
}

// nameOf is the directory of a log below the root.
func (j *Journal) nameOf(dir string) string {
	name, err := filepath.Rel(j.root, dir)
	if err != nil || !filepath.IsLocal(name) {
		panic(fmt.Sprintf("seglog: the log %s does not lie below its journal's root %s", dir, j.root))
	}
	return name
}

// created notes that a name was made in the directory of a log, which may be new itself.
func (j *Journal) created(name string) {
	if !j.opts.NoSync {
		j.above(name, j.current.dirs)
	}
}

// above adds to dirs the directory of a log and all between it and the root.
func (j *Journal) above(name string, dirs map[string]bool) {
	for ; name != "."; name = filepath.Dir(name) {
		dirs[filepath.Join(j.root, name)] = true
	}
	dirs[j.root] = true
}

// write makes the group in b durable. The caller holds commit.
func (j *Journal) write(b []byte, parts []*part) error {
	b, good := withoutFailed(b, parts)
	if len(good) == 0 {
		return nil
	}
	if j.opts.NoSync {
		if j.closed {
			return ErrClosed
		}
		return nil
	}
	if err := j.makeRoom(len(b)); err != nil {
		return err
	}
	for _, p := range good {
		j.current.segments[p.log.tail().path] = true
	}
	return j.put(b, true)
}

// withoutFailed takes the notes of failed parts out of b. Where none failed, nothing moves.
func withoutFailed(b []byte, parts []*part) ([]byte, []*part) {
	kept, good := groupHeader, make([]*part, 0, len(parts))
	for _, p := range parts {
		if p.err != nil {
			continue
		}
		good = append(good, p)
		if kept != p.noteAt {
			copy(b[kept:], b[p.noteAt:p.end])
		}
		kept += p.end - p.noteAt
	}
	return b[:kept], good
}

// knows tells whether a replay could write to the segment. The caller holds commit.
func (j *Journal) knows(path string) bool {
	for _, f := range j.files {
		select {
		case <-f.clean:
			if f.segments[path] {
				return true
			}
		default: // a checkpoint is under way
			return true
		}
	}
	return false
}

// forget sees to it that nothing brings back a segment or a log that is about to be unlinked: by a note of it, or, where there
// is no space for the note, by forgetting all. The caller holds commit.
func (j *Journal) forget(n note, durable bool) error {
	if j.opts.NoSync {
		return nil
	}
	group := appendNote(make([]byte, groupHeader), n)
	err := j.makeRoom(len(group))
	if err == nil {
		err = j.put(group, durable)
	}
	if err != nil && !j.closed {
		err = j.drain()
	}
	if err == nil {
		j.above(n.path, j.current.dirs)
	}
	return err
}

// put writes a group behind the last one, where makeRoom made room for it.
func (j *Journal) put(b []byte, durable bool) error {
	f := j.current
	j.number++
	sealGroup(b, f.generation, j.number)
	_, err := f.f.WriteAt(b, f.size)
	if err == nil && durable {
		err = f.f.Sync()
	}
	if err != nil {
		_, _ = f.f.WriteAt(make([]byte, groupHeader), f.size) // so that no restart finds a group whose appenders were told of a failure
		return fmt.Errorf("journal: %w", err)
	}
	f.size += int64(len(b))
	return nil
}

// fillStep is how much a journal file grows at once, at most.
const fillStep = 1 << 20

var zeros [fillStep]byte

// fill makes the file at least that long: to sync what overwrites zeros takes half of the time of what makes a file grow.
func (f *journalFile) fill(size, step int64) error {
	for f.filled < size {
		if _, err := f.f.WriteAt(zeros[:step], f.filled); err != nil {
			_ = f.f.Truncate(f.filled) // the little that was left on the disk is of more use elsewhere; if not, nothing is lost
			return err
		}
		f.filled += step
	}
	return nil
}

// makeRoom sees to it that the current file takes a group of that size. On a full disk the other file, being longer, may take it.
func (j *Journal) makeRoom(size int) error {
	if j.closed {
		return ErrClosed
	}
	if j.current.size >= j.opts.Bytes {
		if err := j.turn(); err != nil {
			return err
		}
	}
	err := j.grow(j.current, size)
	if err != nil && j.turn() == nil {
		err = j.grow(j.current, size)
	}
	return err
}

// grow makes the file long enough for one more group.
func (j *Journal) grow(f *journalFile, size int) error {
	if f.f == nil {
		if err := j.create(f); err != nil {
			return err
		}
	}
	if err := f.fill(f.size+int64(size), min(j.opts.Bytes, fillStep)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// turn goes on with the other file when all of it has reached the segments.
func (j *Journal) turn() error {
	full, next := j.current, j.other()
	<-next.clean
	if next.err != nil { // the disk may have space again
		if next.err = j.checkpoint(next); next.err != nil {
			return next.err
		}
	}
	full.clean = make(chan struct{})
	j.work.Go(func() {
		full.err = j.checkpoint(full)
		close(full.clean)
	})
	next.begin()
	j.current = next
	return nil
}

// drain turns, and waits until all has reached the segments. This needs no space on the disk.
func (j *Journal) drain() error {
	full := j.current
	if err := j.turn(); err != nil {
		return err
	}
	<-full.clean
	return full.err
}

// other is the file that takes no groups now.
func (j *Journal) other() *journalFile {
	if j.current == j.files[0] {
		return j.files[1]
	}
	return j.files[0]
}

// begin starts a new life of the file.
func (f *journalFile) begin() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	f.generation, f.size = binary.LittleEndian.Uint64(b[:])|1, 0
}

func (j *Journal) create(f *journalFile) error {
	if err := j.opts.FS.MkdirAll(j.root); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	file, err := j.opts.FS.OpenFile(f.path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.opts.FS.SyncDir(j.root); err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	f.f = file
	return nil
}

// Close brings everything into the segments. Appends get ErrClosed after it.
func (j *Journal) Close() error {
	j.commit.Lock()
	defer j.commit.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.work.Wait()
	err := j.checkpoint(j.other()) // the older first: the younger cannot be left out of a replay
	if err == nil {
		err = j.checkpoint(j.current)
	}
	for _, f := range j.files {
		if f.f != nil {
			err = errors.Join(err, f.f.Close())
		}
	}
	return err
}
