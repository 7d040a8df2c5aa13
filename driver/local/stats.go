package local

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"drey/driver"
)

const (
	clockTicks = 100 // per second, of /proc; fixed on Linux
	statBlock  = 512 // bytes, whatever the file system's blocks are
)

// Stats measures each living process with everything it started.
func (d *Driver) Stats(_ context.Context, h driver.Handle) ([]driver.Stats, error) {
	dir, err := d.dir(h)
	if err != nil {
		return nil, err
	}
	p, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	procs, err := processes(dir)
	if err != nil {
		return nil, err
	}
	var all []driver.Stats
	for _, proc := range procs {
		if !proc.alive() {
			continue
		}
		s := driver.Stats{Process: proc.Name, Role: proc.Role, CPULimit: p.CPU, MemoryMax: p.Memory, DiskMax: d.diskMax()}
		if proc.Role == driver.JobManager {
			s.CPULimit, s.MemoryMax = 1, jobManagerMemory(p.Memory)
		}
		for _, pid := range append([]int{proc.pid}, children(proc.pid)...) {
			cpu, rss := usage(pid)
			s.CPUSeconds += cpu
			s.MemoryBytes += rss
		}
		s.DiskBytes = diskUsage(filepath.Join(dir, "tmp", proc.Name))
		all = append(all, s)
	}
	return all, nil
}

// usage reads /proc/<pid>/stat; zero for a process that has just ended.
func usage(pid int) (cpu float64, rss int64) {
	body, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(body[strings.LastIndexByte(string(body), ')')+1:]))
	if len(fields) < 22 {
		return 0, 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64) // the kernel writes numbers
	system, _ := strconv.ParseFloat(fields[12], 64)
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	return (user + system) / clockTicks, pages * int64(os.Getpagesize())
}

// diskUsage is what the files below dir take of the disk.
func diskUsage(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error { // files come and go meanwhile
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				total += info.Sys().(*syscall.Stat_t).Blocks * statBlock
			}
		}
		return nil
	})
	return total
}
