package insights

import (
	"math"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// function is what a call does. Period functions and aggregates are known to the parser.
type function struct {
	least, most int // arguments
	fn          func(args []Value) Value
}

const many = 100

// functions are those of "Boolean, comparison, numeric, datetime, and other functions", by their names in lower case.
var functions = map[string]function{
	"abs":      numeric(math.Abs),
	"ceil":     numeric(math.Ceil),
	"floor":    numeric(math.Floor),
	"log":      numeric(math.Log),
	"sqrt":     numeric(math.Sqrt),
	"greatest": {1, many, func(a []Value) Value { return extreme(a, math.Max) }},
	"least":    {1, many, func(a []Value) Value { return extreme(a, math.Min) }},

	"frommillis": {1, 1, func(a []Value) Value {
		n, ok := a[0].number()
		if !ok || math.Abs(n) > maxMoment {
			return Value{}
		}
		return finiteMoment(n)
	}},
	"tomillis": {1, 1, func(a []Value) Value {
		if a[0].kind != moment {
			return Value{}
		}
		return numberValue(a[0].n)
	}},

	"ispresent": {1, 1, func(a []Value) Value { return truth(!a[0].absent()) }},
	"coalesce":  {1, many, coalesce},

	"jsonparse":     {1, 1, func(a []Value) Value { return structured(a[0].String()) }},
	"jsonstringify": {1, 1, jsonStringify},

	"isempty":     {1, 1, func(a []Value) Value { return truth(a[0].String() == "") }},
	"isblank":     {1, 1, func(a []Value) Value { return truth(strings.TrimSpace(a[0].String()) == "") }},
	"concat":      {1, many, concat},
	"trim":        trimming(strings.TrimSpace, strings.Trim),
	"ltrim":       trimming(trimSpaceLeft, strings.TrimLeft),
	"rtrim":       trimming(trimSpaceRight, strings.TrimRight),
	"strlen":      onText(1, 1, func(s string, _ []Value) Value { return numberValue(float64(utf8.RuneCountInString(s))) }),
	"toupper":     onText(1, 1, func(s string, _ []Value) Value { return textValue(strings.ToUpper(s)) }),
	"tolower":     onText(1, 1, func(s string, _ []Value) Value { return textValue(strings.ToLower(s)) }),
	"substr":      onText(2, 3, substr),
	"replace":     onText(3, 3, replace),
	"strcontains": {2, 2, strcontains},

	"isvalidip":      onAddress(func(netip.Addr) bool { return true }),
	"isvalidipv4":    onAddress(netip.Addr.Is4),
	"isvalidipv6":    onAddress(netip.Addr.Is6),
	"isipinsubnet":   inSubnet(func(netip.Addr) bool { return true }),
	"isipv4insubnet": inSubnet(netip.Addr.Is4),
	"isipv6insubnet": inSubnet(netip.Addr.Is6),
}

func numeric(fn func(float64) float64) function {
	return function{1, 1, func(a []Value) Value {
		n, ok := a[0].number()
		if !ok {
			return Value{}
		}
		return finite(fn(n))
	}}
}

// extreme leaves out what is no number.
func extreme(args []Value, fn func(a, b float64) float64) (v Value) {
	for _, a := range args {
		n, ok := a.number()
		if !ok {
			continue
		}
		if !v.missing() {
			n = fn(n, v.n)
		}
		v = numberValue(n)
	}
	return v
}

func coalesce(args []Value) Value {
	for _, a := range args {
		if !a.absent() {
			return a
		}
	}
	return Value{}
}

func concat(args []Value) Value {
	var b strings.Builder
	for _, a := range args {
		if s := a.String(); b.Len()+len(s) <= maxTexts {
			b.WriteString(s)
		} else {
			return Value{kind: excess}
		}
	}
	return textValue(b.String())
}

// onText is a function of a text; without one it has no value.
func onText(least, most int, fn func(s string, rest []Value) Value) function {
	return function{least, most, func(a []Value) Value {
		if a[0].missing() {
			return Value{}
		}
		return fn(a[0].String(), a[1:])
	}}
}

const white = " \t\r\n\v\f"

func trimSpaceLeft(s string) string  { return strings.TrimLeft(s, white) }
func trimSpaceRight(s string) string { return strings.TrimRight(s, white) }

func trimming(space func(string) string, set func(s, cutset string) string) function {
	return onText(1, 2, func(s string, rest []Value) Value {
		if len(rest) == 0 {
			return textValue(space(s))
		}
		return textValue(set(s, rest[0].String()))
	})
}

// substr counts characters from 0.
func substr(s string, rest []Value) Value {
	runes := []rune(s)
	from, ok := rest[0].number()
	if !ok {
		return Value{}
	}
	length := float64(len(runes))
	if len(rest) > 1 {
		if length, ok = rest[1].number(); !ok {
			return Value{}
		}
	}
	start := int(min(max(from, 0), float64(len(runes))))
	end := start + int(min(max(length, 0), float64(len(runes)-start)))
	return textValue(string(runes[start:end]))
}

func replace(s string, rest []Value) Value {
	old, with := rest[0].String(), rest[1].String()
	if len(s)+strings.Count(s, old)*(len(with)-len(old)) > maxTexts {
		return Value{kind: excess}
	}
	return textValue(strings.ReplaceAll(s, old, with))
}

func strcontains(a []Value) Value {
	if !a[0].missing() && strings.Contains(a[0].String(), a[1].String()) {
		return numberValue(1)
	}
	return numberValue(0)
}

func onAddress(is func(netip.Addr) bool) function {
	return function{1, 1, func(a []Value) Value {
		ip, err := netip.ParseAddr(a[0].String())
		return truth(err == nil && is(ip))
	}}
}

func inSubnet(is func(netip.Addr) bool) function {
	return function{2, 2, func(a []Value) Value {
		ip, err := netip.ParseAddr(a[0].String())
		subnet, bad := netip.ParsePrefix(a[1].String())
		return truth(err == nil && bad == nil && is(ip) && subnet.Contains(ip))
	}}
}
