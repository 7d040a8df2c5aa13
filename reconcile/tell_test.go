package reconcile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/app"
	"drey/driver/sim"
	"drey/flink/flinktest"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// toldOf counts the records that hold a text.
func (h *house) toldOf(text string) (n int) {
	for _, r := range h.records {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// keeps lets the keeper look so often, whatever comes of it, and wants one error at least.
func (h *house) keeps(looks int) {
	h.Helper()
	var all error
	for range looks {
		all = errors.Join(all, h.pass())
	}
	if all == nil {
		h.Error("no look failed")
	}
}

// TestWhatFailsAgainAndAgainIsToldOnce: the JobManager has died, and main() throws whenever the job is handed over anew.
func TestWhatFailsAgainAndAgainIsToldOnce(t *testing.T) {
	h := running(t)
	h.jm.Main = func(flinktest.Submission) string { return "java.lang.IllegalStateException: no table" }
	h.kill("flink-jobmanager")
	h.keeps(20)
	if h.toldOf("no table") != 1 || h.toldOf("flink-jobmanager ended and is started again: killed by the test") != 1 || len(h.records) != 2 {
		t.Errorf("the log has %q", h.records)
	}
	h.clock = h.clock.Add(tellAgain)
	h.keeps(5)
	if h.toldOf("no table") != 2 {
		t.Errorf("after an hour the log has %q", h.records)
	}
	h.jm.Main = nil
	h.until("recovery", func(a *app.Application) bool { return a.Run.Resumed == 1 })
}

// TestClusterThatCannotBeKeptIsTold although no operation is in progress that could fail.
func TestClusterThatCannotBeKeptIsTold(t *testing.T) {
	h := running(t)
	full := errors.New("write cluster.json: no space left on device")
	h.machine.Fault = func(op sim.Op, _ string) error {
		if op == sim.OpEnsure {
			return full
		}
		return nil
	}
	h.kill("flink-taskmanager-1-1")
	h.keeps(10)
	if h.toldOf(full.Error()) != 1 {
		t.Errorf("the log has %q", h.records)
	}
	h.machine.Fault = nil
	h.until("the TaskManager", func(a *app.Application) bool { return h.machine.Starts(a.ID, "flink-taskmanager-1-1") == 2 })
}

func TestRetryPauseGrows(t *testing.T) {
	var pauses []time.Duration
	for n := range 7 {
		pauses = append(pauses, retryPause(n)/time.Second)
	}
	if want := []time.Duration{3, 6, 12, 24, 48, 60, 60}; !slices.Equal(pauses, want) || retryPause(1<<40) != maxPause {
		t.Errorf("the pauses are %v, expected %v", pauses, want)
	}
}

func (h *house) takeLegacy(snapshot string) {
	h.Helper()
	_, err := h.api.CreateApplicationSnapshot(h.as(), &msfmodel.CreateApplicationSnapshotInput{ApplicationName: new(name), SnapshotName: &snapshot})
	h.must(err)
}

// TestLogSaysWhyASnapshotFailed, for the API cannot.
func TestLogSaysWhyASnapshotFailed(t *testing.T) {
	h := running(t)
	h.jm.Manual = true
	h.takeLegacy("mine")
	h.until("the request", func(*app.Application) bool { return h.jm.Called("POST /jobs") == 1 })
	h.jm.FailSavepoints("java.io.IOException: No space left on device")
	h.until("the failure", func(*app.Application) bool { return h.snapshots()[0].Status == app.SnapshotFailed })
	if h.toldOf("Failed to take the snapshot mine: java.io.IOException: No space left on device") != 1 {
		t.Errorf("the log has %q", h.records)
	}
	if s := h.application().Status(); s != app.Running {
		t.Errorf("the application is %s", s)
	}
}

// TestRequestForASnapshotThatIsLost is made again.
func TestRequestForASnapshotThatIsLost(t *testing.T) {
	h := running(t)
	lost := 2
	h.jm.Before = func(string, string) bool { lost--; return lost < 0 }
	h.takeLegacy("mine")
	h.until("the snapshot", func(*app.Application) bool { return h.snapshots()[0].Status != app.SnapshotCreating })
	if s := h.snapshots()[0]; s.Status != app.SnapshotReady || len(h.records) > 0 {
		t.Errorf("the snapshot is %+v, and the log has %q", s, h.records)
	}
}
