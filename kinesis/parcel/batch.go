package parcel

import (
	"slices"
	"time"
)

// FullSize is how many bytes of records make an object before its time. AWS names no size.
const FullSize = 16 << 20

// Mark is what a batch keeps of a record.
type Mark struct {
	Shard   int
	Ordinal uint64 // in its shard
	Size    int
	Arrived time.Time
}

// Range is a run of records of a shard: those from From on, before To.
type Range struct {
	Shard    int
	From, To uint64
}

// Batch is what goes into one object, or into one of records and one of dead letters.
type Batch struct {
	Ranges  []Range // by shard, so that parents stand before their children
	Records int
	Size    int
	Oldest  time.Time // arrival
	Lost    int       // records that were passed over, because they were gone before they were read
}

// Next is the ordinal that the batch goes on with in a shard where earlier batches have come to position.
func (b *Batch) Next(shard int, position uint64) uint64 {
	if i, ok := b.find(shard); ok {
		return b.Ranges[i].To
	}
	return position
}

func (b *Batch) find(shard int) (int, bool) {
	return slices.BinarySearchFunc(b.Ranges, shard, func(r Range, shard int) int { return r.Shard - shard })
}

// Add takes a record, which follows on what Next gave, with position as Next had it. Those in between are lost.
func (b *Batch) Add(m Mark, position uint64) {
	b.Pass(m.Shard, position, m.Ordinal)
	i, _ := b.find(m.Shard)
	b.Ranges[i].To = m.Ordinal + 1
	if b.Records == 0 || m.Arrived.Before(b.Oldest) {
		b.Oldest = m.Arrived
	}
	b.Records++
	b.Size += m.Size
}

// Pass gives up the records before to.
func (b *Batch) Pass(shard int, position, to uint64) {
	i, ok := b.find(shard)
	if !ok {
		b.Ranges = slices.Insert(b.Ranges, i, Range{shard, position, position})
	}
	r := &b.Ranges[i]
	b.Lost += int(to - r.To)
	if r.From == r.To {
		r.From = to
	}
	r.To = to
}

// Full tells whether no more should be added.
func (b *Batch) Full() bool { return b.Size >= FullSize }

// Wait is how long the batch waits for more before it is delivered. freshness is the greatest age of what is not delivered.
// A batch without records waits forever: ok is false.
func (b *Batch) Wait(now time.Time, freshness time.Duration) (d time.Duration, ok bool) {
	switch {
	case b.Records == 0:
		return 0, false
	case b.Full():
		return 0, true
	default:
		return max(0, b.Oldest.Add(freshness).Sub(now)), true
	}
}
