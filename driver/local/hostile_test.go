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
	"testing"
	"time"

	"drey/driver"
	"drey/driver/local"
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

// attacker is a cluster whose application does harm.
type attacker struct {
	driver  *local.Driver
	cluster driver.Cluster
	handle  driver.Handle
	n       int
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
	for range 3000 {
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

func TestHostileApplicationReachesNothingOfOthers(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	d := open(t, dir)
	for _, path := range []string{filepath.Join(home, "secret"), filepath.Join(dir, "drey.db"), filepath.Join(dir, "access.json")} {
		writeSecret(t, path)
	}
	victim, mine := small("victim"), small("mine")
	victim.TaskManagers = 0
	for _, c := range []*driver.Cluster{&victim, &mine} {
		c.State = filepath.Join(dir, "state", c.ID)
		c.Environment = map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-of-" + c.ID}
		c.Properties = []byte(`[{"PropertyGroupId": "g", "PropertyMap": {"password": "password-of-` + c.ID + `"}}]`)
	}
	writeSecret(t, filepath.Join(victim.State, "checkpoint"))
	start(t, d, victim)
	a := attack(t, d, mine)
	other := jvm(t, dir, "victim", "flink-jobmanager")

	allowed := []string{
		"read /etc/flink/application_properties.json", "read " + mine.State, "write /tmp/file", "processes",
		"write " + filepath.Join(mine.State, "file"), "run true",
	}
	refused := []string{
		"read " + filepath.Join(home, "secret"), "read " + filepath.Join(dir, "drey.db"), "read " + filepath.Join(dir, "access.json"),
		"read " + filepath.Join(dir, "victim"), "read " + filepath.Join(dir, "victim", "conf", "application_properties.json"),
		"read " + filepath.Join(victim.State, "checkpoint"), "read " + filepath.Join(dir, "mine", "cluster.json"), "read " + filepath.Join(dir, "mine", "run"),
		"read /home", "read /etc/shadow", "read /sys/fs/cgroup", "read /dev/mem", "read /proc/kcore",
		fmt.Sprintf("read /proc/%d/environ", other), fmt.Sprintf("read /proc/%d/mem", other), fmt.Sprintf("read /proc/%d/environ", os.Getpid()),
		fmt.Sprintf("run kill -0 %d", other), fmt.Sprintf("run kill -0 %d", os.Getpid()),
		"write /proc/sys/kernel/core_pattern", "write /proc/sysrq-trigger", "write /usr/bin/sh", "write /etc/flink/application_properties.json",
		"write " + filepath.Join(dir, "mine", "conf", "flink-conf.yaml"),
		"run mount -t tmpfs none /tmp", "run unshare --user true", "write " + filepath.Join(dir, "mine", "upload", "flink-web-upload", "hostile.jar"), "write /proc/irq/default_smp_affinity",
	}
	for _, where := range []string{inMain, inTask} {
		outcomes := a.attempts(t, where, append(allowed, refused...)...)
		for _, order := range allowed {
			if !done(outcomes[order]) {
				t.Errorf("in %s: %s: %.300s", where, order, outcomes[order])
			}
		}
		for _, order := range refused {
			if done(outcomes[order]) {
				t.Errorf("in %s: %s: %.300s", where, order, outcomes[order])
			}
		}
		if o := outcomes["read /etc/flink/application_properties.json"]; !strings.Contains(o, "password-of-mine") {
			t.Errorf("in %s: the application has not its own properties: %s", where, o)
		}
		o := outcomes["processes"]
		if !strings.Contains(o, "token-of-mine") || strings.Contains(o, "token-of-victim") || strings.Count(o, "pid ") > 4 {
			t.Errorf("in %s: the process list is not the application's own: %.2000s", where, o)
		}
	}
	t.Run("LinksInPlaceOfLogsLeadNowhere", func(t *testing.T) {
		log := filepath.Join(dir, "mine", "log")
		links := []string{
			"link " + filepath.Join(home, "secret") + " " + filepath.Join(log, "flink-taskmanager-1-1.json"),
			"link " + filepath.Join(home, "secret") + " " + filepath.Join(log, "flink-taskmanager-1-1.out"),
			"write " + filepath.Join(log, "more.json"),
		}
		for order, outcome := range a.attempts(t, inTask, links...) {
			if !done(outcome) {
				t.Fatalf("%s: %s", order, outcome)
			}
		}
		r, err := d.Inspect(t.Context(), a.handle)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{filepath.Join(log, "flink-jobmanager.json")}; !slices.Equal(r.LogFiles, want) {
			t.Errorf("log files %v, want %v", r.LogFiles, want)
		}
		kill(t, filepath.Join(dir, "mine", "run", "flink-taskmanager-1-1.info"))
		awaitDead(t, d, a.handle)
		if r, err = d.Inspect(t.Context(), a.handle); err != nil || strings.Contains(fmt.Sprint(r), "secret") {
			t.Errorf("the report gives the secret away: %v (%v)", r, err)
		}
	})
}
