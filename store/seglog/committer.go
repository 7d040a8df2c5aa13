package seglog

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Batch is what one appender adds to one log. Append fills the lower half.
type Batch struct {
	Log      *Log
	Payloads [][]byte

	First uint64    // ordinal of the first payload; the others follow
	Time  time.Time // arrival of all of them
	Err   error     // none of them is in the log
}

// committer makes the batches of all who append at the same time durable together. A log of its own has a committer of
// its own; logs that share a journal share the journal's.
type committer struct {
	journal *Journal   // nil: the segment of the log itself is synced
	commit  sync.Mutex // held by the appender that writes for its group, and by all else that changes files
	crowded bool       // several appenders shared the last group; belongs to the holder of commit

	mu      sync.Mutex // short
	pending *group     // appenders who wait for the next commit
}

type group struct {
	batches   []*Batch
	appenders int
	done      chan struct{}
}

// append returns when the batches are durable or have failed. The first appender of a group writes for all who joined
// while the group before was being written.
func (c *committer) append(batches ...*Batch) {
	g, leads := c.join(batches)
	if !leads {
		<-g.done
		return
	}
	c.commit.Lock()
	for n := 0; c.crowded && n < 3; n++ {
		runtime.Gosched() // those who are about to append may join: the fewer syncs, the cheaper each append
	}
	c.mu.Lock()
	c.pending = nil // later appenders are the next group
	c.mu.Unlock()
	c.crowded = g.appenders > 1
	c.write(g.batches)
	c.commit.Unlock()
	close(g.done)
}

func (c *committer) join(batches []*Batch) (g *group, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if leads = c.pending == nil; leads {
		c.pending = &group{done: make(chan struct{})}
	}
	c.pending.batches = append(c.pending.batches, batches...)
	c.pending.appenders++
	return c.pending, leads
}

// part is what a group adds to one log.
type part struct {
	log        *Log
	batches    []*Batch
	now        int64 // arrival
	next       index // of the active segment when the part is in it
	noteAt     int   // where its note begins in the group's buffer
	start, end int   // of its frames in the group's buffer
	err        error
}

// buffers for groups; large ones are left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keptBuffer = 4 << 20

// write makes batches durable and shows them to readers. The caller holds commit.
//
// The frames go to the segments first, where no reader looks for them yet, so that a full disk shows before anything
// is promised. What makes them durable is one sync: of the journal, or of the segment itself.
func (c *committer) write(batches []*Batch) {
	parts := divide(batches)
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keptBuffer {
			buffers.Put(buf)
		}
	}()
	b := append((*buf)[:0], make([]byte, groupHeader)...)
	for _, p := range parts {
		b = p.encode(b)
	}
	*buf = b
	for _, p := range parts {
		p.stage(b)
	}
	err := c.harden(b, parts)
	for _, p := range parts {
		p.finish(err)
	}
}

// divide sorts batches by log, in the order in which they came.
func divide(batches []*Batch) []*part {
	parts := make([]*part, 0, min(len(batches), 64))
	for _, b := range batches {
		p := b.Log.part
		if p == nil {
			p = &part{log: b.Log}
			b.Log.part = p
			parts = append(parts, p)
		}
		p.batches = append(p.batches, b)
	}
	return parts
}

// encode gives ordinals to the part's records and adds their frames to b.
func (p *part) encode(b []byte) []byte {
	l := p.log
	if l.closed {
		p.err = ErrClosed
		return b
	}
	p.now = max(l.opts.Now().UnixMilli(), l.lastTime())
	if p.err = l.prepare(p.now); p.err != nil {
		return b
	}
	tail := l.tail()
	p.next = tail.index
	p.noteAt = len(b)
	if l.journaled() {
		b = appendNote(b, note{kind: framesNote, path: l.name, first: tail.first, offset: tail.size})
	}
	p.start = len(b)
	b = p.next.extend(b, p)
	p.end = len(b)
	if l.journaled() {
		endNote(b, p.noteAt)
	}
	return b
}

// stage writes the part's frames behind the end of its segment.
func (p *part) stage(b []byte) {
	if p.err == nil {
		_, p.err = p.log.active.WriteAt(b[p.start:p.end], p.log.tail().size)
	}
}

// harden makes durable what was staged.
func (c *committer) harden(b []byte, parts []*part) error {
	if c.journal == nil {
		if p := parts[0]; p.err == nil { // there is but one log
			return p.log.active.Sync()
		}
		return nil
	}
	return c.journal.write(b, parts)
}

// finish shows the part to readers and appenders, or takes it back. err is what became of the sync.
func (p *part) finish(err error) {
	l := p.log
	l.part = nil
	staged := p.err == nil || p.end > 0
	if p.err == nil {
		p.err = err
	}
	if p.err != nil {
		if staged {
			l.cut = l.active.Truncate(l.tail().size) != nil // if this fails too, the next append tries again
		}
		for _, b := range p.batches {
			b.Err = fmt.Errorf("append to %s: %w", l.dir, p.err)
		}
		return
	}
	l.mu.Lock()
	l.tail().index = p.next
	l.announce()
	l.mu.Unlock()
	at := time.UnixMilli(p.now)
	for _, b := range p.batches {
		b.Time = at
	}
}

// extend gives ordinals to the batches of p, adds them to x and their frames to b. Entries that x shares with an older
// copy of itself stay as they are.
func (x *index) extend(b []byte, p *part) []byte {
	left := 0
	for _, batch := range p.batches {
		left += len(batch.Payloads)
	}
	leading := true
	for _, batch := range p.batches {
		batch.First = x.last + 1
		for _, payload := range batch.Payloads {
			left--
			f := frame{ordinal: x.last + 1, time: p.now, group: leading, last: left == 0, payload: payload, size: frameHeader + int64(len(payload))}
			b = appendFrame(b, f)
			x.add(f)
			leading = false
		}
	}
	return b
}
