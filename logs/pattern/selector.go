package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Limits of wildcards in selectors.
const (
	maxWildcards         = 3 // in a pattern
	maxSelectorWildcards = 1
)

// step is the name of a member, the index of an element, or any of them.
type step struct {
	name  string // of a member
	path  string // that name as gjson wants it
	index int    // -1: not an index
	any   bool
}

type selector []step

// selector reads $.name['na.me'][0][*].*
func (s *scanner) selector() (selector, error) {
	if !s.skip("$") {
		return nil, s.unexpected()
	}
	var sel selector
	before := s.wildcards
	for {
		st, found, err := s.step()
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		sel = append(sel, st)
	}
	switch {
	case len(sel) == 0:
		return nil, s.unexpected()
	case s.wildcards-before > maxSelectorWildcards:
		return nil, errors.New("Invalid filter pattern: a selector can have one wildcard")
	case s.wildcards > maxWildcards:
		return nil, fmt.Errorf("Invalid filter pattern: more than %d wildcards in selectors", maxWildcards)
	}
	return sel, nil
}

func (s *scanner) step() (step, bool, error) {
	dot := strings.HasPrefix(s.rest, ".")
	if dot {
		s.rest = s.rest[1:]
	}
	if rest, ok := strings.CutPrefix(s.rest, "["); ok {
		s.rest = rest
		st, err := s.bracket()
		return st, true, err
	}
	if !dot {
		return step{}, false, nil
	}
	if s.skipHere("*") {
		s.wildcards++
		return step{any: true}, true, nil
	}
	name := s.run(func(r rune) bool { return wordRune(r) || r == '-' })
	if name == "" {
		return step{}, false, s.unexpected()
	}
	return step{name: name, path: gjson.Escape(name), index: -1}, true, nil
}

func (s *scanner) skipHere(token string) bool {
	rest, ok := strings.CutPrefix(s.rest, token)
	if ok {
		s.rest = rest
	}
	return ok
}

// bracket reads what is between brackets: *, an index, or a name in quotes.
func (s *scanner) bracket() (st step, err error) {
	switch first := s.first(); {
	case first == '*':
		s.rest = s.rest[1:]
		s.wildcards++
		st = step{any: true}
	case first == '\'' || first == '"':
		name, err := s.quoted()
		if err != nil {
			return st, err
		}
		st = step{name: name, path: gjson.Escape(name), index: -1}
	default:
		digits := s.run(func(r rune) bool { return r >= '0' && r <= '9' })
		if st.index, err = strconv.Atoi(digits); err != nil {
			return st, s.unexpected()
		}
	}
	if !s.skipHere("]") {
		return st, s.unexpected()
	}
	return st, nil
}

// some tells whether fn holds for one of the selected values.
func (sel selector) some(v gjson.Result, fn func(gjson.Result) bool) bool {
	if len(sel) == 0 {
		return fn(v)
	}
	st, rest := sel[0], sel[1:]
	switch {
	case st.any && (v.IsObject() || v.IsArray()):
		found := false
		v.ForEach(func(_, inner gjson.Result) bool {
			found = rest.some(inner, fn)
			return !found
		})
		return found
	case st.any:
		return false
	case st.index >= 0 && v.IsArray():
		v = v.Get(strconv.Itoa(st.index))
	case st.index < 0 && v.IsObject():
		v = v.Get(st.path)
	default:
		return false
	}
	return v.Exists() && rest.some(v, fn)
}

// name is the longest of the names in a selector: an event without it has nothing that is selected.
func (sel selector) name() (n needle) {
	for _, st := range sel {
		n = better(n, needle{text: plain(st.name)})
	}
	return n
}

// scalar is the text of a string, number or boolean.
func scalar(v gjson.Result) (text string, ok bool) {
	switch v.Type {
	case gjson.String:
		return v.Str, true
	case gjson.Number, gjson.True, gjson.False:
		return v.Raw, true
	}
	return "", false
}

// decode reads a JSON object or array.
func decode(message string) (gjson.Result, bool) {
	m := strings.TrimLeft(message, " \t\r\n")
	if m == "" || (m[0] != '{' && m[0] != '[') || !gjson.Valid(m) {
		return gjson.Result{}, false
	}
	return gjson.Parse(m), true
}

// Reference is a value of an event as metric filters name it: $.latency in JSON, $bytes between spaces.
type Reference struct {
	selector selector
	field    string
}

// ParseReference reads a reference.
func ParseReference(text string) (Reference, error) {
	s := scanner{rest: text}
	if name, ok := strings.CutPrefix(text, "$"); ok && name != "" && strings.IndexFunc(name, func(r rune) bool { return !wordRune(r) && r != '-' }) < 0 {
		return Reference{field: text}, nil
	}
	sel, err := s.selector()
	if err == nil && (s.rest != "" || s.wildcards > 0) {
		err = invalidCharacter(s.first())
	}
	return Reference{selector: sel}, err
}

// In finds the value in a message that p matches.
func (r Reference) In(p *Pattern, message string) (text string, ok bool) {
	if r.field != "" {
		text, ok = p.Fields(message)[r.field]
		return text, ok
	}
	event, isJSON := decode(message)
	return text, isJSON && r.selector.some(event, func(v gjson.Result) bool {
		text, ok = scalar(v)
		return ok
	})
}
