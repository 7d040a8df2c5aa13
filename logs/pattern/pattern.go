// Package pattern matches log events against CloudWatch Logs' filter patterns ("Filter pattern syntax for metric
// filters, subscription filters, filter log events, and Live Tail"): terms and phrases, regular expressions, JSON
// selectors, and fields between spaces. It does no I/O. It must never guess: a pattern it does not fully understand is an
// error.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Pattern is a parsed filter pattern.
type Pattern struct {
	match   func(message string) bool
	fields  func(message string) (map[string]string, bool) // of patterns for fields between spaces
	needle  needle
	json    bool
	regexes int
}

// Match tells whether the pattern selects the message.
func (p *Pattern) Match(message string) bool { return p.May(message) && p.match(message) }

// HasRegex tells whether the pattern holds a regular expression: their number is limited in a log group.
func (p *Pattern) HasRegex() bool { return p.regexes > 0 }

// Fields gives what a pattern for fields between spaces makes of a message that it matches: $name, or $3 for a field
// without a name. Other patterns give nothing.
func (p *Pattern) Fields(message string) map[string]string {
	if p.fields == nil {
		return nil
	}
	fields, _ := p.fields(message)
	return fields
}

// Parse reads a pattern. The text of an error is meant for the caller.
func Parse(text string) (*Pattern, error) {
	s := scanner{rest: strings.TrimSpace(text)}
	var p *Pattern
	var err error
	switch {
	case s.rest == "":
		p = &Pattern{match: func(string) bool { return true }}
	case s.rest[0] == '{':
		p, err = s.json()
	case s.rest[0] == '[':
		p, err = s.delimited()
	default:
		p, err = s.terms()
	}
	if err != nil {
		return nil, err
	}
	p.regexes = s.regexes
	return p, nil
}

// scanner takes a pattern apart from the front.
type scanner struct {
	rest      string
	regexes   int
	wildcards int // in selectors
	depth     int // of parentheses
}

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

// skip takes a literal token after white space.
func (s *scanner) skip(token string) bool {
	s.space()
	rest, ok := strings.CutPrefix(s.rest, token)
	if ok {
		s.rest = rest
	}
	return ok
}

func invalidCharacter(r rune) error { return fmt.Errorf("Invalid character(s) in term '%c'", r) }

func (s *scanner) unexpected() error {
	s.space()
	if s.rest == "" {
		return errors.New("Invalid filter pattern: it ends too early")
	}
	return invalidCharacter(s.first())
}

// first is the next character; 0 at the end.
func (s *scanner) first() rune {
	for _, r := range s.rest {
		return r
	}
	return 0
}

// run takes the characters for which in is true.
func (s *scanner) run(in func(rune) bool) string {
	n := strings.IndexFunc(s.rest, func(r rune) bool { return !in(r) })
	if n < 0 {
		n = len(s.rest)
	}
	word := s.rest[:n]
	s.rest = s.rest[n:]
	return word
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quoted takes a string in quotes, in which a backslash escapes a quote or a backslash.
func (s *scanner) quoted() (string, error) {
	quote := s.rest[0]
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == quote:
			s.rest = s.rest[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(s.rest) && (s.rest[i+1] == quote || s.rest[i+1] == '\\'):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("Invalid filter pattern: a quotation mark is not closed")
}
