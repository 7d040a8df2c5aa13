package reconcile

import (
	"testing"

	"drey/app"
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
