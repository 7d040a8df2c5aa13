package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/kv"
	"drey/wire"
)

// Datum is one sample, or a set of samples, that the server itself reports.
type Datum struct {
	Name       string
	Dimensions []Dimension
	Time       time.Time
	Value      float64 // finite
	Set        *Set    // if not nil, instead of Value
	Unit       string  // of StandardUnit; "" = None
}

// Set is what is known of samples. All numbers are finite, and Count is not 0.
type Set struct {
	Count, Sum, Minimum, Maximum float64
	// Values are about the samples and Counts how many there are of each; without them, the set has no percentiles.
	Values, Counts []float64
}

func (d Datum) bucket() bucket {
	if d.Set == nil {
		return sample(d.Value, 1)
	}
	b := statisticSet(d.Set.Count, d.Set.Sum, d.Set.Minimum, d.Set.Maximum)
	if b.opaque && len(d.Set.Values) > 0 {
		b.opaque = false
		for i, v := range d.Set.Values {
			b.values = append(b.values, valueCount{v, d.Set.Counts[i]})
		}
		b = b.round()
	}
	return b
}

// point is a bucket of samples on its way into the store.
type point struct {
	series series
	id     seriesID // of series
	at     int64    // Unix seconds
	unit   string
	fine   bool // StorageResolution 1
	bucket bucket
}

// Put stores samples of the server itself, whose namespaces are AWS's own. When it returns nil they are durable.
func (s *Service) Put(ctx context.Context, account, region, namespace string, data []Datum) error {
	points := make([]point, len(data))
	for i, d := range data {
		b := d.bucket()
		if math.IsNaN(b.sum) || math.IsInf(b.sum, 0) {
			return fmt.Errorf("put %s: %v is no sample", d.Name, b.sum)
		}
		points[i] = point{
			series: newSeries(account, region, namespace, d.Name, d.Dimensions),
			at:     d.Time.Unix(), unit: unitOf(model.StandardUnit(d.Unit)), bucket: b,
		}
	}
	return s.store(ctx, points)
}

// PutMetricData checks everything first: a refused request leaves nothing.
func (s *Service) PutMetricData(ctx context.Context, in *model.PutMetricDataInput) (*model.PutMetricDataOutput, error) {
	r := wire.FromContext(ctx)
	v := &validation{now: s.now()}
	v.request(in)
	if err := v.err(); err != nil {
		return nil, err
	}
	var points []point
	add := func(data []model.MetricDatum) {
		for i := range data {
			points = append(points, newPoint(r, *in.Namespace, &data[i], v.now))
		}
	}
	add(in.MetricData)
	for i := range in.EntityMetricData {
		add(in.EntityMetricData[i].MetricData)
	}
	if err := s.store(ctx, points); err != nil {
		return nil, err
	}
	return &model.PutMetricDataOutput{}, nil
}

// newPoint translates a datum that was checked.
func newPoint(r *wire.Request, namespace string, d *model.MetricDatum, now time.Time) point {
	p := point{
		series: newSeries(r.Account, r.Region, namespace, *d.MetricName, dimensionsOf(d.Dimensions)),
		at:     now.Unix(), unit: unitOf(d.Unit), fine: deref(d.StorageResolution) == 1,
	}
	if d.Timestamp != nil {
		p.at = d.Timestamp.Unix()
	}
	switch {
	case d.StatisticValues != nil:
		t := d.StatisticValues
		p.bucket = statisticSet(*t.SampleCount, *t.Sum, *t.Minimum, *t.Maximum)
	case d.Value != nil:
		p.bucket = sample(*d.Value, 1)
	default:
		var all []bucket
		for i, value := range d.Values {
			count := 1.0
			if d.Counts != nil {
				count = d.Counts[i]
			}
			if count > 0 {
				all = append(all, sample(value, count))
			}
		}
		p.bucket = fold(all...)
	}
	return p
}

func unitOf(u model.StandardUnit) string {
	if u == "" {
		return string(model.StandardUnitNone)
	}
	return string(u)
}

func dimensionsOf(in []model.Dimension) []Dimension {
	out := make([]Dimension, len(in))
	for i, d := range in {
		out[i] = Dimension{*d.Name, *d.Value}
	}
	return out
}

// store writes points into the buckets of all tiers and tells the index, in one durable write.
func (s *Service) store(ctx context.Context, points []point) error {
	if err := s.complete(ctx); err != nil {
		return fmt.Errorf("put metrics: %w", err)
	}
	points = slices.DeleteFunc(points, func(p point) bool { return p.bucket.count == 0 })
	for i := range points {
		points[i].id = points[i].series.id()
	}
	now := s.now()
	noted, sweep := s.due(points, now)
	err := s.kv.Write(func(b kv.Batch) error {
		for _, p := range points {
			value := p.bucket.encode()
			for _, t := range tiers {
				if t.width < 60 && !p.fine {
					continue
				}
				if err := b.Merge(t.pointKey(p.id, p.at, p.unit), value); err != nil {
					return err
				}
			}
		}
		if err := note(b, noted, now); err != nil {
			return err
		}
		if sweep {
			return expire(b, now)
		}
		return nil
	})
	if err != nil {
		s.forget(noted)
		return fmt.Errorf("put metrics: %w", err)
	}
	if sweep {
		if err := s.forgetMetrics(ctx, now); err != nil && ctx.Err() == nil {
			s.log.Error("cloudwatch: forget metrics", "error", err) // the points are stored
		}
	}
	return nil
}

const (
	noteEvery  = 10 * time.Minute // the index knows the last points of a series no more exactly
	sweepEvery = time.Hour
	maxTold    = 1 << 20
)

// due lists the series that the index has not been told of for a while, and says whether it is time to expire.
func (s *Service) due(points []point, now time.Time) (noted []series, sweep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.toldSince) >= noteEvery || len(s.told) > maxTold {
		s.toldSince, s.told = now, map[seriesID]struct{}{}
	}
	for _, p := range points {
		if _, ok := s.told[p.id]; !ok {
			s.told[p.id] = struct{}{}
			noted = append(noted, p.series)
		}
	}
	sweep = now.Sub(s.swept) >= sweepEvery
	if sweep {
		s.swept = now
	}
	return noted, sweep
}

// forget takes back what due noted of a write that failed.
func (s *Service) forget(noted []series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range noted {
		delete(s.told, n.id())
	}
}

// expire removes the partitions that have passed entirely.
func expire(b kv.Batch, now time.Time) error {
	var errs []error
	for _, t := range tiers {
		oldest := now.Add(-t.keep).Unix()
		errs = append(errs, b.DeleteRange(t.prefix(0), t.prefix(oldest)))
	}
	return errors.Join(errs...)
}
