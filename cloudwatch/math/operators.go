package math

import (
	"fmt"
	"math"
)

type operation func(op string, x, y Value) (Value, error)

// operators2 are the operators with two operands.
var operators2 = map[string]operation{
	"+": arithmetic, "-": arithmetic, "*": arithmetic, "/": arithmetic, "^": arithmetic,
	"==": comparison, "!=": comparison, "<": comparison, ">": comparison, "<=": comparison, ">=": comparison,
	"&&": comparison, "||": comparison,
}

var compute = map[string]func(x, y float64) float64{
	"+":  func(x, y float64) float64 { return x + y },
	"-":  func(x, y float64) float64 { return x - y },
	"*":  func(x, y float64) float64 { return x * y },
	"/":  func(x, y float64) float64 { return x / y },
	"^":  math.Pow,
	"==": func(x, y float64) float64 { return truth(x == y) },
	"!=": func(x, y float64) float64 { return truth(x != y) },
	"<":  func(x, y float64) float64 { return truth(x < y) },
	">":  func(x, y float64) float64 { return truth(x > y) },
	"<=": func(x, y float64) float64 { return truth(x <= y) },
	">=": func(x, y float64) float64 { return truth(x >= y) },
	"&&": func(x, y float64) float64 { return truth(x != 0 && y != 0) },
	"||": func(x, y float64) float64 { return truth(x != 0 || y != 0) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func operands(op string, x, y Value) error {
	return fmt.Errorf("unsupported operand type(s) for %s: '[%s, %s]'", op, x.kind(), y.kind())
}

// arithmetic also takes an array beside a scalar or a series, and computes each of its series.
func arithmetic(op string, x, y Value) (Value, error) {
	a, isArray := x.(Array)
	b, both := y.(Array)
	switch {
	case isArray && both:
		return nil, operands(op, x, y)
	case isArray:
		return overArray(a, func(s Series) (Value, error) { return pairwise(op, s, y) })
	case both:
		return overArray(b, func(s Series) (Value, error) { return pairwise(op, x, s) })
	}
	return pairwise(op, x, y)
}

// comparison takes no arrays.
func comparison(op string, x, y Value) (Value, error) { return pairwise(op, x, y) }

func overArray(a Array, f func(Series) (Value, error)) (Value, error) {
	out := make(Array, len(a))
	for i, s := range a {
		v, err := f(s)
		if err != nil {
			return nil, err
		}
		out[i] = v.(Series)
		out[i].Label, out[i].Props = s.Label, s.Props
	}
	return out, nil
}

// pairwise computes scalars and series.
func pairwise(op string, x, y Value) (Value, error) {
	f := compute[op]
	switch x := x.(type) {
	case Scalar:
		switch y := y.(type) {
		case Scalar:
			return Scalar(f(float64(x), float64(y))), nil
		case Series:
			return mapped(y, func(v float64) float64 { return f(float64(x), v) }), nil
		}
	case Series:
		switch y := y.(type) {
		case Scalar:
			return mapped(x, func(v float64) float64 { return f(v, float64(y)) }), nil
		case Series:
			out := joint(x, y)
			for _, t := range times(x, y) {
				a, _ := x.at(t) // what is missing counts as 0
				b, _ := y.at(t)
				out.add(t, f(a, b))
			}
			return out, nil
		}
	}
	return nil, operands(op, x, y)
}

func mapped(s Series, f func(float64) float64) Series {
	out := s.derived()
	for _, p := range s.Points {
		out.add(p.At, f(p.Value))
	}
	return out
}
