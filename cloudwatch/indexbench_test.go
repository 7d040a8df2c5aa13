package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	model "drey/model/cloudwatch"
)

// BenchmarkIndex finds metrics among those of many applications in many namespaces: 1,000 of each of APPLICATIONS. STORE is as in
// BenchmarkStorage. docs/cloudwatch-storage.md has figures.
func BenchmarkIndex(b *testing.B) {
	applications := setting(b, "APPLICATIONS", 10)
	for b.Loop() {
		dir, c := b.TempDir(), &clock{t: noon}
		if kept, ok := os.LookupEnv("STORE"); ok {
			dir = kept
		}
		if _, err := os.Stat(filepath.Join(dir, "metrics")); errors.Is(err, fs.ErrNotExist) {
			s, done := openStore(b, dir, c)
			began := time.Now()
			for a := range applications {
				putApplication(b, s, a)
			}
			b.ReportMetric(float64(applications)*1000/time.Since(began).Seconds(), "new-metrics/s")
			done()
		}
		c.set(noon.Add(time.Minute))
		s, done := openStore(b, dir, c)
		reportFinds(b, s, applications, c.now())
		done()
	}
}

// putApplication puts a point of 50 metrics of an application in each of 20 namespaces.
func putApplication(b *testing.B, s *Service, a int) {
	for team := range 20 {
		var data []Datum
		for i := range 50 {
			data = append(data, Datum{Name: "metricOf" + strconv.Itoa(i), Time: noon, Value: float64(i), Dimensions: []Dimension{
				{"Application", "orders-" + strconv.Itoa(a)}, {"Host", fmt.Sprintf("h-%d-%d", a, i%7)},
			}})
		}
		if err := s.Put(b.Context(), "123456789012", "us-east-1", fmt.Sprintf("Team/%02d", team), data); err != nil {
			b.Fatal(err)
		}
	}
}

func reportFinds(b *testing.B, s *Service, applications int, now time.Time) {
	ctx := request(b.Context())
	last := applications - 1
	list := func(in model.ListMetricsInput) func() (int, error) {
		return func() (int, error) {
			out, err := s.ListMetrics(ctx, &in)
			if err != nil {
				return 0, err
			}
			return len(out.Metrics), nil
		}
	}
	search := func(format string, args ...any) func() (int, error) {
		return func() (int, error) { return found(ctx, s, now, fmt.Sprintf(format, args...)) }
	}
	for _, r := range []struct {
		name string
		want int
		find func() (int, error)
	}{
		{"ms/opened", 50, search(`{Team/07,Application,Host} Application="orders-%d"`, last/2)},
		{"ms/search-application", 50, search(`{Team/07,Application,Host} Application="orders-%d"`, last)},
		{"ms/search-name", 1, search(`{Team/07,Application,Host} MetricName="metricOf3" Application="orders-%d"`, last)},
		{"ms/search-everywhere", 500, search(`Application="orders-%d"`, last)},
		{"ms/search-second-dimension", 160, search(`Host="h-%d-0"`, last)},
		{"ms/search-token", 1, search(`Team/07 metricOf3 orders-%d`, last)},
		{"ms/search-word", 500, search(`orders-%d`, last)},
		{"ms/search-either", 100, search(`{Team/07,Application,Host} Application=("orders-%d" OR "orders-%d")`, last, last/2)},
		{"ms/search-nothing", 0, search(`nowhere`)},
		{"ms/list-name", min(500, 20*applications), list(model.ListMetricsInput{MetricName: new("metricOf3")})},
		{"ms/list-dimension", 500, list(model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Application"), Value: new("orders-" + strconv.Itoa(last))}}})},
		{"ms/list-second-dimension", 160, list(model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Host"), Value: new(fmt.Sprintf("h-%d-0", last))}}})},
		{"ms/list-nothing", 0, list(model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Shard")}}})},
	} {
		began := time.Now()
		n, err := r.find()
		if err != nil || n != r.want {
			b.Fatalf("%s: found %d, expected %d, %v", r.name, n, r.want, err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, r.name)
	}
}

// found is how many metrics a search gives.
func found(ctx context.Context, s *Service, now time.Time, text string) (int, error) {
	out, err := s.GetMetricData(ctx, &model.GetMetricDataInput{StartTime: new(now.Add(-3 * time.Hour)), EndTime: &now, MetricDataQueries: []model.MetricDataQuery{
		{Id: new("e1"), Expression: new(fmt.Sprintf(`SEARCH('%s', 'Average', 60)`, text))},
	}})
	if err != nil {
		return 0, err
	}
	return len(out.MetricDataResults), nil
}
