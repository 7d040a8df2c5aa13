// Package local runs Flink clusters as JVMs on this machine, each in a bubblewrap sandbox: its own mounts, processes and
// /tmp, a read-only system, nothing of the host's homes, of other applications or of the server's data. JVMs outlive the
// server; a later one finds them by what their cluster directory records and signals none whose identity it has not
// checked. The package knows clusters and processes, never applications.
//
// What holds for whatever code an application brings:
//   - It sees its own files, properties, environment and processes, and nobody else's; it gets no privilege, no other
//     namespace, no setting of the kernel (sandbox.go, syscalls.go). What it leaves in directories that it may write,
//     links for one, is not believed.
//   - Memory, CPU time, processes and connections to other applications are limited by control groups (limits.go,
//     network.go), so only where the server may write them: as root. Else the number of processes is, and the log and
//     Unlimited say what is not.
//   - The disk is watched (disk.go) while a server runs, and what fills it is ended.
//
// What does not: an application may listen on any free port of the machine, and connect to whatever listens there outside
// of applications; the network's bandwidth and the disk's are shared as the kernel likes.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"drey/driver"
	"drey/runtimes"
)

// Config is what the driver needs.
type Config struct {
	Dir      string // clusters lie below
	Runtimes runtimes.Library
	CAPEM    string // certificate of the authority that sandboxes trust; "" = none
	Resolver string // IP address that sandboxes ask for names; "" = the machine's resolvers
	Log      *slog.Logger

	DiskMax     int64 // bytes that the /tmp of a process may hold; 0 = 50 GiB
	DiskReserve int64 // bytes of the disk that applications leave free; 0 = 1 GiB
}

// Driver implements driver.Driver.
type Driver struct {
	Config
	limits limits
	dump   string // where JVMs leave archives of their classes; "" = they make none

	locks locks // by cluster: one Ensure or Stop of each at a time

	mu    sync.Mutex
	trust *trust

	stop     context.CancelFunc // ends the watch
	watching sync.WaitGroup
}

// Open makes a driver. It starts no cluster, and watches over the disk of those that run until Close.
func Open(c Config) (*Driver, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	d := &Driver{Config: c, limits: findLimits(c.Log)}
	if err := d.checkResolver(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	d.watching.Go(func() { (&watch{driver: d}).run(ctx) })
	return d, nil
}

// trusted makes the stores of trust when the first cluster needs them; nil without an authority.
func (d *Driver) trusted(ctx context.Context, t tools) (*trust, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trust != nil || d.CAPEM == "" {
		return d.trust, nil
	}
	made, err := buildTrust(ctx, filepath.Join(d.Dir, ".trust"), d.CAPEM, t)
	if err != nil {
		return nil, err
	}
	d.trust = made
	return made, nil
}

// Close leaves clusters running.
func (d *Driver) Close() error {
	d.stop()
	d.watching.Wait()
	return nil
}

const driverName = "local"

func (d *Driver) dir(h driver.Handle) (string, error) {
	var id string
	if err := json.Unmarshal(h.Data, &id); err != nil || h.Driver != driverName || !safe(id) {
		return "", fmt.Errorf("the handle %s is not one of the local driver", h.Data)
	}
	return filepath.Join(d.Dir, id), nil
}

// safe tells whether an id can name a directory beside the driver's own.
func safe(id string) bool { return id != "" && id == filepath.Base(id) && id[0] != '.' }

// Ensure starts what is missing.
func (d *Driver) Ensure(ctx context.Context, c driver.Cluster) (driver.Handle, error) {
	if !safe(c.ID) {
		return driver.Handle{}, fmt.Errorf("%q cannot name a cluster", c.ID)
	}
	id, err := json.Marshal(c.ID)
	if err != nil {
		return driver.Handle{}, err
	}
	defer d.locks.lock(c.ID)()
	h := driver.Handle{Driver: driverName, Data: id}
	if err := d.ensure(ctx, c); err != nil {
		return h, fmt.Errorf("cluster %s: %w", c.ID, err)
	}
	return h, nil
}

func (d *Driver) ensure(ctx context.Context, c driver.Cluster) error {
	tools, err := findTools()
	if err != nil {
		return err
	}
	dist, err := d.Runtimes.Find(c.Runtime)
	if err != nil {
		return err
	}
	trust, err := d.trusted(ctx, tools)
	if err != nil {
		return err
	}
	dir := filepath.Join(d.Dir, c.ID)
	p, err := d.prepare(dir, c, dist)
	if err != nil {
		return err
	}
	s := &sandbox{driver: d, cluster: c, dist: dist, tools: tools, trust: trust, dir: dir, plan: p}
	if err := s.endOrphans(ctx); err != nil {
		return err
	}
	for _, proc := range s.wanted() {
		if err := s.ensure(ctx, proc); err != nil {
			return err
		}
	}
	return s.stopSurplus(ctx)
}

// prepare lays out the directory and writes the configuration, which only processes that start later will read.
func (d *Driver) prepare(dir string, c driver.Cluster, dist runtimes.Distribution) (*plan, error) {
	p, err := readPlan(dir)
	if errors.Is(err, driver.ErrNoCluster) {
		p = &plan{Runtime: c.Runtime}
		err = p.takePorts()
	}
	if err != nil {
		return nil, err
	}
	if p.Mark == 0 {
		p.Mark = newMark()
	}
	p.Tasks, p.Memory, p.CPU, p.State = c.TaskManagers, c.MemoryPerTaskManager, c.CPUPerTaskManager, c.State
	dirs := []string{c.State}
	for _, sub := range []string{"conf", "log", "run", "tmp", filepath.Join("upload", "flink-web-upload")} {
		dirs = append(dirs, filepath.Join(dir, sub))
	}
	for _, sub := range dirs {
		if sub == "" {
			continue
		}
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, err
		}
	}
	if p.Jar, p.Files, err = placeCode(c, uploads(dir)); err != nil {
		return nil, err
	}
	if err := writeConfiguration(dir, d.Resolver, c, p, dist); err != nil {
		return nil, err
	}
	return p, writeJSON(planPath(dir), p)
}

// placeJar puts the application's code where the JobManager lists it, and takes away what else lies there: the file's name is
// its id.
func placeJar(jar, dir string) (string, error) {
	if jar == "" {
		return "", nil
	}
	name := jarName(jar)
	present, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	if !slices.Contains(present, filepath.Join(dir, name)) {
		if err := place(jar, filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("place the application's code: %w", err)
		}
	}
	for _, path := range present {
		if filepath.Base(path) == name {
			continue
		}
		if err := os.Remove(path); err != nil {
			return "", err
		}
	}
	return name, nil
}

func jarName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".jar") + ".jar" } // Flink lists no others

// Place lends the JobManager an archive.
func (d *Driver) Place(_ context.Context, h driver.Handle, archive string) (string, error) {
	dir, err := d.dir(h)
	if err != nil {
		return "", err
	}
	defer d.locks.lock(filepath.Base(dir))()
	if _, err := readPlan(dir); err != nil {
		return "", err
	}
	path := filepath.Join(uploads(dir), jarName(archive))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, place(archive, path)
}

// Inspect looks at a cluster.
func (d *Driver) Inspect(_ context.Context, h driver.Handle) (driver.Report, error) {
	dir, err := d.dir(h)
	if err != nil {
		return driver.Report{}, err
	}
	p, err := readPlan(dir)
	if err != nil {
		return driver.Report{}, err
	}
	r := driver.Report{RESTAddress: p.rest(), JarID: p.Jar, Files: p.Files}
	procs, err := processes(dir)
	if err != nil {
		return driver.Report{}, err
	}
	for _, proc := range procs {
		alive := proc.alive()
		dp := driver.Process{Role: proc.Role, Name: proc.Name, Alive: alive, Started: proc.Started}
		if !alive {
			dp.Exit = d.exit(dir, proc)
		}
		r.Processes = append(r.Processes, dp)
	}
	r.LogFiles, err = logFiles(dir)
	return r, err
}

const stopTimeout = 20 * time.Second

// Stop ends a cluster.
func (d *Driver) Stop(ctx context.Context, h driver.Handle) error {
	dir, err := d.dir(h)
	if err != nil {
		return err
	}
	defer d.locks.lock(filepath.Base(dir))()
	procs, err := processes(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.end(ctx, dir, procs); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// end kills processes, waits for their end and gives back their control groups.
func (d *Driver) end(ctx context.Context, dir string, procs []*process) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for _, proc := range procs {
		proc.kill()
	}
	for _, proc := range procs {
		err := proc.await(ctx)
		for strays := proc.strays(); err == nil && len(strays) > 0; strays = proc.strays() {
			for _, stray := range strays {
				stray.kill()
				err = errors.Join(err, stray.await(ctx))
			}
		}
		if err != nil {
			return fmt.Errorf("stop %s: %w", proc.Name, err)
		}
		d.limits.remove(filepath.Base(dir), proc)
	}
	return nil
}
