package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"drey/driver"
	"drey/flink"
	"drey/runtimes"
)

const (
	trainTimeout = 2 * time.Minute
	trainPoll    = 50 * time.Millisecond
	trainingJob  = "00000000000000000000000000000001"
)

// MakeClassArchives runs a cluster with a small job once and keeps the classes that its JVMs loaded as archives, which
// later JVMs of the same JDK build map into memory instead of loading (JDK documentation, "Class Data Sharing"). It does
// nothing where archives are there.
func (d *Driver) MakeClassArchives(ctx context.Context, runtime string) error {
	t, err := findTools()
	if err != nil {
		return err
	}
	dist, err := d.Runtimes.Find(runtime)
	if err != nil || dist.ClassArchive(t.javaBuild, string(driver.TaskManager)) != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trainTimeout)
	defer cancel()
	work, err := os.MkdirTemp(d.Dir, ".classes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := d.train(ctx, t, dist, work); err != nil {
		return fmt.Errorf("class archive of %s: %w", runtime, err)
	}
	for _, role := range []driver.Role{driver.JobManager, driver.TaskManager} {
		if err := dist.KeepClassArchive(t.javaBuild, string(role), filepath.Join(work, string(role)+".jsa")); err != nil {
			return err
		}
	}
	return nil
}

// train leaves archives in work.
func (d *Driver) train(ctx context.Context, t tools, dist runtimes.Distribution, work string) error {
	source, err := trainings.ReadFile("training/v" + dist.Flink[:1] + "/Training.java")
	if err != nil {
		return err
	}
	jar, err := compile(ctx, t, dist, work, "Training", source)
	if err != nil {
		return err
	}
	trainer := &Driver{Config: d.Config, dump: work}
	trainer.Dir = filepath.Join(work, "clusters")
	h, err := trainer.Ensure(ctx, driver.Cluster{
		ID: "training", Runtime: dist.Name, TaskManagers: 1, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1536 * mebi, State: work, Jar: jar,
		Configuration: map[string]string{
			"state.backend.type": "rocksdb", "state.backend.incremental": "true", "jobmanager.scheduler": "Adaptive",
			"execution.checkpointing.interval": "200 ms",
			"state.checkpoints.dir":            "file://" + filepath.Join(work, "checkpoints"),
		},
	})
	if err == nil {
		err = trainer.exercise(ctx, h)
	}
	return errors.Join(err, trainer.Stop(context.WithoutCancel(ctx), h))
}

// exercise runs the job and lets the JVMs end in peace, which is when they write.
func (d *Driver) exercise(ctx context.Context, h driver.Handle) error {
	r, err := d.Inspect(ctx, h)
	if err != nil {
		return err
	}
	var connections flink.Connections
	defer connections.Close()
	client := connections.At(r.RESTAddress)
	err = until(ctx, func() bool {
		o, err := client.Overview(ctx)
		return err == nil && o.Slots > 0
	})
	if err == nil && r.JarID != "" {
		err = runTrainingJob(ctx, client, r.JarID, filepath.Dir(d.Dir))
	}
	if err != nil {
		return err
	}
	dir, err := d.dir(h)
	if err != nil {
		return err
	}
	procs, err := processes(dir)
	if err != nil {
		return err
	}
	for i := range procs { // TaskManagers first: they miss a JobManager that is gone
		p := procs[len(procs)-1-i]
		for _, pid := range children(p.pid) {
			_ = syscall.Kill(pid, syscall.SIGTERM) // gone already if this fails
		}
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runTrainingJob runs the job until all tasks work, and ends it with a savepoint below dir.
func runTrainingJob(ctx context.Context, client *flink.Client, jar, dir string) error {
	if err := client.RunJar(ctx, jar, flink.Run{JobID: trainingJob, Parallelism: 1}); err != nil {
		return err
	}
	err := until(ctx, func() bool {
		job, err := client.Job(ctx, trainingJob)
		if err != nil {
			return false
		}
		all, running := job.Tasks()
		return all > 0 && all == running
	})
	if err == nil {
		err = client.StopWithSavepoint(ctx, trainingJob, "file://"+filepath.Join(dir, "savepoints"), trainingJob)
	}
	if err != nil {
		return err
	}
	return until(ctx, func() bool {
		job, err := client.Job(ctx, trainingJob)
		return err == nil && job.State == "FINISHED"
	})
}

func until(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(trainPoll)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
