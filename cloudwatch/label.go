package cloudwatch

import (
	stdmath "math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"drey/cloudwatch/math"
)

// labelPart is a piece of a label: text, or what a dynamic value shows.
type labelPart struct {
	text string
	show func(labelled) string // nil = text
}

// labelled is what dynamic values are made of.
type labelled struct {
	math.Series
	now  time.Time
	zone *time.Location
}

// noValue is shown where a series has no points.
const noValue = "--"

// maxDynamic is how many statistical values a label may have ("Using dynamic labels").
const maxDynamic = 5

var dynamicValue = regexp.MustCompile(`\$\{([^}]*)\}`)

var propName = regexp.MustCompile(`^PROP\('([^']+)'\)$`)

// parseLabel refuses dynamic values that nobody knows: they would be shown as they are.
func parseLabel(name string, label *string) ([]labelPart, error) {
	if label == nil {
		return nil, nil
	}
	parts, rest, statistical, defaults := []labelPart{}, *label, 0, 0
	for {
		m := dynamicValue.FindStringSubmatchIndex(rest)
		if m == nil {
			return append(parts, labelPart{text: rest}), nil
		}
		value := rest[m[2]:m[3]]
		show := dynamicValues[value]
		if p := propName.FindStringSubmatch(value); p != nil {
			show = func(l labelled) string { return l.Props[p[1]] }
		} else if value == "LABEL" {
			defaults++
		} else {
			statistical++
		}
		switch {
		case show == nil:
			return nil, invalid.Errorf("The dynamic value ${%s} in parameter %s.Label is not known.", value, name)
		case statistical > maxDynamic:
			return nil, invalid.Errorf("The parameter %s.Label has more than %d dynamic values.", name, maxDynamic)
		case defaults > 1:
			return nil, invalid.Errorf("The parameter %s.Label uses ${LABEL} more than once.", name)
		}
		parts = append(parts, labelPart{text: rest[:m[0]]}, labelPart{show: show})
		rest = rest[m[1]:]
	}
}

// labelled is the label of a result. Each series of an array keeps its own label behind that of the expression, unless
// that has dynamic values.
func (q query) labelled(s math.Series, array bool, now time.Time, zone *time.Location) string {
	if q.label == nil {
		return s.Label
	}
	var b strings.Builder
	dynamic := false
	for _, p := range q.label {
		if p.show == nil {
			b.WriteString(p.text)
			continue
		}
		dynamic = true
		b.WriteString(p.show(labelled{s, now, zone}))
	}
	if array && !dynamic {
		return strings.TrimSpace(b.String() + " " + s.Label)
	}
	return b.String()
}

var dynamicValues = map[string]func(labelled) string{
	"LABEL":           func(l labelled) string { return l.Label },
	"DATAPOINT_COUNT": func(l labelled) string { return strconv.Itoa(len(l.Points)) },
	"AVG":             ofPoints(func(l labelled) string { return shown(l.sum() / float64(len(l.Points))) }),
	"SUM":             ofPoints(func(l labelled) string { return shown(l.sum()) }),
	"FIRST":           ofPoints(func(l labelled) string { return shown(l.first().Value) }),
	"LAST":            ofPoints(func(l labelled) string { return shown(l.last().Value) }),
	"MIN":             ofPoints(func(l labelled) string { return shown(l.lowest().Value) }),
	"MAX":             ofPoints(func(l labelled) string { return shown(l.highest().Value) }),

	"FIRST_LAST_RANGE": ofPoints(func(l labelled) string { return shown(l.last().Value - l.first().Value) }),
	"MIN_MAX_RANGE":    ofPoints(func(l labelled) string { return shown(l.highest().Value - l.lowest().Value) }),

	"FIRST_TIME": ofPoints(func(l labelled) string { return l.time(l.first()) }),
	"LAST_TIME":  ofPoints(func(l labelled) string { return l.time(l.last()) }),
	"MIN_TIME":   ofPoints(func(l labelled) string { return l.time(l.lowest()) }),
	"MAX_TIME":   ofPoints(func(l labelled) string { return l.time(l.highest()) }),

	"FIRST_TIME_RELATIVE": ofPoints(func(l labelled) string { return between(l.first().At, l.now.Unix()) }),
	"LAST_TIME_RELATIVE":  ofPoints(func(l labelled) string { return between(l.last().At, l.now.Unix()) }),
	"MIN_TIME_RELATIVE":   ofPoints(func(l labelled) string { return between(l.lowest().At, l.now.Unix()) }),
	"MAX_TIME_RELATIVE":   ofPoints(func(l labelled) string { return between(l.highest().At, l.now.Unix()) }),

	"FIRST_LAST_TIME_RANGE": ofPoints(func(l labelled) string { return between(l.first().At, l.last().At) }),
	"MIN_MAX_TIME_RANGE":    ofPoints(func(l labelled) string { return between(l.lowest().At, l.highest().At) }),
}

func ofPoints(f func(labelled) string) func(labelled) string {
	return func(l labelled) string {
		if len(l.Points) == 0 {
			return noValue
		}
		return f(l)
	}
}

func (l labelled) first() math.Point { return l.Points[0] }
func (l labelled) last() math.Point  { return l.Points[len(l.Points)-1] }

func (l labelled) sum() (total float64) {
	for _, p := range l.Points {
		total += p.Value
	}
	return total
}

func (l labelled) lowest() math.Point  { return l.extreme(func(a, b float64) bool { return a < b }) }
func (l labelled) highest() math.Point { return l.extreme(func(a, b float64) bool { return a > b }) }

func (l labelled) extreme(better func(a, b float64) bool) math.Point {
	best := l.Points[0]
	for _, p := range l.Points {
		if better(p.Value, best.Value) {
			best = p
		}
	}
	return best
}

func (l labelled) time(p math.Point) string {
	return time.Unix(p.At, 0).In(l.zone).Format("2006-01-02 15:04:05 MST")
}

// shown is a value with at most three decimals, as far as they are not noise.
func shown(v float64) string {
	return strconv.FormatFloat(stdmath.Round(v*1000)/1000, 'f', -1, 64)
}

func between(a, b int64) string {
	d := time.Duration(max(a-b, b-a)) * time.Second
	return d.String()
}
