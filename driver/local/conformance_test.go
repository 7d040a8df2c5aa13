package local_test

import (
	"path/filepath"
	"sync"
	"testing"

	"drey/driver"
	"drey/driver/drivertest"
)

func TestConformance(t *testing.T) {
	var dirs sync.Map
	dir := func(t *testing.T) string {
		if known, ok := dirs.Load(t.Name()); ok {
			return known.(string)
		}
		fresh := t.TempDir()
		dirs.Store(t.Name(), fresh)
		return fresh
	}
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T) driver.Driver { return open(t, dir(t)) },
		Cluster: func(t *testing.T, id string) driver.Cluster {
			return driver.Cluster{
				ID: id, Runtime: "FLINK-1_18", TaskManagers: 1, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1 << 30, CPUPerTaskManager: 1,
				State: filepath.Join(dir(t), "state-"+id),
			}
		},
		Kill: func(t *testing.T, _ driver.Handle, process string) {
			kill(t, filepath.Join(dir(t), "c", "run", process+".info"))
		},
	})
}
