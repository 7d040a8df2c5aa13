package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drey/cloudwatch/alarm"
	"drey/cloudwatch/math"
	model "drey/model/cloudwatch"
)

// settle is how long after the end of a period an alarm is evaluated: what came at its very end is stored by then.
const settle = 3 * time.Second

// Alarms of at least a minute's period are evaluated every minute, shorter ones every 10 seconds, and those that look back
// for more than a day every hour ("Alarm evaluation").
const (
	everyTenSeconds = 10
	everyMinute     = 60
	everyHour       = 3600
)

func interval(m *model.PutMetricAlarmInput) int64 {
	period := int64(alarmPeriod(m))
	switch {
	case period < 60:
		return everyTenSeconds
	case period*int64(*m.EvaluationPeriods) > maxAlarmSpan:
		return everyHour
	}
	return everyMinute
}

// alarmPeriod is that of the metric, or of the metrics of the expression.
func alarmPeriod(m *model.PutMetricAlarmInput) int32 {
	if m.Period != nil {
		return *m.Period
	}
	for _, q := range m.Metrics {
		if q.MetricStat != nil {
			return *q.MetricStat.Period
		}
	}
	for _, q := range m.Metrics {
		if q.Period != nil {
			return *q.Period
		}
	}
	return 0 // refused when the alarm was put
}

// next is when something is to be decided after now; the zero time = there is nothing.
func next(all []*alarmDocument, now time.Time) (at time.Time) {
	sooner := func(t time.Time) { at = earlier(at, t) }
	for _, d := range all {
		if d.Metric != nil {
			every := interval(d.Metric)
			sooner(time.Unix(floor(now.Add(-settle).Unix(), every)+every, 0).Add(settle))
		} else if d.suppressor() != "" && !d.Suppression.Until.IsZero() {
			sooner(later(now, d.Suppression.Until))
		}
	}
	return at
}

// earlier takes the zero time for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// run evaluates alarms on time and carries their actions out until ctx ends. The first look is due when the first alarm can
// be, so that it costs nothing at the start.
func (s *Service) run(ctx context.Context) {
	actions := make(chan struct{})
	go func() {
		defer close(actions)
		s.runActions(ctx)
	}()
	defer func() { <-actions }()
	cleaned, last := s.now(), time.Time{}
	due, known := s.now().Add(everyTenSeconds*time.Second), false
	wake := time.NewTimer(everyTenSeconds * time.Second)
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.poked:
			if known {
				due = earlier(due, s.hastened())
				wake.Reset(due.Sub(s.now()))
				continue
			}
		case <-wake.C:
		}
		s.hastened() // all alarms are read below
		if now := s.now(); !now.Before(due) {
			s.report(ctx, "evaluate alarms", s.evaluate(ctx, last, now))
			last = now
		}
		if s.now().Sub(cleaned) > day {
			cleaned = s.now()
			s.report(ctx, "forget the history of alarms", s.forgetHistory(ctx))
		}
		all, err := s.readAlarms(ctx)
		s.report(ctx, "read alarms", err)
		if due = next(all, s.now()); due.IsZero() {
			due = s.now().Add(day) // there is nothing to decide, unless something changes
		}
		if known = err == nil; err != nil {
			due = s.now().Add(everyMinute * time.Second)
		}
		wake.Reset(due.Sub(s.now()))
	}
}

func (s *Service) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.Error("cloudwatch: "+what, "error", err)
	}
}

// hasten notes when alarms that were changed are to be decided; the zero time = never.
func (s *Service) hasten(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sooner = earlier(s.sooner, at)
}

// hastened takes what hasten has noted.
func (s *Service) hastened() (at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, s.sooner = s.sooner, time.Time{}
	return at
}

// poke makes the loops look at the alarms and at the actions again.
func (s *Service) poke() {
	for _, c := range []chan struct{}{s.poked, s.queued} {
		select {
		case c <- struct{}{}:
		default: // they will look anyway
		}
	}
}

// evaluate decides every metric alarm for which a new interval has ended since last, and moves suppressions on whose time
// is over. A failure of one alarm does not keep others from being decided.
func (s *Service) evaluate(ctx context.Context, last, now time.Time) error {
	all, err := s.readAlarms(ctx)
	if err != nil {
		return err
	}
	var errs []error
	changed := map[place][]decided{}
	for _, d := range all {
		over := d.Suppression.By != alarm.ByAlarm && !d.Suppression.Until.IsZero() && !now.Before(d.Suppression.Until)
		is := decided{alarmDocument: d}
		if d.Metric != nil && isDue(d.Metric, last, now) {
			v, ok, err := s.decide(ctx, d, now)
			if err != nil {
				errs = append(errs, fmt.Errorf("alarm %s: %w", d.arn(), err))
			}
			is.verdict, is.moved = v, ok && v.State != d.State
		}
		if is.moved || over {
			changed[d.place] = append(changed[d.place], is)
		}
	}
	for p, list := range changed {
		errs = append(errs, s.apply(ctx, p, list))
	}
	return errors.Join(errs...)
}

// decided is an alarm as it was when it was decided, or when its suppression was over.
type decided struct {
	*alarmDocument
	verdict alarm.Verdict
	moved   bool // to the state of the verdict
}

// apply changes alarms as they were decided, but for those that have changed since.
func (s *Service) apply(ctx context.Context, p place, list []decided) error {
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	return s.change(ctx, p, names, nil, func(b *board) error {
		for _, was := range list {
			if d := b.alarms[was.Name]; was.moved && d != nil && d.Updated.Equal(was.Updated) && d.StateUpdated.Equal(was.StateUpdated) {
				b.transition(d, was.verdict)
			}
		}
		return nil
	})
}

func isDue(m *model.PutMetricAlarmInput, last, now time.Time) bool {
	every := interval(m)
	return last.IsZero() || floor(now.Add(-settle).Unix(), every) > floor(last.Add(-settle).Unix(), every)
}

// decide evaluates a metric alarm on the periods that have ended; false = it keeps its state.
func (s *Service) decide(ctx context.Context, d *alarmDocument, now time.Time) (alarm.Verdict, bool, error) {
	c := condition(d.Metric)
	end := floor(now.Add(-settle).Unix(), max(interval(d.Metric), min(c.Period, everyMinute)))
	read := s.staticPoints
	if d.Metric.MetricName == nil {
		read = s.mathPoints
	}
	points, err := read(ctx, d, time.Unix(c.Start(end), 0), time.Unix(end, 0))
	if err != nil {
		return alarm.Verdict{}, false, err
	}
	v, ok := alarm.Evaluate(c, points, end, now)
	return v, ok, nil
}

func condition(m *model.PutMetricAlarmInput) alarm.Condition {
	c := alarm.Condition{
		Operator: string(m.ComparisonOperator), Threshold: *m.Threshold, Periods: int(*m.EvaluationPeriods), ToAlarm: int(deref(m.DatapointsToAlarm)),
		Period: int64(alarmPeriod(m)), Missing: alarm.Treatment(deref(m.TreatMissingData)), Statistic: string(m.Statistic), Unit: string(m.Unit),
	}
	if m.ExtendedStatistic != nil {
		c.Statistic = *m.ExtendedStatistic
		if deref(m.EvaluateLowSampleCountPercentile) == "ignore" {
			c.Percentile = percentileOf(*m.ExtendedStatistic)
		}
	}
	return c
}

func (s *Service) staticPoints(ctx context.Context, d *alarmDocument, start, end time.Time) ([]alarm.Point, error) {
	m := d.Metric
	f, ok := stats[m.Statistic]
	if !ok {
		f, _ = extendedStat(*m.ExtendedStatistic) // checked when the alarm was put
	}
	id := newSeries(d.Account, d.Region, *m.Namespace, *m.MetricName, dimensionsOf(m.Dimensions)).id()
	found, err := s.read(ctx, id, newWindow(start, end, s.now(), int64(*m.Period)), string(m.Unit))
	if err != nil {
		return nil, err
	}
	var points []alarm.Point
	for _, p := range found {
		if v, ok := f(p.bucket); ok && (len(points) == 0 || points[len(points)-1].At != p.at) { // of several units the first: AWS promises nothing
			points = append(points, alarm.Point{At: p.at, Value: v, Samples: p.count})
		}
	}
	return points, nil
}

func (s *Service) mathPoints(ctx context.Context, d *alarmDocument, start, end time.Time) ([]alarm.Point, error) {
	queries, err := checkQueries("Metrics", d.Metric.Metrics, d.Account)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(queries, func(q query) bool { return !q.hidden() })
	set := s.dataset(ctx, d.Account, d.Region, start, end, queries)
	results, err := set.results(queries[i])
	if err != nil {
		return nil, err
	}
	return alarmPoints(results), nil
}

func alarmPoints(results []math.Series) (points []alarm.Point) {
	for _, r := range results {
		for _, p := range r.Points {
			points = append(points, alarm.Point{At: p.At, Value: p.Value})
		}
	}
	return points
}
