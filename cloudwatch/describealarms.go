package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	model "drey/model/cloudwatch"
)

const alarmsPerPage = 50

func pageLimit(limit *int32) int {
	if limit == nil {
		return alarmsPerPage
	}
	return int(*limit)
}

// encodePage makes a page token of where the page ends, and decodePage reads it; "" = there was no page before.
func encodePage(last string) *string {
	return new(base64.URLEncoding.EncodeToString([]byte("after " + last)))
}

func decodePage(token *string) (last string, err error) {
	if token == nil {
		return "", nil
	}
	text, err := base64.URLEncoding.DecodeString(*token)
	last, ok := strings.CutPrefix(string(text), "after ")
	if err != nil || !ok || last == "" {
		return "", badPage
	}
	return last, nil
}

var badPage = model.InvalidNextToken.Errorf("The value for parameter NextToken is invalid.")

// DescribeAlarms lists alarms by name, metric alarms alone unless others are asked for.
func (s *Service) DescribeAlarms(ctx context.Context, in *model.DescribeAlarmsInput) (*model.DescribeAlarmsOutput, error) {
	if err := checkDescribe(in); err != nil {
		return nil, err
	}
	last, err := decodePage(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &model.DescribeAlarmsOutput{CompositeAlarms: []model.CompositeAlarm{}, MetricAlarms: []model.MetricAlarm{}}
	limit, n := pageLimit(in.MaxRecords), 0
	err = s.eachDescribed(ctx, in, last, func(d *alarmDocument) bool {
		if n++; n > limit {
			out.NextToken = encodePage(last)
			return false
		}
		last = d.Name
		switch {
		case in.ParentsOfAlarmName != nil:
			out.CompositeAlarms = append(out.CompositeAlarms, model.CompositeAlarm{AlarmName: &d.Name, AlarmArn: new(d.arn())})
		case d.Composite != nil && in.ChildrenOfAlarmName != nil:
			out.CompositeAlarms = append(out.CompositeAlarms, model.CompositeAlarm{AlarmName: &d.Name, AlarmArn: new(d.arn()), StateValue: model.StateValue(d.State), StateUpdatedTimestamp: new(moment(d.StateUpdated))})
		case in.ChildrenOfAlarmName != nil:
			out.MetricAlarms = append(out.MetricAlarms, model.MetricAlarm{AlarmName: &d.Name, AlarmArn: new(d.arn()), StateValue: model.StateValue(d.State), StateUpdatedTimestamp: new(moment(d.StateUpdated))})
		case d.Composite != nil:
			out.CompositeAlarms = append(out.CompositeAlarms, d.composite())
		default:
			out.MetricAlarms = append(out.MetricAlarms, d.metric())
		}
		return true
	})
	return out, err
}

// eachDescribed gives the alarms that the request asks for, by name and behind a name, until fn wants no more.
func (s *Service) eachDescribed(ctx context.Context, in *model.DescribeAlarmsInput, last string, fn func(*alarmDocument) bool) error {
	p := placeOf(ctx)
	chosen := func(d *alarmDocument) bool { return d.Name <= last || !described(in, d) || fn(d) }
	return s.db.Read(ctx, func(tx *stdsql.Tx) error {
		if in.AlarmNames == nil && in.ChildrenOfAlarmName == nil && in.ParentsOfAlarmName == nil {
			prefix := deref(in.AlarmNamePrefix)
			return eachAlarm(ctx, tx, func(d *alarmDocument) bool { return strings.HasPrefix(d.Name, prefix) && chosen(d) },
				`SELECT document FROM cloudwatch_alarms WHERE account = ? AND region = ? AND name >= ? ORDER BY name`, p.Account, p.Region, max(prefix, last))
		}
		names, err := namesDescribed(ctx, tx, p, in)
		if err != nil {
			return err
		}
		found, err := scanNamed(ctx, tx, p, names)
		if err != nil {
			return err
		}
		for _, d := range found {
			if !chosen(d) {
				return nil
			}
		}
		return nil
	})
}

// namesDescribed are those of the request, of the alarms in the rule of a composite alarm, or of what depends on an alarm.
func namesDescribed(ctx context.Context, tx *stdsql.Tx, p place, in *model.DescribeAlarmsInput) ([]string, error) {
	switch {
	case in.ParentsOfAlarmName != nil:
		return dependents(ctx, tx, p, []string{*in.ParentsOfAlarmName})
	case in.ChildrenOfAlarmName == nil:
		return in.AlarmNames, nil
	}
	parents, err := scanNamed(ctx, tx, p, []string{*in.ChildrenOfAlarmName})
	if err != nil || len(parents) == 0 {
		return nil, err
	}
	return parents[0].children(), nil
}

func checkDescribe(in *model.DescribeAlarmsInput) error {
	if in.AlarmNamePrefix != nil && in.AlarmNames != nil {
		return badCombination.Errorf("AlarmNamePrefix and AlarmNames are mutually exclusive and you have specified both.")
	}
	related := in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil
	if related && (in.AlarmNames != nil || in.AlarmNamePrefix != nil || in.StateValue != "" || in.ActionPrefix != nil || in.AlarmTypes != nil || in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil) {
		return invalid.Errorf("ChildrenOfAlarmName and ParentsOfAlarmName cannot be combined with other parameters but MaxRecords and NextToken.")
	}
	return nil
}

// described tells whether the request asks for an alarm that has one of its names or its prefix.
func described(in *model.DescribeAlarmsInput, d *alarmDocument) bool {
	if in.ChildrenOfAlarmName != nil {
		return true
	}
	if in.ParentsOfAlarmName != nil {
		return slices.Contains(d.children(), *in.ParentsOfAlarmName)
	}
	types := in.AlarmTypes
	if len(types) == 0 {
		types = []model.AlarmType{model.AlarmTypeMetricAlarm}
	}
	if !slices.Contains(types, d.kind()) || in.StateValue != "" && string(in.StateValue) != string(d.State) {
		return false
	}
	if in.ActionPrefix == nil {
		return true
	}
	ok, bad, unknown := d.allActions()
	return slices.ContainsFunc(slices.Concat(ok, bad, unknown), func(a string) bool { return strings.HasPrefix(a, *in.ActionPrefix) })
}

func (d *alarmDocument) metric() model.MetricAlarm {
	m := d.Metric
	a := model.MetricAlarm{
		AlarmName: &d.Name, AlarmArn: new(d.arn()), AlarmDescription: m.AlarmDescription, AlarmConfigurationUpdatedTimestamp: new(moment(d.Updated)), ActionsEnabled: &d.Enabled,
		OKActions: listOf(m.OKActions), AlarmActions: listOf(m.AlarmActions), InsufficientDataActions: listOf(m.InsufficientDataActions),
		StateValue: model.StateValue(d.State), StateReason: &d.Reason, StateUpdatedTimestamp: new(moment(d.StateUpdated)), StateTransitionedTimestamp: new(moment(d.Transitioned)),
		MetricName: m.MetricName, Namespace: m.Namespace, Statistic: m.Statistic, ExtendedStatistic: m.ExtendedStatistic, Dimensions: listOf(m.Dimensions), Period: m.Period, Unit: m.Unit,
		EvaluationPeriods: m.EvaluationPeriods, DatapointsToAlarm: m.DatapointsToAlarm, Threshold: m.Threshold, ComparisonOperator: m.ComparisonOperator,
		TreatMissingData: m.TreatMissingData, EvaluateLowSampleCountPercentile: m.EvaluateLowSampleCountPercentile, Metrics: m.Metrics,
	}
	if d.ReasonData != "" {
		a.StateReasonData = &d.ReasonData
	}
	return a
}

func (d *alarmDocument) composite() model.CompositeAlarm {
	c := d.Composite
	a := model.CompositeAlarm{
		AlarmName: &d.Name, AlarmArn: new(d.arn()), AlarmDescription: c.AlarmDescription, AlarmConfigurationUpdatedTimestamp: new(moment(d.Updated)), ActionsEnabled: &d.Enabled,
		OKActions: listOf(c.OKActions), AlarmActions: listOf(c.AlarmActions), InsufficientDataActions: listOf(c.InsufficientDataActions),
		StateValue: model.StateValue(d.State), StateReason: &d.Reason, StateUpdatedTimestamp: new(moment(d.StateUpdated)), StateTransitionedTimestamp: new(moment(d.Transitioned)), AlarmRule: c.AlarmRule,
		ActionsSuppressor: c.ActionsSuppressor, ActionsSuppressorWaitPeriod: c.ActionsSuppressorWaitPeriod, ActionsSuppressorExtensionPeriod: c.ActionsSuppressorExtensionPeriod,
	}
	if d.ReasonData != "" {
		a.StateReasonData = &d.ReasonData
	}
	if by := d.Suppression.By; by != "" && d.pending() {
		a.ActionsSuppressedBy, a.ActionsSuppressedReason = model.ActionsSuppressedBy(by), new("Actions suppressed by "+string(by))
	}
	return a
}

// moment is a time as exact as AWS tells it.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// DescribeAlarmsForMetric lists the alarms on a metric itself; those on expressions it does not find, as on AWS.
func (s *Service) DescribeAlarmsForMetric(ctx context.Context, in *model.DescribeAlarmsForMetricInput) (*model.DescribeAlarmsForMetricOutput, error) {
	p := placeOf(ctx)
	var all []*alarmDocument
	err := s.db.Read(ctx, func(tx *stdsql.Tx) (err error) {
		all, err = scanAlarms(ctx, tx, `SELECT document FROM cloudwatch_alarms INDEXED BY cloudwatch_alarms_metric WHERE account = ? AND region = ?
			AND json_extract(document, '$.Metric.Namespace') = ? AND json_extract(document, '$.Metric.MetricName') = ? ORDER BY name`, p.Account, p.Region, *in.Namespace, *in.MetricName)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &model.DescribeAlarmsForMetricOutput{MetricAlarms: []model.MetricAlarm{}}
	wanted := newSeries("", "", *in.Namespace, *in.MetricName, dimensionsOf(in.Dimensions)).id()
	for _, d := range all {
		m := d.Metric
		switch {
		case newSeries("", "", *m.Namespace, *m.MetricName, dimensionsOf(m.Dimensions)).id() != wanted,
			in.Statistic != "" && in.Statistic != m.Statistic,
			in.ExtendedStatistic != nil && *in.ExtendedStatistic != deref(m.ExtendedStatistic),
			in.Period != nil && *in.Period != *m.Period,
			in.Unit != "" && in.Unit != m.Unit:
			continue
		}
		out.MetricAlarms = append(out.MetricAlarms, d.metric())
	}
	return out, nil
}
