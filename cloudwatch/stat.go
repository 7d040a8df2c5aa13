package cloudwatch

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	model "drey/model/cloudwatch"
)

// stat computes a statistic; false = the samples do not tell.
type stat func(bucket) (float64, bool)

// stats are the statistics that every bucket knows.
var stats = map[model.Statistic]stat{
	model.StatisticSampleCount: func(b bucket) (float64, bool) { return b.count, true },
	model.StatisticAverage:     func(b bucket) (float64, bool) { return b.sum / b.count, true },
	model.StatisticSum:         func(b bucket) (float64, bool) { return b.sum, true },
	model.StatisticMinimum:     func(b bucket) (float64, bool) { return b.min, true },
	model.StatisticMaximum:     func(b bucket) (float64, bool) { return b.max, true },
}

// namedStat parses any statistic: those of every bucket, and the extended ones.
func namedStat(name string) (stat, bool) {
	if f, ok := stats[model.Statistic(name)]; ok {
		return f, true
	}
	return extendedStat(name)
}

// "CloudWatch statistics definitions", "Syntax".
var (
	shortName = regexp.MustCompile(`^(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)$`)
	rangeName = regexp.MustCompile(`^(TM|TC|TS|WM|PR)\((-?[0-9.]*)(%?):(-?[0-9.]*)(%?)\)$`)
)

// extendedStat parses what needs the single values.
func extendedStat(name string) (stat, bool) {
	if strings.EqualFold(name, "IQM") {
		return extendedStat("TM(25%:75%)")
	}
	if m := shortName.FindStringSubmatch(strings.ToLower(name)); m != nil {
		p, err := strconv.ParseFloat(m[2], 64)
		if err != nil || p > 100 {
			return nil, false
		}
		if m[1] == "p" {
			return func(b bucket) (float64, bool) { return b.percentile(p) }, true
		}
		return rangeStats[m[1]](bounds{low: 0, high: p, percent: true}), true
	}
	m := rangeName.FindStringSubmatch(name)
	if m == nil {
		return nil, false
	}
	b, ok := parseBounds(m[2], m[3], m[4], m[5])
	if !ok || b.percent && m[1] == "PR" {
		return nil, false
	}
	return rangeStats[strings.ToLower(m[1])](b), true
}

// bounds are those of a trimmed statistic: values above low and up to high, or the same of their ranks in percent.
type bounds struct {
	low, high float64
	percent   bool
}

func parseBounds(low, lowPercent, high, highPercent string) (b bounds, ok bool) {
	if low == "" && high == "" || low == "" && lowPercent != "" || high == "" && highPercent != "" {
		return b, false
	}
	if low != "" && high != "" && lowPercent != highPercent {
		return b, false
	}
	b.percent = lowPercent+highPercent != ""
	b.low, b.high = math.Inf(-1), math.Inf(1)
	if b.percent {
		b.low, b.high = 0, 100
	}
	for _, p := range []struct {
		text string
		to   *float64
	}{{low, &b.low}, {high, &b.high}} {
		if p.text == "" {
			continue
		}
		v, err := strconv.ParseFloat(p.text, 64)
		if err != nil {
			return b, false
		}
		*p.to = v
	}
	return b, b.low < b.high && !(b.percent && (b.low < 0 || b.high > 100))
}

// rangeStats make a statistic of its bounds.
var rangeStats = map[string]func(bounds) stat{
	"tm": func(x bounds) stat {
		return trimmed(x, func(b, in bucket) (float64, bool) { return in.sum / in.count, in.count > 0 })
	},
	"tc": func(x bounds) stat {
		return trimmed(x, func(_, in bucket) (float64, bool) { return in.count, true })
	},
	"ts": func(x bounds) stat {
		return trimmed(x, func(_, in bucket) (float64, bool) { return in.sum, true })
	},
	"pr": func(x bounds) stat {
		return trimmed(x, func(b, in bucket) (float64, bool) { return 100 * in.count / b.count, true })
	},
	"wm": winsorized,
}

// trimmed computes a statistic of the part of a bucket that is inside of the bounds.
func trimmed(x bounds, f func(b, inside bucket) (float64, bool)) stat {
	return func(b bucket) (float64, bool) {
		if !b.distributed() {
			return 0, false
		}
		return f(b, b.inside(x))
	}
}

// distributed tells whether all single values are known, and, as AWS wants it, none is negative.
func (b bucket) distributed() bool { return !b.opaque && b.min >= 0 && len(b.values) > 0 }

// inside is the part of a bucket within bounds. The samples up to a percentile are as many as percentile counts, so that
// what two bounds share is counted once.
func (b bucket) inside(x bounds) (in bucket) {
	first, last := math.Ceil(x.low/100*b.count), math.Ceil(x.high/100*b.count)
	seen := 0.0
	for _, v := range b.values {
		n := v.count
		switch {
		case x.percent:
			n = max(0, min(seen+v.count, last)-max(seen, first))
		case v.value <= x.low || v.value > x.high:
			n = 0
		}
		seen += v.count
		in.count, in.sum = in.count+n, in.sum+n*v.value
	}
	return in
}

// winsorized is the mean with what is outside of the bounds moved to them.
func winsorized(x bounds) stat {
	return func(b bucket) (float64, bool) {
		if !b.distributed() {
			return 0, false
		}
		low, high := x.low, x.high
		if x.percent {
			low, _ = b.percentile(x.low)
			high, _ = b.percentile(x.high)
		}
		sum := 0.0
		for _, v := range b.values {
			sum += v.count * min(max(v.value, low), high)
		}
		return sum / b.count, true
	}
}
