package cloudwatch

import (
	"context"
	"time"
)

// Newest is the last whole minute of a metric that has samples.
type Newest struct {
	Account, Region, Namespace, Name string
	Dimensions                       []Dimension
	Count, Sum, Min, Max             float64
}

// Newest gives all metrics with samples in the whole minutes of the time before now, until yield wants no more.
func (s *Service) Newest(ctx context.Context, before time.Duration, yield func(Newest) bool) error {
	now := s.now()
	end := floor(now.Unix(), 60)
	w := window{start: end - floor(int64(before.Seconds()), 60), end: end, period: 60}
	var found []series
	err := s.kv.Scan(ctx, []byte{indexPrefix}, after([]byte{indexPrefix}), func(key, value []byte) error {
		if decodeTime(value) < w.start {
			return nil
		}
		of, err := decodeSeries(key)
		found = append(found, of)
		return err
	})
	if err != nil {
		return err
	}
	for _, of := range found {
		points, err := s.read(ctx, of.id(), w, "")
		if err != nil {
			return err
		}
		if len(points) == 0 {
			continue
		}
		b := points[len(points)-1].bucket
		if !yield(Newest{of.account, of.region, of.namespace, of.name, of.dimensions, b.count, b.sum, b.min, b.max}) {
			return nil
		}
	}
	return nil
}
