package flink_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"drey/flink"
	"drey/flink/flinktest"
)

const (
	jobID   = "00000000000000000000000000000001"
	trigger = "000000000000000000000000000000aa"
)

func connect(t *testing.T) (*flinktest.JobManager, *flink.Client) {
	m := flinktest.Start(t)
	var all flink.Connections
	t.Cleanup(all.Close)
	return m, all.At(m.URL)
}

func TestSubmissionRepeatedIsRefusedAndHarmless(t *testing.T) {
	m, c := connect(t)
	run := flink.Run{JobID: jobID, Parallelism: 2, SavepointPath: "file:///s", AllowNonRestoredState: true}
	if err := c.RunJar(t.Context(), "x.jar", run); err != nil {
		t.Fatal(err)
	}
	err := c.RunJar(t.Context(), "x.jar", run)
	var refused *flink.RESTError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "DuplicateJobSubmission") {
		t.Errorf("the second submission answers %v", err)
	}
	want := flinktest.Submission{Jar: "x.jar", JobID: jobID, Parallelism: 2, SavepointPath: "file:///s", AllowNonRestoredState: true}
	if got := m.Submissions(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("submitted %+v, expected %+v once", got, want)
	}
}

func TestMainThatThrows(t *testing.T) {
	m, c := connect(t)
	m.Main = func(flinktest.Submission) string {
		return "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no orders\nCaused by: java.lang.IllegalStateException: no orders"
	}
	if got := flink.Failure(c.RunJar(t.Context(), "x.jar", flink.Run{JobID: jobID})); !strings.HasPrefix(got, "java.lang.IllegalStateException: no orders") {
		t.Errorf("the reason is %q", got)
	}
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	_, c := connect(t)
	if _, err := c.Job(t.Context(), jobID); !errors.Is(err, flink.ErrNotFound) {
		t.Errorf("an unknown job answers %v", err)
	}
	if _, err := c.Savepoint(t.Context(), jobID, trigger); !errors.Is(err, flink.ErrNotFound) {
		t.Errorf("an unknown trigger answers %v", err)
	}
	if err := c.Cancel(t.Context(), jobID); !errors.Is(err, flink.ErrNotFound) {
		t.Errorf("cancelling an unknown job answers %v", err)
	}
}

func TestStopWithSavepoint(t *testing.T) {
	m, c := connect(t)
	m.Manual = true
	state := t.TempDir()
	if err := c.RunJar(t.Context(), "x.jar", flink.Run{JobID: jobID}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // asked again, it is the same savepoint
		if err := c.StopWithSavepoint(t.Context(), jobID, "file://"+flink.TriggerDir(state, trigger), trigger); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := c.Savepoint(t.Context(), jobID, trigger); err != nil || s != (flink.Savepoint{}) {
		t.Fatalf("under way: %+v, %v", s, err)
	}
	if err := m.Complete(); err != nil {
		t.Fatal(err)
	}
	s, err := c.Savepoint(t.Context(), jobID, trigger)
	if err != nil || !s.Done || s.Failure != "" {
		t.Fatalf("completed: %+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimPrefix(s.Path, "file:"), "_metadata")); err != nil {
		t.Error(err)
	}
	job, err := c.Job(t.Context(), jobID)
	if err != nil || job.State != "FINISHED" {
		t.Errorf("the job is %+v, %v", job, err)
	}
}

func TestSavepointOfRestartingJobFails(t *testing.T) {
	m, c := connect(t)
	if err := c.RunJar(t.Context(), "x.jar", flink.Run{JobID: jobID}); err != nil {
		t.Fatal(err)
	}
	m.SetJob(jobID, "RESTARTING", "java.util.concurrent.CompletionException: x.Y: why\nCaused by: x.Y: why")
	if err := c.TakeSavepoint(t.Context(), jobID, "file://"+t.TempDir(), trigger); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Savepoint(t.Context(), jobID, trigger); err != nil || s.Done || !strings.Contains(s.Failure, "not being executed") {
		t.Errorf("got %+v, %v", s, err)
	}
	if e, err := c.Exception(t.Context(), jobID, time.Time{}); err != nil || !strings.HasPrefix(e, "x.Y: why") {
		t.Errorf("the exception is %q, %v", e, err)
	}
	job, err := c.Job(t.Context(), jobID)
	if err != nil {
		t.Fatal(err)
	}
	if all, running := job.Tasks(); all != 2 || running != 0 {
		t.Errorf("%d of %d tasks run", running, all)
	}
}

// TestConfiguration holds the documented settings (developer guide, "Apache Flink settings").
func TestConfiguration(t *testing.T) {
	s := flink.Settings{Parallelism: 3, Checkpointing: true, CheckpointInterval: time.Minute, MinPause: 5 * time.Second, State: "/state", TelemetryHost: "h", TelemetryToken: "tok"}
	got := flink.Configuration(s)
	for key, want := range map[string]string{
		"parallelism.default": "3", "state.backend.type": "rocksdb", "state.backend.incremental": "true",
		"state.checkpoints.dir": "file:///state/checkpoints", "state.checkpoints.num-retained": "1",
		"execution.checkpointing.interval": "1 min", "execution.checkpointing.min-pause": "5 s", "execution.checkpointing.timeout": "1 h",
		"execution.checkpointing.mode": "EXACTLY_ONCE", "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
		"metrics.reporter.influx.host": "h", "metrics.reporter.influx.db": "tok",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, expected %q", key, got[key], want)
		}
	}
	s.Checkpointing, s.TelemetryHost = false, ""
	for key := range flink.Configuration(s) {
		if strings.HasPrefix(key, "execution.checkpointing.") || strings.HasPrefix(key, "metrics.") {
			t.Errorf("%s is set without checkpoints and metrics", key)
		}
	}
}
