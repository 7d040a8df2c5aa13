package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// test is a condition on an event that was read as JSON.
type test func(event any) bool

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
	return &Pattern{func(message string) bool {
		event, ok := decode(message)
		return ok && t(event)
	}}, nil
}

// decode reads a JSON object or array; numbers keep their text.
func decode(message string) (any, bool) {
	if i := strings.IndexFunc(message, func(r rune) bool { return r != ' ' && r != '\t' && r != '\r' && r != '\n' }); i < 0 || (message[i] != '{' && message[i] != '[') {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(message))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return v, true
}

func (s *scanner) unexpected() error {
	s.space()
	if s.rest == "" {
		return errors.New("Invalid filter pattern: it ends too early")
	}
	return invalidCharacter(s.first())
}

// anyOf reads conditions joined by ||, which binds less than &&.
func (s *scanner) anyOf() (test, error) {
	return s.joined("||", s.allOf, func(a, b test) test { return func(e any) bool { return a(e) || b(e) } })
}

func (s *scanner) allOf() (test, error) {
	return s.joined("&&", s.single, func(a, b test) test { return func(e any) bool { return a(e) && b(e) } })
}

func (s *scanner) joined(operator string, operand func() (test, error), join func(a, b test) test) (test, error) {
	left, err := operand()
	for err == nil && s.skip(operator) {
		var right test
		if right, err = operand(); err == nil {
			left = join(left, right)
		}
	}
	return left, err
}

func (s *scanner) single() (test, error) {
	if !s.skip("(") {
		return s.condition()
	}
	t, err := s.anyOf()
	if err == nil && !s.skip(")") {
		return nil, s.unexpected()
	}
	return t, err
}

// condition reads a selector and what is said of it.
func (s *scanner) condition() (test, error) {
	sel, err := s.selector()
	if err != nil {
		return nil, err
	}
	s.space()
	for _, op := range []string{"<=", ">=", "!=", "=", "<", ">"} { // longer ones first
		if s.skip(op) {
			holds, err := s.comparison(op)
			return func(e any) bool {
				v, there := sel.find(e)
				return there && holds(v)
			}, err
		}
	}
	switch words := s.words(2); words {
	case "NOT EXISTS":
		return func(e any) bool { _, there := sel.find(e); return !there }, nil
	case "IS NULL":
		return sel.is(nil), nil
	case "IS TRUE":
		return sel.is(true), nil
	case "IS FALSE":
		return sel.is(false), nil
	case "":
		return nil, s.unexpected()
	default:
		return nil, fmt.Errorf("Invalid filter pattern: unknown operator %s", words)
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

// step is the name of a member or the index of an element.
type step struct {
	name  string
	index int // -1 for a name
}

type selector []step

// selector reads $.name.name[0]…
func (s *scanner) selector() (selector, error) {
	if !s.skip("$") {
		return nil, s.unexpected()
	}
	var sel selector
	for {
		switch s.first() {
		case '.':
			s.rest = s.rest[1:]
			name := s.run(func(r rune) bool { return wordRune(r) || r == '-' })
			if name == "" {
				return nil, s.unexpected()
			}
			sel = append(sel, step{name, -1})
		case '[':
			s.rest = s.rest[1:]
			digits := s.run(func(r rune) bool { return r >= '0' && r <= '9' })
			index, err := strconv.Atoi(digits)
			if err != nil || !strings.HasPrefix(s.rest, "]") {
				return nil, s.unexpected()
			}
			s.rest = s.rest[1:]
			sel = append(sel, step{"", index})
		default:
			if len(sel) == 0 {
				return nil, s.unexpected()
			}
			return sel, nil
		}
	}
}

// find gives the selected value; there is false if the event does not have it.
func (sel selector) find(v any) (_ any, there bool) {
	for _, st := range sel {
		switch c := v.(type) {
		case map[string]any:
			if v, there = c[st.name]; !there || st.index >= 0 {
				return nil, false
			}
		case []any:
			if st.index < 0 || st.index >= len(c) {
				return nil, false
			}
			v = c[st.index]
		default:
			return nil, false
		}
	}
	return v, true
}

func (sel selector) is(want any) test {
	return func(e any) bool {
		v, there := sel.find(e)
		return there && v == want
	}
}

// comparison reads the value after an operator.
func (s *scanner) comparison(op string) (func(v any) bool, error) {
	s.space()
	var match func(string) bool
	var text string
	var err error
	switch s.first() {
	case '%':
		match, err = s.regex()
	case '"':
		text, err = s.quoted()
		match = glob(text)
	default:
		if text = s.run(func(r rune) bool { return wordRune(r) || strings.ContainsRune("-+.*", r) }); text == "" {
			return nil, s.unexpected()
		}
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return numeric(op, n, text), nil
		}
		match = glob(text)
	}
	switch {
	case err != nil:
		return nil, err
	case op == "=":
		return func(v any) bool { t, ok := scalar(v); return ok && match(t) }, nil
	case op == "!=":
		return func(v any) bool { t, ok := scalar(v); return !ok || !match(t) }, nil
	}
	return nil, fmt.Errorf("Invalid filter pattern: %s needs a number", op)
}

func numeric(op string, n float64, text string) func(v any) bool {
	return func(v any) bool {
		x, ok := v.(json.Number)
		f, err := strconv.ParseFloat(string(x), 64)
		if !ok || err != nil {
			t, ok := scalar(v)
			equal := ok && t == text
			return (op == "=" && equal) || (op == "!=" && !equal)
		}
		switch op {
		case "=":
			return f == n
		case "!=":
			return f != n
		case "<":
			return f < n
		case "<=":
			return f <= n
		case ">":
			return f > n
		default:
			return f >= n
		}
	}
}

// scalar is the text of a string, number or boolean.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// glob matches whole values, in which * stands for any text.
func glob(text string) func(string) bool {
	parts := strings.Split(text, "*")
	if len(parts) == 1 {
		return func(v string) bool { return v == text }
	}
	first, middle, last := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	return func(v string) bool {
		v, ok := strings.CutPrefix(v, first)
		for _, m := range middle {
			if ok {
				_, v, ok = strings.Cut(v, m)
			}
		}
		return ok && strings.HasSuffix(v, last)
	}
}
