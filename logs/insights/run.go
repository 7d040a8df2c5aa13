package insights

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrTooLarge is the answer of a query that would keep too many groups or different values.
var ErrTooLarge = errors.New("the query has too many groups or different values")

// ErrLongTexts is the answer of a query whose functions would make too much of one event.
var ErrLongTexts = errors.New("functions make more than 16 MiB of text for one row")

const (
	maxBytes = 128 << 20 // that one ending keeps
	maxTexts = 16 << 20  // that functions make for one row: concat and replace in one another would make any amount
)

// budget counts bytes that an ending keeps, roughly.
type budget struct{ used int }

func (b *budget) take(n int) error {
	if b.used += n; b.used > maxBytes {
		return ErrTooLarge
	}
	return nil
}

// entryBytes is what an entry of a map weighs beside its texts.
const entryBytes = 128

// Field is a cell of an answer.
type Field struct{ Name, Value string }

// Counts say what a query has seen.
type Counts struct {
	Scanned, Matched int64 // events; those that reached the end of the first phase match
	Bytes            int64 // of the messages
}

// Run is one evaluation of a query.
type Run struct {
	query   *Query
	now     time.Time
	limit   int
	pointer func(*Event) string
	workers []*Worker
}

// Start begins an evaluation that answers with at most limit rows. pointer makes the @ptr of an event.
func (q *Query) Start(now time.Time, limit int, pointer func(*Event) string) *Run {
	return &Run{query: q, now: now, limit: limit, pointer: pointer}
}

// Worker takes events. Each belongs to one goroutine.
type Worker struct {
	run *Run
	gatherer
	Counts
	row row // of the event at hand
}

// Worker gives another one. Not to be called by two goroutines at a time.
func (r *Run) Worker() *Worker {
	w := &Worker{run: r, gatherer: r.gatherer(0)}
	r.workers = append(r.workers, w)
	return w
}

// Add hands an event in. The message need not stay as it is after Add has returned.
func (w *Worker) Add(e Event) error {
	w.Scanned++
	w.Bytes += int64(len(e.Message))
	w.row = row{event: e, run: w.run, vars: w.row.vars[:0]}
	var err error
	if w.run.query.phases[0].pass(&w.row) {
		w.Matched++
		err = w.add(&w.row)
	}
	if w.row.excess {
		return ErrLongTexts
	}
	return err
}

func (p *phase) pass(r *row) bool {
	for _, s := range p.steps {
		if !s(r) {
			return false
		}
	}
	return true
}

// Finish gives the answer, when no worker is at work any more.
func (r *Run) Finish() ([][]Field, Counts, error) {
	var counts Counts
	all := r.gatherer(0)
	for _, w := range r.workers {
		counts.Scanned, counts.Matched, counts.Bytes = counts.Scanned+w.Scanned, counts.Matched+w.Matched, counts.Bytes+w.Bytes
		if err := all.merge(w.gatherer); err != nil {
			return nil, counts, err
		}
	}
	rows := all.rows()
	for i := 1; i < len(r.query.phases); i++ {
		next := r.gatherer(i)
		for seq, x := range rows {
			x.seq, x.order = seq, nil
			if r.query.phases[i].pass(x) {
				if err := next.add(x); err != nil {
					return nil, counts, err
				}
			}
			if x.excess {
				return nil, counts, ErrLongTexts
			}
		}
		rows = next.rows()
	}
	if slices.ContainsFunc(rows, func(x *row) bool { return x.excess }) {
		return nil, counts, ErrLongTexts
	}
	return r.show(rows), counts, nil
}

func (r *Run) show(rows []*row) [][]Field {
	out := make([][]Field, len(rows))
	for i, x := range rows {
		list := []Field{}
		for _, c := range r.query.columns {
			if v := x.get(string(c)); !v.absent() {
				list = append(list, Field{string(c), v.shown()})
			}
		}
		if r.query.pointer && !slices.Contains(r.query.columns, "@ptr") {
			list = append(list, Field{"@ptr", r.pointer(&x.event)})
		}
		out[i] = list
	}
	return out
}

// gatherer is an ending at work. rows come in their order.
type gatherer interface {
	add(r *row) error
	merge(o gatherer) error
	rows() []*row
}

func (r *Run) gatherer(i int) gatherer {
	p := &r.query.phases[i]
	in := ordering{p.descending, i == 0}
	switch {
	case p.stats != nil:
		return &grouping{run: r, stats: p.stats, groups: map[string]*group{}}
	case p.dedup != nil:
		return &unique{by: p.dedup, ordering: in, best: map[string]*row{}, rest: &nearest{limit: maxRows, ordering: in}}
	case p.limit > 0:
		return &nearest{limit: p.limit, ordering: in}
	}
	return &nearest{limit: r.limit, ordering: in}
}

// ordering is how rows of a phase sort: as asked, and then the newest event first, or as the phase before has left them.
type ordering struct {
	descending []bool
	events     bool
}

func (o ordering) compare(a, b *row) int {
	for i, down := range o.descending {
		c := natural(a.order[i], b.order[i])
		if down {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	if o.events {
		return b.event.compare(&a.event)
	}
	return cmp.Compare(a.seq, b.seq)
}

// compare tells which of two rows is older; rows that stats made are in the order in which they come.
func (r *row) compare(o *row) int {
	if r.made {
		return cmp.Compare(r.seq, o.seq)
	}
	return r.event.compare(&o.event)
}

// nearest keeps the first rows.
type nearest struct {
	ordering
	limit int
	budget
	list  []*row
	worst *row // the last of the limit when the list was cut; nil: never
}

func (n *nearest) add(r *row) error {
	if n.worst != nil && n.compare(r, n.worst) >= 0 {
		return nil
	}
	n.list = append(n.list, r.keep())
	if len(n.list) >= 2*n.limit {
		n.shorten()
	}
	return n.take(r.size())
}

func (n *nearest) shorten() {
	slices.SortFunc(n.list, n.compare)
	if len(n.list) < n.limit {
		return
	}
	for _, r := range n.list[n.limit:] {
		n.used -= r.size()
	}
	clear(n.list[n.limit:])
	n.list = n.list[:n.limit]
	n.worst = n.list[n.limit-1]
}

func (n *nearest) merge(o gatherer) error {
	n.list = append(n.list, o.(*nearest).list...)
	n.shorten()
	return nil
}

func (n *nearest) rows() []*row {
	n.shorten()
	return n.list
}

// unique keeps the first row of each key, and all rows that lack one of the fields ("dedup"), as far as a limit can reach.
type unique struct {
	ordering
	budget
	by   []expression
	best map[string]*row
	rest *nearest
}

func (u *unique) add(r *row) error {
	var key strings.Builder
	for _, e := range u.by {
		v := e.in(r)
		if v.missing() {
			return u.rest.add(r)
		}
		writeKey(&key, v)
	}
	return u.note(key.String(), r, true)
}

func (u *unique) note(key string, r *row, keep bool) error {
	if old := u.best[key]; old != nil && u.compare(old, r) <= 0 {
		return nil
	}
	if keep {
		r = r.keep()
	}
	u.best[strings.Clone(key)] = r
	return u.take(r.size() + len(key) + entryBytes)
}

func (u *unique) merge(o gatherer) error {
	for key, r := range o.(*unique).best {
		if err := u.note(key, r, false); err != nil {
			return err
		}
	}
	return u.rest.merge(o.(*unique).rest)
}

func (u *unique) rows() []*row {
	list := u.rest.rows()
	for _, r := range u.best {
		list = append(list, r)
	}
	slices.SortFunc(list, u.compare)
	return list
}
