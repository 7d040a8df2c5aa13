package reconcile

import (
	"context"
	"strings"
	"testing"

	"drey/app"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// TestHealthIsNotKnownUntilTheFirstLook: a server that has just begun waits for a look before it says how a job is.
func TestHealthIsNotKnownUntilTheFirstLook(t *testing.T) {
	h := running(t)
	h.restart()
	if health, _ := h.loop.lastLook(h.loop.key); health != app.NotKnown {
		t.Errorf("before the first look the job is %s", health)
	}
	answer := make(chan app.Health, 1)
	go func() { answer <- h.loop.Health(context.WithoutCancel(h.Context()), h.loop.key) }()
	h.must(h.pass())
	if health := <-answer; health != app.Up {
		t.Errorf("after the first look the job is %q", health)
	}
	if health := h.loop.Health(h.Context(), app.Key{Name: "of nobody"}); health != app.NotKnown {
		t.Errorf("the job of nobody is %s", health)
	}
}

// TestSilenceIsNoDowntime: a JobManager that lives and does not answer may have a healthy job, whose state is not thrown away.
func TestSilenceIsNoDowntime(t *testing.T) {
	h := running(t)
	rest := h.machine.REST
	h.machine.REST = func(string) string { return "http://127.0.0.1:1" }
	_, err := h.api.UpdateApplication(h.as(), h.newCode())
	h.refused(err, msfmodel.InvalidApplicationConfigurationException)
	_, err = h.api.StopApplication(h.as(), &msfmodel.StopApplicationInput{ApplicationName: new(name)})
	h.refused(err, msfmodel.InvalidApplicationConfigurationException)
	if v := h.application().Version.ID; v != 1 {
		t.Errorf("the version is %d", v)
	}
	skip := h.newCode()
	skip.RunConfigurationUpdate = &msfmodel.RunConfigurationUpdate{ApplicationRestoreConfiguration: &msfmodel.ApplicationRestoreConfiguration{
		ApplicationRestoreType: msfmodel.ApplicationRestoreTypeSKIP_RESTORE_FROM_SNAPSHOT,
	}}
	_, err = h.api.UpdateApplication(h.as(), skip)
	h.must(err)
	h.machine.REST = rest
	h.settled(app.Running)
	if s := h.lastSubmission(); s.SavepointPath != "" {
		t.Errorf("the job began from %s", s.SavepointPath)
	}
}

// TestJobThatIsDownWithoutACheckpoint goes on where Flink's own restarts begin, and the log says so.
func TestJobThatIsDownWithoutACheckpoint(t *testing.T) {
	h := running(t)
	h.stop(false)
	h.settled(app.Ready)
	h.start()
	h.settled(app.Running)
	snap := h.snapshots()[0]
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", denial)
	out, err := h.api.UpdateApplication(h.as(), h.newCode())
	h.must(err)
	from := out.ApplicationDetail.ApplicationConfigurationDescription.RunConfigurationDescription.ApplicationRestoreConfigurationDescription
	if from.SnapshotName == nil || *from.SnapshotName != snap.Name {
		t.Errorf("the answer says %+v", from)
	}
	h.settled(app.Running)
	if s := h.lastSubmission(); s.SavepointPath != snap.Path {
		t.Errorf("the new version began from %q", s.SavepointPath)
	}
	if last := h.records[len(h.records)-1]; !strings.HasSuffix(last, "had completed no checkpoint: version 2 begins from "+snap.Name) {
		t.Errorf("the log has %q", h.records)
	}
}
