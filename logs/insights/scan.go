package insights

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError tells where a query stops making sense to the parser.
type SyntaxError struct {
	Message string
	Offset  int // in characters
	Line    int // from 1
	Column  int // from 1, in characters
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at line %d and position %d", e.Message, e.Line, e.Column)
}

type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	quotedNameToken // in backticks: never a keyword
	numberToken
	periodToken // 5m
	stringToken
	symbolToken
)

type token struct {
	kind       tokenKind
	text       string // what it means: without quotes
	start, end int
}

// is tells whether the token is a keyword or a symbol. Keywords are not case sensitive.
func (t token) is(word string) bool {
	return (t.kind == nameToken && strings.EqualFold(t.text, word)) || (t.kind == symbolToken && t.text == word)
}

func (t token) isOneOf(words ...string) bool {
	for _, w := range words {
		if t.is(w) {
			return true
		}
	}
	return false
}

// scanner takes tokens off the front of a query. It panics with a *SyntaxError, which Parse catches.
type scanner struct {
	query string
	pos   int
}

func (s *scanner) failAt(offset int, format string, args ...any) {
	before := s.query[:offset]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	panic(&SyntaxError{fmt.Sprintf(format, args...), utf8.RuneCountInString(before), line, column})
}

// unexpected fails at a token in AWS's words.
func (s *scanner) unexpected(t token) {
	if t.kind == endToken {
		s.failAt(t.start, "unexpected end of the query")
	}
	s.failAt(t.start, "unexpected symbol found %s", s.query[t.start:t.end])
}

// space passes over white space, and over comments, which go from # to the end of the line.
func (s *scanner) space() {
	for s.pos < len(s.query) {
		switch c := s.query[s.pos]; {
		case c == '#':
			for s.pos < len(s.query) && s.query[s.pos] != '\n' {
				s.pos++
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek reads the next token and stays before it.
func (s *scanner) peek() token {
	s.space()
	t := token{start: s.pos, end: s.pos}
	if s.pos == len(s.query) {
		return t
	}
	r, _ := utf8.DecodeRuneInString(s.query[s.pos:])
	switch {
	case r == '`':
		t.kind = quotedNameToken
		t.text, t.end = s.quoted(s.pos, '`')
	case r == '"' || r == '\'':
		t.kind = stringToken
		t.text, t.end = s.quoted(s.pos, byte(r))
	case isDigit(s.query[s.pos]) || (r == '.' && s.pos+1 < len(s.query) && isDigit(s.query[s.pos+1])):
		t.kind, t.end = s.number(s.pos)
	case nameStart(r):
		t.kind = nameToken
		t.end = s.run(s.pos, func(r rune) bool { return nameStart(r) || unicode.IsDigit(r) || r == '.' })
	default:
		t.kind = symbolToken
		t.end = s.pos + utf8.RuneLen(max(r, 0))
		if r == utf8.RuneError {
			t.end = s.pos + 1
		}
		for _, long := range []string{"!=", "<=", ">=", "=~"} {
			if strings.HasPrefix(s.query[s.pos:], long) {
				t.end = s.pos + len(long)
			}
		}
	}
	if t.kind != stringToken && t.kind != quotedNameToken {
		t.text = s.query[t.start:t.end]
	}
	return t
}

func nameStart(r rune) bool { return r == '@' || r == '_' || unicode.IsLetter(r) }

// run finds the end of the characters for which in is true.
func (s *scanner) run(from int, in func(rune) bool) int {
	n := strings.IndexFunc(s.query[from:], func(r rune) bool { return !in(r) })
	if n < 0 {
		return len(s.query)
	}
	return from + n
}

// number finds the end of a number, or of a period such as 5m.
func (s *scanner) number(from int) (tokenKind, int) {
	digits := func(at int) int { return s.run(at, func(r rune) bool { return r >= '0' && r <= '9' }) }
	at := digits(from)
	if at < len(s.query) && s.query[at] == '.' {
		at = digits(at + 1)
	}
	if at < len(s.query) && (s.query[at] == 'e' || s.query[at] == 'E') {
		exponent := at + 1
		if exponent < len(s.query) && (s.query[exponent] == '+' || s.query[exponent] == '-') {
			exponent++
		}
		if end := digits(exponent); end > exponent {
			at = end
		}
	}
	if end := s.run(at, unicode.IsLetter); end > at {
		return periodToken, end
	}
	return numberToken, at
}

// quoted reads what is in quotes. A backslash before the quote or a backslash is an escape; other ones stay.
func (s *scanner) quoted(from int, quote byte) (string, int) {
	var b strings.Builder
	for i := from + 1; i < len(s.query); i++ {
		switch c := s.query[i]; {
		case c == quote:
			return b.String(), i + 1
		case c == '\\' && i+1 < len(s.query) && (s.query[i+1] == quote || s.query[i+1] == '\\'):
			i++
			b.WriteByte(s.query[i])
		default:
			b.WriteByte(c)
		}
	}
	s.failAt(from, "%c is not closed", quote)
	return "", 0
}

func (s *scanner) take() token {
	t := s.peek()
	s.pos = t.end
	return t
}

// accept takes a keyword or symbol if it comes next.
func (s *scanner) accept(word string) bool {
	t := s.peek()
	if t.is(word) {
		s.pos = t.end
		return true
	}
	return false
}

func (s *scanner) expect(word string) {
	if t := s.take(); !t.is(word) {
		s.unexpected(t)
	}
}

// regex reads an expression between slashes, if there is one; \/ is a slash in it.
func (s *scanner) regex() (text string, start int, ok bool) {
	s.space()
	start = s.pos
	if start == len(s.query) || s.query[start] != '/' {
		return "", start, false
	}
	for i := start + 1; i < len(s.query); i++ {
		switch s.query[i] {
		case '\\':
			i++
		case '/':
			s.pos = i + 1
			return strings.ReplaceAll(s.query[start+1:i], `\/`, "/"), start, true
		}
	}
	s.failAt(start, "/ is not closed")
	return "", start, false
}
