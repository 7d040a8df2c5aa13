package reconcile

import (
	"errors"
	"slices"
	"testing"

	"drey/app"
	"drey/app/appdb"
	msfmodel "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

func (h *house) refused(err error, code wire.ErrorCode) {
	h.Helper()
	if !errors.Is(err, code) {
		h.Errorf("got %v, expected %s", err, code.Code)
	}
}

// TestOneAtATime: one snapshot of an application is created and one export of a snapshot runs at a time; nothing is deleted
// while it is created.
func TestOneAtATime(t *testing.T) {
	h := newHouse(t)
	h.createEnhanced()
	create := func(snapshot string) error {
		_, err := h.api.CreateSnapshot(h.as(), &msfmodel.CreateSnapshotInput{ApplicationName: new(name), SnapshotName: &snapshot})
		return err
	}
	remove := func(snapshot string) error {
		_, err := h.api.DeleteSnapshot(h.as(), &msfmodel.DeleteSnapshotInput{SnapshotName: &snapshot, SnapshotCreationTimestamp: new(h.snapshot(snapshot).Created)})
		return err
	}
	export := func(snapshot string) error {
		_, err := h.api.ExportSnapshot(h.as(), &msfmodel.ExportSnapshotInput{SnapshotName: &snapshot, ExportDestinationConfiguration: &msfmodel.ExportDestinationConfiguration{
			DestinationType: msfmodel.StorageLocationTypeS3, ExportRoleArn: new(roleARN), DestinationS3PrefixLocation: place("out/"),
		}})
		return err
	}
	h.refused(create("early"), msfmodel.ResourceInUseException)
	h.start()
	h.settled(app.Running)
	_, err := h.api.CreateApplicationSnapshot(h.as(), &msfmodel.CreateApplicationSnapshotInput{ApplicationName: new(name), SnapshotName: new("legacy")})
	h.refused(err, msfmodel.InvalidApplicationConfigurationException)
	h.must(create("a"))
	h.refused(create("b"), msfmodel.LimitExceededException)
	h.refused(remove("a"), msfmodel.ResourceInUseException)
	h.refused(export("a"), msfmodel.ResourceInUseException)
	h.until("the snapshot", func(*app.Application) bool { return h.snapshot("a").Status == app.SnapshotReady })
	h.must(export("a"))
	h.refused(export("a"), msfmodel.LimitExceededException)
	h.must(remove("a")) // waits
	h.refused(remove("a"), msfmodel.ResourceInUseException)
	h.until("the export and the deletion", func(*app.Application) bool { return h.snapshot("a") == nil })
	if len(h.bucket.objects) != 1 {
		t.Errorf("the export that was under way has written %d objects", len(h.bucket.objects))
	}
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", "java.lang.IllegalStateException")
	h.refused(create("c"), msfmodel.InvalidApplicationConfigurationException)
}

func (h *house) setMode(mode msfmodel.SnapshotMode) {
	h.Helper()
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{
			ApplicationSnapshotConfigurationUpdate: &msfmodel.ApplicationSnapshotConfigurationUpdate{SnapshotsEnabledUpdate: new(true), SnapshotModeUpdate: mode},
		},
	})
	h.must(err)
}

// TestUpgradeToEnhancedSnapshotsAndBack: the update that switches takes a system snapshot; a rollback leads back from it,
// until the application is updated once more.
func TestUpgradeToEnhancedSnapshotsAndBack(t *testing.T) {
	h := newHouse(t)
	h.create()
	_, err := h.db.Update(h.Context(), h.loop.key, func(_ *appdb.Tx, a *app.Application) error {
		a.Version.Configuration.Runtime = "FLINK-1_20"
		return nil
	})
	h.must(err)
	h.start()
	h.settled(app.Running)
	rollback := func() error {
		_, err := h.api.RollbackApplication(h.as(), &msfmodel.RollbackApplicationInput{ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID)})
		return err
	}
	h.setMode(msfmodel.SnapshotModeENHANCED_SNAPSHOTS)
	switched := app.SystemSnapshot(name, h.application().Operation.ID)
	h.settled(app.Running)
	if snap := h.snapshot(switched); snap == nil || snap.Origin != app.SystemCreateSnapshot || len(h.snapshots()) > 0 {
		t.Fatalf("the update took %+v and %v", snap, h.snapshots())
	}
	h.must(rollback())
	h.settled(app.Running)
	if c := h.application().Version.Configuration; c.Enhanced {
		t.Error("the rollback kept the enhanced mode")
	}
	if s := h.lastSubmission().SavepointPath; h.loop.kept(s) != "" || s == "" {
		t.Errorf("the old version began from %q, which it cannot read", s)
	}
	h.setMode(msfmodel.SnapshotModeENHANCED_SNAPSHOTS)
	h.settled(app.Running)
	h.setMode("")
	h.settled(app.Running)
	if v := h.application().Version; v.ID != 5 || !v.Configuration.Enhanced {
		t.Fatalf("the version is %+v", v)
	}
	h.must(rollback()) // to version 4, which is enhanced as well
	h.settled(app.Running)
	h.refused(rollback(), msfmodel.InvalidRequestException)
}

// TestUpdateNeedsTheRightToTakeASystemSnapshot where it takes one, and nowhere else.
func TestUpdateNeedsTheRightToTakeASystemSnapshot(t *testing.T) {
	h := newHouse(t)
	h.createEnhanced()
	needs := func(snapshots *bool) bool {
		in := &msfmodel.UpdateApplicationInput{ApplicationName: new(name), ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{}}
		if snapshots != nil {
			in.ApplicationConfigurationUpdate.ApplicationSnapshotConfigurationUpdate = &msfmodel.ApplicationSnapshotConfigurationUpdate{SnapshotsEnabledUpdate: snapshots}
		}
		list, err := h.api.Access(h.as(), "UpdateApplication", in)
		h.must(err)
		return slices.ContainsFunc(list, func(a wire.Access) bool {
			return a.Action == "kinesisanalytics:CreateSystemSnapshot" && a.Resource == h.application().ARN
		})
	}
	if needs(nil) {
		t.Error("it is needed where nothing runs")
	}
	h.start()
	h.settled(app.Running)
	if !needs(nil) || !needs(new(true)) || needs(new(false)) {
		t.Errorf("it is needed: %v; with snapshots %v; without %v", needs(nil), needs(new(true)), needs(new(false)))
	}
}
