// Package proc tells what a process of a benchmark has used, as Linux counts it. It measures nothing by itself.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc (proc_pid_stat(5), USER_HZ).
const tick = 10 * time.Millisecond

// CPU is the time that all threads of the process have had so far, in user and system mode.
func CPU(pid int) (time.Duration, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(body)
}

// parseCPU reads /proc/<pid>/stat. The second field is the name of the program, which may hold spaces and brackets.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("/proc tells no CPU time")
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick, err
}

var residentSize = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// Resident is the memory of the process in bytes.
func Resident(pid int) (int64, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := residentSize.FindSubmatch(body)
	if m == nil {
		return 0, errors.New("/proc tells no VmRSS")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10, err
}
