package sim_test

import (
	"errors"
	"sync"
	"testing"

	"drey/driver"
	"drey/driver/drivertest"
	"drey/driver/sim"
)

func TestConformance(t *testing.T) {
	var machines sync.Map
	machine := func(t *testing.T) *sim.Machine {
		m, _ := machines.LoadOrStore(t.Name(), &sim.Machine{REST: func(id string) string { return "http://" + id + ".invalid" }})
		return m.(*sim.Machine)
	}
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T) driver.Driver { return machine(t).Open() },
		Cluster: func(_ *testing.T, id string) driver.Cluster {
			return driver.Cluster{ID: id, Runtime: "FLINK-1_18", TaskManagers: 1, SlotsPerTaskManager: 1}
		},
		Kill: func(t *testing.T, _ driver.Handle, process string) {
			if err := machine(t).Kill("c", process, "killed by the test"); err != nil {
				t.Fatal(err)
			}
		},
	})
}

func TestFaultHasNoEffect(t *testing.T) {
	broken := errors.New("no room")
	m := &sim.Machine{Fault: func(op sim.Op, _ string) error {
		if op == sim.OpEnsure {
			return broken
		}
		return nil
	}}
	d := m.Open()
	h, err := d.Ensure(t.Context(), driver.Cluster{ID: "c", TaskManagers: 1})
	if !errors.Is(err, broken) {
		t.Fatalf("Ensure: %v, want the fault", err)
	}
	if _, err := d.Inspect(t.Context(), h); !errors.Is(err, driver.ErrNoCluster) {
		t.Errorf("Inspect: %v, want ErrNoCluster", err)
	}
	if len(m.Clusters()) != 0 {
		t.Errorf("clusters %v, want none", m.Clusters())
	}
}

func TestStartsAreCounted(t *testing.T) {
	m := &sim.Machine{}
	d := m.Open()
	c := driver.Cluster{ID: "c", TaskManagers: 1}
	for range 2 {
		if _, err := d.Ensure(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Starts("c", "flink-taskmanager-1-1"); got != 1 {
		t.Fatalf("%d starts, want 1", got)
	}
	if err := m.Kill("c", "flink-taskmanager-1-1", "oom"); err != nil {
		t.Fatal(err)
	}
	if err := m.Kill("c", "flink-taskmanager-1-1", "again"); err == nil {
		t.Error("a dead process was killed")
	}
	if _, err := d.Ensure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := m.Starts("c", "flink-taskmanager-1-1"); got != 2 {
		t.Errorf("%d starts, want 2", got)
	}
}
