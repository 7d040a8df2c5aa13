package cloudwatch_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
)

// data is a client whose server holds the last minutes of some metrics.
type data struct {
	*sdk.Client
	t     *testing.T
	start time.Time
}

// putSeries puts values of successive minutes; NaN-like "-" leaves one out.
func (d data) putSeries(name, values string, dimensions ...types.Dimension) {
	d.t.Helper()
	in := &sdk.PutMetricDataInput{Namespace: aws.String("Shop")}
	for i, f := range strings.Fields(values) {
		var v float64
		if n, _ := fmt.Sscan(f, &v); n == 1 {
			in.MetricData = append(in.MetricData, types.MetricDatum{MetricName: &name, Dimensions: dimensions, Value: &v, Timestamp: aws.Time(d.start.Add(time.Duration(i) * time.Minute))})
		}
	}
	if _, err := d.PutMetricData(d.t.Context(), in); err != nil {
		d.t.Fatal(err)
	}
}

func shop(t *testing.T) data {
	t.Helper()
	d := data{client(t, serve(t)), t, time.Now().Add(-10 * time.Minute).Truncate(time.Minute)}
	d.putSeries("orders", "1 2 - 4")
	d.putSeries("errors", "0 1 1 2")
	d.putSeries("latency", "10 30 20 40", dimension("App", "a"))
	d.putSeries("latency", "1 3 2 4", dimension("App", "b"))
	return d
}

func dimension(name, value string) types.Dimension {
	return types.Dimension{Name: &name, Value: &value}
}

func metric(id, name, stat string, dimensions ...types.Dimension) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: &name, Dimensions: dimensions}, Period: aws.Int32(60), Stat: &stat,
	}}
}

func expression(id, text string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &text}
}

func (d data) input(queries ...types.MetricDataQuery) *sdk.GetMetricDataInput {
	return &sdk.GetMetricDataInput{StartTime: &d.start, EndTime: aws.Time(d.start.Add(4 * time.Minute)), ScanBy: types.ScanByTimestampAscending, MetricDataQueries: queries}
}

// show is "label: minute=value …" of each result.
func (d data) show(results []types.MetricDataResult) string {
	var list []string
	for _, r := range results {
		s := *r.Label + ":"
		for i, v := range r.Values {
			s += fmt.Sprintf(" %g=%g", r.Timestamps[i].Sub(d.start).Minutes(), v)
		}
		list = append(list, s)
	}
	return strings.Join(list, "; ")
}

func TestMetricMath(t *testing.T) {
	d := shop(t)
	three := []types.MetricDataQuery{metric("orders", "orders", "Sum"), metric("errors", "errors", "Sum"), metric("la", "latency", "Average", dimension("App", "a"))}
	for expr, want := range map[string]string{
		"100 * errors / orders":                        "e: 0=0 1=50 3=50",
		"FILL(orders, REPEAT)":                         "e: 0=1 1=2 2=2 3=4",
		"IF(errors > 0 AND la >= 30, la)":              "e: 1=30 3=40",
		"RATE(errors) * 60":                            "e: 1=1 2=0 3=1",
		"METRICS('or') + 1":                            "orders: 0=2 1=3 3=5; errors: 0=1 1=2 2=2 3=3",
		"TIME_SERIES(MAX(la))":                         "e: 0=40 1=40 2=40 3=40",
		"la / PERIOD(la)*6":                            "e: 0=1 1=3 2=2 3=4",
		`SEARCH('{Shop,App} latency', 'Maximum', 60)`:  "a: 0=10 1=30 2=20 3=40; b: 0=1 1=3 2=2 3=4",
		`SUM(SEARCH('{Shop,App} latency', 'Sum', 60))`: "e: 0=11 1=33 2=22 3=44",
		`SEARCH('{Shop} orders', 'Sum', 120)`:          "orders: 0=3 2=4",
		`SEARCH('{Elsewhere}', 'Sum', 60)`:             "",
	} {
		out, err := d.GetMetricData(t.Context(), d.input(append(three, expression("e", expr))...))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if got := d.show(out.MetricDataResults); got != want {
			t.Errorf("%s gives %s", expr, got)
		}
	}
}

func TestExpressionsOfExpressions(t *testing.T) {
	d := shop(t)
	out, err := d.GetMetricData(t.Context(), d.input(expression("last", "total / mean"), expression("total", "SUM([a, b])"), types.MetricDataQuery{
		Id: aws.String("mean"), Expression: aws.String("AVG(a)"), ReturnData: aws.Bool(false),
	}, metric("a", "latency", "Sum", dimension("App", "a")), metric("b", "latency", "Sum", dimension("App", "b"))))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.show(out.MetricDataResults); got != "last: 0=0.44 1=1.32 2=0.88 3=1.76; total: 0=11 1=33 2=22 3=44" {
		t.Error(got)
	}
}

func TestLabels(t *testing.T) {
	d := shop(t)
	a := metric("la", "latency", "Average", dimension("App", "a"))
	a.ReturnData = nil
	zone := aws.String("+0130")
	last := d.start.Add(3 * time.Minute).In(time.FixedZone("", 90*60)).Format("15:04:05 -0700")
	for label, want := range map[string]string{
		"plain": "plain", "": "", "[max: ${MAX}, min: ${MIN}] ${LABEL}": "[max: 40, min: 10] latency",
		"${AVG} ${SUM} ${FIRST} ${LAST} ${DATAPOINT_COUNT}":                             "25 100 10 40 4",
		"${PROP('Dim.App')} ${PROP('Stat')} ${PROP('Period')} ${PROP('MetricName')}":    "a Average 60 latency",
		"${MIN_MAX_RANGE} ${FIRST_LAST_RANGE} ${FIRST_LAST_TIME_RANGE} ${PROP('Nope')}": "30 30 3m0s ",
		"${LAST_TIME}": d.start.Add(3*time.Minute).In(time.FixedZone("", 90*60)).Format("2006-01-02 ") + last,
	} {
		a.Label = &label
		in := d.input(a)
		in.LabelOptions = &types.LabelOptions{Timezone: zone}
		out, err := d.GetMetricData(t.Context(), in)
		if err != nil || *out.MetricDataResults[0].Label != want {
			t.Errorf("%s: %+v, %v", label, out, err)
		}
	}
	search := expression("e", `SEARCH('{Shop,App} latency', 'Sum', 60)`)
	for label, want := range map[string]string{"Filled:": "Filled: a|Filled: b", "": "a|b", "${LABEL} up to ${MAX}": "a up to 40|b up to 4"} {
		search.Label = &label
		out, err := d.GetMetricData(t.Context(), d.input(search))
		if err != nil || len(out.MetricDataResults) != 2 || *out.MetricDataResults[0].Label+"|"+*out.MetricDataResults[1].Label != want {
			t.Errorf("%s: %+v, %v", label, out, err)
		}
	}
	empty := metric("x", "absent", "Sum")
	empty.ReturnData, empty.Label = nil, aws.String("${MAX}")
	if out, err := d.GetMetricData(t.Context(), d.input(empty)); err != nil || *out.MetricDataResults[0].Label != "--" {
		t.Errorf("a metric without points: %+v, %v", out, err)
	}
}

func TestDroppedDatapointsAreTold(t *testing.T) {
	d := shop(t)
	out, err := d.GetMetricData(t.Context(), d.input(metric("m", "errors", "Sum"), expression("e", "1 / m")))
	if err != nil {
		t.Fatal(err)
	}
	r := out.MetricDataResults[0]
	if len(r.Messages) != 1 || *r.Messages[0].Code != "ArithmeticError" || d.show(out.MetricDataResults) != "e: 1=1 2=1 3=0.5" {
		t.Errorf("%+v", r)
	}
}

// TestPagesOfExpressions reads every page size, in both orders, and wants what one page gives.
func TestPagesOfExpressions(t *testing.T) {
	d := shop(t)
	in := d.input(expression("s", `SEARCH('{Shop} latency', 'Sum', 60)`), metric("m", "orders", "Sum"), expression("e", "FILL(m, 0)"))
	for _, order := range []types.ScanBy{types.ScanByTimestampAscending, types.ScanByTimestampDescending} {
		in.ScanBy, in.MaxDatapoints, in.NextToken = order, nil, nil
		whole, err := d.GetMetricData(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		want := flat(whole.MetricDataResults)
		for size := int32(1); size <= 13; size++ {
			in.MaxDatapoints, in.NextToken = &size, nil
			var all []types.MetricDataResult
			for pages := 0; pages == 0 || in.NextToken != nil; pages++ {
				out, err := d.GetMetricData(t.Context(), in)
				if err != nil || pages > 13 {
					t.Fatal(pages, err)
				}
				all, in.NextToken = append(all, out.MetricDataResults...), out.NextToken
			}
			if got := flat(all); got != want {
				t.Fatalf("pages of %d: %s, want %s", size, got, want)
			}
		}
	}
}

func flat(results []types.MetricDataResult) (s string) {
	for _, r := range results {
		for i, v := range r.Values {
			s += fmt.Sprintf("%s %d=%g ", *r.Label, r.Timestamps[i].Unix(), v)
		}
	}
	return s
}

func TestSearchGivesAtMostItsLimit(t *testing.T) {
	d := shop(t)
	for page := range 6 {
		in := &sdk.PutMetricDataInput{Namespace: aws.String("Many")}
		for i := range 100 {
			in.MetricData = append(in.MetricData, types.MetricDatum{MetricName: aws.String(fmt.Sprintf("m%d-%d", page, i)), Value: aws.Float64(rand.Float64()), Timestamp: &d.start})
		}
		if _, err := d.PutMetricData(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	out, err := d.GetMetricData(t.Context(), d.input(expression("e", `SEARCH('{Many}', 'Sum', 60)`)))
	if err != nil || len(out.MetricDataResults) != 500 || len(out.Messages) != 1 || *out.Messages[0].Code != "MaxMetricsExceeded" {
		t.Errorf("%d results, %+v, %v", len(out.MetricDataResults), out.Messages, err)
	}
}

func TestRefusedQueries(t *testing.T) {
	d := shop(t)
	m := metric("m1", "orders", "Sum")
	with := func(q types.MetricDataQuery, change func(*types.MetricDataQuery)) types.MetricDataQuery {
		stat := *m.MetricStat
		if q.MetricStat != nil {
			q.MetricStat = &stat
		}
		change(&q)
		return q
	}
	for name, c := range map[string]struct {
		queries []types.MetricDataQuery
		want    string
	}{
		"Syntax":          {[]types.MetricDataQuery{expression("e1", "m1 +")}, "Error in expression 'e1': the expression ends too early"},
		"UnknownID":       {[]types.MetricDataQuery{expression("e1", "m9 * 2")}, "Error in expression 'e1': undefined id m9"},
		"Cycle":           {[]types.MetricDataQuery{expression("e1", "e2 * 2"), expression("e2", "e1 + 1")}, "depends on itself"},
		"Scalar":          {[]types.MetricDataQuery{m, expression("e1", "AVG(m1)")}, "not a Scalar"},
		"Types":           {[]types.MetricDataQuery{m, expression("e1", "METRICS() / METRICS()")}, "unsupported operand type(s) for /"},
		"Anomaly":         {[]types.MetricDataQuery{m, expression("e1", "ANOMALY_DETECTION_BAND(m1)")}, "not supported by this server"},
		"Insights":        {[]types.MetricDataQuery{expression("e1", `SELECT AVG(orders) FROM "Shop"`)}, "Metrics Insights"},
		"Search":          {[]types.MetricDataQuery{expression("e1", `SEARCH('{Shop', 'Sum', 60)`)}, "does not end"},
		"SearchStat":      {[]types.MetricDataQuery{expression("e1", `SEARCH('{Shop}', 'Mean', 60)`)}, "Mean is not a valid statistic"},
		"SearchPeriod":    {[]types.MetricDataQuery{expression("e1", `SEARCH('{Shop}', 'Sum')`)}, "SEARCH needs a period"},
		"OtherPeriod":     {[]types.MetricDataQuery{m, with(expression("e1", "m1"), func(q *types.MetricDataQuery) { q.Period = aws.Int32(300) })}, "differs from that of its metrics"},
		"Both":            {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Expression = aws.String("m1") })}, "MetricDataQueries.member.1.Expression and MetricDataQueries.member.1.MetricStat are mutually exclusive"},
		"Neither":         {[]types.MetricDataQuery{{Id: aws.String("m1")}}, "must be specified"},
		"Id":              {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Id = aws.String("M1") })}, "pattern"},
		"Twice":           {[]types.MetricDataQuery{m, m}, "not unique"},
		"Stat":            {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.MetricStat.Stat = aws.String("None") })}, "The value None for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic."},
		"Period":          {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.MetricStat.Period = aws.Int32(61) })}, "Period"},
		"PeriodOfMetric":  {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Period = aws.Int32(60) })}, "mutually exclusive"},
		"DynamicLabel":    {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Label = aws.String("${MEDIAN}") })}, "${MEDIAN}"},
		"ManyDynamic":     {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Label = aws.String(strings.Repeat("${MAX}", 6)) })}, "more than 5"},
		"TwoLabels":       {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.Label = aws.String("${LABEL}${LABEL}") })}, "more than once"},
		"Account":         {[]types.MetricDataQuery{with(m, func(q *types.MetricDataQuery) { q.AccountId = aws.String("999999999999") })}, "cross-account"},
		"PeriodOfNothing": {[]types.MetricDataQuery{expression("e1", "TIME_SERIES(1)")}, "TIME_SERIES needs a period"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.GetMetricData(t.Context(), d.input(c.queries...))
			refused(t, err, "ValidationError", c.want)
		})
	}
	in := d.input(m)
	in.LabelOptions = &types.LabelOptions{Timezone: aws.String("CET")}
	_, err := d.GetMetricData(t.Context(), in)
	refused(t, err, "ValidationError", "Timezone")
	in = d.input(m)
	in.NextToken = aws.String("no token")
	_, err = d.GetMetricData(t.Context(), in)
	refused(t, err, "InvalidNextToken", "NextToken")
	_, err = d.ListMetrics(t.Context(), &sdk.ListMetricsInput{IncludeLinkedAccounts: aws.Bool(true)})
	refused(t, err, "InvalidParameterValue", "IncludeLinkedAccounts")
}

func TestExpressionsWantOneUnit(t *testing.T) {
	d := shop(t)
	if _, err := d.PutMetricData(t.Context(), &sdk.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{{MetricName: aws.String("orders"), Timestamp: &d.start, Value: aws.Float64(1), Unit: types.StandardUnitBytes}}}); err != nil {
		t.Fatal(err)
	}
	m := metric("m1", "orders", "Sum")
	_, err := d.GetMetricData(t.Context(), d.input(m, expression("e1", "m1 * 2")))
	refused(t, err, "ValidationError", "several units")
	m.MetricStat.Unit = types.StandardUnitBytes
	if out, err := d.GetMetricData(t.Context(), d.input(m, expression("e1", "m1 * 2"))); err != nil || d.show(out.MetricDataResults) != "e1: 0=2" {
		t.Errorf("%+v, %v", out, err)
	}
}

// refused wants an error of AWS's with that code, and words of its message.
func refused(t *testing.T, err error, code, words string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), words) {
		t.Errorf("got %v, want %s with %q", err, code, words)
	}
}

// TestAllTimes asks for every second that a timestamp can name, from before the epoch on.
func TestAllTimes(t *testing.T) {
	d := shop(t)
	in := d.input(metric("m1", "errors", "Sum"))
	in.MetricDataQueries[0].ReturnData = nil
	in.StartTime, in.EndTime = aws.Time(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), aws.Time(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	begun := time.Now()
	out, err := d.GetMetricData(t.Context(), in)
	if err != nil || len(out.MetricDataResults) != 1 || !slices.Equal(out.MetricDataResults[0].Values, []float64{0, 1, 1, 2}) {
		t.Fatalf("%+v, %v", out, err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
