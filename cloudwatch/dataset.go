package cloudwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drey/cloudwatch/math"
	"drey/cloudwatch/search"
	"drey/store/kv"
)

// maxSearched is how many metrics a SEARCH gives at most, as a graph of AWS shows.
const maxSearched = 500

// dataset computes the queries of one request, each once and only when its result is wanted. It is what expressions see.
type dataset struct {
	service         *Service
	ctx             context.Context // of the request that the dataset lives for
	account, region string
	start, end, now time.Time
	zone            *time.Location // of times in labels
	dry             bool           // metrics have no points, and nothing is read
	queries         []query

	byID      map[string]query
	known     map[string]math.Value
	computing map[string]bool
	exceeded  bool // a search found more than it may give
}

var _ math.Env = (*scope)(nil)

func newDataset(queries []query) *dataset {
	d := &dataset{queries: queries, zone: time.UTC, byID: map[string]query{}, known: map[string]math.Value{}, computing: map[string]bool{}}
	for _, q := range queries {
		d.byID[*q.Id] = q
	}
	return d
}

func (s *Service) dataset(ctx context.Context, account, region string, start, end time.Time, queries []query) *dataset {
	d := newDataset(queries)
	d.service, d.ctx, d.account, d.region, d.start, d.end, d.now = s, ctx, account, region, start, end, s.now()
	return d
}

// storeError is a failure of the store inside of an expression.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// results gives the series of a query with their labels.
func (d *dataset) results(q query) ([]math.Series, error) {
	v, err := d.compute(*q.Id)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case math.Series:
		if q.expr != nil {
			v.Label = *q.Id
		}
		v.Label = q.labelled(v, false, d.now, d.zone)
		return []math.Series{v}, nil
	case math.Array:
		for i := range v {
			v[i].Label = q.labelled(v[i], true, d.now, d.zone)
		}
		return v, nil
	}
	return nil, fmt.Errorf("the result is a %T", v) // refused when the queries were checked
}

// Value is the result of a query as an expression sees it.
func (d *dataset) Value(id string) (math.Value, error) {
	v, err := d.compute(id)
	if s, ok := v.(math.Series); ok && s.Metric {
		for i := 1; i < len(s.Points); i++ {
			if s.Points[i].At == s.Points[i-1].At {
				return nil, fmt.Errorf("the metric of %s has data in several units: choose one with Unit", id)
			}
		}
		s.Label = d.byID[id].labelled(s, false, d.now, d.zone)
		v = s
	}
	return v, err
}

func (d *dataset) compute(id string) (math.Value, error) {
	if v, ok := d.known[id]; ok {
		return v, nil
	}
	q, ok := d.byID[id]
	if !ok {
		return nil, fmt.Errorf("undefined id %s", id)
	}
	if d.computing[id] {
		return nil, fmt.Errorf("the expression %s depends on itself", id)
	}
	d.computing[id] = true
	defer delete(d.computing, id)
	var v math.Value
	var err error
	if q.expr == nil {
		m := q.MetricStat
		v, err = d.metric(newSeries(d.account, d.region, *m.Metric.Namespace, *m.Metric.MetricName, dimensionsOf(m.Metric.Dimensions)), *m.Stat, q.stat, int64(*m.Period), string(m.Unit))
	} else {
		v, err = d.expression(q)
	}
	if err == nil {
		d.known[id] = v
	}
	return v, err
}

func (d *dataset) expression(q query) (math.Value, error) {
	period, err := d.period(q)
	if err != nil {
		return nil, err
	}
	w := newWindow(d.start, d.end, d.now, max(period, 1))
	return q.expr.Eval(&scope{d, period}, math.Span{Start: w.start, End: w.end, Period: period})
}

// period is that of an expression: its own, or else the shortest of the metrics that it names; 0 = it has none. Its own
// must be that of the metrics, which are not computed anew for it.
func (d *dataset) period(q query) (int64, error) {
	shortest := int64(0)
	seen := map[string]bool{}
	var visit func(query)
	visit = func(q query) {
		if seen[*q.Id] {
			return
		}
		seen[*q.Id] = true
		if q.expr == nil {
			if p := int64(*q.MetricStat.Period); shortest == 0 || p < shortest {
				shortest = p
			}
			return
		}
		for _, id := range q.expr.IDs() {
			if next, ok := d.byID[id]; ok {
				visit(next)
			}
		}
		if q.expr.Uses("METRICS") {
			for _, m := range d.queries {
				if m.expr == nil {
					visit(m)
				}
			}
		}
	}
	visit(q)
	if q.Period != nil {
		if p := int64(*q.Period); shortest == 0 || p == shortest {
			return p, nil
		}
		return 0, fmt.Errorf("its period of %d seconds differs from that of its metrics, %d", *q.Period, shortest)
	}
	return shortest, nil
}

// metric reads the points of a metric.
func (d *dataset) metric(of series, statName string, f stat, period int64, unit string) (math.Series, error) {
	w := newWindow(d.start, d.end, d.now, period)
	out := math.Series{Span: math.Span{Start: w.start, End: w.end, Period: period}, Label: of.name, Metric: true, Props: of.props(statName, period)}
	if d.dry {
		return out, nil
	}
	points, err := d.service.read(d.ctx, of.id(), w, unit)
	if err != nil {
		return out, storeError{err}
	}
	for _, p := range points {
		if v, ok := f(p.bucket); ok {
			out.Points = append(out.Points, math.Point{At: p.at, Value: v})
		}
	}
	return out, nil
}

// Metrics are those of the request whose id contains the text.
func (d *dataset) Metrics(contains string) (math.Array, error) {
	var all math.Array
	for _, q := range d.queries {
		if q.expr != nil || !strings.Contains(*q.Id, contains) {
			continue
		}
		v, err := d.Value(*q.Id)
		if err != nil {
			return nil, err
		}
		all = append(all, v.(math.Series))
	}
	return all, nil
}

// scope is the dataset as one expression sees it.
type scope struct {
	*dataset
	period int64
}

// Search computes every metric that matches and had points in the last two weeks.
func (e *scope) Search(text, statName string, period int64) (math.Array, error) {
	d := e.dataset
	q, err := search.Parse(text)
	if err != nil {
		return nil, err
	}
	f, ok := namedStat(statName)
	if !ok {
		return nil, fmt.Errorf("%s is not a valid statistic", statName)
	}
	if period == 0 {
		period = e.period
	}
	if period == 0 || !validPeriod(int32(period)) {
		return nil, errors.New("SEARCH needs a period of 1, 5, 10, 20, 30 or a multiple of 60 seconds")
	}
	if d.dry {
		return math.Array{}, nil
	}
	found, err := d.find(q)
	if err != nil {
		return nil, storeError{err}
	}
	out := math.Array{}
	labels := searchLabels(found)
	for i, of := range found {
		s, err := d.metric(of, statName, f, period, "")
		if err != nil {
			return nil, err
		}
		s.Label = labels[i]
		out = append(out, s)
	}
	return out, nil
}

// find gives the metrics of a search in the order of the index. Which of them, if there are more than it may give, depends on what leads to
// them.
func (d *dataset) find(q *search.Query) (found []series, err error) {
	t := target{account: d.account, region: d.region, namespace: q.Namespace(), possible: q.Possible, oldest: d.now.Add(-listed - noteEvery).Unix()}
	seen := map[seriesID]bool{}
	take := func(_ []byte, of series) error {
		if !q.Matches(of.searched()) || seen[of.id()] {
			return nil
		}
		seen[of.id()] = true
		if len(found) == maxSearched {
			d.exceeded = true
			return kv.ErrStop
		}
		found = append(found, of)
		return nil
	}
	if err := d.service.follow(d.ctx, t, q.Lead(), take); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b series) int { return bytes.Compare(a.key(), b.key()) })
	return found, nil
}

func (s series) searched() search.Metric {
	m := search.Metric{Namespace: s.namespace, Name: s.name}
	for _, d := range s.dimensions {
		m.Dimensions = append(m.Dimensions, search.Dimension(d))
	}
	return m
}

// searchLabels tell the metrics of a search apart: by whichever of namespace, dimension values and name differ.
func searchLabels(found []series) []string {
	parts := make([][]string, len(found))
	for i, s := range found {
		parts[i] = []string{s.namespace}
		for _, d := range s.dimensions {
			parts[i] = append(parts[i], d.Value)
		}
		parts[i] = append(parts[i], s.name)
	}
	labels := make([]string, len(found))
	for i, own := range parts {
		differ := slices.DeleteFunc(slices.Clone(own), func(p string) bool {
			return !slices.ContainsFunc(parts, func(other []string) bool { return !slices.Contains(other, p) })
		})
		if len(differ) == 0 {
			differ = own[len(own)-1:]
		}
		labels[i] = strings.Join(differ, " ")
	}
	return labels
}

// props are the properties that a dynamic label can show.
func (s series) props(statName string, period int64) map[string]string {
	p := map[string]string{
		"AccountId": s.account, "Region": s.region, "Namespace": s.namespace, "MetricName": s.name, "Stat": statName, "Period": fmt.Sprint(period),
	}
	for _, d := range s.dimensions {
		p["Dim."+d.Name] = d.Value
	}
	return p
}

// isArray tells whether a query gives an array, be it of one series.
func (d *dataset) isArray(q query) bool {
	_, ok := d.known[*q.Id].(math.Array)
	return ok
}
