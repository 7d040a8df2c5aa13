package insights

import (
	"regexp"
	"strings"
)

// extraction is a parse command: it makes ephemeral fields from the text of another. A text that does not fit makes none.
type extraction struct {
	from  expression
	names []string
	take  func(s string) []string // nil, or one for each name
}

func (x *extraction) step(r *row) bool {
	v := x.from.in(r)
	var found []string
	if !v.missing() {
		found = x.take(v.String())
	}
	for i, name := range x.names {
		if found == nil {
			r.set(name, Value{})
		} else {
			r.set(name, textValue(found[i]))
		}
	}
	return true
}

// takeGlob finds the literal parts of a glob one after the other, each as early as possible; what lies between is taken.
// What an asterisk at the end takes goes up to the end.
func takeGlob(glob string) func(string) []string {
	parts := strings.Split(glob, "*")
	return func(s string) []string {
		_, s, ok := strings.Cut(s, parts[0])
		taken := make([]string, 0, len(parts)-1)
		for i, p := range parts[1:] {
			if !ok {
				return nil
			}
			before := s
			if p != "" || i < len(parts)-2 {
				before, s, ok = strings.Cut(s, p)
			}
			taken = append(taken, before)
		}
		if !ok {
			return nil
		}
		return taken
	}
}

// takeGroups gives what the named groups of an expression matched, or all groups where none has a name.
func takeGroups(re *regexp.Regexp, groups []int) func(string) []string {
	return func(s string) []string {
		m := re.FindStringSubmatchIndex(s)
		if m == nil {
			return nil
		}
		taken := make([]string, len(groups))
		for i, g := range groups {
			if m[2*g] >= 0 {
				taken[i] = s[m[2*g]:m[2*g+1]]
			}
		}
		return taken
	}
}
