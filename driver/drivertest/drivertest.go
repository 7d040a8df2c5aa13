// Package drivertest is what every driver.Driver has to fulfil, as tests. It speaks to drivers through their interface
// only; what happens to processes from outside, the implementation's test does for it.
package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drey/driver"
)

// Harness is an implementation under test.
type Harness struct {
	// Open makes a driver. All drivers of one sub-test run on one machine: a second Open is a restart of the server.
	// Each sub-test gets a machine of its own, told apart by t.
	Open func(t *testing.T) driver.Driver
	// Cluster gives a cluster of one TaskManager that the machine can carry twice.
	Cluster func(t *testing.T, id string) driver.Cluster
	// Kill ends a process from outside, without the driver's knowledge.
	Kill func(t *testing.T, h driver.Handle, process string)
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *story)
	}{
		{"StartsEveryProcess", startsEveryProcess},
		{"EnsureIsRepeatable", ensureIsRepeatable},
		{"ConcurrentEnsuresStartOnce", concurrentEnsures},
		{"DeadTaskManagerIsSeenAndReplaced", deadTaskManager},
		{"DeadJobManagerComesBackAtItsAddress", deadJobManager},
		{"ScalesTaskManagers", scales},
		{"KeepsTaskManagersByName", keeps},
		{"NextServerAdopts", adopts},
		{"StopLeavesNothing", stopLeavesNothing},
		{"ClustersAreIndependent", independent},
		{"CutEnsureCanBeRepeated", cutEnsure},
		{"StatsOfTheLiving", statsOfTheLiving},
		{"JarHasTheNameOfItsFile", jarName},
		{"PlacedArchiveLeavesTheJarAlone", placed},
		{"RefusesForeignHandles", foreignHandles},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, &story{t: t, Harness: h, driver: h.Open(t)})
		})
	}
}

// story is one sub-test. Its methods end the test at the first surprise.
type story struct {
	Harness
	t      *testing.T
	driver driver.Driver
}

func (s *story) ensure(c driver.Cluster) driver.Handle {
	s.t.Helper()
	h, err := s.driver.Ensure(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := s.driver.Stop(context.Background(), h); err != nil {
			s.t.Errorf("stop: %v", err)
		}
	})
	return persisted(s.t, h)
}

// persisted is the handle as its keeper reads it back.
func persisted(t *testing.T, h driver.Handle) driver.Handle {
	t.Helper()
	body, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back driver.Handle
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func (s *story) inspect(h driver.Handle) driver.Report {
	s.t.Helper()
	r, err := s.driver.Inspect(s.t.Context(), h)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *story) find(h driver.Handle, role driver.Role) driver.Process {
	s.t.Helper()
	for _, p := range s.inspect(h).Processes {
		if p.Role == role {
			return p
		}
	}
	s.t.Fatalf("there is no %s", role)
	return driver.Process{}
}

const patience = 20 * time.Second

// awaitDead waits until a killed process is seen as dead: signals take effect when the kernel gets to it.
func (s *story) awaitDead(h driver.Handle, process string) driver.Process {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range s.inspect(h).Processes {
			if p.Name == process && !p.Alive {
				return p
			}
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s was killed and is still reported alive", process)
		case <-tick.C:
		}
	}
}

func (s *story) wantAlive(h driver.Handle, taskManagers int) driver.Report {
	s.t.Helper()
	r := s.inspect(h)
	count := map[driver.Role]int{}
	names := map[string]bool{}
	for _, p := range r.Processes {
		if !p.Alive {
			s.t.Fatalf("%s is dead: %s", p.Name, p.Exit)
		}
		if p.Started.IsZero() {
			s.t.Errorf("%s has no start time", p.Name)
		}
		count[p.Role]++
		names[p.Name] = true
	}
	if count[driver.JobManager] != 1 || count[driver.TaskManager] != taskManagers || len(names) != taskManagers+1 {
		s.t.Fatalf("processes %+v, want one JobManager and %d TaskManagers", r.Processes, taskManagers)
	}
	return r
}

func startsEveryProcess(t *testing.T, s *story) {
	h := s.ensure(s.Cluster(t, "c"))
	r := s.wantAlive(h, 1)
	if !strings.HasPrefix(r.RESTAddress, "http://") {
		t.Errorf("REST address %q", r.RESTAddress)
	}
	// Log queries of the developer guide ("Analyze logs with CloudWatch Logs Insights") look for this prefix.
	if p := s.find(h, driver.TaskManager); !strings.HasPrefix(p.Name, "flink-taskmanager-") {
		t.Errorf("TaskManager named %q", p.Name)
	}
}

func ensureIsRepeatable(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	before := s.wantAlive(h, 1)
	again, err := s.driver.Ensure(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Data) != string(h.Data) {
		t.Errorf("handle %s, was %s", again.Data, h.Data)
	}
	wantSameStarts(t, before, s.wantAlive(h, 1))
}

func wantSameStarts(t *testing.T, before, after driver.Report) {
	t.Helper()
	started := map[string]time.Time{}
	for _, p := range before.Processes {
		started[p.Name] = p.Started
	}
	for _, p := range after.Processes {
		if !p.Started.Equal(started[p.Name]) {
			t.Errorf("%s was started anew", p.Name)
		}
	}
}

func concurrentEnsures(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := s.driver.Ensure(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.wantAlive(h, 1)
}

func deadTaskManager(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	jobManager, victim := s.find(h, driver.JobManager), s.find(h, driver.TaskManager)
	s.Kill(t, h, victim.Name)
	if p := s.awaitDead(h, victim.Name); p.Exit == "" {
		t.Error("the report does not say why the TaskManager ended")
	}
	s.ensure(c)
	s.wantAlive(h, 1)
	if !s.find(h, driver.JobManager).Started.Equal(jobManager.Started) {
		t.Error("the JobManager was restarted with its TaskManager")
	}
}

func deadJobManager(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	before := s.wantAlive(h, 1)
	taskManager := s.find(h, driver.TaskManager)
	s.Kill(t, h, s.find(h, driver.JobManager).Name)
	s.awaitDead(h, s.find(h, driver.JobManager).Name)
	s.ensure(c)
	if after := s.wantAlive(h, 1); after.RESTAddress != before.RESTAddress {
		t.Errorf("REST address %s, was %s", after.RESTAddress, before.RESTAddress)
	}
	if s.find(h, driver.TaskManager).Started.Equal(taskManager.Started) {
		t.Error("the TaskManager outlives its JobManager: it holds on to the job that the next JobManager runs again")
	}
}

func scales(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	for _, n := range []int{2, 1, 0, 1} {
		c.TaskManagers = n
		s.ensure(c)
		s.wantAlive(h, n)
	}
}

// keeps: the TaskManagers that are named stay, whichever they are, and their places are filled with others.
func keeps(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	c.TaskManagers = 2
	h := s.ensure(c)
	before := s.wantAlive(h, 2)
	stays := before.Processes[len(before.Processes)-1]
	c.TaskManagers, c.Keep = 1, []string{stays.Name}
	for _, n := range []int{1, 2} {
		c.TaskManagers = n
		s.ensure(c)
		after := s.wantAlive(h, n)
		if !slices.ContainsFunc(after.Processes, func(p driver.Process) bool { return p.Name == stays.Name && p.Started.Equal(stays.Started) }) {
			t.Errorf("%s did not stay: %+v", stays.Name, after.Processes)
		}
	}
}

func adopts(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	before := s.wantAlive(h, 1)
	if err := s.driver.Close(); err != nil {
		t.Fatal(err)
	}
	s.driver = s.Open(t)
	after := s.wantAlive(h, 1)
	wantSameStarts(t, before, after)
	if after.RESTAddress != before.RESTAddress {
		t.Errorf("REST address %s, was %s", after.RESTAddress, before.RESTAddress)
	}
	s.ensure(c)
	wantSameStarts(t, before, s.wantAlive(h, 1))
}

func stopLeavesNothing(t *testing.T, s *story) {
	h := s.ensure(s.Cluster(t, "c"))
	for range 2 { // repeatable
		if err := s.driver.Stop(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if _, err := s.driver.Inspect(t.Context(), h); !errors.Is(err, driver.ErrNoCluster) {
			t.Fatalf("Inspect after Stop: %v, want ErrNoCluster", err)
		}
		if _, err := s.driver.Stats(t.Context(), h); !errors.Is(err, driver.ErrNoCluster) {
			t.Fatalf("Stats after Stop: %v, want ErrNoCluster", err)
		}
	}
	s.wantAlive(s.ensure(s.Cluster(t, "c")), 1) // the name is free again
}

func independent(t *testing.T, s *story) {
	a, b := s.ensure(s.Cluster(t, "a")), s.ensure(s.Cluster(t, "b"))
	if s.inspect(a).RESTAddress == s.inspect(b).RESTAddress {
		t.Error("two clusters share a REST address")
	}
	if err := s.driver.Stop(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	s.wantAlive(b, 1)
}

func cutEnsure(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.driver.Ensure(ctx, c); err == nil {
		t.Error("Ensure succeeded though its caller had left")
	}
	s.wantAlive(s.ensure(c), 1)
}

func statsOfTheLiving(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	h := s.ensure(c)
	all, err := s.driver.Stats(t.Context(), h)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d stats, want 2 (%v)", len(all), err)
	}
	for _, st := range all {
		if st.CPULimit <= 0 || st.MemoryMax <= 0 || st.DiskMax <= 0 {
			t.Errorf("%s has no limits: %+v", st.Process, st)
		}
	}
	victim := s.find(h, driver.TaskManager).Name
	s.Kill(t, h, victim)
	s.awaitDead(h, victim)
	if all, err = s.driver.Stats(t.Context(), h); err != nil || len(all) != 1 || all[0].Role != driver.JobManager {
		t.Errorf("stats %+v, want the JobManager's alone (%v)", all, err)
	}
}

func jarName(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	c.Jar = writeJar(t, "one.jar")
	h := s.ensure(c)
	if got := s.inspect(h).JarID; got != "one.jar" {
		t.Errorf("jar id %q", got)
	}
	c.Jar = writeJar(t, "two.jar")
	s.ensure(c)
	if got := s.inspect(h).JarID; got != "two.jar" {
		t.Errorf("jar id %q after new code", got)
	}
}

func placed(t *testing.T, s *story) {
	c := s.Cluster(t, "c")
	c.Jar = writeJar(t, "one.jar")
	h := s.ensure(c)
	for range 2 {
		if path, err := s.driver.Place(t.Context(), h, writeJar(t, "two.jar")); err != nil || filepath.Base(path) != "two.jar" {
			t.Errorf("placed at %s, %v", path, err)
		}
	}
	if got := s.inspect(h).JarID; got != "one.jar" {
		t.Errorf("jar id %q", got)
	}
	if err := s.driver.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if _, err := s.driver.Place(t.Context(), h, writeJar(t, "two.jar")); !errors.Is(err, driver.ErrNoCluster) {
		t.Errorf("without a cluster: %v", err)
	}
}

func foreignHandles(t *testing.T, s *story) {
	for _, data := range []string{`{}`, `""`, `"../c"`, `null`} {
		h := driver.Handle{Driver: "other", Data: json.RawMessage(data)}
		if _, err := s.driver.Inspect(t.Context(), h); err == nil {
			t.Errorf("Inspect took the handle %s", data)
		}
		if _, err := s.driver.Place(t.Context(), h, "a.jar"); err == nil {
			t.Errorf("Place took the handle %s", data)
		}
		if err := s.driver.Stop(t.Context(), h); err == nil {
			t.Errorf("Stop took the handle %s", data)
		}
	}
}
