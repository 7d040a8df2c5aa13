package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// TestTerraformWatching creates, reads, changes and destroys what watches an application: alarms, a dashboard, and what acts on its logs.
func TestTerraformWatching(t *testing.T) {
	p := newProvider(serve(t))
	for what, resource := range map[string]func(){
		"metric alarm": p.metricAlarmComesAndGoes, "metric query alarm": p.queryAlarmComesAndGoes, "composite alarm": p.compositeAlarmComesAndGoes, "dashboard": p.dashboardComesAndGoes,
		"log filters": p.logFiltersComeAndGo, "query definition": p.queryDefinitionComesAndGoes, "account policy": p.accountPolicyComesAndGoes, "group policy": p.groupPolicyComesAndGoes,
		"protected group": p.protectedGroupComesAndGoes,
	} {
		p.run(what, func(*testing.T) { resource() })
	}
}

// metricAlarm is how the provider finds an alarm; nil = it is not there, before its creation and after its destruction.
func (p *provider) metricAlarm(name string) *watch.MetricAlarm {
	p.t.Helper()
	out, err := p.cloudwatch.DescribeAlarms(p.t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []watch.AlarmType{watch.AlarmTypeMetricAlarm}})
	p.must(err)
	if len(out.MetricAlarms) == 0 {
		return nil
	}
	return &out.MetricAlarms[0]
}

func (p *provider) compositeAlarm(name string) *watch.CompositeAlarm {
	p.t.Helper()
	out, err := p.cloudwatch.DescribeAlarms(p.t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []watch.AlarmType{watch.AlarmTypeCompositeAlarm}})
	p.must(err)
	if len(out.CompositeAlarms) == 0 {
		return nil
	}
	return &out.CompositeAlarms[0]
}

// alarmTags reads the tags of an alarm, replaces them by the provider's two calls, and reads them again.
func (p *provider) alarmTags(arn *string) {
	p.t.Helper()
	ctx := p.t.Context()
	read := func(key, value string) {
		p.t.Helper()
		out, err := p.cloudwatch.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: arn})
		p.must(err)
		if len(out.Tags) != 1 || *out.Tags[0].Key != key || *out.Tags[0].Value != value {
			p.t.Errorf("the tags are %v", out.Tags)
		}
	}
	read("team", "orders")
	p.made(p.cloudwatch.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}}))
	p.made(p.cloudwatch.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: arn, Tags: []watch.Tag{{Key: new("stage"), Value: new("test")}}}))
	read("stage", "test")
}

var watchTags = []watch.Tag{{Key: new("team"), Value: new("orders")}}

const opsTopic = "arn:aws:sns:us-east-1:123456789012:ops"

// putMetricAlarm is aws_cloudwatch_metric_alarm on a metric.
func (p *provider) putMetricAlarm(name string, change func(*cloudwatch.PutMetricAlarmInput)) {
	p.t.Helper()
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, ComparisonOperator: watch.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: new(int32(2)), Threshold: new(0.0), TreatMissingData: new("missing"), ActionsEnabled: new(true),
		MetricName: new("downtime"), Namespace: new("AWS/KinesisAnalytics"), Period: new(int32(60)), Statistic: watch.StatisticAverage, Tags: watchTags,
		Dimensions: []watch.Dimension{{Name: new("Application"), Value: new("order-processor")}}, AlarmActions: []string{opsTopic},
	}
	if change != nil {
		change(in)
	}
	p.made(p.cloudwatch.PutMetricAlarm(p.t.Context(), in))
}

func (p *provider) deleteAlarm(name string) {
	p.t.Helper()
	p.made(p.cloudwatch.DeleteAlarms(p.t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{name}}))
	if p.metricAlarm(name) != nil || p.compositeAlarm(name) != nil {
		p.t.Errorf("the alarm %s is still there", name)
	}
}

func (p *provider) metricAlarmComesAndGoes() {
	const name = "terraform-down"
	if p.metricAlarm(name) != nil {
		p.t.Fatal("there is an alarm already")
	}
	p.putMetricAlarm(name, nil)
	a := p.metricAlarm(name)
	same(p, "the threshold", *a.Threshold, 0)
	same(p, "the missing data", *a.TreatMissingData, "missing")
	same(p, "the actions", strings.Join(a.AlarmActions, " "), opsTopic)
	same(p, "the other actions", len(a.OKActions)+len(a.InsufficientDataActions), 0)
	same(p, "the unit", a.Unit, "")
	same(p, "the datapoints", a.DatapointsToAlarm, nil)
	same(p, "the queries", len(a.Metrics), 0)
	p.alarmTags(a.AlarmArn)
	p.putMetricAlarm(name, func(in *cloudwatch.PutMetricAlarmInput) {
		in.Statistic, in.ExtendedStatistic, in.EvaluateLowSampleCountPercentile, in.Unit = "", new("p99.9"), new("ignore"), watch.StandardUnitMilliseconds
		in.DatapointsToAlarm, in.ActionsEnabled, in.AlarmDescription, in.AlarmActions = new(int32(1)), new(false), new("of the job"), nil
	})
	a = p.metricAlarm(name)
	same(p, "the statistic", string(a.Statistic)+*a.ExtendedStatistic, "p99.9")
	same(p, "the percentile", *a.EvaluateLowSampleCountPercentile, "ignore")
	same(p, "the unit", a.Unit, watch.StandardUnitMilliseconds)
	same(p, "the datapoints", *a.DatapointsToAlarm, 1)
	same(p, "the actions", *a.ActionsEnabled || len(a.AlarmActions) > 0, false)
	p.deleteAlarm(name)
	p.deleteAlarm(name) // what is gone is no error
}

func (p *provider) queryAlarmComesAndGoes() {
	const name = "terraform-rate"
	p.putMetricAlarm(name, func(in *cloudwatch.PutMetricAlarmInput) {
		in.MetricName, in.Namespace, in.Period, in.Statistic, in.Dimensions = nil, nil, nil, "", nil
		in.Metrics = []watch.MetricDataQuery{
			{Id: new("e1"), Expression: new("RATE(m1)"), Label: new("failures"), ReturnData: new(true)},
			{Id: new("m1"), ReturnData: new(false), MetricStat: &watch.MetricStat{Stat: new("Sum"), Period: new(int32(60)), Unit: watch.StandardUnitCount,
				Metric: &watch.Metric{MetricName: new("numberOfFailedCheckpoints"), Namespace: new("AWS/KinesisAnalytics"), Dimensions: []watch.Dimension{{Name: new("Application"), Value: new("order-processor")}}}}},
		}
	})
	a := p.metricAlarm(name)
	same(p, "the queries", len(a.Metrics), 2)
	e, m := a.Metrics[0], a.Metrics[1]
	same(p, "the expression", *e.Id+*e.Expression+*e.Label, "e1RATE(m1)failures")
	same(p, "what returns data", *e.ReturnData && !*m.ReturnData, true)
	same(p, "its period", e.Period, nil)
	same(p, "the metric", *m.MetricStat.Metric.MetricName+*m.MetricStat.Stat+string(m.MetricStat.Unit), "numberOfFailedCheckpointsSumCount")
	same(p, "the metric of the alarm", a.MetricName == nil && a.Namespace == nil && a.Period == nil && a.Statistic == "", true)
	p.deleteAlarm(name)
}

func (p *provider) compositeAlarmComesAndGoes() {
	const name = "terraform-both"
	ctx := p.t.Context()
	p.putMetricAlarm("terraform-a", nil)
	p.putMetricAlarm("terraform-b", nil)
	in := &cloudwatch.PutCompositeAlarmInput{AlarmName: new(name), AlarmRule: new("ALARM(terraform-a) OR ALARM(terraform-b)\n"), ActionsEnabled: new(true), OKActions: []string{opsTopic}, Tags: watchTags}
	p.made(p.cloudwatch.PutCompositeAlarm(ctx, in))
	a := p.compositeAlarm(name)
	same(p, "the rule", *a.AlarmRule, *in.AlarmRule)
	same(p, "the actions", strings.Join(a.OKActions, " "), opsTopic)
	same(p, "the suppressor", a.ActionsSuppressor, nil)
	p.alarmTags(a.AlarmArn)
	in.AlarmRule, in.OKActions, in.AlarmDescription = new("ALARM(terraform-a)"), nil, new("of the job")
	in.ActionsSuppressor, in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod = new("terraform-b"), new(int32(20)), new(int32(10))
	p.made(p.cloudwatch.PutCompositeAlarm(ctx, in))
	a = p.compositeAlarm(name)
	same(p, "the rule", *a.AlarmRule, "ALARM(terraform-a)")
	same(p, "the suppressor", *a.ActionsSuppressor, "terraform-b")
	same(p, "its periods", *a.ActionsSuppressorWaitPeriod*100+*a.ActionsSuppressorExtensionPeriod, 2010)
	p.absent("ValidationError")(p.cloudwatch.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"terraform-a"}}))
	for _, n := range []string{name, "terraform-a", "terraform-b"} {
		p.deleteAlarm(n)
	}
}

func (p *provider) dashboardComesAndGoes() {
	ctx, name := p.t.Context(), new("terraform-board")
	p.absent("ResourceNotFound")(p.cloudwatch.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: name}))
	for _, body := range []string{
		`{"widgets":[{"height":6,"properties":{"metrics":[["AWS/KinesisAnalytics","uptime","Application","order-processor"]],"period":300,"region":"us-east-1","stat":"Average","title":"Uptime"},"type":"metric","width":12,"x":0,"y":0}]}`,
		`{"widgets":[{"height":2,"properties":{"markdown":"# Orders"},"type":"text","width":6,"x":0,"y":0}]}`,
	} {
		out, err := p.cloudwatch.PutDashboard(ctx, &cloudwatch.PutDashboardInput{DashboardName: name, DashboardBody: &body})
		p.must(err)
		same(p, "the warnings", len(out.DashboardValidationMessages), 0)
		read, err := p.cloudwatch.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: name})
		p.must(err)
		same(p, "the body", *read.DashboardBody, body)
		same(p, "the ARN", *read.DashboardArn, "arn:aws:cloudwatch::123456789012:dashboard/terraform-board")
	}
	p.made(p.cloudwatch.DeleteDashboards(ctx, &cloudwatch.DeleteDashboardsInput{DashboardNames: []string{*name}}))
	p.absent("ResourceNotFound")(p.cloudwatch.DeleteDashboards(ctx, &cloudwatch.DeleteDashboardsInput{DashboardNames: []string{*name}}))
	p.absent("ResourceNotFound")(p.cloudwatch.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: name}))
}
