package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drey/driver"
)

// process is one JVM, as <dir>/run/<name>.json records it before it starts. The record's token stands in the sandbox's
// command line: it, and not the pid, is the identity.
type process struct {
	Name    string      `json:"name"`
	Role    driver.Role `json:"role"`
	Token   string      `json:"token"`
	Started time.Time   `json:"started"`

	pid   int    // of the sandbox's first process; 0 = not known to have started
	start string // its start time in clock ticks
	code  *int   // with which it ended; nil = it lives, or nobody saw its end
}

func recordPath(dir, name string) string { return filepath.Join(dir, "run", name+".json") }
func infoPath(dir, name string) string   { return filepath.Join(dir, "run", name+".info") }
func outPath(dir, name string) string    { return filepath.Join(dir, "run", name+".out") }
func endPath(dir, name string) string    { return filepath.Join(dir, "run", name+".end") }
func logFile(dir, name string) string    { return filepath.Join(dir, "log", name+".json") }

// logFiles are those of all processes that the cluster ever had: the last lines of some that are no longer wanted may not
// have been read yet. The application may write to the directory: other names, and links to elsewhere, are not of Flink.
func logFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if ok && e.Type().IsRegular() && processName.MatchString(name) {
			files = append(files, logFile(dir, name))
		}
	}
	return files, nil
}

func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// processes reads all records of a cluster, the JobManager first.
func processes(dir string) ([]*process, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "run"))
	if err != nil {
		return nil, err
	}
	var all []*process
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		p, err := readProcess(dir, name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *process) int { return strings.Compare(string(a.Role)+a.Name, string(b.Role)+b.Name) })
	return all, nil
}

func readProcess(dir, name string) (*process, error) {
	body, err := os.ReadFile(recordPath(dir, name))
	if err != nil {
		return nil, err
	}
	var p process
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", recordPath(dir, name), err)
	}
	p.find(dir)
	return &p, nil
}

// find fills pid and start from what bubblewrap wrote, if the process of that pid bears the token.
func (p *process) find(dir string) {
	body, err := os.ReadFile(infoPath(dir, p.Name))
	if err != nil {
		return
	}
	status := json.NewDecoder(bytes.NewReader(body))
	var begun struct {
		ChildPID int `json:"child-pid"`
	}
	if status.Decode(&begun) != nil || begun.ChildPID == 0 {
		return
	}
	var ended struct {
		ExitCode *int `json:"exit-code"`
	}
	if status.Decode(&ended) == nil {
		p.code = ended.ExitCode
	}
	start := startTime(begun.ChildPID)
	if bears(begun.ChildPID, p.Token) {
		p.pid, p.start = begun.ChildPID, start
	}
}

// startTime is field 22 of /proc/<pid>/stat; "" for a process that is gone or a zombie.
func startTime(pid int) string {
	body, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(body[bytes.LastIndexByte(body, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func (p *process) alive() bool { return p.pid != 0 && p.start != "" && startTime(p.pid) == p.start }

// kill ends the sandbox's first process, and with it everything in the sandbox. The file descriptor behind os.Process
// keeps a process apart from later ones of the same pid, so it is opened before the identity is checked.
func (p *process) kill() {
	handle, err := os.FindProcess(p.pid)
	if err != nil || !p.alive() || !bears(p.pid, p.Token) {
		return
	}
	_ = handle.Kill() // gone already if this fails
	_ = handle.Release()
}

// bears tells whether the token stands in the command line of a process.
func bears(pid int, token string) bool {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(cmdline, []byte(token))
}

// strays finds what bears the token though nothing says so: the server was killed after a start and before bubblewrap had
// told the pid.
func (p *process) strays() []*process {
	if p.Token == "" || p.pid != 0 {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []*process
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && bears(pid, p.Token) {
			found = append(found, &process{Name: p.Name, Role: p.Role, Token: p.Token, pid: pid, start: startTime(pid)})
		}
	}
	return found
}

const pollInterval = 10 * time.Millisecond

func (p *process) await(ctx context.Context) error {
	for p.alive() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d does not end: %w", p.pid, ctx.Err())
		case <-time.After(pollInterval):
		}
	}
	return nil
}

// awaitInfo waits until bubblewrap has written the pid, or is gone.
func (p *process) awaitInfo(ctx context.Context, dir string, launcher *os.Process) error {
	for {
		if p.find(dir); p.pid != 0 {
			return nil
		}
		if errors.Is(launcher.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			return fmt.Errorf("%s did not start: %s", p.Name, p.printed(dir))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// children lists the processes below pid, at any depth.
func children(pid int) []int {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var all []int
	for _, f := range strings.Fields(string(body)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(append(all, child), children(child)...)
		}
	}
	return all
}
