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
	last := 0.0 // seconds
	for _, p := range a.points(metric, "Maximum", dimensions...) {
		if at := p["Timestamp"].(float64); at > last {
			last, value, there = at, p["Maximum"].(float64), true
		}
	}
	return value, there
}

// flinkSays gives the highest value of a metric among the tasks of the running job.
func (a application) flinkSays(suffix string) (highest float64, known bool) {
	a.t.Helper()
	job := "/jobs/" + a.runningJob()
	var details struct{ Vertices []struct{ ID string } }
	a.flink(job, &details)
	highest = math.Inf(-1)
	for _, v := range details.Vertices {
		for _, n := range a.flinkMetrics(job+"/vertices/"+v.ID+"/subtasks/0/metrics", func(id string) bool { return strings.HasSuffix(id, suffix) }) {
			highest, known = max(highest, n), true
		}
	}
	return highest, known
}

// flinkMetrics gives the numbers below a path of Flink's REST API, as far as their names are wanted.
func (s *server) flinkMetrics(path string, wanted func(id string) bool) map[string]float64 {
	s.t.Helper()
	var metrics []struct{ ID, Value string }
	s.flink(path, &metrics)
	var names []string
	for _, m := range metrics {
		if wanted(m.ID) {
			names = append(names, url.QueryEscape(m.ID))
		}
	}
	said := map[string]float64{}
	if len(names) == 0 {
		return said
	}
	s.flink(path+"?get="+strings.Join(names, ","), &metrics)
	for _, m := range metrics {
		if v, err := strconv.ParseFloat(m.Value, 64); err == nil && !math.IsNaN(v) {
			said[m.ID] = v
		}
	}
	return said
}
