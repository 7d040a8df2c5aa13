// Package sim runs clusters that exist in memory only, for tests of what drives clusters. Nothing happens in it by itself:
// processes end when the test ends them, and no Flink runs behind the REST address, which the test provides.
package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"drey/driver"
)

// Op names a method of the driver.
type Op string

// The operations that a Fault can break.
const (
	OpEnsure  Op = "Ensure"
	OpInspect Op = "Inspect"
	OpStop    Op = "Stop"
	OpStats   Op = "Stats"
)

// Machine holds the clusters. It outlives drivers as a machine outlives a server: drivers of one Machine adopt each
// other's clusters. Its fields are set before use.
type Machine struct {
	REST  func(cluster string) string                // the REST address of a cluster, e.g. of a fake JobManager; nil = a dead one
	Fault func(op Op, cluster string) error          // refuses an operation before it has an effect; nil = none
	Now   func() time.Time                           // nil = time.Now
	Usage func(cluster, process string) driver.Stats // what Stats answers; nil = limits only

	mu       sync.Mutex
	clusters map[string]*cluster
}

type cluster struct {
	wanted    driver.Cluster
	processes map[string]driver.Process
	starts    map[string]int
}

// Driver implements driver.Driver on a Machine.
type Driver struct{ m *Machine }

// Open makes a driver.
func (m *Machine) Open() *Driver { return &Driver{m} }

const (
	name           = "sim"
	jobManagerName = "flink-jobmanager"
)

func taskManagerName(i int) string { return fmt.Sprintf("flink-taskmanager-1-%d", i) }

func (m *Machine) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

func (m *Machine) fault(op Op, id string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(op, id)
}

// find locks nothing: the caller does.
func (m *Machine) find(id string) (*cluster, error) {
	c := m.clusters[id]
	if c == nil {
		return nil, fmt.Errorf("cluster %s: %w", id, driver.ErrNoCluster)
	}
	return c, nil
}

// Clusters lists the wanted state of all clusters in the order of their ids.
func (m *Machine) Clusters() []driver.Cluster {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []driver.Cluster
	for _, id := range slices.Sorted(maps.Keys(m.clusters)) {
		all = append(all, m.clusters[id].wanted)
	}
	return all
}

// Kill ends a process; why is what its report then says of its end.
func (m *Machine) Kill(id, process, why string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(id)
	if err != nil {
		return err
	}
	p, ok := c.processes[process]
	if !ok || !p.Alive {
		return fmt.Errorf("cluster %s has no living process %s", id, process)
	}
	p.Alive, p.Exit = false, why
	c.processes[process] = p
	return nil
}

// Starts counts how often a process was started.
func (m *Machine) Starts(id, process string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(id)
	if err != nil {
		return 0
	}
	return c.starts[process]
}

func handleID(h driver.Handle) (string, error) {
	var id string
	if err := json.Unmarshal(h.Data, &id); err != nil || h.Driver != name || id == "" {
		return "", fmt.Errorf("the handle %s is not one of the simulator", h.Data)
	}
	return id, nil
}

// Ensure starts what is missing.
func (d *Driver) Ensure(ctx context.Context, c driver.Cluster) (driver.Handle, error) {
	data, err := json.Marshal(c.ID)
	if err != nil {
		return driver.Handle{}, err
	}
	h := driver.Handle{Driver: name, Data: data}
	if err := ctx.Err(); err != nil {
		return h, fmt.Errorf("cluster %s: %w", c.ID, err)
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if err := d.m.fault(OpEnsure, c.ID); err != nil {
		return h, err
	}
	d.m.ensure(c)
	return h, nil
}

func (m *Machine) ensure(wanted driver.Cluster) {
	c := m.clusters[wanted.ID]
	if c == nil {
		c = &cluster{processes: map[string]driver.Process{}, starts: map[string]int{}}
		if m.clusters == nil {
			m.clusters = map[string]*cluster{}
		}
		m.clusters[wanted.ID] = c
	}
	c.wanted = wanted
	roles := map[string]driver.Role{jobManagerName: driver.JobManager}
	for _, worker := range wanted.Workers(taskManagerName) {
		roles[worker] = driver.TaskManager
	}
	orphans := !c.processes[jobManagerName].Alive // of a JobManager that has died, or of none yet
	for process, role := range roles {
		if orphans || !c.processes[process].Alive {
			c.processes[process] = driver.Process{Role: role, Name: process, Alive: true, Started: m.now()}
			c.starts[process]++
		}
	}
	maps.DeleteFunc(c.processes, func(process string, _ driver.Process) bool { return roles[process] == "" })
}

// Inspect looks at a cluster.
func (d *Driver) Inspect(_ context.Context, h driver.Handle) (driver.Report, error) {
	id, err := handleID(h)
	if err != nil {
		return driver.Report{}, err
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if err := d.m.fault(OpInspect, id); err != nil {
		return driver.Report{}, err
	}
	c, err := d.m.find(id)
	if err != nil {
		return driver.Report{}, err
	}
	r := driver.Report{RESTAddress: "http://127.0.0.1:1", Processes: c.list()}
	if d.m.REST != nil {
		r.RESTAddress = d.m.REST(id)
	}
	if c.wanted.Jar != "" {
		r.JarID = filepath.Base(c.wanted.Jar)
	}
	if p := c.wanted.Python; p != nil {
		r.JarID, r.Files = filepath.Base(p.Archive), strings.TrimSuffix(p.Archive, ".jar")+"_code"
	}
	return r, nil
}

// list gives the JobManager first, then the TaskManagers by name.
func (c *cluster) list() []driver.Process {
	return slices.SortedFunc(maps.Values(c.processes), func(a, b driver.Process) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// Place gives a path below /uploads; there is no file.
func (d *Driver) Place(_ context.Context, h driver.Handle, archive string) (string, error) {
	id, err := handleID(h)
	if err != nil {
		return "", err
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if _, err := d.m.find(id); err != nil {
		return "", err
	}
	return "/uploads/" + filepath.Base(archive), nil
}

// Stop ends a cluster.
func (d *Driver) Stop(ctx context.Context, h driver.Handle) error {
	id, err := handleID(h)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cluster %s: %w", id, err)
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if err := d.m.fault(OpStop, id); err != nil {
		return err
	}
	delete(d.m.clusters, id)
	return nil
}

// Stats answers for each living process.
func (d *Driver) Stats(_ context.Context, h driver.Handle) ([]driver.Stats, error) {
	id, err := handleID(h)
	if err != nil {
		return nil, err
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if err := d.m.fault(OpStats, id); err != nil {
		return nil, err
	}
	c, err := d.m.find(id)
	if err != nil {
		return nil, err
	}
	var all []driver.Stats
	for _, p := range c.list() {
		if !p.Alive {
			continue
		}
		s := driver.Stats{CPULimit: max(c.wanted.CPUPerTaskManager, 1), MemoryMax: max(c.wanted.MemoryPerTaskManager, 1), DiskMax: 1 << 30}
		if d.m.Usage != nil {
			s = d.m.Usage(id, p.Name)
		}
		s.Process, s.Role = p.Name, p.Role
		all = append(all, s)
	}
	return all, nil
}

// Close leaves clusters running.
func (d *Driver) Close() error { return nil }
