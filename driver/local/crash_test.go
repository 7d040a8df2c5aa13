package local_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"drey/driver"
	"drey/driver/local"
)

// start runs a cluster for the length of a test.
func start(t *testing.T, d *local.Driver, c driver.Cluster) driver.Handle {
	t.Helper()
	h, err := d.Ensure(t.Context(), c)
	t.Cleanup(func() {
		if err := d.Stop(context.Background(), h); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// bearing counts the processes whose command line holds the text.
func bearing(t *testing.T, text string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if body, err := os.ReadFile(f); err == nil && bytes.Contains(body, []byte(text)) {
			n++
		}
	}
	return n
}

// settled counts the processes of the small cluster in dir once each sandbox is complete.
func settled(t *testing.T, dir string) int {
	t.Helper()
	for _, process := range []string{"flink-jobmanager", "flink-taskmanager-1-1"} {
		jvm(t, dir, "c", process)
	}
	return bearing(t, dir)
}

// A server that is killed between the start of bubblewrap and the news of its pid leaves a record and an empty file.
func TestStartThatWasCutIsNotDoubled(t *testing.T) {
	for name, left := range map[string][]byte{"NothingWritten": nil, "HalfWritten": []byte(`{"child-pid": 1`)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir)
			h := start(t, d, small("c"))
			before := settled(t, dir)
			if err := os.WriteFile(filepath.Join(dir, "c", "run", "flink-taskmanager-1-1.info"), left, 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, open(t, dir), small("c"))
			if after := settled(t, dir); after != before {
				t.Errorf("%d processes, %d before", after, before)
			}
			if err := d.Stop(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if left := bearing(t, dir); left != 0 {
				t.Errorf("%d processes are left", left)
			}
		})
	}
}

func TestStopFindsProcessesOfCutStarts(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	h := start(t, d, small("c"))
	for _, process := range []string{"flink-jobmanager", "flink-taskmanager-1-1"} {
		if err := os.Remove(filepath.Join(dir, "c", "run", process+".info")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if left := bearing(t, dir); left != 0 {
		t.Errorf("%d processes are left", left)
	}
}

// The pid of a dead JVM may be anybody's now: the driver must not take it for its own, and not signal it.
func TestForeignProcessWithTheRecordedPidIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	h := start(t, d, small("c"))
	info := filepath.Join(dir, "c", "run", "flink-taskmanager-1-1.info")
	kill(t, info)
	awaitDead(t, d, h)
	if err := os.WriteFile(info, fmt.Appendf(nil, `{"child-pid": %d}`, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := d.Inspect(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Processes {
		if p.Role == driver.TaskManager && p.Alive {
			t.Error("this test was taken for a TaskManager")
		}
	}
	if err := d.Stop(t.Context(), h); err != nil { // that this test goes on is the assertion
		t.Fatal(err)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	h := start(t, d, small("leftovers"))
	if err := d.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if left := bearing(t, dir); left != 0 {
		t.Errorf("%d processes are left", left)
	}
	groups, err := filepath.Glob("/sys/fs/cgroup/*/drey/leftovers*")
	if err != nil || len(groups) > 0 {
		t.Errorf("control groups are left: %v (%v)", groups, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("files are left: %v (%v)", entries, err)
	}
}
