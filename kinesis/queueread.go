package kinesis

import (
	"errors"
	"io"
	"time"

	"drey/kinesis/delivery"
	"drey/store/seglog"
)

// found is a record on its way to whoever receives it.
type found struct {
	lane   *lane
	record seglog.Record
}

func (f found) id() delivery.ID { return delivery.ID{Shard: f.lane.Index, Ordinal: f.record.Ordinal} }

// basket takes records as long as there is room: for so many, and for 10 MiB unless the first alone is larger.
type basket struct {
	records []found
	limit   int
	size    int
}

func (b *basket) room() int { return b.limit - len(b.records) }

// take tells whether the record went in.
func (b *basket) take(f found) bool {
	n := recordSize(f.record)
	if len(b.records) > 0 && b.size+n > maxReadSize {
		b.limit = len(b.records)
		return false
	}
	b.records = append(b.records, f)
	b.size += n
	return true
}

// queueCursor reads the records of a shard that were never received.
type queueCursor struct {
	cursor
	at uint64 // the position that the records it gave lead to
}

// pick fills the basket with what may be received: by turns records that were received before and new ones come first, so
// that neither keep the others waiting.
func (d *desk) pick(x *state, q *queue, b *basket, dead bool, now time.Time) error {
	if dead {
		return d.visible(x, b, true)
	}
	if d.again = !d.again; d.again {
		if err := d.visible(x, b, false); err != nil {
			return err
		}
		return d.fresh(x, q, b, now)
	}
	if err := d.fresh(x, q, b, now); err != nil {
		return err
	}
	return d.visible(x, b, false)
}

// nearby is how many records are read over rather than looked up.
const nearby = 100

// visible adds records that were received before.
func (d *desk) visible(x *state, b *basket, dead bool) error {
	var r *seglog.Reader
	var l *lane
	next := uint64(0) // that r gives
	defer func() {
		if r != nil {
			_ = r.Close() // it was only read
		}
	}()
	for _, want := range d.book.Visible(dead, b.room()) {
		if r == nil || l.Index != want.Shard || want.Ordinal < next || want.Ordinal > next+nearby {
			if r != nil {
				_ = r.Close()
			}
			if l = x.at(want.Shard); l == nil { // expired at this moment
				r = nil
				continue
			}
			r = l.log.Reader(want.Ordinal)
		}
		rec, err := readTo(r, want.Ordinal)
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return err
		}
		next = rec.Ordinal + 1
		if rec.Ordinal == want.Ordinal && !b.take(found{l, rec}) {
			return nil
		}
	}
	return nil
}

// readTo gives the first record from the ordinal on; later ones only if it was trimmed.
func readTo(r *seglog.Reader, ordinal uint64) (rec seglog.Record, err error) {
	for err == nil && rec.Ordinal < ordinal {
		rec, err = r.Next()
	}
	return rec, err
}

// fresh adds records that were never received, one shard after the other; those of a child only when all of its ancestors
// were received ("Resharding a stream" in the developer guide).
func (d *desk) fresh(x *state, q *queue, b *basket, now time.Time) error {
	horizon := x.horizon(now)
	f := family{desk: d, state: x, now: now, since: q.since(horizon), read: map[string]bool{}}
	d.turn++
	for i := range x.lanes {
		l := x.lanes[(i+d.turn)%len(x.lanes)]
		if b.room() == 0 {
			return nil
		}
		if l.expired(horizon) {
			continue
		}
		if ready, err := f.parentsRead(l); err != nil {
			return err
		} else if !ready {
			continue
		}
		if err := d.read(l, f.since, b); err != nil {
			return err
		}
	}
	return nil
}

// family answers which shards were received wholly, together with all of their ancestors.
type family struct {
	desk  *desk
	state *state
	now   time.Time
	since time.Time
	read  map[string]bool // what is known
}

func (f family) parentsRead(l *lane) (bool, error) {
	mother, err := f.wholly(l.Parent)
	if err != nil || !mother {
		return false, err
	}
	return f.wholly(l.AdjacentParent)
}

// wholly tells it of a shard that is closed. Where there is no shard, or it is expired, nothing is left to be received.
func (f family) wholly(id string) (done bool, err error) {
	if id == "" {
		return true, nil
	}
	if done, known := f.read[id]; known {
		return done, nil
	}
	defer func() { f.read[id] = done }()
	l := f.state.lane(id, f.now)
	if l == nil {
		return true, nil
	}
	_, next, last, err := l.log.Bounds()
	if err != nil || l.Closed == nil || f.desk.book.Position(l.Index) < next && !last.Before(f.since) {
		return false, err
	}
	return f.parentsRead(l)
}

// read adds new records of a shard.
func (d *desk) read(l *lane, since time.Time, b *basket) error {
	position := d.book.Position(l.Index)
	next, err := l.next()
	if err != nil {
		return err
	}
	if position >= next {
		if l.Closed != nil {
			d.dropCursor(l.Index)
		}
		return nil
	}
	c := d.cursorAt(l, position)
	c.Since(since)
	for b.room() > 0 {
		rec, err := c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Time.Before(since) { // it was held for long
			continue
		}
		if !b.take(found{l, rec}) {
			c.held = &rec
			return nil
		}
		c.at = rec.Ordinal + 1
	}
	return nil
}

// maxCursors is how many files a desk keeps open.
const maxCursors = 64

// cursorAt gives the cursor of a shard, at the position.
func (d *desk) cursorAt(l *lane, position uint64) *queueCursor {
	if c := d.cursors[l.Index]; c != nil && c.at == position {
		return c
	}
	d.dropCursor(l.Index)
	for index := range d.cursors {
		if len(d.cursors) < maxCursors {
			break
		}
		d.dropCursor(index)
	}
	c := &queueCursor{cursor{Reader: l.log.Reader(position)}, position}
	d.cursors[l.Index] = c
	return c
}

func (d *desk) dropCursor(index int) {
	if c := d.cursors[index]; c != nil {
		_ = c.Close() // it was only read
		delete(d.cursors, index)
	}
}
