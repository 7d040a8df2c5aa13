package e2e

import (
	"testing"
	"time"
)

// onePair wants the JVMs of one cluster of one TaskManager.
func (s *server) onePair() {
	s.t.Helper()
	if jm, tm := len(flinkProcesses(s, jobManager)), len(flinkProcesses(s, taskManager)); jm != 1 || tm != 1 {
		s.t.Errorf("%d JobManagers and %d TaskManagers run, expected one of each", jm, tm)
	}
}

// TestKilledServerFinishesWhatItBegan kills the server in the midst of a start and of an update that needs other JVMs, and once
// more while the next one is at it.
func TestKilledServerFinishesWhatItBegan(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	a := s.create("counting", createOptions{jar: jar("test-portable.jar"), checkpointInterval: time.Second})
	started := a.start()
	s.await("a JobManager", time.Minute, func() bool { return len(flinkProcesses(s, jobManager)) > 0 })
	s.kill()
	s.boot()
	if status, reason := a.ended(started); status != "SUCCESSFUL" {
		t.Fatalf("the start is %s: %s", status, reason)
	}
	s.onePair()
	a.passes(2*slack, time.Time{})

	_, n := a.counts(time.Time{})
	before, began := flinkProcesses(s, jobManager), time.Now()
	updated := a.operationOf(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--application-configuration-update", `{"EnvironmentPropertyUpdates":{"PropertyGroups":[{"PropertyGroupId":"g","PropertyMap":{"k":"v"}}]}}`))
	s.kill() // about where the savepoint is taken
	s.boot()
	s.await("another JobManager", time.Minute, func() bool { now := flinkProcesses(s, jobManager); return len(now) > 0 && now[0] != before[0] })
	s.kill()
	s.boot()
	if status, reason := a.ended(updated); status != "SUCCESSFUL" {
		t.Fatalf("the update is %s: %s", status, reason)
	}
	s.onePair()
	if a.status() != "RUNNING" || a.version() != "2" {
		t.Errorf("the application is %s in version %s", a.status(), a.version())
	}
	a.goesOn(n, began)
}
