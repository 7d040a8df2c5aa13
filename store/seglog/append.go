package seglog

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// group is a set of appends that become durable together or fail together.
type group struct {
	writes []*write
	done   chan struct{}
	err    error // after done
}

type write struct {
	payloads [][]byte
	first    uint64 // after done
	time     int64  // after done
}

// Append adds the payloads as consecutive records with ordinals from first on, all arrived at the time at. When it
// returns nil they are durable; when it returns an error none of them is in the log.
//
// The first appender of a group writes for all who joined while the group before was being written.
func (l *Log) Append(payloads ...[]byte) (first uint64, at time.Time, err error) {
	for _, p := range payloads {
		if len(p) > MaxPayload {
			return 0, time.Time{}, fmt.Errorf("append to %s: a record of %d bytes is longer than %d", l.dir, len(p), MaxPayload)
		}
	}
	w := &write{payloads: payloads}
	g, leads := l.join(w)
	if leads {
		l.commit.Lock()
		l.mu.Lock()
		l.pending = nil // later appenders are the next group
		l.mu.Unlock()
		g.err = l.write(g)
		l.commit.Unlock()
		close(g.done)
	} else {
		<-g.done
	}
	if g.err != nil {
		return 0, time.Time{}, fmt.Errorf("append to %s: %w", l.dir, g.err)
	}
	return w.first, time.UnixMilli(w.time), nil
}

func (l *Log) join(w *write) (g *group, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if leads = l.pending == nil; leads {
		l.pending = &group{done: make(chan struct{})}
	}
	l.pending.writes = append(l.pending.writes, w)
	return l.pending, leads
}

// buffers for groups; large ones are left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keptBuffer = 1 << 20

// write makes a group durable and shows it to readers. The caller holds commit.
func (l *Log) write(g *group) error {
	if err := l.load(); err != nil {
		return err
	}
	now := max(l.opts.Now().UnixMilli(), l.lastTime())
	if err := l.prepare(now); err != nil {
		return err
	}
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keptBuffer {
			buffers.Put(buf)
		}
	}()
	tail := l.tail()
	next := tail.index
	*buf = next.extend((*buf)[:0], g, now)
	if err := l.store(*buf, tail.size); err != nil {
		return err
	}
	l.mu.Lock()
	tail.index = next
	l.announce()
	l.mu.Unlock()
	return nil
}

// extend gives ordinals to the writes of g, adds them to x and their frames to b. Entries that x shares with an older
// copy of itself stay as they are.
func (x *index) extend(b []byte, g *group, now int64) []byte {
	leading := true
	for _, w := range g.writes {
		w.first, w.time = x.last+1, now
		for _, p := range w.payloads {
			f := frame{ordinal: x.last + 1, time: now, group: leading, payload: p, size: frameHeader + int64(len(p))}
			b = appendFrame(b, f)
			x.add(f)
			leading = false
		}
	}
	return b
}

// prepare brings the active segment into a state in which it takes a group.
func (l *Log) prepare(now int64) error {
	tail := l.tail()
	if l.active == nil {
		f, err := l.opts.FS.OpenFile(tail.path, os.O_RDWR)
		if err != nil {
			return err
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

// store writes b at offset and syncs, or takes it back.
func (l *Log) store(b []byte, offset int64) error {
	_, err := l.active.WriteAt(b, offset)
	if err == nil {
		err = l.active.Sync()
	}
	if err != nil {
		l.cut = l.active.Truncate(offset) != nil // if this fails too, the next append tries again
	}
	return err
}

// roll begins a new segment. The caller holds commit.
func (l *Log) roll() error {
	tail := l.tail()
	if l.cut {
		return fmt.Errorf("%s has a tail that could not be cut yet", tail.path)
	}
	f, err := createSegment(l.opts.FS, l.dir, tail.last+1)
	if err != nil {
		return err
	}
	writeSidecar(l.opts.FS, tail.path, tail.index)
	if l.active != nil {
		_ = l.active.Close() // all of it was synced
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
