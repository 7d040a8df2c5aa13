package pattern

import "strings"

// needle is a text that is in every message that a pattern matches, as far as that is known: it lets a reader pass over
// many messages at once. In JSON a text may be written with escapes instead.
type needle struct {
	text  string // "" = not known
	value bool   // rarer than the name of a field
}

// better chooses the needle that is probably rarer. Both must be there.
func better(a, b needle) needle {
	switch {
	case a.text == "" || (b.text != "" && b.value && !a.value):
		return b
	case b.text == "" || (a.value && !b.value) || len(a.text) >= len(b.text):
		return a
	}
	return b
}

// May tells whether a message that the pattern matches can be a part of the text. It may be wrong in saying yes.
func (p *Pattern) May(text string) bool {
	return p.needle.text == "" || strings.Contains(text, p.needle.text) || (p.json && strings.IndexByte(text, '\\') >= 0)
}

// longestPart is the longest literal part of a text with wildcards.
func longestPart(glob string) (longest string) {
	for _, part := range strings.Split(glob, "*") {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// plain is a text that JSON writes as it is, unless it uses escapes that it need not use.
func plain(text string) string {
	if strings.ContainsAny(text, "\"\\") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
		return ""
	}
	return text
}
