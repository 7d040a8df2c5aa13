package e2e

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// flinkMetrics asks Flink's REST API for metrics below a path, by name.
func (s *server) flinkMetrics(path string, names ...string) map[string]float64 {
	s.t.Helper()
	values := map[string]float64{}
	for _, name := range names {
		var answer []struct{ ID, Value string }
		s.flink(path+"?get="+name, &answer)
		for _, m := range answer {
			v, err := strconv.ParseFloat(m.Value, 64)
			if err != nil {
				s.t.Fatalf("%s is %q", m.ID, m.Value)
			}
			values[m.ID] = v
		}
	}
	return values
}

// TestMetricsAreFlinks compares what CloudWatch says with what Flink's own REST API says before and after the samples were taken.
// A sample lies between the two, give or take: nothing for counters and sizes, three tenths for rates and shares of time, five
// seconds for times since the job began, and what a JVM does in half a minute for its threads and its heap.
func TestMetricsAreFlinks(t *testing.T) {
	for _, r := range []struct{ runtime, restarts string }{{"FLINK-1_18", "fullRestarts"}, {"FLINK-2_2", "runningTime"}} {
		t.Run(r.runtime, func(t *testing.T) {
			installRuntimes(t, r.runtime)
			s := serve(t)
			s.makeRole("app")
			a := s.create("counting", createOptions{jar: jar("test-portable.jar"), runtime: r.runtime, checkpointInterval: time.Hour, metrics: "PARALLELISM"})
			a.run()
			a.passes(3*slack, time.Time{})
			a.aws("kinesisanalyticsv2", "create-application-snapshot", "--application-name", a.name, "--snapshot-name", "one")
			compareMetrics(a, r.restarts)
		})
	}
}

// compareMetrics looks at Flink, waits for samples that are younger, and looks again.
func compareMetrics(a application, restarts string) {
	s, t := a.server, a.t
	job := s.runningJob()
	vertex := s.vertexID(job, "Counter")
	const tm = "/taskmanagers/flink-taskmanager-1-1/metrics"
	jobPath, taskPath := "/jobs/"+job+"/metrics", fmt.Sprintf("/jobs/%s/vertices/%s/subtasks/0/metrics", job, vertex)
	task := []string{"--dimensions", "Name=Application,Value=" + a.name, "Name=Task,Value=Counter_->_Map", "Name=Parallelism,Value=0"}
	application := []string{"--dimensions", "Name=Application,Value=" + a.name}
	rows := []struct {
		name, path, metric string
		dimensions         []string
		slack              float64 // it is relative below 1, absolute from 1 on
	}{
		{"uptime", jobPath, "uptime", application, 5000},
		{restarts, jobPath, restarts, application, 5000},
		{"numRestarts", jobPath, "numRestarts", application, 0},
		{"numberOfFailedCheckpoints", jobPath, "numberOfFailedCheckpoints", application, 0},
		{"threadsCount", tm, "Status.JVM.Threads.Count", application, 20},
		{"managedMemoryUsed", tm, "Status.Flink.Memory.Managed.Used", application, 0},
		{"managedMemoryTotal", tm, "Status.Flink.Memory.Managed.Total", application, 0},
		{"oldGenerationGCCount", tm, "Status.JVM.GarbageCollector.G1_Old_Generation.Count", application, 0},
		{"numRecordsIn", taskPath, "numRecordsIn", task, 0},
		{"numRecordsOut", taskPath, "numRecordsOut", task, 0},
		{"numRecordsInPerSecond", taskPath, "numRecordsInPerSecond", task, 0.3},
		{"busyTimeMsPerSecond", taskPath, "busyTimeMsPerSecond", task, 300},
		{"idleTimeMsPerSecond", taskPath, "idleTimeMsPerSecond", task, 300},
		{"backPressuredTimeMsPerSecond", taskPath, "backPressuredTimeMsPerSecond", task, 300},
	}
	look := func() (values []float64) {
		for _, r := range rows {
			values = append(values, s.flinkMetrics(r.path, r.metric)[r.metric])
		}
		return values
	}
	s.flinkMetrics(tm, "Status.JVM.Memory.Heap.Used") // Flink fetches metrics when it is first asked, and answers the next time
	look()
	s.await("Flink knows its metrics", time.Minute, func() bool { return look()[0] > 0 })
	before, since := look(), time.Now()
	s.await("younger samples", 3*time.Minute, func() bool {
		return time.Since(since) > time.Minute+30*time.Second && a.newest("numRecordsIn", task, since) > 0
	})
	var sampled []float64
	for _, r := range rows {
		sampled = append(sampled, a.newest(r.name, r.dimensions, since))
	}
	time.Sleep(12 * time.Second) // Flink's REST API shows metrics as they were up to ten seconds ago
	after := look()
	for i, r := range rows {
		low, high := math.Min(before[i], after[i]), math.Max(before[i], after[i])
		slack := r.slack
		if slack < 1 {
			slack *= high
		}
		if v := sampled[i]; math.IsNaN(v) || v < low-slack || v > high+slack {
			t.Errorf("%s is %v; Flink says %v before and %v after", r.name, v, before[i], after[i])
		}
	}
}

// newest gives the highest sample of the newest minute that began after a moment; NaN = there is none.
func (a application) newest(metric string, dimensions []string, since time.Time) float64 {
	a.t.Helper()
	var answer struct {
		Datapoints []struct {
			Timestamp, Maximum float64
		}
	}
	a.awsJSON(&answer, append([]string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/KinesisAnalytics", "--metric-name", metric,
		"--start-time", since.Add(-time.Minute).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339),
		"--period", "60", "--statistics", "Maximum"}, dimensions...)...)
	newest, value := since, math.NaN()
	for _, p := range answer.Datapoints {
		if at := time.Unix(int64(p.Timestamp), 0); at.After(newest) {
			newest, value = at, p.Maximum
		}
	}
	return value
}

// vertexID gives the id of a job's vertex whose name begins with a text.
func (s *server) vertexID(job, name string) string {
	s.t.Helper()
	var details struct{ Vertices []struct{ ID, Name string } }
	s.flink("/jobs/"+job, &details)
	for _, v := range details.Vertices {
		if strings.HasPrefix(v.Name, name) {
			return v.ID
		}
	}
	s.t.Fatalf("no vertex %s: %+v", name, details)
	return ""
}
