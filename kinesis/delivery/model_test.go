package delivery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// naive is a queue as the documentation tells it: a list of all records ever received, looked through from end to end.
type naive struct {
	limit   int
	records map[ID]*naiveRecord
	next    uint64
}

type naiveRecord struct {
	arrived, visible    time.Time
	receipt             uint64
	count               int
	done, dead, flights bool // flights: it was received, and the end of its visibility timeout has not been dealt with
}

func (n *naive) pass(now time.Time) {
	for _, r := range n.records {
		if !r.done && r.flights && !r.visible.After(now) {
			r.flights = false
			r.dead = r.dead || n.limit > 0 && r.count >= n.limit
		}
	}
}

func (n *naive) visible(dead bool, horizon time.Time) (ids []ID) {
	for id, r := range n.records {
		if !r.done && !r.flights && r.dead == dead && !r.arrived.Before(horizon) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (n *naive) check(id ID, receipt uint64, dead bool, horizon time.Time) Verdict {
	r := n.records[id]
	switch {
	case r == nil || r.done || r.arrived.Before(horizon):
		return Gone
	case r.receipt != receipt:
		return Superseded
	case r.dead != dead:
		return Moved
	}
	return Good
}

// issued is a receipt that somebody holds, maybe for long.
type issued struct {
	id      ID
	receipt uint64
}

// TestBookAgainstModel plays random queues on a book and on the naive one. Now and then the book is made anew, of all
// events or of a copy, as after a crash.
func TestBookAgainstModel(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { play(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

type game struct {
	t        *testing.T
	r        *rand.Rand
	b        *Book
	n        *naive
	log      []Event
	receipts []issued
	next     [3]uint64 // ordinals that the stream has in each shard
	now      time.Time
	horizon  time.Time
}

func play(t *testing.T, r *rand.Rand) {
	g := &game{t: t, r: r, b: New(), n: &naive{records: map[ID]*naiveRecord{}}, now: at(0)}
	for range 400 {
		g.now = g.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		g.horizon = g.now.Add(-200 * time.Second)
		g.b.Advance(g.now, g.horizon)
		g.n.pass(g.now)
		switch r.IntN(10) {
		case 0, 1:
			g.receiveNew()
		case 2, 3, 4:
			g.receiveAgain(r.IntN(3) == 0)
		case 5, 6, 7, 8:
			g.use()
		case 9:
			g.other()
		}
	}
}

func (g *game) apply(events ...Event) {
	for _, e := range events {
		g.b.Apply(e)
	}
	g.log = append(g.log, events...)
}

func (g *game) receiveNew() {
	var records []Record
	for range 1 + g.r.IntN(4) {
		shard := g.r.IntN(len(g.next))
		g.next[shard]++
		records = append(records, Record{ID{shard, g.next[shard]}, g.now.Add(-time.Duration(g.r.IntN(60)) * time.Second)})
	}
	for _, r := range records {
		g.n.records[r.ID] = &naiveRecord{arrived: r.Arrived}
	}
	g.deliver(records)
	for shard, last := range g.next {
		if p := g.b.Position(shard); p != last+1 {
			g.t.Fatalf("position %d in shard %d, want %d", p, shard, last+1)
		}
	}
}

func (g *game) receiveAgain(dead bool) {
	want := g.n.visible(dead, g.horizon)
	limit := 1 + g.r.IntN(10)
	got := g.b.Visible(dead, limit)
	if len(got) != min(limit, len(want)) {
		g.t.Fatalf("%v visible, want %d of %v", got, limit, want)
	}
	for _, r := range got {
		if !slices.Contains(want, r.ID) {
			g.t.Fatalf("%v visible, want of %v", r, want)
		}
	}
	g.deliver(got)
}

func (g *game) deliver(records []Record) {
	hidden := time.Duration(g.r.IntN(20)) * time.Second
	g.apply(g.b.Receive(g.now, hidden, records)...)
	for _, r := range records {
		g.n.next++
		x := g.n.records[r.ID]
		x.receipt, x.visible, x.flights = g.n.next, g.now.Add(hidden), true
		x.count++
		if d := g.b.Delivery(r.ID); d.Receipt != x.receipt || d.Count != x.count {
			g.t.Fatalf("delivery %+v, want %+v", d, *x)
		}
		g.receipts = append(g.receipts, issued{r.ID, x.receipt})
	}
}

// use does something with a receipt, mostly a young one.
func (g *game) use() {
	if len(g.receipts) == 0 {
		return
	}
	young := min(len(g.receipts), 1+g.r.IntN(30))
	i := g.receipts[len(g.receipts)-young:][g.r.IntN(young)]
	action := g.r.IntN(3)
	dead := action == 2 || g.r.IntN(3) == 0
	want := g.n.check(i.id, i.receipt, dead, g.horizon)
	if v := g.b.Check(i.id, i.receipt, dead); v != want {
		g.t.Fatalf("receipt %+v: %d, want %d", i, v, want)
	}
	if want != Good {
		return
	}
	x := g.n.records[i.id]
	switch action {
	case 0:
		g.apply(g.b.Acknowledge(g.now, i.id))
		x.done = true
	case 1:
		hidden := time.Duration(g.r.IntN(20)) * time.Second
		g.apply(g.b.Hide(g.now, i.id, hidden))
		x.flights, x.visible = true, g.now.Add(hidden)
	case 2:
		g.apply(g.b.Restore(g.now, i.id))
		x.dead, x.flights, x.count, x.receipt = false, false, 0, 0
	}
}

// other sets the limit, makes a copy, or a new book of what was written down.
func (g *game) other() {
	switch g.r.IntN(3) {
	case 0:
		g.n.limit = g.r.IntN(5)
		g.apply(g.b.SetLimit(g.now, g.n.limit))
		for _, x := range g.n.records {
			x.dead = x.dead || !x.done && !x.flights && g.n.limit > 0 && x.count >= g.n.limit
		}
	case 1:
		g.log = append(g.log, g.b.Copy()...)
		if g.r.IntN(2) == 0 { // what lies before a copy may be trimmed
			g.log = g.log[g.r.IntN(lastCopy(g.log)+1):]
		}
	case 2:
		b := New()
		for _, e := range roundTrip(g.t, g.log) {
			b.Apply(e)
		}
		b.Advance(g.now, g.horizon)
		same(g.t, b, g.b)
		g.b = b
	}
}

func lastCopy(log []Event) int {
	for i := len(log) - 1; ; i-- {
		if log[i].Kind == CopyBegan {
			return i
		}
	}
}
