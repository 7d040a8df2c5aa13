// Package delivery keeps the book of a queue on a data stream: which records were received and not yet acknowledged, whose
// receipt is good, when each is visible again, and which became dead letters ("Consume records from a stream with queues" in
// the developer guide of Kinesis Data Streams).
//
// All that is known of a shard is a position, below which every record was received once, and an entry for each of those
// that nobody has acknowledged. So what was acknowledged in any order takes no room.
//
// A Book does no I/O and asks nobody for the time. Decisions (Receive, Acknowledge, Hide, Restore, Limit) give events and
// change nothing; Apply changes the book. A book that applies the events of another from the beginning, or from a Copy on,
// becomes the same book: writing the events down makes a queue durable.
package delivery

import (
	"cmp"
	"container/heap"
	"container/list"
	"maps"
	"slices"
	"time"
)

// ID names a record of the stream.
type ID struct {
	Shard   int
	Ordinal uint64 // in the log of the shard
}

// Record is a record that may be received.
type Record struct {
	ID
	Arrived time.Time // in the stream
}

// Book is not safe for use by many at the same time.
type Book struct {
	limit     int    // of receives, after which a record becomes a dead letter; 0: never
	receipts  uint64 // given out so far; no two deliveries have the same
	positions map[int]uint64
	entries   map[ID]*entry // received, not acknowledged

	flying flights    // not visible, the next that will be first
	ready  *list.List // visible to those who receive
	dead   *list.List // visible to those who receive dead letters

	now     int64 // in milliseconds
	horizon int64 // what arrived before is gone from the stream
	swept   int64 // when entries beyond the horizon were looked for

	copy *Book // of another book, of which not all was applied yet
}

// entry is a record that was received and not acknowledged. It is in one of the three collections.
type entry struct {
	ID
	arrived, first, visible int64
	receipt                 uint64 // of its newest delivery; 0: none is good
	count                   int
	dead                    bool

	place int           // in flying
	elem  *list.Element // in ready or dead; nil: it is flying
}

// New makes the book of a queue that has delivered nothing.
func New() *Book {
	return &Book{positions: map[int]uint64{}, entries: map[ID]*entry{}, ready: list.New(), dead: list.New()}
}

// sweeping is how often entries beyond the horizon are dropped. They are not delivered in between either.
const sweeping = time.Minute

// Advance tells the time, and that records which arrived before the horizon have left the stream.
func (b *Book) Advance(now, horizon time.Time) {
	b.horizon = max(b.horizon, horizon.UnixMilli())
	b.advance(now.UnixMilli())
	if b.now-b.swept >= sweeping.Milliseconds() {
		b.swept = b.now
		for _, e := range b.entries {
			if b.expired(e) {
				b.drop(e)
			}
		}
	}
}

func (b *Book) expired(e *entry) bool { return e.arrived < b.horizon }

// advance makes visible what was not acknowledged in time.
func (b *Book) advance(now int64) {
	b.now = now
	for len(b.flying) > 0 && b.flying[0].visible <= b.now {
		e := heap.Pop(&b.flying).(*entry)
		e.dead = e.dead || b.spent(e)
		b.show(e)
	}
}

// spent tells whether a record was received as often as it may be.
func (b *Book) spent(e *entry) bool { return b.limit > 0 && e.count >= b.limit }

func (b *Book) show(e *entry) {
	if e.dead {
		e.elem = b.dead.PushBack(e)
	} else {
		e.elem = b.ready.PushBack(e)
	}
}

func (b *Book) hide(e *entry, until int64) {
	e.visible = until
	heap.Push(&b.flying, e)
}

// lift takes an entry out of the collection that it is in.
func (b *Book) lift(e *entry) {
	switch {
	case e.elem == nil:
		heap.Remove(&b.flying, e.place)
	case e.dead:
		b.dead.Remove(e.elem)
	default:
		b.ready.Remove(e.elem)
	}
	e.elem = nil
}

func (b *Book) drop(e *entry) {
	b.lift(e)
	delete(b.entries, e.ID)
}

// Position is the ordinal of the first record of a shard that was never received.
func (b *Book) Position(shard int) uint64 { return max(b.positions[shard], 1) }

// Retain forgets the positions of shards that are no more. Their indexes are not used again.
func (b *Book) Retain(exists func(shard int) bool) {
	maps.DeleteFunc(b.positions, func(shard int, _ uint64) bool { return !exists(shard) })
}

// Visible gives up to n records that were received before and may be received again, those that became visible first
// before the others: dead letters, or all else.
func (b *Book) Visible(dead bool, n int) (out []Record) {
	from := b.ready
	if dead {
		from = b.dead
	}
	for elem := from.Front(); elem != nil && len(out) < n; {
		e := elem.Value.(*entry)
		elem = elem.Next()
		if b.expired(e) {
			b.drop(e)
			continue
		}
		out = append(out, Record{e.ID, time.UnixMilli(e.arrived)})
	}
	return out
}

// Next is when the next record becomes visible by itself, if there is one.
func (b *Book) Next() (at time.Time, ok bool) {
	if len(b.flying) == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(b.flying[0].visible), true
}

// InFlight is how many records are not visible because somebody received them.
func (b *Book) InFlight() int { return len(b.flying) }

// Counts are how many of the records that were received are visible again, in flight, and visible as dead letters.
func (b *Book) Counts() (ready, flying, dead int) { return b.ready.Len(), len(b.flying), b.dead.Len() }

// Size is how many entries and positions a copy of the book has.
func (b *Book) Size() int { return len(b.entries) + len(b.positions) }

// Limit is how often a record may be received before it becomes a dead letter; 0 means as often as it takes.
func (b *Book) Limit() int { return b.limit }

// Delivery is what the newest delivery of a record says.
type Delivery struct {
	Receipt uint64
	First   time.Time // when it was first received
	Count   int       // how often it was received, as a dead letter too, since it was last restored
}

// Delivery gives that of a record which was received and not acknowledged.
func (b *Book) Delivery(id ID) Delivery {
	e := b.entries[id]
	return Delivery{e.receipt, time.UnixMilli(e.first), e.count}
}

// flights is a heap: the entry that becomes visible next comes first.
type flights []*entry

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(f[i].visible, f[j].visible), cmp.Compare(f[i].receipt, f[j].receipt)) < 0
}
func (f flights) Swap(i, j int) {
	f[i], f[j] = f[j], f[i]
	f[i].place, f[j].place = i, j
}
func (f *flights) Push(x any) {
	e := x.(*entry)
	e.place = len(*f)
	*f = append(*f, e)
}
func (f *flights) Pop() any {
	last := len(*f) - 1
	e := (*f)[last]
	(*f)[last] = nil
	*f = (*f)[:last]
	return e
}

// sorted gives the flights in the order in which they become visible.
func (f flights) sorted() []*entry {
	out := slices.Clone(f)
	slices.SortFunc(out, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.visible, b.visible), cmp.Compare(a.receipt, b.receipt))
	})
	return out
}
