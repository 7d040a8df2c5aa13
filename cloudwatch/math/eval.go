package math

import (
	"fmt"
	"strings"
)

// Env is what an expression is computed in.
type Env interface {
	// Value gives the result of the query with an id.
	Value(id string) (Value, error)
	// Metrics gives the metrics of the request in their order, those whose id contains the text.
	Metrics(contains string) (Array, error)
	// Search gives the metrics that match; period 0 = that of the expression.
	Search(query, stat string, period int64) (Array, error)
}

// maxSeries bounds an array: those of arrays of arrays would grow without end.
const maxSeries = 5000

// MaxPeriods bounds how many periods a span may have in which every one gets a value.
const MaxPeriods = 100800

type evaluation struct {
	env  Env
	span Span // of series that are made from scalars
}

// Eval computes the expression. span is that of series which come from no metric.
func (e *Expr) Eval(env Env, span Span) (Value, error) {
	ev := &evaluation{env, span}
	v, err := ev.value(e.root)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case textValue, keyword:
		return nil, fmt.Errorf("the result of an expression cannot be a %s", v.kind())
	}
	return v, nil
}

func (ev *evaluation) value(n node) (Value, error) {
	switch n := n.(type) {
	case literal:
		return Scalar(n), nil
	case quoted:
		return textValue(n), nil
	case name:
		if isID(string(n)) {
			return ev.env.Value(string(n))
		}
		if !keywords[string(n)] {
			return nil, fmt.Errorf("unknown name %s: ids begin with a lowercase letter", string(n))
		}
		return keyword(n), nil
	case list:
		return ev.list(n)
	case call:
		return ev.call(n)
	case negate:
		x, err := ev.value(n.x)
		if err != nil {
			return nil, err
		}
		return arithmetic("-", Scalar(0), x)
	case binary:
		x, err := ev.value(n.x)
		if err != nil {
			return nil, err
		}
		y, err := ev.value(n.y)
		if err != nil {
			return nil, err
		}
		return operators2[n.op](n.op, x, y)
	}
	panic(fmt.Sprintf("unknown node %T", n))
}

var keywords = map[string]bool{
	"AVG": true, "MIN": true, "MAX": true, "SUM": true, "ASC": true, "DESC": true, "REPEAT": true, "LINEAR": true,
}

func (ev *evaluation) list(n list) (Value, error) {
	out := Array{}
	for _, item := range n {
		v, err := ev.value(item)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case Series:
			out = append(out, v)
		case Array:
			out = append(out, v...)
		default:
			return nil, fmt.Errorf("an array holds time series, not a %s", v.kind())
		}
		if len(out) > maxSeries {
			return nil, fmt.Errorf("an array has more than %d time series", maxSeries)
		}
	}
	return out, nil
}

func (ev *evaluation) call(n call) (Value, error) {
	f, ok := functions[n.function]
	if !ok {
		if reason, known := unsupported[n.function]; known {
			return nil, fmt.Errorf("the function %s is not supported by this server: %s", n.function, reason)
		}
		return nil, fmt.Errorf("unknown function %s", n.function)
	}
	if len(n.args) < f.min || len(n.args) > f.max {
		return nil, fmt.Errorf("%s takes %s, not %d", n.function, count(f.min, f.max), len(n.args))
	}
	args := make([]Value, len(n.args))
	for i, a := range n.args {
		var err error
		if args[i], err = ev.value(a); err != nil {
			return nil, err
		}
	}
	v, err := f.call(ev, args)
	if err == errTypes {
		kinds := make([]string, len(args))
		for i, a := range args {
			kinds[i] = a.kind()
		}
		return nil, fmt.Errorf("unsupported argument type(s) for %s: '[%s]'", n.function, strings.Join(kinds, ", "))
	}
	return v, err
}

func count(low, high int) string {
	switch {
	case low == high && low == 1:
		return "1 argument"
	case low == high:
		return fmt.Sprintf("%d arguments", low)
	default:
		return fmt.Sprintf("%d to %d arguments", low, high)
	}
}

// unsupported are functions of AWS that need what only AWS has.
var unsupported = map[string]string{
	"ANOMALY_DETECTION_BAND": "it has no anomaly detection models",
	"INSIGHT_RULE_METRIC":    "it has no Contributor Insights rules",
	"SERVICE_QUOTA":          "it has no service quotas",
	"DB_PERF_INSIGHTS":       "it has no Performance Insights",
	"LAMBDA":                 "it has no data source connectors",
}
