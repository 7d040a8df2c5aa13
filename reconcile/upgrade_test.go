package reconcile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drey/app"
	"drey/flink"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// upgrade asks for another runtime and waits for it.
func (h *house) upgrade(runtime msfmodel.RuntimeEnvironment) {
	h.Helper()
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID), RuntimeEnvironmentUpdate: runtime,
	})
	h.must(err)
	h.settled(app.Running)
}

func (h *house) rollback() error {
	_, err := h.api.RollbackApplication(h.as(), &msfmodel.RollbackApplicationInput{ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID)})
	return err
}

// TestNumbersOfVersionsAreNeverUsedAgain: whoever holds the number of a version that was refused is told so.
func TestNumbersOfVersionsAreNeverUsedAgain(t *testing.T) {
	h := running(t)
	refused := func() {
		h.Helper()
		h.jm.Manual = true
		h.update(map[string]string{"k": "refused"})
		h.until("the savepoint", func(a *app.Application) bool { return a.Operation.Trigger != "" })
		h.until("the savepoint's request", func(*app.Application) bool {
			h.jm.FailSavepoints("java.io.IOException")
			return h.application().Operation == nil
		})
		h.jm.Manual = false
	}
	refused()
	refused()
	h.update(map[string]string{"k": "v"})
	h.settled(app.Running)
	ops := h.operations()
	for i, to := range []int64{4, 3, 2} {
		if ops[i].From != 1 || ops[i].To != to {
			t.Errorf("the operation leads from %d to %d, expected %d", ops[i].From, ops[i].To, to)
		}
	}
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{ApplicationName: new(name), CurrentApplicationVersionId: new(int64(2)),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{}})
	h.refused(err, msfmodel.ConcurrentModificationException)
	out, err := h.api.DescribeApplicationVersion(h.as(), &msfmodel.DescribeApplicationVersionInput{ApplicationName: new(name), ApplicationVersionId: new(int64(3))})
	h.must(err)
	if groups := out.ApplicationVersionDetail.ApplicationConfigurationDescription.EnvironmentPropertyDescriptions.PropertyGroupDescriptions; groups[0].PropertyMap["k"] != "refused" {
		t.Errorf("version 3 is described with %v", groups)
	}
	h.must(h.rollback())
	h.settled(app.Running)
	if v := h.application().Version; v.ID != 5 || v.RolledTo != 1 {
		t.Errorf("the rollback made %+v", v)
	}
}

// TestCheckpointsOfEarlierJobsGo when the job that runs has one of its own, except what it began from.
func TestCheckpointsOfEarlierJobsGo(t *testing.T) {
	h := running(t)
	jobs := func() (list []string) {
		found, err := os.ReadDir(flink.CheckpointDir(h.loop.state(h.application())))
		h.must(err)
		for _, d := range found {
			list = append(list, d.Name())
		}
		return list
	}
	repair := func() string {
		h.Helper()
		h.checkpoint(1)
		h.jm.SetJob(h.application().Run.JobID, "RESTARTING", denial)
		h.must(h.pass())
		_, err := h.api.UpdateApplication(h.as(), h.newCode())
		h.must(err)
		h.settled(app.Running)
		return h.application().Run.JobID
	}
	first := h.application().Run.JobID
	second := repair()
	third := repair()
	h.must(os.Mkdir(filepath.Join(flink.CheckpointDir(h.loop.state(h.application())), "of the user"), 0o700))
	h.must(h.pass())
	if got := jobs(); !slices.Contains(got, second) {
		t.Errorf("there are %v, and %s began from %s", got, third, second)
	}
	h.checkpoint(1)
	h.must(h.pass())
	got, want := jobs(), []string{"of the user", second, third}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are the checkpoints of %v, expected %v; the first job was %s", got, want, first)
	}
}

// TestRollbackOfAnUpgrade: what an upgrade takes first is state of the old runtime, to which it leads back.
func TestRollbackOfAnUpgrade(t *testing.T) {
	h := running(t)
	h.upgrade(msfmodel.RuntimeEnvironmentFLINK1_20)
	before := h.snapshots()[0]
	if before.Runtime != "FLINK-1_18" || before.Version != 1 {
		t.Errorf("the snapshot before the upgrade is of version %d on %s", before.Version, before.Runtime)
	}
	h.must(h.rollback())
	h.settled(app.Running)
	if v := h.application().Version; v.Configuration.Runtime != "FLINK-1_18" || v.RolledTo != 1 {
		t.Errorf("rolled back to %+v", v)
	}
	if s := h.lastSubmission(); s.SavepointPath != before.Path {
		t.Errorf("the old version went on from %q, expected %q", s.SavepointPath, before.Path)
	}
}

// TestSystemRollbackOfAnUpgrade goes on from the snapshot that the old runtime wrote before the upgrade, not from a later one of the
// new runtime, which it could not read.
func TestSystemRollbackOfAnUpgrade(t *testing.T) {
	h := running(t)
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(int64(1)), RuntimeEnvironmentUpdate: msfmodel.RuntimeEnvironmentFLINK1_20,
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{
			ApplicationSystemRollbackConfigurationUpdate: &msfmodel.ApplicationSystemRollbackConfigurationUpdate{RollbackEnabledUpdate: new(true)},
		},
	})
	h.must(err)
	h.until("the new job", func(a *app.Application) bool { return a.Run != nil && a.Run.Version == 2 && !a.Run.Reached.IsZero() })
	h.takeLegacy("late")
	h.until("its snapshot", func(*app.Application) bool {
		all := h.snapshots()
		return len(all) == 2 && all[1].Status == app.SnapshotReady
	})
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", denial)
	h.settled(app.Running)
	if v := h.application().Version; v.Configuration.Runtime != "FLINK-1_18" || v.RolledTo != 1 {
		t.Errorf("rolled back to %+v; the operation is %+v", v, h.lastOperation())
	}
	before, late := h.snapshots()[0], h.snapshots()[1]
	if before.Runtime != "FLINK-1_18" || late.Runtime != "FLINK-1_20" {
		t.Errorf("the snapshots are of %s and %s", before.Runtime, late.Runtime)
	}
	if s := h.lastSubmission(); s.SavepointPath != before.Path {
		t.Errorf("the old version went on from %q, expected %q", s.SavepointPath, before.Path)
	}
}
