package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// measuredJob is a running job that stands still, as Measured.java tells, and what Flink and the kernel say of it.
type measuredJob struct {
	application
	runtime string
	level   string
	paths   map[string]string // of Flink's REST API, by whose metrics they give
	tasks   []struct{ name, path string }
	looks   []map[string]map[string]float64 // what Flink said once a second since then, by path and name
	usage   []usage
	answer  map[string]statistics // of the minute that is looked at, by row
}

// TestMetricsAreFlinks holds each sample of a minute's first seconds against what Flink's own REST API and the kernel say around
// that moment: one runtime with every metric at every level, and one of Flink 2 at the level TASK.
func TestMetricsAreFlinks(t *testing.T) {
	t.Parallel()
	jobs := startMeasured(t, map[string]string{"FLINK-1_20": "PARALLELISM", "FLINK-2_2": "TASK"})
	const settled, fresh = 7 * time.Second, 12 * time.Second // Flink measures busy times every five seconds; its REST API looks every ten
	stood := time.Now()
	minute := stood.Add(settled).Truncate(time.Minute).Add(time.Minute)
	looked := time.Time{}
	jobs[0].server.await("samples of the next minute", 2*time.Minute, func() bool {
		if time.Since(looked) < time.Second {
			return false
		}
		looked = time.Now()
		missing := false
		for _, j := range jobs {
			j.use()
			if said := j.look(); time.Since(stood) > fresh {
				j.looks = append(j.looks, said)
			}
			if j.answer == nil && time.Since(minute) > 6*time.Second {
				j.answer = j.ask(minute)
			}
			missing = missing || j.answer == nil
		}
		return !missing
	})
	for _, j := range jobs {
		t.Run(j.runtime, func(t *testing.T) {
			j.compare(t)
			j.compareContainers(t, minute)
			j.compareLevels(t)
		})
	}
}

// startMeasured starts a job on each of the runtimes with a metrics level, and waits until all stand still.
func startMeasured(t *testing.T, levels map[string]string) (jobs []*measuredJob) {
	t.Helper()
	for _, runtime := range slices.Sorted(maps.Keys(levels)) {
		installRuntimes(t, runtime)
		s := serve(t)
		s.makeRole("app")
		j := &measuredJob{runtime: runtime, level: levels[runtime]}
		j.application = s.create("measured", createOptions{jar: jar("test-measured.jar"), runtime: runtime, checkpointInterval: time.Second, metrics: j.level})
		j.start()
		jobs = append(jobs, j)
	}
	for _, j := range jobs {
		j.server.await("the job stands still", 2*time.Minute, func() bool {
			for _, j := range jobs {
				j.use()
			}
			return j.logged("the gate is shut")
		})
		j.findPaths()
	}
	return jobs
}

// logged tells whether a line of the JVMs holds a text.
func (j *measuredJob) logged(text string) bool {
	files, err := filepath.Glob(filepath.Join(j.data, "clusters", "*", "log", "*.json*"))
	if err != nil {
		j.t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		body, err := os.ReadFile(f)
		return err == nil && bytes.Contains(body, []byte(text))
	})
}

func (j *measuredJob) findPaths() {
	j.t.Helper()
	job := "/jobs/" + j.runningJob()
	j.paths = map[string]string{"job": job + "/metrics", "jobmanager": "/jobmanager/metrics", "taskmanager": "/taskmanagers/flink-taskmanager-1-1/metrics"}
	var details struct{ Vertices []struct{ ID, Name string } }
	j.flink(job, &details)
	for _, v := range details.Vertices {
		path := job + "/vertices/" + v.ID + "/subtasks/0/metrics"
		j.tasks = append(j.tasks, struct{ name, path string }{v.Name, path})
		j.paths[v.Name] = path
	}
}

// look gives all numbers that Flink's REST API tells now, by path and name. They are of when it was last asked, at first.
func (j *measuredJob) look() (seen map[string]map[string]float64) {
	j.t.Helper()
	seen = map[string]map[string]float64{}
	for _, path := range j.paths {
		seen[path] = j.flinkMetrics(path, func(string) bool { return true })
	}
	return seen
}

// says tells whether Flink has a metric.
func (j *measuredJob) says(path, name string) bool {
	_, ok := j.looks[len(j.looks)-1][path][name]
	return ok
}

// wanted are the rows that the job has at its level.
func (j *measuredJob) wanted() (rows []row) {
	for _, f := range append(slices.Clone(figures), customFigures...) {
		if !strings.HasPrefix(j.runtime, f.runtimes) {
			continue
		}
		for _, r := range j.rows(f) {
			finer := slices.ContainsFunc(r.dimensions, func(d dimension) bool { return d.Name == "Operator" || d.Name == "Parallelism" })
			if j.level == "PARALLELISM" || !finer {
				rows = append(rows, r)
			}
		}
	}
	for _, name := range []string{"containerCPUUtilization", "containerMemoryUtilization", "containerDiskUtilization"} {
		rows = append(rows, row{figure: figure{name: name, unit: percent, minute: 2}})
	}
	return rows
}

func (r row) String() string { return series(r.name, r.dimensions) }

// series writes a metric with its dimensions, in their order.
func series(metric string, dimensions []dimension) string {
	var of []string
	for _, d := range dimensions {
		of = append(of, " "+d.Name+"="+d.Value)
	}
	slices.Sort(of)
	return metric + strings.Join(of, "")
}

// statistics of a minute of a metric.
type statistics struct{ Minimum, Maximum, SampleCount float64 }

// ask gives the statistics of a minute by row; nil = some have no sample yet. Samples in other units than the documented are none.
func (j *measuredJob) ask(minute time.Time) map[string]statistics {
	j.t.Helper()
	rows := j.wanted()
	answer := map[string]statistics{}
	for part := range slices.Chunk(rows, 160) {
		var queries []any
		for i, r := range part {
			dimensions := append([]dimension{{"Application", j.name}}, r.dimensions...)
			for _, stat := range []string{"Minimum", "Maximum", "SampleCount"} {
				queries = append(queries, map[string]any{"Id": fmt.Sprintf("m%d%s", i, stat), "MetricStat": map[string]any{"Period": 60, "Stat": stat, "Unit": r.unit,
					"Metric": map[string]any{"Namespace": "AWS/KinesisAnalytics", "MetricName": r.name, "Dimensions": dimensions}}})
			}
		}
		body, err := json.Marshal(queries)
		if err != nil {
			j.t.Fatal(err)
		}
		var data struct {
			MetricDataResults []struct {
				ID     string
				Values []float64
			}
		}
		j.awsJSON(&data, "cloudwatch", "get-metric-data", "--start-time", minute.UTC().Format(time.RFC3339), "--end-time", minute.Add(time.Minute).UTC().Format(time.RFC3339),
			"--metric-data-queries", "file://"+j.writeFile("queries.json", body))
		values := map[string]float64{}
		for _, r := range data.MetricDataResults {
			if len(r.Values) == 1 {
				values[r.ID] = r.Values[0]
			}
		}
		for i, r := range part {
			id := fmt.Sprintf("m%d", i)
			answer[r.String()] = statistics{values[id+"Minimum"], values[id+"Maximum"], values[id+"SampleCount"]}
		}
	}
	for _, r := range rows {
		if answer[r.String()].SampleCount == 0 && time.Since(minute) < 20*time.Second {
			return nil
		}
	}
	return answer
}

// compare holds samples against what Flink said. Of each source there are as many samples, and no more than in a minute.
func (j *measuredJob) compare(t *testing.T) {
	compared := 0
	for _, r := range j.wanted() {
		if len(r.sources) == 0 {
			continue
		}
		compared++
		a := j.answer[r.String()]
		if each := a.SampleCount / float64(len(r.sources)); each < 1 || each != math.Trunc(each) || each > float64(r.minute) {
			t.Errorf("%v: %v samples in %s of %d sources", r, a.SampleCount, r.unit, len(r.sources))
			continue
		}
		lowest, highest := j.told(r)
		if a.Minimum < lowest.low || a.Minimum > lowest.high || a.Maximum < highest.low || a.Maximum > highest.high {
			t.Errorf("%v is %v to %v; Flink says %v to %v", r, a.Minimum, a.Maximum, lowest, highest)
		}
	}
	t.Logf("%d series are what %d looks at Flink say", compared, len(j.looks))
	last := j.looks[len(j.looks)-1]
	if restarts, dropped := last[j.paths["job"]]["numRestarts"], last[j.paths["Window -> Custom"]]["Window.numLateRecordsDropped"]; restarts != 1 || dropped == 0 {
		t.Errorf("the job has failed %v times and dropped %v records: it tells too little", restarts, dropped)
	}
	steady := dimension{"Task", "Steady"}
	if got, said := j.answer[series("numRecordsInPerSecond", []dimension{steady})].Maximum, last[j.paths["Steady"]]["numRecordsInPerSecond"]; got < said-age || got == 0 || said == 0 {
		t.Errorf("%v records a second in the Steady part, and Flink says %v", got, said)
	}
}

// compareLevels holds the metrics and their dimensions against the documented levels. What was registered outside of the group, and
// what is no number, is not among them.
func (j *measuredJob) compareLevels(t *testing.T) {
	want := map[string]bool{"KPUs": true}
	for _, r := range j.wanted() {
		want[series(r.name, r.dimensions)] = true
	}
	var listed struct {
		Metrics []struct {
			MetricName string
			Dimensions []dimension
		}
	}
	j.awsJSON(&listed, "cloudwatch", "list-metrics", "--namespace", "AWS/KinesisAnalytics")
	got := map[string]bool{}
	for _, m := range listed.Metrics {
		got[series(m.MetricName, slices.DeleteFunc(m.Dimensions, func(d dimension) bool { return d == dimension{"Application", j.name} }))] = true
	}
	for _, s := range slices.Sorted(maps.Keys(got)) {
		if !want[s] {
			t.Errorf("there is %s", s)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(want)) {
		if !got[s] {
			t.Errorf("there is no %s", s)
		}
	}
	if got := j.datapoints("KPUs", "Maximum"); !slices.Equal(got, []float64{2}) {
		t.Errorf("KPUs: %v, expected one sample of the one that works and the one that orchestrates", got)
	}
}
