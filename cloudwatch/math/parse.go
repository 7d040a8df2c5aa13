package math

import (
	"errors"
	"fmt"
	"slices"
)

// Expr is an expression that was read.
type Expr struct {
	root node
	ids  []string
	uses map[string]bool // functions
}

// IDs are the queries that the expression names, in the order of their first use. METRICS() names none.
func (e *Expr) IDs() []string { return e.ids }

// Uses tells whether the expression calls the function.
func (e *Expr) Uses(function string) bool { return e.uses[function] }

type node interface{}

type (
	literal float64
	quoted  string
	name    string // an id, or in capitals a keyword
	call    struct {
		function string
		args     []node
	}
	list   []node
	negate struct{ x node }
	binary struct {
		op   string
		x, y node
	}
)

// maxDepth bounds how deep an expression nests.
const maxDepth = 100

type parser struct {
	tokens []token
	depth  int
	expr   *Expr
}

// Parse reads an expression. It knows nothing of the queries that the expression names.
func Parse(s string) (*Expr, error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, expr: &Expr{uses: map[string]bool{}}}
	if p.expr.root, err = p.binary(0); err != nil {
		return nil, err
	}
	if t := p.tokens[0]; t.kind != end {
		return nil, fmt.Errorf("unexpected %q", t.text)
	}
	return p.expr, nil
}

// levels are the operators from loose to tight; "^" and the unary minus follow in power.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/"}}

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// peekOperator gives the next token if it is an operator; AND and OR are other names of && and ||.
func (p *parser) peekOperator() token {
	t := p.tokens[0]
	if t.kind == word && (t.text == "AND" || t.text == "OR") {
		return token{kind: operator, text: map[string]string{"AND": "&&", "OR": "||"}[t.text]}
	}
	return t
}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	x, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for op := p.peekOperator(); op.is(levels[level]...); op = p.peekOperator() {
		p.next()
		y, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		x = binary{op.text, x, y}
	}
	return x, nil
}

var errDeep = errors.New("the expression nests too deeply")

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	if p.tokens[0].is("-") {
		p.next()
		x, err := p.unary()
		return negate{x}, err
	}
	x, err := p.primary()
	if err != nil || !p.tokens[0].is("^") {
		return x, err
	}
	p.next()
	y, err := p.unary()
	return binary{"^", x, y}, err
}

func (p *parser) primary() (node, error) {
	switch t := p.next(); {
	case t.kind == number:
		return literal(t.value), nil
	case t.kind == text:
		return quoted(t.text), nil
	case t.kind == word && p.tokens[0].is("("):
		p.next()
		args, err := p.items(")")
		p.expr.uses[t.text] = true
		return call{t.text, args}, err
	case t.kind == word && t.text != "AND" && t.text != "OR":
		if isID(t.text) && !slices.Contains(p.expr.ids, t.text) {
			p.expr.ids = append(p.expr.ids, t.text)
		}
		return name(t.text), nil
	case t.is("["):
		items, err := p.items("]")
		return list(items), err
	case t.is("("):
		x, err := p.binary(0)
		if err == nil && !p.next().is(")") {
			err = errors.New("a closing parenthesis is missing")
		}
		return x, err
	case t.kind == end:
		return nil, errors.New("the expression ends too early")
	default:
		return nil, fmt.Errorf("unexpected %q", t.text)
	}
}

// isID tells ids from keywords: ids begin with a lowercase letter.
func isID(s string) bool { return 'a' <= s[0] && s[0] <= 'z' }

// items reads up to the closing bracket.
func (p *parser) items(closing string) ([]node, error) {
	var items []node
	if p.tokens[0].is(closing) {
		p.next()
		return nil, nil
	}
	for {
		x, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		switch t := p.next(); {
		case t.is(closing):
			return items, nil
		case !t.is(","):
			return nil, fmt.Errorf("%q is missing", closing)
		}
	}
}
