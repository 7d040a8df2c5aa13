package cloudwatch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"drey/cloudwatch/math"
	model "drey/model/cloudwatch"
)

var (
	invalid = model.ValidationException
	queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
)

// query is a MetricDataQuery that was checked: a metric with its statistic, or an expression.
type query struct {
	*model.MetricDataQuery
	stat  stat
	expr  *math.Expr
	label []labelPart // nil = the default
}

// hidden tells whether only other queries want the result.
func (q query) hidden() bool { return q.ReturnData != nil && !*q.ReturnData }

func checkRange(in *model.GetMetricDataInput) error {
	if !in.StartTime.Before(*in.EndTime) {
		return invalid.Errorf("The parameter StartTime must be less than the parameter EndTime.")
	}
	if n := len(in.MetricDataQueries); n == 0 || n > maxQueries {
		return invalid.Errorf("The collection MetricDataQueries must have a size between 1 and %d.", maxQueries)
	}
	if n := in.MaxDatapoints; n != nil && (*n < 1 || *n > maxPageDatapoints) {
		return invalid.Errorf("The value %d for parameter MaxDatapoints must be between 1 and %d.", *n, maxPageDatapoints)
	}
	return nil
}

// checkQueries refuses what this server cannot answer truly, and what AWS refuses. Expressions are tried on no data at all,
// which finds unknown ids, cycles and wrong types.
func checkQueries(list string, in []model.MetricDataQuery, account string) ([]query, error) {
	seen := map[string]bool{}
	queries := make([]query, len(in))
	for i := range in {
		q, name := &in[i], fmt.Sprintf("%s.member.%d", list, i+1)
		if !queryID.MatchString(*q.Id) {
			return nil, invalid.Errorf("The value %s for parameter %s.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", *q.Id, name)
		}
		if seen[*q.Id] {
			return nil, invalid.Errorf("The values for parameter id in %s are not unique.", list)
		}
		seen[*q.Id] = true
		if q.AccountId != nil && *q.AccountId != account {
			return nil, invalid.Errorf("The value %s for parameter %s.AccountId is not supported: this server has no cross-account observability.", *q.AccountId, name)
		}
		var err error
		if queries[i], err = checkQuery(name, q); err != nil {
			return nil, err
		}
	}
	return queries, tryQueries(queries)
}

// tryQueries computes all expressions without data.
func tryQueries(queries []query) error {
	d := newDataset(queries)
	d.dry = true
	for _, q := range queries {
		if q.expr == nil {
			continue
		}
		v, err := d.Value(*q.Id)
		if _, scalar := v.(math.Scalar); err == nil && scalar && !q.hidden() {
			err = errors.New("the result must be a time series or an array of time series, not a Scalar")
		}
		if err != nil {
			return expressionError(q, err)
		}
	}
	return nil
}

func checkQuery(name string, q *model.MetricDataQuery) (query, error) {
	const exclusive = "The parameters %s.%s and %s.MetricStat are mutually exclusive and you have specified both."
	out := query{MetricDataQuery: q}
	var err error
	if out.label, err = parseLabel(name, q.Label); err != nil {
		return out, err
	}
	switch m := q.MetricStat; {
	case m != nil && q.Expression != nil:
		return out, invalid.Errorf(exclusive, name, "Expression", name)
	case q.Expression != nil:
		out.expr, err = checkExpression(name, q)
	case m == nil:
		return out, invalid.Errorf("At least one of the parameters %s.Expression and %s.MetricStat must be specified.", name, name)
	case q.Period != nil:
		return out, invalid.Errorf(exclusive, name, "Period", name)
	default:
		out.stat, err = checkMetricStat(name+".MetricStat", m)
	}
	return out, err
}

func checkExpression(name string, q *model.MetricDataQuery) (*math.Expr, error) {
	if f := strings.Fields(*q.Expression); len(f) > 0 && strings.EqualFold(f[0], "SELECT") {
		return nil, invalid.Errorf("The expression of %s is a Metrics Insights query; this server does not support them. Use SEARCH.", name)
	}
	if q.Period != nil && !validPeriod(*q.Period) {
		return nil, invalid.Errorf("The parameter %s.Period must be 1, 5, 10, 20, 30, or a multiple of 60.", name)
	}
	x, err := math.Parse(*q.Expression)
	if err != nil {
		return nil, invalid.Errorf("Error in expression '%s': %s", *q.Id, err)
	}
	return x, nil
}

func checkMetricStat(name string, m *model.MetricStat) (stat, error) {
	switch {
	case m.Metric.Namespace == nil:
		return nil, invalid.Errorf("The parameter %s.Metric.Namespace is required.", name)
	case m.Metric.MetricName == nil:
		return nil, invalid.Errorf("The parameter %s.Metric.MetricName is required.", name)
	case !validPeriod(*m.Period):
		return nil, invalid.Errorf("The parameter %s.Period must be 1, 5, 10, 20, 30, or a multiple of 60.", name)
	}
	f, ok := namedStat(*m.Stat)
	if !ok {
		return nil, invalid.Errorf("The value %s for parameter %s.Stat is not a valid statistic.", *m.Stat, name)
	}
	return f, nil
}

// timezone parses LabelOptions: a sign, two digits of hours and two of minutes.
func timezone(o *model.LabelOptions) (*time.Location, error) {
	if o == nil || o.Timezone == nil {
		return time.UTC, nil
	}
	t, err := time.Parse("-0700", *o.Timezone)
	if err != nil || len(*o.Timezone) != len("+0130") {
		return nil, invalid.Errorf("The value %s for parameter LabelOptions.Timezone is not matching the expected pattern [+-]hhmm.", *o.Timezone)
	}
	return t.Location(), nil
}
