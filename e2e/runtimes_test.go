package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var installing sync.Mutex

// installRuntimes adds to the runtimes that all tests share. names may be flags as well.
func installRuntimes(t *testing.T, names ...string) {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	args := append([]string{"runtime", "install", "--data-dir", filepath.Join(cache, "drey")}, names...)
	if err := command(root, program, args...); err != nil {
		t.Fatal(err)
	}
}

// runsOn sees from the service and from the JVMs' own words which Flink the application runs on.
func (a application) runsOn(runtime, flink string) {
	a.t.Helper()
	got := a.aws("kinesisanalyticsv2", "describe-application", "--application-name", a.name, "--query", "ApplicationDetail.RuntimeEnvironment", "--output", "text")
	if got != runtime {
		a.t.Errorf("the application runs on %s, expected %s", got, runtime)
	}
	files, err := filepath.Glob(filepath.Join(a.data, "clusters", "*", "log", "*.json*"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, f := range files {
		body, _ := os.ReadFile(f) // may have gone with its cluster
		if strings.Contains(string(body), "(Version: "+flink+",") {
			return
		}
	}
	a.t.Errorf("no JVM says that it is of Flink %s", flink)
}

// upgrade asks for another runtime.
func (a application) upgrade(runtime string, more ...string) []string {
	return append([]string{"kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--runtime-environment-update", runtime}, more...)
}

func (a application) upgraded(runtime string, more ...string) {
	a.t.Helper()
	if status, reason := a.ended(a.operationOf(a.aws(a.upgrade(runtime, more...)...))); status != "SUCCESSFUL" {
		a.t.Fatalf("the update to %s is %s: %s", runtime, status, reason)
	}
}

// TestRuntimes carries the state of one application over three runtimes (developer guide, "Upgrade your application to a new
// Apache Flink version"), and back by a snapshot.
func TestRuntimes(t *testing.T) {
	t.Parallel()
	installRuntimes(t, "FLINK-1_20", "FLINK-2_2")
	s := serve(t)
	s.makeRole("app")
	a := s.create("portable", createOptions{jar: jar("test-portable.jar"), checkpointInterval: time.Second})
	a.run()
	a.runsOn("FLINK-1_18", "1.18.1")
	n := 2 * slack
	a.await("some counting", time.Minute, func() bool { _, highest := a.counts(time.Time{}); return highest > n })
	_, early := a.counts(time.Time{})
	a.aws("kinesisanalyticsv2", "create-application-snapshot", "--application-name", a.name, "--snapshot-name", "of-1-18")
	a.await("the snapshot", time.Minute, func() bool {
		return a.aws("kinesisanalyticsv2", "describe-application-snapshot", "--application-name", a.name, "--snapshot-name", "of-1-18",
			"--query", "SnapshotDetails.SnapshotStatus", "--output", "text") == "READY"
	})

	s.run("from 1.18 to 1.20", func(t *testing.T) { n = a.carried("FLINK-1_20", "1.20.5") })
	s.run("later state is not for 1.18", func(t *testing.T) {
		s.refused("InvalidArgumentException", []string{"FLINK-1_20", "older FLINK-1_18"}, a.upgrade("FLINK-1_18")...)
		n = a.goesOn(n, time.Now())
	})
	_, before := a.counts(time.Time{})
	s.run("from 1.20 to 2.2", func(t *testing.T) { n = a.carried("FLINK-2_2", "2.2.1") })
	s.run("state of 2.x is not for 1.x", func(t *testing.T) {
		s.refused("InvalidArgumentException", []string{"FLINK-2_2", "older FLINK-1_20"}, a.upgrade("FLINK-1_20")...)
		n = a.goesOn(n, time.Now())
	})
	s.run("RollbackApplication to 1.20 goes on where that was left", func(t *testing.T) {
		_, n := a.counts(time.Time{})
		began := time.Now()
		status, reason := a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "rollback-application", "--application-name", a.name, "--current-application-version-id", a.version())))
		if status != "SUCCESSFUL" {
			t.Fatalf("the rollback is %s: %s", status, reason)
		}
		a.runsOn("FLINK-1_20", "1.20.5")
		a.await("a count below that of 2.2", time.Minute, func() bool { lowest, _ := a.counts(began); return lowest < n })
		a.goesOn(before, began)
	})
	s.run("down by an earlier snapshot", func(t *testing.T) {
		_, n := a.counts(time.Time{})
		began := time.Now()
		a.upgraded("FLINK-1_18", "--run-configuration-update",
			`{"ApplicationRestoreConfiguration":{"ApplicationRestoreType":"RESTORE_FROM_CUSTOM_SNAPSHOT","SnapshotName":"of-1-18"}}`)
		a.runsOn("FLINK-1_18", "1.18.1")
		a.await("a count below that of 1.20", time.Minute, func() bool { lowest, _ := a.counts(began); return lowest < n })
		a.goesOn(early, began)
	})
}

// carried moves the running application to another runtime, where it counts on.
func (a application) carried(runtime, flink string) (reached int) {
	a.t.Helper()
	_, n := a.counts(time.Time{})
	began := time.Now()
	a.upgraded(runtime)
	upgraded := time.Now()
	a.runsOn(runtime, flink)
	a.await("a count on "+runtime, time.Minute, func() bool { _, highest := a.counts(upgraded); return highest > 0 })
	return a.goesOn(n, began)
}

// TestFlink2 starts applications on a runtime of Flink 2 that know none before.
func TestFlink2(t *testing.T) {
	installRuntimes(t, "FLINK-2_2")
	s := serve(t)
	s.makeRole("app")
	s.run("metrics, checkpoints, checked updates and a snapshot", func(t *testing.T) {
		a := s.create("second", createOptions{jar: jar("test-portable.jar"), runtime: "FLINK-2_2", checkpointInterval: time.Second})
		a.run()
		for _, metric := range []string{"numRestarts", "lastCheckpointSize", "cpuUtilization", "numRecordsOutPerSecond"} {
			a.await("a sample of "+metric, 2*time.Minute, func() bool { return len(a.datapoints(metric, "Maximum")) > 0 })
		}
		if got := a.datapoints("fullRestarts", "Maximum"); len(got) > 0 {
			t.Errorf("fullRestarts has samples, and Flink 2 has none: %v", got)
		}
		if status, reason := a.ended(a.operationOf(a.update(jar("test-moved.jar"), nil))); status != "FAILED" || !strings.Contains(reason, `no place for the state of "Counter" (uid counter)`) {
			t.Errorf("the update that would lose state is %s: %s", status, reason)
		}
		if a.status() != "RUNNING" || a.version() != "1" {
			t.Errorf("the application is %s in version %s", a.status(), a.version())
		}
		if status, reason := a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name))); status != "SUCCESSFUL" {
			t.Errorf("the stop is %s: %s", status, reason)
		}
		of := a.aws("kinesisanalyticsv2", "list-application-snapshots", "--application-name", a.name, "--query", "SnapshotSummaries[].[SnapshotStatus,RuntimeEnvironment]", "--output", "text")
		if strings.Join(strings.Fields(of), " ") != "READY FLINK-2_2" {
			t.Errorf("the stop has left the snapshots %s", of)
		}
	})
	// Developer guide, "Programmatic Flink configuration properties".
	s.run("a program that configures Flink is refused", func(t *testing.T) {
		a := s.create("configuring", createOptions{jar: jar("test-configuring.jar"), runtime: "FLINK-2_2", checkpointInterval: time.Second})
		status, reason := a.ended(a.start())
		if status != "FAILED" || !strings.Contains(reason, "Not allowed configuration change(s) were detected") || !strings.Contains(reason, "execution.checkpointing.interval") {
			t.Errorf("the start is %s: %s", status, reason)
		}
		a.awaitStatus("READY")
	})
}
