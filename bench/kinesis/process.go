package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"drey/bench/proc"
)

// server is a process that answers on a loopback port. It runs in a process group of its own, so that an interrupt from
// the terminal reaches it through close alone.
type server struct {
	name    string
	address string
	keys    aws.Credentials
	region  string
	data    string // directory, of Drey
	secure  bool   // speak TLS
	process *exec.Cmd
	log     string
	ended   chan struct{} // closed when the process is gone
	problem error         // after ended
}

const (
	startLimit = 60 * time.Second
	stopLimit  = 10 * time.Second
)

// start gives the server when it answers. It refuses a port that another process has, which would be
// measured in its place.
func start(ctx context.Context, name, address, log string, cmd *exec.Cmd) (*server, error) {
	free, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: its port is taken, perhaps by another run: %w", name, err)
	}
	if err := free.Close(); err != nil {
		return nil, err
	}
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{name: name, address: address, process: cmd, log: log, ended: make(chan struct{})}
	go func() {
		s.problem = cmd.Wait()
		close(s.ended)
	}()
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get("http://" + s.address + "/"); err == nil { // a port takes connections before its server is ready
			return answer.Body.Close()
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return s.fail(fmt.Errorf("ended at once: %w", s.problem))
		case <-ctx.Done():
			return s.fail(ctx.Err())
		}
	}
}

// fail names the server and shows the end of what it wrote.
func (s *server) fail(err error) error {
	body, _ := os.ReadFile(s.log) // without it the error still says what happened
	return fmt.Errorf("%s: %w\n%s", s.name, err, body[max(0, len(body)-2000):])
}

// close ends the process and waits for it.
func (s *server) close() error {
	select {
	case <-s.ended:
		return nil
	default:
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopLimit):
		return s.kill()
	}
}

// kill ends the process as a crash would.
func (s *server) kill() error {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// cpu is the time that the process has had so far.
func (s *server) cpu() (time.Duration, error) { return proc.CPU(s.process.Process.Pid) }

// resident is the memory of the process in bytes.
func (s *server) resident() (int64, error) { return proc.Resident(s.process.Process.Pid) }

// output runs a command in the root of the repository and returns what it printed.
func (b *bench) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.root
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s%s", filepath.Base(name), err, out, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
