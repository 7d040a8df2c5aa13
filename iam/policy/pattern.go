package policy

import (
	"strings"
	"unicode/utf8"
)

// A pattern is a text with wildcards and policy variables ("IAM policy elements: Variables and tags"). Wildcards that
// come from the value of a variable, or from ${*} and ${?}, are plain characters.
type pattern struct {
	parts []part
	fixed []rune // all of it, if there are no variables
}

// part is a run of characters and wildcards, or a variable.
type part struct {
	text      []rune
	variable  string // lower-case condition key; "" = text
	fallback  []rune // value if the key is absent
	defaulted bool
}

// Wildcards inside a []rune; no character has a negative number.
const (
	anyRun rune = -1 // *
	anyOne rune = -2 // ?
)

// parsePattern reads s; variables are recognised only in policies of version 2012-10-17.
func parsePattern(s string, variables bool) (pattern, error) {
	var p pattern
	var text []rune
	for len(s) > 0 {
		if variables && strings.HasPrefix(s, "${") {
			end := strings.IndexByte(s, '}')
			if end < 0 {
				return p, syntaxf("The policy variable %q is not closed.", s)
			}
			v, literal, err := parseVariable(s[2:end])
			if err != nil {
				return p, err
			}
			if literal != 0 {
				text = append(text, literal)
			} else {
				p.parts = append(p.parts, part{text: text}, v)
				text = nil
			}
			s = s[end+1:]
			continue
		}
		r, n := nextRune(s)
		switch r {
		case '*':
			r = anyRun
		case '?':
			r = anyOne
		}
		text, s = append(text, r), s[n:]
	}
	if p.parts == nil {
		p.fixed = text
		if text == nil {
			p.fixed = []rune{}
		}
		return p, nil
	}
	p.parts = append(p.parts, part{text: text})
	return p, nil
}

// parseVariable reads what stands between "${" and "}": a key, a key with a default, or an escaped character.
func parseVariable(body string) (v part, literal rune, err error) {
	switch body {
	case "*", "?", "$":
		return v, rune(body[0]), nil
	}
	key, rest, defaulted := strings.Cut(body, ",")
	key = strings.TrimSpace(key)
	if key == "" || strings.ContainsAny(key, "${'*?") {
		return v, 0, syntaxf("The policy variable ${%s} is invalid.", body)
	}
	v.variable = strings.ToLower(key)
	if defaulted {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' || strings.Contains(rest[1:len(rest)-1], "'") {
			return v, 0, syntaxf("The default of the policy variable ${%s} must be enclosed in single quotes.", body)
		}
		v.defaulted, v.fallback = true, runes(rest[1:len(rest)-1])
	}
	return v, 0, nil
}

// resolve puts in the values of the variables. It fails if a key is absent and has no default, or has several values.
func (p *pattern) resolve(keys Keys) ([]rune, bool) {
	if p.fixed != nil {
		return p.fixed, true
	}
	var out []rune
	for _, t := range p.parts {
		if t.variable == "" {
			out = append(out, t.text...)
			continue
		}
		switch v := keys[t.variable]; {
		case len(v) == 1:
			out = append(out, runes(v[0])...)
		case len(v) == 0 && t.defaulted:
			out = append(out, t.fallback...)
		default:
			return nil, false
		}
	}
	return out, true
}

// glob matches all of s. It backs up to the last * only, so it takes at most len(pattern) * len(s) steps.
func glob(pattern, s []rune) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == anyRun:
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == anyOne || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyRun {
		p++
	}
	return p == len(pattern)
}

// runes spells s in characters. Bytes that are not UTF-8 stay distinct from each other and from every character.
func runes(s string) []rune {
	out := make([]rune, 0, len(s))
	for len(s) > 0 {
		r, n := nextRune(s)
		out, s = append(out, r), s[n:]
	}
	return out
}

func nextRune(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 {
		return utf8.MaxRune + 1 + rune(s[0]), 1
	}
	return r, n
}
