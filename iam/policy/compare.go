package policy

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// stringEquals compares exactly; the * and ? of the policy are plain characters.
func stringEquals(text string, variables bool) (operand, error) {
	return exact(text, variables, func(a, b string) bool { return a == b })
}

func stringEqualsIgnoreCase(text string, variables bool) (operand, error) {
	return exact(text, variables, strings.EqualFold)
}

func exact(text string, variables bool, equal func(a, b string) bool) (operand, error) {
	p, err := parsePattern(text, variables)
	if err != nil {
		return nil, err
	}
	return func(value string, keys Keys) bool {
		want, ok := p.resolve(keys)
		return ok && equal(plain(want), value)
	}, nil
}

// plain spells a pattern again, wildcards as the characters they were written with.
func plain(pattern []rune) string {
	var b strings.Builder
	for _, r := range pattern {
		switch {
		case r == anyRun:
			b.WriteByte('*')
		case r == anyOne:
			b.WriteByte('?')
		case r > 0x10FFFF:
			b.WriteByte(byte(r - 0x110000))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func stringLike(text string, variables bool) (operand, error) {
	p, err := parsePattern(text, variables)
	if err != nil {
		return nil, err
	}
	return func(value string, keys Keys) bool {
		want, ok := p.resolve(keys)
		return ok && glob(want, runes(value))
	}, nil
}

// numeric compares decimal numbers of any size exactly. test gets the order of the request's value to the policy's.
func numeric(test func(order int) bool) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		want, err := parseNumber(text)
		if err != nil {
			return nil, err
		}
		return func(value string, _ Keys) bool {
			got, err := parseNumber(value)
			return err == nil && test(got.Cmp(want))
		}, nil
	}
}

// parseNumber limits the size, so that "1e999999999" costs nothing.
func parseNumber(text string) (*big.Rat, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > 64 || strings.ContainsAny(text, "xXpP_nN") {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	if f != 0 && (f < 1e-60 && f > -1e-60) {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	return r, nil
}

// date compares W3C dates or epoch seconds. test gets the order of the request's value to the policy's.
func date(test func(order int) bool) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		want, err := parseDate(text)
		if err != nil {
			return nil, err
		}
		return func(value string, _ Keys) bool {
			got, err := parseDate(value)
			return err == nil && test(got.Compare(want))
		}, nil
	}
}

// dateLayouts are the forms of the W3C note on ISO 8601 dates.
var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02", "2006-01", "2006"}

func parseDate(text string) (time.Time, error) {
	if len(text) > 4 {
		if s, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(s, 0), nil
		}
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date", text)
}

func boolean(text string, _ bool) (operand, error) {
	want := strings.ToLower(text)
	if want != "true" && want != "false" {
		return nil, fmt.Errorf("%q is not true or false", text)
	}
	return func(value string, _ Keys) bool { return strings.ToLower(value) == want }, nil
}

// binaryEquals compares bytes; both sides are base64.
func binaryEquals(text string, _ bool) (operand, error) {
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not base64", text)
	}
	return func(value string, _ Keys) bool {
		got, err := base64.StdEncoding.DecodeString(value)
		return err == nil && bytes.Equal(got, want)
	}, nil
}

func ipAddress(text string, _ bool) (operand, error) {
	want, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("%q is not an address or a CIDR block", text)
		}
		want = netip.PrefixFrom(a, a.BitLen())
	}
	return func(value string, _ Keys) bool {
		a, err := netip.ParseAddr(value)
		return err == nil && want.Contains(a.Unmap().WithZone(""))
	}, nil
}

var errARN = errors.New("is not an ARN")

// arnLike compares the six parts of an ARN one by one: a wildcard ends at the colon, except in the last part.
func arnLike(text string, variables bool) (operand, error) {
	p, err := parsePattern(text, variables)
	if err != nil {
		return nil, err
	}
	if p.fixed != nil && text != "*" && splitARN(p.fixed) == nil {
		return nil, fmt.Errorf("%q %w", text, errARN)
	}
	return func(value string, keys Keys) bool {
		pattern, ok := p.resolve(keys)
		if !ok {
			return false
		}
		got := splitARN(runes(value))
		if got == nil {
			return false
		}
		if len(pattern) == 1 && pattern[0] == anyRun {
			return true
		}
		want := splitARN(pattern)
		for i := range want {
			if !glob(want[i], got[i]) {
				return false
			}
		}
		return want != nil
	}, nil
}

// splitARN gives the six parts, or nil.
func splitARN(s []rune) [][]rune {
	var parts [][]rune
	start := 0
	for i, r := range s {
		if r == ':' && len(parts) < 5 {
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	if parts = append(parts, s[start:]); len(parts) != 6 {
		return nil
	}
	return parts
}
