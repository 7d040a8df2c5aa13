package cloudwatch

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	model "drey/model/cloudwatch"
	"drey/wire"
)

// Limits of GetMetricData.
const (
	maxQueries        = 500
	maxPageDatapoints = 100800
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// query is a MetricDataQuery that was checked.
type query struct {
	*model.MetricDataQuery
	stat stat
}

// position is where a page begins.
type position struct{ query, point int }

// GetMetricData answers queries of single metrics in their order. Metric math is refused.
func (s *Service) GetMetricData(ctx context.Context, in *model.GetMetricDataInput) (*model.GetMetricDataOutput, error) {
	queries, err := checkQueries(in)
	if err != nil {
		return nil, err
	}
	at, err := decodePosition(in.NextToken)
	if err != nil {
		return nil, err
	}
	room := maxPageDatapoints
	if in.MaxDatapoints != nil {
		room = int(*in.MaxDatapoints)
	}
	out := &model.GetMetricDataOutput{MetricDataResults: []model.MetricDataResult{}}
	for i := at.query; i < len(queries); i++ {
		if q := queries[i]; q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		from := 0
		if i == at.query {
			from = at.point
		}
		if room == 0 {
			out.NextToken = position{i, from}.encode()
			return out, nil
		}
		result, more, err := s.query(ctx, in, queries[i], from, room)
		if err != nil {
			return nil, err
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
		room -= len(result.Values)
		if more {
			out.NextToken = position{i, from + len(result.Values)}.encode()
			return out, nil
		}
	}
	return out, nil
}

// query answers up to room values of one query, from the given one on; more = there are further ones.
func (s *Service) query(ctx context.Context, in *model.GetMetricDataInput, q query, from, room int) (model.MetricDataResult, bool, error) {
	r := wire.FromContext(ctx)
	m := q.MetricStat.Metric
	result := model.MetricDataResult{
		Id: q.Id, Label: m.MetricName, StatusCode: model.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{},
	}
	if q.Label != nil {
		result.Label = q.Label
	}
	w := newWindow(*in.StartTime, *in.EndTime, s.now(), int64(*q.MetricStat.Period))
	id := newSeries(r.Account, r.Region, *m.Namespace, *m.MetricName, dimensionsOf(m.Dimensions)).id()
	points, err := s.read(ctx, id, w, string(q.MetricStat.Unit))
	if err != nil {
		return result, false, err
	}
	if in.ScanBy != model.ScanByTimestampAscending {
		slices.Reverse(points)
	}
	known := 0
	for _, p := range points {
		v, ok := q.stat(p.bucket)
		if !ok {
			continue
		}
		if known++; known <= from {
			continue
		}
		if len(result.Values) == room {
			result.StatusCode = model.StatusCodePartialData
			return result, true, nil
		}
		result.Timestamps = append(result.Timestamps, time.Unix(p.at, 0).UTC())
		result.Values = append(result.Values, v)
	}
	return result, false, nil
}

var invalid = model.ValidationException

// checkQueries refuses what this server cannot answer truly, and what AWS refuses.
func checkQueries(in *model.GetMetricDataInput) ([]query, error) {
	if !in.StartTime.Before(*in.EndTime) {
		return nil, invalid.Errorf("The parameter StartTime must be less than the parameter EndTime.")
	}
	if n := len(in.MetricDataQueries); n == 0 || n > maxQueries {
		return nil, invalid.Errorf("The collection MetricDataQueries must have a size between 1 and %d.", maxQueries)
	}
	if n := in.MaxDatapoints; n != nil && (*n < 1 || *n > maxPageDatapoints) {
		return nil, invalid.Errorf("The value %d for parameter MaxDatapoints must be between 1 and %d.", *n, maxPageDatapoints)
	}
	seen := map[string]bool{}
	queries := make([]query, len(in.MetricDataQueries))
	for i := range in.MetricDataQueries {
		q := &in.MetricDataQueries[i]
		if !queryID.MatchString(*q.Id) {
			return nil, invalid.Errorf("The value %s for parameter MetricDataQueries.member.%d.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", *q.Id, i+1)
		}
		if seen[*q.Id] {
			return nil, invalid.Errorf("The values for parameter id in MetricDataQueries are not unique.")
		}
		seen[*q.Id] = true
		f, err := checkQuery(fmt.Sprintf("MetricDataQueries.member.%d", i+1), q)
		if err != nil {
			return nil, err
		}
		queries[i] = query{q, f}
	}
	return queries, nil
}

func checkQuery(name string, q *model.MetricDataQuery) (stat, error) {
	const exclusive = "The parameters %s.%s and %s.MetricStat are mutually exclusive and you have specified both."
	m := q.MetricStat
	switch {
	case m != nil && q.Expression != nil:
		return nil, invalid.Errorf(exclusive, name, "Expression", name)
	case q.Expression != nil:
		return nil, invalid.Errorf("The expression %q of %s is not supported: this server does not compute metric math. Ask for the metrics themselves with MetricStat.", *q.Expression, name)
	case m == nil:
		return nil, invalid.Errorf("At least one of the parameters %s.Expression and %s.MetricStat must be specified.", name, name)
	case q.Period != nil:
		return nil, invalid.Errorf(exclusive, name, "Period", name)
	case m.Metric.Namespace == nil:
		return nil, invalid.Errorf("The parameter %s.MetricStat.Metric.Namespace is required.", name)
	case m.Metric.MetricName == nil:
		return nil, invalid.Errorf("The parameter %s.MetricStat.Metric.MetricName is required.", name)
	case !validPeriod(*m.Period):
		return nil, invalid.Errorf("The parameter %s.MetricStat.Period must be 1, 5, 10, 20, 30, or a multiple of 60.", name)
	case strings.Contains(deref(q.Label), "${"):
		return nil, invalid.Errorf("The dynamic label %q of %s is not supported by this server.", *q.Label, name)
	}
	if f, ok := stats[model.Statistic(*m.Stat)]; ok {
		return f, nil
	}
	if f, ok := percentileStat(*m.Stat); ok {
		return f, nil
	}
	if trimmedName.MatchString(*m.Stat) {
		return nil, invalid.Errorf("The statistic %s of %s is not supported by this server; percentiles (p0 to p100) are.", *m.Stat, name)
	}
	return nil, invalid.Errorf("The value %s for parameter %s.MetricStat.Stat is not a valid statistic.", *m.Stat, name)
}

func (p position) encode() *string {
	return new(base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", p.query, p.point)))
}

func decodePosition(token *string) (p position, err error) {
	if token == nil {
		return p, nil
	}
	text, err := base64.URLEncoding.DecodeString(*token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &p.query, &p.point)
	}
	if err != nil || p.query < 0 || p.point < 0 {
		return p, model.InvalidNextToken.Errorf("The value for parameter NextToken is invalid.")
	}
	return p, nil
}
