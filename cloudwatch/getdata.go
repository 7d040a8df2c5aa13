package cloudwatch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"drey/cloudwatch/math"
	model "drey/model/cloudwatch"
	"drey/wire"
)

// Limits of GetMetricData.
const (
	maxQueries        = 500
	maxPageDatapoints = 100800
)

// position is where a page begins. A query has several series when it is an expression that gives an array.
type position struct{ query, series, point int }

// GetMetricData answers the queries in their order.
func (s *Service) GetMetricData(ctx context.Context, in *model.GetMetricDataInput) (*model.GetMetricDataOutput, error) {
	r := wire.FromContext(ctx)
	if err := checkRange(in); err != nil {
		return nil, err
	}
	zone, err := timezone(in.LabelOptions)
	if err != nil {
		return nil, err
	}
	queries, err := checkQueries("MetricDataQueries", in.MetricDataQueries, r.Account)
	if err != nil {
		return nil, err
	}
	at, err := decodePosition(in.NextToken)
	if err != nil {
		return nil, err
	}
	p := &dataPage{room: maxPageDatapoints, descending: in.ScanBy != model.ScanByTimestampAscending, out: &model.GetMetricDataOutput{MetricDataResults: []model.MetricDataResult{}}}
	if in.MaxDatapoints != nil {
		p.room = int(*in.MaxDatapoints)
	}
	d := s.dataset(ctx, r.Account, r.Region, *in.StartTime, *in.EndTime, queries)
	d.zone = zone
	for i := at.query; i < len(queries) && p.out.NextToken == nil; i++ {
		if q := queries[i]; q.hidden() {
			continue
		}
		series, err := d.results(queries[i])
		if err != nil {
			return nil, expressionError(queries[i], err)
		}
		if i != at.query {
			at = position{query: i}
		}
		p.add(queries[i], series, at)
	}
	if d.exceeded {
		p.out.Messages = []model.MessageData{{Code: new("MaxMetricsExceeded"), Value: new(fmt.Sprintf("The maximum number of allowed metrics, %d, has been exceeded", maxSearched))}}
	}
	return p.out, nil
}

// dataPage is the answer that is being filled.
type dataPage struct {
	room       int
	descending bool
	out        *model.GetMetricDataOutput
}

// add answers the series of a query from the position on, as far as there is room.
func (p *dataPage) add(q query, series []math.Series, at position) {
	for j := at.series; j < len(series); j++ {
		from := 0
		if j == at.series {
			from = at.point
		}
		if p.room == 0 {
			p.out.NextToken = position{at.query, j, from}.encode()
			return
		}
		points := slices.Clone(series[j].Points)
		if p.descending {
			slices.Reverse(points)
		}
		points = points[min(from, len(points)):]
		result := model.MetricDataResult{Id: q.Id, Label: new(series[j].Label), StatusCode: model.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
		if series[j].Dropped {
			result.Messages = []model.MessageData{{Code: new("ArithmeticError"), Value: new("One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)")}}
		}
		if len(points) > p.room {
			points, result.StatusCode = points[:p.room], model.StatusCodePartialData
			p.out.NextToken = position{at.query, j, from + p.room}.encode()
		}
		for _, x := range points {
			result.Timestamps = append(result.Timestamps, time.Unix(x.At, 0).UTC())
			result.Values = append(result.Values, x.Value)
		}
		p.room -= len(points)
		p.out.MetricDataResults = append(p.out.MetricDataResults, result)
		if p.out.NextToken != nil {
			return
		}
	}
}

// expressionError is the refusal of an expression. What the store could not do is no fault of the expression.
func expressionError(q query, err error) error {
	var failed storeError
	if errors.As(err, &failed) || q.expr == nil {
		return err
	}
	return invalid.Errorf("Error in expression '%s': %s", *q.Id, err)
}

func (p position) encode() *string {
	return new(base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%d", p.query, p.series, p.point)))
}

func decodePosition(token *string) (p position, err error) {
	if token == nil {
		return p, nil
	}
	text, err := base64.URLEncoding.DecodeString(*token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d.%d", &p.query, &p.series, &p.point)
	}
	if err != nil || p.query < 0 || p.series < 0 || p.point < 0 {
		return p, model.InvalidNextToken.Errorf("The value for parameter NextToken is invalid.")
	}
	return p, nil
}
