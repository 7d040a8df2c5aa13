// Package pattern matches log events against CloudWatch Logs' filter patterns ("Filter pattern syntax for metric
// filters, subscription filters, filter log events, and Live Tail"): terms and phrases, regular expressions, and JSON
// selectors. It does no I/O. It must never guess: a pattern it does not fully understand is an error, and so are
// space-delimited patterns, which it does not know yet.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Pattern is a parsed filter pattern.
type Pattern struct {
	match func(message string) bool
}

// Match tells whether the pattern selects the message.
func (p *Pattern) Match(message string) bool { return p.match(message) }

// Parse reads a pattern. The text of an error is meant for the caller.
func Parse(text string) (*Pattern, error) {
	s := scanner{rest: strings.TrimSpace(text)}
	switch {
	case s.rest == "":
		return &Pattern{func(string) bool { return true }}, nil
	case s.rest[0] == '{':
		return s.json()
	case s.rest[0] == '[':
		return nil, errors.New("Invalid filter pattern: space-delimited patterns are not supported by this server yet")
	}
	return s.terms()
}

// scanner takes a pattern apart from the front.
type scanner struct {
	rest    string
	regexes int
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

// quoted takes a string in double quotes, in which a backslash escapes a quote or a backslash.
func (s *scanner) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(s.rest) && (s.rest[i+1] == '"' || s.rest[i+1] == '\\'):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("Invalid filter pattern: a quotation mark is not closed")
}

// maxRegexes is how many regular expressions one pattern may have.
const maxRegexes = 2

// regexRunes are the characters beside letters and digits that a regular expression may have.
const regexRunes = `_:#=@/;,-^$?[]{}|\*+.`

// regex takes a regular expression between percent signs.
func (s *scanner) regex() (func(string) bool, error) {
	text, rest, closed := strings.Cut(s.rest[1:], "%")
	if !closed || text == "" {
		return nil, errors.New("Invalid filter pattern: a regular expression is not closed or is empty")
	}
	for _, r := range text {
		if r > unicode.MaxASCII || (!strings.ContainsRune(regexRunes, r) && (r == '_' || !wordRune(r))) {
			return nil, invalidCharacter(r)
		}
	}
	if s.regexes++; s.regexes > maxRegexes {
		return nil, fmt.Errorf("Invalid filter pattern: more than %d regular expressions", maxRegexes)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("Invalid filter pattern: %w", err)
	}
	s.rest = rest
	return re.MatchString, nil
}
