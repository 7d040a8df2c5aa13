package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// exit tells why a process ended: what ended it, else the code that it gave, and the end of what it printed.
func (d *Driver) exit(dir string, p *process) string {
	if reason, err := os.ReadFile(endPath(dir, p.Name)); err == nil {
		return string(reason)
	}
	reason := d.limits.killed(filepath.Base(dir), p)
	if reason == "" {
		reason = p.ended()
	}
	if printed := p.printed(dir); printed != "" {
		reason += "; it printed: " + printed
	}
	return reason
}

// condemn ends a process for a reason that will be told.
func (p *process) condemn(dir, reason string) error {
	if err := writeFile(endPath(dir, p.Name), []byte(reason)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p.kill()
	return nil
}

const (
	signalled = 128 // exit codes of processes that a signal ended begin here, as in a shell
	halted    = 239 // with which Flink halts a JVM that has failed, or does not come to its end by itself
)

// ended is said of a process by its exit code.
func (p *process) ended() string {
	switch {
	case p.code == nil:
		return "it is gone, and how it ended is not recorded"
	case *p.code == signalled+int(syscall.SIGKILL):
		return "it was killed"
	case *p.code > signalled && *p.code < signalled+65:
		return fmt.Sprintf("signal %d (%v) ended it", *p.code-signalled, syscall.Signal(*p.code-signalled))
	}
	said := fmt.Sprintf("it ended with exit code %d", *p.code)
	if *p.code == halted {
		said += " (a fatal error of Flink, or System.exit in the application's code)"
	}
	return said
}

const maxPrinted = 2000

// printed is the end of what a process printed.
func (p *process) printed(dir string) string {
	f, err := os.Open(outPath(dir, p.Name))
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxPrinted {
		_, _ = f.Seek(-maxPrinted, io.SeekEnd) // else the beginning is shown
	}
	tail, _ := io.ReadAll(io.LimitReader(f, maxPrinted))
	return strings.TrimSpace(string(tail))
}
