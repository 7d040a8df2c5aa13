package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/sql"
)

// BenchmarkStorage fills a store with series of one-minute points and reads it. SERIES and HOURS scale it;
// docs/cloudwatch-storage.md has figures.
func BenchmarkStorage(b *testing.B) {
	count, hours := setting(b, "SERIES", 100), setting(b, "HOURS", 1)
	for b.Loop() {
		dir, c := b.TempDir(), &clock{t: noon}
		s, done := openStore(b, dir, c)
		began := time.Now()
		for minute := range hours * 60 {
			c.set(noon.Add(time.Duration(minute) * time.Minute))
			putMinute(b, s, count, c.now())
		}
		points := float64(count * hours * 60)
		b.ReportMetric(points/time.Since(began).Seconds(), "points/s")
		done()
		b.ReportMetric(float64(size(b, filepath.Join(dir, "metrics")))/points, "bytes/point")
		began = time.Now()
		s, done = openStore(b, dir, c)
		b.ReportMetric(float64(time.Since(began).Microseconds()), "µs/open")
		reportReads(b, s, count, c.now())
		reportWidths(b, s, points)
		done()
	}
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

func putMinute(b *testing.B, s *Service, count int, at time.Time) {
	const batch = 1000
	for from := 0; from < count; from += batch {
		var data []Datum
		for i := from; i < min(from+batch, count); i++ {
			data = append(data, Datum{Name: "numRecordsInPerSecond", Time: at, Value: float64(rand.IntN(1000)), Unit: "Count/Second", Dimensions: dimensionsOfSeries(i)})
		}
		if err := s.Put(b.Context(), "123456789012", "us-east-1", "AWS/KinesisAnalytics", data); err != nil {
			b.Fatal(err)
		}
	}
}

func reportReads(b *testing.B, s *Service, count int, now time.Time) {
	for _, r := range []struct {
		name string
		read func() error
	}{
		{"ms/first-read", func() error { return readSeries(request(b.Context()), s, 0, now.Add(-time.Hour), now) }},
		{"ms/hour", func() error { return readSeries(request(b.Context()), s, count/2, now.Add(-time.Hour), now) }},
		{"ms/all", func() error { return readSeries(request(b.Context()), s, count/3, noon, now) }},
		{"ms/list-page", func() error {
			_, err := s.ListMetrics(request(b.Context()), &model.ListMetricsInput{})
			return err
		}},
	} {
		began := time.Now()
		if err := r.read(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, r.name)
	}
}

// reportWidths tells what the buckets of each width hold before they are compressed.
func reportWidths(b *testing.B, s *Service, points float64) {
	for _, t := range tiers[1:] {
		raw, low := 0, []byte{pointPrefix, t.code}
		if err := s.kv.Scan(b.Context(), low, after(low), func(key, value []byte) error { raw += len(key) + len(value); return nil }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(raw)/points, fmt.Sprintf("raw-bytes/point-%ds", t.width))
	}
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

func readSeries(ctx context.Context, s *Service, i int, from, to time.Time) error {
	m := &model.Metric{Namespace: new("AWS/KinesisAnalytics"), MetricName: new("numRecordsInPerSecond")}
	for _, d := range dimensionsOfSeries(i) {
		m.Dimensions = append(m.Dimensions, model.Dimension{Name: &d.Name, Value: &d.Value})
	}
	out, err := s.GetMetricData(ctx, &model.GetMetricDataInput{StartTime: &from, EndTime: &to, MetricDataQueries: []model.MetricDataQuery{
		{Id: new("m1"), MetricStat: &model.MetricStat{Period: new(int32(60)), Stat: new("Average"), Metric: m}},
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
