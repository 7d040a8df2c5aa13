package insights

import (
	"strconv"
	"strings"
)

// maxDepth is how deep parentheses, functions and signs may be nested.
const maxDepth = 100

// expression reads conditions joined by or, which binds least.
func (p *parser) expression() expression {
	if p.depth++; p.depth > maxDepth {
		p.failAt(p.pos, "the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	a := p.conjunction()
	for p.accept("or") {
		a = &either{a, p.conjunction()}
	}
	return a
}

func (p *parser) conjunction() expression {
	a := p.condition()
	for p.accept("and") {
		a = &both{a, p.condition()}
	}
	return a
}

func (p *parser) condition() expression {
	negated := false
	for p.accept("not") {
		negated = !negated
	}
	e := p.relation()
	if negated {
		return &not{e}
	}
	return e
}

// relation reads at most one comparison.
func (p *parser) relation() expression {
	a := p.sum()
	t := p.peek()
	switch {
	case t.isOneOf("=", "!=", "<", "<=", ">", ">="):
		p.pos = t.end
		return &comparison{t.text, a, p.sum()}
	case t.isOneOf("like", "=~"):
		p.pos = t.end
		return p.like(a)
	case t.is("in"):
		p.pos = t.end
		return p.among(a)
	case t.is("not"):
		p.pos = t.end
		switch t := p.take(); {
		case t.is("like"):
			return &not{p.like(a)}
		case t.is("in"):
			return &not{p.among(a)}
		default:
			p.unexpected(t)
		}
	}
	return a
}

func (p *parser) like(of expression) expression {
	if text, start, ok := p.regex(); ok {
		return &match{of, p.compile(text, start)}
	}
	t := p.take()
	if t.kind != stringToken {
		p.unexpected(t)
	}
	return &substring{of, t.text}
}

func (p *parser) among(of expression) expression {
	m := &membership{of: of}
	p.expect("[")
	p.list(func() { m.list = append(m.list, p.sum()) })
	p.expect("]")
	return m
}

func (p *parser) sum() expression     { return p.chain(p.product, "+", "-") }
func (p *parser) product() expression { return p.chain(p.power, "*", "/", "%") }

func (p *parser) chain(operand func() expression, ops ...string) expression {
	a := operand()
	for {
		t := p.peek()
		if t.kind != symbolToken || !t.isOneOf(ops...) {
			return a
		}
		p.pos = t.end
		a = &arithmetic{operators[t.text], a, operand()}
	}
}

// power binds to the right, and less than a sign before it.
func (p *parser) power() expression {
	a := p.signed()
	if p.accept("^") {
		if p.depth++; p.depth > maxDepth {
			p.failAt(p.pos, "the expression is nested too deeply")
		}
		defer func() { p.depth-- }()
		return &arithmetic{operators["^"], a, p.power()}
	}
	return a
}

func (p *parser) signed() expression {
	negative := false
	for p.accept("-") {
		negative = !negative
	}
	e := p.operand()
	if negative {
		return &negation{e}
	}
	return e
}

// operand reads a constant, a field, a call, or an expression in parentheses.
func (p *parser) operand() expression {
	t := p.take()
	switch t.kind {
	case numberToken:
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.unexpected(t)
		}
		return literal(Value{kind: number, s: t.text, n: n})
	case stringToken:
		return literal(textValue(t.text))
	case nameToken:
		if p.peek().is("(") {
			return p.called(t)
		}
		if t.isOneOf("true", "false") {
			return literal(truth(t.is("true")))
		}
		if t.isOneOf("and", "or", "not", "like", "in", "as", "by", "asc", "desc") {
			p.unexpected(t)
		}
		return p.reference(t)
	case quotedNameToken:
		if t.text == "" {
			p.unexpected(t)
		}
		return p.reference(t)
	}
	if !t.is("(") {
		p.unexpected(t)
	}
	e := p.expression()
	p.expect(")")
	return e
}

func (p *parser) reference(t token) expression {
	path, plain := p.path(t)
	f := field(t.text)
	if !plain {
		f = field(p.query[t.start:p.pos])
	}
	if p.inStats != nil && !p.inside {
		if _, ok := p.loose[f]; !ok {
			p.loose[f] = t
		}
	}
	if !plain {
		return part(path)
	}
	return f
}

// called reads a call, whose name was read.
func (p *parser) called(t token) expression {
	if name, end, ok := p.madeBefore(t); ok {
		p.pos = end
		return field(name)
	}
	name := strings.ToLower(t.text)
	p.expect("(")
	switch _, aggregates := aggregates[name]; {
	case aggregates:
		return p.aggregate(t, name)
	case name == "bin":
		f := &floor{of: field("@timestamp"), period: p.period()}
		p.expect(")")
		return f
	case name == "datefloor" || name == "dateceil":
		f := &floor{of: p.expression(), up: name == "dateceil"}
		p.expect(",")
		f.period = p.period()
		p.expect(")")
		return f
	case name == "now":
		p.expect(")")
		return started{}
	}
	f, ok := functions[name]
	if !ok {
		p.failAt(t.start, "the function %s is not supported by this server", t.text)
	}
	c := &call{fn: f.fn}
	if !p.peek().is(")") {
		p.list(func() { c.args = append(c.args, p.expression()) })
	}
	p.expect(")")
	if len(c.args) < f.least || len(c.args) > f.most {
		p.failAt(t.start, "the function %s does not take %d arguments", t.text, len(c.args))
	}
	return c
}

// madeBefore tells whether a call is the name of a column: after stats count(*), count(*) is one.
func (p *parser) madeBefore(t token) (name string, end int, ok bool) {
	if !p.grouped {
		return "", 0, false
	}
	for i := t.end; i < len(p.query); i++ {
		if p.query[i] == ')' && p.names[canonical(p.query[t.start:i+1])] {
			for _, c := range p.columns {
				if canonical(string(c)) == canonical(p.query[t.start:i+1]) {
					return string(c), i + 1, true
				}
			}
		}
	}
	return "", 0, false
}

// aggregate reads the rest of a call of an aggregate and gives it a slot.
func (p *parser) aggregate(t token, name string) expression {
	if p.inStats == nil || p.inside {
		p.failAt(t.start, "the function %s is for stats", t.text)
	}
	p.inside = true
	defer func() { p.inside = false }()
	a := aggregate{new: aggregates[name]}
	if name == "count" && (p.accept("*") || p.peek().is(")")) {
		a.of = literal(numberValue(1))
	} else {
		a.of = p.expression()
	}
	if name == "pct" {
		p.expect(",")
		percent := p.take()
		n, err := strconv.ParseFloat(percent.text, 64)
		if percent.kind != numberToken || err != nil || n < 0 || n > 100 {
			p.unexpected(percent)
		}
		a.new = func() accumulator { return &percentile{percent: n} }
	}
	p.expect(")")
	p.inStats.aggregates = append(p.inStats.aggregates, a)
	return total(len(p.inStats.aggregates) - 1)
}

// period reads 5m, or a number and a unit.
func (p *parser) period() period {
	t := p.take()
	amount, unit := t.text, ""
	switch t.kind {
	case periodToken:
		i := strings.IndexFunc(t.text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		amount, unit = t.text[:i], t.text[i:]
	case numberToken:
		if u := p.peek(); u.kind == nameToken {
			p.pos, unit = u.end, u.text
		}
	}
	d, ok := parsePeriod(amount, unit)
	if !ok {
		p.unexpected(t)
	}
	return d
}
