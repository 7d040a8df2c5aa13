package kinesis

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"drey/kinesis/delivery"
	"drey/store/seglog"
)

// desk is a queue at work: it hands out records, and writes down what becomes of them before it answers. Its log holds
// events of package delivery; when there are many, a copy of the book is added and what lies before is trimmed.
type desk struct {
	log *seglog.Log

	appending sync.Mutex // one round is written after the other

	mu        sync.Mutex     // of what follows; not held while a round is written
	book      *delivery.Book // what the log says and what the rounds under way add; nil: the log has to be read
	events    int            // in the log since the last copy
	gathering *round         // nil: nothing is to be written
	cursors   map[int]*queueCursor
	turn      int // of the shards
	again     bool
}

// round is what is written at once: all that was decided while the round before was being written.
type round struct {
	payloads [][]byte
	copied   bool // it has a copy of the book
	done     bool // the desk's appending
	err      error
}

const (
	deskSegment = 4 << 20
	minCopied   = 10_000 // events, before a copy is made
	copyPart    = 1000   // events in a record of the log
)

func (s *Service) newDesk(streamID, id string) *desk {
	return &desk{cursors: map[int]*queueCursor{}, log: seglog.New(filepath.Join(s.Dir, streamID, queueDir(id)), seglog.Options{
		SegmentBytes: deskSegment, Now: s.Now, Journal: s.journal, Report: s.torn,
	})}
}

// queueDir is the directory of a queue's log, beside those of the shards.
func queueDir(id string) string { return "queue-" + id }

// open makes the book say what is so at now. The caller holds mu.
func (d *desk) open(x *state, q *queue, now time.Time) error {
	if d.book == nil {
		if err := d.load(); err != nil {
			return err
		}
	}
	d.book.Advance(now, x.horizon(now))
	if d.book.Limit() != int(q.Receives) {
		d.decide(d.book.SetLimit(now, int(q.Receives)))
	}
	return nil
}

// load reads the book from the log. The caller holds mu, and nothing is being written.
func (d *desk) load() error {
	r := d.log.Reader(1)
	defer r.Close()
	book := delivery.New()
	d.events = 0
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			d.book = book
			return nil
		}
		if err != nil {
			return err
		}
		events, err := delivery.Decode(rec.Data)
		if err != nil {
			return fmt.Errorf("record %d: %w", rec.Ordinal, err)
		}
		for _, e := range events {
			book.Apply(e)
		}
		d.events += len(events)
	}
}

// decide applies events to the book and adds them to the round that is gathering. The caller holds mu.
func (d *desk) decide(events ...delivery.Event) {
	for _, e := range events {
		d.book.Apply(e)
	}
	if d.gathering == nil {
		d.gathering = &round{}
	}
	d.gathering.payloads = append(d.gathering.payloads, delivery.Encode(events))
	d.events += len(events)
}

// seal ends the decisions of a caller who holds mu, and gives the round that makes them durable; nil if there are none.
func (d *desk) seal(x *state) *round {
	if g := d.gathering; g != nil && d.events > max(minCopied, 2*d.book.Size()) {
		d.book.Retain(func(shard int) bool { return x.at(shard) != nil })
		for part := range slices.Chunk(d.book.Copy(), copyPart) {
			g.payloads = append(g.payloads, delivery.Encode(part))
		}
		g.copied, d.events = true, 0
	}
	return d.gathering
}

// settle returns when a round is durable. If it cannot be written, the desk forgets it, and all that was decided since.
func (s *Service) settle(d *desk, r *round) error {
	if r == nil {
		return nil
	}
	d.appending.Lock()
	defer d.appending.Unlock()
	if r.done {
		return r.err
	}
	d.mu.Lock()
	d.gathering = nil // later decisions make the next round
	d.mu.Unlock()
	_, at, err := d.log.Append(r.payloads...)
	r.done, r.err = true, err
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.book = nil
		if g := d.gathering; g != nil {
			g.done, g.err, d.gathering = true, err, nil
		}
		return err
	}
	if r.copied {
		if err := d.log.Trim(at); err != nil {
			s.Log.Error("kinesis: old events of a queue are left on the disk", "error", err)
		}
	}
	return nil
}

// end closes the log, or removes it. Who is at work at the desk gets errors.
func (d *desk) end(log func() error) error {
	err := log()
	d.mu.Lock()
	defer d.mu.Unlock()
	for index := range d.cursors {
		d.dropCursor(index)
	}
	d.book = nil
	return err
}
