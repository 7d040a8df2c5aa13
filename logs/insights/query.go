package insights

// step does something to a row, and tells whether it goes on.
type step func(r *row) bool

// ending is what a phase does with all of its rows: exactly one of its fields is set, or none in the last phase.
type ending struct {
	limit int
	dedup []expression
	stats *stats
}

// phase is a part of a query in which rows flow one by one.
type phase struct {
	steps      []step
	descending []bool // of the order that the rows carry
	ending
}

// column is what an answer shows: the field of that name, as it is after the last command.
type column string

// Query is a parsed query. It can be run many times.
type Query struct {
	phases  []phase
	columns []column
	pointer bool // rows are events and have an @ptr
}

// stats groups rows.
type stats struct {
	keys       []named
	aggregates []aggregate
	items      []named
}

// named is an expression and the field it makes.
type named struct {
	name string
	expression
}

// Parse reads a query. An error is a *SyntaxError.
func Parse(text string) (q *Query, err error) {
	p := &parser{scanner: scanner{query: text}, names: map[string]bool{}}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			q, err = nil, e
		default:
			panic(e)
		}
	}()
	return p.parse(), nil
}

func (p *parser) parse() *Query {
	p.phases = make([]phase, 1)
	for {
		if t := p.peek(); t.kind == endToken || t.is("|") { // AWS's samples have empty commands
			p.pos = t.end
			if t.kind == endToken {
				break
			}
			continue
		}
		p.command()
		if t := p.take(); t.kind == endToken {
			break
		} else if !t.is("|") {
			p.unexpected(t)
		}
	}
	return &Query{phases: p.phases, columns: p.shown(), pointer: !p.grouped}
}

// shown is what the answer has: what the last display names, or what fields, parse and stats have made.
func (p *parser) shown() []column {
	if p.displayed != nil {
		return p.displayed
	}
	list := p.columns
	if !p.fielded {
		list = append([]column{"@timestamp", "@message"}, list...)
	}
	return list
}
