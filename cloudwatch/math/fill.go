package math

import (
	"cmp"
	"slices"
)

// fill gives the periods without a point one.
func fill(_ *evaluation, args []Value) (Value, error) {
	var filler func(s Series, t int64) (float64, bool)
	switch with := args[1].(type) {
	case Scalar:
		filler = func(Series, int64) (float64, bool) { return float64(with), true }
	case Series:
		filler = func(_ Series, t int64) (float64, bool) { return with.at(t) }
	case keyword:
		filler = map[keyword]func(Series, int64) (float64, bool){"REPEAT": repeated, "LINEAR": interpolated}[with]
	}
	if filler == nil {
		return nil, errTypes
	}
	switch x := args[0].(type) {
	case Series:
		return filled(x, filler)
	case Array:
		return overArray(x, func(s Series) (Value, error) { return filled(s, filler) })
	}
	return nil, errTypes
}

func filled(s Series, filler func(Series, int64) (float64, bool)) (Value, error) {
	if err := s.Span.check(); err != nil {
		return nil, err
	}
	out := s.derived()
	for _, t := range times(s, Series{Points: pointsAt(s.grid())}) {
		v, ok := s.at(t)
		if !ok {
			v, ok = filler(s, t)
		}
		if ok {
			out.add(t, v)
		}
	}
	return out, nil
}

func pointsAt(times []int64) []Point {
	out := make([]Point, len(times))
	for i, t := range times {
		out[i].At = t
	}
	return out
}

// around gives the points before and after a time that has none.
func (s Series) around(t int64) (before, after *Point) {
	i, _ := slices.BinarySearchFunc(s.Points, t, func(p Point, t int64) int { return cmp.Compare(p.At, t) })
	if i > 0 {
		before = &s.Points[i-1]
	}
	if i < len(s.Points) {
		after = &s.Points[i]
	}
	return before, after
}

// repeated is the last value before a gap. Before the first value there is none.
func repeated(s Series, t int64) (float64, bool) {
	before, _ := s.around(t)
	if before == nil {
		return 0, false
	}
	return before.Value, true
}

// interpolated lies on the line from the beginning to the end of a gap.
func interpolated(s Series, t int64) (float64, bool) {
	before, after := s.around(t)
	if before == nil || after == nil {
		return 0, false
	}
	return before.Value + (after.Value-before.Value)*float64(t-before.At)/float64(after.At-before.At), true
}

// conditional is IF of "Using IF expressions": with a series as condition it decides point by point.
func conditional(_ *evaluation, args []Value) (Value, error) {
	var otherwise Value = Series{} // nothing: what is false is dropped
	if len(args) == 3 {
		otherwise = args[2]
	}
	switch condition := args[0].(type) {
	case Scalar:
		yes, ok1 := args[1].(Series)
		no, ok2 := otherwise.(Series)
		if !ok1 || !ok2 {
			return nil, errTypes
		}
		if condition != 0 {
			return yes.derivedCopy(), nil
		}
		no.Span = yes.Span
		return no.derivedCopy(), nil
	case Series:
		return choose(condition, args[1], otherwise)
	}
	return nil, errTypes
}

func (s Series) derivedCopy() Series {
	points := s.Points
	s = s.derived()
	s.Points = points
	return s
}

// choose takes 0 where the value of what is true is missing, and drops where that of what is false is.
func choose(condition Series, yes, no Value) (Value, error) {
	get := func(v Value, t int64) (float64, bool) {
		if s, ok := v.(Series); ok {
			return s.at(t)
		}
		return float64(v.(Scalar)), true
	}
	for _, v := range []Value{yes, no} {
		switch v.(type) {
		case Series, Scalar:
		default:
			return nil, errTypes
		}
	}
	out := Series{Span: condition.Span, Dropped: condition.Dropped}
	for _, p := range condition.Points {
		if p.Value != 0 {
			v, _ := get(yes, p.At)
			out.add(p.At, v)
		} else if v, ok := get(no, p.At); ok {
			out.add(p.At, v)
		}
	}
	return out, nil
}
