package cloudwatch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
)

// Limits of alarms.
const (
	maxAlarmMetrics = 20
	maxAlarmSpan    = 86400     // seconds that periods below an hour may span
	maxLongSpan     = 7 * 86400 // those of an hour and more
	maxAlarmTags    = 50
)

// PutMetricAlarm makes an alarm, in the state INSUFFICIENT_DATA, or changes one, which keeps its state. Tags count for new
// alarms alone, as on AWS.
func (s *Service) PutMetricAlarm(ctx context.Context, in *model.PutMetricAlarmInput) (*model.PutMetricAlarmOutput, error) {
	if err := checkMetricAlarm(in, placeOf(ctx).Account); err != nil {
		return nil, err
	}
	tags, err := alarmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	kept := *in
	kept.Tags = nil
	return &model.PutMetricAlarmOutput{}, s.changeOne(ctx, placeOf(ctx), *in.AlarmName, func(b *board) error {
		if old := b.alarms[*in.AlarmName]; old != nil && old.Composite != nil {
			return invalid.Errorf("An alarm of type CompositeAlarm with the name %s exists already.", *in.AlarmName)
		}
		d := b.configure(*in.AlarmName, in.ActionsEnabled, tags)
		d.Metric = &kept
		return nil
	})
}

// configure gives the alarm that is being put, with what both kinds have.
func (b *board) configure(name string, enabled *bool, tags map[string]string) *alarmDocument {
	old := b.alarms[name]
	d := &alarmDocument{place: b.place, Name: name, Tags: tags, State: alarm.InsufficientData, Reason: "Unchecked: Initial alarm creation", StateUpdated: b.now, Transitioned: b.now, Acted: alarm.InsufficientData}
	summary, kind := fmt.Sprintf("Alarm %q created", name), "Create"
	if old != nil {
		kept := *old
		d, summary, kind = &kept, fmt.Sprintf("Alarm %q updated", name), "Update"
	}
	d.Updated, d.Enabled = b.now, enabled == nil || *enabled
	b.put(d)
	b.history = append(b.history, d.configuration(b.now, kind, summary))
	return d
}

func checkMetricAlarm(in *model.PutMetricAlarmInput, account string) error {
	switch {
	case !validAlarmName(*in.AlarmName):
		return invalid.Errorf("The value %s for parameter AlarmName is invalid.", *in.AlarmName)
	case in.EvaluationCriteria != nil || in.EvaluationInterval != nil:
		return invalid.Errorf("The parameter EvaluationCriteria is not supported: this server has no PromQL.")
	case in.ThresholdMetricId != nil:
		return invalid.Errorf("The parameter ThresholdMetricId is not supported: this server has no anomaly detection models.")
	case in.EvaluationWindow != nil || in.WarmUpConfiguration != nil || in.ActionConfiguration != nil:
		return invalid.Errorf("The parameters EvaluationWindow, WarmUpConfiguration and ActionConfiguration are not supported by this server.")
	case in.EvaluationPeriods == nil:
		return missing.Errorf("The parameter EvaluationPeriods is required.")
	case in.ComparisonOperator == "":
		return missing.Errorf("The parameter ComparisonOperator is required.")
	case !alarm.Known(string(in.ComparisonOperator)):
		return invalid.Errorf("The comparison operator %s needs an anomaly detection model, which this server has not.", in.ComparisonOperator)
	case in.Threshold == nil:
		return missing.Errorf("The parameter Threshold is required.")
	case in.DatapointsToAlarm != nil && *in.DatapointsToAlarm > *in.EvaluationPeriods:
		return invalid.Errorf("DatapointsToAlarm can not be greater than EvaluationPeriods.")
	}
	if t := deref(in.TreatMissingData); !slices.Contains([]string{"", "missing", "ignore", "breaching", "notBreaching"}, t) {
		return invalid.Errorf("The value %s for parameter TreatMissingData must be one of [missing, ignore, breaching, notBreaching].", t)
	}
	if err := checkActions(in.OKActions, in.AlarmActions, in.InsufficientDataActions); err != nil {
		return err
	}
	check := checkStaticAlarm
	if len(in.Metrics) > 0 {
		check = checkMathAlarm
	}
	period, err := check(in, account)
	if err != nil {
		return err
	}
	return checkSpan(int64(period), int64(*in.EvaluationPeriods))
}

// validAlarmName tells whether name is UTF-8 without ASCII control characters ("PutMetricAlarm"), and not blank.
func validAlarmName(name string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return utf8.ValidString(name) && !strings.ContainsFunc(name, control) && strings.TrimSpace(name) != ""
}

func checkSpan(period, periods int64) error {
	switch {
	case period != 10 && period != 20 && period != 30 && period%60 != 0:
		return invalid.Errorf("Period must be 10, 20, 30 or a multiple of 60")
	case period < 3600 && period*periods > maxAlarmSpan:
		return invalid.Errorf("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
	case period*periods > maxLongSpan:
		return invalid.Errorf("Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).")
	}
	return nil
}

func checkActions(lists ...[]string) error {
	for _, list := range lists {
		for _, arn := range list {
			if len(strings.SplitN(arn, ":", 6)) < 6 || !strings.HasPrefix(arn, "arn:") {
				return invalid.Errorf("Invalid arn syntax: %s", arn)
			}
		}
	}
	return nil
}

func checkStaticAlarm(in *model.PutMetricAlarmInput, _ string) (period int32, err error) {
	switch {
	case in.MetricName == nil:
		return 0, missing.Errorf("The parameter MetricName is required.")
	case in.Namespace == nil:
		return 0, missing.Errorf("The parameter Namespace is required.")
	case in.Period == nil:
		return 0, missing.Errorf("The parameter Period is required.")
	case in.Statistic == "" && in.ExtendedStatistic == nil:
		return 0, missing.Errorf("Must specify either Statistic or ExtendedStatistic.")
	case in.Statistic != "" && in.ExtendedStatistic != nil:
		return 0, badCombination.Errorf("The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	}
	low := in.EvaluateLowSampleCountPercentile
	if in.ExtendedStatistic == nil {
		if low != nil {
			return 0, invalid.Errorf("Option EvaluateLowSampleCountPercentile can only be used when ExtendedStatistic is a percentile.")
		}
		return *in.Period, nil
	}
	if _, ok := extendedStat(*in.ExtendedStatistic); !ok {
		return 0, invalid.Errorf("The value %s for parameter ExtendedStatistic is not supported.", *in.ExtendedStatistic)
	}
	if low != nil && *low != "ignore" && *low != "evaluate" {
		return 0, invalid.Errorf("Option %s is not supported for EvaluateLowSampleCountPercentile. Supported options are evaluate and ignore.", *low)
	}
	if low != nil && percentileOf(*in.ExtendedStatistic) == 0 {
		return 0, invalid.Errorf("Option EvaluateLowSampleCountPercentile can only be used when ExtendedStatistic is a percentile.")
	}
	return *in.Period, nil
}

// percentileOf is the number of a percentile between 0 and 100; 0 for what is none.
func percentileOf(statistic string) float64 {
	p, err := strconv.ParseFloat(strings.TrimPrefix(strings.ToLower(statistic), "p"), 64)
	if err != nil || p >= 100 {
		return 0
	}
	return p
}

// checkMathAlarm holds what PutMetricAlarm wants of Metrics: one result, a single time series, of metrics with one period.
func checkMathAlarm(in *model.PutMetricAlarmInput, account string) (period int32, err error) {
	switch {
	case in.MetricName != nil || in.Namespace != nil || in.Period != nil || in.Statistic != "" || in.ExtendedStatistic != nil || in.Unit != "" || len(in.Dimensions) > 0:
		return 0, badCombination.Errorf("The parameters MetricName and Metrics are mutually exclusive and you have specified both.")
	case in.EvaluateLowSampleCountPercentile != nil:
		return 0, invalid.Errorf("Option EvaluateLowSampleCountPercentile can only be used when ExtendedStatistic is a percentile.")
	case len(in.Metrics) > maxAlarmMetrics:
		return 0, invalid.Errorf("The collection Metrics must not have a size greater than %d.", maxAlarmMetrics)
	}
	queries, err := checkQueries("Metrics", in.Metrics, account)
	if err != nil {
		return 0, err
	}
	var watched []query
	for _, q := range queries {
		if !q.hidden() {
			watched = append(watched, q)
		}
		switch {
		case q.expr != nil && q.expr.Uses("SEARCH"):
			return 0, invalid.Errorf("Error in expression '%s': SEARCH is not supported in alarms.", *q.Id)
		case q.MetricStat == nil:
			if q.Period != nil && period == 0 {
				period = *q.Period
			}
		case period != 0 && *q.MetricStat.Period != period:
			return 0, invalid.Errorf("Period must be consistent across all metrics. Found %d and %d.", period, *q.MetricStat.Period)
		default:
			period = *q.MetricStat.Period
		}
	}
	switch {
	case len(watched) != 1:
		return 0, invalid.Errorf("Exactly one element of the metrics list should return data.")
	case period == 0:
		return 0, invalid.Errorf("Period must not be null")
	}
	d := newDataset(queries)
	d.dry = true
	if series, err := d.results(watched[0]); err != nil || len(series) != 1 || d.isArray(watched[0]) {
		return 0, invalid.Errorf("The expression of '%s' does not produce a single time series.", *watched[0].Id)
	}
	return period, nil
}
