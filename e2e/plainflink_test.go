package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drey/runtimes"
)

// plainFlink is a session cluster of a stock distribution, as its own scripts would start it. Drey has no part in it.
type plainFlink struct {
	*server // for its test and its waiting alone
	home    string
	options []string // that Flink's default configuration gives to every JVM
	work    string
	rest    string
}

// startPlainFlink starts one JobManager and one TaskManager, which end with the test or with stop.
func startPlainFlink(s *server, runtime string) (f *plainFlink, stop func()) {
	s.t.Helper()
	r, err := runtimes.Lookup(runtime)
	if err != nil {
		s.t.Fatal(err)
	}
	f = &plainFlink{s, filepath.Join(cache, "drey", "runtimes", runtime), r.JVMOptions, s.t.TempDir(), unusedAddress(s.t)}
	_, port, _ := strings.Cut(f.rest, ":")
	_, rpc, _ := strings.Cut(unusedAddress(s.t), ":")
	for name, body := range map[string]string{
		"flink-conf.yaml": fmt.Sprintf("jobmanager.rpc.address: 127.0.0.1\njobmanager.rpc.port: %s\njobmanager.memory.process.size: 1g\ntaskmanager.host: 127.0.0.1\n"+
			"taskmanager.numberOfTaskSlots: 1\ntaskmanager.memory.process.size: 1g\nrest.address: 127.0.0.1\nrest.port: %s\nio.tmp.dirs: %s\n", rpc, port, f.work),
		"log4j.properties": "rootLogger.level = INFO\nrootLogger.appenderRef.out.ref = out\nappender.out.name = out\nappender.out.type = CONSOLE\n" +
			"appender.out.layout.type = PatternLayout\nappender.out.layout.pattern = %m%n\n",
	} {
		if err := os.WriteFile(filepath.Join(f.work, name), []byte(body), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	jm := f.java("jobmanager.log", "entrypoint.StandaloneSessionClusterEntrypoint")
	tm := f.java("taskmanager.log", "taskexecutor.TaskManagerRunner",
		"-D", "taskmanager.memory.framework.off-heap.size=134217728b", "-D", "taskmanager.memory.network.max=67108864b", "-D", "taskmanager.memory.network.min=67108864b",
		"-D", "taskmanager.memory.framework.heap.size=134217728b", "-D", "taskmanager.memory.managed.size=241591914b", "-D", "taskmanager.cpu.cores=1.0",
		"-D", "taskmanager.memory.task.heap.size=26843542b", "-D", "taskmanager.memory.task.off-heap.size=0b", "-D", "taskmanager.memory.jvm-metaspace.size=268435456b",
		"-D", "taskmanager.memory.jvm-overhead.min=201326592b", "-D", "taskmanager.memory.jvm-overhead.max=201326592b")
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			for _, p := range []*exec.Cmd{jm, tm} {
				syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
				p.Wait()
			}
		}
	}
	s.t.Cleanup(func() {
		stop()
		if s.t.Failed() {
			f.showLogs()
		}
	})
	s.await("the plain cluster has a slot", time.Minute, func() bool {
		var o struct {
			Slots int `json:"slots-total"`
		}
		return f.call(http.MethodGet, "/overview", "", nil, &o) == nil && o.Slots == 1
	})
	return f, stop
}

func (f *plainFlink) showLogs() {
	for _, name := range []string{"jobmanager.log", "taskmanager.log"} {
		body, err := os.ReadFile(filepath.Join(f.work, name))
		f.t.Logf("the end of the plain cluster's %s: %v\n%s", name, err, body[max(0, len(body)-4000):])
	}
}

func (f *plainFlink) java(log, class string, args ...string) *exec.Cmd {
	f.t.Helper()
	jars, err := filepath.Glob(filepath.Join(f.home, "lib", "*.jar"))
	if err != nil || len(jars) == 0 {
		f.t.Fatalf("no Flink in %s: %v", f.home, err)
	}
	out, err := os.Create(filepath.Join(f.work, log))
	if err != nil {
		f.t.Fatal(err)
	}
	defer out.Close()
	all := append(slices.Clone(f.options), "-Xmx384m", "-XX:TieredStopAtLevel=1", "-Dlog4j.configurationFile="+filepath.Join(f.work, "log4j.properties"), "-cp", strings.Join(jars, ":"), "org.apache.flink.runtime."+class, "--configDir", f.work)
	p := exec.Command("java", append(all, args...)...)
	p.Stdout, p.Stderr, p.SysProcAttr = out, out, &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *plainFlink) call(method, path, kind string, body io.Reader, into any) error {
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.rest+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s: %w", method, path, resp.Status, raw, err)
	}
	return json.Unmarshal(raw, into)
}

func (f *plainFlink) post(path string, in map[string]any, into any) {
	f.t.Helper()
	body, err := json.Marshal(in)
	if err == nil {
		err = f.call(http.MethodPost, path, "application/json", bytes.NewReader(body), into)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// run starts a jar's job from a savepoint.
func (f *plainFlink) run(jar, savepoint string) (job string) {
	f.t.Helper()
	code, err := os.ReadFile(jar)
	if err != nil {
		f.t.Fatal(err)
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("jarfile", filepath.Base(jar))
	if err == nil {
		_, err = part.Write(code)
	}
	var uploaded struct{ Filename string }
	if err == nil && form.Close() == nil {
		err = f.call(http.MethodPost, "/jars/upload", form.FormDataContentType(), &b, &uploaded)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	var started struct{ JobID string }
	f.post("/jars/"+filepath.Base(uploaded.Filename)+"/run", map[string]any{"savepointPath": savepoint, "parallelism": 1}, &started)
	return started.JobID
}

// savepoint takes one of a running job and gives its directory.
func (f *plainFlink) savepoint(job string) (dir string) {
	f.t.Helper()
	var trigger struct {
		ID string `json:"request-id"`
	}
	f.post("/jobs/"+job+"/savepoints", map[string]any{"target-directory": "file://" + f.work + "/savepoints", "cancel-job": false}, &trigger)
	f.await("the plain cluster's savepoint", time.Minute, func() bool {
		var s struct {
			Operation struct {
				Location string
				Failure  map[string]any `json:"failure-cause"`
			}
		}
		if err := f.call(http.MethodGet, "/jobs/"+job+"/savepoints/"+trigger.ID, "", nil, &s); err != nil || s.Operation.Failure != nil {
			f.t.Fatalf("the savepoint failed: %v %v", err, s.Operation.Failure)
		}
		dir = strings.TrimPrefix(s.Operation.Location, "file:")
		return dir != ""
	})
	return dir
}

var plainCount = regexp.MustCompile(`counted (\d+)`)

// counts gives the first and the last number that the counting job has logged; 0 = none yet.
func (f *plainFlink) counts() (first, last int) {
	body, _ := os.ReadFile(filepath.Join(f.work, "taskmanager.log"))
	for _, m := range plainCount.FindAllStringSubmatch(string(body), -1) {
		last, _ = strconv.Atoi(m[1]) // digits
		if first == 0 {
			first = last
		}
	}
	return first, last
}
