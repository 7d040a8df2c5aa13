package math

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

const minute = 60

// start is Wednesday, 2026-04-01 00:00 UTC.
const start = 1775001600

// series reads values of successive minutes; "-" is a missing one.
func series(text string) Series {
	fields := strings.Fields(text)
	s := Series{Span: Span{start, start + int64(len(fields))*minute, minute}, Metric: true}
	for i, f := range fields {
		if v, err := strconv.ParseFloat(f, 64); err == nil {
			s.Points = append(s.Points, Point{start + int64(i)*minute, v})
		}
	}
	return s
}

func (s Series) String() string {
	var b strings.Builder
	end := s.End
	if n := len(s.Points); n > 0 {
		end = max(end, s.Points[n-1].At+minute)
	}
	for t := int64(start); t < end; t += minute {
		if v, ok := s.at(t); ok {
			fmt.Fprintf(&b, " %g", math.Round(v*1000)/1000)
		} else {
			b.WriteString(" -")
		}
	}
	return strings.TrimSpace(b.String())
}

// env holds queries m1, m2, … and the errors of two pages.
type env map[string]string

func (e env) Value(id string) (Value, error) {
	if v, ok := e[id]; ok {
		return series(v), nil
	}
	return nil, fmt.Errorf("unknown id %s", id)
}

func (e env) Metrics(contains string) (Array, error) {
	var a Array
	for i := 1; ; i++ {
		id := "m" + strconv.Itoa(i)
		v, ok := e[id]
		if !ok {
			return a, nil
		}
		if strings.Contains(id, contains) {
			s := series(v)
			s.Label = id
			a = append(a, s)
		}
	}
}

func (e env) Search(query, stat string, period int64) (Array, error) {
	s := series(strconv.Itoa(len(query)) + " " + strconv.FormatInt(period, 10))
	s.Label = stat
	return Array{s}, nil
}

func evaluate(t *testing.T, expression string, e env) (Value, error) {
	t.Helper()
	x, err := Parse(expression)
	if err != nil {
		return nil, err
	}
	return x.Eval(e, Span{start, start + 5*minute, minute})
}

// TestPage has the examples of "Using math expressions with CloudWatch metrics", and what its text promises.
func TestPage(t *testing.T) {
	operators := env{"m1": "30 20 0 0", "m2": "20 - 20 -"}
	branches := env{"m1": "1 1 0 0 -", "m2": "30 - 0 0 30", "m3": "0 0 20 - 20"}
	sparse := env{"m1": "- 2 - - 8 -", "m2": "1 1 1 1 1 1"}
	three := env{"m1": "1 2 3", "m2": "4 - 6", "m3": "10 10 10"}
	for _, c := range []struct {
		env              env
		expression, want string
	}{
		{operators, "(m1 < m2)", "0 0 1 0"},
		{operators, "(m1 >= 30)", "1 0 0 0"},
		{operators, "(m1 > 15 AND m2 > 15)", "1 0 0 0"},
		{operators, "m1 > 15 && m2 > 15 || m1 == 0", "1 0 1 1"},
		{operators, "m1 + m2", "50 20 20 0"},
		{operators, "m2 - m1", "-10 -20 20 0"},
		{operators, "m1 / m2", "1.5 - 0 -"},
		{operators, "-m1 ^ 2 / 100", "-9 -4 0 0"},
		{operators, "2 ^ 3 ^ 2 * m1 / m1", "512 512 - -"},
		{operators, "1 != m1", "1 1 1 1"},
		{branches, "IF(m1, m2, m3)", "30 0 20 - -"},
		{branches, "IF(m1, 5, m3)", "5 5 20 - -"},
		{branches, "IF(m1, m2, 5)", "30 0 5 5 -"},
		{branches, "IF(m1, m2)", "30 0 - - -"},
		{branches, "IF(1, m2, m3)", "30 - 0 0 30"},
		{branches, "IF(0, m2, m3)", "0 0 20 - 20"},
		{branches, "IF(0, m2)", "- - - - -"},
		{branches, "IF(m3 < 10, 1, 0)", "1 1 0 - 0"},
		{sparse, "FILL(m1, 10)", "10 2 10 10 8 10"},
		{sparse, "FILL(m1, m2)", "1 2 1 1 8 1"},
		{sparse, "FILL(m1, MIN(m1))", "2 2 2 2 8 2"},
		{sparse, "FILL(m1, REPEAT)", "- 2 2 2 8 8"},
		{sparse, "FILL(m1, LINEAR)", "- 2 4 6 8 -"},
		{sparse, "DIFF(m1)", "- - - - 6 -"},
		{sparse, "DIFF_TIME(m1)", "- - - - 180 -"},
		{sparse, "RATE(m1) * 180", "- - - - 6 -"},
		{sparse, "RUNNING_SUM(m2)", "1 2 3 4 5 6"},
		{sparse, "m1 - AVG(m1)", "- -3 - - 3 -"},
		{sparse, "m2 * STDDEV(m1)", "3 3 3 3 3 3"},
		{sparse, "SUM(m1) / DATAPOINT_COUNT(m1) * m2", "5 5 5 5 5 5"},
		{sparse, "m1/PERIOD(m1)*60", "- 2 - - 8 -"},
		{sparse, "MINUTE(m1)", "0 1 2 3 4 5"},
		{sparse, "DAY(m1) + 10 * MONTH(m1)", "43 43 43 43 43 43"},
		{sparse, "DATE(m1) + HOUR(m1)", "1 1 1 1 1 1"},
		{sparse, "EPOCH(m1) - 1775001600", "0 60 120 180 240 300"},
		{sparse, "YEAR(m1)", "2026 2026 2026 2026 2026 2026"},
		{sparse, "TIME_SERIES(5*AVG(m1))", "25 25 25 25 25"},
		{sparse, "TIME_SERIES(1/0)", "- - - - -"},
		{sparse, "LOG10(m1 * 0)", "- - - - - -"},
		{sparse, "LOG(m2)", "0 0 0 0 0 0"},
		{three, "SUM(METRICS())", "15 12 19"},
		{three, "AVG([m1, m2])", "2.5 1 4.5"},
		{three, "MIN(METRICS())", "1 2 3"},
		{three, "MAX([m1, m2])", "4 2 6"},
		{three, "DATAPOINT_COUNT(METRICS())", "3 2 3"},
		{three, "STDDEV([m1, m2])", "1.5 0 1.5"},
		{three, "AVG([m1,m2]/m3)", "0.25 0.1 0.45"},
		{three, "SUM(100/[m1, m2])", "125 50 50"},
		{three, `SUM([METRICS("1"), METRICS("3")])`, "11 12 13"},
		{three, "m1 * METRIC_COUNT(METRICS())", "3 6 9"},
		{three, "FIRST(SORT(METRICS(), AVG, DESC))", "10 10 10"},
		{three, "LAST(SORT(METRICS(), SUM, DESC))", "1 2 3"},
		{three, "FIRST(SORT(METRICS(), MAX, ASC, 1))", "1 2 3"},
		{three, "SUM(SLICE(SORT(METRICS(), SUM, ASC), 1))", "14 10 16"},
		{three, "SUM(SLICE(METRICS(), 0, 2))", "5 2 9"},
		{three, "FIRST(SLICE(METRICS(), 7))", ""},
		{three, "CEIL(m1/2) - FLOOR(m1/2)", "1 0 1"},
		{three, "ABS(m1 - 2)", "1 0 1"},
		{three, "METRIC_COUNT(REMOVE_EMPTY([m1, IF(0, m1)])) * m1", "1 2 3"},
		{three, `FIRST(SEARCH('{AWS/X, "A"} b', 'Sum', 300))`, "14 300"},
	} {
		v, err := evaluate(t, c.expression, c.env)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if got := fmt.Sprint(v); got != c.want {
			t.Errorf("%s = %s, want %s", c.expression, got, c.want)
		}
	}
}

func TestArraysKeepTheirLabels(t *testing.T) {
	v, err := evaluate(t, "FILL(METRICS() * 100, 0)", env{"m1": "1 -", "m2": "- 2"})
	a, ok := v.(Array)
	if err != nil || !ok || len(a) != 2 || a[0].Label != "m1" || a[1].Label != "m2" || a[0].String() != "100 0" || a[1].String() != "0 200" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestDroppedPointsAreTold(t *testing.T) {
	v, err := evaluate(t, "1/m1", env{"m1": "0 2"})
	if s, ok := v.(Series); err != nil || !ok || !s.Dropped || s.String() != "- 0.5" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestScalars(t *testing.T) {
	for expression, want := range map[string]float64{"1 + 2 * 3": 7, "(1 + 2) * 3": 9, "-2 ^ 2": -4, "2 ^ -1": 0.5, "1 < 2": 1, "1e3 - .5": 999.5, "SUM(m1) >= 3 OR 0": 1} {
		v, err := evaluate(t, expression, env{"m1": "1 2"})
		if err != nil || v != Scalar(want) {
			t.Errorf("%s = %v, %v", expression, v, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	e := env{"m1": "1 2", "m2": "1 2"}
	for expression, want := range map[string]string{
		"":                                 "ends too early",
		"m1 +":                             "ends too early",
		"m1 m2":                            `unexpected "m2"`,
		"m1 # m2":                          "unexpected character",
		"1.2.3":                            "no number",
		"SUM(m1":                           `")" is missing`,
		"(m1":                              "closing parenthesis",
		`METRICS("a`:                       "does not end",
		"m3":                               "unknown id m3",
		"sum(m1)":                          "unknown function sum",
		"SUM(m1, m2)":                      "SUM takes 1 argument, not 2",
		"SUM(5)":                           "unsupported argument type(s) for SUM: '[Scalar]'",
		"METRICS() / METRICS()":            "unsupported operand type(s) for /: '[Array[Time Series], Array[Time Series]]'",
		"METRICS() > 5":                    "unsupported operand type(s) for >",
		"PERIOD(m1 * 2)":                   "PERIOD takes a metric",
		"FIRST(m1)":                        "unsupported argument type(s) for FIRST",
		"FILL(m1, AVG)":                    "unsupported argument type(s) for FILL",
		"IF(METRICS(), 1, 0)":              "unsupported argument type(s) for IF",
		"SORT(METRICS(), STDDEV, ASC)":     "unknown name STDDEV",
		"SORT(METRICS(), AVG, REPEAT)":     "unsupported argument type(s) for SORT",
		"SORT(METRICS(), AVG, ASC, 0/0)":   "limit of SORT",
		"SORT(METRICS(), AVG, ASC, -1)":    "limit of SORT",
		"SORT(METRICS(), AVG, ASC, m1)":    "unsupported argument type(s) for SORT",
		"[m1, 5]":                          "an array holds time series",
		"ANOMALY_DETECTION_BAND(m1)":       "not supported by this server",
		"'text'":                           "cannot be a String",
		"ASC":                              "cannot be a Keyword",
		"SEARCH('a', 'Sum', 1.5)":          "number of seconds",
		"SLICE(METRICS(), -1)":             "whole numbers",
		strings.Repeat("(", 200) + "m1":    "nests too deeply",
		strings.Repeat("-", 200) + "m1":    "nests too deeply",
		"AND":                              `unexpected "AND"`,
		"1 " + strings.Repeat("^ 1 ", 200): "nests too deeply",
	} {
		v, err := evaluate(t, expression, e)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v, %v; want an error with %q", expression, v, err, want)
		}
	}
}

// TestTooManySeries has arrays of arrays, each a hundred times as long as the one before.
func TestTooManySeries(t *testing.T) {
	of := func(id string) *Expr {
		x, err := Parse("[" + strings.Repeat(id+",", 99) + id + "]")
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	hundred, err := of("m1").Eval(env{"m1": "1"}, Span{})
	if a, ok := hundred.(Array); err != nil || !ok || len(a) != 100 {
		t.Fatalf("%T, %v", hundred, err)
	}
	if v, err := of("a1").Eval(holding{env{}, hundred}, Span{}); err == nil || !strings.Contains(err.Error(), "more than 5000") {
		t.Errorf("%T, %v", v, err)
	}
}

// holding is an Env in which every id names one value.
type holding struct {
	env
	v Value
}

func (h holding) Value(string) (Value, error) { return h.v, nil }

func TestTooManyPeriods(t *testing.T) {
	x, err := Parse("TIME_SERIES(1)")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := x.Eval(env{}, Span{0, 1 << 40, 1}); err == nil {
		t.Errorf("%T", v)
	}
}

func TestNames(t *testing.T) {
	x, err := Parse("m2 / m1 + SUM([m1, e1, FILL(m3, REPEAT)]) + METRICS('m4')")
	if err != nil || fmt.Sprint(x.IDs()) != "[m2 m1 e1 m3]" || !x.Uses("METRICS") || x.Uses("SEARCH") {
		t.Errorf("%v, %v", x, err)
	}
}

// FuzzParse holds that whatever is read can be computed: with a value or an error.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"m1+m2", "SUM(METRICS())", `IF(m1>1 AND m2<=.5,FILL(m1,REPEAT),-m2^2)`, `SORT(SEARCH("{A,B} c",'p99.9',60),AVG,DESC,10)`, "[m1,[m2]]", "1e-5", "SLICE(METRICS(),0,1)", "m1 m2", "'\\''"} {
		f.Add(s)
	}
	e := env{"m1": "1 - 0 4", "m2": "- 2 3 -5"}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2048 {
			return
		}
		x, err := Parse(s)
		if err != nil {
			return
		}
		v, err := x.Eval(e, Span{start, start + 5*minute, minute})
		if err == nil && v == nil {
			t.Errorf("%s has neither value nor error", s)
		}
		if s, ok := v.(Series); ok {
			for _, p := range s.Points {
				if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
					t.Errorf("%v is no number", p)
				}
			}
		}
	})
}
