package math

import (
	"cmp"
	"math"
	"slices"
)

// Point is a value of a series.
type Point struct {
	At    int64 // Unix seconds
	Value float64
}

// Span is the time that a series covers, cut into periods.
type Span struct {
	Start, End int64 // Unix seconds; End is exclusive
	Period     int64 // seconds
}

// Series is a time series.
type Series struct {
	Span
	Label   string            // of the metric that it comes from
	Props   map[string]string // what a dynamic label's PROP knows of that metric
	Metric  bool              // it is a metric itself, and no result
	Points  []Point           // ascending
	Dropped bool              // points that were no numbers are missing
}

// Value is a Scalar, a Series, an Array, or inside of an expression a text or keyword.
type Value interface{ kind() string }

// Scalar is a number; NaN when nothing is known.
type Scalar float64

// Array is an array of time series.
type Array []Series

type textValue string
type keyword string

func (Scalar) kind() string    { return "Scalar" }
func (Series) kind() string    { return "Time Series" }
func (Array) kind() string     { return "Array[Time Series]" }
func (textValue) kind() string { return "String" }
func (keyword) kind() string   { return "Keyword" }

// add appends a point that is a number.
func (s *Series) add(at int64, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		s.Dropped = true
		return
	}
	s.Points = append(s.Points, Point{at, v})
}

// derived is a series of the same origin without points.
func (s Series) derived() Series {
	s.Points, s.Metric = nil, false
	return s
}

// at finds the value of a time.
func (s Series) at(t int64) (float64, bool) {
	i, ok := slices.BinarySearchFunc(s.Points, t, func(p Point, t int64) int { return cmp.Compare(p.At, t) })
	if !ok {
		return 0, false
	}
	return s.Points[i].Value, true
}

// times are the times at which one of the series has a point.
func times(series ...Series) []int64 {
	var all []int64
	for _, s := range series {
		for _, p := range s.Points {
			all = append(all, p.At)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// joint is the span of a result of several series.
func joint(series ...Series) Series {
	var out Series
	for _, s := range series {
		out.Dropped = out.Dropped || s.Dropped
		switch {
		case s.Period == 0: // nothing that came from a metric
		case out.Period == 0:
			out.Span = s.Span
		default:
			out.Start, out.End, out.Period = min(out.Start, s.Start), max(out.End, s.End), min(out.Period, s.Period)
		}
	}
	return out
}

// grid are the beginnings of all periods.
func (s Span) grid() []int64 {
	if s.Period <= 0 {
		return nil
	}
	var all []int64
	for t := s.Start; t < s.End; t += s.Period {
		all = append(all, t)
	}
	return all
}
