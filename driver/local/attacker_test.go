package local_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drey/driver"
	"drey/driver/local"
	"drey/flink"
)

var hostileJar struct {
	sync.Once
	body []byte
	err  error
}

// hostile gives a jar of testdata/hostile, compiled once.
func hostile(t *testing.T) string {
	t.Helper()
	dist, err := library(t).Find("FLINK-1_18")
	if err != nil {
		t.Fatal(err)
	}
	hostileJar.Do(func() { hostileJar.body, hostileJar.err = compileHostile(filepath.Join(dist.Home, "lib", "*")) })
	if hostileJar.err != nil {
		t.Fatal(hostileJar.err)
	}
	jar := filepath.Join(t.TempDir(), "hostile.jar")
	if err := os.WriteFile(jar, hostileJar.body, 0o600); err != nil {
		t.Fatal(err)
	}
	return jar
}

func compileHostile(classpath string) ([]byte, error) {
	home, err := local.FindJava()
	if err != nil {
		return nil, err
	}
	classes, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(classes)
	javac := exec.Command(filepath.Join(home, "bin", "javac"), "-nowarn", "-cp", classpath, "-d", classes, "testdata/hostile/Hostile.java")
	if out, err := javac.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w: %s", err, out)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	manifest, err := z.Create("META-INF/MANIFEST.MF")
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(manifest, "Manifest-Version: 1.0\r\nMain-Class: Hostile\r\n\r\n"); err != nil {
		return nil, err
	}
	if err := z.AddFS(os.DirFS(classes)); err != nil {
		return nil, err
	}
	err = z.Close()
	return jar.Bytes(), err
}

const patience = 9000 // looks, 10 ms apart, until a machine that is busy has done what it should

// attacker is a cluster whose application does harm.
type attacker struct {
	driver  *local.Driver
	cluster driver.Cluster
	handle  driver.Handle
	n       int
}

// attackInMain starts a JobManager with the hostile jar.
func attackInMain(t *testing.T, d *local.Driver, c driver.Cluster) *attacker {
	t.Helper()
	c.Jar, c.TaskManagers = hostile(t), 0
	a := &attacker{driver: d, cluster: c, handle: start(t, d, c)}
	r, err := d.Inspect(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	for range 600 {
		resp, err := http.Get(r.RESTAddress + "/jars")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return a
			}
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatal("the JobManager does not answer")
	return nil
}

// attack starts a cluster with the hostile jar.
func attack(t *testing.T, d *local.Driver, c driver.Cluster) *attacker {
	t.Helper()
	c.Jar = hostile(t)
	a := &attacker{driver: d, cluster: c, handle: start(t, d, c)}
	awaitSlots(t, d, a.handle, 1)
	return a
}

// order lets the application act; what it says about it comes back in the answer of the JobManager only if it is a failure.
func (a *attacker) order(t *testing.T, where string, orders ...string) (findings string, answer <-chan string) {
	t.Helper()
	a.n++
	findings = filepath.Join(a.cluster.State, fmt.Sprintf("findings-%d", a.n))
	r, err := a.driver.Inspect(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"programArgsList": append([]string{where, findings}, orders...)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 1)
	go func() {
		resp, err := http.Post(r.RESTAddress+"/jars/"+r.JarID+"/run", "application/json", bytes.NewReader(body))
		if err != nil {
			done <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body) // of a JobManager that may be dying
		done <- string(text)
	}()
	return findings, done
}

// attempts runs orders to their end and gives the outcome of each.
func (a *attacker) attempts(t *testing.T, where string, orders ...string) map[string]string {
	t.Helper()
	findings, answer := a.order(t, where, orders...)
	var body []byte
	for range patience {
		var err error
		if body, err = os.ReadFile(findings); err == nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	outcomes := map[string]string{}
	for line := range strings.Lines(string(body)) {
		order, outcome, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		outcomes[order] = outcome
	}
	if len(outcomes) != len(orders) {
		t.Fatalf("%s tried %d of %d orders: %s", where, len(outcomes), len(orders), <-answer)
	}
	return outcomes
}

const (
	inMain = "main"
	inTask = "task"
)

func done(outcome string) bool { return strings.HasPrefix(outcome, "DONE") }

// alive tells whether a cluster does its work: all its processes live, and its JobManager answers before long.
func alive(t *testing.T, d *local.Driver, h driver.Handle) bool {
	t.Helper()
	for range 100 {
		r, err := d.Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Processes {
			if !p.Alive {
				return false
			}
		}
		if _, managers := overview(r.RESTAddress); managers > 0 {
			return true
		}
		<-time.After(100 * time.Millisecond)
	}
	return false
}

// awaitExit gives the reason for which a process ended.
func awaitExit(t *testing.T, d *local.Driver, h driver.Handle, name string) string {
	t.Helper()
	for range patience {
		r, err := d.Inspect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Processes {
			if p.Name == name && !p.Alive && !strings.Contains(p.Exit, "not recorded") {
				return p.Exit
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("%s does not end", name)
	return ""
}

// cpuSeconds is what the TaskManager has used.
func (a *attacker) cpuSeconds(t *testing.T) float64 {
	t.Helper()
	stats, err := a.driver.Stats(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stats {
		if s.Process == taskManager {
			return s.CPUSeconds
		}
	}
	t.Fatal("no TaskManager is measured")
	return 0
}

// memoryDir is a directory on a disk that is not shared with what else runs here.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drey-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// awaitOutput waits until what the TaskManager printed takes no more than so many bytes.
func (a *attacker) awaitOutput(t *testing.T, most int64) {
	t.Helper()
	path := filepath.Join(a.driver.Dir, a.cluster.ID, "run", taskManager+".out")
	for range patience {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 0 && info.Size() <= most {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("%s stays longer than %d bytes", path, most)
}

// awaitFailure gives the root cause of a job's failure; answer is what the JobManager said of its submission.
func (a *attacker) awaitFailure(t *testing.T, answer string) string {
	t.Helper()
	var submitted struct {
		ID string `json:"jobid"`
	}
	if err := json.Unmarshal([]byte(answer), &submitted); err != nil || submitted.ID == "" {
		t.Fatalf("no job: %.500s", answer)
	}
	client := a.client(t)
	for range patience {
		if cause, err := client.Exception(t.Context(), submitted.ID, time.Time{}); err == nil && cause != "" {
			a.cancelJobs(t)
			return cause
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("the job does not fail")
	return ""
}

func (a *attacker) client(t *testing.T) *flink.Client {
	t.Helper()
	r, err := a.driver.Inspect(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	connections := new(flink.Connections)
	t.Cleanup(connections.Close)
	return connections.At(r.RESTAddress)
}

// cancelJobs ends what Flink would restart.
func (a *attacker) cancelJobs(t *testing.T) {
	t.Helper()
	r, err := a.driver.Inspect(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	client := a.client(t)
	for range patience {
		resp, err := http.Get(r.RESTAddress + "/jobs")
		if err != nil {
			return // without a JobManager there are no jobs
		}
		var all struct{ Jobs []struct{ ID, Status string } }
		err = json.NewDecoder(resp.Body).Decode(&all)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, job := range all.Jobs {
			if !slices.Contains([]string{"FAILED", "CANCELED", "FINISHED"}, job.Status) {
				left++
				_ = client.Cancel(t.Context(), job.ID) // it may have ended
			}
		}
		if left == 0 {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("a job does not end")
}

// revive starts what is dead again, as the keeper does.
func (a *attacker) revive(t *testing.T) {
	t.Helper()
	a.cancelJobs(t)
	if _, err := a.driver.Ensure(t.Context(), a.cluster); err != nil {
		t.Fatal(err)
	}
	awaitSlots(t, a.driver, a.handle, 1)
}

// act runs a subtest that leaves the cluster as it found it, whatever comes of it.
func (a *attacker) act(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				killIfAlive(t, a, taskManager)
				a.revive(t)
			}
		}()
		f(t)
	})
}

func killIfAlive(t *testing.T, a *attacker, name string) {
	t.Helper()
	r, err := a.driver.Inspect(t.Context(), a.handle)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Processes {
		if p.Name == name && p.Alive {
			kill(t, filepath.Join(a.driver.Dir, a.cluster.ID, "run", name+".info"))
			awaitExit(t, a.driver, a.handle, name)
		}
	}
}
