package awsjson

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"drey/wire"
)

// maxDepth is how deeply values may be nested. No shape of the models comes near it.
const maxDepth = 1000

// scanner reads JSON (RFC 8259) in b from at on. It makes no tree and copies nothing: texts are parts of b, in which
// escapes are undone in place, so b is changed and every place of it is read once.
type scanner struct {
	b     []byte
	at    int
	depth int
}

func (s *scanner) malformed(what string) error {
	return wire.SerializationException.Errorf("The request body is not valid JSON: %s at byte %d", what, s.at)
}

// peek gives the first byte of the next token without taking it; 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.b) {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take takes the next token if it is that byte.
func (s *scanner) take(c byte) bool {
	if s.peek() == c && s.at < len(s.b) {
		s.at++
		return true
	}
	return false
}

// enter begins an object or an array, of which close is the end.
func (s *scanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.malformed("values are nested too deeply")
	}
	s.at++
	return nil
}

// more tells whether another member or element follows; else it takes the end. first is true before the first.
func (s *scanner) more(end byte, first bool) (bool, error) {
	if s.take(end) {
		s.depth--
		return false, nil
	}
	if !first && !s.take(',') {
		return false, s.malformed(fmt.Sprintf("',' or '%c' is missing", end))
	}
	return true, nil
}

// name takes the name of a member and the colon.
func (s *scanner) name() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.malformed("the name of a member is missing")
	}
	name, err := s.text()
	if err == nil && !s.take(':') {
		err = s.malformed("':' is missing")
	}
	return name, err
}

// text takes a string and gives its content.
func (s *scanner) text() ([]byte, error) {
	content, checked, err := s.quoted()
	if err != nil || checked {
		return content, err
	}
	for _, c := range content {
		if c < ' ' {
			return nil, s.malformed("a string holds a control character")
		}
	}
	return content, nil
}

// base64 is text for a string whose decoder refuses what is no base64. It looks for the rest only: line ends, which
// decoders of base64 pass over.
func (s *scanner) base64() ([]byte, error) {
	content, checked, err := s.quoted()
	if err == nil && !checked && (bytes.IndexByte(content, '\n') >= 0 || bytes.IndexByte(content, '\r') >= 0) {
		return nil, s.malformed("a string holds a control character")
	}
	return content, err
}

// quoted takes a string. Only where it holds escapes is it checked for control characters.
func (s *scanner) quoted() (content []byte, checked bool, err error) {
	start := s.at + 1
	n := bytes.IndexByte(s.b[start:], '"')
	if n < 0 || bytes.IndexByte(s.b[start:start+n], '\\') >= 0 {
		content, err = s.escaped(start)
		return content, true, err
	}
	s.at = start + n + 1
	return s.b[start : start+n], false, nil
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped is text for a string that has escapes: they only shrink.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := start
	for s.at = start; s.at < len(s.b); {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return s.b[start:out], nil
		case c < ' ':
			return nil, s.malformed("a string holds a control character")
		case c != '\\':
			s.b[out] = c
			s.at, out = s.at+1, out+1
		case s.at+1 < len(s.b) && s.b[s.at+1] == 'u':
			r, err := s.unicode()
			if err != nil {
				return nil, err
			}
			out += utf8.EncodeRune(s.b[out:s.at], r)
		case s.at+1 < len(s.b) && escapes[s.b[s.at+1]] != 0:
			s.b[out] = escapes[s.b[s.at+1]]
			s.at, out = s.at+2, out+1
		default:
			return nil, s.malformed("a string holds an unknown escape")
		}
	}
	return nil, s.malformed("a string does not end")
}

// unicode takes \uXXXX, or two of them that are a surrogate pair. Half a pair is U+FFFD.
func (s *scanner) unicode() (rune, error) {
	r, ok := s.hex4(s.at)
	if !ok {
		return 0, s.malformed("a string holds an unknown escape")
	}
	s.at += 6
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if low, ok := s.hex4(s.at); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			s.at += 6
			return pair, nil
		}
	}
	return utf8.RuneError, nil
}

// hex4 reads the \uXXXX at that place.
func (s *scanner) hex4(at int) (r rune, ok bool) {
	if at+6 > len(s.b) || s.b[at] != '\\' || s.b[at+1] != 'u' {
		return 0, false
	}
	for _, c := range s.b[at+2 : at+6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number takes a number and gives its text.
func (s *scanner) number() ([]byte, error) {
	start := s.at
	if s.at < len(s.b) && s.b[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.b) && s.b[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return nil, s.malformed("this is no number")
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		if s.at++; !s.digits() {
			return nil, s.malformed("this is no number")
		}
	}
	if s.at < len(s.b) && s.b[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return nil, s.malformed("this is no number")
		}
	}
	return s.b[start:s.at], nil
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// literal takes true, false or null.
func (s *scanner) literal() ([]byte, error) {
	for _, l := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.b[s.at:], []byte(l)) {
			s.at += len(l)
			return s.b[s.at-len(l) : s.at], nil
		}
	}
	return nil, s.malformed("this is no value")
}

// skip takes a value of any kind.
func (s *scanner) skip() error {
	var err error
	switch c := s.peek(); c {
	case '{':
		return s.skipAll('}', true)
	case '[':
		return s.skipAll(']', false)
	case '"':
		_, err = s.text()
	case 't', 'f', 'n':
		_, err = s.literal()
	default:
		_, err = s.number()
	}
	return err
}

// skipAll takes an array, or an object if its values are named.
func (s *scanner) skipAll(end byte, named bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(end, first)
		if err != nil || !more {
			return err
		}
		if named {
			if _, err := s.name(); err != nil {
				return err
			}
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}
