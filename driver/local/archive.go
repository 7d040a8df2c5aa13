package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"drey/driver"
)

const trainTimeout = 2 * time.Minute

// MakeClassArchives runs a cluster once and keeps the classes that its JVMs loaded as archives, which later JVMs of the
// same JDK build map into memory instead of loading (JDK documentation, "Class Data Sharing"). It does nothing where
// archives are there.
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
	state, err := os.MkdirTemp(d.Dir, ".classes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	trainer := &Driver{Config: d.Config, dump: state}
	trainer.Dir = filepath.Join(state, "clusters")
	h, err := trainer.Ensure(ctx, driver.Cluster{
		ID: "training", Runtime: runtime, TaskManagers: 1, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1536 * mebi, State: state,
	})
	if err == nil {
		err = trainer.train(ctx, h)
	}
	if serr := trainer.Stop(context.WithoutCancel(ctx), h); err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("class archive of %s: %w", runtime, err)
	}
	for _, role := range []driver.Role{driver.JobManager, driver.TaskManager} {
		if err := dist.KeepClassArchive(t.javaBuild, string(role), filepath.Join(state, string(role)+".jsa")); err != nil {
			return err
		}
	}
	return nil
}

// train waits until the TaskManager has registered and lets the JVMs end in peace, which is when they write.
func (d *Driver) train(ctx context.Context, h driver.Handle) error {
	r, err := d.Inspect(ctx, h)
	if err != nil {
		return err
	}
	for !registered(ctx, r.RESTAddress) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
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

func registered(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/overview", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var o struct {
		Slots int `json:"slots-total"`
	}
	return json.NewDecoder(resp.Body).Decode(&o) == nil && o.Slots > 0
}
