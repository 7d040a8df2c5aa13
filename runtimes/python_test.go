package runtimes

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var pinned = regexp.MustCompile(`^[a-z0-9_.-]+==[0-9a-z.]+ --hash=sha256:[0-9a-f]{64}$`)

// TestLocks: each list pins every package, brings the PyFlink of its runtime, and none of the jars that the runtime has.
func TestLocks(t *testing.T) {
	for _, name := range pythonRuntimes() {
		r, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := r.lock()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(list), "\napache-flink=="+r.Flink+" ") {
			t.Errorf("%s has Flink %s, and its list of packages another", name, r.Flink)
		}
		if strings.Contains(string(list), "apache-flink-libraries") {
			t.Errorf("%s would get its jars twice", name)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n")[1:] {
			if !pinned.MatchString(line) {
				t.Errorf("%s: %q is not pinned", name, line)
			}
		}
	}
}

func TestVersions(t *testing.T) {
	got := string(versions([]byte("# a comment\na==1 --hash=sha256:00\nb==2 --hash=sha256:11\n")))
	if want := "# a comment\na==1\nb==2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPythonIsThereInWhole: an environment counts when it is complete, and a runtime without one says what to do.
func TestPythonIsThereInWhole(t *testing.T) {
	d := Distribution{Runtime: Runtime{Name: "FLINK-1_20"}, Home: t.TempDir()}
	_, sum, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.pythonHome(sum), "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Python(); err == nil || !strings.Contains(err.Error(), "drey runtime install FLINK-1_20 --python") {
		t.Errorf("a half environment: %v", err)
	}
	if err := os.WriteFile(filepath.Join(d.pythonHome(sum), marker), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Python(); err != nil || got != d.pythonHome(sum) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNoPython(t *testing.T) {
	for name, version := range map[string]string{"FLINK-1_15": "3.8", "FLINK-1_18": "3.10"} {
		_, err := Distribution{Runtime: Runtime{Name: name}, Home: t.TempDir()}.Python()
		if !errors.Is(err, ErrNoPython) || !strings.Contains(err.Error(), "Python "+version) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPythonWantsOneDriver: with none or two, PythonDriver would fail at the first start.
func TestPythonWantsOneDriver(t *testing.T) {
	names := pythonRuntimes()
	if len(names) == 0 {
		t.Fatal("no runtime can run Python applications")
	}
	r, l := names[0], Library{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(l.Dir, r, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := l.InstallPython(t.Context(), r, func(string, ...any) {}); err == nil || !strings.Contains(err.Error(), "flink-python") {
		t.Errorf("got %v", err)
	}
}
