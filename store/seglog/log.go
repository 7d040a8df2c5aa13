package seglog

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the answer of a log that was closed or removed.
var ErrClosed = errors.New("the log is closed")

// Tear tells of a tail that a crash left behind and that was cut off. Nothing acknowledged was in it.
type Tear struct {
	Path   string
	Offset int64 // where the segment ends now
	Lost   int64 // bytes cut
}

// Options of a log. Zero values mean the defaults.
type Options struct {
	SegmentBytes int64            // a segment of this size takes no more groups; 64 MiB
	SegmentAge   time.Duration    // nor does one whose first record is this old; 1 hour
	Now          func() time.Time // clock of the arrival times; time.Now
	Report       func(Tear)       // told of each torn tail; nothing
	FS           FS               // the journal's, or the operating system's
	Journal      *Journal         // makes appends durable for many logs at once; none: the log syncs its own segment
}

// Log is one log. All methods may be called at the same time.
type Log struct {
	dir  string
	opts Options

	loading sync.Mutex // of the first use: it reads the tail, and must hold up no other log

	*committer        // commit is held by whoever changes files or the fields of this block
	name       string // of dir below the journal's root
	active     File   // append handle; nil until the first append
	cut        bool   // the active segment may be longer than its index says: truncate before writing
	part       *part  // what the group being written adds

	mu       sync.RWMutex // short; never held over I/O
	loaded   bool
	closed   bool
	segments []*segment // ascending; the last is active
	grown    chan struct{}
}

type segment struct {
	path string
	index
}

// New makes a log of the directory dir, which need not exist. It does no I/O: that begins with the first use, and
// every method that can meet a damaged log returns the *CorruptError.
func New(dir string, o Options) *Log {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SegmentAge == 0 {
		o.SegmentAge = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(Tear) {}
	}
	l := &Log{dir: dir}
	if o.Journal != nil {
		l.committer, l.name = &o.Journal.committer, o.Journal.nameOf(dir)
		o.FS = cmp.Or(o.FS, o.Journal.opts.FS)
	} else {
		l.committer = &committer{}
	}
	o.FS = cmp.Or(o.FS, OS)
	l.opts = o
	return l
}

func (l *Log) journaled() bool { return l.journal != nil }

// Bounds gives the ordinal of the oldest record and of the one that will be appended next; they are equal in an empty
// log. last is the arrival of the newest record, zero if there is none.
func (l *Log) Bounds() (oldest, next uint64, last time.Time, err error) {
	if err := l.ready(); err != nil {
		return 0, 0, time.Time{}, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return 0, 0, time.Time{}, ErrClosed
	}
	if ms := l.lastTime(); ms != 0 {
		last = time.UnixMilli(ms)
	}
	return l.segments[0].first, l.tail().last + 1, last, nil
}

// Grown gives a channel that is closed as soon as a record with an ordinal above after is durable, or the log closed.
func (l *Log) Grown(after uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || (l.loaded && l.tail().last > after) {
		done := make(chan struct{})
		close(done)
		return done
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

// Close ends the log. Appenders, readers and waiters get ErrClosed.
func (l *Log) Close() error {
	l.commit.Lock()
	defer l.commit.Unlock()
	l.mu.Lock()
	l.closed = true
	l.announce()
	l.mu.Unlock()
	if l.active == nil {
		return nil
	}
	err := l.active.Close()
	l.active = nil
	return err
}

// Remove closes the log and deletes its directory.
func (l *Log) Remove() error {
	err := l.Close()
	if l.journaled() {
		l.commit.Lock()
		err = errors.Join(err, l.journal.forget(note{kind: removedNote, path: l.name}, false))
		l.commit.Unlock()
	}
	return errors.Join(err, l.opts.FS.RemoveAll(l.dir))
}

// Trim unlinks the segments whose records all arrived before t. Ordinals are not used again.
func (l *Log) Trim(t time.Time) error {
	if err := l.ready(); err != nil {
		return err
	}
	l.commit.Lock()
	defer l.commit.Unlock()
	if l.closed {
		return ErrClosed
	}
	before := t.UnixMilli()
	if err := l.unlinkBefore(before); err != nil { // first, since a new segment needs space
		return err
	}
	if tail := l.tail(); tail.empty() || tail.lastTime >= before {
		return nil
	}
	if err := l.roll(); err != nil {
		return fmt.Errorf("trim %s: %w", l.dir, err)
	}
	return l.unlinkBefore(before)
}

// unlinkBefore unlinks all segments but the active one whose last record arrived before a time. The caller holds commit.
func (l *Log) unlinkBefore(before int64) error {
	for len(l.segments) > 1 && l.segments[0].lastTime < before {
		old := l.segments[0]
		if l.journaled() && l.journal.knows(old.path) {
			if err := l.journal.forget(note{kind: trimmedNote, path: l.name, first: old.first}, true); err != nil {
				return fmt.Errorf("trim %s: %w", l.dir, err)
			}
		}
		if err := l.opts.FS.Remove(old.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("trim %s: %w", l.dir, err)
		}
		_ = l.opts.FS.Remove(indexPath(old.path)) // an index without a segment is ignored and harmless
		l.mu.Lock()
		l.segments = slices.Clone(l.segments[1:])
		l.mu.Unlock()
	}
	return nil
}

// tail is the active segment. The caller holds commit or mu.
func (l *Log) tail() *segment { return l.segments[len(l.segments)-1] }

// lastTime is the newest arrival, 0 if there is none. A new segment inherits it from the one before.
func (l *Log) lastTime() int64 { return l.tail().lastTime }

// announce wakes those who wait for growth. The caller holds mu.
func (l *Log) announce() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// ready loads the log if nobody did yet.
func (l *Log) ready() error {
	l.mu.RLock()
	loaded := l.loaded
	l.mu.RUnlock()
	if loaded {
		return nil
	}
	l.loading.Lock()
	defer l.loading.Unlock()
	l.mu.RLock()
	loaded, closed := l.loaded, l.closed
	l.mu.RUnlock()
	switch {
	case loaded:
		return nil
	case closed:
		return ErrClosed
	}
	return l.load()
}

// load finds the segments and cuts a torn tail. The caller holds loading.
func (l *Log) load() error {
	if err := l.makeDir(); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	segments, err := l.findSegments()
	if err != nil {
		return fmt.Errorf("open log %s: %w", l.dir, err)
	}
	l.mu.Lock()
	l.segments, l.loaded = segments, true
	l.mu.Unlock()
	return nil
}

// makeDir makes the directory; its name is durable, or will be when the journal needs it.
func (l *Log) makeDir() error {
	if l.journaled() {
		return l.opts.FS.Mkdirs(l.dir)
	}
	return l.opts.FS.MkdirAll(l.dir)
}

func (l *Log) findSegments() ([]*segment, error) {
	names, err := l.opts.FS.ReadDir(l.dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var all []*segment
	for _, n := range names {
		if first, ok := segmentFirst(n.Name()); ok {
			all = append(all, &segment{path: segmentPath(l.dir, first), index: newIndex(first)})
		}
	}
	if len(all) == 0 {
		l.commit.Lock()
		f, err := l.createSegment(1)
		l.commit.Unlock()
		if err != nil {
			return nil, err
		}
		return []*segment{{path: segmentPath(l.dir, 1), index: newIndex(1)}}, f.Close()
	}
	for i, s := range all {
		if i == len(all)-1 {
			err = l.openTail(s)
		} else if s.index, err = sealedIndex(l.opts.FS, s.path, s.first); err == nil {
			s.entries = nil // read again when somebody seeks
		}
		if err != nil {
			return nil, err
		}
		if i > 0 && all[i-1].last+1 != s.first {
			return nil, &CorruptError{s.path, 0, fmt.Sprintf("the segment before it ends with record %d", all[i-1].last)}
		}
		if i > 0 && s.empty() {
			s.lastTime = all[i-1].lastTime
		}
	}
	return all, nil
}

// neverSynced tells whether b can be what a loss of power leaves of a new segment: its beginning is missing.
func neverSynced(b []byte) bool {
	return int64(len(b)) < segmentHeader || binary.LittleEndian.Uint64(b) == 0
}

// openTail scans the last segment and cuts what a crash left behind the last whole frame.
func (l *Log) openTail(s *segment) error {
	x, d, err := scan(l.opts.FS, s.path, s.first)
	if err != nil {
		return err
	}
	s.index = x
	if d == nil {
		return nil
	}
	if groupFollows(d.rest, x.last+1) || (d.offset == 0 && !neverSynced(d.rest)) {
		return &CorruptError{s.path, d.offset, d.reason.Error()}
	}
	f, err := l.opts.FS.OpenFile(s.path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if d.offset == 0 { // the crash came while the segment was made
		if _, err := f.WriteAt([]byte(segmentMagic), 0); err != nil {
			return err
		}
	}
	if err := f.Truncate(x.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	l.opts.Report(Tear{s.path, x.size, int64(len(d.rest))})
	return nil
}
