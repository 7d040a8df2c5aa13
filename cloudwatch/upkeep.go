package cloudwatch

import (
	"context"
	"errors"
	"time"

	"drey/store/kv"
)

// atOnce is how many entries of the index are written together when many are.
const atOnce = 10000

// complete gives the index what a store lacks in which metrics were listed by their names alone. What a crash interrupts is begun again.
func (s *Service) complete(ctx context.Context) error {
	s.completing.Lock()
	defer s.completing.Unlock()
	if s.completed {
		return nil
	}
	marker := []byte{indexedPrefix}
	err := s.kv.Scan(ctx, marker, after(marker), func(_, _ []byte) error { s.completed = true; return kv.ErrStop })
	if err != nil || s.completed {
		return err
	}
	var list []series
	var times [][]byte
	flush := func() error {
		err := s.kv.Write(func(b kv.Batch) error { return copyNotes(b, list, times) })
		list, times = list[:0], times[:0]
		return err
	}
	low := []byte{indexPrefix}
	err = s.kv.Scan(ctx, low, after(low), func(key, value []byte) error {
		of, err := decodeSeries(key)
		if err != nil {
			return err
		}
		list, times = append(list, of), append(times, append([]byte(nil), value...))
		if len(list) < atOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = s.kv.Write(func(b kv.Batch) error { return b.Set(marker, nil) })
	}
	s.completed = err == nil
	return err
}

// copyNotes merges, because points may come meanwhile: the latest time stays.
func copyNotes(b kv.Batch, list []series, times [][]byte) (err error) {
	for i, of := range list {
		for j, k := range of.dimensionKeys() {
			d := of.dimensions[j]
			err = errors.Join(err, b.Merge(k, times[i]), b.Merge(valueKey(of.account, of.region, d.Name, d.Value), times[i]))
		}
	}
	return err
}

// forgetMetrics takes metrics out of the index that have had no points for so long that they are listed no more. One that gets points again
// in this very moment is listed when the index is told of it the next time.
func (s *Service) forgetMetrics(ctx context.Context, now time.Time) error {
	oldest := now.Add(-listed - noteEvery).Unix()
	var keys [][]byte
	flush := func() error {
		err := s.kv.Write(func(b kv.Batch) (err error) {
			for _, k := range keys {
				err = errors.Join(err, b.Delete(k))
			}
			return err
		})
		keys = keys[:0]
		return err
	}
	for _, prefix := range []byte{indexPrefix, dimensionPrefix, valuePrefix} {
		low := []byte{prefix}
		err := s.kv.Scan(ctx, low, after(low), func(key, value []byte) error {
			if decodeTime(value) >= oldest {
				return nil
			}
			if keys = append(keys, append([]byte(nil), key...)); len(keys) < atOnce {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return flush()
}
