package insights

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	moment    // milliseconds since the epoch
	structure // a map or a list, as JSON
	excess    // what a function would make is too long: no field and no argument has it
)

// Value is what a field or an expression has in one row. The zero Value is that of a field which is not there.
type Value struct {
	kind kind
	s    string  // of text and structures, and how a number was written, if it was
	n    float64 // of the other kinds
}

func textValue(s string) Value     { return Value{kind: text, s: s} }
func numberValue(n float64) Value  { return Value{kind: number, n: n} }
func momentValue(ms float64) Value { return Value{kind: moment, n: ms} }
func truth(b bool) Value           { return Value{kind: boolean, n: map[bool]float64{true: 1}[b]} }
func (v Value) absent() bool       { return v.kind == null }
func finite(n float64) (v Value)   { return finiteAs(number, n) }
func finiteMoment(n float64) Value { return finiteAs(moment, n) }
func finiteAs(k kind, n float64) (v Value) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}
	}
	return Value{kind: k, n: n}
}

// missing tells that there is nothing to work with: maps and lists count as null ("Structure types").
func (v Value) missing() bool { return v.kind == null || v.kind == structure }

// shown is the value in an answer, which shows maps and lists as JSON.
func (v Value) shown() string {
	if v.kind == structure {
		return v.s
	}
	return v.String()
}

// String is the value as a text. Booleans are 1 and 0, as ispresent is documented to be.
func (v Value) String() string {
	switch {
	case v.missing():
		return ""
	case v.kind == text, v.kind == number && v.s != "":
		return v.s
	case v.kind == moment && math.Abs(v.n) < 1e15:
		return time.UnixMilli(int64(v.n)).UTC().Format("2006-01-02 15:04:05.000")
	}
	return strconv.FormatFloat(v.n, 'f', -1, 64)
}

// number gives the value as a number. Text that is a number is one: parse makes nothing but text.
func (v Value) number() (float64, bool) {
	switch v.kind {
	case null, structure:
		return 0, false
	case text:
		return parseNumber(v.s)
	}
	return v.n, true
}

func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// holds tells whether a filter lets a row with this value pass.
func (v Value) holds() bool {
	n, ok := v.number()
	return ok && n != 0
}

// equal compares two texts exactly, and what may be numbers as numbers.
func equal(a, b Value) bool {
	switch {
	case a.missing() || b.missing():
		return false
	case a.kind == text && b.kind == text:
		return a.s == b.s
	case a.s != "" && b.s != "" && wholeNumber(a.s) && wholeNumber(b.s): // also those that a float64 cannot tell apart
		return a.s == b.s
	case a.kind == boolean && b.kind == text:
		return b.s == map[float64]string{0: "false", 1: "true"}[a.n] || b.s == a.String()
	case a.kind == text && b.kind == boolean:
		return equal(b, a)
	}
	x, ok := a.number()
	y, also := b.number()
	return ok && also && x == y
}

func wholeNumber(s string) bool {
	return strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

// order compares for < and >; ok is false if the values cannot be compared.
func order(a, b Value) (c int, ok bool) {
	x, numeric := a.number()
	y, also := b.number()
	if numeric && also {
		return cmp.Compare(x, y), true
	}
	if a.kind == text && b.kind == text {
		return strings.Compare(a.s, b.s), true
	}
	return 0, false
}

// natural is the order of sort ("sort"): what is not there, then text, then numbers; in text, runs of digits compare by
// their length and then by their value, everything else by code point.
func natural(a, b Value) int {
	x, numeric := a.number()
	y, also := b.number()
	switch {
	case a.missing() || b.missing():
		return cmp.Compare(truth(!a.missing()).n, truth(!b.missing()).n)
	case numeric && also:
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a.s, b.s))
	case numeric != also:
		if numeric {
			return 1
		}
		return -1
	}
	return naturalText(a.s, b.s)
}

func naturalText(a, b string) int {
	for a != "" && b != "" {
		x, restA := chunk(a)
		y, restB := chunk(b)
		c := 0
		if isDigit(x[0]) && isDigit(y[0]) {
			c = cmp.Compare(len(x), len(y))
		}
		if c = cmp.Or(c, strings.Compare(x, y)); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// chunk takes the digits, or the rest up to the next digit, off the front.
func chunk(s string) (head, rest string) {
	i := 1
	for i < len(s) && isDigit(s[i]) == isDigit(s[0]) {
		i++
	}
	return s[:i], s[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
