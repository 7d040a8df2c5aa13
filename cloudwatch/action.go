package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
)

// Action is what an alarm does in a new state.
type Action struct {
	ARN             string // of the action, as the alarm was given it
	Account, Region string
	Alarm, AlarmARN string
	Subject         string // of the notification, as SNS would send it
	Message         string // JSON, as CloudWatch hands it to SNS
	Plan            string // of Config.Plan
}

// ErrNoAction is the answer of Config.Act for an action that this server cannot carry out.
var ErrNoAction = errors.New("this server cannot carry out actions of this kind")

type queuedAction struct {
	kind model.AlarmType
	Action
	At time.Time // of the change of state
}

func newAction(d *alarmDocument, was alarm.State, arn string) queuedAction {
	return queuedAction{d.kind(), Action{
		ARN: arn, Account: d.Account, Region: d.Region, Alarm: d.Name, AlarmARN: d.arn(),
		Subject: fmt.Sprintf("%s: %q in %s", d.State, d.Name, regionName(d.Region)), Message: message(d, was),
	}, d.Transitioned}
}

func (q queuedAction) insert(ctx context.Context, tx *stdsql.Tx) error {
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO cloudwatch_actions (kind, document) VALUES (?, ?)`, string(q.kind), string(text))
	return err
}

// perform plans an action, unless it has been, and carries it out.
func (s *Service) perform(ctx context.Context, id int64, q *queuedAction) (err error) {
	if s.plan != nil && q.Plan == "" {
		if q.Plan, err = s.plan(ctx, q.Action); err != nil {
			return err
		}
		if q.Plan != "" {
			if err := s.keepPlan(ctx, id, q); err != nil {
				return err
			}
		}
	}
	if s.act == nil {
		return ErrNoAction
	}
	return s.act(ctx, q.Action)
}

func (s *Service) keepPlan(ctx context.Context, id int64, q *queuedAction) error {
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE cloudwatch_actions SET document = ? WHERE id = ?`, string(text), id)
		return err
	})
}

// outcome is the item of the history that tells how an action went.
func (q queuedAction) outcome(now time.Time, err error) historyItem {
	data := map[string]any{"actionState": "Succeeded", "stateUpdateTimestamp": q.At.UnixMilli(), "notificationResource": q.ARN}
	summary := "Successfully executed action " + q.ARN
	if err != nil {
		data["actionState"], data["error"] = "Failed", err.Error()
		summary = fmt.Sprintf("Failed to execute action %s. Received error: %q", q.ARN, err.Error())
	}
	d := alarmDocument{place: place{q.Account, q.Region}, Name: q.Alarm}
	item := d.item(now, model.HistoryItemTypeAction, summary, data)
	item.kind = q.kind
	return item
}

// alarmMessage is what CloudWatch publishes to SNS when an alarm changes.
type alarmMessage struct {
	AlarmName        string
	AlarmDescription *string
	AWSAccountId     string
	NewStateValue    alarm.State
	NewStateReason   string
	StateChangeTime  string
	Region           string
	AlarmArn         string
	OldStateValue    alarm.State

	OKActions, AlarmActions, InsufficientDataActions []string

	AlarmConfigurationUpdatedTimestamp string

	AlarmRule          string       `json:",omitempty"`
	TriggeringChildren []childState `json:",omitempty"`
	Trigger            any          `json:",omitempty"`
}

type childState struct {
	Arn   string
	State struct{ Value, Timestamp string }
}

func message(d *alarmDocument, was alarm.State) string {
	ok, bad, unknown := d.allActions()
	m := alarmMessage{
		AlarmName: d.Name, AWSAccountId: d.Account, NewStateValue: d.State, NewStateReason: d.Reason, StateChangeTime: d.Transitioned.UTC().Format(alarm.TimeFormat),
		Region: regionName(d.Region), AlarmArn: d.arn(), OldStateValue: was, OKActions: listOf(ok), AlarmActions: listOf(bad), InsufficientDataActions: listOf(unknown),
		AlarmConfigurationUpdatedTimestamp: d.Updated.UTC().Format(alarm.TimeFormat),
	}
	if c := d.Composite; c != nil {
		m.AlarmDescription, m.AlarmRule = c.AlarmDescription, *c.AlarmRule
		var data struct{ TriggeringAlarms []trigger }
		if err := json.Unmarshal([]byte(d.ReasonData), &data); err == nil { // SetAlarmState may have put something else there
			for _, t := range data.TriggeringAlarms {
				child := childState{Arn: t.ARN}
				child.State.Value, child.State.Timestamp = string(t.State.Value), t.State.Timestamp
				m.TriggeringChildren = append(m.TriggeringChildren, child)
			}
		}
	} else {
		m.AlarmDescription, m.Trigger = d.Metric.AlarmDescription, newTrigger(d.Metric)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // what this package made
	}
	return string(b)
}

// metricTrigger is the part of a message that tells what a metric alarm watches.
type metricTrigger struct {
	MetricName        *string              `json:",omitempty"`
	Namespace         *string              `json:",omitempty"`
	StatisticType     string               `json:",omitempty"`
	Statistic         string               `json:",omitempty"`
	ExtendedStatistic string               `json:",omitempty"`
	Unit              *model.StandardUnit  `json:",omitempty"`
	Dimensions        *[]messageDimension  `json:",omitempty"`
	Metrics           []metricQueryMessage `json:",omitempty"`

	Period, EvaluationPeriods        int32
	DatapointsToAlarm                *int32 `json:",omitempty"`
	ComparisonOperator               model.ComparisonOperator
	Threshold                        alarm.Number
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
}

type messageDimension struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

type metricQueryMessage struct {
	Id         *string
	Expression *string            `json:",omitempty"`
	Label      *string            `json:",omitempty"`
	Period     *int32             `json:",omitempty"`
	MetricStat *metricStatMessage `json:",omitempty"`
	ReturnData bool
}

type metricStatMessage struct {
	Metric struct {
		Dimensions            []messageDimension
		MetricName, Namespace *string
	}
	Period *int32
	Stat   *string
	Unit   model.StandardUnit `json:",omitempty"`
}

// statisticWords are the names of statistics in messages, which are older than those of the API.
var statisticWords = map[model.Statistic]string{
	model.StatisticAverage: "AVERAGE", model.StatisticSum: "SUM", model.StatisticMinimum: "MINIMUM", model.StatisticMaximum: "MAXIMUM", model.StatisticSampleCount: "SAMPLE_COUNT",
}

func newTrigger(m *model.PutMetricAlarmInput) metricTrigger {
	t := metricTrigger{
		Period: alarmPeriod(m), EvaluationPeriods: *m.EvaluationPeriods, DatapointsToAlarm: m.DatapointsToAlarm, ComparisonOperator: m.ComparisonOperator, Threshold: alarm.Number(*m.Threshold),
		TreatMissingData: deref(m.TreatMissingData), EvaluateLowSampleCountPercentile: deref(m.EvaluateLowSampleCountPercentile),
	}
	for _, q := range m.Metrics {
		out := metricQueryMessage{Id: q.Id, Expression: q.Expression, Label: q.Label, Period: q.Period, ReturnData: q.ReturnData == nil || *q.ReturnData}
		if s := q.MetricStat; s != nil {
			out.MetricStat = &metricStatMessage{Period: s.Period, Stat: s.Stat, Unit: s.Unit}
			out.MetricStat.Metric.Dimensions = messageDimensions(s.Metric.Dimensions)
			out.MetricStat.Metric.MetricName, out.MetricStat.Metric.Namespace = s.Metric.MetricName, s.Metric.Namespace
		}
		t.Metrics = append(t.Metrics, out)
	}
	if m.MetricName == nil {
		return t
	}
	t.MetricName, t.Namespace, t.Dimensions = m.MetricName, m.Namespace, new(messageDimensions(m.Dimensions))
	t.StatisticType, t.Statistic = "Statistic", statisticWords[m.Statistic]
	if m.ExtendedStatistic != nil {
		t.StatisticType, t.ExtendedStatistic = "ExtendedStatistic", *m.ExtendedStatistic
	}
	if m.Unit != "" {
		t.Unit = &m.Unit
	}
	return t
}

func messageDimensions(list []model.Dimension) []messageDimension {
	out := []messageDimension{}
	for _, d := range list {
		out = append(out, messageDimension{*d.Value, *d.Name})
	}
	return out
}

// regionName is how messages and subjects name a region.
func regionName(region string) string {
	if name, ok := regionNames[region]; ok {
		return name
	}
	return region
}

var regionNames = map[string]string{
	"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)", "ca-central-1": "Canada (Central)",
	"eu-central-1": "EU (Frankfurt)", "eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-north-1": "EU (Stockholm)", "eu-south-1": "EU (Milan)",
	"ap-northeast-1": "Asia Pacific (Tokyo)", "ap-northeast-2": "Asia Pacific (Seoul)", "ap-northeast-3": "Asia Pacific (Osaka)", "ap-southeast-1": "Asia Pacific (Singapore)",
	"ap-southeast-2": "Asia Pacific (Sydney)", "ap-south-1": "Asia Pacific (Mumbai)", "ap-east-1": "Asia Pacific (Hong Kong)", "sa-east-1": "South America (Sao Paulo)",
	"me-south-1": "Middle East (Bahrain)", "af-south-1": "Africa (Cape Town)",
}
