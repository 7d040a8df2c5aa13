package alarm

import (
	"fmt"
	"strings"
	"time"
)

// State is that of an alarm.
type State string

// The states.
const (
	OK               State = "OK"
	Alarm            State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// Treatment is what missing points count as.
type Treatment string

// The treatments; "" is Missing.
const (
	Missing      Treatment = "missing"
	Ignore       Treatment = "ignore"
	Breaching    Treatment = "breaching"
	NotBreaching Treatment = "notBreaching"
)

// Condition is what a metric alarm watches for.
type Condition struct {
	Operator   string  // ComparisonOperator
	Threshold  float64 //
	Periods    int     // EvaluationPeriods: N
	ToAlarm    int     // DatapointsToAlarm: M; 0 = not given, as many as Periods
	Period     int64   // seconds
	Missing    Treatment
	Statistic  string  // "" for an expression
	Unit       string  // "" = none given
	Percentile float64 // of an alarm that ignores low sample counts; 0 = it does not
}

// Point is a value of the metric.
type Point struct {
	At      int64   // Unix seconds at which its period begins
	Value   float64 //
	Samples float64 // 0 = unknown
}

// Verdict is the state that an evaluation leads to, and why.
type Verdict struct {
	State  State
	Reason string
	Data   string // StateReasonData
}

// extra is how many points more than it needs an alarm looks at, to make up for missing ones.
const extra = 2

// Range is how many periods an evaluation looks back.
func (c Condition) Range() int { return c.Periods + extra }

// Start is where the range begins that ends at end, Unix seconds.
func (c Condition) Start(end int64) int64 { return end - int64(c.Range())*c.Period }

func (c Condition) needed() int {
	if c.ToAlarm == 0 {
		return c.Periods
	}
	return c.ToAlarm
}

// operators tells for each comparison operator its words, and whether a value breaches a threshold.
var operators = map[string]struct {
	words    string
	breaches func(v, threshold float64) bool
}{
	"GreaterThanThreshold":          {"greater than", func(v, t float64) bool { return v > t }},
	"GreaterThanOrEqualToThreshold": {"greater than or equal to", func(v, t float64) bool { return v >= t }},
	"LessThanThreshold":             {"less than", func(v, t float64) bool { return v < t }},
	"LessThanOrEqualToThreshold":    {"less than or equal to", func(v, t float64) bool { return v <= t }},
}

// Known tells whether a comparison operator is one for a static threshold.
func Known(operator string) bool { return operators[operator].breaches != nil }

// Evaluate decides by the points of the range that ends at end, in order. ok is false when the current state is to stay
// whatever it is.
func Evaluate(c Condition, points []Point, end int64, now time.Time) (v Verdict, ok bool) {
	points = inRange(points, c.Start(end), end)
	if c.lowSamples(points) {
		return v, false
	}
	seen := points
	if len(points) > c.Periods {
		points = points[len(points)-c.Periods:] // the most recent existing ones
	}
	v.State = c.decide(points, end)
	if v.State == "" {
		return v, false
	}
	v.Reason, v.Data = c.reason(v.State, points), c.data(seen, points, now)
	return v, true
}

func inRange(points []Point, start, end int64) (in []Point) {
	for _, p := range points {
		if start <= p.At && p.At < end {
			in = append(in, p)
		}
	}
	return in
}

// decide gives the state for at most Periods existing points; "" = the state stays.
func (c Condition) decide(points []Point, end int64) State {
	bad := len(c.choose(points, true))
	if len(points) >= c.Periods || bad >= c.needed() {
		return c.state(bad)
	}
	absent := c.Periods - len(points)
	switch c.Missing {
	case Breaching:
		return c.state(bad + absent)
	case NotBreaching:
		return c.state(bad)
	}
	switch {
	case bad < len(points):
		return OK // a point within the threshold
	case c.Missing == Ignore:
		return ""
	case len(points) > 0 && (end-points[0].At)/c.Period >= int64(c.needed()):
		return Alarm // the oldest breach is old enough, and all since was breaching or missing
	}
	return InsufficientData
}

func (c Condition) state(bad int) State {
	if bad >= c.needed() {
		return Alarm
	}
	return OK
}

func (c Condition) choose(points []Point, breaching bool) (out []Point) {
	for _, p := range points {
		if operators[c.Operator].breaches(p.Value, c.Threshold) == breaching {
			out = append(out, p)
		}
	}
	return out
}

// lowSamples is "Percentile-based CloudWatch alarms and low data samples".
func (c Condition) lowSamples(points []Point) bool {
	if c.Percentile == 0 || len(points) == 0 {
		return false
	}
	p := c.Percentile / 100
	enough := 10 / p
	if p >= 0.5 {
		enough = 10 / (1 - p)
	}
	for _, x := range points[max(0, len(points)-c.Periods):] {
		if x.Samples < enough {
			return true
		}
	}
	return false
}

// shownPoints is how many points a reason lists.
const shownPoints = 5

// reason tells a state in the words of AWS.
func (c Condition) reason(s State, points []Point) string {
	absent := c.Periods - len(points)
	if s == InsufficientData {
		return fmt.Sprintf("Insufficient Data: %s unknown.", were(absent, "datapoint"))
	}
	if absent > 0 && (c.Missing == Breaching || c.Missing == NotBreaching) {
		as := map[Treatment]string{Breaching: "Breaching", NotBreaching: "NonBreaching"}[c.Missing]
		received := "no datapoints were"
		if len(points) > 0 {
			received = were(len(points), "datapoint")
		}
		return fmt.Sprintf("Threshold Crossed: %s received for %s and %s treated as [%s].", received, plural(c.Periods, "period"), were(absent, "missing datapoint"), as)
	}
	chosen := c.choose(points, s == Alarm)
	crossed := operators[c.Operator].words
	if s != Alarm {
		crossed = "not " + crossed
	}
	count, verb := plural(len(chosen), "datapoint"), "were"
	if len(chosen) == 1 {
		verb = "was"
	}
	minimum := ""
	if c.ToAlarm > 0 {
		count = fmt.Sprintf("%d out of the last %d datapoints", len(chosen), c.Periods)
		if s == Alarm {
			minimum = fmt.Sprintf(" (minimum %s for OK -> ALARM transition)", plural(c.ToAlarm, "datapoint"))
		} else {
			minimum = fmt.Sprintf(" (minimum %s for ALARM -> OK transition)", plural(c.Periods-c.ToAlarm+1, "datapoint"))
		}
	}
	if len(chosen) > shownPoints {
		which := ""
		if s == Alarm {
			which = " which crossed the threshold"
		}
		return fmt.Sprintf("Threshold Crossed: %s %s %s the threshold (%s). The most recent datapoints%s: %s%s.", count, verb, crossed, number(c.Threshold), which, listed(chosen), minimum)
	}
	return fmt.Sprintf("Threshold Crossed: %s %s %s %s the threshold (%s)%s.", count, listed(chosen), verb, crossed, number(c.Threshold), minimum)
}

// listed shows the most recent points, newest first.
func listed(points []Point) string {
	var list []string
	for i := len(points) - 1; i >= 0 && len(list) < shownPoints; i-- {
		list = append(list, fmt.Sprintf("%s (%s)", number(points[i].Value), time.Unix(points[i].At, 0).UTC().Format("02/01/06 15:04:05")))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func were(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " was"
	}
	return plural(n, noun) + " were"
}
