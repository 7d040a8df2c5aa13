package insights

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// period is a length of time: a fixed one, or a number of calendar months.
type period struct {
	ms     float64 // 0 for months
	months int
}

var fixedUnits = map[string]time.Duration{
	"ms": time.Millisecond, "msec": time.Millisecond, "millisecond": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

var calendarUnits = map[string]int{
	"mo": 1, "mon": 1, "month": 1, "q": 3, "qtr": 3, "quarter": 3, "y": 12, "yr": 12, "year": 12,
}

// parsePeriod reads the number and the unit of a period ("Datetime functions").
func parsePeriod(amount, unit string) (period, bool) {
	n, err := strconv.ParseFloat(amount, 64)
	if err != nil || n <= 0 || n > 1e9 {
		return period{}, false
	}
	unit = strings.ToLower(unit)
	for _, u := range []string{unit, strings.TrimSuffix(unit, "s")} {
		if d, ok := fixedUnits[u]; ok {
			ms := n * float64(d.Milliseconds())
			return period{ms: ms}, ms >= 1 && ms == math.Trunc(ms)
		}
		if m, ok := calendarUnits[u]; ok {
			return period{months: int(n) * m}, n == math.Trunc(n) && n < 1e5
		}
	}
	return period{}, false
}

// maxMoment is where the years of an answer end to have four digits.
const maxMoment = 253402300799999

// monday is the beginning of a week: the epoch was a Thursday.
const monday = 4 * 24 * 3600 * 1000

// floor gives the beginning of the period that a time is in. Weeks begin on Monday.
func (p period) floor(ms float64) (float64, bool) {
	if math.IsNaN(ms) || math.Abs(ms) > maxMoment {
		return 0, false
	}
	if p.months == 0 {
		shift := 0.0
		if week := float64(fixedUnits["week"].Milliseconds()); math.Mod(p.ms, week) == 0 {
			shift = monday
		}
		return math.Floor((ms-shift)/p.ms)*p.ms + shift, true
	}
	t := time.UnixMilli(int64(ms)).UTC()
	n := t.Year()*12 + int(t.Month()) - 1
	return monthStart(n - (n%p.months+p.months)%p.months), true
}

func (p period) next(start float64) float64 {
	if p.months == 0 {
		return start + p.ms
	}
	t := time.UnixMilli(int64(start)).UTC()
	return monthStart(t.Year()*12 + int(t.Month()) - 1 + p.months)
}

func monthStart(n int) float64 {
	return float64(time.Date(0, time.Month(n+1), 1, 0, 0, 0, 0, time.UTC).UnixMilli())
}
