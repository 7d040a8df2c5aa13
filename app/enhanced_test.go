package app

import (
	"strings"
	"testing"
	"time"
)

func TestEnhances(t *testing.T) {
	for runtime, want := range map[string]bool{
		"FLINK-1_15": false, "FLINK-1_19": false, "FLINK-1_20": true, "FLINK-2_2": true, "FLINK-2_3": true, "SQL-1_0": false, "FLINK-": false,
	} {
		if got := Enhances(runtime); got != want {
			t.Errorf("Enhances(%s) = %v", runtime, got)
		}
	}
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"SYSTEMSNAPSHOT": true, "systemSnapshot-1": true, "SYSTEMSNAPSHO": false, "mine-SYSTEMSNAPSHOT": false, "": false,
		SystemSnapshot("orders", "a1B2c3D4e5F6"): true,
	} {
		if got := Reserved(name); got != want {
			t.Errorf("Reserved(%s) = %v", name, got)
		}
	}
	if n := len(SystemSnapshot(strings.Repeat("a", 128), "a1B2c3D4e5F6")); n > 100 {
		t.Errorf("the name of a system snapshot has %d characters", n)
	}
}

func TestUses(t *testing.T) {
	const path = "file:///snapshots/1"
	for name, c := range map[string]struct {
		a    Application
		want bool
	}{
		"nothing runs": {Application{}, false},
		"starting":     {Application{Operation: &Operation{Wanted: Restore{Path: path}}}, true},
		"placed":       {Application{Run: &Run{Restore: Restore{Path: path}}}, true},
		"restored":     {Application{Run: &Run{Restore: Restore{Path: path}, Reached: time.Unix(1, 0)}}, false},
		"another":      {Application{Operation: &Operation{Wanted: Restore{Path: path + "2"}}}, false},
	} {
		if got := c.a.Uses(path); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
