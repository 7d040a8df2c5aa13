package cloudwatch

import (
	"cmp"
	"math"
	"slices"
)

// maxExact is how many distinct values a bucket keeps as they are.
const maxExact = 256

// step is the ratio of neighbouring rounded values.
const step = 1.01

// bucket is a set of samples as far as statistics need it.
type bucket struct {
	count, sum, min, max float64
	opaque               bool         // holds a statistic set whose single values nobody knows: no percentiles
	values               []valueCount // ascending; what opaque parts hold is missing
}

type valueCount struct{ value, count float64 }

// sample is a bucket of count equal values.
func sample(value, count float64) bucket {
	return bucket{count: count, sum: value * count, min: value, max: value, values: []valueCount{{value, count}}}
}

// statisticSet is a bucket of which only the statistics are known. A set of equal values is known entirely.
func statisticSet(count, sum, minimum, maximum float64) bucket {
	b := bucket{count: count, sum: sum, min: minimum, max: maximum}
	if count == 1 || minimum == maximum {
		b.values = []valueCount{{minimum, count}}
	} else {
		b.opaque = true
	}
	return b
}

// fold is the union of buckets, in whatever order.
func fold(buckets ...bucket) bucket {
	all := bucket{min: math.Inf(1), max: math.Inf(-1)}
	for _, b := range buckets {
		all.count += b.count
		all.sum += b.sum
		all.min, all.max = math.Min(all.min, b.min), math.Max(all.max, b.max)
		all.opaque = all.opaque || b.opaque
		all.values = append(all.values, b.values...)
	}
	all.values = compact(all.values)
	return all
}

// round makes a bucket small enough to be stored.
func (b bucket) round() bucket {
	if len(b.values) <= maxExact {
		return b
	}
	for i := range b.values {
		b.values[i].value = min(max(rounded(b.values[i].value), b.min), b.max)
	}
	b.values = compact(b.values)
	return b
}

// rounded is the nearest power of step; rounding again changes nothing.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	k := math.Round(math.Log(math.Abs(v)) / math.Log(step))
	return math.Copysign(math.Exp(k*math.Log(step)), v)
}

// compact sorts values and joins equal ones.
func compact(values []valueCount) []valueCount {
	slices.SortFunc(values, func(a, b valueCount) int { return cmp.Compare(a.value, b.value) })
	out := values[:0]
	for _, v := range values {
		if n := len(out); n > 0 && out[n-1].value == v.value {
			out[n-1].count += v.count
			continue
		}
		out = append(out, v)
	}
	return out
}

// percentile is the smallest value that at least p percent of the samples do not exceed. It is not known when a part of
// the samples is not, nor, as on AWS, when one of them is negative.
func (b bucket) percentile(p float64) (float64, bool) {
	if b.opaque || b.min < 0 || len(b.values) == 0 {
		return 0, false
	}
	rank := p / 100 * b.count
	seen := 0.0
	for _, v := range b.values {
		if seen += v.count; seen >= rank {
			return v.value, true
		}
	}
	return b.max, true
}
