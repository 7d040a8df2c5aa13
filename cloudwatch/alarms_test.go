package cloudwatch_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"drey/cloudwatch"
	"drey/edge/edgetest"
	model "drey/model/cloudwatch"
	"drey/wire"
)

const alarmARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"

func static(name string) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("AWS/KinesisAnalytics"), MetricName: aws.String("downtime"), Dimensions: []types.Dimension{dimension("Application", "order-processor")},
		Statistic: types.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
}

func calculated(name, expression string) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{
		AlarmName: &name, EvaluationPeriods: aws.Int32(3), DatapointsToAlarm: aws.Int32(2), Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Metrics: []types.MetricDataQuery{{Id: aws.String("e1"), Expression: &expression}, metric("m1", "orders", "Sum")},
	}
}

func mustPut(t *testing.T, c *sdk.Client, in *sdk.PutMetricAlarmInput) {
	t.Helper()
	if _, err := c.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func TestAlarmKeepsWhatItWasGiven(t *testing.T) {
	c := client(t, serve(t))
	in := static("down")
	in.AlarmDescription, in.TreatMissingData = aws.String("the job is down"), aws.String("breaching")
	in.AlarmActions, in.OKActions = []string{"arn:aws:sns:us-east-1:123456789012:ops"}, []string{"arn:aws:sns:us-east-1:123456789012:ops"}
	mustPut(t, c, in)
	mustPut(t, c, calculated("rate", "RATE(m1)"))
	out, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{})
	if err != nil || len(out.MetricAlarms) != 2 || len(out.CompositeAlarms) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	a := out.MetricAlarms[0]
	if *a.AlarmName != "down" || *a.AlarmArn != alarmARN+"down" || a.StateValue != types.StateValueInsufficientData || *a.StateReason != "Unchecked: Initial alarm creation" ||
		!*a.ActionsEnabled || *a.TreatMissingData != "breaching" || *a.Dimensions[0].Value != "order-processor" || a.AlarmActions[0] != in.AlarmActions[0] || *a.AlarmDescription != "the job is down" || a.StateUpdatedTimestamp == nil {
		t.Errorf("%+v", a)
	}
	if m := out.MetricAlarms[1]; len(m.Metrics) != 2 || *m.Metrics[0].Expression != "RATE(m1)" || *m.DatapointsToAlarm != 2 || m.MetricName != nil {
		t.Errorf("%+v", m)
	}
	if _, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: aws.String("down"), StateValue: types.StateValueOk, StateReason: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	in.Threshold, in.ActionsEnabled = aws.Float64(5), aws.Bool(false)
	mustPut(t, c, in)
	out, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmNames: []string{"down"}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
	if err != nil || *out.MetricAlarms[0].Threshold != 5 || *out.MetricAlarms[0].ActionsEnabled || out.MetricAlarms[0].StateValue != types.StateValueOk {
		t.Errorf("an update keeps the state: %+v, %v", out, err)
	}
	found, err := c.DescribeAlarmsForMetric(t.Context(), &sdk.DescribeAlarmsForMetricInput{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions})
	if err != nil || len(found.MetricAlarms) != 1 {
		t.Errorf("for the metric: %+v, %v", found, err)
	}
	found, err = c.DescribeAlarmsForMetric(t.Context(), &sdk.DescribeAlarmsForMetricInput{Namespace: in.Namespace, MetricName: in.MetricName})
	if err != nil || len(found.MetricAlarms) != 0 {
		t.Errorf("for another metric: %+v, %v", found, err)
	}
}

func TestDescribeAlarmsFilters(t *testing.T) {
	c := client(t, serve(t))
	for i := range 5 {
		in := static(fmt.Sprintf("a%d", i))
		if i == 3 {
			in.InsufficientDataActions = []string{"arn:aws:sns:us-east-1:123456789012:ops"}
		}
		mustPut(t, c, in)
	}
	mustPut(t, c, static("b"))
	for _, parent := range []struct{ name, rule string }{{"all", "ALARM(a0) AND ALARM(a1)"}, {"top", "ALARM(all) OR ALARM(b)"}} {
		if _, err := c.PutCompositeAlarm(t.Context(), &sdk.PutCompositeAlarmInput{AlarmName: &parent.name, AlarmRule: &parent.rule}); err != nil {
			t.Fatal(err)
		}
	}
	both := []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}
	for name, x := range map[string]struct {
		in   sdk.DescribeAlarmsInput
		want string
	}{
		"Names":     {sdk.DescribeAlarmsInput{AlarmNames: []string{"a1", "all", "nobody"}}, "a1"},
		"Prefix":    {sdk.DescribeAlarmsInput{AlarmNamePrefix: aws.String("a"), AlarmTypes: both}, "a0 a1 a2 a3 a4 all"},
		"Composite": {sdk.DescribeAlarmsInput{AlarmTypes: both[1:]}, "all top"},
		"State":     {sdk.DescribeAlarmsInput{AlarmTypes: both, StateValue: types.StateValueOk}, "all top"},
		"Action":    {sdk.DescribeAlarmsInput{ActionPrefix: aws.String("arn:aws:sns")}, "a3"},
		"Children":  {sdk.DescribeAlarmsInput{ChildrenOfAlarmName: aws.String("top")}, "b all"},
		"Parents":   {sdk.DescribeAlarmsInput{ParentsOfAlarmName: aws.String("a1")}, "all"},
		"Pages":     {sdk.DescribeAlarmsInput{MaxRecords: aws.Int32(2), AlarmTypes: both}, "a0 a1 a2 a3 a4 all b top"},
	} {
		var names []string
		for pages := sdk.NewDescribeAlarmsPaginator(c, &x.in); pages.HasMorePages(); {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(name, err)
			}
			for _, a := range out.MetricAlarms {
				names = append(names, *a.AlarmName)
			}
			for _, a := range out.CompositeAlarms {
				names = append(names, *a.AlarmName)
			}
		}
		if got := strings.Join(names, " "); got != x.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	_, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{NextToken: aws.String("no token")})
	refused(t, err, "InvalidNextToken", "NextToken")
	_, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmNames: []string{"a"}, AlarmNamePrefix: aws.String("a")})
	refused(t, err, "InvalidParameterCombination", "mutually exclusive")
	_, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{ChildrenOfAlarmName: aws.String("a"), StateValue: types.StateValueOk})
	refused(t, err, "InvalidParameterCombination", "ChildrenOfAlarmName")
}

func TestRefusedAlarms(t *testing.T) {
	c := client(t, serve(t))
	math := func(change func(*sdk.PutMetricAlarmInput)) func(*sdk.PutMetricAlarmInput) {
		return func(in *sdk.PutMetricAlarmInput) { *in = *calculated("x", "m1 * 2"); change(in) }
	}
	percentile := func(p string, in *sdk.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", &p }
	for name, x := range map[string]struct {
		change     func(*sdk.PutMetricAlarmInput)
		code, want string
	}{
		"Name":        {func(in *sdk.PutMetricAlarmInput) { in.AlarmName = aws.String("a\x7fb") }, "ValidationError", "AlarmName"},
		"MetricName":  {func(in *sdk.PutMetricAlarmInput) { in.MetricName = nil }, "MissingParameter", "MetricName"},
		"Namespace":   {func(in *sdk.PutMetricAlarmInput) { in.Namespace = nil }, "MissingParameter", "Namespace"},
		"NoPeriod":    {func(in *sdk.PutMetricAlarmInput) { in.Period = nil }, "MissingParameter", "Period"},
		"Threshold":   {func(in *sdk.PutMetricAlarmInput) { in.Threshold = nil }, "MissingParameter", "Threshold"},
		"Periods":     {func(in *sdk.PutMetricAlarmInput) { in.EvaluationPeriods = nil }, "MissingParameter", "EvaluationPeriods"},
		"NoOperator":  {func(in *sdk.PutMetricAlarmInput) { in.ComparisonOperator = "" }, "MissingParameter", "ComparisonOperator"},
		"NoStatistic": {func(in *sdk.PutMetricAlarmInput) { in.Statistic = "" }, "MissingParameter", "Statistic"},
		"Statistics":  {func(in *sdk.PutMetricAlarmInput) { in.ExtendedStatistic = aws.String("p99") }, "InvalidParameterCombination", "mutually exclusive"},
		"Extended":    {func(in *sdk.PutMetricAlarmInput) { percentile("q99", in) }, "ValidationError", "q99"},
		"LowSamples":  {func(in *sdk.PutMetricAlarmInput) { in.EvaluateLowSampleCountPercentile = aws.String("ignore") }, "ValidationError", "percentile"},
		"LowSamplesOf": {func(in *sdk.PutMetricAlarmInput) {
			percentile("p99", in)
			in.EvaluateLowSampleCountPercentile = aws.String("skip")
		}, "ValidationError", "skip"},
		"LowTrimmed": {func(in *sdk.PutMetricAlarmInput) {
			percentile("tm99", in)
			in.EvaluateLowSampleCountPercentile = aws.String("ignore")
		}, "ValidationError", "percentile"},
		"Period":    {func(in *sdk.PutMetricAlarmInput) { in.Period = aws.Int32(5) }, "ValidationError", "10, 20, 30 or a multiple of 60"},
		"Day":       {func(in *sdk.PutMetricAlarmInput) { in.EvaluationPeriods = aws.Int32(1441) }, "ValidationError", "across more than a day (EvaluationPeriods * Period must be <= 86400)"},
		"Week":      {func(in *sdk.PutMetricAlarmInput) { in.Period, in.EvaluationPeriods = aws.Int32(3600), aws.Int32(169) }, "ValidationError", "604800"},
		"MOutOfN":   {func(in *sdk.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(2) }, "ValidationError", "DatapointsToAlarm"},
		"Treatment": {func(in *sdk.PutMetricAlarmInput) { in.TreatMissingData = aws.String("bad") }, "ValidationError", "TreatMissingData"},
		"Action":    {func(in *sdk.PutMetricAlarmInput) { in.AlarmActions = []string{"ops"} }, "ValidationError", "Invalid arn syntax: ops"},
		"Anomaly":   {func(in *sdk.PutMetricAlarmInput) { in.ThresholdMetricId = aws.String("b") }, "ValidationError", "anomaly"},
		"Band": {func(in *sdk.PutMetricAlarmInput) {
			in.ComparisonOperator = types.ComparisonOperatorLessThanLowerOrGreaterThanUpperThreshold
		}, "ValidationError", "anomaly"},
		"PromQL": {func(in *sdk.PutMetricAlarmInput) { in.EvaluationInterval = aws.Int32(60) }, "ValidationError", "PromQL"},
		"Tag": {func(in *sdk.PutMetricAlarmInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}
		}, "InvalidParameterValue", "aws:"},

		"MathAndMetric": {math(func(in *sdk.PutMetricAlarmInput) { in.MetricName = aws.String("x") }), "InvalidParameterCombination", "mutually exclusive"},
		"NothingShown":  {math(func(in *sdk.PutMetricAlarmInput) { in.Metrics[0].ReturnData = aws.Bool(false) }), "ValidationError", "Exactly one element"},
		"TwoShown":      {math(func(in *sdk.PutMetricAlarmInput) { in.Metrics[1].ReturnData = nil }), "ValidationError", "Exactly one element"},
		"Array":         {math(func(in *sdk.PutMetricAlarmInput) { in.Metrics[0].Expression = aws.String("METRICS() * 2") }), "ValidationError", "single time series"},
		"Scalar":        {math(func(in *sdk.PutMetricAlarmInput) { in.Metrics[0].Expression = aws.String("MAX(m1)") }), "ValidationError", "Scalar"},
		"Search": {math(func(in *sdk.PutMetricAlarmInput) {
			in.Metrics[0].Expression = aws.String(`SUM(SEARCH('{Shop}', 'Sum', 60))`)
		}), "ValidationError", "SEARCH is not supported in alarms"},
		"OtherPeriods": {math(func(in *sdk.PutMetricAlarmInput) {
			m := metric("m2", "errors", "Sum")
			m.MetricStat.Period = aws.Int32(300)
			in.Metrics = append(in.Metrics, m)
		}), "ValidationError", "Period must be consistent"},
	} {
		t.Run(name, func(t *testing.T) {
			in := static("x")
			x.change(in)
			_, err := c.PutMetricAlarm(t.Context(), in)
			refused(t, err, x.code, x.want)
		})
	}
	if out, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{}); err != nil || len(out.MetricAlarms) != 0 {
		t.Errorf("a refused alarm is there: %+v, %v", out, err)
	}
}

// TestAlarmNames has names that are not ASCII: they are put, set, found in rules and told in the history.
func TestAlarmNames(t *testing.T) {
	c := client(t, serve(t))
	long := "x" + strings.Repeat("ü", 124) // the summary of its history is cut within an ü
	mustPut(t, c, static(long))
	if _, err := c.PutCompositeAlarm(t.Context(), &sdk.PutCompositeAlarmInput{AlarmName: aws.String("気温"), AlarmRule: aws.String(`ALARM("` + long + `")`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: &long, StateValue: types.StateValueAlarm, StateReason: aws.String("test")}); err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmNames: []string{"気温"}, AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
	if err != nil || len(out.CompositeAlarms) != 1 || out.CompositeAlarms[0].StateValue != types.StateValueAlarm {
		t.Errorf("%+v, %v", out, err)
	}
	history, err := c.DescribeAlarmHistory(t.Context(), &sdk.DescribeAlarmHistoryInput{AlarmName: &long, HistoryItemType: types.HistoryItemTypeConfigurationUpdate})
	if err != nil || len(history.AlarmHistoryItems) != 1 || *history.AlarmHistoryItems[0].AlarmName != long {
		t.Fatalf("%+v, %v", history, err)
	}
	if s := *history.AlarmHistoryItems[0].HistorySummary; !utf8.ValidString(s) || len(s) > 255 || strings.ContainsRune(s, utf8.RuneError) {
		t.Errorf("summary %q", s)
	}
}

func TestCompositeAlarms(t *testing.T) {
	c := client(t, serve(t))
	mustPut(t, c, static("cpu"))
	mustPut(t, c, static("disk"))
	composite := &sdk.PutCompositeAlarmInput{AlarmName: aws.String("both"), AlarmRule: aws.String(`ALARM(cpu) AND ALARM("` + alarmARN + `disk")`)}
	if _, err := c.PutCompositeAlarm(t.Context(), composite); err != nil {
		t.Fatal(err)
	}
	state := func() types.CompositeAlarm {
		t.Helper()
		out, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
		if err != nil || len(out.CompositeAlarms) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.CompositeAlarms[0]
	}
	if a := state(); a.StateValue != types.StateValueOk || *a.StateReason != alarmARN+"both was created and its alarm rule evaluates to OK" {
		t.Errorf("%s: %s", a.StateValue, *a.StateReason)
	}
	set := func(name string, v types.StateValue) {
		t.Helper()
		if _, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: &name, StateValue: v, StateReason: aws.String("a test")}); err != nil {
			t.Fatal(err)
		}
	}
	set("cpu", types.StateValueAlarm)
	if a := state(); a.StateValue != types.StateValueOk {
		t.Errorf("one of two: %s", a.StateValue)
	}
	set("disk", types.StateValueAlarm)
	a := state()
	if a.StateValue != types.StateValueAlarm || !strings.HasPrefix(*a.StateReason, alarmARN+"disk transitioned to ALARM at ") || !strings.HasPrefix(*a.StateReasonData, `{"triggeringAlarms":[{"arn":"`+alarmARN+`disk","state":{"value":"ALARM","timestamp":"`) {
		t.Errorf("%s: %s, %s", a.StateValue, *a.StateReason, *a.StateReasonData)
	}
	set("both", types.StateValueOk)
	if a := state(); a.StateValue != types.StateValueOk || *a.StateReason != "a test" {
		t.Errorf("a state that was set stays until a child changes: %s", a.StateValue)
	}
	composite.AlarmRule = aws.String("TRUE")
	if _, err := c.PutCompositeAlarm(t.Context(), composite); err != nil {
		t.Fatal(err)
	}
	if a := state(); a.StateValue != types.StateValueAlarm || *a.StateReason != alarmARN+"both was updated and its alarm rule evaluates to ALARM" {
		t.Errorf("%s: %s", a.StateValue, *a.StateReason)
	}
}

func TestRefusedCompositeAlarms(t *testing.T) {
	c := client(t, serve(t))
	mustPut(t, c, static("a"))
	for name, x := range map[string]struct {
		in         sdk.PutCompositeAlarmInput
		code, want string
	}{
		"Syntax":      {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("ALARM(a) AND")}, "ValidationError", "AlarmRule is invalid: the rule ends too early"},
		"Unknown":     {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("ALARM(b) OR ALARM(a)")}, "ValidationError", "alarms [b] in the alarm rule do not exist"},
		"OtherRegion": {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a)")}, "ValidationError", "do not exist"},
		"Kind":        {sdk.PutCompositeAlarmInput{AlarmName: aws.String("a"), AlarmRule: aws.String("TRUE")}, "ValidationError", "MetricAlarm"},
		"NoWait":      {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("TRUE"), ActionsSuppressor: aws.String("a")}, "MissingParameter", "ActionsSuppressorWaitPeriod"},
		"OnlyWait":    {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("TRUE"), ActionsSuppressorWaitPeriod: aws.Int32(1)}, "InvalidParameterCombination", "ActionsSuppressor"},
		"Suppressor":  {sdk.PutCompositeAlarmInput{AlarmRule: aws.String("TRUE"), ActionsSuppressor: aws.String("b"), ActionsSuppressorWaitPeriod: aws.Int32(1), ActionsSuppressorExtensionPeriod: aws.Int32(1)}, "ValidationError", "[b] in the actions suppressor"},
	} {
		if x.in.AlarmName == nil {
			x.in.AlarmName = aws.String("x")
		}
		_, err := c.PutCompositeAlarm(t.Context(), &x.in)
		t.Run(name, func(t *testing.T) { refused(t, err, x.code, x.want) })
	}
}

func TestDeleteAlarms(t *testing.T) {
	c := client(t, serve(t))
	for _, name := range []string{"a", "b", "c"} {
		mustPut(t, c, static(name))
	}
	for name, rule := range map[string]string{"x": "ALARM(a)", "y": "FALSE"} {
		if _, err := c.PutCompositeAlarm(t.Context(), &sdk.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule}); err != nil {
			t.Fatal(err)
		}
	}
	del := func(names ...string) error {
		_, err := c.DeleteAlarms(t.Context(), &sdk.DeleteAlarmsInput{AlarmNames: names})
		return err
	}
	refused(t, del("a"), "ValidationError", "depending on it: [x]")
	refused(t, del("x", "y"), "ValidationError", "at most one composite alarm")
	if err := del("a", "x", "b", "nobody"); err != nil {
		t.Error(err)
	}
	out, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}})
	if err != nil || len(out.MetricAlarms) != 1 || len(out.CompositeAlarms) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	h, err := c.DescribeAlarmHistory(t.Context(), &sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("a")})
	if err != nil || len(h.AlarmHistoryItems) != 2 || *h.AlarmHistoryItems[0].HistorySummary != `Alarm "a" deleted` {
		t.Errorf("the history of a deleted alarm: %+v, %v", h, err)
	}
}

func TestAlarmHistory(t *testing.T) {
	c := client(t, serve(t))
	in := static("a")
	in.AlarmActions = []string{"arn:aws:ssm:us-east-1:123456789012:opsitem:1"}
	mustPut(t, c, in)
	for _, v := range []types.StateValue{types.StateValueOk, types.StateValueOk, types.StateValueAlarm} {
		if _, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: v, StateReason: aws.String("a test"), StateReasonData: aws.String(`{"k":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
	history := func(in sdk.DescribeAlarmHistoryInput) (items []types.AlarmHistoryItem) {
		t.Helper()
		for pages := sdk.NewDescribeAlarmHistoryPaginator(c, &in); pages.HasMorePages(); {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, out.AlarmHistoryItems...)
		}
		return items
	}
	updates := history(sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("a"), HistoryItemType: types.HistoryItemTypeStateUpdate, ScanBy: types.ScanByTimestampAscending, MaxRecords: aws.Int32(1)})
	if len(updates) != 2 || *updates[0].HistorySummary != "Alarm updated from INSUFFICIENT_DATA to OK" || *updates[1].HistorySummary != "Alarm updated from OK to ALARM" || updates[0].AlarmType != types.AlarmTypeMetricAlarm {
		t.Fatalf("%+v", updates)
	}
	if want := `{"version":"1.0","oldState":{"stateValue":"OK","stateReason":"a test","stateReasonData":{"k":1}},"newState":{"stateValue":"ALARM","stateReason":"a test","stateReasonData":{"k":1}}}`; *updates[1].HistoryData != want {
		t.Errorf("%s", *updates[1].HistoryData)
	}
	if made := history(sdk.DescribeAlarmHistoryInput{HistoryItemType: types.HistoryItemTypeConfigurationUpdate}); len(made) != 1 || *made[0].HistorySummary != `Alarm "a" created` {
		t.Errorf("%+v", made)
	}
	if other := history(sdk.DescribeAlarmHistoryInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}); len(other) != 0 {
		t.Errorf("%+v", other)
	}
	if old := history(sdk.DescribeAlarmHistoryInput{EndDate: aws.Time(updates[0].Timestamp.Add(-1e9))}); len(old) != 0 {
		t.Errorf("%+v", old)
	}
	_, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: aws.String("b"), StateValue: types.StateValueOk, StateReason: aws.String("")})
	refused(t, err, "ResourceNotFound", "b")
	_, err = c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: aws.String("a"), StateValue: types.StateValueOk, StateReason: aws.String(""), StateReasonData: aws.String("{")})
	refused(t, err, "InvalidFormat", "JSON")
	_, err = c.DescribeAlarmHistory(t.Context(), &sdk.DescribeAlarmHistoryInput{NextToken: aws.String("x")})
	refused(t, err, "InvalidNextToken", "NextToken")
	_, err = c.DescribeAlarmHistory(t.Context(), &sdk.DescribeAlarmHistoryInput{AlarmContributorId: aws.String("x")})
	refused(t, err, "InvalidParameterValue", "AlarmContributorId")
}

// TestPagesStay reads pages while alarms and items of their history come and go: what stays is read once.
func TestPagesStay(t *testing.T) {
	c := client(t, serve(t))
	for _, name := range []string{"a", "b", "c", "d"} {
		mustPut(t, c, static(name))
	}
	alarms := sdk.NewDescribeAlarmsPaginator(c, &sdk.DescribeAlarmsInput{MaxRecords: aws.Int32(2)})
	items := sdk.NewDescribeAlarmHistoryPaginator(c, &sdk.DescribeAlarmHistoryInput{MaxRecords: aws.Int32(2)})
	var names, history []string
	for alarms.HasMorePages() || items.HasMorePages() {
		if alarms.HasMorePages() {
			out, err := alarms.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range out.MetricAlarms {
				names = append(names, *a.AlarmName)
			}
		}
		out, err := items.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range out.AlarmHistoryItems {
			history = append(history, *i.HistorySummary)
		}
		if _, err := c.DeleteAlarms(t.Context(), &sdk.DeleteAlarmsInput{AlarmNames: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(names, " "); got != "a b c d" {
		t.Errorf("alarms %s", got)
	}
	if got, want := strings.Join(history, ", "), `Alarm "d" created, Alarm "c" created, Alarm "b" created, Alarm "a" created`; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
}

func TestAlarmTags(t *testing.T) {
	c := client(t, serve(t))
	in := static("a")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}
	mustPut(t, c, in)
	in.Tags[0].Value = aws.String("ignored by an update")
	mustPut(t, c, in)
	arn := aws.String(alarmARN + "a")
	if _, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("c"), Value: aws.String("3")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil || len(out.Tags) != 2 || *out.Tags[0].Key+*out.Tags[0].Value+*out.Tags[1].Key+*out.Tags[1].Value != "c3teamshop" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: aws.String(alarmARN + "b")})
	refused(t, err, "ResourceNotFoundException", "b")
	_, err = c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceARN: aws.String("arn:aws:s3:::x"), Tags: []types.Tag{}})
	refused(t, err, "InvalidParameterValue", "ResourceARN")
	var many []types.Tag
	for i := range 49 {
		many = append(many, types.Tag{Key: aws.String(fmt.Sprint(i)), Value: aws.String("")})
	}
	_, err = c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceARN: arn, Tags: many})
	refused(t, err, "InvalidParameterValue", "at most 50 tags")
}

// TestTerraform makes the calls of Terraform's aws_cloudwatch_metric_alarm in the protocols of its versions: Query, JSON and
// CBOR (which the tests above speak).
func TestTerraform(t *testing.T) {
	at := serve(t)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	query := func(action string, v url.Values) (int, string) {
		v.Set("Action", action)
		v.Set("Version", "2010-08-01")
		return post(t, at, form, v.Encode())
	}
	status, answer := query("PutMetricAlarm", url.Values{
		"AlarmName": {"down"}, "ActionsEnabled": {"true"}, "AlarmActions.member.1": {"arn:aws:sns:us-east-1:123456789012:ops"}, "ComparisonOperator": {"GreaterThanThreshold"}, "EvaluationPeriods": {"2"},
		"Metrics.member.1.Id": {"e1"}, "Metrics.member.1.Expression": {"RATE(m1)"}, "Metrics.member.1.ReturnData": {"true"}, "Metrics.member.2.Id": {"m1"}, "Metrics.member.2.ReturnData": {"false"},
		"Metrics.member.2.MetricStat.Metric.MetricName": {"numberOfFailedCheckpoints"}, "Metrics.member.2.MetricStat.Metric.Namespace": {"AWS/KinesisAnalytics"},
		"Metrics.member.2.MetricStat.Period": {"60"}, "Metrics.member.2.MetricStat.Stat": {"Average"}, "Threshold": {"0"}, "TreatMissingData": {"missing"}, "Tags.member.1.Key": {"a"}, "Tags.member.1.Value": {"b"},
	})
	if status != 200 {
		t.Fatal(status, answer)
	}
	status, answer = query("DescribeAlarms", url.Values{"AlarmNames.member.1": {"down"}, "AlarmTypes.member.1": {"MetricAlarm"}})
	for _, want := range []string{"<AlarmName>down</AlarmName>", "<Expression>RATE(m1)</Expression>", "<AlarmArn>" + alarmARN + "down</AlarmArn>", "<StateValue>INSUFFICIENT_DATA</StateValue>", "<member>arn:aws:sns:us-east-1:123456789012:ops</member>", "<Threshold>0"} {
		if status != 200 || !strings.Contains(answer, want) {
			t.Errorf("no %s in %d %s", want, status, answer)
		}
	}
	status, answer = query("ListTagsForResource", url.Values{"ResourceARN": {alarmARN + "down"}})
	if status != 200 || !strings.Contains(answer, "<Key>a</Key>") {
		t.Errorf("%d %s", status, answer)
	}
	call := func(op string, in any) (int, string) {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return post(t, at, map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801." + op}, string(body))
	}
	status, answer = call("DescribeAlarms", map[string]any{"AlarmNames": []string{"down"}})
	if status != 200 || !strings.Contains(answer, `"AlarmName":"down"`) || !strings.Contains(answer, `"Threshold":0`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer = call("DeleteAlarms", map[string]any{"AlarmNames": []string{"down"}}); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	status, answer = call("PutMetricAlarm", map[string]any{"AlarmName": "x", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1})
	if status != 400 || !strings.Contains(answer, "MissingParameter") && !strings.Contains(answer, "MissingRequiredParameter") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAccess(t *testing.T) {
	s := opened(t, cloudwatch.Config{RoleOf: func(arn string) (string, error) {
		if strings.Contains(arn, ":scaling/") {
			return "arn:aws:iam::123456789012:role/scaler", nil
		}
		return "", nil
	}})
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: edgetest.Account, Region: edgetest.Region})
	for _, op := range model.Ops(s) {
		if _, err := s.Access(ctx, op.Name, op.NewInput()); err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
	}
	if _, err := s.PutMetricAlarm(ctx, &model.PutMetricAlarmInput{
		AlarmName: new("a"), Namespace: new("N"), MetricName: new("m"), Statistic: "Sum", Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: "LessThanThreshold",
		Tags: []model.Tag{{Key: new("team"), Value: new("shop")}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op   string
		in   any
		want string
	}{
		{"PutMetricData", &model.PutMetricDataInput{Namespace: new("Shop")}, "[cloudwatch:PutMetricData * map[cloudwatch:namespace:[Shop]]]"},
		{"GetMetricData", &model.GetMetricDataInput{}, "[cloudwatch:GetMetricData * map[]]"},
		{"DeleteAlarms", &model.DeleteAlarmsInput{AlarmNames: []string{"a", "b"}}, "[cloudwatch:DeleteAlarms " + alarmARN + "a map[aws:ResourceTag/team:[shop]]] [cloudwatch:DeleteAlarms " + alarmARN + "b map[]]"},
		{"DescribeAlarms", &model.DescribeAlarmsInput{}, "[cloudwatch:DescribeAlarms " + alarmARN + "* map[]]"},
		{"GetDashboard", &model.GetDashboardInput{DashboardName: new("d")}, "[cloudwatch:GetDashboard arn:aws:cloudwatch::123456789012:dashboard/d map[]]"},
		{"PutMetricAlarm", &model.PutMetricAlarmInput{AlarmName: new("n"), AlarmActions: []string{"arn:aws:kinesisanalytics:us-east-1:123456789012:scaling/app?role=scaler"}},
			"[cloudwatch:PutMetricAlarm " + alarmARN + "n map[cloudwatch:AlarmActions:[arn:aws:kinesisanalytics:us-east-1:123456789012:scaling/app?role=scaler]]] [iam:PassRole arn:aws:iam::123456789012:role/scaler map[iam:PassedToService:[cloudwatch.amazonaws.com]]]"},
	} {
		list, err := s.Access(ctx, c.op, c.in)
		var got []string
		for _, a := range list {
			got = append(got, fmt.Sprintf("[%s %s %v]", a.Action, a.Resource, a.Conditions))
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, %v", c.op, got, err)
		}
	}
}
