package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/sql"
	"drey/wire"
)

// noon is the time of all tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is read by the evaluator of alarms, too.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func open(t *testing.T, dir string) (*Service, *clock) {
	t.Helper()
	c := &clock{t: noon}
	db, err := sql.Open(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // after the service
	s, err := Open(t.Context(), Config{DB: db, Dir: filepath.Join(dir, "metrics"), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func request(ctx context.Context) context.Context {
	return wire.WithRequest(ctx, &wire.Request{Account: "123456789012", Region: "us-east-1"})
}

func value(name string, at time.Time, v float64) model.MetricDatum {
	return model.MetricDatum{MetricName: &name, Timestamp: &at, Value: &v, Unit: model.StandardUnitCount}
}

func put(t *testing.T, s *Service, data ...model.MetricDatum) {
	t.Helper()
	if _, err := s.PutMetricData(request(t.Context()), &model.PutMetricDataInput{Namespace: new("Shop"), MetricData: data}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *Service, in model.GetMetricStatisticsInput) []model.Datapoint {
	t.Helper()
	if in.Namespace == nil {
		in.Namespace = new("Shop")
	}
	if in.MetricName == nil {
		in.MetricName = new("orders")
	}
	out, err := s.GetMetricStatistics(request(t.Context()), &in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Datapoints
}

var everyStatistic = []model.Statistic{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}

func show(points []model.Datapoint) string {
	var b strings.Builder
	for _, p := range points {
		fmt.Fprintf(&b, "%s", p.Timestamp.Format("15:04:05"))
		for _, f := range []*float64{p.SampleCount, p.Average, p.Sum, p.Minimum, p.Maximum} {
			if f != nil {
				fmt.Fprintf(&b, " %g", *f)
			}
		}
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range p.ExtendedStatistics {
				if !yield(k) {
					return
				}
			}
		}) {
			fmt.Fprintf(&b, " %s=%g", k, p.ExtendedStatistics[k])
		}
		fmt.Fprintf(&b, " %s\n", p.Unit)
	}
	return b.String()
}

func TestStatisticsOfPeriods(t *testing.T) {
	s, _ := open(t, t.TempDir())
	at := noon.Add(-10 * time.Minute)
	put(t, s, value("orders", at, 1), value("orders", at.Add(20*time.Second), 3), value("orders", at.Add(time.Minute), 8))
	put(t, s, value("orders", at.Add(59*time.Second), 5), value("other", at, 100))
	put(t, s, model.MetricDatum{MetricName: new("orders"), Timestamp: new(at.Add(2 * time.Minute)), Values: []float64{1, 2}, Counts: []float64{3, 1}, Unit: "Count"})
	put(t, s, model.MetricDatum{MetricName: new("orders"), Timestamp: new(at.Add(3 * time.Minute)), Unit: "Count",
		StatisticValues: &model.StatisticSet{SampleCount: new(2.0), Sum: new(30.0), Minimum: new(10.0), Maximum: new(20.0)}})
	put(t, s, model.MetricDatum{MetricName: new("orders"), Timestamp: &at, Value: new(7.0), Unit: "Seconds"})

	in := model.GetMetricStatisticsInput{StartTime: new(at.Add(30 * time.Second)), EndTime: &noon, Period: new(int32(60)), Statistics: everyStatistic, Unit: "Count"}
	want := "11:50:00 3 3 9 1 5 Count\n11:51:00 1 8 8 8 8 Count\n11:52:00 4 1.25 5 1 2 Count\n11:53:00 2 15 30 10 20 Count\n"
	if got := show(get(t, s, in)); got != want {
		t.Errorf("minutes:\n%s", got)
	}
	in.Period, in.Unit = new(int32(300)), ""
	want = "11:50:00 10 5.2 52 1 20 Count\n11:50:00 1 7 7 7 7 Seconds\n"
	if got := show(get(t, s, in)); got != want {
		t.Errorf("five minutes, each unit:\n%s", got)
	}
	in.Period, in.StartTime, in.Unit = new(int32(120)), new(at.Add(time.Minute)), "Count"
	want = "11:51:00 5 2.6 13 1 8 Count\n11:53:00 2 15 30 10 20 Count\n"
	if got := show(get(t, s, in)); got != want {
		t.Errorf("periods begin at the start time:\n%s", got)
	}
	in.EndTime = new(at.Add(2 * time.Minute))
	if got := show(get(t, s, in)); got != "11:51:00 1 8 8 8 8 Count\n" {
		t.Errorf("the end is exclusive:\n%s", got)
	}
}

// TestEveryWindowFindsItsSamples asks for windows that begin and end anywhere and compares with the samples themselves.
func TestEveryWindowFindsItsSamples(t *testing.T) {
	s, _ := open(t, t.TempDir())
	r := rand.New(rand.NewPCG(7, 7))
	first := noon.Add(-30 * time.Hour)
	samples := map[time.Time]float64{}
	var data []model.MetricDatum
	for range 900 {
		at := first.Add(time.Duration(r.IntN(30*3600)) * time.Second)
		samples[at]++
		data = append(data, value("orders", at, 1))
	}
	put(t, s, data...)
	for range 300 {
		from := first.Add(time.Duration(r.IntN(29*3600)) * time.Second)
		to := from.Add(time.Duration(61+r.IntN(5*3600)) * time.Second)
		period := []int32{60, 120, 300, 420, 600, 3600, 7200}[r.IntN(7)]
		if r.IntN(2) == 0 {
			from, to = from.Truncate(time.Hour), to.Truncate(time.Hour).Add(time.Hour)
		}
		want, got := 0.0, 0.0
		for at, n := range samples { // a minute counts as a whole, where it begins
			if m := at.Truncate(time.Minute); !m.Before(from.Truncate(time.Minute)) && m.Before(to) {
				want += n
			}
		}
		for _, p := range get(t, s, model.GetMetricStatisticsInput{StartTime: &from, EndTime: &to, Period: &period, Statistics: []model.Statistic{"Sum"}}) {
			got += *p.Sum
			if off := int64(p.Timestamp.Sub(from.Truncate(time.Minute)) / time.Second); off%int64(period) != 0 {
				t.Fatalf("period at %v of a window from %v", p.Timestamp, from)
			}
		}
		if got != want {
			t.Fatalf("%v to %v by %d: %v samples, want %v", from, to, period, got, want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	s, _ := open(t, t.TempDir())
	at := noon.Add(-10 * time.Minute)
	for i := range 10 {
		var values []float64
		for v := range 10 {
			values = append(values, float64(10*i+v+1))
		}
		put(t, s, model.MetricDatum{MetricName: new("orders"), Timestamp: &at, Values: values})
	}
	put(t, s, model.MetricDatum{MetricName: new("orders"), Timestamp: new(at.Add(time.Minute)),
		StatisticValues: &model.StatisticSet{SampleCount: new(2.0), Sum: new(30.0), Minimum: new(10.0), Maximum: new(20.0)}})
	in := model.GetMetricStatisticsInput{StartTime: &at, EndTime: &noon, Period: new(int32(60)), ExtendedStatistics: []string{"p50", "p99.9", "p0"}}
	if got := show(get(t, s, in)); got != "11:50:00 p0=1 p50=50 p99.9=100 None\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestSecondsAreKeptForHighResolutionOnly(t *testing.T) {
	s, c := open(t, t.TempDir())
	at := noon.Add(-time.Minute)
	fine := value("orders", at.Add(7*time.Second), 1)
	fine.StorageResolution = new(int32(1))
	put(t, s, fine, value("coarse", at, 1))
	in := model.GetMetricStatisticsInput{StartTime: new(at.Add(3 * time.Second)), EndTime: &noon, Period: new(int32(5)), Statistics: []model.Statistic{"Sum"}}
	if got := show(get(t, s, in)); got != "11:59:05 1 Count\n" {
		t.Errorf("seconds:\n%s", got)
	}
	in.MetricName = new("coarse")
	if got := show(get(t, s, in)); got != "" {
		t.Errorf("seconds of a metric of minutes:\n%s", got)
	}
	in.MetricName, in.Period = nil, new(int32(60))
	if got := show(get(t, s, in)); got != "11:59:00 1 Count\n" {
		t.Errorf("the minute:\n%s", got)
	}
	c.set(noon.Add(5 * time.Hour))
	put(t, s, value("other", c.t, 1))
	in.Period = new(int32(5))
	if got := show(get(t, s, in)); got != "" {
		t.Errorf("seconds after five hours:\n%s", got)
	}
}

func TestTiersExpire(t *testing.T) {
	s, c := open(t, t.TempDir())
	put(t, s, value("orders", noon, 4), value("orders", noon.Add(time.Minute), 6))
	for _, step := range []struct {
		age    time.Duration
		period int32
		want   string
	}{
		{10 * day, 60, "12:00:00 4 Count\n12:01:00 6 Count\n"},
		{20 * day, 60, ""},
		{20 * day, 300, "12:00:00 10 Count\n"},
		{70 * day, 300, ""},
		{70 * day, 3600, "12:00:00 10 Count\n"},
		{500 * day, 3600, ""},
	} {
		c.set(noon.Add(step.age))
		put(t, s, value("other", c.t, 1)) // expires as it puts
		got := show(get(t, s, model.GetMetricStatisticsInput{StartTime: &noon, EndTime: new(noon.Add(10 * time.Minute)), Period: &step.period, Statistics: []model.Statistic{"Sum"}}))
		if got != step.want {
			t.Errorf("after %v, period %d:\n%s", step.age, step.period, got)
		}
	}
}

func TestRefusesBadPuts(t *testing.T) {
	s, _ := open(t, t.TempDir())
	many := make([]model.MetricDatum, 1001)
	for i := range many {
		many[i] = value("m", noon, 1)
	}
	one := func(change func(*model.MetricDatum)) []model.MetricDatum {
		d := value("m", noon, 1)
		change(&d)
		return []model.MetricDatum{value("m", noon, 1), d}
	}
	for name, c := range map[string]struct {
		data []model.MetricDatum
		code wire.ErrorCode
		text string
	}{
		"NoData":        {nil, missing, "The parameter MetricData is required."},
		"TooMany":       {many, badValue, "must not have a size greater than 1000"},
		"NaN":           {one(func(d *model.MetricDatum) { d.Value = new(math.NaN()) }), badValue, "The value NaN for parameter MetricData.member.2.Value is invalid."},
		"Infinity":      {one(func(d *model.MetricDatum) { d.Value = new(math.Inf(-1)) }), badValue, "MetricData.member.2.Value is invalid."},
		"OutOfRange":    {one(func(d *model.MetricDatum) { d.Value = new(math.Pow(2, 361)) }), badValue, "MetricData.member.2.Value is invalid."},
		"TooOld":        {one(func(d *model.MetricDatum) { d.Timestamp = new(noon.Add(-14*day - time.Second)) }), badValue, "The parameter MetricData.member.2.Timestamp must specify a time within the past two weeks."},
		"TooNew":        {one(func(d *model.MetricDatum) { d.Timestamp = new(noon.Add(2*time.Hour + time.Second)) }), badValue, "no more than two hours in the future"},
		"NoValue":       {one(func(d *model.MetricDatum) { d.Value = nil }), badCombination, "At least one of the parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues must be specified."},
		"TwoSources":    {one(func(d *model.MetricDatum) { d.Values = []float64{1} }), badCombination, "The parameters MetricData.member.2.Value and MetricData.member.2.Values are mutually exclusive and you have specified both."},
		"CountsShort":   {one(func(d *model.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1, 2}, []float64{1} }), badValue, "must be of the same size"},
		"NegativeCount": {one(func(d *model.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{-1} }), badValue, "Counts.member.1 is invalid"},
		"ManyValues":    {one(func(d *model.MetricDatum) { d.Value, d.Values = nil, make([]float64, 151) }), badValue, "must not have a size greater than 150"},
		"Resolution":    {one(func(d *model.MetricDatum) { d.StorageResolution = new(int32(30)) }), badValue, "StorageResolution is invalid"},
		"SetReversed": {one(func(d *model.MetricDatum) {
			d.Value, d.StatisticValues = nil, &model.StatisticSet{SampleCount: new(2.0), Sum: new(1.0), Minimum: new(2.0), Maximum: new(1.0)}
		}), badValue, "greater than or equal"},
		"BlankDimension": {one(func(d *model.MetricDatum) { d.Dimensions = []model.Dimension{{Name: new("A"), Value: new(" ")}} }), badValue, "Dimensions.member.1.Value is invalid"},
		"DoubleDimension": {one(func(d *model.MetricDatum) {
			d.Dimensions = []model.Dimension{{Name: new("A"), Value: new("1")}, {Name: new("A"), Value: new("2")}}
		}), badValue, "A is given twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.PutMetricData(request(t.Context()), &model.PutMetricDataInput{Namespace: new("Shop"), MetricData: c.data})
			if !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := s.PutMetricData(request(t.Context()), &model.PutMetricDataInput{Namespace: new("AWS/EC2"), MetricData: one(func(*model.MetricDatum) {})}); !errors.Is(err, badValue) {
		t.Errorf("AWS's own namespace: %v", err)
	}
	out, err := s.ListMetrics(request(t.Context()), &model.ListMetricsInput{})
	if err != nil || len(out.Metrics) != 0 {
		t.Errorf("refused requests left %v, %v", out.Metrics, err)
	}
}

func TestEntityMetricDataIsStored(t *testing.T) {
	s, _ := open(t, t.TempDir())
	_, err := s.PutMetricData(request(t.Context()), &model.PutMetricDataInput{Namespace: new("Shop"), EntityMetricData: []model.EntityMetricData{{MetricData: []model.MetricDatum{value("orders", noon, 2)}}}})
	if err != nil {
		t.Fatal(err)
	}
	got := show(get(t, s, model.GetMetricStatisticsInput{StartTime: &noon, EndTime: new(noon.Add(time.Minute)), Period: new(int32(60)), Statistics: []model.Statistic{"Sum"}}))
	if got != "12:00:00 2 Count\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestRefusesBadStatistics(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for name, c := range map[string]struct {
		change func(*model.GetMetricStatisticsInput)
		code   wire.ErrorCode
		text   string
	}{
		"Reversed":     {func(in *model.GetMetricStatisticsInput) { in.EndTime = in.StartTime }, badValue, "The parameter StartTime must be less than the parameter EndTime."},
		"Period":       {func(in *model.GetMetricStatisticsInput) { in.Period = new(int32(90)) }, badValue, "Period"},
		"NoStatistics": {func(in *model.GetMetricStatisticsInput) { in.Statistics = nil }, badCombination, "Must specify either Statistics or ExtendedStatistics"},
		"Both":         {func(in *model.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p50"} }, badCombination, "not both"},
		"NoPercentile": {func(in *model.GetMetricStatisticsInput) { in.Statistics, in.ExtendedStatistics = nil, []string{"p101"} }, badValue, "p101"},
		"TooManyPoints": {func(in *model.GetMetricStatisticsInput) { in.EndTime = new(in.StartTime.Add(1441 * time.Minute)) }, badCombination,
			"You have requested up to 1441 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range."},
	} {
		t.Run(name, func(t *testing.T) {
			in := &model.GetMetricStatisticsInput{Namespace: new("Shop"), MetricName: new("orders"), StartTime: new(noon.Add(-time.Hour)), EndTime: &noon, Period: new(int32(60)), Statistics: []model.Statistic{"Sum"}}
			c.change(in)
			_, err := s.GetMetricStatistics(request(t.Context()), in)
			if !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func list(t *testing.T, s *Service, in model.ListMetricsInput) (names []string) {
	t.Helper()
	for {
		out, err := s.ListMetrics(request(t.Context()), &in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Metrics {
			name := *m.Namespace + "/" + *m.MetricName
			for _, d := range m.Dimensions {
				name += "," + *d.Name + "=" + *d.Value
			}
			names = append(names, name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

func TestListMetrics(t *testing.T) {
	s, c := open(t, t.TempDir())
	with := func(name string, d ...model.Dimension) model.MetricDatum {
		m := value(name, c.t, 1)
		m.Dimensions = d
		return m
	}
	dim := func(n, v string) model.Dimension { return model.Dimension{Name: &n, Value: &v} }
	put(t, s, with("orders"), with("orders", dim("Region", "us"), dim("App", "a")), with("orders", dim("Region", "eu")), with("ordersLate"))
	if err := s.Put(t.Context(), "123456789012", "us-east-1", "AWS/KinesisAnalytics", []Datum{{Name: "uptime", Time: c.t, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "123456789012", "eu-west-1", "AWS/KinesisAnalytics", []Datum{{Name: "elsewhere", Time: c.t, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		in   model.ListMetricsInput
		want string
	}{
		"All":            {model.ListMetricsInput{}, "[AWS/KinesisAnalytics/uptime Shop/orders Shop/orders,App=a,Region=us Shop/orders,Region=eu Shop/ordersLate]"},
		"Namespace":      {model.ListMetricsInput{Namespace: new("AWS/KinesisAnalytics")}, "[AWS/KinesisAnalytics/uptime]"},
		"Name":           {model.ListMetricsInput{MetricName: new("ordersLate")}, "[Shop/ordersLate]"},
		"NamespaceName":  {model.ListMetricsInput{Namespace: new("Shop"), MetricName: new("orders")}, "[Shop/orders Shop/orders,App=a,Region=us Shop/orders,Region=eu]"},
		"Dimension":      {model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Region")}}}, "[Shop/orders,Region=eu Shop/orders,App=a,Region=us]"},
		"DimensionValue": {model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Region"), Value: new("eu")}}}, "[Shop/orders,Region=eu]"},
		"Foreign":        {model.ListMetricsInput{OwningAccount: new("999999999999")}, "[]"},
	} {
		if got := fmt.Sprint(list(t, s, x.in)); got != x.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	c.set(noon.Add(4 * time.Hour))
	put(t, s, with("orders"))
	if got := fmt.Sprint(list(t, s, model.ListMetricsInput{RecentlyActive: "PT3H"})); got != "[Shop/orders]" {
		t.Errorf("recently active: %s", got)
	}
	c.set(noon.Add(14*day + time.Hour))
	if got := fmt.Sprint(list(t, s, model.ListMetricsInput{})); got != "[Shop/orders]" {
		t.Errorf("after two weeks: %s", got)
	}
}

// TestSetsOfSamples: sets add up with one another and with samples, and know percentiles as long as all of them do.
func TestSetsOfSamples(t *testing.T) {
	s, c := open(t, t.TempDir())
	at := noon.Add(-10 * time.Minute)
	put := func(data ...Datum) error { return s.Put(t.Context(), "123456789012", "us-east-1", "Shop", data) }
	known := &Set{Count: 4, Sum: 100.5, Minimum: 9.5, Maximum: 41, Values: []float64{10, 40}, Counts: []float64{2, 2}}
	if err := put(
		Datum{Name: "orders", Time: at, Unit: "Milliseconds", Set: known},
		Datum{Name: "orders", Time: at.Add(time.Second), Unit: "Milliseconds", Value: 99.5},
		Datum{Name: "orders", Time: at.Add(time.Minute), Unit: "Milliseconds", Set: known},
		Datum{Name: "orders", Time: at.Add(time.Minute), Unit: "Milliseconds", Set: &Set{Count: 2, Sum: 3, Minimum: 1, Maximum: 2}},
	); err != nil {
		t.Fatal(err)
	}
	in := model.GetMetricStatisticsInput{StartTime: &at, EndTime: &c.t, Period: new(int32(60)), Statistics: everyStatistic}
	if got := show(get(t, s, in)); got != "11:50:00 5 40 200 9.5 99.5 Milliseconds\n11:51:00 6 17.25 103.5 1 41 Milliseconds\n" {
		t.Error(got)
	}
	in.Statistics, in.ExtendedStatistics = nil, []string{"p50", "p100"}
	if got := show(get(t, s, in)); got != "11:50:00 p100=99.5 p50=40 Milliseconds\n" {
		t.Error(got)
	}
	if err := put(Datum{Name: "orders", Time: at, Set: &Set{Count: 2, Sum: math.NaN()}}); err == nil {
		t.Error("a set without numbers was stored")
	}
}

func TestListMetricsPages(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for page := range 3 {
		var data []Datum
		for i := range 400 {
			data = append(data, Datum{Name: fmt.Sprintf("m%04d", page*400+i), Time: noon, Value: 1})
		}
		if err := s.Put(t.Context(), "123456789012", "us-east-1", "Shop", data); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.ListMetrics(request(t.Context()), &model.ListMetricsInput{})
	if err != nil || len(out.Metrics) != 500 || out.NextToken == nil {
		t.Fatalf("first page: %d metrics, %v", len(out.Metrics), err)
	}
	names := list(t, s, model.ListMetricsInput{})
	if len(names) != 1200 || !slices.IsSorted(names) || len(slices.Compact(names)) != 1200 {
		t.Errorf("%d metrics", len(names))
	}
	if _, err := s.ListMetrics(request(t.Context()), &model.ListMetricsInput{NextToken: new("no token")}); !errors.Is(err, badValue) {
		t.Errorf("foreign token: %v", err)
	}
}

func TestGetMetricData(t *testing.T) {
	s, _ := open(t, t.TempDir())
	start := noon.Add(-10 * time.Minute)
	for i := range 10 {
		put(t, s, value("orders", start.Add(time.Duration(i)*time.Minute), float64(i)), value("late", start.Add(time.Duration(i)*time.Minute), 100))
	}
	q := func(id, name, stat string) model.MetricDataQuery {
		return model.MetricDataQuery{Id: &id, MetricStat: &model.MetricStat{Metric: &model.Metric{Namespace: new("Shop"), MetricName: &name}, Period: new(int32(60)), Stat: &stat}}
	}
	hidden := q("h", "orders", "Sum")
	hidden.ReturnData = new(false)
	labelled := q("b", "late", "p50")
	labelled.Label = new("late orders")
	in := &model.GetMetricDataInput{StartTime: &start, EndTime: &noon, MetricDataQueries: []model.MetricDataQuery{q("a", "orders", "Sum"), hidden, labelled, q("c", "absent", "Sum")}, MaxDatapoints: new(int32(7))}
	values := map[string][]float64{}
	var states []string
	for pages := 0; ; pages++ {
		out, err := s.GetMetricData(request(t.Context()), in)
		if err != nil || pages > 5 {
			t.Fatal(pages, err)
		}
		n := 0
		for _, r := range out.MetricDataResults {
			values[*r.Id+" "+*r.Label] = append(values[*r.Id+" "+*r.Label], r.Values...)
			states = append(states, *r.Id+":"+string(r.StatusCode))
			n += len(r.Values)
		}
		if n > 7 {
			t.Errorf("page of %d values", n)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if got := fmt.Sprint(values); got != "map[a orders:[9 8 7 6 5 4 3 2 1 0] b late orders:[100 100 100 100 100 100 100 100 100 100] c absent:[]]" {
		t.Errorf("values %s", got)
	}
	if got := fmt.Sprint(states); got != "[a:PartialData a:Complete b:PartialData b:Complete c:Complete]" {
		t.Errorf("states %s", got)
	}
}

func TestPointsSurviveAReopening(t *testing.T) {
	dir := t.TempDir()
	first, _ := open(t, dir)
	put(t, first, value("orders", noon, 1))
	put(t, first, value("orders", noon, 2))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, dir)
	put(t, s, value("orders", noon, 3))
	in := model.GetMetricStatisticsInput{StartTime: &noon, EndTime: new(noon.Add(time.Minute)), Period: new(int32(60)), Statistics: everyStatistic}
	if got := show(get(t, s, in)); got != "12:00:00 3 2 6 1 3 Count\n" {
		t.Errorf("got\n%s", got)
	}
	if got := list(t, s, model.ListMetricsInput{}); len(got) != 1 {
		t.Errorf("listed %v", got)
	}
}
