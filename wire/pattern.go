package wire

import (
	"regexp"
	"strings"
)

// surrogates is how the models, written for UTF-16, name everything above the basic plane.
const surrogates = `\uD800\uDC00-\uDBFF\uDFFF`

var (
	unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
	javaClasses   = strings.NewReplacer(`\p{Print}`, `[[:print:]]`, `\p{ASCII}`, `\x00-\x7F`, `\p{Alnum}`, `[[:alnum:]]`)
)

// CompilePattern compiles a pattern constraint of a service model. The whole value must match.
func CompilePattern(p string) (*regexp.Regexp, error) {
	p = strings.ReplaceAll(p, surrogates, `\x{10000}-\x{10FFFF}`)
	p = unicodeEscape.ReplaceAllString(p, `\x{$1}`)
	return regexp.Compile(`^(?:` + javaClasses.Replace(p) + `)$`)
}
