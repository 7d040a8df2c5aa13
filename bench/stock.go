package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"drey/bench/server"
)

const rest = "http://127.0.0.1:24661"

// stockFlink starts a session cluster as Flink's own scripts do, and submits the jar through the REST API as Flink's
// dashboard does. Its processes see the same AWS as the application on Drey does: the bench's server.
type stockFlink struct {
	home string // of the distribution
	work string
	drey *drey
}

// start gives the time from the first process until all tasks run. Everything has ended when it returns.
func (f stockFlink) start(ctx context.Context, sh shape) (took time.Duration, err error) {
	if err := f.configure(sh); err != nil {
		return 0, err
	}
	began := time.Now()
	stop, err := f.run(ctx, sh)
	took = time.Since(began)
	stop()
	return took, err
}

// run starts what is configured, and returns when all tasks run. Stop ends it, in any case.
func (f stockFlink) run(ctx context.Context, sh shape) (stop func(), err error) {
	var processes []*exec.Cmd
	stop = func() {
		for _, p := range processes {
			_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) // gone already if this fails
			_ = p.Wait()                                      // killed
		}
	}
	roles := append([]string{"entrypoint.StandaloneSessionClusterEntrypoint"}, slices.Repeat([]string{"taskexecutor.TaskManagerRunner"}, sh.taskManagers)...)
	for i, role := range roles {
		p, err := f.java(ctx, fmt.Sprintf("process-%d", i), "org.apache.flink.runtime."+role)
		if err != nil {
			return stop, err
		}
		processes = append(processes, p)
	}
	return stop, f.submit(ctx, sh)
}

// configure writes a fresh configuration: the defaults, but for ports and sizes.
func (f stockFlink) configure(sh shape) error {
	if err := os.RemoveAll(f.work); err != nil {
		return err
	}
	for _, dir := range []string{"conf", "tmp", "log"} {
		if err := os.MkdirAll(filepath.Join(f.work, dir), 0o755); err != nil {
			return err
		}
	}
	var groups []any
	for id, properties := range sh.properties {
		groups = append(groups, map[string]any{"PropertyGroupId": id, "PropertyMap": properties})
	}
	properties, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	for name, body := range map[string]string{
		"flink-conf.yaml": fmt.Sprintf(`jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: 24662
jobmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 1600m
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: 1
taskmanager.memory.process.size: %s
rest.address: 127.0.0.1
rest.port: 24661
execution.checkpointing.interval: 60000
`, sh.memory),
		"application_properties.json": string(properties),
		"resolv.conf":                 "nameserver " + appAddress + "\n",
		"log4j.properties": "rootLogger.level = INFO\nrootLogger.appenderRef.file.ref = out\nappender.out.name = out\nappender.out.type = CONSOLE\n" +
			"appender.out.layout.type = PatternLayout\nappender.out.layout.pattern = %d %p %c - %m%n\n",
	} {
		if err := os.WriteFile(filepath.Join(f.work, "conf", name), []byte(body), 0o644); err != nil {
			return err
		}
	}
	return f.trust()
}

// trust makes a truststore of the JDK's authorities and the server's.
func (f stockFlink) trust() error {
	home, err := javaHome()
	if err != nil {
		return err
	}
	store := filepath.Join(f.work, "conf", "cacerts")
	body, err := os.ReadFile(filepath.Join(home, "lib", "security", "cacerts"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(store, body, 0o600); err != nil {
		return err
	}
	out, err := exec.Command(filepath.Join(home, "bin", "keytool"), "-importcert", "-noprompt", "-alias", "drey", "-keystore", store,
		"-storepass", "changeit", "-file", filepath.Join(f.drey.Data, "ca", "ca.pem")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("keytool: %w: %s", err, out)
	}
	return nil
}

func javaHome() (string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return "", err
	}
	if java, err = filepath.EvalSymlinks(java); err != nil {
		return "", err
	}
	return filepath.Dir(filepath.Dir(java)), nil
}

// java starts a JVM that has a resolver and runtime properties of its own, and else the machine's view.
func (f stockFlink) java(ctx context.Context, name, class string) (*exec.Cmd, error) {
	conf := filepath.Join(f.work, "conf")
	args := []string{"--proc", "/proc", "--dev", "/dev", "--die-with-parent", "--bind", filepath.Join(f.work, "tmp"), "/tmp"}
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ssl", "/etc/java-17-openjdk", "/etc/passwd", "/etc/hosts", "/etc/nsswitch.conf", f.home} {
		args = append(args, "--ro-bind-try", dir, dir)
	}
	args = append(args, "--bind", f.work, f.work,
		"--ro-bind", filepath.Join(conf, "resolv.conf"), "/etc/resolv.conf",
		"--ro-bind", filepath.Join(conf, "application_properties.json"), "/etc/flink/application_properties.json")
	jars, err := filepath.Glob(filepath.Join(f.home, "lib", "*.jar"))
	if err != nil {
		return nil, err
	}
	home, err := javaHome()
	if err != nil {
		return nil, err
	}
	args = append(args, filepath.Join(home, "bin", "java"), "-Xmx512m", "-XX:MaxDirectMemorySize=256m", "-Djavax.net.ssl.trustStore="+filepath.Join(conf, "cacerts"),
		"-Dlog4j.configurationFile="+filepath.Join(conf, "log4j.properties"), "-cp", strings.Join(jars, ":"), class, "--configDir", conf)
	if strings.HasSuffix(class, "TaskManagerRunner") {
		args = append(args, taskManagerSizes...)
	}
	keys, err := f.drey.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(f.work, "log", name))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := exec.Command("bwrap", args...)
	p.Stdout, p.Stderr, p.SysProcAttr = log, log, &syscall.SysProcAttr{Setpgid: true}
	p.Env = append(os.Environ(), "FLINK_PLUGINS_DIR="+filepath.Join(f.home, "plugins"), "FLINK_LIB_DIR="+filepath.Join(f.home, "lib"),
		"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
	return p, p.Start()
}

// taskManagerSizes are what Flink's start script computes for a TaskManager of 1 GiB and hands on.
var taskManagerSizes = []string{
	"-D", "taskmanager.memory.framework.off-heap.size=134217728b", "-D", "taskmanager.memory.network.max=67108864b",
	"-D", "taskmanager.memory.network.min=67108864b", "-D", "taskmanager.memory.framework.heap.size=134217728b",
	"-D", "taskmanager.memory.managed.size=241591914b", "-D", "taskmanager.cpu.cores=1.0", "-D", "taskmanager.memory.task.heap.size=26843542b",
	"-D", "taskmanager.memory.task.off-heap.size=0b", "-D", "taskmanager.memory.jvm-metaspace.size=268435456b",
	"-D", "taskmanager.memory.jvm-overhead.min=201326592b", "-D", "taskmanager.memory.jvm-overhead.max=201326592b",
}

// submit uploads and runs the jar as soon as the cluster takes it, and waits for its tasks.
func (f stockFlink) submit(ctx context.Context, sh shape) error {
	err := server.Poll(ctx, 20*time.Millisecond, time.Minute, func() (bool, error) {
		return get(ctx, rest+"/overview", new(struct{})) == nil, nil
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(f.work, "log", "process-0"))
		return fmt.Errorf("the JobManager does not answer: %w\n%.3000s", err, log)
	}
	id, err := upload(ctx, sh.jar)
	if err != nil {
		return err
	}
	var run struct {
		JobID string `json:"jobid"`
	}
	if err := post(ctx, fmt.Sprintf("/jars/%s/run", id), "application/json", strings.NewReader(fmt.Sprintf(`{"parallelism": %d}`, sh.taskManagers)), &run); err != nil {
		return err
	}
	return server.Poll(ctx, 20*time.Millisecond, time.Minute, func() (bool, error) {
		var job struct {
			Vertices []struct{ Status string }
		}
		if err := get(ctx, rest+"/jobs/"+run.JobID, &job); err != nil {
			return false, err
		}
		for _, v := range job.Vertices {
			if v.Status != "RUNNING" {
				return false, nil
			}
		}
		return len(job.Vertices) > 0, nil
	})
}

func upload(ctx context.Context, jar string) (id string, err error) {
	f, err := os.Open(jar)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("jarfile", "app.jar")
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(part, f); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	var answer struct{ Filename string }
	err = post(ctx, "/jars/upload", form.FormDataContentType(), &body, &answer)
	return filepath.Base(answer.Filename), err
}

func get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return do(r, into)
}

func post(ctx context.Context, path, contentType string, body io.Reader, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, rest+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	return do(r, into)
}

func do(r *http.Request, into any) (err error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.500s", r.URL, resp.Status, body)
	}
	return json.Unmarshal(body, into)
}
