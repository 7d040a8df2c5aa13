package pattern

import (
	"errors"
	"slices"
	"strings"
)

// terms reads a pattern for unstructured events: all of the terms, or with "?" any of them, and with "-" none of them.
func (s *scanner) terms() (*Pattern, error) {
	var all, any, none []func(string) bool
	var sure needle
	for s.space(); s.rest != ""; s.space() {
		list := &all
		switch s.rest[0] {
		case '?':
			list = &any
		case '-':
			list = &none
		}
		if list != &all {
			s.rest = s.rest[1:]
		}
		t, part, err := s.term()
		if err != nil {
			return nil, err
		}
		if *list = append(*list, t); list == &all {
			sure = better(sure, needle{part, true})
		}
		if s.rest != "" && !strings.ContainsAny(s.rest[:1], " \t\r\n") {
			return nil, invalidCharacter(s.first())
		}
	}
	return &Pattern{needle: sure, match: func(message string) bool {
		holds := func(t func(string) bool) bool { return t(message) }
		if len(all)+len(none) == 0 && len(any) > 0 { // beside other terms, those with "?" are documented to have no effect
			return slices.ContainsFunc(any, holds)
		}
		for _, t := range all {
			if !t(message) {
				return false
			}
		}
		return !slices.ContainsFunc(none, holds)
	}}, nil
}

// term is a word, a phrase in quotes, or a regular expression; part is in each message in which it is found.
func (s *scanner) term() (match func(string) bool, part string, err error) {
	var text string
	switch s.first() {
	case '"':
		phrase, err := s.quoted()
		if err != nil {
			return nil, "", err
		}
		if strings.Trim(phrase, " ") == "" { // documented to select everything
			return func(string) bool { return true }, "", nil
		}
		text = phrase
	case '%':
		return s.regex()
	case 0, ' ', '\t', '\r', '\n':
		return nil, "", errors.New("Invalid filter pattern: a term is missing")
	default:
		if text = s.run(wordRune); text == "" {
			return nil, "", invalidCharacter(s.first())
		}
	}
	return func(message string) bool { return strings.Contains(message, text) }, text, nil
}
