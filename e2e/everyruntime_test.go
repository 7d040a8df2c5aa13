package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestEveryRuntime takes an application through its life on the runtimes that no other test starts: its configuration wins over
// the program's, where a program may set it at all, and it counts on from the snapshot of its stop.
func TestEveryRuntime(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ runtime, flink, jar string }{
		{"FLINK-1_15", "1.15.2", "test-configuring.jar"},
		{"FLINK-1_19", "1.19.1", "test-configuring.jar"},
		{"FLINK-2_3", "2.3.0", "test-portable.jar"},
	} {
		t.Run(r.runtime, func(t *testing.T) {
			installRuntimes(t, r.runtime)
			s := serve(t)
			s.makeRole("app")
			a := s.create("counting", createOptions{jar: jar(r.jar), runtime: r.runtime, checkpointInterval: 1500 * time.Millisecond})
			a.run()
			a.runsOn(r.runtime, r.flink)
			if got := s.checkpointing(); got != 1500 {
				t.Errorf("a checkpoint each %d ms", got)
			}
			a.passes(2*slack, time.Time{})
			_, n := a.counts(time.Time{})
			a.settled(a.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name))
			of := a.aws("kinesisanalyticsv2", "list-application-snapshots", "--application-name", a.name, "--query", "SnapshotSummaries[].[SnapshotStatus,RuntimeEnvironment]", "--output", "text")
			if strings.Join(strings.Fields(of), " ") != "READY "+r.runtime {
				t.Errorf("the stop has left the snapshots %s", of)
			}
			began := time.Now()
			a.run()
			a.goesOn(n, began)
		})
	}
}
