package cloudwatch

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"drey/cloudwatch/search"
	"drey/store/kv"
)

// note tells the index that metrics have points.
func note(b kv.Batch, list []series, now time.Time) (err error) {
	at := encodeTime(now.Unix())
	type dimensionOf struct {
		account, region string
		Dimension
	}
	told := map[dimensionOf]bool{}
	for _, of := range list {
		err = errors.Join(err, b.Set(of.key(), at))
		for i, k := range of.dimensionKeys() {
			err = errors.Join(err, b.Set(k, at))
			if d := (dimensionOf{of.account, of.region, of.dimensions[i]}); !told[d] {
				told[d] = true
				err = errors.Join(err, b.Set(valueKey(of.account, of.region, d.Name, d.Value), at))
			}
		}
	}
	return err
}

// target is what is known of metrics that are looked for in the index.
type target struct {
	account, region string
	namespace, name string                            // "" = any
	possible        func(namespace, name string) bool // false = no metric with these is wanted; nil = all may be
	oldest          int64                             // when points must have come last, Unix seconds
}

// foundFunc is told of a metric of the index, and of the key at which it stands.
type foundFunc func(key []byte, of series) error

// byName walks the index in the order of namespaces and names, behind a key; nil = from the beginning.
func (s *Service) byName(ctx context.Context, t target, behind []byte, fn foundFunc) error {
	prefix := indexKey(t.account, t.region)
	w := walk{oldest: t.oldest, head: 4, fn: fn, skip: func(head []string) []byte { return t.skip(prefix, head[2], head[3]) }}
	low, high := t.bounds(prefix)
	return w.run(ctx, s.kv, low, high, behind)
}

// byDimension walks the metrics that have a dimension, whose name and value are given, or the name alone.
func (s *Service) byDimension(ctx context.Context, t target, given []string, behind []byte, fn foundFunc) error {
	if err := s.complete(ctx); err != nil {
		return err
	}
	low := appendParts(dimensionKey(t.account, t.region), given...)
	high := after(low)
	if len(given) == 2 {
		low, high = t.bounds(low)
	}
	all := dimensionKey(t.account, t.region)
	w := walk{oldest: t.oldest, head: 6, fn: fn, skip: func(head []string) []byte {
		return t.skip(appendParts(slices.Clone(all), head[2], head[3]), head[4], head[5])
	}}
	return w.run(ctx, s.kv, low, high, behind)
}

// maxFollowed is how many dimensions are followed one by one. The metrics of more are not fewer than all metrics are, or not by much.
const maxFollowed = 1000

// values are dimensions that meet a condition, with one of the names; nil = with any name. More than maxFollowed are not told.
func (s *Service) values(ctx context.Context, t target, names []string, meets func(Dimension) bool) (list []Dimension, tooMany bool, err error) {
	if err := s.complete(ctx); err != nil {
		return nil, false, err
	}
	lows := [][]byte{valueKey(t.account, t.region)}
	if names != nil {
		lows = nil
		for _, name := range names {
			lows = append(lows, valueKey(t.account, t.region, name))
		}
	}
	for _, low := range lows {
		err := s.kv.Scan(ctx, low, after(low), func(key, value []byte) error {
			if decodeTime(value) < t.oldest {
				return nil
			}
			head, _, err := headOf(key, 4)
			if err != nil {
				return err
			}
			if d := (Dimension{head[2], head[3]}); meets(d) {
				list = append(list, d)
			}
			if tooMany = len(list) > maxFollowed; tooMany {
				return kv.ErrStop
			}
			return nil
		})
		if err != nil || tooMany {
			return nil, tooMany, err
		}
	}
	return list, false, nil
}

// follow visits what can meet the condition that leads a search; without one, what can have the names that are wanted. A metric may come
// more than once.
func (s *Service) follow(ctx context.Context, t target, l *search.Lead, fn foundFunc) error {
	if l == nil {
		return s.byName(ctx, t, nil, fn)
	}
	var have []Dimension
	for _, d := range l.Exact() {
		have = append(have, Dimension(d))
	}
	if have == nil {
		found, tooMany, err := s.values(ctx, t, l.Names(), func(d Dimension) bool { return l.InDimension(search.Dimension(d)) })
		if err != nil {
			return err
		}
		if tooMany {
			return s.byName(ctx, t, nil, fn)
		}
		have = found
	}
	for _, d := range have {
		if err := s.byDimension(ctx, t, []string{d.Name, d.Value}, nil, fn); err != nil {
			return err
		}
	}
	if !l.Elsewhere() {
		return nil
	}
	possible := t.possible
	t.possible = func(namespace, name string) bool { return possible(namespace, name) && l.InNames(namespace, name) }
	return s.byName(ctx, t, nil, fn)
}

// bounds are those of the target behind a prefix that namespaces follow.
func (t target) bounds(prefix []byte) (low, high []byte) {
	if t.namespace != "" {
		if prefix = appendParts(prefix, t.namespace); t.name != "" {
			prefix = appendParts(prefix, t.name)
		}
	}
	return prefix, after(prefix)
}

// skip is where to go on if nothing with the namespace and the name is wanted; nil = it may be.
func (t target) skip(prefix []byte, namespace, name string) []byte {
	in := func(parts ...string) []byte { return appendParts(slices.Clone(prefix), parts...) }
	switch {
	case t.namespace != "" && namespace != t.namespace:
		if namespace > t.namespace {
			return after(prefix)
		}
		return in(t.namespace)
	case t.name != "" && name > t.name:
		return after(in(namespace))
	case t.name != "" && name < t.name:
		return in(namespace, t.name)
	case t.possible != nil && !t.possible(namespace, name):
		return after(in(namespace, name))
	}
	return nil
}

// walk visits a part of the index and leaves out what cannot be wanted.
type walk struct {
	oldest int64
	head   int                        // how many parts of a key skip decides by: all up to the name of the metric
	skip   func(head []string) []byte // where to go on instead of at keys that begin with the head; nil = there
	fn     foundFunc
}

// errElsewhere is the answer for a key to go on behind that is of another walk.
var errElsewhere = errors.New("the key is not of what is walked")

func (w walk) run(ctx context.Context, db *kv.DB, low, high, behind []byte) error {
	if behind != nil {
		if bytes.Compare(behind, low) < 0 || bytes.Compare(behind, high) >= 0 {
			return errElsewhere
		}
		low = append(slices.Clone(behind), 0)
	}
	var taken []byte // what the keys begin with that skip was asked of last
	return db.Walk(ctx, low, high, func(key, value []byte) ([]byte, error) {
		if taken == nil || !bytes.HasPrefix(key, taken) {
			head, length, err := headOf(key, w.head)
			if err != nil {
				return nil, err
			}
			if from := w.skip(head); from != nil {
				return from, nil
			}
			taken = append(taken[:0], key[:length]...)
		}
		if decodeTime(value) < w.oldest {
			return nil, nil
		}
		of, err := decodeSeries(key)
		if err != nil {
			return nil, err
		}
		return nil, w.fn(key, of)
	})
}

// headOf gives the first n parts of a key, and how long they are in it.
func headOf(key []byte, n int) (parts []string, length int, err error) {
	rest := string(key[1:])
	for range n {
		part, behind, ok := strings.Cut(rest, partEnd)
		if !ok {
			return nil, 0, errIndexKey
		}
		parts, rest = append(parts, plain(part)), behind
	}
	return parts, len(key) - len(rest), nil
}
