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
)

const maxProcesses = 4096 // threads and processes of one sandbox: a fork bomb hurts its application only

// limits are the control groups of the machine, version 1 or 2, where this server may write them.
type limits struct {
	v2     string // folder of our groups; "" = not usable
	memory string // version 1: folders per controller
	cpu    string
	pids   string
}

// findLimits looks for writable hierarchies and says once what cannot be limited.
func findLimits(log *slog.Logger) limits {
	var l limits
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/drey"} {
			_ = os.MkdirAll(dir, 0o755) // the probe tells
			for _, controller := range []string{"+memory", "+cpu", "+pids"} {
				_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(controller), 0)
			}
		}
		l.v2 = usable("/sys/fs/cgroup/drey", "memory.max")
	} else {
		l.memory = usable("/sys/fs/cgroup/memory/drey", "memory.limit_in_bytes")
		l.cpu = usable("/sys/fs/cgroup/cpu/drey", "cpu.cfs_quota_us")
		l.pids = usable("/sys/fs/cgroup/pids/drey", "pids.max")
	}
	if l.v2 == "" && l.memory == "" {
		log.Warn("control groups cannot be written: the memory of applications is limited by JVM options alone, their CPU not at all")
	}
	return l
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

func groupName(cluster, process string) string { return cluster + "." + process }

const cpuPeriod = 100_000 // µs

// apply puts a process and what it starts under limits. cpu 0 means no limit.
func (l limits) apply(cluster string, p *process, memory int64, cpu float64) error {
	name := groupName(cluster, p.Name)
	pids := append([]int{p.pid}, children(p.pid)...)
	if l.v2 != "" {
		quota := "max"
		if cpu > 0 {
			quota = strconv.Itoa(int(cpu * cpuPeriod))
		}
		return group(filepath.Join(l.v2, name), pids, map[string]string{
			"memory.max": strconv.FormatInt(memory, 10), "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": quota + " " + strconv.Itoa(cpuPeriod), "pids.max": strconv.Itoa(maxProcesses),
		})
	}
	if l.memory != "" {
		if err := group(filepath.Join(l.memory, name), pids, map[string]string{
			"memory.limit_in_bytes": strconv.FormatInt(memory, 10), "memory.swappiness": "0",
		}); err != nil {
			return err
		}
	}
	if l.cpu != "" && cpu > 0 {
		if err := group(filepath.Join(l.cpu, name), pids, map[string]string{
			"cpu.cfs_period_us": strconv.Itoa(cpuPeriod), "cpu.cfs_quota_us": strconv.Itoa(int(cpu * cpuPeriod)),
		}); err != nil {
			return err
		}
	}
	if l.pids != "" {
		return group(filepath.Join(l.pids, name), pids, map[string]string{"pids.max": strconv.Itoa(maxProcesses)})
	}
	return nil
}

// killed tells whether the kernel ended something of a process for want of memory; "" = it did not, or nobody knows.
func (l limits) killed(cluster, process string) string {
	dir, events, limit := l.v2, "memory.events", "memory.max"
	if dir == "" {
		dir, events, limit = l.memory, "memory.oom_control", "memory.limit_in_bytes"
	}
	dir = filepath.Join(dir, groupName(cluster, process))
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

func group(dir string, pids []int, settings map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for file, value := range settings {
		err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0)
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) { // no such controller
			return err
		}
	}
	for _, pid := range pids {
		err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

const (
	removeTries = 20
	removePause = 5 * time.Millisecond
)

// remove drops the groups of a process that has ended. The kernel lets go of the dead with a little delay; a group that it
// still holds then stays, empty.
func (l limits) remove(cluster, process string) {
	for _, dir := range []string{l.v2, l.memory, l.cpu, l.pids} {
		if dir == "" {
			continue
		}
		for range removeTries {
			if err := os.Remove(filepath.Join(dir, groupName(cluster, process))); !errors.Is(err, syscall.EBUSY) {
				break
			}
			time.Sleep(removePause)
		}
	}
}
