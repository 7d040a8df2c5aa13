package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server is a running drey with a data directory, a port and a private address of its own.
type server struct {
	t       *testing.T
	data    string
	listen  string
	private string
	log     string
	flags   []string
	env     []string // points AWS tools at it
	process *exec.Cmd
	exited  chan struct{}
}

// serve starts a server on a fresh data directory. At the end of the test, everything that it started has ended.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	s := prepareServer(t, flags...)
	s.shareRuntimes()
	s.boot()
	return s
}

// prepareServer chooses addresses and makes the data directory of a server that boot starts.
func prepareServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), listen: unusedAddress(t), private: unusedPrivateAddress(t), flags: flags}
	s.log = filepath.Join(filepath.Dir(s.data), "server.log")
	if err := os.Mkdir(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// shareRuntimes lends the server the runtime that all tests share.
func (s *server) shareRuntimes() {
	s.t.Helper()
	if err := os.Symlink(filepath.Join(cache, "drey", "runtimes"), filepath.Join(s.data, "runtimes")); err != nil {
		s.t.Fatal(err)
	}
}

// boot starts the process, the first time or again on the same data.
func (s *server) boot() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--data-dir", s.data, "--listen", s.listen, "--app-address", s.private, "--kpu-memory", "1g"}, s.flags...)
	first := s.process == nil
	s.process = exec.Command(program, args...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	if first {
		s.t.Cleanup(s.end)
	}
	s.exited = make(chan struct{})
	go func(p *exec.Cmd, exited chan struct{}) {
		p.Wait()
		close(exited)
	}(s.process, s.exited)
	s.await("the server answers", 30*time.Second, func() bool {
		select {
		case <-s.exited:
			s.t.Fatalf("the server ended: %s", s.logTail())
		default:
		}
		resp, err := http.Get("http://" + s.listen + "/_drey/health")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return true
	})
	s.readEnv()
}

// run is t.Run of a part of the test: what the server's methods find fails that part.
func (s *server) run(name string, part func(*testing.T)) bool {
	whole := s.t
	defer func() { s.t = whole }()
	return whole.Run(name, func(t *testing.T) {
		s.t = t
		part(t)
	})
}

// readEnv takes what `drey env` prints, as a shell would.
func (s *server) readEnv() {
	s.t.Helper()
	out, err := exec.Command(program, "env", "--data-dir", s.data).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	s.env = nil
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "PATH=") {
			s.env = append(s.env, kv)
		}
	}
	s.env = append(s.env, "PATH="+filepath.Join(cache, "venv", "bin")+":"+os.Getenv("PATH"), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	for _, m := range regexp.MustCompile(`(?m)^export (AWS_\w+)=(.*)$`).FindAllStringSubmatch(string(out), -1) {
		s.env = append(s.env, m[1]+"="+strings.Trim(m[2], `'"`))
	}
}

func (s *server) getenv(name string) string {
	for _, kv := range s.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	s.t.Fatalf("drey env prints no %s", name)
	return ""
}

// kill ends the server as a crash does.
func (s *server) kill() {
	s.process.Process.Signal(syscall.SIGKILL)
	<-s.exited
}

func (s *server) end() {
	if s.t.Failed() {
		s.t.Logf("the end of the server's log:\n%s", s.logTail())
		s.keepLogs()
	}
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		s.t.Error("the server does not end when asked to")
		s.kill()
	}
	for _, pid := range processes(s.data + "/") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.await("the JVMs have ended", 20*time.Second, func() bool { return len(processes(s.data+"/")) == 0 })
}

func (s *server) logTail() string {
	body, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// keepLogs saves the logs of a failed test from the end of its temporary directory.
func (s *server) keepLogs() {
	to := filepath.Join(cache, "e2e", "failed", strings.ReplaceAll(s.t.Name(), "/", "_"))
	script := `rm -rf "$2"; mkdir -p "$2"; cp "$1/../server.log" "$2"; cd "$1" && mkdir -p clusters && find clusters -type f -size -20M -not -name '*.jar' -exec cp --parents {} "$2" \;`
	if out, err := exec.Command("bash", "-c", script, "-", s.data, to).CombinedOutput(); err != nil {
		s.t.Logf("keep logs: %v: %s", err, out)
	}
	s.t.Logf("the logs are in %s", to)
}

// processes lists those with the text in their command line.
func processes(text string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(line, []byte(text)) {
			continue
		}
		var pid int
		if fmt.Sscanf(f, "/proc/%d/", &pid); pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// await polls until something has come true in another process.
func (s *server) await(what string, limit time.Duration, happened func() bool) {
	s.t.Helper()
	end := time.After(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for !happened() {
		select {
		case <-tick.C:
		case <-end:
			s.t.Fatalf("%s: not within %v", what, limit)
		}
	}
	if took := time.Since(began); took > time.Second {
		s.t.Logf("%s: %.1f s", what, took.Seconds())
	}
}

// sh runs a shell script in the example's folder, as the guide's reader does.
func (s *server) sh(script string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = example, append(s.env, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return string(out), err
}

// guide runs a script of the guide.
func (s *server) guide(name string, env ...string) string {
	s.t.Helper()
	script, err := os.ReadFile(filepath.Join(example, "guide", name))
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.sh(string(script), env...)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return out
}

// aws runs the AWS CLI, which must succeed.
func (s *server) aws(args ...string) string {
	s.t.Helper()
	out, err := s.tryAWS(args...)
	if err != nil {
		s.t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out)
}

// cliError is how the AWS CLI prints what a service answered.
type cliError struct{ Code, Operation, Message string }

func (e *cliError) Error() string { return e.Code + ": " + e.Message }

var cliErrorLine = regexp.MustCompile(`(?s)An error occurred \((\S+)\) when calling the (\S+) operation(?: \(reached max retries: \d+\))?: (.*)`)

func (s *server) tryAWS(args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(cache, "venv", "bin", "aws"), args...)
	cmd.Dir, cmd.Env = example, s.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		return string(out), nil
	}
	if m := cliErrorLine.FindStringSubmatch(stderr.String()); m != nil {
		return "", &cliError{m[1], m[2], strings.TrimSpace(m[3])}
	}
	return "", fmt.Errorf("%w: %s", err, stderr.String())
}

// refused runs the AWS CLI, which must fail with an error code and a message that contains all of the texts.
func (s *server) refused(code string, texts []string, args ...string) {
	s.t.Helper()
	_, err := s.tryAWS(args...)
	var e *cliError
	if !errors.As(err, &e) || e.Code != code {
		s.t.Errorf("aws %s: got %v, expected %s", strings.Join(args, " "), err, code)
		return
	}
	for _, text := range texts {
		if !strings.Contains(e.Message, text) {
			s.t.Errorf("aws %s: the message %q does not say %q", strings.Join(args, " "), e.Message, text)
		}
	}
}

// awsJSON runs the AWS CLI and reads its answer.
func (s *server) awsJSON(into any, args ...string) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.aws(append(args, "--output", "json")...)), into); err != nil {
		s.t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// privateAddresses counts those that tests have taken, which may run side by side.
var privateAddresses atomic.Int32

func unusedPrivateAddress(t *testing.T) string {
	t.Helper()
	for range 240 {
		address := fmt.Sprintf("127.0.77.%d", 10+privateAddresses.Add(1)%240)
		l, err := net.Listen("tcp", address+":0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if c, err := net.DialTimeout("tcp", address+":443", time.Second); err == nil {
			c.Close()
			continue
		}
		return address
	}
	t.Fatal("no loopback address is left")
	return ""
}
