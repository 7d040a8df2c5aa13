package cloudwatch

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"drey/cloudwatch/math"
	"drey/cloudwatch/widget"
	model "drey/model/cloudwatch"
	"drey/wire"
)

// GetMetricWidgetImage draws a widget as a PNG.
func (s *Service) GetMetricWidgetImage(ctx context.Context, in *model.GetMetricWidgetImageInput) (*model.GetMetricWidgetImageOutput, error) {
	if f := in.OutputFormat; f != nil && *f != "png" {
		return nil, invalid.Errorf("The value %s for parameter OutputFormat is not supported: this server answers png.", *f)
	}
	w, err := widget.Parse(*in.MetricWidget)
	if err != nil {
		return nil, invalid.Errorf("Invalid parameter value: MetricWidget: %s", err)
	}
	start, end, err := w.Range(s.now())
	if err != nil {
		return nil, invalid.Errorf("Invalid parameter value: MetricWidget: %s", err)
	}
	series, err := s.widgetSeries(ctx, w, start, end)
	if err != nil {
		return nil, err
	}
	var png bytes.Buffer
	if err := w.Draw(&png, series, start, end); err != nil {
		return nil, invalid.Errorf("Invalid parameter value: MetricWidget: %s", err)
	}
	return &model.GetMetricWidgetImageOutput{MetricWidgetImage: png.Bytes()}, nil
}

// widgetSeries computes what is shown, in the order of the rows.
func (s *Service) widgetSeries(ctx context.Context, w *widget.Widget, start, end time.Time) (out []widget.Series, err error) {
	r := wire.FromContext(ctx)
	asked := make([]model.MetricDataQuery, len(w.Rows))
	for i, row := range w.Rows {
		for _, region := range []string{w.Region, row.Region} {
			if region != "" && region != r.Region {
				return nil, invalid.Errorf("Invalid parameter value: MetricWidget: metrics of the region %s cannot be drawn in %s.", region, r.Region)
			}
		}
		asked[i] = widgetQuery(w, i, row)
	}
	queries, err := checkQueries("metrics", asked, r.Account)
	if err != nil {
		return nil, err
	}
	d := s.dataset(ctx, r.Account, r.Region, start, end, queries)
	if d.zone, err = w.Zone(); err != nil {
		return nil, invalid.Errorf("Invalid parameter value: MetricWidget: %s", err)
	}
	for i, row := range w.Rows {
		if !row.Shown() {
			continue
		}
		results, err := d.results(queries[i])
		if err != nil {
			return nil, expressionError(queries[i], err)
		}
		for _, x := range results {
			out = append(out, widgetLine(row, x))
		}
	}
	return out, nil
}

func widgetQuery(w *widget.Widget, i int, row widget.Row) model.MetricDataQuery {
	q := model.MetricDataQuery{Id: &row.ID, Label: row.Label, ReturnData: new(row.Shown())}
	if row.ID == "" {
		q.Id = new(fmt.Sprintf("row_%d", i))
	}
	period, stat := w.Period, w.Stat
	if row.Period != 0 {
		period = row.Period
	}
	if row.Stat != "" {
		stat = row.Stat
	}
	if row.Expression != "" {
		q.Expression = &row.Expression
		// Expressions take the period of their metrics; a search that names none takes that of the widget.
		if x, err := math.Parse(row.Expression); row.Period != 0 || err == nil && len(x.IDs()) == 0 && !x.Uses("METRICS") {
			q.Period = &period
		}
		return q
	}
	m := &model.Metric{Namespace: &row.Namespace, MetricName: &row.Name}
	for _, d := range row.Dimensions {
		m.Dimensions = append(m.Dimensions, model.Dimension{Name: new(d[0]), Value: new(d[1])})
	}
	q.MetricStat = &model.MetricStat{Metric: m, Period: &period, Stat: &stat}
	return q
}

func widgetLine(row widget.Row, s math.Series) widget.Series {
	line := widget.Series{Label: s.Label, Color: row.Color, Right: row.YAxis == "right", Period: s.Period}
	for _, p := range s.Points {
		line.At, line.Values = append(line.At, p.At), append(line.Values, p.Value)
	}
	return line
}
