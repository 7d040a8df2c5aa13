package cloudwatch

import (
	"bytes"
	"context"
	"slices"
	"time"

	"drey/store/kv"
)

// Newest is the last whole minute of a metric that has samples.
type Newest struct {
	Account, Region, Namespace, Name string
	Dimensions                       []Dimension
	Count, Sum, Min, Max             float64
}

// newestAtOnce bounds the series that are held in memory while their points are looked up.
const newestAtOnce = 10000

// Newest gives all metrics with samples in the whole minutes of the time before now, until yield wants no more.
func (s *Service) Newest(ctx context.Context, before time.Duration, yield func(Newest) bool) error {
	end := floor(s.now().Unix(), 60)
	w := window{start: end - floor(int64(before.Seconds()), 60), end: end, period: 60}
	low := []byte{indexPrefix}
	for {
		found, last, err := s.noted(ctx, low, w.start)
		if err != nil {
			return err
		}
		newest, err := s.newest(ctx, found, w)
		if err != nil {
			return err
		}
		for i, of := range found {
			n := newest[i]
			if n.count == 0 {
				continue
			}
			if !yield(Newest{of.account, of.region, of.namespace, of.name, of.dimensions, n.count, n.sum, n.min, n.max}) {
				return nil
			}
		}
		if len(found) < newestAtOnce {
			return nil
		}
		low = append(last, 0)
	}
}

// noted reads the index from low on for series that may have points since a time, as many as are looked up at once.
func (s *Service) noted(ctx context.Context, low []byte, since int64) (found []series, last []byte, err error) {
	oldest := since - int64(noteEvery.Seconds())
	err = s.kv.Scan(ctx, low, after([]byte{indexPrefix}), func(key, value []byte) error {
		if decodeTime(value) < oldest {
			return nil
		}
		of, err := decodeSeries(key)
		if err != nil {
			return err
		}
		if found = append(found, of); len(found) == newestAtOnce {
			last = bytes.Clone(key)
			return kv.ErrStop
		}
		return nil
	})
	return found, last, err
}

// newest reads the last bucket of each series in the window, in the order of the store; one without samples if there is none.
func (s *Service) newest(ctx context.Context, of []series, w window) ([]bucket, error) {
	type place struct {
		id seriesID
		i  int
	}
	places := make([]place, len(of))
	for i := range of {
		places[i] = place{of[i].id(), i}
	}
	slices.SortFunc(places, func(a, b place) int { return bytes.Compare(a.id[:], b.id[:]) })
	newest := make([]bucket, len(of))
	t := w.tier()
	for from := w.start; from < w.end; from = floor(from, t.partition) + t.partition {
		last := min(w.end, floor(from, t.partition)+t.partition) - 1
		err := s.kv.ScanEach(ctx, len(places), func(i int) (low, high []byte) {
			return t.pointKey(places[i].id, from, ""), after(t.pointKey(places[i].id, last, ""))
		}, func(i int, _, value []byte) (err error) {
			newest[places[i].i], err = decodeBucket(value)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return newest, nil
}
