package local

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Applications share the machine's network: they have to reach its Kafka, and the internet. What listens in one of them,
// first of all the unprotected ports of Flink, must not be reached from another. So each socket that an application opens
// bears the mark of its cluster, in the place of its priority, and each connection that it opens is refused if the socket
// at the other end bears the mark of another cluster. The server's own sockets bear none.

// mark is a cluster's: the high byte tells marks from priorities, the low four bits choose queues and stay 0.
type mark uint32

const (
	markBase = 0x44000000
	markMask = -0x00fffff1 // 0xff00000f, as an immediate value
)

func newMark() mark { return mark(markBase | rand.Uint32N(1<<20)<<4) }

// Offsets in the kernel's struct bpf_sock and struct bpf_sock_addr, and its functions.
const (
	sockPriority = 20
	addrIP4      = 4
	addrIP6      = 8
	addrPort     = 24

	functionLookupTCP = 84
	functionRelease   = 86
	currentNetwork    = -1

	stackEnd = 10 // the register
)

// marking marks the sockets that are opened.
func marking(m mark) *assembly {
	a := newAssembly()
	a.set(2, int32(m))
	a.store(unix.BPF_W, 1, sockPriority, 2)
	a.answer(1)
	return a
}

// refusal looks for who listens at the other end; r6 is the context, r3 the port.
func (a *assembly) refusal(m mark, tuple int16, size int32) {
	a.store(unix.BPF_H, stackEnd, -6, 3) // the port ends the tuple, behind that of the caller
	a.move(1, 6)
	a.move(2, stackEnd)
	a.plus(2, int32(tuple))
	a.set(3, size)
	a.set(4, currentNetwork)
	a.set(5, 0)
	a.call(functionLookupTCP)
	a.ifNull(0, "allow")
	a.load(7, 0, sockPriority)
	a.move(1, 0)
	a.call(functionRelease)
	a.ifEqual(7, int32(m), "allow")
	a.and(7, markMask)
	a.unlessEqual(7, markBase, "allow")
	a.jump("refuse")
}

func (a *assembly) verdicts() {
	a.label("allow")
	a.answer(1)
	a.label("refuse")
	a.answer(0)
}

// refusing4 judges connections to IPv4 addresses. The address 0.0.0.0 means one of the machine, it depends which: none.
func refusing4(m mark) *assembly {
	a := newAssembly()
	a.move(6, 1)
	a.load(2, 6, addrIP4)
	a.tuple4(m)
	a.verdicts()
	return a
}

// tuple4 judges the IPv4 address in r2.
func (a *assembly) tuple4(m mark) {
	a.ifEqual(2, 0, "refuse")
	a.load(3, 6, addrPort)
	a.set(4, 0)
	a.store(unix.BPF_DW, stackEnd, -16, 4)
	a.store(unix.BPF_DW, stackEnd, -8, 4)
	a.store(unix.BPF_W, stackEnd, -12, 2)
	a.refusal(m, -16, 12)
}

// refusing6 judges connections to IPv6 addresses, and to IPv4 addresses in their clothes, as a JVM writes them.
func refusing6(m mark) *assembly {
	a := newAssembly()
	a.move(6, 1)
	for i, register := range []uint8{7, 8, 9, 2} {
		a.load(register, 6, addrIP6+4*int16(i))
	}
	a.unlessEqual(7, 0, "ip6")
	a.unlessEqual(8, 0, "ip6")
	a.ifEqual(9, mapped(), "ip4")
	a.unlessEqual(9, 0, "ip6")
	a.ifEqual(2, 0, "refuse")
	a.label("ip6")
	a.load(3, 6, addrPort)
	a.set(4, 0)
	for at := int16(-40); at < 0; at += 8 {
		a.store(unix.BPF_DW, stackEnd, at, 4)
	}
	for i, register := range []uint8{7, 8, 9, 2} {
		a.store(unix.BPF_W, stackEnd, -24+4*int16(i), register)
	}
	a.refusal(m, -40, 36)
	a.label("ip4")
	a.tuple4(m)
	a.verdicts()
	return a
}

// mapped is the third quarter of ::ffff:a.b.c.d as the kernel loads it.
func mapped() int32 { return int32(binary.NativeEndian.Uint32([]byte{0, 0, 0xff, 0xff})) }

// fence keeps the processes of a control group of version 2 from what listens in other clusters.
func fence(group string, m mark) error {
	dir, err := os.Open(group)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, p := range []struct {
		code         *assembly
		kind, attach uint32
	}{
		{marking(m), unix.BPF_PROG_TYPE_CGROUP_SOCK, unix.BPF_CGROUP_INET_SOCK_CREATE},
		{refusing4(m), unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET4_CONNECT},
		{refusing6(m), unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET6_CONNECT},
	} {
		program, err := loadProgram(p.code, p.kind, p.attach)
		if err != nil {
			return err
		}
		err = attachProgram(int(dir.Fd()), program, p.attach)
		unix.Close(program)
		if err != nil {
			return err
		}
	}
	return nil
}

// fenceable gives the folder of our groups in a hierarchy of version 2; "" = nothing can be fenced there by this user.
func fenceable(root string) string {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		return ""
	}
	dir := filepath.Join(root, "drey")
	if os.MkdirAll(dir, 0o755) != nil {
		return ""
	}
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return ""
	}
	defer os.Remove(probe)
	if fence(probe, newMark()) != nil {
		return ""
	}
	return dir
}
