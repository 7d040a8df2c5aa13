package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// line is one point of the Influx line protocol: measurement, tags, numeric fields, time.
type line struct {
	measurement string
	tags        map[string]string
	fields      map[string]float64 // strings, booleans and values that are not finite are left out
	at          time.Time          // zero when the line has none
}

var errLine = errors.New("not a line of the Influx protocol")

// parseLines calls fn for each line that has a numeric field. Lines that cannot be read are skipped, and reported
// together at the end: one bad line takes no others with it.
func parseLines(body []byte, fn func(line)) error {
	var bad int
	var first error
	for raw := range bytes.Lines(body) {
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || raw[0] == '#' { // the reporter leaves a blank line where a value was NaN
			continue
		}
		l, err := parseLine(string(raw))
		switch {
		case err != nil && first == nil:
			bad, first = 1, err
		case err != nil:
			bad++
		case len(l.fields) > 0:
			fn(l)
		}
	}
	if first != nil {
		return fmt.Errorf("%d lines: the first: %w", bad, first)
	}
	return nil
}

// parseLine reads `measurement,tag=value field=1i,other="text" 1465839830100400200`.
func parseLine(s string) (line, error) {
	l := line{tags: map[string]string{}, fields: map[string]float64{}}
	head, rest := cut(s, ' ', false)
	name, tags := cut(head, ',', false)
	if l.measurement = unescape(name); l.measurement == "" {
		return l, fmt.Errorf("%w: no measurement in %.80q", errLine, s)
	}
	for tags != "" {
		var tag string
		tag, tags = cut(tags, ',', false)
		key, value := cut(tag, '=', false)
		if key == "" || value == "" {
			return l, fmt.Errorf("%w: tag %.80q", errLine, tag)
		}
		l.tags[unescape(key)] = unescape(value)
	}
	fields, stamp := cut(strings.TrimLeft(rest, " "), ' ', true)
	if fields == "" {
		return l, fmt.Errorf("%w: no field in %.80q", errLine, s)
	}
	for fields != "" {
		var field string
		field, fields = cut(fields, ',', true)
		key, value := cut(field, '=', false)
		if key == "" || value == "" {
			return l, fmt.Errorf("%w: field %.80q", errLine, field)
		}
		f, numeric, err := number(value)
		if err != nil {
			return l, err
		}
		if numeric {
			l.fields[unescape(key)] = f
		}
	}
	if stamp = strings.TrimSpace(stamp); stamp != "" {
		n, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return l, fmt.Errorf("%w: time %.80q", errLine, stamp)
		}
		l.at = time.Unix(0, n)
	}
	return l, nil
}

// cut splits s at the first sep that is neither escaped nor, if quotes count, inside a quoted string.
func cut(s string, sep byte, quotes bool) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case quotes && s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

var unescaper = strings.NewReplacer(`\,`, `,`, `\ `, ` `, `\=`, `=`)

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return unescaper.Replace(s)
}

// number reads a field's value; numeric is false for what CloudWatch cannot take.
func number(s string) (f float64, numeric bool, err error) {
	switch s {
	case "t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE":
		return 0, false, nil
	}
	if s[0] == '"' {
		return 0, false, nil
	}
	text := strings.TrimRight(s, "iu")
	if len(s)-len(text) > 1 {
		return 0, false, fmt.Errorf("%w: value %.80q", errLine, s)
	}
	f, err = strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("%w: value %.80q", errLine, s)
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0), nil
}
