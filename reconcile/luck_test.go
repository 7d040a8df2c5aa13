package reconcile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
	"drey/flink/flinktest"
	msfmodel "drey/model/kinesisanalyticsv2"
)

func running(t *testing.T) *house {
	h := newHouse(t)
	h.create()
	h.start()
	h.settled(app.Running)
	return h
}

// checkpoint leaves a completed checkpoint of the running job on disk, as Flink does.
func (h *house) checkpoint(n int) (uri string) {
	h.Helper()
	a := h.application()
	dir := filepath.Join(flink.CheckpointDir(h.loop.state(a)), a.Run.JobID, fmt.Sprintf("chk-%d", n))
	h.must(os.MkdirAll(dir, 0o700))
	h.must(os.WriteFile(filepath.Join(dir, "_metadata"), nil, 0o600))
	return "file://" + dir
}

func (h *house) lastSubmission() flinktest.Submission {
	h.Helper()
	all := h.jm.Submissions()
	if len(all) == 0 {
		h.Fatal("nothing was submitted")
	}
	return all[len(all)-1]
}

func TestKilledTaskManagerComesBack(t *testing.T) {
	h := running(t)
	h.kill("flink-taskmanager-1-1")
	h.until("a second start", func(a *app.Application) bool { return h.machine.Starts(a.ID, "flink-taskmanager-1-1") == 2 })
	if n := len(h.jm.Submissions()); n != 1 {
		t.Errorf("the job was submitted %d times: Flink restarts it by itself", n)
	}
}

func TestKilledJobManagerGoesOnFromTheNewestCheckpoint(t *testing.T) {
	h := running(t)
	h.checkpoint(9)
	newest := h.checkpoint(10)
	job := h.application().Run.JobID
	h.kill("flink-jobmanager")
	h.until("downtime", func(a *app.Application) bool { return !a.Run.DownSince.IsZero() })
	h.until("recovery", func(a *app.Application) bool { return a.Run.DownSince.IsZero() })
	if s := h.lastSubmission(); s.SavepointPath != newest || s.JobID != job {
		t.Errorf("the job %s goes on as %s from %q, expected %q", job, s.JobID, s.SavepointPath, newest)
	}
	if a := h.application(); a.Run.Resumed != 1 || a.Status() != app.Running {
		t.Errorf("resumed %d times, %s", a.Run.Resumed, a.Status())
	}
}

func TestJobManagerKilledBeforeTheFirstCheckpointGoesBackToItsSnapshot(t *testing.T) {
	h := running(t)
	h.stop(false)
	h.settled(app.Ready)
	h.start()
	h.settled(app.Running)
	h.kill("flink-jobmanager")
	h.until("recovery", func(a *app.Application) bool { return a.Run.Resumed == 1 })
	if s := h.lastSubmission(); s.SavepointPath != h.snapshots()[0].Path {
		t.Errorf("the job goes on from %q, expected %q", s.SavepointPath, h.snapshots()[0].Path)
	}
}

const denial = "software.amazon.awssdk.services.kinesis.model.AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/app/s is not authorized to perform: " +
	"kinesis:DescribeStreamSummary on resource: arn:aws:kinesis:us-east-1:123456789012:stream/in"

// TestCrashLoopIsPlainToSee: the operation fails with the reason first, the log has it, and the application is RUNNING.
func TestCrashLoopIsPlainToSee(t *testing.T) {
	h := newHouse(t)
	h.create()
	h.start()
	h.until("the job", func(*app.Application) bool { return len(h.jm.Submissions()) == 1 })
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", "org.apache.flink.runtime.JobException: Recovery\nCaused by: "+denial+"\n\tat a.B.c(B.java:1)")
	h.settled(app.Running)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.HasPrefix(op.Error, denial) || len(op.Error) > maxError {
		t.Errorf("the operation is %s with %q", op.Status, op.Error)
	}
	if len(h.records) == 0 || !strings.HasPrefix(h.records[0], "CodeError.InvalidApplicationCode: "+denial) {
		t.Errorf("the log has %q", h.records)
	}
	for range 5 {
		h.must(h.pass())
	}
	if n := len(h.records); n > 2 {
		t.Errorf("the log has one reason %d times", n)
	}
}

func TestMainThatThrowsEndsTheStart(t *testing.T) {
	h := newHouse(t)
	h.jm.Main = func(flinktest.Submission) string {
		return "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no orders\nCaused by: java.lang.IllegalStateException: no orders\n\tat a.B.c(B.java:1)"
	}
	h.create()
	h.start()
	h.settled(app.Ready)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.HasPrefix(op.Error, "java.lang.IllegalStateException: no orders") {
		t.Errorf("the operation is %s with %q", op.Status, op.Error)
	}
	if len(h.machine.Clusters()) != 0 {
		t.Error("a cluster is left")
	}
	h.jm.Main = nil
	h.start()
	h.settled(app.Running)
}

// TestStartThatHangs has TaskManagers that never register.
func TestStartThatHangs(t *testing.T) {
	h := newHouse(t)
	h.jm.Main = func(flinktest.Submission) string { return "" }
	h.create()
	h.start()
	h.until("the job", func(*app.Application) bool { return len(h.jm.Submissions()) == 1 })
	h.jm.SetJob(h.application().Run.JobID, "CREATED", "")
	h.clock = h.clock.Add(app.StartTimeout)
	h.settled(app.Ready)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.Contains(op.Error, "did not start within a total timeout of 5 minutes") || !strings.Contains(op.Error, "tasks: 0 of 2") {
		t.Errorf("the operation is %s with %q", op.Status, op.Error)
	}
}

func TestForceStopWhileStarting(t *testing.T) {
	h := newHouse(t)
	h.create()
	h.start()
	h.until("a cluster", func(*app.Application) bool { return len(h.machine.Clusters()) == 1 })
	h.stop(true)
	if s := h.application().Status(); s != app.ForceStopping {
		t.Errorf("the application is %s", s)
	}
	h.settled(app.Ready)
	if len(h.machine.Clusters()) != 0 || len(h.snapshots()) != 0 {
		t.Errorf("%d clusters and %d snapshots are left", len(h.machine.Clusters()), len(h.snapshots()))
	}
}

// TestCodeAloneNeedsNoNewCluster is the quick way of an update.
func TestCodeAloneNeedsNoNewCluster(t *testing.T) {
	h := running(t)
	id := h.application().ID
	h.update(nil)
	h.settled(app.Running)
	if n := h.machine.Starts(id, "flink-jobmanager"); n != 1 {
		t.Errorf("the JobManager was started %d times", n)
	}
	if all := h.jm.Submissions(); len(all) != 2 || all[0].Jar == all[1].Jar || all[1].SavepointPath == "" {
		t.Errorf("submitted %+v", all)
	}
}

func TestSavepointThatFailsLeavesTheJobAndTheVersion(t *testing.T) {
	h := running(t)
	h.jm.Manual = true
	h.update(map[string]string{"k": "v"})
	h.until("the savepoint", func(*app.Application) bool { return h.jm.Called("POST /jobs") == 2 }) // behind a checkpoint
	h.jm.FailSavepoints("java.io.IOException: No space left on device")
	h.settled(app.Running)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.Contains(op.Error, "No space left on device") {
		t.Errorf("the operation is %s with %q", op.Status, op.Error)
	}
	a := h.application()
	if a.Version.ID != 1 || len(a.Version.Configuration.Properties) != 0 {
		t.Errorf("the version is %d with %v: the old job goes on with the old one", a.Version.ID, a.Version.Configuration.Properties)
	}
	if states := h.jm.Jobs(); states[a.Run.JobID] != "RUNNING" {
		t.Errorf("the jobs are %v", states)
	}
}

// TestSavepointThatFlinkForgot: the server was away for long, and the savepoint has been complete for as long.
func TestSavepointThatFlinkForgot(t *testing.T) {
	h := running(t)
	h.jm.Manual = true
	h.stop(false)
	h.until("the savepoint", func(*app.Application) bool { return h.jm.Called("POST /jobs") == 2 }) // behind a checkpoint
	h.must(h.jm.Complete())
	h.jm.ForgetSavepoints()
	h.restart()
	h.settled(app.Ready)
	if s := h.snapshots(); len(s) != 1 || s[0].Status != app.SnapshotReady || s[0].Path == "" {
		t.Errorf("the snapshots are %+v", s)
	}
	if op := h.lastOperation(); op.Status != app.Successful {
		t.Errorf("the stop is %s: %s", op.Status, op.Error)
	}
}

func TestBoundedJobEndsTheRun(t *testing.T) {
	h := running(t)
	h.jm.SetJob(h.application().Run.JobID, "FINISHED", "")
	h.until("the end", func(a *app.Application) bool { return a.Status() == app.Ready && a.Cluster == nil })
	if len(h.machine.Clusters()) != 0 {
		t.Error("a cluster is left")
	}
}

// TestUpdateOfACrashLoop: a job that is down cannot be stopped with a snapshot. Its update goes on from the newest
// checkpoint, and the answer says so.
func TestUpdateOfACrashLoop(t *testing.T) {
	h := running(t)
	newest := h.checkpoint(7)
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", denial)
	out, err := h.api.UpdateApplication(h.as(), h.newCode())
	h.must(err)
	restore := out.ApplicationDetail.ApplicationConfigurationDescription.RunConfigurationDescription.ApplicationRestoreConfigurationDescription
	if restore.SnapshotName == nil || *restore.SnapshotName != "checkpoint-7" {
		t.Errorf("the answer says %+v", restore)
	}
	h.settled(app.Running)
	all := h.jm.Submissions()
	if len(all) != 2 || all[0].Jar == all[1].Jar || all[1].SavepointPath != newest {
		t.Errorf("submitted %+v, expected the second to go on from %s", all, newest)
	}
	if op := h.lastOperation(); op.Status != app.Successful || op.Kind != app.Update {
		t.Errorf("the update is %+v", op)
	}
	if n := len(h.snapshots()); n != 0 {
		t.Errorf("%d snapshots", n)
	}
}

// newCode is an update of the code alone.
func (h *house) newCode() *msfmodel.UpdateApplicationInput {
	h.Helper()
	return &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &msfmodel.ApplicationCodeConfigurationUpdate{
			CodeContentUpdate: &msfmodel.CodeContentUpdate{S3ContentLocationUpdate: &msfmodel.S3ContentLocationUpdate{FileKeyUpdate: new("two")}},
		}},
	}
}

func TestManualSnapshot(t *testing.T) {
	h := running(t)
	h.jm.Manual = true
	_, err := h.api.CreateApplicationSnapshot(h.as(), &msfmodel.CreateApplicationSnapshotInput{ApplicationName: new(name), SnapshotName: new("mine")})
	h.must(err)
	h.until("the savepoint", func(*app.Application) bool { return h.jm.Called("POST /jobs") == 1 })
	h.jm.ForgetSavepoints() // as if the request for it had been lost
	h.until("another request", func(*app.Application) bool { return h.jm.Called("POST /jobs") == 2 })
	h.must(h.jm.Complete())
	h.until("the snapshot", func(*app.Application) bool { return h.snapshots()[0].Status == app.SnapshotReady })
	if s := h.application().Status(); s != app.Running {
		t.Errorf("the application is %s", s)
	}
	s := h.snapshots()[0]
	_, err = h.api.DeleteApplicationSnapshot(h.as(), &msfmodel.DeleteApplicationSnapshotInput{ApplicationName: new(name), SnapshotName: new("mine"), SnapshotCreationTimestamp: &s.Created})
	h.must(err)
	h.until("its end", func(*app.Application) bool { return len(h.snapshots()) == 0 })
	if _, err := os.Stat(strings.TrimPrefix(s.Path, "file:")); !os.IsNotExist(err) {
		t.Errorf("the savepoint is left: %v", err)
	}
}

// TestSnapshotIsReadBeforeItIsDeleted: a deletion waits for the start that restores from it.
func TestSnapshotIsReadBeforeItIsDeleted(t *testing.T) {
	h := running(t)
	h.stop(false)
	h.settled(app.Ready)
	h.start()
	s := h.snapshots()[0]
	_, err := h.api.DeleteApplicationSnapshot(h.as(), &msfmodel.DeleteApplicationSnapshotInput{ApplicationName: new(name), SnapshotName: &s.Name, SnapshotCreationTimestamp: &s.Created})
	h.must(err)
	h.until("the job", func(*app.Application) bool { return len(h.jm.Submissions()) == 2 })
	if _, err := os.Stat(strings.TrimPrefix(s.Path, "file://")); err != nil {
		t.Errorf("the job began from %s: %v", h.lastSubmission().SavepointPath, err)
	}
	h.settled(app.Running)
	h.until("its end", func(*app.Application) bool { return len(h.snapshots()) == 0 })
	if _, err := os.Stat(strings.TrimPrefix(s.Path, "file://")); !os.IsNotExist(err) {
		t.Errorf("the savepoint is left: %v", err)
	}
}

// TestOpenAdopts opens a keeper with goroutines of its own on what an earlier server has left.
func TestOpenAdopts(t *testing.T) {
	h := newHouse(t)
	h.create()
	h.start()
	h.until("the job", func(*app.Application) bool { return len(h.jm.Submissions()) == 1 })
	began, then := time.Now(), h.clock
	k, err := Open(t.Context(), Config{
		DB: h.db, Driver: h.machine.Open(), Tokens: h, Telemetry: h, StateDir: filepath.Join(h.dir, "state"), CodeDir: h.dir,
		KPUMemory: 1 << 30, StateChecker: h.loop.StateChecker, Log: h.loop.Log,
		Now: func() time.Time { return then.Add(20 * time.Since(began)) },
	})
	h.must(err)
	deadline := time.After(20 * time.Second)
	for h.application().Operation != nil {
		select {
		case <-deadline:
			t.Fatalf("the start has not ended: %+v", h.application().Operation)
		case <-time.After(20 * time.Millisecond):
		}
	}
	h.must(k.Close())
	if op := h.lastOperation(); op.Status != app.Successful {
		t.Errorf("the start is %s: %s", op.Status, op.Error)
	}
	if n := len(h.jm.Submissions()); n != 1 {
		t.Errorf("the job was submitted %d times", n)
	}
	if len(h.machine.Clusters()) != 1 || h.jm.Jobs()[h.application().Run.JobID] != "RUNNING" {
		t.Errorf("closing the keeper has ended the job: %v", h.jm.Jobs())
	}
}

// TestEraseKeepsNothing is the deletion of an application that never ran.
func TestEraseKeepsNothing(t *testing.T) {
	h := newHouse(t)
	h.create()
	a := h.application()
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
	err := h.db.Read(t.Context(), func(tx *appdb.Tx) error {
		versions, err := tx.Versions(a.ID, 99, 10)
		if len(versions) != 0 {
			t.Errorf("%d versions are left", len(versions))
		}
		return err
	})
	h.must(err)
}

// TestOldOperationsGo when a new one comes.
func TestOldOperationsGo(t *testing.T) {
	h := running(t)
	h.clock = h.clock.Add(app.OperationLife)
	h.stop(false)
	h.settled(app.Ready)
	if all := h.operations(); len(all) != 1 || all[0].Kind != app.Stop {
		t.Errorf("%d operations are left: %+v", len(all), all[0])
	}
}
