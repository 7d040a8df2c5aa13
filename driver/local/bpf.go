package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// instruction is one of the kernel's BPF machine (kernel documentation, "BPF Instruction Set Architecture").
type instruction struct {
	code      uint8
	registers uint8 // source above target
	offset    int16
	immediate int32
}

// assembly is a program in the making. Jumps are forward, to labels.
type assembly struct {
	code   []instruction
	jumps  map[int]string // by index of the instruction
	labels map[string]int
}

func newAssembly() *assembly {
	return &assembly{jumps: map[int]string{}, labels: map[string]int{}}
}

// Registers: r0 holds results, r1 to r5 arguments, r6 to r9 outlive calls, r10 ends the stack.
func (a *assembly) add(code, to, from uint8, offset int16, immediate int32) {
	a.code = append(a.code, instruction{code, from<<4 | to, offset, immediate})
}

func (a *assembly) move(to, from uint8) {
	a.add(unix.BPF_ALU64|unix.BPF_MOV|unix.BPF_X, to, from, 0, 0)
}

func (a *assembly) set(to uint8, value int32) {
	a.add(unix.BPF_ALU64|unix.BPF_MOV|unix.BPF_K, to, 0, 0, value)
}

func (a *assembly) plus(to uint8, value int32) {
	a.add(unix.BPF_ALU64|unix.BPF_ADD|unix.BPF_K, to, 0, 0, value)
}

func (a *assembly) and(to uint8, mask int32) {
	a.add(unix.BPF_ALU64|unix.BPF_AND|unix.BPF_K, to, 0, 0, mask)
}

func (a *assembly) load(to, from uint8, offset int16) {
	a.add(unix.BPF_LDX|unix.BPF_MEM|unix.BPF_W, to, from, offset, 0)
}

// store puts the low bytes of a register into memory; size is unix.BPF_H, BPF_W or BPF_DW.
func (a *assembly) store(size, to uint8, offset int16, from uint8) {
	a.add(unix.BPF_STX|unix.BPF_MEM|size, to, from, offset, 0)
}

// unlessEqual and ifEqual compare 32 bits.
func (a *assembly) unlessEqual(register uint8, value int32, label string) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP32|unix.BPF_JNE|unix.BPF_K, register, 0, 0, value)
}

func (a *assembly) ifEqual(register uint8, value int32, label string) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP32|unix.BPF_JEQ|unix.BPF_K, register, 0, 0, value)
}

func (a *assembly) ifNull(register uint8, label string) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, register, 0, 0, 0)
}

func (a *assembly) jump(label string) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP|unix.BPF_JA, 0, 0, 0, 0)
}

func (a *assembly) call(function int32) { a.add(unix.BPF_JMP|unix.BPF_CALL, 0, 0, 0, function) }

func (a *assembly) label(name string) { a.labels[name] = len(a.code) }

// answer ends the program.
func (a *assembly) answer(value int32) {
	a.set(0, value)
	a.add(unix.BPF_JMP|unix.BPF_EXIT, 0, 0, 0, 0)
}

// bytes gives the program as the kernel reads it.
func (a *assembly) bytes() ([]byte, error) {
	for at, label := range a.jumps {
		to, ok := a.labels[label]
		if !ok {
			return nil, fmt.Errorf("no label %s", label)
		}
		a.code[at].offset = int16(to - at - 1)
	}
	var b bytes.Buffer
	err := binary.Write(&b, binary.NativeEndian, a.code)
	return b.Bytes(), err
}

// loadProgram gives the file descriptor of a program that the kernel has found harmless.
func loadProgram(a *assembly, kind, attach uint32) (int, error) {
	code, err := a.bytes()
	if err != nil {
		return -1, err
	}
	licence := []byte{0} // it calls nothing that asks for one
	var pinned runtime.Pinner
	pinned.Pin(&code[0])
	pinned.Pin(&licence[0])
	defer pinned.Unpin()
	attributes := struct {
		kind, instructions uint32
		code, licence      uint64
		logLevel, logSize  uint32
		logBuffer          uint64
		kernel, flags      uint32
		name               [16]byte
		device, attach     uint32
	}{
		kind: kind, instructions: uint32(len(a.code)), attach: attach,
		code: uint64(uintptr(unsafe.Pointer(&code[0]))), licence: uint64(uintptr(unsafe.Pointer(&licence[0]))),
	}
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes))
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR: // a signal came; Go's scheduler sends many
		default:
			return -1, fmt.Errorf("load a BPF program: %w", errno)
		}
	}
}

// attachProgram puts a program in the place of the one that a control group has of its kind.
func attachProgram(group, program int, attach uint32) error {
	attributes := struct{ group, program, attach, flags uint32 }{uint32(group), uint32(program), attach, 0}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_ATTACH, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes))
	if errno != 0 {
		return fmt.Errorf("attach a BPF program: %w", errno)
	}
	return nil
}
