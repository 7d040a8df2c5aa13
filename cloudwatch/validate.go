package cloudwatch

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	model "drey/model/cloudwatch"
	"drey/wire"
)

// Limits of PutMetricData; "MetricDatum" and "CloudWatch service quotas".
const (
	maxData     = 1000
	maxEntities = 2
	maxValues   = 150
	oldest      = 14 * day
	newest      = 2 * time.Hour
)

// maxValue bounds what a sample may be.
var maxValue = math.Pow(2, 360)

// validation collects what is wrong with a request. AWS answers with the first kind of error and all of its messages.
type validation struct {
	now      time.Time
	code     wire.ErrorCode
	messages []string
}

func (v *validation) refuse(code wire.ErrorCode, format string, args ...any) {
	if len(v.messages) == 0 {
		v.code = code
	}
	if v.code == code {
		v.messages = append(v.messages, fmt.Sprintf(format, args...))
	}
}

func (v *validation) err() error {
	if len(v.messages) == 0 {
		return nil
	}
	return v.code.Errorf("%s", strings.Join(v.messages, "\n"))
}

var (
	badValue       = model.InvalidParameterValueException
	badCombination = model.InvalidParameterCombinationException
	missing        = model.MissingRequiredParameterException
)

func (v *validation) request(in *model.PutMetricDataInput) {
	if strings.HasPrefix(*in.Namespace, "AWS/") {
		v.refuse(badValue, "The value %s for parameter Namespace is invalid.", *in.Namespace)
	}
	if len(in.MetricData) == 0 && len(in.EntityMetricData) == 0 {
		v.refuse(missing, "The parameter MetricData is required.")
	}
	if len(in.EntityMetricData) > maxEntities {
		v.refuse(badValue, "The collection EntityMetricData must not have a size greater than %d.", maxEntities)
	}
	total := v.data("MetricData", in.MetricData)
	for i := range in.EntityMetricData {
		total += v.data(fmt.Sprintf("EntityMetricData.member.%d.MetricData", i+1), in.EntityMetricData[i].MetricData)
	}
	if total > maxData {
		v.refuse(badValue, "The collection MetricData must not have a size greater than %d.", maxData)
	}
}

func (v *validation) data(name string, data []model.MetricDatum) int {
	if len(data) <= maxData {
		for i := range data {
			v.datum(fmt.Sprintf("%s.member.%d", name, i+1), &data[i])
		}
	}
	return len(data)
}

func (v *validation) datum(name string, d *model.MetricDatum) {
	v.sources(name, d)
	if d.Value != nil {
		v.number(name+".Value", *d.Value)
	}
	if d.Values != nil {
		v.values(name, d)
	}
	if d.StatisticValues != nil {
		v.statistics(name+".StatisticValues", d.StatisticValues)
	}
	if t := d.Timestamp; t != nil {
		switch {
		case t.Before(v.now.Add(-oldest)):
			v.refuse(badValue, "The parameter %s.Timestamp must specify a time within the past two weeks.", name)
		case t.After(v.now.Add(newest)):
			v.refuse(badValue, "The parameter %s.Timestamp must specify a time no more than two hours in the future.", name)
		}
	}
	if r := d.StorageResolution; r != nil && *r != 1 && *r != 60 {
		v.refuse(badValue, "The value %d for parameter %s.StorageResolution is invalid.", *r, name)
	}
	v.dimensions(name+".Dimensions", d.Dimensions)
}

// sources checks that the samples come from exactly one member.
func (v *validation) sources(name string, d *model.MetricDatum) {
	var given []string
	for _, s := range []struct {
		member  string
		present bool
	}{{"Value", d.Value != nil}, {"Values", d.Values != nil}, {"StatisticValues", d.StatisticValues != nil}} {
		if s.present {
			given = append(given, name+"."+s.member)
		}
	}
	switch {
	case len(given) == 0:
		v.refuse(badCombination, "At least one of the parameters %s.Value and %s.StatisticValues must be specified.", name, name)
	case len(given) > 1:
		v.refuse(badCombination, "The parameters %s and %s are mutually exclusive and you have specified both.", given[0], given[1])
	}
}

func (v *validation) values(name string, d *model.MetricDatum) {
	if len(d.Values) == 0 {
		v.refuse(badCombination, "At least one of the parameters %s.Value and %s.StatisticValues must be specified.", name, name)
	}
	if len(d.Values) > maxValues {
		v.refuse(badValue, "The collection %s.Values must not have a size greater than %d.", name, maxValues)
		return
	}
	if d.Counts != nil && len(d.Counts) != len(d.Values) {
		v.refuse(badValue, "The parameters %s.Values and %s.Counts must be of the same size.", name, name)
	}
	for i, x := range d.Values {
		v.number(fmt.Sprintf("%s.Values.member.%d", name, i+1), x)
	}
	for i, x := range d.Counts {
		v.count(fmt.Sprintf("%s.Counts.member.%d", name, i+1), x)
	}
}

func (v *validation) statistics(name string, s *model.StatisticSet) {
	v.count(name+".SampleCount", *s.SampleCount)
	v.number(name+".Sum", *s.Sum)
	v.number(name+".Minimum", *s.Minimum)
	v.number(name+".Maximum", *s.Maximum)
	if *s.Maximum < *s.Minimum {
		v.refuse(badValue, "The parameter %s.Maximum must be greater than or equal to %s.Minimum.", name, name)
	}
}

func (v *validation) number(name string, x float64) {
	if math.IsNaN(x) || math.Abs(x) > maxValue {
		v.refuse(badValue, "The value %v for parameter %s is invalid.", x, name)
	}
}

func (v *validation) count(name string, x float64) {
	v.number(name, x)
	if x < 0 {
		v.refuse(badValue, "The value %v for parameter %s is invalid.", x, name)
	}
}

// dimensions checks what "Dimension" of the API reference asks of names and values.
func (v *validation) dimensions(name string, dimensions []model.Dimension) {
	seen := map[string]bool{}
	for i, d := range dimensions {
		at := fmt.Sprintf("%s.member.%d", name, i+1)
		if !printable(*d.Name) || strings.HasPrefix(*d.Name, ":") {
			v.refuse(badValue, "The value %s for parameter %s.Name is invalid.", *d.Name, at)
		}
		if !printable(*d.Value) {
			v.refuse(badValue, "The value %s for parameter %s.Value is invalid.", *d.Value, at)
		}
		if seen[*d.Name] {
			v.refuse(badValue, "The parameter %s.Name must be unique: %s is given twice.", at, *d.Name)
		}
		seen[*d.Name] = true
	}
}

// validAlarmName tells whether s is UTF-8 without control characters of ASCII and not blank (AlarmName of PutMetricAlarm).
func validAlarmName(s string) bool {
	return utf8.ValidString(s) && strings.TrimSpace(s) != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// printable tells whether s is ASCII without control characters and not blank.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) != ""
}
