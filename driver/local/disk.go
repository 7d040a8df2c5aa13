package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	defaultReserve = gibi
	diskPerKPU     = 50 * gibi // developer guide, "Understand Managed Service for Apache Flink application resources"

	diskTick    = 250 * time.Millisecond
	sweepTicks  = 20 // ticks between measurements of what clusters hold
	samples     = 12 // measurements kept: the last minute
	blameGrowth = 64 * mebi

	maxOut  = 8 * mebi
	keepOut = 64 << 10
)

// watch keeps applications from filling the disk that they share with the server, as no ordinary user can set quotas. What
// fills it is ended before the last bytes are gone; what a process prints is cut. It watches as long as a server runs.
type watch struct {
	driver *Driver
	ticks  int
	held   map[string][]int64 // by cluster: bytes at the last sweeps, the oldest first
}

func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(diskTick)
	defer ticker.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			err := w.tick(ctx)
			if err == nil {
				failed = ""
			} else if ctx.Err() == nil && err.Error() != failed {
				failed = err.Error() // says it once
				w.driver.Log.Warn("watch the disk", "error", err)
			}
		}
	}
}

func (w *watch) tick(ctx context.Context) error {
	w.ticks++
	clusters, err := w.driver.clusters()
	if err != nil {
		return err
	}
	for _, c := range clusters {
		c.cutOutput()
	}
	if w.ticks%sweepTicks == 0 {
		w.sweep(clusters)
	}
	free, err := w.driver.free()
	if err != nil || free >= w.driver.reserve() {
		return err
	}
	for _, c := range clusters {
		if err := w.driver.clearDead(ctx, c); err != nil {
			return err
		}
	}
	if free, err = w.driver.free(); err != nil || free >= w.driver.reserve() {
		return err
	}
	c := w.blame(clusters)
	if c == nil {
		return nil // others fill the disk
	}
	reason := fmt.Sprintf("killed: the disk has only %d MiB left, and this application took most of it", free/mebi)
	w.driver.Log.Error("ended an application that fills the disk", "cluster", filepath.Base(c.dir), "free", free)
	for _, p := range c.living() {
		if err := p.condemn(c.dir, reason); err != nil {
			return err
		}
	}
	return nil
}

// sweep measures, and ends what holds more than its share.
func (w *watch) sweep(clusters []*cluster) {
	held := map[string][]int64{}
	for _, c := range clusters {
		all := append(w.held[c.dir], c.disk())
		held[c.dir] = all[max(0, len(all)-samples):]
		for _, p := range c.living() {
			if diskUsage(filepath.Join(c.dir, "tmp", p.Name)) <= w.driver.diskMax() {
				continue
			}
			reason := fmt.Sprintf("killed: its /tmp held more than %d MiB", w.driver.diskMax()/mebi)
			if err := p.condemn(c.dir, reason); err != nil {
				w.driver.Log.Warn("end a process that holds too much", "process", p.Name, "error", err)
			}
		}
	}
	w.held = held
}

// blame finds the living cluster that took most of the disk in the last minute, else the one whose /tmp hold most; nil if
// none holds as much as is missing.
func (w *watch) blame(clusters []*cluster) *cluster {
	var grown, big *cluster
	growth, size := int64(blameGrowth), w.driver.reserve()
	for _, c := range clusters {
		if len(c.living()) == 0 {
			continue
		}
		var before int64
		if known := w.held[c.dir]; len(known) > 0 {
			before = known[0]
		}
		if n := c.disk() - before; n > growth {
			grown, growth = c, n
		}
		if n := diskUsage(filepath.Join(c.dir, "tmp")); n > size {
			big, size = c, n
		}
	}
	if grown != nil {
		return grown
	}
	return big
}

// cluster is what lies in a cluster's directory.
type cluster struct {
	dir       string
	plan      *plan
	processes []*process
}

// clusters lists all; those that appear or go meanwhile may be missing.
func (d *Driver) clusters() ([]*cluster, error) {
	entries, err := os.ReadDir(d.Dir)
	if err != nil {
		return nil, err
	}
	var all []*cluster
	for _, e := range entries {
		if !safe(e.Name()) {
			continue
		}
		c := &cluster{dir: filepath.Join(d.Dir, e.Name())}
		if c.plan, err = readPlan(c.dir); err != nil {
			continue
		}
		if c.processes, err = processes(c.dir); err == nil {
			all = append(all, c)
		}
	}
	return all, nil
}

func (c *cluster) living() []*process {
	var all []*process
	for _, p := range c.processes {
		if p.alive() {
			all = append(all, p)
		}
	}
	return all
}

// disk is all that the application can write.
func (c *cluster) disk() int64 {
	n := diskUsage(filepath.Join(c.dir, "tmp")) + diskUsage(filepath.Join(c.dir, "log"))
	if c.plan.State != "" {
		n += diskUsage(c.plan.State)
	}
	return n
}

// cutOutput keeps the end of what processes printed: nobody reads more, and nobody bounds it for them.
func (c *cluster) cutOutput() {
	for _, p := range c.processes {
		f, err := os.OpenFile(outPath(c.dir, p.Name), os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			continue // it has not started
		}
		if info, err := f.Stat(); err == nil && info.Size() > maxOut {
			tail := make([]byte, keepOut)
			n, _ := f.ReadAt(tail, info.Size()-keepOut)
			if f.Truncate(0) == nil {
				_, _ = f.Write(tail[:n]) // less to read is all there is to lose
			}
		}
		f.Close()
	}
}

// clearDead frees what dead processes left in their /tmp, unless somebody is at work on the cluster.
func (d *Driver) clearDead(ctx context.Context, c *cluster) error {
	unlock, ok := d.locks.tryLock(filepath.Base(c.dir))
	if !ok {
		return nil
	}
	defer unlock()
	procs, err := processes(c.dir)
	if err != nil {
		return nil // gone meanwhile
	}
	for _, p := range procs {
		if ctx.Err() != nil || p.alive() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.dir, "tmp", p.Name)); err != nil {
			return err
		}
	}
	return nil
}

// free counts the bytes that are left to the server where clusters lie.
func (d *Driver) free() (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.Dir, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", d.Dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

func (d *Driver) reserve() int64 {
	if d.DiskReserve != 0 {
		return d.DiskReserve
	}
	return defaultReserve
}

func (d *Driver) diskMax() int64 {
	if d.DiskMax != 0 {
		return d.DiskMax
	}
	return diskPerKPU
}

// room refuses to start what would be ended at once.
func (d *Driver) room() error {
	free, err := d.free()
	if err == nil && free < d.reserve() {
		err = fmt.Errorf("%s has %d MiB left, and applications start when %d MiB are free: %w", d.Dir, free/mebi, d.reserve()/mebi, syscall.ENOSPC)
	}
	return err
}
