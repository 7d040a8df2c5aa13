package local

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const maxProcesses = 4096 // threads and processes of one sandbox: a fork bomb hurts its application only

// limits are the folders of our control groups, one per controller in version 1 of them, one for all in version 2;
// "" = this server cannot limit it.
type limits struct {
	version2          bool
	memory, cpu, pids string
	network           string // always of version 2, which may be mounted beside version 1 for such ends
}

// findLimits looks for writable hierarchies and says once what cannot be limited.
func findLimits(log *slog.Logger) limits {
	l := openLimits("/sys/fs/cgroup")
	if missing := l.missing(); len(missing) > 0 {
		log.Warn("control groups cannot be written: applications may take what they like of " + strings.Join(missing, ", "))
	}
	return l
}

func openLimits(root string) limits {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		return limits{
			memory:  usable(filepath.Join(root, "memory", "drey"), "memory.limit_in_bytes"),
			cpu:     usable(filepath.Join(root, "cpu", "drey"), "cpu.cfs_quota_us"),
			pids:    usable(filepath.Join(root, "pids", "drey"), "pids.max"),
			network: fenceable(filepath.Join(root, "unified")),
		}
	}
	ours := filepath.Join(root, "drey")
	for _, dir := range []string{root, ours} {
		_ = os.MkdirAll(dir, 0o755) // the probe tells
		for _, controller := range []string{"+memory", "+cpu", "+pids"} {
			_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(controller), 0)
		}
	}
	return limits{version2: true, memory: usable(ours, "memory.max"), cpu: usable(ours, "cpu.max"), pids: usable(ours, "pids.max"), network: fenceable(root)}
}

// missing names what is not limited.
func (l limits) missing() []string {
	var all []string
	if l.memory == "" {
		all = append(all, "memory beyond the JVMs' own limits")
	}
	if l.cpu == "" {
		all = append(all, "CPU time")
	}
	if l.pids == "" && os.Geteuid() == 0 {
		all = append(all, "processes (a fork bomb hurts the machine)")
	}
	if l.network == "" {
		all = append(all, "connections to what listens in other applications")
	}
	return all
}

// usable tries a hierarchy with a group: it must have the file that limits, and take it.
func usable(dir, file string) string {
	if os.MkdirAll(dir, 0o755) != nil {
		return ""
	}
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return ""
	}
	defer os.Remove(probe)
	f, err := os.OpenFile(filepath.Join(probe, file), os.O_WRONLY, 0)
	if err != nil {
		return ""
	}
	f.Close()
	return dir
}

// groupName is new for each start of a process: what the kernel counted for an earlier one is not said of the next.
func groupName(cluster string, p *process) string { return cluster + "." + p.Name + "." + p.Token }

const cpuPeriod = 100_000 // µs

// control is what one controller holds a process to.
type control struct {
	dir      string
	settings map[string]string // by file
}

// controls never let applications swap: that would make their end slow, and everybody else. cpu 0 means no limit.
func (l limits) controls(memory int64, cpu float64) []control {
	bytes, processes := strconv.FormatInt(memory, 10), strconv.Itoa(maxProcesses)
	quota, period := strconv.Itoa(int(cpu*cpuPeriod)), strconv.Itoa(cpuPeriod)
	if cpu == 0 {
		quota = map[bool]string{true: "max", false: "-1"}[l.version2]
	}
	if l.version2 {
		return []control{
			{l.memory, map[string]string{"memory.max": bytes, "memory.swap.max": "0", "memory.oom.group": "1"}},
			{l.cpu, map[string]string{"cpu.max": quota + " " + period}},
			{l.pids, map[string]string{"pids.max": processes}},
		}
	}
	return []control{
		{l.memory, map[string]string{"memory.limit_in_bytes": bytes, "memory.swappiness": "0"}},
		{l.cpu, map[string]string{"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}},
		{l.pids, map[string]string{"pids.max": processes}},
	}
}

// apply puts a process and what it starts under limits, and behind the fence of its cluster.
func (l limits) apply(cluster string, p *process, memory int64, cpu float64, m mark) error {
	pids := append([]int{p.pid}, children(p.pid)...)
	for _, c := range l.controls(memory, cpu) {
		if c.dir == "" {
			continue
		}
		if err := group(filepath.Join(c.dir, groupName(cluster, p)), pids, c.settings); err != nil {
			return err
		}
	}
	if l.network != "" {
		dir := filepath.Join(l.network, groupName(cluster, p))
		if err := group(dir, pids, nil); err != nil {
			return err
		}
		if err := fence(dir, m); err != nil {
			return err
		}
	}
	return resources(p.pid)
}

// resources bounds what is inherited: no memory is dumped to the disk and, as the user namespace of a sandbox that an
// ordinary user makes is counted by itself, no more processes are started. The kernel does not count those of root.
func resources(pid int) error {
	for resource, most := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_NPROC: maxProcesses} {
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EPERM) { // lowered before
			return fmt.Errorf("limit resources: %w", err)
		}
	}
	return nil
}

func group(dir string, pids []int, settings map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for file, value := range settings {
		err := write(filepath.Join(dir, file), value)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without swap
			return err
		}
	}
	for _, pid := range pids {
		if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// write writes to a file of the kernel, and makes none.
func write(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// killed tells whether the kernel ended something of a process for want of memory; "" = it did not, or nobody knows.
func (l limits) killed(cluster string, p *process) string {
	events, limit := "memory.oom_control", "memory.limit_in_bytes"
	if l.version2 {
		events, limit = "memory.events", "memory.max"
	}
	dir := filepath.Join(l.memory, groupName(cluster, p))
	body, err := os.ReadFile(filepath.Join(dir, events))
	if err != nil {
		return ""
	}
	kills := 0
	for line := range strings.Lines(string(body)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ = strconv.Atoi(strings.TrimSpace(n)) // the kernel writes numbers
		}
	}
	if kills == 0 {
		return ""
	}
	most, _ := os.ReadFile(filepath.Join(dir, limit))
	bytes, _ := strconv.ParseInt(strings.TrimSpace(string(most)), 10, 64)
	return fmt.Sprintf("killed: used more than its %d MiB of memory", bytes/mebi)
}

const (
	removeTries = 20
	removePause = 5 * time.Millisecond
)

// remove drops the groups of a process that has ended. The kernel lets go of the dead with a little delay; a group that it
// still holds then stays, empty.
func (l limits) remove(cluster string, p *process) {
	for _, dir := range []string{l.memory, l.cpu, l.pids, l.network} {
		if dir != "" {
			removeGroup(filepath.Join(dir, groupName(cluster, p)))
		}
	}
}

func removeGroup(dir string) {
	for range removeTries {
		if err := os.Remove(dir); !errors.Is(err, syscall.EBUSY) {
			return
		}
		time.Sleep(removePause)
	}
}
