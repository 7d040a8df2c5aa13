package cloudwatch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// window is the time that a query asks for, cut into periods that begin at its start.
type window struct {
	start, end, period int64 // Unix seconds; end is exclusive
}

// newWindow rounds the start down as "GetMetricStatistics" says: to whole minutes, from 15 days on to five minutes, from
// 63 days on to hours, and below a minute to a multiple of the period.
func newWindow(start, end, now time.Time, period int64) window {
	w := window{start: start.Unix(), end: end.Unix(), period: period}
	if end.Nanosecond() > 0 {
		w.end++
	}
	unit := int64(60)
	switch age := now.Sub(start); {
	case age > 63*day:
		unit = 3600
	case age > 15*day:
		unit = 300
	case period < 60:
		unit = period
	}
	w.start = floor(w.start, unit)
	return w
}

// periods is how many periods the window has at most.
func (w window) periods() int64 { return (w.end - w.start + w.period - 1) / w.period }

// tier is the coarsest one whose buckets never straddle a period. Only periods below a minute are read from seconds,
// which high-resolution metrics alone have.
func (w window) tier() tier {
	usable := tiers[1:]
	if w.period < 60 {
		usable = tiers[:1]
	}
	best := usable[0]
	for _, t := range usable[1:] {
		if w.period%t.width == 0 && w.start%t.width == 0 && w.end%t.width == 0 {
			best = t
		}
	}
	return best
}

// readable is tier, or a coarser one when the buckets of that have expired.
func (w window) readable(now time.Time) tier {
	best := w.tier()
	for _, t := range tiers {
		if t.width > best.width && time.Unix(w.start, 0).Before(now.Add(-best.keep)) && w.period%t.width == 0 {
			best = t
		}
	}
	return best
}

// stored is the part of the window in which the tier can have buckets: expire has left nothing before, and nobody may put
// what lies farther ahead. Without it a request for all times reads millions of empty partitions.
func (w window) stored(t tier, now time.Time) (from, to int64) {
	return max(w.start, floor(now.Add(-t.keep).Unix(), t.partition)), min(w.end, now.Add(newest).Unix()+1)
}

// datapoint is what a period holds in one unit.
type datapoint struct {
	at   int64 // where the period begins, Unix seconds
	unit string
	bucket
}

// read gives the periods that have samples, in order. unit "" = each unit by itself.
func (s *Service) read(ctx context.Context, id seriesID, w window, unit string) ([]datapoint, error) {
	type place struct {
		at   int64
		unit string
	}
	found := map[place][]bucket{}
	now := s.now()
	t := w.readable(now)
	for from, end := w.stored(t, now); from < end; from = floor(from, t.partition) + t.partition {
		to := min(end, floor(from, t.partition)+t.partition)
		low, high := t.pointKey(id, from, ""), after(t.pointKey(id, to-1, ""))
		err := s.kv.Scan(ctx, low, high, func(key, value []byte) error {
			at, u := decodePoint(key)
			if unit != "" && u != unit {
				return nil
			}
			b, err := decodeBucket(value)
			if err != nil {
				return err
			}
			p := place{w.start + floor(at-w.start, w.period), u}
			found[p] = append(found[p], b)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	points := make([]datapoint, 0, len(found))
	for p, buckets := range maps.All(found) {
		points = append(points, datapoint{p.at, p.unit, fold(buckets...)})
	}
	slices.SortFunc(points, func(a, b datapoint) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.unit, b.unit))
	})
	return points, nil
}
