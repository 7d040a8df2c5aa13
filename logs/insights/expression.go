package insights

import (
	"math"
	"regexp"
	"strings"
)

// expression is something that has a value in each row.
type expression interface{ in(r *row) Value }

type (
	literal Value
	field   string
	part    string // of a map or list, by its path: what is written is not the path
	total   int    // slot of an aggregate's result
	call    struct {
		fn   func(args []Value) Value
		args []expression
	}
	arithmetic struct {
		fn   func(a, b float64) float64
		a, b expression
	}
	negation   struct{ of expression }
	comparison struct {
		op   string
		a, b expression
	}
	membership struct {
		of   expression
		list []expression
	}
	substring struct {
		of   expression
		text string
	}
	match struct {
		of    expression
		regex *regexp.Regexp
	}
	not    struct{ of expression }
	either struct{ a, b expression }
	both   struct{ a, b expression }
	floor  struct {
		of     expression
		period period
		up     bool
	}
	started struct{} // now()
)

func (l literal) in(*row) Value { return Value(l) }
func (f field) in(r *row) Value { return r.get(string(f)) }
func (p part) in(r *row) Value  { return r.get(string(p)) }
func (t total) in(r *row) Value { return r.totals[t] }

func (c *call) in(r *row) Value {
	args := make([]Value, len(c.args))
	for i, a := range c.args {
		args[i] = a.in(r)
	}
	v := c.fn(args)
	if r.texts += len(v.s); v.kind == excess || r.texts > maxTexts {
		r.excess = true
		return Value{}
	}
	return v
}

func (a *arithmetic) in(r *row) Value {
	x, ok := a.a.in(r).number()
	y, also := a.b.in(r).number()
	if !ok || !also {
		return Value{}
	}
	return finite(a.fn(x, y))
}

var operators = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b },
	"%": math.Mod,
	"^": math.Pow,
}

func (n *negation) in(r *row) Value {
	x, ok := n.of.in(r).number()
	if !ok {
		return Value{}
	}
	return finite(-x)
}

func (c *comparison) in(r *row) Value {
	a, b := c.a.in(r), c.b.in(r)
	switch c.op {
	case "=":
		return truth(equal(a, b))
	case "!=":
		return truth(a.kind != structure && b.kind != structure && !equal(a, b))
	}
	sign, ok := order(a, b)
	return truth(ok && orders[c.op](sign))
}

var orders = map[string]func(sign int) bool{
	"<":  func(s int) bool { return s < 0 },
	"<=": func(s int) bool { return s <= 0 },
	">":  func(s int) bool { return s > 0 },
	">=": func(s int) bool { return s >= 0 },
}

func (m *membership) in(r *row) Value {
	v := m.of.in(r)
	for _, e := range m.list {
		if equal(v, e.in(r)) {
			return truth(true)
		}
	}
	return truth(false)
}

func (s *substring) in(r *row) Value {
	v := s.of.in(r)
	return truth(!v.missing() && strings.Contains(v.String(), s.text))
}

func (m *match) in(r *row) Value {
	v := m.of.in(r)
	return truth(!v.missing() && m.regex.MatchString(v.String()))
}

func (n *not) in(r *row) Value    { return truth(!n.of.in(r).holds()) }
func (e *either) in(r *row) Value { return truth(e.a.in(r).holds() || e.b.in(r).holds()) }
func (b *both) in(r *row) Value   { return truth(b.a.in(r).holds() && b.b.in(r).holds()) }

func (f *floor) in(r *row) Value {
	v := f.of.in(r)
	if v.kind != moment && v.kind != number {
		return Value{}
	}
	at, ok := f.period.floor(v.n)
	if ok && f.up && at < v.n {
		at = f.period.next(at)
	}
	if !ok {
		return Value{}
	}
	return momentValue(at)
}

func (started) in(r *row) Value { return numberValue(float64(r.run.now.Unix())) }
