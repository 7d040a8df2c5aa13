package insights

import (
	"cmp"
	"slices"
	"strings"
)

// grouping is a stats at work.
type grouping struct {
	run    *Run
	stats  *stats
	groups map[string]*group
	budget
}

type group struct {
	keys   []Value
	totals []accumulator
}

// writeKey makes equal values equal and different ones different.
func writeKey(b *strings.Builder, v Value) {
	if !v.missing() {
		b.WriteByte(1)
		b.WriteString(strings.ReplaceAll(v.String(), "\x00", "\x00\x01"))
	}
	b.WriteString("\x00\x02")
}

func (g *grouping) add(r *row) error {
	var key strings.Builder
	keys := make([]Value, len(g.stats.keys))
	for i, k := range g.stats.keys {
		keys[i] = k.in(r)
		writeKey(&key, keys[i])
	}
	x, grown := g.group(key.String(), keys)
	for i, a := range g.stats.aggregates {
		grown += x.totals[i].add(a.of.in(r), r)
	}
	return g.take(grown)
}

// group finds or makes the group of a key.
func (g *grouping) group(key string, keys []Value) (x *group, grown int) {
	if x = g.groups[key]; x != nil {
		return x, 0
	}
	x = &group{keys: cloneValues(keys)}
	for _, a := range g.stats.aggregates {
		x.totals = append(x.totals, a.new())
	}
	g.groups[key] = x
	return x, 2*len(key) + entryBytes*(1+len(x.totals))
}

func (g *grouping) merge(o gatherer) error {
	for key, from := range o.(*grouping).groups {
		x, grown := g.group(key, from.keys)
		for i, t := range from.totals {
			grown += x.totals[i].merge(t)
		}
		if err := g.take(grown); err != nil {
			return err
		}
	}
	return nil
}

// rows gives the groups by their keys, times from the newest on.
func (g *grouping) rows() []*row {
	if len(g.groups) == 0 && len(g.stats.keys) == 0 {
		g.group("", nil) // the totals of nothing
	}
	list := make([]*group, 0, len(g.groups))
	for _, x := range g.groups {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *group) int {
		c := 0
		for i := range a.keys {
			if a.keys[i].kind == moment && b.keys[i].kind == moment {
				c = cmp.Or(c, cmp.Compare(b.keys[i].n, a.keys[i].n))
			}
			c = cmp.Or(c, natural(a.keys[i], b.keys[i]), strings.Compare(a.keys[i].String(), b.keys[i].String()))
		}
		return c
	})
	rows := make([]*row, len(list))
	for i, x := range list {
		rows[i] = g.row(x)
	}
	return rows
}

// row makes the row of a group. Each item may use those before it.
func (g *grouping) row(x *group) *row {
	r := &row{made: true, run: g.run}
	for i, k := range g.stats.keys {
		r.set(k.name, x.keys[i])
	}
	r.totals = make([]Value, len(x.totals))
	for i, t := range x.totals {
		r.totals[i] = t.result()
	}
	for _, n := range g.stats.items {
		r.set(n.name, n.in(r))
	}
	return r
}
