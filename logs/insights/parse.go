package insights

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxRows is the largest limit.
const maxRows = 10_000

type parser struct {
	scanner
	phases    []phase
	columns   []column
	fielded   bool            // columns are all there is to show
	displayed []column        // by the last display
	grouped   bool            // there was a stats: rows are no events
	names     map[string]bool // columns that an expression made without an alias, without white space and in lower case

	inStats *stats          // while its expressions are read
	inside  bool            // an aggregate of it
	loose   map[field]token // fields outside of its aggregates
	depth   int
}

// commands by name; those of AWS that are missing here are errors.
var commands = map[string]func(*parser){
	"fields": (*parser).fields, "display": (*parser).display, "filter": (*parser).filter, "parse": (*parser).extract,
	"stats": (*parser).stats, "sort": (*parser).sort, "limit": (*parser).limit, "dedup": (*parser).dedup,
}

var missing = []string{"pattern", "diff", "anomaly", "unmask", "unnest", "lookup", "join", "filterindex", "source"}

func (p *parser) command() {
	t := p.take()
	name := strings.ToLower(t.text)
	if do := commands[name]; t.kind == nameToken && do != nil {
		if n := len(p.phases); n > 1 && p.phases[n-2].dedup != nil && name != "limit" {
			p.failAt(t.start, "only limit can follow dedup, not %s,", t.text)
		}
		do(p)
		return
	}
	if t.kind == nameToken && slices.Contains(missing, name) {
		p.failAt(t.start, "the command %s is not supported by this server", t.text)
	}
	p.unexpected(t)
}

func (p *parser) phase() *phase { return &p.phases[len(p.phases)-1] }

func (p *parser) then(s step) { p.phase().steps = append(p.phase().steps, s) }

// end closes the phase.
func (p *parser) end(e ending) {
	p.phase().ending = e
	p.phases = append(p.phases, phase{})
}

// list reads things separated by commas.
func (p *parser) list(one func()) {
	for one(); p.accept(","); {
		one()
	}
}

// canonical makes expressions that differ in white space and case alone equal.
func canonical(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), "")) }

// named reads an expression and its alias, if it has one. Without one its text is its name.
func (p *parser) named() named {
	p.space()
	start := p.pos
	e := p.expression()
	text := strings.TrimSpace(p.query[start:p.pos])
	if p.accept("as") {
		return named{p.name(), e}
	}
	if f, ok := e.(field); ok {
		return named{string(f), e}
	}
	p.names[canonical(text)] = true
	return named{text, e}
}

// name reads the name of a field.
func (p *parser) name() string {
	t := p.take()
	if (t.kind != nameToken && t.kind != quotedNameToken) || t.text == "" {
		p.unexpected(t)
	}
	return t.text
}

// make adds a column, and a step that sets it unless it is a field already.
func (p *parser) make() column {
	n := p.named()
	if f, ok := n.expression.(field); !ok || string(f) != n.name {
		p.then(func(r *row) bool { r.set(n.name, n.in(r)); return true })
	}
	return column(n.name)
}

func (p *parser) show(c column) {
	if !slices.Contains(p.columns, c) {
		p.columns = append(p.columns, c)
	}
}

func (p *parser) fields() {
	p.fielded = true
	p.list(func() { p.show(p.make()) })
}

func (p *parser) display() {
	p.displayed = nil
	p.list(func() { p.displayed = append(p.displayed, p.make()) })
}

func (p *parser) filter() {
	e := p.expression()
	p.then(func(r *row) bool { return e.in(r).holds() })
}

// sort notes the order; a later one counts more.
func (p *parser) sort() {
	var by []expression
	var descending []bool
	p.list(func() {
		by = append(by, p.expression())
		down := p.accept("desc")
		if !down {
			p.accept("asc")
		}
		descending = append(descending, down)
	})
	ph := p.phase()
	ph.descending = append(descending, ph.descending...)
	p.then(func(r *row) bool {
		order := make([]Value, len(by), len(by)+len(r.order))
		for i, e := range by {
			order[i] = e.in(r)
		}
		r.order = append(order, r.order...)
		return true
	})
}

func (p *parser) limit() {
	t := p.take()
	n, err := strconv.Atoi(t.text)
	if t.kind != numberToken || err != nil {
		p.unexpected(t)
	}
	if n < 1 || n > maxRows {
		p.failAt(t.start, "a limit is from 1 to %d", maxRows)
	}
	p.end(ending{limit: n})
}

func (p *parser) dedup() {
	var by []expression
	p.list(func() { by = append(by, field(p.name())) })
	p.end(ending{dedup: by})
}

// extract reads what is called parse: the field (@message if there is none), and a glob or a regular expression.
func (p *parser) extract() {
	x := &extraction{from: field("@message")}
	text, start, isRegex := p.regex()
	if t := p.peek(); !isRegex && t.kind != stringToken {
		x.from = p.operand()
		text, start, isRegex = p.regex()
	}
	if isRegex {
		p.extractGroups(x, text, start)
	} else {
		p.extractGlob(x)
	}
	for _, n := range x.names {
		p.show(column(n))
	}
	p.then(x.step)
}

func (p *parser) extractGlob(x *extraction) {
	t := p.take()
	if t.kind != stringToken {
		p.unexpected(t)
	}
	p.expect("as")
	p.list(func() { x.names = append(x.names, p.name()) })
	if stars := strings.Count(t.text, "*"); stars != len(x.names) {
		p.failAt(t.start, "%d asterisks cannot make %d fields", stars, len(x.names))
	}
	x.take = takeGlob(t.text)
}

func (p *parser) extractGroups(x *extraction, text string, start int) {
	re := p.compile(text, start)
	var groups []int
	for i, n := range re.SubexpNames() {
		if n != "" {
			groups, x.names = append(groups, i), append(x.names, n)
		}
	}
	if p.accept("as") {
		at := p.peek().start
		var aliases []string
		p.list(func() { aliases = append(aliases, p.name()) })
		if groups != nil || len(aliases) != re.NumSubexp() {
			p.failAt(at, "%d groups cannot make %d fields", re.NumSubexp()-len(groups), len(aliases))
		}
		for i := range aliases {
			groups = append(groups, i+1)
		}
		x.names = aliases
	}
	if len(groups) == 0 {
		p.failAt(start, "the regular expression has no named group")
	}
	x.take = takeGroups(re, groups)
}

func (p *parser) compile(text string, start int) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err != nil {
		p.failAt(start, "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re
}

// stats reads aggregates and what they are grouped by. An aggregate may use those before it by their names.
func (p *parser) stats() {
	s := &stats{}
	p.inStats, p.loose = s, map[field]token{}
	ends := map[column]int{}
	p.list(func() {
		n := p.named()
		s.items = append(s.items, n)
		ends[column(n.name)] = p.pos
	})
	p.inStats = nil
	loose := p.loose
	p.loose = nil
	if p.accept("by") {
		p.list(func() { s.keys = append(s.keys, p.named()) })
	}
	p.columns, p.fielded, p.displayed, p.grouped = nil, true, nil, true
	for _, n := range s.keys {
		p.show(column(n.name))
		ends[column(n.name)] = 0
	}
	for _, n := range s.items {
		p.show(column(n.name))
	}
	for f, t := range loose {
		if end, ok := ends[column(f)]; !ok || end > t.start {
			p.failAt(t.start, "the field %s is neither aggregated nor grouped by", f)
		}
	}
	p.end(ending{stats: s})
}
