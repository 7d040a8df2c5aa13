package local_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"drey/driver"
	"drey/driver/local"
	"drey/runtimes"
)

// library installs the runtime once for all tests of the machine.
func library(t testing.TB) runtimes.Library {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	l := runtimes.Library{Dir: filepath.Join(cache, "drey", "test-runtimes")}
	if _, err := l.Find("FLINK-1_18"); err == nil {
		return l
	}
	if _, err := l.Install(t.Context(), "FLINK-1_18", "", t.Logf); err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, dir string) *local.Driver {
	t.Helper()
	return openWith(t, local.Config{Dir: dir, Runtimes: library(t)})
}

// openWith makes a driver that logs to the test, and ends with it.
func openWith(t *testing.T, c local.Config) *local.Driver {
	t.Helper()
	c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	d, err := local.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func overview(address string) (slots, managers int) {
	var o struct {
		Slots    int `json:"slots-total"`
		Managers int `json:"taskmanagers"`
	}
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get(address + "/overview")
	if err != nil {
		return 0, 0
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&o) != nil {
		return 0, 0
	}
	return o.Slots, o.Managers
}

func awaitSlots(t *testing.T, d *local.Driver, h driver.Handle, want int) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 90*time.Second {
		r, err := d.Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		if slots, _ := overview(r.RESTAddress); slots == want {
			return time.Since(began)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("%d slots did not come; logs below %s", want, d.Dir)
	return 0
}

func TestClusterLives(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	d := open(t, dir)
	c := driver.Cluster{
		ID: "c1", Runtime: "FLINK-1_18", TaskManagers: 2, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1 << 30, CPUPerTaskManager: 1,
		State: state, LogFields: map[string]string{"applicationARN": "arn:x", "applicationVersionId": "3", "messageSchemaVersion": "1"},
	}
	h, err := d.Ensure(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(context.Background(), h); err != nil {
			t.Error(err)
		}
		if _, err := d.Inspect(context.Background(), h); err == nil {
			t.Error("the stopped cluster is still there")
		}
	})
	awaitSlots(t, d, h, 2)

	t.Run("AdoptedByAnotherDriver", func(t *testing.T) {
		r, err := open(t, dir).Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Processes {
			if !p.Alive {
				t.Errorf("%s was not recognised", p.Name)
			}
		}
		if len(r.Processes) != 3 {
			t.Errorf("%d processes, want 3", len(r.Processes))
		}
	})
	t.Run("DeadTaskManagerComesBack", func(t *testing.T) {
		kill(t, filepath.Join(dir, "c1", "run", "flink-taskmanager-1-1.info"))
		awaitDead(t, d, h)
		if _, err := d.Ensure(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		awaitManagers(t, d, h, 2)
	})
	t.Run("LogLinesAreJSON", func(t *testing.T) {
		body, err := os.ReadFile(filepath.Join(dir, "c1", "log", "flink-jobmanager.json"))
		if err != nil {
			t.Fatal(err)
		}
		var line map[string]any
		if err := json.Unmarshal(body[:indexByte(body, '\n')], &line); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"logger", "message", "threadName", "messageType", "timestamp", "locationInformation", "applicationARN"} {
			if line[member] == nil {
				t.Errorf("the line has no %s: %v", member, line)
			}
		}
	})
	t.Run("SurplusTaskManagerEnds", func(t *testing.T) {
		c.TaskManagers = 1
		if _, err := d.Ensure(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		r, err := d.Inspect(t.Context(), h)
		if err != nil || len(r.Processes) != 2 {
			t.Errorf("%d processes, want 2 (%v)", len(r.Processes), err)
		}
	})
}

func indexByte(b []byte, c byte) int {
	for i, x := range b {
		if x == c {
			return i
		}
	}
	return len(b)
}

func kill(t *testing.T, info string) {
	t.Helper()
	body, err := os.ReadFile(info)
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		PID int `json:"child-pid"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func awaitDead(t *testing.T, d *local.Driver, h driver.Handle) {
	t.Helper()
	for range 1000 {
		r, err := d.Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Processes {
			if !p.Alive {
				return
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("nothing is dead")
}

func awaitManagers(t *testing.T, d *local.Driver, h driver.Handle, want int) {
	t.Helper()
	for range 600 {
		r, err := d.Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		alive := 0
		for _, p := range r.Processes {
			if p.Alive && p.Role == driver.TaskManager {
				alive++
			}
		}
		if _, managers := overview(r.RESTAddress); managers >= want && alive == want {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatalf("%d TaskManagers did not come", want)
}
