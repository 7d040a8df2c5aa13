package local

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLimitsThatCannotBeWrittenAreNamed(t *testing.T) {
	want := []string{"memory beyond the JVMs' own limits", "CPU time", "connections to what listens in other applications"}
	if os.Geteuid() == 0 { // of whom the kernel counts no processes otherwise
		want = slices.Insert(want, 2, "processes (a fork bomb hurts the machine)")
	}
	for name, root := range map[string]string{"NoControlGroups": filepath.Join(t.TempDir(), "none"), "Version2": version2(t)} {
		t.Run(name, func(t *testing.T) {
			if missing := openLimits(root).missing(); !slices.Equal(missing, want) {
				t.Errorf("missing %q, want %q", missing, want)
			}
		})
	}
}

// version2 looks like a hierarchy of version 2 whose controllers are elsewhere.
func version2(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "cgroup.controllers"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestControls(t *testing.T) {
	dirs := limits{memory: "m", cpu: "c", pids: "p"}
	second := dirs
	second.version2 = true
	for _, c := range []struct {
		limits limits
		cpu    float64
		want   map[string]string
	}{
		{dirs, 1.5, map[string]string{"memory.limit_in_bytes": "4096", "memory.swappiness": "0", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000", "pids.max": "4096"}},
		{dirs, 0, map[string]string{"memory.limit_in_bytes": "4096", "memory.swappiness": "0", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1", "pids.max": "4096"}},
		{second, 2, map[string]string{"memory.max": "4096", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "200000 100000", "pids.max": "4096"}},
		{second, 0, map[string]string{"memory.max": "4096", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "max 100000", "pids.max": "4096"}},
	} {
		got := map[string]string{}
		for _, control := range c.limits.controls(4096, c.cpu) {
			maps.Copy(got, control.settings)
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// The kernel's counter in both of its spellings.
func TestKilledForMemory(t *testing.T) {
	for _, c := range []struct {
		name     string
		version2 bool
		files    map[string]string
		want     string
	}{
		{"Version1", false, map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "memory.limit_in_bytes": "1342177280\n"}, "killed: used more than its 1280 MiB of memory"},
		{"Version1Quiet", false, map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"}, ""},
		{"Version2", true, map[string]string{"memory.events": "low 0\nhigh 0\nmax 31\noom 1\noom_kill 1\noom_group_kill 1\n", "memory.max": "1073741824\n"}, "killed: used more than its 1024 MiB of memory"},
		{"Version2Quiet", true, map[string]string{"memory.events": "max 31\noom 1\noom_kill 0\n"}, ""},
		{"NoGroup", true, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := limits{version2: c.version2, memory: t.TempDir()}
			p := &process{Name: "p", Token: newToken()}
			dir := filepath.Join(l.memory, groupName("c", p))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for file, content := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.killed("c", p); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
