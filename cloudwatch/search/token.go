package search

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is a part of a name as "Tokenization" cuts it: at other characters, before digits, and where capitals begin.
type piece struct {
	text  string
	joint bool // follows the piece before without a character between
}

func pieces(s string) []piece {
	out := []piece{}
	runes := []rune(s)
	joint := false
	for i := 0; i < len(runes); {
		n := pieceLength(runes[i:])
		if n == 0 {
			i, joint = i+1, false
			continue
		}
		out = append(out, piece{string(runes[i : i+n]), joint})
		i, joint = i+n, true
	}
	return out
}

// pieceLength is that of the piece at the beginning: digits, a word with at most its first letter in capitals, or capitals
// up to where such a word begins; 0 = no piece begins here.
func pieceLength(r []rune) int {
	run := func(from int, is func(rune) bool) int {
		for from < len(r) && is(r[from]) {
			from++
		}
		return from
	}
	small := func(c rune) bool { return unicode.IsLetter(c) && !unicode.IsUpper(c) }
	switch {
	case unicode.IsDigit(r[0]):
		return run(0, unicode.IsDigit)
	case small(r[0]):
		return run(0, small)
	case !unicode.IsUpper(r[0]):
		return 0
	}
	n := run(0, unicode.IsUpper)
	switch {
	case n == len(r) || !small(r[n]):
		return n
	case n == 1:
		return run(1, small)
	default:
		return n - 1 // the last capital begins the next word
	}
}

// partial tells whether the term finds the string: it is the string without its other characters or one of its tokens,
// in whatever case, or several tokens that follow each other. Those are compared with their case, except beside a character
// that the term has between them ("Partial matches", "Non-alphanumeric characters").
func partial(want []piece, s string) bool {
	if len(want) == 0 || !mayContain(s, want[0].text) {
		return false
	}
	have := pieces(s)
	if w := whole(want); strings.EqualFold(w, whole(have)) && (len(want) == 1 || w == strings.ToLower(w)) {
		return true
	}
	for i := 0; i+len(want) <= len(have); i++ {
		if consecutive(want, have[i:]) {
			return true
		}
	}
	return false
}

// mayContain is false if part is surely not in s, in whatever case. Most strings are told by it without being cut.
func mayContain(s, part string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return true
		}
		if i+len(part) <= len(s) && lower(s[i]) == lower(part[0]) && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return part[0] >= utf8.RuneSelf
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func whole(list []piece) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.text)
	}
	return b.String()
}

func consecutive(want, have []piece) bool {
	exact := false
	for _, w := range want[1:] {
		exact = exact || w.joint
	}
	for i, w := range want {
		if exact && have[i].text != w.text || !strings.EqualFold(have[i].text, w.text) {
			return false
		}
	}
	return true
}
