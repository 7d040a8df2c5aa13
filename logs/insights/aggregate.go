package insights

import (
	"math"
	"slices"
	"strings"
)

// accumulator gathers the values of one aggregate in one group. add and merge tell by how many bytes it grew,
// beyond its constant size; less than 0 = it shrank.
type accumulator interface {
	add(v Value, r *row) (grown int)
	merge(o accumulator) (grown int)
	result() Value
}

// aggregate is a function of stats.
type aggregate struct {
	of  expression // nil: all rows count
	new func() accumulator
}

// aggregates by name in lower case. pct has another argument, which the parser reads.
var aggregates = map[string]func() accumulator{
	"count":          func() accumulator { return &counter{} },
	"count_distinct": func() accumulator { return &distinct{} },
	"sum":            func() accumulator { return &moments{show: (*moments).total} },
	"avg":            func() accumulator { return &moments{show: (*moments).average} },
	"stddev":         func() accumulator { return &moments{show: (*moments).deviation} },
	"median":         func() accumulator { return &percentile{percent: 50} },
	"min": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return natural(a.value, b.value) < 0 }}
	},
	"max": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return natural(a.value, b.value) > 0 }}
	},
	"sortsfirst": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return natural(a.value, b.value) < 0 }}
	},
	"sortslast": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return natural(a.value, b.value) > 0 }}
	},
	"earliest": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return a.row.compare(b.row) < 0 }}
	},
	"latest": func() accumulator {
		return &picked{better: func(a, b *sample) bool { return a.row.compare(b.row) > 0 }}
	},
	"pct": nil,
}

// counter counts rows in which the value is there.
type counter struct{ n float64 }

func (c *counter) add(v Value, _ *row) int {
	if !v.missing() {
		c.n++
	}
	return 0
}

func (c *counter) merge(o accumulator) int { c.n += o.(*counter).n; return 0 }
func (c *counter) result() Value           { return numberValue(c.n) }

type distinct struct{ seen map[string]struct{} }

func (d *distinct) add(v Value, _ *row) int {
	if v.missing() {
		return 0
	}
	return d.note(v.String())
}

func (d *distinct) note(s string) int {
	if _, ok := d.seen[s]; ok {
		return 0
	}
	if d.seen == nil {
		d.seen = map[string]struct{}{}
	}
	d.seen[strings.Clone(s)] = struct{}{} // s may hold on to a block
	return len(s) + entryBytes
}

func (d *distinct) merge(o accumulator) (grown int) {
	for s := range o.(*distinct).seen {
		grown += d.note(s)
	}
	return grown
}

func (d *distinct) result() Value { return numberValue(float64(len(d.seen))) }

// moments are the number, the mean and the squared deviations of numbers (Welford; merged after Chan et al.).
type moments struct {
	n, sum, mean, squares float64
	show                  func(*moments) Value
}

func (m *moments) add(v Value, _ *row) int {
	x, ok := v.number()
	if !ok {
		return 0
	}
	m.n++
	m.sum += x
	d := x - m.mean
	m.mean += d / m.n
	m.squares += d * (x - m.mean)
	return 0
}

func (m *moments) merge(other accumulator) int {
	o := other.(*moments)
	if o.n == 0 {
		return 0
	}
	n, d := m.n+o.n, o.mean-m.mean
	m.squares += o.squares + d*d*m.n*o.n/n
	m.mean += d * o.n / n
	m.n, m.sum = n, m.sum+o.sum
	return 0
}

func (m *moments) result() Value {
	if m.n == 0 {
		return Value{}
	}
	return m.show(m)
}

func (m *moments) total() Value     { return finite(m.sum) }
func (m *moments) average() Value   { return finite(m.sum / m.n) }
func (m *moments) deviation() Value { return finite(math.Sqrt(m.squares / m.n)) }

// percentile interpolates between the two nearest values.
type percentile struct {
	percent float64
	values  []float64
}

func (p *percentile) add(v Value, _ *row) int {
	x, ok := v.number()
	if !ok {
		return 0
	}
	p.values = append(p.values, x)
	return 8
}

func (p *percentile) merge(o accumulator) int {
	p.values = append(p.values, o.(*percentile).values...)
	return 8 * len(o.(*percentile).values)
}

func (p *percentile) result() Value {
	if len(p.values) == 0 {
		return Value{}
	}
	slices.Sort(p.values)
	at := p.percent / 100 * float64(len(p.values)-1)
	low := int(at)
	x := p.values[low]
	if low+1 < len(p.values) {
		x += (at - float64(low)) * (p.values[low+1] - x)
	}
	return finite(x)
}

// sample is a value and the row it came from.
type sample struct {
	value Value
	row   *row
}

// picked keeps the best value.
type picked struct {
	best   *sample
	better func(a, b *sample) bool
}

func (p *picked) add(v Value, r *row) int {
	if v.missing() {
		return 0
	}
	if p.best != nil && !p.better(&sample{v, r}, p.best) {
		return 0
	}
	place := *r
	place.event.Message, place.vars, place.order, place.totals = "", nil, nil, nil
	return p.pick(&sample{cloneValue(v), &place})
}

func (p *picked) pick(s *sample) (grown int) {
	grown = len(s.value.s)
	if p.best != nil {
		grown -= len(p.best.value.s)
	}
	p.best = s
	return grown
}

func (p *picked) merge(o accumulator) int {
	if s := o.(*picked).best; s != nil && (p.best == nil || p.better(s, p.best)) {
		return p.pick(s)
	}
	return 0
}

func (p *picked) result() Value {
	if p.best == nil {
		return Value{}
	}
	return p.best.value
}
