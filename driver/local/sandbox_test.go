package local_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"drey/driver"
)

// jvm waits for the JVM in a sandbox, whose first process is bubblewrap's: before it, the sandbox is not yet complete.
func jvm(t *testing.T, dir, cluster, process string) int {
	t.Helper()
	first := pid(t, filepath.Join(dir, cluster, "run", process+".info"))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
		if err != nil {
			t.Fatal(err)
		}
		if f := strings.Fields(string(children)); len(f) == 1 {
			// The command line comes after the program.
			if line, err := os.ReadFile("/proc/" + f[0] + "/cmdline"); err == nil && strings.HasSuffix(strings.Split(string(line), "\x00")[0], "/bin/java") {
				child, err := strconv.Atoi(f[0])
				if err != nil {
					t.Fatal(err)
				}
				return child
			}
		}
		<-tick.C
	}
	t.Fatalf("%s has no JVM", process)
	return 0
}

func pid(t *testing.T, info string) int {
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
	return p.PID
}

func writeSecret(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSandboxHidesTheMachine(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	d := open(t, dir)
	writeSecret(t, filepath.Join(home, "secret"))
	writeSecret(t, filepath.Join(dir, "drey.db"))
	for _, id := range []string{"mine", "other"} {
		c := small(id)
		c.State = filepath.Join(dir, "state", id)
		c.Environment = map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-of-" + id}
		writeSecret(t, filepath.Join(c.State, "checkpoint"))
		start(t, d, c)
	}
	userHome, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range []string{"flink-jobmanager", "flink-taskmanager-1-1"} {
		root := fmt.Sprintf("/proc/%d/root", jvm(t, dir, "mine", process))
		for _, visible := range []string{
			"/usr/bin", "/tmp", "/etc/flink/application_properties.json", "/etc/passwd", filepath.Join(dir, "state", "mine", "checkpoint"),
			filepath.Join(dir, "mine", "log"), "/usr/lib/jvm/java-11-amazon-corretto", "/usr/lib/jvm/java-17-amazon-corretto",
		} {
			if _, err := os.Lstat(root + visible); err != nil {
				t.Errorf("%s does not see %s: %v", process, visible, err)
			}
		}
		for _, hidden := range []string{
			filepath.Join(home, "secret"), filepath.Join(dir, "drey.db"), filepath.Join(dir, "other"), filepath.Join(dir, "state", "other"),
			filepath.Join(dir, "mine", "cluster.json"), filepath.Join(dir, "mine", "run"), filepath.Join(userHome, ".bashrc"),
			"/home", "/etc/shadow", "/etc/ssl/private", "/var", "/sys", "/run",
		} {
			if _, err := os.Lstat(root + hidden); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s sees %s (%v)", process, hidden, err)
			}
		}
	}
}

func TestSandboxIsReadOnlyAndPowerless(t *testing.T) {
	dir := t.TempDir()
	start(t, open(t, dir), small("c"))
	java := jvm(t, dir, "c", "flink-taskmanager-1-1")
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", java))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if at, options := f[4], f[5]; at == "/usr" || strings.HasPrefix(at, "/etc") || strings.HasSuffix(at, "/conf") {
			if !strings.HasPrefix(options, "ro,") {
				t.Errorf("%s can be written: %s", at, options)
			}
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", java))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapInh:\t0000000000000000"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process has privileges: want %s in\n%s", want, status)
		}
	}
}

func TestSecretsStayOutOfCommandLines(t *testing.T) {
	dir := t.TempDir()
	c := small("c")
	c.Environment = map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-7141"}
	t.Setenv("DREY_TEST_OF_SERVER", "mine")
	start(t, open(t, dir), c)
	java := jvm(t, dir, "c", "flink-jobmanager")
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", java))
	if err != nil {
		t.Fatal(err)
	}
	if bearing(t, "token-7141") != 0 {
		t.Error("everybody can read the token")
	}
	if !strings.Contains(string(environ), "AWS_CONTAINER_AUTHORIZATION_TOKEN=token-7141") {
		t.Error("the process has not got the token")
	}
	if strings.Contains(string(environ), "DREY_TEST_OF_SERVER") {
		t.Error("the server's own environment leaks")
	}
}

func small(id string) driver.Cluster {
	return driver.Cluster{ID: id, Runtime: "FLINK-1_18", TaskManagers: 1, SlotsPerTaskManager: 1, MemoryPerTaskManager: 1 << 30, CPUPerTaskManager: 1}
}
