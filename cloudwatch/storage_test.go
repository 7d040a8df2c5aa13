package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/sql"
)

// BenchmarkStorage fills a store with series of one-minute points and reads it. SERIES and MINUTES scale it, VALUES=real
// gives numbers that do not repeat instead of whole ones below a thousand. STORE names a directory that is kept; if it has been
// filled before, it is read alone. docs/cloudwatch-storage.md has figures.
func BenchmarkStorage(b *testing.B) {
	count, minutes := setting(b, "SERIES", 100), setting(b, "MINUTES", 60)
	for b.Loop() {
		dir, c := b.TempDir(), &clock{t: noon}
		if kept, ok := os.LookupEnv("STORE"); ok {
			dir = kept
		}
		_, err := os.Stat(filepath.Join(dir, "metrics"))
		if errors.Is(err, fs.ErrNotExist) {
			fill(b, dir, c, count, minutes)
		}
		c.set(noon.Add(time.Duration(minutes) * time.Minute))
		s, done := openStore(b, dir, c)
		reportReads(b, s, count, minutes, c.now())
		reportAlarms(b, s, min(count, 100), c.now())
		done()
	}
}

func fill(b *testing.B, dir string, c *clock, count, minutes int) {
	s, done := openStore(b, dir, c)
	began := time.Now()
	at := max(1, min(maxBatch/count, minutes)) // minutes that are put at once
	for minute := 0; minute < minutes; minute += at {
		c.set(noon.Add(time.Duration(minute) * time.Minute))
		putMinutes(b, s, count, min(at, minutes-minute), c.now())
	}
	points := float64(count * minutes)
	b.ReportMetric(points/time.Since(began).Seconds(), "points/s")
	b.ReportMetric(heap()/float64(1<<20), "MB-heap")
	done()
	b.ReportMetric(float64(size(b, filepath.Join(dir, "metrics")))/points, "bytes/point")
}

const maxBatch = 10000 // points

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func openStore(b *testing.B, dir string, c *clock) (*Service, func()) {
	db, err := sql.Open(filepath.Join(dir, "db"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Config{DB: db, Dir: filepath.Join(dir, "metrics"), Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	return s, func() {
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

func dimensionsOfSeries(i int) []Dimension {
	return []Dimension{{"Application", "app-" + strconv.Itoa(i/100)}, {"Task", "task-" + strconv.Itoa(i)}}
}

func putMinutes(b *testing.B, s *Service, count, minutes int, at time.Time) {
	value := func() float64 { return float64(rand.IntN(1000)) }
	if os.Getenv("VALUES") == "real" {
		value = func() float64 { return rand.Float64() * 1000 }
	}
	batch := max(1, maxBatch/minutes)
	for from := 0; from < count; from += batch {
		var data []Datum
		for i := from; i < min(from+batch, count); i++ {
			of := dimensionsOfSeries(i)
			for m := range minutes {
				data = append(data, Datum{Name: "numRecordsInPerSecond", Time: at.Add(time.Duration(m) * time.Minute), Value: value(), Unit: "Count/Second", Dimensions: of})
			}
		}
		if err := s.Put(b.Context(), "123456789012", "us-east-1", "AWS/KinesisAnalytics", data); err != nil {
			b.Fatal(err)
		}
	}
}

// reportReads times each read once, the first of them with what opening the store takes, which is what a start after a crash does.
func reportReads(b *testing.B, s *Service, count, minutes int, now time.Time) {
	ctx := request(b.Context())
	list := func(in model.ListMetricsInput) func() error {
		return func() error { _, err := s.ListMetrics(ctx, &in); return err }
	}
	for _, r := range []struct {
		name string
		read func() error
	}{
		{"ms/first-read", func() error { return readSeries(ctx, s, 0, now.Add(-time.Hour), now, 60) }},
		{"ms/hour", func() error { return readSeries(ctx, s, count/2, now.Add(-time.Hour), now, 60) }},
		{"ms/15-days-of-minutes", func() error { return readSeries(ctx, s, count/3, now.Add(-15*day+time.Hour), now, 60) }},
		{"ms/all-by-5-minutes", func() error {
			return readSeries(ctx, s, count/4, now.Add(-min(time.Duration(minutes)*time.Minute, 63*day)), now, 300)
		}},
		{"ms/all-by-hours", func() error {
			return readSeries(ctx, s, count/5, now.Add(-time.Duration(minutes)*time.Minute), now, 3600)
		}},
		{"ms/list-page", list(model.ListMetricsInput{})},
		{"ms/list-one-of-all", list(model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Task"), Value: new("task-" + strconv.Itoa(count-1))}}})},
		{"ms/search", func() error { return searchSeries(ctx, s, count, now) }},
		{"ms/newest", func() error { return readNewest(ctx, s) }},
	} {
		began := time.Now()
		if err := r.read(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, r.name)
	}
}

// readNewest reads as many series as a scrape shows.
func readNewest(ctx context.Context, s *Service) error {
	n := 0
	return s.Newest(ctx, 5*time.Minute, func(Newest) bool { n++; return n < 50000 })
}

// searchSeries sums the last three hours of the tasks of one application in a hundred.
func searchSeries(ctx context.Context, s *Service, count int, now time.Time) error {
	_, err := s.GetMetricData(ctx, &model.GetMetricDataInput{StartTime: new(now.Add(-3 * time.Hour)), EndTime: &now, MetricDataQueries: []model.MetricDataQuery{
		{Id: new("e1"), Expression: new(fmt.Sprintf(`SUM(SEARCH('{AWS/KinesisAnalytics,Application,Task} Application="app-%d"', 'Average', 60))`, count/200))},
	}})
	return err
}

// reportAlarms tells what an evaluation of alarms takes, each on a series of its own.
func reportAlarms(b *testing.B, s *Service, count int, now time.Time) {
	ctx := request(b.Context())
	for i := range count {
		in := &model.PutMetricAlarmInput{AlarmName: new("alarm-" + strconv.Itoa(i)), Namespace: new("AWS/KinesisAnalytics"), MetricName: new("numRecordsInPerSecond"),
			Statistic: "Average", Period: new(int32(60)), EvaluationPeriods: new(int32(5)), Threshold: new(5000.0), ComparisonOperator: "GreaterThanThreshold"}
		for _, d := range dimensionsOfSeries(i) {
			in.Dimensions = append(in.Dimensions, model.Dimension{Name: &d.Name, Value: &d.Value})
		}
		if _, err := s.PutMetricAlarm(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	if err := s.evaluate(b.Context(), time.Time{}, now); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(count), "µs/alarm")
}

func setting(b *testing.B, name string, otherwise int) int {
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func readSeries(ctx context.Context, s *Service, i int, from, to time.Time, period int32) error {
	m := &model.Metric{Namespace: new("AWS/KinesisAnalytics"), MetricName: new("numRecordsInPerSecond")}
	for _, d := range dimensionsOfSeries(i) {
		m.Dimensions = append(m.Dimensions, model.Dimension{Name: &d.Name, Value: &d.Value})
	}
	out, err := s.GetMetricData(ctx, &model.GetMetricDataInput{StartTime: &from, EndTime: &to, MetricDataQueries: []model.MetricDataQuery{
		{Id: new("m1"), MetricStat: &model.MetricStat{Period: &period, Stat: new("Average"), Metric: m}},
	}})
	if err == nil && len(out.MetricDataResults[0].Values) == 0 {
		err = fmt.Errorf("series %d has no points", i)
	}
	return err
}

func size(b *testing.B, dir string) (total int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}
