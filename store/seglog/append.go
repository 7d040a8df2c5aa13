package seglog

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Append adds the payloads as consecutive records with ordinals from first on, all arrived at the time at. When it
// returns nil they are durable; when it returns an error none of them is in the log.
func (l *Log) Append(payloads ...[]byte) (first uint64, at time.Time, err error) {
	b := Batch{Log: l, Payloads: payloads}
	if err := b.check(); err != nil {
		return 0, time.Time{}, err
	}
	l.append(&b)
	return b.First, b.Time, b.Err
}

// check sees whether the batch can be appended, and readies its log.
func (b *Batch) check() error {
	for _, p := range b.Payloads {
		if len(p) > MaxPayload {
			return fmt.Errorf("append to %s: a record of %d bytes is longer than %d", b.Log.dir, len(p), MaxPayload)
		}
	}
	if err := b.Log.ready(); err != nil {
		return fmt.Errorf("append to %s: %w", b.Log.dir, err)
	}
	return nil
}

// prepare brings the active segment into a state in which it takes records.
func (l *Log) prepare(now int64) error {
	tail := l.tail()
	if l.active == nil {
		f, err := l.opts.FS.OpenFile(tail.path, os.O_RDWR)
		if err != nil {
			return err
		}
		if err := l.settle(f); err != nil {
			return errors.Join(err, f.Close())
		}
		l.active = f
	}
	if l.cut {
		if err := l.active.Truncate(tail.size); err != nil {
			return err
		}
		l.cut = false
	}
	old := now-tail.firstTime >= l.opts.SegmentAge.Milliseconds()
	if !tail.empty() && (old || tail.size >= l.opts.SegmentBytes) {
		return l.roll()
	}
	return nil
}

// settle makes durable what a process before this one left in the active segment: a kill can leave groups there that the
// journal does not know, and what stands before a group that is acknowledged must stand after a loss of power, too.
func (l *Log) settle(f File) error {
	if !l.journaled() || l.journal.opts.NoSync || l.tail().empty() {
		return nil
	}
	if err := f.Sync(); err != nil {
		return err
	}
	dirs := map[string]bool{}
	l.journal.above(l.name, dirs)
	return l.journal.syncDirs(dirs)
}

// roll begins a new segment. The caller holds commit.
func (l *Log) roll() error {
	tail := l.tail()
	if l.cut {
		return fmt.Errorf("%s has a tail that could not be cut yet", tail.path)
	}
	f, err := l.createSegment(tail.last + 1)
	if err != nil {
		return err
	}
	writeSidecar(l.opts.FS, tail.path, tail.index)
	if l.active != nil {
		_ = l.active.Close() // its content is safe without it
	}
	l.active = f
	next := &segment{path: segmentPath(l.dir, tail.last+1), index: newIndex(tail.last + 1)}
	next.lastTime = tail.lastTime
	l.mu.Lock()
	tail.entries = nil
	l.segments = append(slices.Clone(l.segments), next)
	l.mu.Unlock()
	return nil
}

// createSegment makes an empty segment. Its name is durable, or will be when the journal needs it.
func (l *Log) createSegment(first uint64) (File, error) {
	if !l.journaled() {
		return createSegment(l.opts.FS, l.dir, first, true)
	}
	l.journal.created(l.name)
	return createSegment(l.opts.FS, l.dir, first, false)
}
