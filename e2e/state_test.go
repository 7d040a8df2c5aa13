package e2e

import (
	"strings"
	"testing"
	"time"
)

// settled waits for the success of an operation.
func (a application) settled(answer string) {
	a.t.Helper()
	if status, reason := a.ended(a.operationOf(answer)); status != "SUCCESSFUL" {
		a.t.Fatalf("the operation is %s: %s", status, reason)
	}
}

// beginsAnew waits until the counter has counted from its beginning since a moment.
func (a application) beginsAnew(since time.Time) {
	a.t.Helper()
	a.await("a count from the beginning", time.Minute, func() bool { lowest, _ := a.counts(since); return lowest > 0 && lowest <= slack })
}

// passes waits for a count above n since a moment.
func (a application) passes(n int, since time.Time) {
	a.t.Helper()
	a.await("counting", time.Minute, func() bool { _, highest := a.counts(since); return highest > n })
}

// vertex gives the parallelism of the running job's vertex whose name holds a text; 0 = it has none.
func (s *server) vertex(name string) int {
	s.t.Helper()
	var overview struct {
		Jobs []struct{ ID, Status string }
	}
	s.flink("/jobs", &overview)
	for _, job := range overview.Jobs {
		var details struct {
			Vertices []struct {
				Name        string
				Parallelism int
			}
		}
		s.flink("/jobs/"+job.ID, &details)
		for _, v := range details.Vertices {
			if job.Status == "RUNNING" && strings.Contains(v.Name, name) {
				return v.Parallelism
			}
		}
	}
	return 0
}

// TestState rescales a running application with its state, drops the state of an operator that is gone, and begins without any
// (developer guide, "Implement application scaling", "Manage application backups using snapshots").
func TestState(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	a := s.create("counting", createOptions{jar: jar("test-portable.jar"), checkpointInterval: time.Second})
	a.run()
	a.passes(3*slack, time.Time{})

	s.run("another parallelism on more KPUs", func(t *testing.T) {
		_, n := a.counts(time.Time{})
		began := time.Now()
		a.settled(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
			"--application-configuration-update", `{"FlinkApplicationConfigurationUpdate":{"ParallelismConfigurationUpdate":{"ConfigurationTypeUpdate":"CUSTOM","ParallelismUpdate":3,"ParallelismPerKPUUpdate":2,"AutoScalingEnabledUpdate":false}}}`))
		if got := len(flinkProcesses(s, taskManager)); got != 2 {
			t.Errorf("%d TaskManagers, expected 2", got)
		}
		if got := s.vertex("Counter"); got != 3 {
			t.Errorf("the counter has the parallelism %d", got)
		}
		a.goesOn(n, began)
	})
	s.run("AllowNonRestoredState", func(t *testing.T) {
		began := time.Now()
		a.settled(a.update(jar("test-moved.jar"), nil, "--run-configuration-update", `{"FlinkRunConfiguration":{"AllowNonRestoredState":true}}`))
		a.beginsAnew(began)
		a.passes(3*slack, time.Now())
	})
	s.run("SKIP_RESTORE_FROM_SNAPSHOT", func(t *testing.T) {
		began := time.Now()
		a.settled(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
			"--run-configuration-update", `{"ApplicationRestoreConfiguration":{"ApplicationRestoreType":"SKIP_RESTORE_FROM_SNAPSHOT"}}`))
		a.beginsAnew(began)
	})
}
