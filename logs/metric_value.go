package logs

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"drey/logs/pattern"
)

// Datum is a number of equal samples that a metric filter has found.
type Datum struct {
	Name, Unit string // Unit is of CloudWatch's StandardUnit; "" = None
	Dimensions []Dimension
	Time       time.Time
	Value      float64
	Count      int
}

// Dimension of a Datum.
type Dimension struct{ Name, Value string }

// MetricSink takes the samples of metric filters.
type MetricSink interface {
	Put(ctx context.Context, account, region, namespace string, data []Datum) error
}

// metricValue is a number, or where in the event it is.
type metricValue struct {
	constant  float64
	reference *pattern.Reference
}

func parseMetricValue(text string) (metricValue, error) {
	if !strings.HasPrefix(text, "$") {
		n, err := strconv.ParseFloat(text, 64)
		if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
			err = errors.New("not a number")
		}
		return metricValue{constant: n}, err
	}
	r, err := pattern.ParseReference(text)
	return metricValue{reference: &r}, err
}

// of gives the value for an event; an event without one makes no sample.
func (v metricValue) of(p *pattern.Pattern, message string) (float64, bool) {
	if v.reference == nil {
		return v.constant, true
	}
	text, ok := v.reference.In(p, message)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// maxDimensionValue is how long CloudWatch lets the value of a dimension be.
const maxDimensionValue = 1024

// samples are what a filter finds in batches, equal ones of a minute together.
func (m *metricFilter) samples(batches [][]Event) []Datum {
	type key struct {
		minute     int64
		value      float64
		dimensions string
	}
	found := map[key]*Datum{}
	for _, b := range batches {
		for _, e := range b {
			if !m.parsed.Match(e.Message) {
				continue
			}
			value, ok := m.value.of(m.parsed, e.Message)
			dimensions, all := m.dimensionsOf(e.Message)
			if !ok || !all {
				continue
			}
			k := key{minute: e.Time - e.Time%60_000, value: value}
			for _, d := range dimensions {
				k.dimensions += strconv.Quote(d.Value)
			}
			if found[k] == nil {
				d := m.datum(value, time.UnixMilli(k.minute))
				d.Dimensions, d.Count = dimensions, 0
				found[k] = &d
			}
			found[k].Count++
		}
	}
	data := make([]Datum, 0, len(found))
	for _, d := range found {
		data = append(data, *d)
	}
	slices.SortFunc(data, func(a, b Datum) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Value, b.Value)) })
	return data
}

func (m *metricFilter) datum(value float64, at time.Time) Datum {
	return Datum{Name: *m.transformation.MetricName, Unit: string(m.transformation.Unit), Time: at, Value: value, Count: 1}
}

// dimensionsOf gives the dimensions of an event; all is false if it lacks one.
func (m *metricFilter) dimensionsOf(message string) (list []Dimension, all bool) {
	for _, d := range m.dimensions {
		value, ok := d.value.In(m.parsed, message)
		if !ok || value == "" || len(value) > maxDimensionValue {
			return nil, false
		}
		list = append(list, Dimension{d.name, value})
	}
	return list, true
}

// minute is what a filter with a default value remembers: the last minute with events, and whether it found something.
type minute struct {
	start   time.Time // zero: none
	matched bool
}

// measure hands the samples of new events on.
func (s *Service) measure(ctx context.Context, m *metricFilter, at time.Time, batches [][]Event) error {
	data := m.samples(batches)
	if m.transformation.DefaultValue != nil {
		if err := s.settle(ctx, m, at); err != nil {
			return err
		}
		m.mu.Lock()
		m.minute.start = at.Truncate(time.Minute)
		m.minute.matched = m.minute.matched || len(data) > 0
		m.mu.Unlock()
	}
	if len(data) == 0 {
		return nil
	}
	return s.metrics.Put(context.WithoutCancel(ctx), m.account, m.region, *m.transformation.MetricNamespace, data)
}

// settle reports the default value for the minute that the filter remembers, if it is over and nothing was found in it.
func (s *Service) settle(ctx context.Context, m *metricFilter, now time.Time) error {
	m.mu.Lock()
	old := m.minute
	over := !old.start.IsZero() && !now.Before(old.start.Add(time.Minute))
	if over {
		m.minute = minute{}
	}
	m.mu.Unlock()
	if !over || old.matched {
		return nil
	}
	data := []Datum{m.datum(*m.transformation.DefaultValue, old.start)}
	return s.metrics.Put(context.WithoutCancel(ctx), m.account, m.region, *m.transformation.MetricNamespace, data)
}

// settleAll reports the default values that are due.
func (s *Service) settleAll(ctx context.Context) {
	s.filters.mu.RLock()
	var list []*metricFilter
	for _, g := range s.filters.groups {
		list = append(list, g.metrics...)
	}
	s.filters.mu.RUnlock()
	for _, m := range list {
		if err := s.settle(ctx, m, s.now()); err != nil {
			s.log.Error("logs: a metric filter's default value is lost", "filter", m.name, "error", err)
		}
	}
}
