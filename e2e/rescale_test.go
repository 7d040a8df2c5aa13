package e2e

import (
	"fmt"
	"maps"
	"testing"
	"time"
)

// rescale asks for another parallelism and gives the operation.
func (a application) rescale(parallelism int) (operation string) {
	a.t.Helper()
	return a.operationOf(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--application-configuration-update", fmt.Sprintf(`{"FlinkApplicationConfigurationUpdate":{"ParallelismConfigurationUpdate":{"ConfigurationTypeUpdate":"CUSTOM","ParallelismUpdate":%d,"AutoScalingEnabledUpdate":false}}}`, parallelism)))
}

// standstill watches the running job until it is told to stop, and gives how long not all tasks ran, at a stretch. It asks Flink, for
// whom tasks that are being restored do not run.
func (s *server) standstill(job string, stop <-chan struct{}) (longest time.Duration) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	up := time.Now()
	for {
		select {
		case <-stop:
			return longest
		case <-tick.C:
		}
		var details struct {
			State    string
			Vertices []struct{ Status string }
		}
		s.flink("/jobs/"+job, &details)
		runs := details.State == "RUNNING"
		for _, v := range details.Vertices {
			runs = runs && v.Status == "RUNNING"
		}
		if runs {
			up = time.Now()
		}
		longest = max(longest, time.Since(up))
	}
}

// runningJob gives the id of the job that runs.
func (s *server) runningJob() string {
	s.t.Helper()
	var jobs struct{ Jobs []struct{ ID, Status string } }
	s.flink("/jobs", &jobs)
	for _, j := range jobs.Jobs {
		if j.Status == "RUNNING" {
			return j.ID
		}
	}
	s.t.Fatalf("no job runs: %+v", jobs)
	return ""
}

// TestRescaleInPlace takes an application from one KPU to two, to three and back while orders come in: the job and its JobManager stay, the
// totals in its state count each order once, and the tasks are never down for long.
func TestRescaleInPlace(t *testing.T) {
	s := serve(t)
	a, p := runOrders(s)
	job, manager := s.runningJob(), flinkProcesses(s, jobManager)
	for i, parallelism := range []int{2, 3, 1} {
		operation := a.rescale(parallelism)
		stop, longest := make(chan struct{}), make(chan time.Duration, 1)
		go func() { longest <- s.standstill(job, stop) }()
		for running := true; running; {
			p.send(200)
			running = a.status() == "UPDATING"
		}
		p.send(500)
		if status, reason := a.ended(operation); status != "SUCCESSFUL" {
			t.Fatalf("the operation is %s: %s", status, reason)
		}
		close(stop)
		down := <-longest
		t.Logf("to parallelism %d: tasks were down for %.2f s", parallelism, down.Seconds())
		if down > 20*time.Second {
			t.Errorf("to parallelism %d: tasks were down for %v", parallelism, down)
		}
		if got := len(flinkProcesses(s, taskManager)); got != parallelism {
			t.Errorf("%d TaskManagers, expected %d", got, parallelism)
		}
		if now := flinkProcesses(s, jobManager); s.runningJob() != job || now[0] != manager[0] {
			t.Error("another job, or another JobManager, runs")
		}
		if v := a.version(); v != fmt.Sprint(i+2) {
			t.Errorf("the version is %s", v)
		}
	}
	p.awaitTotals()
	if totals := p.totals(); !maps.Equal(totals, p.expected) {
		t.Errorf("the totals are %v, the orders come to %v", totals, p.expected)
	}
	if refused, err := s.sh(`grep -h "Unexpected state handle type" "$DATA"/clusters/*/log/*.json || true`, "DATA="+s.data); err != nil || refused != "" {
		t.Errorf("the state was restored with errors: %v %.500s", err, refused)
	}
	if stops := a.datapoints("numRestarts", "Maximum"); len(stops) == 0 || stops[len(stops)-1] != 0 {
		t.Errorf("rescaling counts as %v restarts", stops)
	}
}

// TestEveryRuntimeRescales a running job that counts: it stays the same job, and counts on.
func TestEveryRuntimeRescales(t *testing.T) {
	t.Parallel()
	for _, runtime := range []string{"FLINK-1_19", "FLINK-1_20", "FLINK-2_2", "FLINK-2_3"} {
		t.Run(runtime, func(t *testing.T) {
			installRuntimes(t, runtime)
			s := serve(t)
			s.makeRole("app")
			a := s.create("counting", createOptions{jar: jar("test-portable.jar"), runtime: runtime, checkpointInterval: time.Hour})
			a.run()
			a.passes(2*slack, time.Time{})
			job := s.runningJob()
			for _, parallelism := range []int{2, 1} {
				_, n := a.counts(time.Time{})
				began := time.Now()
				if status, reason := a.ended(a.rescale(parallelism)); status != "SUCCESSFUL" || s.runningJob() != job {
					t.Fatalf("the operation is %s: %s; or another job runs", status, reason)
				}
				if got := s.vertex("Counter"); got != parallelism {
					t.Errorf("the counter has the parallelism %d, expected %d", got, parallelism)
				}
				a.goesOn(n, began)
			}
		})
	}
}
