package pattern

import (
	"fmt"
	"strconv"
	"strings"
)

// condition is what is said of a text: one field between spaces, or one value of a JSON event. number tells that it was a
// number in JSON; fields between spaces may be either.
type condition func(text string, isNumber bool) bool

// operators, longer ones first.
var operators = []string{"<=", ">=", "!=", "=", "<", ">"}

// operator takes an operator; "" if there is none.
func (s *scanner) operator() string {
	for _, op := range operators {
		if s.skip(op) {
			return op
		}
	}
	return ""
}

// comparison reads the value after an operator, and tells what is in every text of which it holds.
func (s *scanner) comparison(op string) (holds condition, sure needle, err error) {
	s.space()
	var match func(string) bool
	var text string
	switch s.first() {
	case '%':
		match, sure.text, err = s.regex()
	case '"':
		text, err = s.quoted()
		match, sure.text = glob(text), longestPart(text)
	default:
		if text = s.run(func(r rune) bool { return wordRune(r) || strings.ContainsRune("-+.*", r) }); text == "" {
			return nil, sure, s.unexpected()
		}
		if n, ok := number(text); ok {
			return numeric(op, n, text), sure, nil
		}
		match, sure.text = glob(text), longestPart(text)
	}
	sure.value = true
	switch {
	case err != nil:
		return nil, sure, err
	case op == "=":
		return func(t string, _ bool) bool { return match(t) }, sure, nil
	case op == "!=":
		return func(t string, _ bool) bool { return !match(t) }, needle{}, nil
	}
	return nil, sure, fmt.Errorf("Invalid filter pattern: %s needs a number", op)
}

// number reads an integer or decimal with an optional sign and exponent.
func number(text string) (float64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// numeric compares with a number. What is no number can still be spelled like it.
func numeric(op string, n float64, text string) condition {
	return func(t string, isNumber bool) bool {
		x, ok := 0.0, false
		if isNumber {
			x, ok = number(t)
		}
		switch {
		case !ok:
			return (op == "=" && t == text) || (op == "!=" && t != text)
		case op == "=":
			return x == n
		case op == "!=":
			return x != n
		case op == "<":
			return x < n
		case op == "<=":
			return x <= n
		case op == ">":
			return x > n
		}
		return x >= n
	}
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

// maxDepth is how deep parentheses may be nested.
const maxDepth = 100

// joined reads operands of an operator and joins what they say.
func joined[T any](s *scanner, operator string, operand func() (T, error), join func(a, b T) T) (T, error) {
	left, err := operand()
	for err == nil && s.skip(operator) {
		var right T
		if right, err = operand(); err == nil {
			left = join(left, right)
		}
	}
	return left, err
}
