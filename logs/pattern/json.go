package pattern

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// test is a condition on an event that was read as JSON, and what is in every event that fulfils it.
type test struct {
	holds func(event gjson.Result) bool
	sure  needle
}

// json reads a pattern of JSON selectors: { $.a = "x" && ($.b[0] > 3 || $.c NOT EXISTS) }.
func (s *scanner) json() (*Pattern, error) {
	s.rest = s.rest[1:]
	t, err := s.anyOf()
	if err != nil {
		return nil, err
	}
	if !s.skip("}") {
		return nil, s.unexpected()
	}
	if s.space(); s.rest != "" {
		return nil, s.unexpected()
	}
	return &Pattern{json: true, needle: t.sure, match: func(message string) bool {
		event, ok := decode(message)
		return ok && t.holds(event)
	}}, nil
}

// anyOf reads conditions joined by ||, which binds less than &&.
func (s *scanner) anyOf() (test, error) {
	return joined(s, "||", s.allOf, func(a, b test) test {
		return test{holds: func(e gjson.Result) bool { return a.holds(e) || b.holds(e) }}
	})
}

func (s *scanner) allOf() (test, error) {
	return joined(s, "&&", s.single, func(a, b test) test {
		return test{func(e gjson.Result) bool { return a.holds(e) && b.holds(e) }, better(a.sure, b.sure)}
	})
}

func (s *scanner) single() (test, error) {
	if !s.skip("(") {
		return s.selected()
	}
	if s.depth++; s.depth > maxDepth {
		return test{}, fmt.Errorf("Invalid filter pattern: more than %d parentheses in one another", maxDepth)
	}
	t, err := s.anyOf()
	s.depth--
	if err == nil && !s.skip(")") {
		return t, s.unexpected()
	}
	return t, err
}

// selected reads a selector and what is said of it. A selected object or array fits no comparison, as documented.
func (s *scanner) selected() (test, error) {
	sel, err := s.selector()
	if err != nil {
		return test{}, err
	}
	if op := s.operator(); op != "" {
		holds, sure, err := s.comparison(op)
		sure.text = plain(sure.text)
		return test{func(e gjson.Result) bool {
			return sel.some(e, func(v gjson.Result) bool {
				text, ok := scalar(v)
				return ok && holds(text, v.Type == gjson.Number)
			})
		}, better(sure, sel.name())}, err
	}
	switch words := s.words(2); words {
	case "NOT EXISTS":
		return test{holds: func(e gjson.Result) bool { return !sel.some(e, func(gjson.Result) bool { return true }) }}, nil
	case "IS NULL":
		return sel.is(gjson.Null), nil
	case "IS TRUE":
		return sel.is(gjson.True), nil
	case "IS FALSE":
		return sel.is(gjson.False), nil
	case "":
		return test{}, s.unexpected()
	default:
		return test{}, fmt.Errorf("Invalid filter pattern: unknown operator %s", words)
	}
}

// words takes n words of letters, in upper case and joined by a space.
func (s *scanner) words(n int) string {
	var list []string
	for range n {
		s.space()
		if w := s.run(func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }); w != "" {
			list = append(list, strings.ToUpper(w))
		}
	}
	return strings.Join(list, " ")
}

func (sel selector) is(want gjson.Type) test {
	return test{func(e gjson.Result) bool {
		return sel.some(e, func(v gjson.Result) bool { return v.Type == want })
	}, sel.name()}
}
