package cloudwatch

import (
	"context"
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

// A page token says behind what the page begins, so that nothing that comes or goes meanwhile moves it.
func encodePage(last string) *string {
	return new(base64.URLEncoding.EncodeToString([]byte(pagePrefix + last)))
}

const pagePrefix = "after "

// decodePage gives "" for the first page.
func decodePage(token *string) (last string, err error) {
	if token == nil {
		return "", nil
	}
	text, err := base64.URLEncoding.DecodeString(*token)
	last, ok := strings.CutPrefix(string(text), pagePrefix)
	if err != nil || !ok || last == "" {
		return "", model.InvalidNextToken.Errorf("The value for parameter NextToken is invalid.")
	}
	return last, nil
}

// DescribeAlarms lists alarms by name, metric alarms alone unless others are asked for.
func (s *Service) DescribeAlarms(ctx context.Context, in *model.DescribeAlarmsInput) (*model.DescribeAlarmsOutput, error) {
	if err := checkDescribe(in); err != nil {
		return nil, err
	}
	last, err := decodePage(in.NextToken)
	if err != nil {
		return nil, err
	}
	all, err := s.readAlarms(ctx, placeOf(ctx))
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(d *alarmDocument) bool { return d.Name <= last || !described(in, d, all) })
	out := &model.DescribeAlarmsOutput{CompositeAlarms: []model.CompositeAlarm{}, MetricAlarms: []model.MetricAlarm{}}
	if limit := pageLimit(in.MaxRecords); len(chosen) > limit {
		chosen, out.NextToken = chosen[:limit], encodePage(chosen[limit-1].Name)
	}
	for _, d := range chosen {
		if d.Composite != nil {
			out.CompositeAlarms = append(out.CompositeAlarms, d.composite())
		} else {
			out.MetricAlarms = append(out.MetricAlarms, d.metric())
		}
	}
	return out, nil
}

func checkDescribe(in *model.DescribeAlarmsInput) error {
	if in.AlarmNamePrefix != nil && in.AlarmNames != nil {
		return badCombination.Errorf("AlarmNamePrefix and AlarmNames are mutually exclusive and you have specified both.")
	}
	related := in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil
	if related && (in.AlarmNames != nil || in.AlarmNamePrefix != nil || in.StateValue != "" || in.ActionPrefix != nil || in.AlarmTypes != nil || in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil) {
		return badCombination.Errorf("ChildrenOfAlarmName and ParentsOfAlarmName cannot be combined with other parameters but MaxRecords and NextToken.")
	}
	return nil
}

// described tells whether the request asks for the alarm. all are those of the place.
func described(in *model.DescribeAlarmsInput, d *alarmDocument, all []*alarmDocument) bool {
	if in.ChildrenOfAlarmName != nil {
		return slices.ContainsFunc(all, func(p *alarmDocument) bool {
			return p.Name == *in.ChildrenOfAlarmName && slices.Contains(p.children(), d.Name)
		})
	}
	if in.ParentsOfAlarmName != nil {
		return slices.Contains(d.children(), *in.ParentsOfAlarmName)
	}
	types := in.AlarmTypes
	if len(types) == 0 {
		types = []model.AlarmType{model.AlarmTypeMetricAlarm}
	}
	switch {
	case !slices.Contains(types, d.kind()),
		in.AlarmNames != nil && !slices.Contains(in.AlarmNames, d.Name),
		!strings.HasPrefix(d.Name, deref(in.AlarmNamePrefix)),
		in.StateValue != "" && string(in.StateValue) != string(d.State):
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
	all, err := s.readAlarms(ctx, placeOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &model.DescribeAlarmsForMetricOutput{MetricAlarms: []model.MetricAlarm{}}
	wanted := newSeries("", "", *in.Namespace, *in.MetricName, dimensionsOf(in.Dimensions)).id()
	for _, d := range all {
		m := d.Metric
		switch {
		case m == nil || m.MetricName == nil,
			newSeries("", "", *m.Namespace, *m.MetricName, dimensionsOf(m.Dimensions)).id() != wanted,
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
