package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// maxRegexes is how many regular expressions one pattern may have.
const maxRegexes = 2

// regexRunes are the characters beside letters and digits that a regular expression may have ("Supported regular
// expressions (regex) syntax"). The blank is not in that list, but in one of its examples.
const regexRunes = ` _:#=@/;,-^$?[]{}|\*+.`

// upTo is a repetition without a least number, which Go spells otherwise.
var upTo = regexp.MustCompile(`\{ *,`)

// regex takes a regular expression between percent signs, and tells what all of its matches begin with.
func (s *scanner) regex() (match func(string) bool, prefix string, err error) {
	text, rest, closed := strings.Cut(s.rest[1:], "%")
	if !closed || text == "" {
		return nil, "", errors.New("Invalid filter pattern: a regular expression is not closed or is empty")
	}
	for _, r := range text {
		if r > unicode.MaxASCII || (!strings.ContainsRune(regexRunes, r) && (r == '_' || !wordRune(r))) {
			return nil, "", invalidCharacter(r)
		}
	}
	if s.regexes++; s.regexes > maxRegexes {
		return nil, "", fmt.Errorf("Invalid filter pattern: more than %d regular expressions", maxRegexes)
	}
	re, err := regexp.Compile(upTo.ReplaceAllString(text, "{0,"))
	if err != nil {
		return nil, "", fmt.Errorf("Invalid filter pattern: %w", err)
	}
	s.rest = rest
	prefix, _ = re.LiteralPrefix()
	return re.MatchString, prefix, nil
}
