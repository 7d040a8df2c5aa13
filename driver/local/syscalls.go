package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// refusals are the system calls that take a sandbox apart, or reach what namespaces do not divide. A user namespace would
// give a process the right to mount: its own control group, to lift its limits, for one. Keys are shared by all processes
// of a user. clone3 passes its flags in memory, where a filter cannot look; libraries go back to clone when it is missing.
var refusals = map[uint32]unix.Errno{
	unix.SYS_CLONE3:         unix.ENOSYS,
	unix.SYS_IO_URING_SETUP: unix.ENOSYS,
	unix.SYS_USERFAULTFD:    unix.EPERM, unix.SYS_SETNS: unix.EPERM, unix.SYS_BPF: unix.EPERM, unix.SYS_PERF_EVENT_OPEN: unix.EPERM,
	unix.SYS_KEYCTL: unix.EPERM, unix.SYS_ADD_KEY: unix.EPERM, unix.SYS_REQUEST_KEY: unix.EPERM,
}

// refusedArguments make the difference between calls that are allowed and those that are not. Multipath TCP would pass by
// the fence between applications.
var refusedArguments = []struct {
	number, argument uint32
	test             uint16
	value            uint32
	errno            unix.Errno
}{
	{unix.SYS_UNSHARE, 0, unix.BPF_JSET, unix.CLONE_NEWUSER, unix.EPERM},
	{unix.SYS_CLONE, 0, unix.BPF_JSET, unix.CLONE_NEWUSER, unix.EPERM},
	{unix.SYS_SOCKET, 2, unix.BPF_JEQ, unix.IPPROTO_MPTCP, unix.EPROTONOSUPPORT},
}

var auditArchitectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// Offsets in struct seccomp_data; machines of both kinds have the low half of an argument first.
const (
	dataNumber       = 0
	dataArchitecture = 4
	dataArguments    = 16
	dataArgument     = 8 // bytes of each

	x32 = 0x40000000 // numbers of another way to call the same kernel
)

// filter gives the seccomp program of a sandbox, for bubblewrap.
func filter() ([]byte, error) {
	architecture, ok := auditArchitectures[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("sandboxes know no system calls of %s", runtime.GOARCH)
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	refuse := func(e unix.Errno) unix.SockFilter { return answer(unix.SECCOMP_RET_ERRNO | uint32(e)) }
	unless := func(test uint16, k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jf: skip}
	}
	program := []unix.SockFilter{
		load(dataArchitecture),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: architecture, Jt: 1},
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(dataNumber),
		unless(unix.BPF_JGE, x32, 1), refuse(unix.ENOSYS),
	}
	for number, errno := range refusals {
		program = append(program, unless(unix.BPF_JEQ, number, 1), refuse(errno))
	}
	for _, r := range refusedArguments {
		program = append(program, unless(unix.BPF_JEQ, r.number, 4), load(dataArguments+dataArgument*r.argument),
			unless(r.test, r.value, 1), refuse(r.errno), answer(unix.SECCOMP_RET_ALLOW))
	}
	program = append(program, answer(unix.SECCOMP_RET_ALLOW))
	var b bytes.Buffer
	err := binary.Write(&b, binary.NativeEndian, program)
	return b.Bytes(), err
}

// filterFile is the filter as bubblewrap takes it: a file to read to its end.
func filterFile() (*os.File, error) {
	program, err := filter()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := w.Write(program); err != nil { // a pipe holds more than that
		r.Close()
		return nil, err
	}
	return r, nil
}
