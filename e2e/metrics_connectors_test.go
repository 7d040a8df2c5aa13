package e2e

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// connectorFigure is a row of the table of "Metrics and dimensions in Managed Service for Apache Flink" that a connector fills.
type connectorFigure struct {
	name, unit, id string  // id is of the stream or topic; "" = the metric has none
	flink          string  // how its name ends in Flink's REST API
	allow          float64 // how far apart the two may be: what may come between two looks
}

// hasFlinksFigures waits until the newest samples of connectors are what Flink's own REST API says. All was read before.
func (a application) hasFlinksFigures(figures ...connectorFigure) {
	a.t.Helper()
	differs := ""
	defer func() {
		if a.t.Failed() {
			a.t.Log(differs)
		}
	}()
	a.await("the figures of connectors are Flink's", 2*time.Minute, func() bool {
		for _, f := range figures {
			var of []string
			if f.id != "" {
				of = []string{"Name=Id,Value=" + f.id, "Name=Flow,Value=Input"}
			}
			sample, there := a.newest(f.name, append(of, "--unit", f.unit)...)
			said, known := a.flinkSays(f.flink)
			if !there || !known || math.Abs(sample-said) > f.allow {
				differs = fmt.Sprintf("%s is %v (%v), and Flink says %v (%v) of %s", f.name, sample, there, said, known, f.flink)
				return false
			}
		}
		return true
	})
}

// newest gives the highest sample of the last minute that has one.
func (a application) newest(metric string, dimensions ...string) (value float64, there bool) {
	a.t.Helper()
	var answer struct {
		Datapoints []struct {
			Timestamp float64 // seconds
			Maximum   float64
		}
	}
	args := []string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/KinesisAnalytics", "--metric-name", metric, "--period", "60", "--statistics", "Maximum",
		"--start-time", time.Now().Add(-5 * time.Minute).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339),
		"--dimensions", "Name=Application,Value=" + a.name}
	a.awsJSON(&answer, append(args, dimensions...)...)
	last := 0.0
	for _, p := range answer.Datapoints {
		if p.Timestamp > last {
			last, value = p.Timestamp, p.Maximum
		}
	}
	return value, last > 0
}

// flinkSays gives the highest value of a metric among the tasks of the running job.
func (a application) flinkSays(suffix string) (highest float64, known bool) {
	a.t.Helper()
	job := "/jobs/" + a.runningJob()
	var details struct{ Vertices []struct{ ID string } }
	a.flink(job, &details)
	highest = math.Inf(-1)
	for _, v := range details.Vertices {
		path := job + "/vertices/" + v.ID + "/subtasks/0/metrics"
		var metrics []struct{ ID, Value string }
		a.flink(path, &metrics)
		var names []string
		for _, m := range metrics {
			if strings.HasSuffix(m.ID, suffix) {
				names = append(names, url.QueryEscape(m.ID))
			}
		}
		if len(names) == 0 {
			continue
		}
		a.flink(path+"?get="+strings.Join(names, ","), &metrics)
		for _, m := range metrics {
			if n, err := strconv.ParseFloat(m.Value, 64); err == nil && !math.IsNaN(n) {
				highest, known = max(highest, n), true
			}
		}
	}
	return highest, known
}
