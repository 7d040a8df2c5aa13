package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usage is what the kernel says of the TaskManager at a moment.
type usage struct {
	at   time.Time
	cpu  float64 // seconds since it began
	rss  float64 // bytes
	disk float64 // bytes, of its directory for temporary files
}

// use takes down the usage of the TaskManager, once it has begun.
func (j *measuredJob) use() {
	j.t.Helper()
	pids := flinkProcesses(j.server, taskManager)
	if len(pids) != 1 {
		return
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pids[0]))
	if err != nil {
		j.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	u := usage{at: time.Now()}
	var user, system, pages float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12]+" "+fields[21], &user, &system, &pages); err != nil {
		j.t.Fatal(err)
	}
	u.cpu, u.rss = (user+system)/100, pages*float64(os.Getpagesize())
	directories, _ := filepath.Glob(filepath.Join(j.data, "clusters", "*", "tmp", "*taskmanager*"))
	for _, dir := range directories {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // gone meanwhile
			}
			if info, err := d.Info(); err == nil {
				u.disk += float64(info.Sys().(*syscall.Stat_t).Blocks) * 512
			}
			return nil
		})
		if err != nil {
			j.t.Fatal(err)
		}
	}
	j.usage = append(j.usage, u)
}

// between gives the usage noted from one moment to another.
func (j *measuredJob) between(from, to time.Time) (found []usage) {
	for _, u := range j.usage {
		if !u.at.Before(from) && !u.at.After(to) {
			found = append(found, u)
		}
	}
	return found
}

// compareContainers holds the first samples of a minute of the TaskManager's container, a KPU of one processor, 1 GiB and 50 GiB,
// against what the kernel said around them. Containers are looked at each five seconds, and measured when half a minute begins.
func (j *measuredJob) compareContainers(t *testing.T, minute time.Time) {
	const look, half = 7 * time.Second, 30 * time.Second
	began := j.usage[0].at
	first, last := minute.Add(-half), minute.Add(-half+look)
	if first.Before(began.Add(look)) { // the half minute in which it began, and was measured once the job was known to run
		first, last = began, minute.Add(-time.Second)
	}
	cpu := span{math.Inf(1), 0}
	for _, a := range j.between(first, last) {
		for _, b := range j.between(minute, minute.Add(look)) {
			used := 100 * (b.cpu - a.cpu) / b.at.Sub(a.at).Seconds()
			cpu = span{min(cpu.low, used), max(cpu.high, used)}
		}
	}
	memory, disk := span{math.Inf(1), 0}, span{math.Inf(1), 0}
	for _, u := range j.between(minute.Add(-2*time.Second), minute.Add(look)) {
		memory = span{min(memory.low, 100*u.rss/(1<<30)), max(memory.high, 100*u.rss/(1<<30))}
		disk = span{min(disk.low, 100*u.disk/(50<<30)), max(disk.high, 100*u.disk/(50<<30))}
	}
	for name, s := range map[string]span{
		"containerCPUUtilization":    within(5)(cpu),
		"containerMemoryUtilization": within(3)(memory),
		"containerDiskUtilization":   within(0.01)(disk),
	} {
		a := j.answer[name]
		t.Logf("%s is %v to %v; the kernel says %v", name, a.Minimum, a.Maximum, s)
		if a.SampleCount != 1 || a.Minimum < s.low || a.Maximum > s.high || a.Minimum <= 0 {
			t.Errorf("%s: %+v; the kernel says %v", name, a, s)
		}
	}
}
