package delivery

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind is what an event does. The numbers are stored: they do not change.
type Kind uint8

// Kinds of events. The last three make a book the copy of another.
const (
	Received     Kind = 1 // ID, Arrived, Visible, Receipt
	Acknowledged Kind = 2 // ID
	Hidden       Kind = 3 // ID, Visible
	Restored     Kind = 4 // ID
	Limited      Kind = 5 // Count
	Placed       Kind = 6 // ID: the next record of the shard to be received
	CopyBegan    Kind = 7 // Receipt: the last; Count: the limit
	Kept         Kind = 8 // ID, Arrived, First, Visible (0: it is), Receipt, Count, Dead
	CopyEnded    Kind = 9
)

// Event is one change of a book. Times are milliseconds since the epoch; members that the kind does not name are zero.
type Event struct {
	Kind Kind
	At   int64
	ID
	Arrived, First, Visible int64
	Receipt                 uint64
	Count                   int
	Dead                    bool
}

const deadBit = 0x80

// Append adds the event to b.
func (e Event) Append(b []byte) []byte {
	kind := byte(e.Kind)
	if e.Dead {
		kind |= deadBit
	}
	b = append(b, kind)
	for _, v := range []uint64{uint64(e.At), uint64(e.Shard), e.Ordinal, uint64(e.Arrived), uint64(e.First), uint64(e.Visible), e.Receipt, uint64(e.Count)} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// Encode writes events one behind the other.
func Encode(events []Event) (b []byte) {
	for _, e := range events {
		b = e.Append(b)
	}
	return b
}

var errEvent = errors.New("not an event of a queue")

// Decode reads what Encode wrote.
func Decode(b []byte) (events []Event, err error) {
	for len(b) > 0 {
		e := Event{Kind: Kind(b[0] &^ deadBit), Dead: b[0]&deadBit != 0}
		b = b[1:]
		var v [8]uint64
		for i := range v {
			n := 0
			if v[i], n = binary.Uvarint(b); n <= 0 {
				return nil, errEvent
			}
			b = b[n:]
		}
		if e.Kind < Received || e.Kind > CopyEnded {
			return nil, fmt.Errorf("%w: kind %d", errEvent, e.Kind)
		}
		e.At, e.Shard, e.Ordinal, e.Arrived = int64(v[0]), int(v[1]), v[2], int64(v[3])
		e.First, e.Visible, e.Receipt, e.Count = int64(v[4]), int64(v[5]), v[6], int(v[7])
		events = append(events, e)
	}
	return events, nil
}

// Receive decides that the records are delivered, each with a receipt of its own, and hidden for so long. They are visible,
// or the next of their shards.
func (b *Book) Receive(now time.Time, hidden time.Duration, records []Record) []Event {
	out := make([]Event, len(records))
	for i, r := range records {
		out[i] = Event{
			Kind: Received, At: now.UnixMilli(), ID: r.ID, Arrived: r.Arrived.UnixMilli(),
			Visible: now.Add(hidden).UnixMilli(), Receipt: b.receipts + uint64(i) + 1,
		}
	}
	return out
}

// Verdict is what a receipt is worth.
type Verdict int

// Verdicts on receipts.
const (
	Good       Verdict = iota
	Gone               // the record was acknowledged, or has left the stream
	Superseded         // it was delivered again, or restored
	Moved              // it is a dead letter and the receipt is none of those, or the other way round
)

// Check tells what a receipt is worth to those who receive dead letters, or to the others. It is good until the record is
// delivered again, also when the record is visible by now.
func (b *Book) Check(id ID, receipt uint64, dead bool) Verdict {
	e := b.entries[id]
	switch {
	case e == nil || b.expired(e):
		return Gone
	case e.receipt != receipt:
		return Superseded
	case e.dead != dead:
		return Moved
	default:
		return Good
	}
}

// Acknowledge decides that the record is not delivered again.
func (b *Book) Acknowledge(now time.Time, id ID) Event {
	return Event{Kind: Acknowledged, At: now.UnixMilli(), ID: id}
}

// Hide decides that the record is not visible for so long, from now on.
func (b *Book) Hide(now time.Time, id ID, hidden time.Duration) Event {
	return Event{Kind: Hidden, At: now.UnixMilli(), ID: id, Visible: now.Add(hidden).UnixMilli()}
}

// Restore decides that the record is no dead letter any more, and visible as if it had never been received.
func (b *Book) Restore(now time.Time, id ID) Event {
	return Event{Kind: Restored, At: now.UnixMilli(), ID: id}
}

// SetLimit decides how often records may be received from now on. Those that are dead letters stay so.
func (b *Book) SetLimit(now time.Time, limit int) Event {
	return Event{Kind: Limited, At: now.UnixMilli(), Count: limit}
}

// Place decides where the delivery of a shard begins.
func Place(now time.Time, next ID) Event { return Event{Kind: Placed, At: now.UnixMilli(), ID: next} }

// Apply changes the book.
func (b *Book) Apply(e Event) {
	switch e.Kind {
	case CopyBegan:
		b.copy = New()
		b.copy.now, b.copy.receipts, b.copy.limit = e.At, e.Receipt, e.Count
		return
	case Placed, Kept:
		if b.copy != nil {
			b.copy.settle(e)
			return
		}
	case CopyEnded:
		if b.copy != nil { // else its beginning is missing, and so is nothing that matters
			*b = *b.copy
		}
		return
	case Received, Acknowledged, Hidden, Restored, Limited:
	}
	b.copy = nil // a crash cut it off
	b.advance(e.At)
	b.settle(e)
}

// settle is the change itself.
func (b *Book) settle(e Event) {
	x := b.entries[e.ID]
	switch {
	case e.Kind == Received && (x != nil || e.Ordinal >= b.Position(e.Shard)):
		b.deliver(x, e)
	case e.Kind == Acknowledged && x != nil:
		b.drop(x)
	case e.Kind == Hidden && x != nil:
		b.lift(x)
		b.hide(x, e.Visible)
	case e.Kind == Restored && x != nil:
		b.lift(x)
		x.dead, x.count, x.receipt = false, 0, 0
		b.show(x)
	case e.Kind == Limited:
		b.setLimit(e.Count)
	case e.Kind == Placed:
		b.positions[e.Shard] = e.Ordinal
	case e.Kind == Kept:
		x = &entry{ID: e.ID, arrived: e.Arrived, first: e.First, receipt: e.Receipt, count: e.Count, dead: e.Dead, visible: e.Visible}
		b.entries[e.ID] = x
		if x.visible != 0 {
			b.hide(x, x.visible)
		} else {
			b.show(x)
		}
	}
}

func (b *Book) deliver(x *entry, e Event) {
	if x == nil {
		x = &entry{ID: e.ID, arrived: e.Arrived, first: e.At}
		b.entries[e.ID] = x
		b.positions[e.Shard] = e.Ordinal + 1
	} else {
		b.lift(x)
	}
	x.count++
	x.receipt = e.Receipt
	b.receipts = max(b.receipts, e.Receipt)
	b.hide(x, e.Visible)
}

func (b *Book) setLimit(limit int) {
	b.limit = limit
	for elem := b.ready.Front(); elem != nil; {
		x := elem.Value.(*entry)
		elem = elem.Next()
		if b.spent(x) {
			b.lift(x)
			x.dead = true
			b.show(x)
		}
	}
}

// Copy gives the events that make any book the same as this one. They count only when all of them are applied.
func (b *Book) Copy() []Event {
	out := []Event{{Kind: CopyBegan, At: b.now, Receipt: b.receipts, Count: b.limit}}
	for _, shard := range slices.Sorted(maps.Keys(b.positions)) {
		out = append(out, Event{Kind: Placed, At: b.now, ID: ID{shard, b.positions[shard]}})
	}
	keep := func(e *entry, visible int64) {
		if !b.expired(e) {
			out = append(out, Event{Kind: Kept, At: b.now, ID: e.ID, Arrived: e.arrived, First: e.first, Visible: visible, Receipt: e.receipt, Count: e.count, Dead: e.dead})
		}
	}
	for _, e := range b.flying.sorted() {
		keep(e, e.visible)
	}
	for _, shown := range []*list.List{b.ready, b.dead} {
		for elem := shown.Front(); elem != nil; elem = elem.Next() {
			keep(elem.Value.(*entry), 0)
		}
	}
	return append(out, Event{Kind: CopyEnded, At: b.now})
}
