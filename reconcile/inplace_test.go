package reconcile

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/app"
	"drey/driver"
	"drey/driver/sim"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// stretch takes an application through rescalings in place: up, down onto a TaskManager that is not the first, back by a
// rollback, and one that has to be a restart after all.
func stretch(h *house) {
	h.create()
	h.start()
	h.settled(app.Running)
	job := h.application().Run.JobID
	for _, p := range []int32{4, 1} {
		h.rescale(p, 1, false)
		h.settled(app.Running)
		h.runs(int(p), int(p))
	}
	_, err := h.api.RollbackApplication(h.as(), &msfmodel.RollbackApplicationInput{ApplicationName: new(name), CurrentApplicationVersionId: new(int64(3))})
	h.must(err)
	h.settled(app.Running)
	h.runs(4, 4)
	if a := h.application(); a.Run.JobID != job || a.Version.ID != 4 || a.Version.RolledTo != 2 || len(h.snapshots()) != 0 {
		h.Errorf("the job is another one, or the version is %+v, or there are snapshots", a.Version)
	}
	h.jm.Rigid = true
	h.rescale(2, 1, false)
	h.settled(app.Running)
	h.runs(2, 2)
	if taken := h.snapshots(); len(taken) != 1 || h.lastSubmission().SavepointPath != taken[0].Path {
		h.Errorf("the restart began from %q; the snapshots are %+v", h.lastSubmission().SavepointPath, taken)
	}
	for _, op := range h.operations() {
		if op.Status != app.Successful {
			h.Errorf("the operation %+v", op)
		}
	}
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
}

// runs wants the job to have a parallelism, on so many TaskManagers.
func (h *house) runs(parallelism, taskManagers int) {
	h.Helper()
	a := h.application()
	if got := h.jm.Parallelism(a.Run.JobID); !maps.Equal(got, map[string]int{"a": parallelism, "b": parallelism}) {
		h.Errorf("the job has the parallelism %v, expected %d", got, parallelism)
	}
	if got := h.taskManagers(); len(got) != taskManagers {
		h.Errorf("the TaskManagers are %v, expected %d", got, taskManagers)
	}
	if a.Current() != int32(parallelism) {
		h.Errorf("CurrentParallelism is %d, expected %d", a.Current(), parallelism)
	}
}

func (h *house) taskManagers() (names []string) {
	h.Helper()
	s, err := h.loop.observe(h.Context(), h.application())
	h.must(err)
	for _, p := range s.report.Processes {
		if p.Role == driver.TaskManager && p.Alive {
			names = append(names, p.Name)
		}
	}
	return names
}

// TestRescaleInPlace: TaskManagers join before Flink is told, those without tasks leave after the job has let them go, the job
// stays the same one, and its operation is UpdateApplication in the state UPDATING.
func TestRescaleInPlace(t *testing.T) {
	h := running(t)
	job := h.application().Run.JobID
	h.rescale(4, 1, false)
	if s := h.application().Status(); s != app.UpdatingState {
		t.Errorf("the state is %s", s)
	}
	h.until("more TaskManagers", func(*app.Application) bool { return len(h.taskManagers()) == 4 })
	if n := h.jm.Called("PUT"); n != 0 {
		t.Error("Flink was told before the TaskManagers had joined")
	}
	h.settled(app.Running)
	h.runs(4, 4)
	h.rescale(1, 1, false)
	h.until("the change", func(a *app.Application) bool { return a.Current() == 1 })
	if n := len(h.taskManagers()); n != 4 {
		t.Errorf("%d TaskManagers are left before the job runs without them", n)
	}
	h.settled(app.Running)
	h.runs(1, 1)
	if got := h.taskManagers(); got[0] != "flink-taskmanager-1-4" {
		t.Errorf("%s stayed, and the tasks are on another one", got)
	}
	if a := h.application(); a.Run.JobID != job || a.Run.Rescaled != 2 || len(h.jm.Submissions()) != 1 {
		t.Errorf("the job was submitted anew, or counts %d rescalings", a.Run.Rescaled)
	}
	if op := h.lastOperation(); op.Kind != app.Update || op.Status != app.Successful || op.From != 2 || op.To != 3 {
		t.Errorf("the operation is %+v", op)
	}
}

// TestRescaleLeavesFixedOperators with the parallelism that the program gives them.
func TestRescaleLeavesFixedOperators(t *testing.T) {
	h := running(t)
	h.jm.Draft = func(parallelism int) map[string]int { return map[string]int{"a": 1, "b": parallelism} }
	h.rescale(3, 1, false)
	h.settled(app.Running)
	if got := h.jm.Parallelism(h.application().Run.JobID); got["a"] != 1 || got["b"] != 3 {
		t.Errorf("the job has the parallelism %v", got)
	}
}

// TestOtherTasksNeedARestart: a program that makes another graph for another parallelism is submitted anew, with a savepoint.
func TestOtherTasksNeedARestart(t *testing.T) {
	h := running(t)
	h.jm.Draft = func(parallelism int) map[string]int { return map[string]int{"a": 1, "c": parallelism} }
	h.rescale(3, 1, false)
	h.settled(app.Running)
	if n, taken := len(h.jm.Submissions()), h.snapshots(); n != 2 || len(taken) != 1 {
		t.Errorf("%d submissions and the snapshots %+v", n, taken)
	}
}

// TestOnlyFlagsChange: nothing that Flink would know of changes, so that nothing happens to the job.
func TestOnlyFlagsChange(t *testing.T) {
	h := running(t)
	h.rescale(1, 1, true)
	h.settled(app.Running)
	h.runs(1, 1)
	if h.jm.Called("PUT")+h.jm.Called("POST /jars/x/plan") != 0 || h.application().Version.ID != 2 || !h.application().Version.Configuration.Rollback {
		t.Error("the job was touched, or the version was not taken over")
	}
}

// TestNothingChanges: the version is a new one, and the job the same, also where the runtime does not rescale in place. An update that
// says where the job begins is meant to begin it again.
func TestNothingChanges(t *testing.T) {
	latest := &msfmodel.RunConfigurationUpdate{ApplicationRestoreConfiguration: &msfmodel.ApplicationRestoreConfiguration{
		ApplicationRestoreType: msfmodel.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT,
	}}
	for what, c := range map[string]struct {
		update *msfmodel.ApplicationConfigurationUpdate
		run    *msfmodel.RunConfigurationUpdate
		same   bool
	}{
		"Empty": {nil, nil, true},
		"EqualBlocks": {&msfmodel.ApplicationConfigurationUpdate{
			ApplicationCodeConfigurationUpdate: &msfmodel.ApplicationCodeConfigurationUpdate{
				CodeContentUpdate: &msfmodel.CodeContentUpdate{S3ContentLocationUpdate: &msfmodel.S3ContentLocationUpdate{FileKeyUpdate: new("one")}},
			},
			FlinkApplicationConfigurationUpdate: &msfmodel.FlinkApplicationConfigurationUpdate{ParallelismConfigurationUpdate: &msfmodel.ParallelismConfigurationUpdate{
				ConfigurationTypeUpdate: msfmodel.ConfigurationTypeCUSTOM, ParallelismUpdate: new(int32(1)),
			}},
		}, nil, true},
		"OtherCode": {&msfmodel.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &msfmodel.ApplicationCodeConfigurationUpdate{
			CodeContentUpdate: &msfmodel.CodeContentUpdate{S3ContentLocationUpdate: &msfmodel.S3ContentLocationUpdate{FileKeyUpdate: new("two")}},
		}}, nil, false},
		"RunConfiguration": {nil, latest, false},
	} {
		t.Run(what, func(t *testing.T) {
			h := running(t)
			h.rigid = true
			job := h.application().Run.JobID
			_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
				ApplicationName: new(name), CurrentApplicationVersionId: new(int64(1)), ApplicationConfigurationUpdate: c.update, RunConfigurationUpdate: c.run,
			})
			h.must(err)
			h.settled(app.Running)
			a := h.application()
			if a.Version.ID != 2 || a.Run.Version != 2 || h.lastOperation().Status != app.Successful {
				t.Errorf("version %d runs as %d; the operation is %+v", a.Version.ID, a.Run.Version, h.lastOperation())
			}
			if same := a.Run.JobID == job && len(h.snapshots()) == 0; same != c.same {
				t.Errorf("the job stays: %v, expected %v", same, c.same)
			}
		})
	}
}

// TestNoRoomForMoreTaskManagers: the operation fails, the job goes on as it was, and so does its version.
func TestNoRoomForMoreTaskManagers(t *testing.T) {
	h := running(t)
	h.machine.Fault = func(op sim.Op, _ string) error {
		if op == sim.OpEnsure {
			return errors.New("no memory for another KPU")
		}
		return nil
	}
	h.rescale(4, 1, true)
	h.settled(app.Running)
	h.machine.Fault = nil
	h.runs(1, 1)
	if op := h.lastOperation(); op.Status != app.Failed || !strings.Contains(op.Error, "no memory for another KPU") {
		t.Errorf("the operation is %+v", op)
	}
	if v := h.application().Version; v.ID != 1 || h.jm.Called("PUT") != 0 {
		t.Errorf("the version is %d, or Flink was told", v.ID)
	}
}

// TestRescaledJobThatFailsIsRolledBack: the tasks fail at once with the new parallelism. With system rollback the version before
// goes on from the newest checkpoint.
func TestRescaledJobThatFailsIsRolledBack(t *testing.T) {
	h := running(t)
	h.checkpoint(7)
	h.rescale(3, 1, true)
	h.until("the change", func(a *app.Application) bool { return a.Current() == 3 })
	h.jm.SetJob(h.application().Run.JobID, "RESTARTING", "java.lang.IllegalStateException: not with three")
	h.settled(app.Running)
	h.runs(1, 1)
	if s := h.lastSubmission(); !strings.HasSuffix(s.SavepointPath, "chk-7") {
		t.Errorf("the version before began from %q", s.SavepointPath)
	}
	ops := h.operations()
	if ops[0].Kind != app.Rollback || ops[0].Status != app.Successful || ops[1].Status != app.Failed || !strings.Contains(ops[1].Error, "not with three") {
		t.Errorf("the operations are %+v and %+v", ops[1], ops[0])
	}
}

// TestJobThatDoesNotTakeItOn goes back to what it had.
func TestJobThatDoesNotTakeItOn(t *testing.T) {
	h := running(t)
	h.jm.Stuck = true
	h.rescale(3, 1, false)
	h.until("Flink was told", func(*app.Application) bool { return h.jm.Called("PUT") > 0 })
	h.clock = h.clock.Add(app.StartTimeout)
	h.settled(app.Running)
	h.jm.Stuck = false
	h.until("TaskManagers leave", func(*app.Application) bool { return len(h.taskManagers()) == 1 })
	h.runs(1, 1)
	if op := h.lastOperation(); op.Status != app.Failed || h.application().Version.ID != 1 || h.jm.Called("PUT") != 2 {
		t.Errorf("the operation is %+v", op)
	}
}

// TestLostTaskManagerComesBackByName: what is kept is kept by name.
func TestLostTaskManagerComesBackByName(t *testing.T) {
	h := running(t)
	for _, p := range []int32{3, 2} {
		h.rescale(p, 1, false)
		h.settled(app.Running)
	}
	stays := h.taskManagers()
	h.kill(stays[0])
	h.until("it is back", func(*app.Application) bool { return len(h.taskManagers()) == 2 })
	if got := h.taskManagers(); !slices.Equal(got, stays) {
		t.Errorf("the TaskManagers are %v, and were %v", got, stays)
	}
}

// grow lets the service scale: fifteen minutes of high load, and six hours of none, each measured by the keeper's own clock.
func grow(h *house) {
	h.create()
	h.start()
	h.settled(app.Running)
	h.must(h.enableScaling())
	h.settled(app.Running)
	job := h.application().Run.JobID
	for _, c := range []struct {
		minutes int
		cpu     float64
		want    int
	}{{15, 80, 2}, {15, 80, 4}, {360, 1, 2}} {
		h.measure(c.minutes, c.cpu)
		h.until("another parallelism", func(a *app.Application) bool { return a.Current() == int32(c.want) })
		h.settled(app.Running)
		h.runs(c.want, c.want)
	}
	if a := h.application(); a.Run.JobID != job || a.Version.ID != 2 || a.Version.Configuration.Parallelism.Parallelism != 1 {
		h.Errorf("it is another job, or the version has changed: %+v", a.Version)
	}
	for _, op := range h.operations()[:3] {
		if op.Kind != app.AutoScale || op.Status != app.Successful || op.From != 0 || !strings.Contains(op.Reason, "containerCPUUtilization") {
			h.Errorf("the operation %+v", op)
		}
	}
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
}

func (h *house) enableScaling() error {
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{
			FlinkApplicationConfigurationUpdate: &msfmodel.FlinkApplicationConfigurationUpdate{ParallelismConfigurationUpdate: &msfmodel.ParallelismConfigurationUpdate{
				ConfigurationTypeUpdate: msfmodel.ConfigurationTypeCUSTOM, AutoScalingEnabledUpdate: new(true),
			}},
		},
	})
	return err
}

// measure lets whole minutes pass, in which a KPU had a load.
func (h *house) measure(n int, cpu float64) {
	h.clock = h.clock.Truncate(time.Minute).Add(time.Minute)
	for range n {
		h.load = append(h.load, app.Load{At: h.clock, CPU: cpu})
		h.clock = h.clock.Add(time.Minute)
	}
}

// TestAutoScaling: the state is AUTOSCALING meanwhile, the configured parallelism stays, and the log tells why.
func TestAutoScaling(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	h.measure(14, 99)
	h.must(h.pass())
	if h.application().Operation != nil {
		t.Error("it scales after 14 minutes")
	}
	h.measure(15, 99)
	h.until("scaling", func(a *app.Application) bool { return a.Status() == app.Autoscaling })
	out, err := h.api.DescribeApplication(h.as(), &msfmodel.DescribeApplicationInput{ApplicationName: new(name)})
	h.must(err)
	if got := out.ApplicationDetail.ApplicationStatus; got != msfmodel.ApplicationStatusAUTOSCALING {
		t.Errorf("described as %s", got)
	}
	h.refused(h.enableScaling(), msfmodel.ResourceInUseException)
	h.settled(app.Running)
	out, err = h.api.DescribeApplication(h.as(), &msfmodel.DescribeApplicationInput{ApplicationName: new(name)})
	h.must(err)
	if p := out.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription; *p.CurrentParallelism != 2 || *p.Parallelism != 1 {
		t.Errorf("described are %d, now %d", *p.Parallelism, *p.CurrentParallelism)
	}
	if len(h.notes) != 1 || !strings.Contains(h.notes[0], "from parallelism 1 to 2: containerCPUUtilization was at least 75 %") {
		t.Errorf("the log says %q", h.notes)
	}
}

// TestAutoScalingByRestart: what cannot be rescaled in place is stopped with a snapshot, and begins from it in the same version.
func TestAutoScalingByRestart(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	h.rigid = true
	h.measure(15, 99)
	h.until("scaling", func(a *app.Application) bool { return a.Status() == app.Autoscaling })
	h.settled(app.Running)
	h.runs(2, 2)
	taken := h.snapshots()
	if len(taken) != 1 || !strings.HasPrefix(taken[0].Name, "AUTOSCALING-") || h.lastSubmission().SavepointPath != taken[0].Path || h.application().Version.ID != 2 {
		t.Errorf("the snapshots are %+v; the job began from %q", taken, h.lastSubmission().SavepointPath)
	}
	h.update(nil) // of something else: the parallelism stays
	h.settled(app.Running)
	h.runs(2, 2)
	h.stop(false)
	h.settled(app.Ready)
	h.start()
	h.settled(app.Running)
	h.runs(1, 1)
}

// TestDryRun says what it would do, once, and does nothing.
func TestDryRun(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	_, err := h.api.TagResource(h.as(), &msfmodel.TagResourceInput{ResourceARN: new(h.application().ARN), Tags: []msfmodel.Tag{{Key: new(app.TagDryRun), Value: new("true")}}})
	h.must(err)
	h.measure(15, 99)
	for range 10 {
		h.must(h.pass())
		h.clock = h.clock.Add(time.Second)
	}
	if h.application().Operation != nil || len(h.notes) != 1 || !strings.Contains(h.notes[0], "would scale from parallelism 1 to 2") {
		t.Errorf("the log says %q, the operation is %+v", h.notes, h.application().Operation)
	}
}

// TestLimitsOfTags: a dry run says what it would do; then a job below the least parallelism, and above the most, goes there at once.
func TestLimitsOfTags(t *testing.T) {
	h := running(t)
	h.must(h.enableScaling())
	h.settled(app.Running)
	tag := func(key, value string) {
		t.Helper()
		_, err := h.api.TagResource(h.as(), &msfmodel.TagResourceInput{ResourceARN: new(h.application().ARN), Tags: []msfmodel.Tag{{Key: &key, Value: &value}}})
		h.must(err)
	}
	tag(app.TagDryRun, "true")
	tag(app.TagMin, "4")
	h.clock = h.clock.Add(time.Minute)
	h.must(h.pass())
	if h.application().Operation != nil || len(h.notes) != 1 || !strings.Contains(h.notes[0], "would scale from parallelism 1 to 4: it is below the least parallelism") {
		t.Errorf("the log says %q, the operation is %+v", h.notes, h.application().Operation)
	}
	tag(app.TagDryRun, "false")
	h.scales(1, 4)
	tag(app.TagMin, "1")
	tag(app.TagMax, "2")
	h.scales(1, 2)
	if len(h.notes) != 3 || !strings.Contains(h.notes[2], "from parallelism 4 to 2: it is above drey:scaling-max, which is 2") {
		t.Errorf("the log says %q", h.notes)
	}
}

// TestMisspelledPolicy is refused where it is set, and one that asks for a restart is heard.
func TestMisspelledPolicy(t *testing.T) {
	h := running(t)
	tag := func(key, value string) error {
		_, err := h.api.TagResource(h.as(), &msfmodel.TagResourceInput{ResourceARN: new(h.application().ARN), Tags: []msfmodel.Tag{{Key: &key, Value: &value}}})
		return err
	}
	h.refused(tag(app.TagPolicy, "fastest"), msfmodel.InvalidArgumentException)
	h.refused(tag("drey:scaling", "aws"), msfmodel.InvalidArgumentException)
	h.must(tag(app.TagInPlace, "restart"))
	h.rescale(2, 1, false)
	h.settled(app.Running)
	if n := len(h.jm.Submissions()); n != 2 {
		t.Errorf("%d submissions", n)
	}
}
