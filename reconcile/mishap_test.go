package reconcile

import (
	"path/filepath"
	"strings"

	"drey/app"
	"drey/flink/flinktest"
)

// withChecker lets updates be held against the state, which they fit.
func (h *house) withChecker() {
	h.checker = "/runtime/statecheck.jar"
	h.jm.Main = func(s flinktest.Submission) string {
		if s.Jar == filepath.Base(h.checker) {
			return "java.lang.RuntimeException: VERDICT[]"
		}
		return ""
	}
}

// updateCode brings the code of a key.
func (h *house) updateCode(key string) {
	h.Helper()
	in := h.newCode()
	in.ApplicationConfigurationUpdate.ApplicationCodeConfigurationUpdate.CodeContentUpdate.S3ContentLocationUpdate.FileKeyUpdate = &key
	_, err := h.api.UpdateApplication(h.as(), in)
	h.must(err)
}

// mishap takes an application through what goes wrong: a JobManager that dies, a job that crashes and is repaired by an update, one
// that ends by itself, a start that is broken off. Its updates are held against its state, and it has a manual snapshot.
func mishap(h *house) {
	h.withChecker()
	h.create()
	h.start()
	h.settled(app.Running)
	h.takeLegacy("mine")
	h.until("the snapshot", func(*app.Application) bool { return h.snapshots()[0].Status == app.SnapshotReady })
	h.checkpoint(3)
	h.updateCode("two")
	h.settled(app.Running)
	updated := h.snapshots()[1].Path
	if op := h.lastOperation(); !op.Checked || op.Status != app.Successful {
		h.Errorf("the update is %+v", op)
	}

	newest := h.checkpoint(5)
	h.kill("flink-jobmanager")
	h.until("recovery", func(a *app.Application) bool { return len(h.jm.Submissions()) == 3 && a.Run.DownSince.IsZero() })
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", denial)
	h.until("the report", func(a *app.Application) bool { return a.Run.LastError != "" })
	if h.toldOf(denial) != 1 {
		h.Errorf("the log has %q", h.records)
	}
	h.updateCode("three")
	h.settled(app.Running)
	if op := h.lastOperation(); !op.Down || !op.Checked || op.Status != app.Successful {
		h.Errorf("the repair is %+v", op)
	}

	h.jm.SetJob(h.application().Run.JobID, "FINISHED", "")
	h.until("the end of the job", func(a *app.Application) bool { return a.Status() == app.Ready && a.Cluster == nil })
	h.start()
	h.until("a cluster", func(*app.Application) bool { return len(h.machine.Clusters()) == 1 })
	h.stop(true)
	h.settled(app.Ready)
	if n := len(h.machine.Clusters()); n != 0 {
		h.Errorf("%d clusters are left", n)
	}

	if got, want := h.restored(map[string]string{updated: "update", newest: "checkpoint"}), "empty update checkpoint checkpoint"; strings.Join(got, " ") != want {
		h.Errorf("the jobs began from %v, expected %s", got, want)
	}
	if all := h.snapshots(); len(all) != 2 || all[0].Path == updated || !strings.Contains(all[0].Path, all[0].Trigger) {
		h.Errorf("the snapshots are %+v", all)
	}
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
}
