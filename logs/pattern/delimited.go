package pattern

import (
	"errors"
	"strconv"
	"strings"
)

// place is what a pattern says of one field between spaces.
type place struct {
	name     string // "" = none
	ellipsis bool   // any number of fields
	holds    condition
}

// delimited reads a pattern of fields between spaces: [ip, user, ..., status = 4*, bytes > 1000].
func (s *scanner) delimited() (*Pattern, error) {
	s.rest = s.rest[1:]
	var places []place
	ellipses := 0
	for {
		p, err := s.place()
		if err != nil {
			return nil, err
		}
		if p.ellipsis {
			ellipses++
		}
		places = append(places, p)
		if s.skip("]") {
			break
		}
		if !s.skip(",") {
			return nil, s.unexpected()
		}
	}
	if s.space(); s.rest != "" {
		return nil, s.unexpected()
	}
	if ellipses > 1 {
		return nil, errors.New("Invalid filter pattern: more than one ellipsis")
	}
	d := delimited{places, ellipses > 0}
	return &Pattern{match: func(m string) bool { _, ok := d.assign(m); return ok }, fields: d.fields}, nil
}

// place reads a field: its name and conditions on it.
func (s *scanner) place() (place, error) {
	if s.skip("...") || s.skip("…") {
		return place{ellipsis: true}, nil
	}
	s.space()
	p := place{name: s.name()}
	if p.name == "" {
		return p, nil
	}
	rest := s.rest
	if s.operator() == "" {
		return p, nil
	}
	s.rest = rest
	first := true
	one := func() (condition, error) {
		if !first {
			if s.space(); s.name() != p.name {
				return nil, errors.New("Invalid filter pattern: conditions of one field must name that field")
			}
		}
		first = false
		op := s.operator()
		if op == "" {
			return nil, s.unexpected()
		}
		holds, _, err := s.comparison(op)
		return holds, err
	}
	all := func() (condition, error) {
		return joined(s, "&&", one, func(a, b condition) condition {
			return func(t string, n bool) bool { return a(t, n) && b(t, n) }
		})
	}
	var err error
	p.holds, err = joined(s, "||", all, func(a, b condition) condition {
		return func(t string, n bool) bool { return a(t, n) || b(t, n) }
	})
	return p, err
}

func (s *scanner) name() string { return s.run(func(r rune) bool { return wordRune(r) || r == '-' }) }

type delimited struct {
	places   []place
	ellipsis bool
}

// assigned is a field of an event and its place in the pattern.
type assigned struct {
	place *place
	text  string
}

// assign gives each field of a message its place; ok is false if the pattern does not match. Without an ellipsis the last
// place takes all that is left, which is why a pattern for the first word needs a blank one after it.
func (d *delimited) assign(message string) (list []assigned, ok bool) {
	most := -1
	if !d.ellipsis {
		most = len(d.places)
	}
	texts := split(message, most)
	extra := len(texts) - (len(d.places) - 1) // fields of the ellipsis
	if (!d.ellipsis && len(texts) != len(d.places)) || extra < 0 {
		return nil, false
	}
	for i := range d.places {
		n := 1
		if d.places[i].ellipsis {
			n = extra
		}
		for _, t := range texts[:n] {
			if h := d.places[i].holds; h != nil && !h(t, true) {
				return nil, false
			}
			list = append(list, assigned{&d.places[i], t})
		}
		texts = texts[n:]
	}
	return list, true
}

func (d *delimited) fields(message string) (map[string]string, bool) {
	list, ok := d.assign(message)
	if !ok {
		return nil, false
	}
	fields := map[string]string{}
	for i, a := range list {
		name := a.place.name
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		fields["$"+name] = a.text
	}
	return fields, true
}

const blanks = " \t\r\n"

// split gives the fields of a message: what is between brackets or double quotes is one. With most, the last of that many
// holds all that is left.
func split(message string, most int) (list []string) {
	rest := strings.Trim(message, blanks)
	for rest != "" {
		field, after := cutField(rest)
		if len(list)+1 == most && after != "" {
			return append(list, rest)
		}
		list, rest = append(list, field), after
	}
	return list
}

// cutField takes the first field; rest begins with the next one.
func cutField(s string) (field, rest string) {
	if end, ok := map[byte]string{'[': "]", '"': `"`}[s[0]]; ok {
		if inner, after, closed := strings.Cut(s[1:], end); closed && (after == "" || strings.ContainsAny(after[:1], blanks)) {
			return inner, strings.TrimLeft(after, blanks)
		}
	}
	n := strings.IndexAny(s, blanks)
	if n < 0 {
		return s, ""
	}
	return s[:n], strings.TrimLeft(s[n:], blanks)
}
