package reconcile

import (
	"strings"
	"testing"

	"drey/app"
	msfmodel "drey/model/kinesisanalyticsv2"
)

// rescale asks for another parallelism of the running application.
func (h *house) rescale(parallelism, perKPU int32, rollback bool) {
	h.Helper()
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID),
		ApplicationConfigurationUpdate: &msfmodel.ApplicationConfigurationUpdate{
			FlinkApplicationConfigurationUpdate: &msfmodel.FlinkApplicationConfigurationUpdate{ParallelismConfigurationUpdate: &msfmodel.ParallelismConfigurationUpdate{
				ConfigurationTypeUpdate: msfmodel.ConfigurationTypeCUSTOM, ParallelismUpdate: &parallelism, ParallelismPerKPUUpdate: &perKPU, AutoScalingEnabledUpdate: new(false),
			}},
			ApplicationSystemRollbackConfigurationUpdate: &msfmodel.ApplicationSystemRollbackConfigurationUpdate{RollbackEnabledUpdate: &rollback},
		},
	})
	h.must(err)
}

// scaled wants the cluster to be of a size, and the last job to have a parallelism.
func (h *house) scaled(taskManagers, slots, parallelism int) {
	h.Helper()
	all := h.machine.Clusters()
	if len(all) != 1 || all[0].TaskManagers != taskManagers || all[0].SlotsPerTaskManager != slots {
		h.Errorf("the clusters are %+v, expected %d TaskManagers of %d slots", all, taskManagers, slots)
	}
	if s := h.lastSubmission(); s.Parallelism != parallelism {
		h.Errorf("the job has the parallelism %d, expected %d", s.Parallelism, parallelism)
	}
}

// TestRescale changes the parallelism and the KPUs of a running job that cannot be rescaled in place: its state is carried over
// to other TaskManagers.
func TestRescale(t *testing.T) {
	h := running(t)
	h.rigid = true
	h.scaled(1, 1, 1)
	for i, c := range []struct{ parallelism, perKPU, taskManagers int }{{4, 2, 2}, {5, 2, 3}, {4, 4, 1}} {
		h.rescale(int32(c.parallelism), int32(c.perKPU), false)
		h.settled(app.Running)
		h.scaled(c.taskManagers, c.perKPU, c.parallelism)
		taken := h.snapshots()
		if len(taken) != i+1 || h.lastSubmission().SavepointPath != taken[i].Path {
			t.Errorf("the job began from %q, and the snapshots are %+v", h.lastSubmission().SavepointPath, taken)
		}
		out, err := h.api.DescribeApplication(h.as(), &msfmodel.DescribeApplicationInput{ApplicationName: new(name)})
		h.must(err)
		d := out.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription
		if *d.CurrentParallelism != int32(c.parallelism) || *d.ParallelismPerKPU != int32(c.perKPU) {
			t.Errorf("described are %d, %d for each KPU", *d.CurrentParallelism, *d.ParallelismPerKPU)
		}
	}
}

// TestRescaleThatFailsIsRolledBack: the machine has no room for as many TaskManagers, so that the tasks never run.
func TestRescaleThatFailsIsRolledBack(t *testing.T) {
	h := running(t)
	h.rigid = true
	h.rescale(8, 1, true)
	h.until("the job", func(*app.Application) bool { return len(h.jm.Submissions()) == 2 })
	h.scaled(8, 1, 8)
	h.jm.SetJob(h.application().Run.JobID, "CREATED", "")
	h.clock = h.clock.Add(app.StartTimeout)
	h.settled(app.Running)
	h.scaled(1, 1, 1)
	before := h.snapshots()[0]
	if s := h.lastSubmission(); before.Version != 1 || s.SavepointPath != before.Path {
		t.Errorf("the old parallelism went on from %q, expected %s of version %d", s.SavepointPath, before.Path, before.Version)
	}
	ops := h.operations()
	if ops[1].Status != app.Failed || !strings.Contains(ops[1].Error, "(waiting for tasks: 0 of 16 run)") || ops[1].Rollback != ops[0].ID || ops[0].Kind != app.Rollback || ops[0].Status != app.Successful {
		t.Errorf("the operations are %+v and %+v", ops[1], ops[0])
	}
	if v := h.application().Version; v.ID != 3 || v.RolledTo != 1 || v.Configuration.Parallelism.Parallelism != 1 {
		t.Errorf("the version is %+v", v)
	}
}
