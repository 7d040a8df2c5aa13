package reconcile

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxError = 512 // of ErrorString

// packages matches the packages of the class that a text begins with.
var packages = regexp.MustCompile(`^(?:[a-z_]\w*\.)+([A-Z])`)

// short cuts a text to what ErrorString holds. Of a denial whole parts go, of a stack trace the places first.
func short(s string) string {
	if len(s) <= maxError {
		return s
	}
	s = packages.ReplaceAllString(s, "$1")
	for _, shorter := range append(append([]string{s}, shorterDenials(s)...), shorterTraces(s)...) {
		if len(shorter) <= maxError {
			return shorter
		}
	}
	return uncut(s[:maxError-len("...")]) + "..."
}

// shorterTraces give of Java's stack trace what was thrown and its causes; then the first of them and the last, which is the reason
// for the others; then the last alone. Each goes on with the places where the last was thrown, as many as there is space for.
func shorterTraces(s string) []string {
	const cause = "Caused by: "
	var thrown, places []string // places of the last of them
	for line := range strings.Lines(s) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "\tat "):
			places = append(places, line)
		case strings.HasPrefix(line, "\t"): // how many places are left out, or what is suppressed
		case len(thrown) == 0 || strings.HasPrefix(line, cause):
			thrown, places = append(thrown, packages.ReplaceAllString(strings.TrimPrefix(line, cause), "$1")), nil
		default:
			thrown[len(thrown)-1] += "\n" + line
		}
	}
	if thrown == nil {
		return nil
	}
	first, last := thrown[0], thrown[len(thrown)-1]
	traces := []string{strings.Join(thrown, "\n"+cause), first + "\n" + cause + last, last}
	for i, t := range traces {
		for _, place := range places {
			if len(t)+len(place) >= maxError {
				break
			}
			t += "\n" + place
		}
		traces[i] = t
	}
	return traces
}

// denied matches a denial as IAM words it ("Troubleshoot access denied error messages"): who, the action and the resource.
var denied = regexp.MustCompile(`(User: .+? is )(not authorized to perform: \S+)( on resource: .+?) (?:because no|with an explicit deny) `)

// shorterDenials give up parts of a denial, each more than the one before: the reason, which the others imply; the class of the
// exception; the resource, where the statement that would allow it names it; that statement; who was denied. What stays is whole: a name
// with its end cut off is another's.
func shorterDenials(s string) []string {
	at := denied.FindStringSubmatchIndex(s)
	if at == nil {
		return nil
	}
	class, who, action, resource := s[:at[0]], s[at[2]:at[3]], s[at[4]:at[5]], s[at[6]:at[7]]
	var list []string
	if allows := remedy(s[at[7]:]); allows != "" {
		list = []string{class + who + action + resource + allows, who + action + resource + allows, who + action + allows}
	}
	return append(list, class+who+action+resource+"…", who+action+resource+"…", action+resource+"…")
}

// remedy finds the statement that would allow what was denied, and where it belongs; "" = none is named.
func remedy(s string) string {
	const where, statement = ". This statement in ", " would allow it: "
	from := strings.Index(s, where)
	to := strings.Index(s, statement)
	if from < 0 || to < from {
		return ""
	}
	end := to + len(statement)
	var policy json.RawMessage
	if json.NewDecoder(strings.NewReader(s[end:])).Decode(&policy) != nil {
		return ""
	}
	return s[from:end] + string(policy)
}

// uncut drops the last rune if it was cut.
func uncut(s string) string {
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
