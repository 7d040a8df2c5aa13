package cloudwatch

import (
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

// "CloudWatch statistics definitions": what AWS knows beyond percentiles is recognised so that it can be refused as
// what it is.
var (
	percentileName = regexp.MustCompile(`^p(\d{1,3}(?:\.\d{1,10})?)$`)
	trimmedName    = regexp.MustCompile(`^(?:(?i:tm|wm|pr|tc|ts)[0-9(].*|(?i:iqm))$`)
)

// percentileStat parses p0 to p100.
func percentileStat(name string) (stat, bool) {
	m := percentileName.FindStringSubmatch(strings.ToLower(name))
	if m == nil {
		return nil, false
	}
	p, err := strconv.ParseFloat(m[1], 64)
	if err != nil || p > 100 {
		return nil, false
	}
	return func(b bucket) (float64, bool) { return b.percentile(p) }, true
}
