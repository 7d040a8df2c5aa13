package parcel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultTemplate makes the keys of channels that have no template of their own.
const DefaultTemplate = "kinesis-channel/!{channel-name}/!{channel-id}/!{yyyy}/!{MM}/!{dd}/!{HH}/!{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension}"

// maxExpanded is how long a key may be without its suffix ("S3 output key template for Amazon S3 delivery" in the developer
// guide, as all that is said of templates here).
const maxExpanded = 986

// Names are what templates may name besides times.
type Names struct{ Channel, ChannelID, Stream string }

// Template makes keys of objects.
type Template struct {
	parts     []part
	extension string
}

// part is a literal, or else the name of a variable.
type part struct{ literal, variable string }

var layouts = map[string]string{"yyyy": "2006", "yy": "06", "MM": "01", "dd": "02", "HH": "15", "mm": "04"}

var (
	allowedLiteral   = regexp.MustCompile(`^[0-9A-Za-z!\-_'.*()/=]*$`)
	literalExtension = regexp.MustCompile(`^\.[a-z.]+$`)
)

// ParseTemplate reads a template for objects of that compression. The error says what is wrong with it.
func ParseTemplate(text string, c Compression) (Template, error) {
	var t Template
	extended := false
	for rest := text; rest != ""; {
		before, after, variable := strings.Cut(rest, "!{")
		if extended {
			return Template{}, fmt.Errorf("the extension placeholder must be the last, and there can be only one")
		}
		if !allowedLiteral.MatchString(before) {
			return Template{}, fmt.Errorf("%q contains characters that are not allowed", before)
		}
		t.parts = append(t.parts, part{literal: before})
		if !variable {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed {
			return Template{}, fmt.Errorf("a variable is not closed: !{%s", after)
		}
		rest = next
		literal, given := strings.CutPrefix(name, "extension:")
		switch {
		case given && !literalExtension.MatchString(literal):
			return Template{}, fmt.Errorf("the extension %q must begin with a period and consist of lowercase letters and periods", literal)
		case given:
			t.extension, extended = literal, true
		case name == "extension":
			t.extension, extended = c.extension(), true
		case layouts[name] == "" && !slices.Contains([]string{"channel-name", "channel-id", "stream-name"}, name):
			return Template{}, fmt.Errorf("!{%s} is not a variable of templates", name)
		default:
			t.parts = append(t.parts, part{variable: name})
		}
	}
	if c != NoCompression && !extended {
		return Template{}, fmt.Errorf("objects are compressed, so there must be an extension placeholder")
	}
	return t, nil
}

// Check tells what is wrong with the keys that come of the names.
func (t Template) Check(n Names) error {
	key := t.expand(n, time.Time{}) + t.extension
	switch {
	case len(key) > maxExpanded:
		return fmt.Errorf("expanded, it has %d characters, and must not have more than %d", len(key), maxExpanded)
	case strings.HasPrefix(key, "/"):
		return fmt.Errorf("it begins with a slash")
	case strings.Contains(key, "//"):
		return fmt.Errorf("it contains consecutive slashes")
	case strings.Contains(key, "..") || slices.Contains(strings.Split(key, "/"), "."):
		return fmt.Errorf("it contains a path traversal")
	}
	return nil
}

// Key is the key of an object whose oldest record arrived at that time.
func (t Template) Key(n Names, oldest time.Time, suffix string) string {
	return t.expand(n, oldest) + "-" + suffix + t.extension
}

func (t Template) expand(n Names, at time.Time) string {
	var b strings.Builder
	for _, p := range t.parts {
		switch p.variable {
		case "":
			b.WriteString(p.literal)
		case "channel-name":
			b.WriteString(n.Channel)
		case "channel-id":
			b.WriteString(n.ChannelID)
		case "stream-name":
			b.WriteString(n.Stream)
		default:
			b.WriteString(at.UTC().Format(layouts[p.variable]))
		}
	}
	return b.String()
}

// DefaultErrorPrefix begins the keys of dead letters of channels that have no prefix of their own.
func DefaultErrorPrefix(n Names) string {
	return "kinesis-channel/errors/" + n.Channel + "/" + n.ChannelID + "/"
}

// ErrorKey is the key of an object of dead letters.
func ErrorKey(prefix string, n Names, oldest time.Time, suffix string) string {
	return prefix + oldest.UTC().Format("2006/01/02/15/") + n.Channel + "-" + suffix + ".json"
}
