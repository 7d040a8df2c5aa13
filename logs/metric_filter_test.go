package logs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"drey/cloudwatch"
	metricsmodel "drey/model/cloudwatch"
	model "drey/model/logs"
	"drey/store/sql"
)

// metricStore is the real CloudWatch service behind the interface of metric filters. Its time is that of the world at the last
// Put: its evaluator reads it at any moment.
type metricStore struct {
	*cloudwatch.Service
	world  *world
	moment *atomic.Int64
}

func (m metricStore) Put(ctx context.Context, account, region, namespace string, data []Datum) error {
	var list []cloudwatch.Datum
	for _, d := range data {
		for range d.Count {
			c := cloudwatch.Datum{Name: d.Name, Time: d.Time, Value: d.Value, Unit: d.Unit}
			for _, dim := range d.Dimensions {
				c.Dimensions = append(c.Dimensions, cloudwatch.Dimension(dim))
			}
			list = append(list, c)
		}
	}
	m.moment.Store(m.world.at.UnixNano())
	return m.Service.Put(ctx, account, region, namespace, list)
}

func withMetrics(t *testing.T) func(*world) {
	return func(w *world) {
		db, err := sql.Open(filepath.Join(t.TempDir(), "drey.db"))
		if err != nil {
			t.Fatal(err)
		}
		moment := &atomic.Int64{}
		moment.Store(w.at.UnixNano())
		s, err := cloudwatch.Open(t.Context(), cloudwatch.Config{DB: db, Dir: t.TempDir(), Now: func() time.Time { return time.Unix(0, moment.Load()) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(s.Close(), db.Close()); err != nil {
				t.Error(err)
			}
		})
		w.metrics = metricStore{s, w, moment}
	}
}

// points are the minutes of a metric as count/sum, in order.
func (w *world) points(name string, dimensions ...string) (list []string) {
	w.t.Helper()
	in := &metricsmodel.GetMetricStatisticsInput{
		Namespace: new("App"), MetricName: &name, StartTime: new(w.at.Add(-time.Hour)), EndTime: new(w.at.Add(time.Hour)), Period: new(int32(60)),
		Statistics: []metricsmodel.Statistic{"SampleCount", "Sum"},
	}
	for _, d := range dimensions {
		k, v, _ := strings.Cut(d, "=")
		in.Dimensions = append(in.Dimensions, metricsmodel.Dimension{Name: &k, Value: &v})
	}
	out := must(w.metrics.(metricStore).GetMetricStatistics(w.ctx, in))
	slices.SortFunc(out.Datapoints, func(a, b metricsmodel.Datapoint) int { return a.Timestamp.Compare(*b.Timestamp) })
	for _, p := range out.Datapoints {
		list = append(list, fmt.Sprintf("%s %v/%v", p.Timestamp.Format("15:04"), *p.SampleCount, *p.Sum))
	}
	return list
}

func (w *world) putMetricFilter(name, pattern string, t model.MetricTransformation) error {
	t.MetricNamespace = new("App")
	_, err := w.PutMetricFilter(w.ctx, &model.PutMetricFilterInput{LogGroupName: new(testGroup), FilterName: &name, FilterPattern: &pattern, MetricTransformations: []model.MetricTransformation{t}})
	return err
}

func (w *world) samePoints(got []string, want ...string) {
	w.t.Helper()
	w.same("points", fmt.Sprint(got), fmt.Sprint(want))
}

func TestMetricFilterMakesSamples(t *testing.T) {
	w := newWorldWith(t, withMetrics(t))
	w.create(testGroup, testStream)
	ok(t, 0, w.putMetricFilter("errors", "ERROR", model.MetricTransformation{MetricName: new("Errors"), MetricValue: new("1")}))
	ok(t, 0, w.putMetricFilter("latency", "{ $.latency = * }", model.MetricTransformation{MetricName: new("Latency"), MetricValue: new("$.latency"), Unit: "Milliseconds",
		Dimensions: map[string]string{"Path": "$.path", "Level": "$.level"}}))
	ok(t, 0, w.putMetricFilter("bytes", "[..., status=5*, bytes]", model.MetricTransformation{MetricName: new("Bytes"), MetricValue: new("$bytes")}))
	w.put(testStream,
		Event{w.ms(-2 * time.Minute), "ERROR one"},
		Event{w.ms(-2 * time.Minute), "ERROR two"},
		Event{w.ms(-time.Minute), `{"latency":12.5,"path":"/a","level":"INFO"}`},
		Event{w.ms(-time.Minute), `{"latency":7.5,"path":"/a","level":"INFO"}`},
		Event{w.ms(-time.Minute), `{"latency":1,"path":"/b","level":"INFO"}`},
		Event{w.ms(-time.Minute), `{"latency":1,"path":"/a"}`},
		Event{w.ms(-time.Minute), `{"latency":"none","path":"/a","level":"INFO"}`},
		Event{w.ms(0), `"GET /" 500 120`}, Event{w.ms(0), `"GET /" 404 999`}, Event{w.ms(0), `"GET /" 503 none`},
	)
	// Append, on the way of an application's lines, counts as well.
	ok(t, 0, w.Append(w.ctx, "123456789012", "us-east-1", testGroup, testStream, []Event{{w.ms(0), "ERROR three"}}, nil))
	w.samePoints(w.points("Errors"), "11:58 2/2", "12:00 1/1")
	w.samePoints(w.points("Latency", "Path=/a", "Level=INFO"), "11:59 2/20")
	w.samePoints(w.points("Latency", "Path=/b", "Level=INFO"), "11:59 1/1")
	w.samePoints(w.points("Latency", "Path=/a"))
	w.samePoints(w.points("Bytes"), "12:00 1/120")

	// Filters are there after a restart; a changed one does what it says now; a deleted one does nothing.
	w.shut()
	w.open()
	ok(t, 0, w.putMetricFilter("errors", "WARN", model.MetricTransformation{MetricName: new("Errors"), MetricValue: new("10")}))
	must(w.DeleteMetricFilter(w.ctx, &model.DeleteMetricFilterInput{LogGroupName: new(testGroup), FilterName: new("bytes")}))
	w.put(testStream, Event{w.ms(0), "ERROR four"}, Event{w.ms(0), "WARN"}, Event{w.ms(0), `"GET /" 500 1`}, Event{w.ms(0), `{"latency":1,"path":"/a","level":"INFO"}`})
	w.samePoints(w.points("Errors"), "11:58 2/2", "12:00 2/11")
	w.samePoints(w.points("Bytes"), "12:00 1/120")
	w.samePoints(w.points("Latency", "Path=/a", "Level=INFO"), "11:59 2/20", "12:00 1/1")
}

// TestDefaultValue follows the example of "Setting how the metric value changes when matches are found".
func TestDefaultValue(t *testing.T) {
	w := newWorldWith(t, withMetrics(t))
	w.create(testGroup, testStream)
	ok(t, 0, w.putMetricFilter("errors", "ERROR", model.MetricTransformation{MetricName: new("Errors"), MetricValue: new("1"), DefaultValue: new(0.0)}))
	w.put(testStream, Event{w.ms(0), "ERROR"}, Event{w.ms(0), "fine"})
	w.at = w.at.Add(time.Minute)
	w.put(testStream, Event{w.ms(0), "fine"})
	w.settleAll(w.ctx)
	w.samePoints(w.points("Errors"), "12:00 1/1")
	w.at = w.at.Add(time.Minute)
	w.settleAll(w.ctx)
	w.settleAll(w.ctx)
	w.samePoints(w.points("Errors"), "12:00 1/1", "12:01 1/0")
	w.at = w.at.Add(5 * time.Minute) // without events there is nothing to report
	w.settleAll(w.ctx)
	w.put(testStream, Event{w.ms(0), "fine"})
	w.put(testStream, Event{w.ms(0), "ERROR"})
	w.at = w.at.Add(time.Minute)
	w.put(testStream, Event{w.ms(0), "fine"})
	w.samePoints(w.points("Errors"), "12:00 1/1", "12:01 1/0", "12:07 1/1")
	w.shut() // the last minute is not lost
	w.samePoints(w.points("Errors"), "12:00 1/1", "12:01 1/0", "12:07 1/1", "12:08 1/0")
	w.open()
}

func TestMetricFiltersOverTheWire(t *testing.T) {
	c := clientOf(t, newWorldWith(t, withMetrics(t)))
	c.w.create(testGroup)
	c.w.create("other")
	put := func(group, name, pattern string, change func(*types.MetricTransformation)) error {
		m := types.MetricTransformation{MetricName: new("M"), MetricNamespace: new("N"), MetricValue: new("1")}
		if change != nil {
			change(&m)
		}
		_, err := c.PutMetricFilter(c.ctx, &cloudwatchlogs.PutMetricFilterInput{LogGroupName: &group, FilterName: &name, FilterPattern: &pattern, MetricTransformations: []types.MetricTransformation{m}})
		return err
	}
	for _, n := range []string{"b", "a", "c"} {
		ok(t, 0, put(testGroup, n, "ERROR", nil))
	}
	ok(t, 0, put("other", "a", "", func(m *types.MetricTransformation) { m.MetricName = new("Other") }))
	list := func(in cloudwatchlogs.DescribeMetricFiltersInput) (got []string) {
		for {
			out := must(c.DescribeMetricFilters(c.ctx, &in))
			for _, f := range out.MetricFilters {
				got = append(got, *f.LogGroupName+":"+*f.FilterName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return got
			}
		}
	}
	c.same(list(cloudwatchlogs.DescribeMetricFiltersInput{Limit: new(int32(2))}), testGroup+":a", testGroup+":b", testGroup+":c", "other:a")
	c.same(list(cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: new(testGroup), FilterNamePrefix: new("b")}), testGroup+":b")
	c.same(list(cloudwatchlogs.DescribeMetricFiltersInput{MetricName: new("Other"), MetricNamespace: new("N")}), "other:a")
	groups := must(c.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{}))
	if n := *groups.LogGroups[0].MetricFilterCount; n != 3 {
		t.Errorf("%d metric filters", n)
	}
	must(c.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new("other")}))
	c.same(list(cloudwatchlogs.DescribeMetricFiltersInput{}), testGroup+":a", testGroup+":b", testGroup+":c")

	for _, x := range []struct {
		group, pattern, code, message string
		change                        func(*types.MetricTransformation)
	}{
		{"none", "x", "ResourceNotFoundException", "log group", nil},
		{testGroup, "a:b", "InvalidParameterException", "Invalid character(s) in term ':'", nil},
		{testGroup, "x", "InvalidParameterException", "metric value must be a valid number or selector", func(m *types.MetricTransformation) { m.MetricValue = new("x") }},
		{testGroup, "x", "InvalidParameterException", "metric value must be", func(m *types.MetricTransformation) { m.MetricValue = new("$.a[*]") }},
		{testGroup, "x", "InvalidParameterException", "AWS/", func(m *types.MetricTransformation) { m.MetricNamespace = new("AWS/X") }},
		{testGroup, "x", "InvalidParameterException", "not a selector", func(m *types.MetricTransformation) { m.Dimensions = map[string]string{"a": "x"} }},
		{testGroup, "x", "InvalidParameterException", "mutually exclusive", func(m *types.MetricTransformation) {
			m.Dimensions, m.DefaultValue = map[string]string{"a": "$.x"}, new(0.0)
		}},
		{testGroup, "x", "InvalidParameterException", "at most 3", func(m *types.MetricTransformation) {
			m.Dimensions = map[string]string{"a": "$.x", "b": "$.x", "c": "$.x", "d": "$.x"}
		}},
	} {
		c.refused(put(x.group, "new", x.pattern, x.change), x.code, x.message)
	}
	for i := range maxRegexPatterns {
		ok(t, 0, put(testGroup, fmt.Sprint("regex", i), "%x%", nil))
	}
	c.refused(put(testGroup, "regex", "%x%", nil), "LimitExceededException", "regular expressions")
	ok(t, 0, put(testGroup, "regex0", "%y%", nil))
	for i := range maxMetricFilters - maxRegexPatterns - 3 {
		ok(t, 0, put(testGroup, fmt.Sprint("many", i), "x", nil))
	}
	c.refused(put(testGroup, "more", "x", nil), "LimitExceededException", "limit")
	_, err := c.DeleteMetricFilter(c.ctx, &cloudwatchlogs.DeleteMetricFilterInput{LogGroupName: new(testGroup), FilterName: new("none")})
	c.refused(err, "ResourceNotFoundException", "metric filter")
	_, err = c.DescribeMetricFilters(c.ctx, &cloudwatchlogs.DescribeMetricFiltersInput{MetricName: new("M")})
	c.refused(err, "InvalidParameterException", "metricNamespace")
	_, err = c.PutMetricFilter(c.ctx, &cloudwatchlogs.PutMetricFilterInput{LogGroupName: new(testGroup), FilterName: new("x"), FilterPattern: new("x"), FieldSelectionCriteria: new("x"),
		MetricTransformations: []types.MetricTransformation{{MetricName: new("M"), MetricNamespace: new("N"), MetricValue: new("1")}}})
	c.refused(err, "InvalidParameterException", "not supported")
}

func TestTestMetricFilter(t *testing.T) {
	c := newClient(t)
	out := must(c.TestMetricFilter(c.ctx, &cloudwatchlogs.TestMetricFilterInput{FilterPattern: new("[ip, ..., status=4*]"), LogEventMessages: []string{"1.2.3.4 x 200", "1.2.3.4 y 404"}}))
	if len(out.Matches) != 1 || out.Matches[0].EventNumber != 2 || fmt.Sprint(out.Matches[0].ExtractedValues) != "map[$2:y $ip:1.2.3.4 $status:404]" {
		t.Errorf("got %+v", out.Matches)
	}
	_, err := c.TestMetricFilter(c.ctx, &cloudwatchlogs.TestMetricFilterInput{FilterPattern: new("[a"), LogEventMessages: []string{"x"}})
	c.refused(err, "InvalidParameterException", "too early")
}
