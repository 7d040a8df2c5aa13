package alarm

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// TimeFormat is that of times in reasons' data and in messages.
const TimeFormat = "2006-01-02T15:04:05.000-0700"

// maxEvaluated bounds how many points the data lists: StateReasonData has at most 4,000 characters.
const maxEvaluated = 25

type reasonData struct {
	Version   string      `json:"version"`
	QueryDate string      `json:"queryDate"`
	StartDate string      `json:"startDate,omitempty"`
	Unit      string      `json:"unit,omitempty"`
	Statistic string      `json:"statistic,omitempty"`
	Period    int64       `json:"period"`
	Recent    []Number    `json:"recentDatapoints"`
	Threshold Number      `json:"threshold"`
	Evaluated []evaluated `json:"evaluatedDatapoints,omitempty"`
}

type evaluated struct {
	Timestamp string `json:"timestamp"`
	Samples   Number `json:"sampleCount,omitzero"`
	Value     Number `json:"value"`
}

// data is StateReasonData: recentDatapoints from old to new, evaluatedDatapoints from new to old.
func (c Condition) data(seen, points []Point, now time.Time) string {
	d := reasonData{
		Version: "1.0", QueryDate: now.UTC().Format(TimeFormat), Unit: c.Unit, Statistic: c.Statistic, Period: c.Period,
		Recent: []Number{}, Threshold: Number(c.Threshold),
	}
	for _, p := range points[max(0, len(points)-maxEvaluated):] {
		d.Recent = append(d.Recent, Number(p.Value))
	}
	if len(seen) > 0 {
		d.StartDate = at(seen[0])
	}
	for i := len(seen) - 1; i >= 0 && len(d.Evaluated) < maxEvaluated; i-- {
		d.Evaluated = append(d.Evaluated, evaluated{at(seen[i]), Number(seen[i].Samples), Number(seen[i].Value)})
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // numbers and strings
	}
	return string(b)
}

func at(p Point) string { return time.Unix(p.At, 0).UTC().Format(TimeFormat) }

// Number is written as AWS writes numbers: 70.0, 1.5, 1.0E10.
type Number float64

// MarshalJSON writes the number.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(number(float64(n))), nil }

func number(v float64) string {
	if a := math.Abs(v); v != 0 && (a < 1e-3 || a >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		e, err := strconv.Atoi(exponent)
		if err != nil {
			panic(err) // FormatFloat writes a number
		}
		return mantissa + "E" + strconv.Itoa(e)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
