// Package search reads the search expressions of "CloudWatch search expression syntax" and decides which metrics match.
// It is pure. A property that this server does not keep (such as an account) is an error, never a search that ignores it.
package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Metric is what a search sees of a metric.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
}

// Dimension is a name and its value.
type Dimension struct{ Name, Value string }

// Query is a search expression that was read.
type Query struct {
	schema []string // namespace and dimension names; nil = any
	terms  term     // nil = any
}

// maxLength bounds a search expression, as AWS does.
const maxLength = 1024

// Namespace is the only one in which something can match; "" = unknown.
func (q *Query) Namespace() string {
	if q.schema == nil {
		return ""
	}
	return q.schema[0]
}

// Possible tells whether a metric with the namespace and the name can match.
func (q *Query) Possible(namespace, name string) bool {
	return (q.schema == nil || q.schema[0] == namespace) && (q.terms == nil || q.terms.judge(namespace, name) != no)
}

// Matches tells whether the search finds the metric. A schema with dimensions finds metrics that have just these.
func (q *Query) Matches(m Metric) bool {
	if q.schema != nil {
		if q.schema[0] != m.Namespace {
			return false
		}
		if names := q.schema[1:]; len(names) > 0 && !sameNames(names, m.Dimensions) {
			return false
		}
	}
	return q.terms == nil || q.terms.matches(m)
}

func sameNames(names []string, dimensions []Dimension) bool {
	if len(names) != len(dimensions) {
		return false
	}
	for _, d := range dimensions { // each has another name, and so a name of the schema that no other has
		if !slices.Contains(names, d.Name) {
			return false
		}
	}
	return true
}

// term is a condition on a metric.
type term interface {
	matches(Metric) bool
	// judge is what is known when a namespace and a name are.
	judge(namespace, name string) verdict
}

type verdict int8

const (
	no verdict = iota - 1
	unknown
	yes
)

type (
	all    []term
	either []term
	not    struct{ term }
	match  struct {
		property string // "" = any of its strings
		value    string
		pieces   []piece // of the value; nil = it must be equal
	}
)

// The properties that are not dimensions.
const (
	propertyName      = "MetricName"
	propertyNamespace = "Namespace"
)

func (a all) matches(m Metric) bool {
	for _, t := range a {
		if !t.matches(m) {
			return false
		}
	}
	return true
}

func (a all) judge(namespace, name string) verdict {
	v := yes
	for _, t := range a {
		v = min(v, t.judge(namespace, name))
	}
	return v
}

func (e either) matches(m Metric) bool {
	for _, t := range e {
		if t.matches(m) {
			return true
		}
	}
	return false
}

func (e either) judge(namespace, name string) verdict {
	v := no
	for _, t := range e {
		v = max(v, t.judge(namespace, name))
	}
	return v
}

func (n not) matches(m Metric) bool                { return !n.term.matches(m) }
func (n not) judge(namespace, name string) verdict { return -n.term.judge(namespace, name) }

func (x match) matches(m Metric) bool {
	return x.inNames(m.Namespace, m.Name) || slices.ContainsFunc(m.Dimensions, x.inDimension)
}

func (x match) judge(namespace, name string) verdict {
	switch {
	case x.inNames(namespace, name):
		return yes
	case x.property == propertyName, x.property == propertyNamespace:
		return no
	}
	return unknown
}

func (x match) inNames(namespace, name string) bool {
	return (x.property == propertyName || x.property == "") && x.finds(name) || (x.property == propertyNamespace || x.property == "") && x.finds(namespace)
}

func (x match) inDimension(d Dimension) bool {
	return x.property == "" && (x.finds(d.Value) || x.finds(d.Name)) || x.property == d.Name && x.ofDimension() && x.finds(d.Value)
}

// ofDimension tells whether dimensions alone can match.
func (x match) ofDimension() bool {
	return x.property != "" && x.property != propertyName && x.property != propertyNamespace
}

func (x match) finds(s string) bool {
	if x.exact() {
		return s == x.value
	}
	return partial(x.pieces, s)
}

func (x match) exact() bool { return x.pieces == nil }

// Parse reads a search expression: a schema, terms, or both.
func Parse(s string) (*Query, error) {
	if len(s) > maxLength {
		return nil, fmt.Errorf("a search expression has at most %d characters", maxLength)
	}
	p := &parser{rest: s}
	q := &Query{}
	var err error
	if p.accept("{") {
		if q.schema, err = p.schema(); err != nil {
			return nil, err
		}
		p.accept(",")
	}
	if p.skip(); p.rest != "" {
		if q.terms, err = p.either(""); err != nil {
			return nil, err
		}
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	if q.schema == nil && q.terms == nil {
		return nil, errors.New("a search expression needs a metric schema, a search term, or both")
	}
	return q, nil
}

const maxDepth = 100

type parser struct {
	rest  string
	depth int
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) accept(prefix string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}

// word takes a keyword that stands for itself.
func (p *parser) word(w string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, w)
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n()\"") {
		return false
	}
	p.rest = rest
	return true
}

func (p *parser) schema() ([]string, error) {
	var names []string
	for {
		s, _, err := p.text(",}")
		if err != nil {
			return nil, err
		}
		names = append(names, s)
		switch {
		case p.accept("}"):
			return names, nil
		case !p.accept(","):
			return nil, errors.New("the metric schema does not end")
		}
	}
}

// either and all read terms about one property, or about those that they name.
func (p *parser) either(property string) (term, error) {
	var list either
	for {
		t, err := p.all(property)
		if err != nil {
			return nil, err
		}
		if list = append(list, t); !p.word("OR") {
			return list, nil
		}
	}
}

func (p *parser) all(property string) (term, error) {
	var list all
	for {
		t, err := p.one(property)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if p.word("AND") {
			continue
		}
		p.skip()
		if rest := p.rest; rest == "" || rest[0] == ')' || (&parser{rest: rest}).word("OR") {
			return list, nil
		}
	}
}

func (p *parser) one(property string) (term, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("the search expression nests too deeply")
	}
	defer func() { p.depth-- }()
	if p.word("NOT") {
		t, err := p.one(property)
		return not{t}, err
	}
	if p.accept("(") {
		t, err := p.either(property)
		if err == nil && !p.accept(")") {
			err = errors.New("a closing parenthesis is missing")
		}
		return t, err
	}
	s, exact, err := p.text("()=")
	if err != nil {
		return nil, err
	}
	if property != "" || !p.accept("=") {
		x := match{property: property, value: s}
		if !exact {
			x.pieces = pieces(s)
		}
		return x, nil
	}
	if strings.HasPrefix(s, ":") {
		return nil, fmt.Errorf("the property %s is not supported by this server", s)
	}
	return p.one(s)
}

// text reads what is quoted, or up to a space or one of the characters.
func (p *parser) text(until string) (s string, exact bool, err error) {
	p.skip()
	if p.rest == "" {
		return "", false, errors.New("the search expression ends too early")
	}
	if p.rest[0] != '"' {
		n := strings.IndexAny(p.rest, until+" \t\r\n\"")
		if n < 0 {
			n = len(p.rest)
		}
		if n == 0 {
			return "", false, fmt.Errorf("unexpected %q", p.rest)
		}
		s, p.rest = p.rest[:n], p.rest[n:]
		return s, false, nil
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", false, errors.New("a quoted text does not end")
}
