package math

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

type function struct {
	min, max int
	call     func(ev *evaluation, args []Value) (Value, error)
}

// errTypes stands for arguments that a function does not take.
var errTypes = errors.New("unsupported argument types")

// functions are those of the table "Functions supported for metric math".
var functions = map[string]function{
	"ABS": perPoint(math.Abs), "CEIL": perPoint(math.Ceil), "FLOOR": perPoint(math.Floor), "LOG": perPoint(math.Log), "LOG10": perPoint(math.Log10),
	"AVG": aggregate(avg, true), "MAX": aggregate(maximum, false), "MIN": aggregate(minimum, false), "SUM": aggregate(sum, false),
	"STDDEV": aggregate(stddev, false), "DATAPOINT_COUNT": aggregate(datapoints, false),
	"DIFF": perSeries(diff), "DIFF_TIME": perSeries(diffTime), "RATE": perSeries(rate), "RUNNING_SUM": perSeries(runningSum),
	"MINUTE": calendar(time.Time.Minute), "HOUR": calendar(time.Time.Hour), "DAY": calendar(weekday), "DATE": calendar(time.Time.Day),
	"MONTH": calendar(func(t time.Time) int { return int(t.Month()) }), "YEAR": calendar(time.Time.Year),
	"EPOCH":        calendar(func(t time.Time) int { return int(t.Unix()) }),
	"FILL":         {2, 2, fill},
	"FIRST":        {1, 1, func(_ *evaluation, a []Value) (Value, error) { return pick(a[0], 0) }},
	"LAST":         {1, 1, func(_ *evaluation, a []Value) (Value, error) { return pick(a[0], -1) }},
	"IF":           {2, 3, conditional},
	"METRIC_COUNT": {1, 1, metricCount},
	"METRICS":      {0, 1, metrics},
	"PERIOD":       {1, 1, period},
	"REMOVE_EMPTY": {1, 1, removeEmpty},
	"SEARCH":       {2, 3, search},
	"SLICE":        {2, 3, slice},
	"SORT":         {3, 4, sorted},
	"TIME_SERIES":  {1, 1, timeSeries},
}

func perPoint(f func(float64) float64) function {
	return perSeries(func(s Series) Series { return mapped(s, f) })
}

// perSeries applies f to a series, or to each of an array.
func perSeries(f func(Series) Series) function {
	return function{1, 1, func(_ *evaluation, args []Value) (Value, error) {
		switch x := args[0].(type) {
		case Series:
			return f(x), nil
		case Array:
			out := make(Array, len(x))
			for i := range x {
				out[i] = f(x[i])
			}
			return out, nil
		}
		return nil, errTypes
	}}
}

// aggregate makes a scalar of a series, and of an array a series whose points aggregate those of one time.
func aggregate(f func([]float64) float64, missingIsZero bool) function {
	return function{1, 1, func(_ *evaluation, args []Value) (Value, error) {
		switch x := args[0].(type) {
		case Series:
			return Scalar(f(values(x))), nil
		case Array:
			if len(x) == 0 {
				return Series{}, nil
			}
			out := joint(x...)
			for _, t := range times(x...) {
				var at []float64
				for _, s := range x {
					if v, ok := s.at(t); ok || missingIsZero {
						at = append(at, v)
					}
				}
				out.add(t, f(at))
			}
			return out, nil
		}
		return nil, errTypes
	}}
}

func values(s Series) []float64 {
	out := make([]float64, len(s.Points))
	for i, p := range s.Points {
		out[i] = p.Value
	}
	return out
}

func datapoints(v []float64) float64 { return float64(len(v)) }
func avg(v []float64) float64        { return sum(v) / float64(len(v)) }

func sum(v []float64) (total float64) {
	for _, x := range v {
		total += x
	}
	return total
}

func maximum(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return slices.Max(v)
}

func minimum(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return slices.Min(v)
}

func stddev(v []float64) float64 {
	mean, squares := avg(v), 0.0
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares / float64(len(v)))
}

// steps computes each point of the one before it and itself.
func steps(s Series, f func(before, p Point) float64) Series {
	out := s.derived()
	for i := 1; i < len(s.Points); i++ {
		out.add(s.Points[i].At, f(s.Points[i-1], s.Points[i]))
	}
	return out
}

func diff(s Series) Series {
	return steps(s, func(a, b Point) float64 { return b.Value - a.Value })
}

func diffTime(s Series) Series {
	return steps(s, func(a, b Point) float64 { return float64(b.At - a.At) })
}

func rate(s Series) Series {
	return steps(s, func(a, b Point) float64 { return (b.Value - a.Value) / float64(b.At-a.At) })
}

func runningSum(s Series) Series {
	total := 0.0
	return mapped(s, func(v float64) float64 { total += v; return total })
}

// calendar gives every period of a series a value of its time, in UTC.
func calendar(f func(time.Time) int) function {
	return function{1, 1, func(_ *evaluation, args []Value) (Value, error) {
		s, ok := args[0].(Series)
		if !ok {
			return nil, errTypes
		}
		return everywhere(s, func(t int64) float64 { return float64(f(time.Unix(t, 0).UTC())) })
	}}
}

// weekday counts from Monday, 1, to Sunday, 7.
func weekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

func everywhere(s Series, f func(int64) float64) (Value, error) {
	if err := s.Span.check(); err != nil {
		return nil, err
	}
	out := s.derived()
	for _, t := range s.grid() {
		out.add(t, f(t))
	}
	return out, nil
}

func (s Span) check() error {
	if s.Period > 0 && (s.End-s.Start)/s.Period > MaxPeriods {
		return fmt.Errorf("the time range has more than %d periods", MaxPeriods)
	}
	return nil
}

func pick(v Value, i int) (Value, error) {
	a, ok := v.(Array)
	switch {
	case !ok:
		return nil, errTypes
	case len(a) == 0:
		return Series{}, nil
	case i < 0:
		i = len(a) - 1
	}
	return a[i], nil
}

func metricCount(_ *evaluation, args []Value) (Value, error) {
	a, ok := args[0].(Array)
	if !ok {
		return nil, errTypes
	}
	return Scalar(len(a)), nil
}

func metrics(ev *evaluation, args []Value) (Value, error) {
	if len(args) == 0 {
		return ev.env.Metrics("")
	}
	contains, ok := args[0].(textValue)
	if !ok {
		return nil, errTypes
	}
	return ev.env.Metrics(string(contains))
}

// period takes metrics alone.
func period(_ *evaluation, args []Value) (Value, error) {
	s, ok := args[0].(Series)
	if !ok || !s.Metric {
		return nil, errors.New("PERIOD takes a metric, not the result of an expression")
	}
	return Scalar(s.Period), nil
}

func removeEmpty(_ *evaluation, args []Value) (Value, error) {
	a, ok := args[0].(Array)
	if !ok {
		return nil, errTypes
	}
	return slices.DeleteFunc(slices.Clone(a), func(s Series) bool { return len(s.Points) == 0 }), nil
}

func search(ev *evaluation, args []Value) (Value, error) {
	query, ok1 := args[0].(textValue)
	stat, ok2 := args[1].(textValue)
	if !ok1 || !ok2 {
		return nil, errTypes
	}
	period := Scalar(0)
	if len(args) == 3 {
		p, ok := args[2].(Scalar)
		if !ok || p < 1 || p != Scalar(math.Trunc(float64(p))) || p > math.MaxInt32 {
			return nil, errors.New("the period of SEARCH must be a number of seconds")
		}
		period = p
	}
	return ev.env.Search(string(query), string(stat), int64(period))
}

// slice counts from 0; the end is exclusive.
func slice(_ *evaluation, args []Value) (Value, error) {
	a, ok := args[0].(Array)
	if !ok {
		return nil, errTypes
	}
	bounds := []int{0, len(a)}
	for i, arg := range args[1:] {
		s, ok := arg.(Scalar)
		if !ok || s < 0 || s != Scalar(math.Trunc(float64(s))) {
			return nil, errors.New("the bounds of SLICE must be whole numbers from 0 on")
		}
		bounds[i] = int(min(s, Scalar(len(a))))
	}
	return a[bounds[0]:max(bounds[0], bounds[1])], nil
}

var sortFunctions = map[keyword]func([]float64) float64{"AVG": avg, "MIN": minimum, "MAX": maximum, "SUM": sum}

// sorted puts series without points last.
func sorted(_ *evaluation, args []Value) (Value, error) {
	a, ok1 := args[0].(Array)
	by, ok2 := args[1].(keyword)
	order, ok3 := args[2].(keyword)
	f := sortFunctions[by]
	if !ok1 || !ok2 || !ok3 || f == nil || order != "ASC" && order != "DESC" {
		return nil, errTypes
	}
	a = slices.Clone(a)
	slices.SortStableFunc(a, func(x, y Series) int {
		if len(x.Points) == 0 || len(y.Points) == 0 {
			return cmp.Compare(min(len(y.Points), 1), min(len(x.Points), 1))
		}
		c := cmp.Compare(f(values(x)), f(values(y)))
		if order == "DESC" {
			return -c
		}
		return c
	})
	if len(args) == 3 {
		return a, nil
	}
	limit, ok := args[3].(Scalar)
	if !ok {
		return nil, errTypes
	}
	if !(limit >= 0) { // NaN, too
		return nil, errors.New("the limit of SORT must be a number from 0 on")
	}
	return a[:int(min(limit, Scalar(len(a))))], nil
}

func timeSeries(ev *evaluation, args []Value) (Value, error) {
	v, ok := args[0].(Scalar)
	if !ok {
		return nil, errTypes
	}
	if ev.span.Period == 0 {
		return nil, errors.New("TIME_SERIES needs a period: give the expression one, or let it name a metric")
	}
	return everywhere(Series{Span: ev.span}, func(int64) float64 { return float64(v) })
}
