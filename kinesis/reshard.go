package kinesis

import (
	"math/big"
	"slices"
	"time"
)

// Resharding changes a document and nothing else. Each step closes shards and makes children of them, so that the open
// shards cover every hash key once, before and after ("Resharding a stream" in the developer guide).

// split divides an open shard; the range of the second child begins at the hash key.
func (d *document) split(index int, at *big.Int, now time.Time) (low, high int) {
	p := d.closeShard(index, now)
	low = d.addShard(p.Start, new(big.Int).Sub(at, big.NewInt(1)).String(), now, p)
	return low, d.addShard(at.String(), p.End, now, p)
}

// merge unites two open shards whose ranges touch.
func (d *document) merge(shard, adjacent int, now time.Time) int {
	a, b := d.closeShard(shard, now), d.closeShard(adjacent, now)
	low, high := a, b
	if number(a.Start).Cmp(number(b.Start)) > 0 {
		low, high = b, a
	}
	return d.addShard(low.Start, high.End, now, a, b)
}

// scale makes n open shards of equal size: it splits shards where a new one begins, and merges what lies in one of the
// new ranges. Shards that lie there only in between are closed as soon as they are made.
func (d *document) scale(n int, now time.Time) {
	open := d.openShards()
	cuts := evenCuts(n, open)
	begins := map[string]bool{}
	for _, c := range cuts {
		begins[c.String()] = true
	}
	var pieces []int
	for _, s := range open {
		from, exact := slices.BinarySearchFunc(cuts, number(s.Start), (*big.Int).Cmp)
		to, last := slices.BinarySearchFunc(cuts, number(s.End), (*big.Int).Cmp)
		if exact {
			from++
		}
		if last {
			to++
		}
		pieces = append(pieces, d.splitAt(s.Index, cuts[from:to], now)...)
	}
	left := pieces[0]
	for _, right := range pieces[1:] {
		if begins[d.shard(right).Start] {
			left = right
			continue
		}
		left = d.merge(left, right, now)
	}
}

// splitAt divides a shard at all cuts, the middle one first, and gives the pieces in the order of their ranges.
func (d *document) splitAt(index int, cuts []*big.Int, now time.Time) []int {
	if len(cuts) == 0 {
		return []int{index}
	}
	m := len(cuts) / 2
	low, high := d.split(index, cuts[m], now)
	return append(d.splitAt(low, cuts[:m], now), d.splitAt(high, cuts[m+1:], now)...)
}

// snap is how near a beginning of a shard must be to pass for the one that is wanted: the ranges of shards are rounded.
var snap = new(big.Int).Lsh(big.NewInt(1), 32)

// evenCuts is where n shards of equal size begin, without the first of them. open is sorted by range.
func evenCuts(n int, open []shard) []*big.Int {
	starts := make([]*big.Int, len(open))
	for i, s := range open {
		starts[i] = number(s.Start)
	}
	width := new(big.Int).Div(hashSpace, big.NewInt(int64(n)))
	cuts := make([]*big.Int, 0, n-1)
	for i := 1; i < n; i++ {
		cut := new(big.Int).Mul(width, big.NewInt(int64(i)))
		at, _ := slices.BinarySearchFunc(starts, cut, (*big.Int).Cmp)
		for _, near := range starts[at-1 : min(at+1, len(starts))] {
			if distance := new(big.Int).Sub(near, cut); distance.CmpAbs(snap) < 0 {
				cut = near
			}
		}
		cuts = append(cuts, cut)
	}
	return cuts
}

// openShards are those that take records, by range.
func (d *document) openShards() []shard {
	open := slices.DeleteFunc(slices.Clone(d.Shards), func(s shard) bool { return s.Closed != nil })
	slices.SortFunc(open, func(a, b shard) int { return number(a.Start).Cmp(number(b.Start)) })
	return open
}

// shard finds a shard that exists by its index.
func (d *document) shard(index int) *shard {
	i, _ := slices.BinarySearchFunc(d.Shards, index, func(s shard, index int) int { return s.Index - index })
	return &d.Shards[i]
}

func (d *document) closeShard(index int, now time.Time) shard {
	s := d.shard(index)
	s.Closed = &now
	return *s
}

// addShard makes an open shard. Its sequence numbers are above those of its parents, however little time lies between.
func (d *document) addShard(start, end string, now time.Time, parents ...shard) int {
	s := shard{Index: d.nextIndex(), Start: start, End: end, Created: now, Epoch: now.Unix(), Parent: parents[0].id()}
	if len(parents) == 2 {
		s.AdjacentParent = parents[1].id()
	}
	for _, p := range parents {
		s.Epoch = max(s.Epoch, p.epoch()+1)
	}
	d.Shards, d.NextIndex = append(d.Shards, s), s.Index+1
	return s.Index
}

// nextIndex is the index of the shard that will be made next: no index is used twice.
func (d *document) nextIndex() int { return max(d.NextIndex, len(d.Shards)) }

// number reads a hash key that we wrote.
func number(decimal string) *big.Int {
	n, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		panic("kinesis: not a hash key: " + decimal)
	}
	return n
}
