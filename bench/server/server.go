// Package server is a Drey of a benchmark's own: built from the sources, on a data directory that goes with the benchmark, and
// spoken to with the AWS SDK. It judges and prints nothing.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
)

// Server is a process that Start begins and Close ends.
type Server struct {
	Data   string     // directory
	Config aws.Config // of clients, from Start on
	Flink  *flink.Client

	program, address string
	args             []string
	process          *exec.Cmd
}

const (
	answerLimit = 30 * time.Second
	stopLimit   = time.Minute
)

// New builds the server in work, from the sources in root, and gives it the runtime that the repository has. It is to listen at
// address, and has further flags of drey serve.
func New(ctx context.Context, root, work, address string, flags ...string) (*Server, error) {
	s := &Server{program: filepath.Join(work, "drey"), Data: filepath.Join(work, "data"), address: address}
	s.args = append([]string{"serve", "--data-dir", s.Data, "--listen", address, "--kpu-memory", "1g"}, flags...)
	if _, err := output(ctx, root, "go", "build", "-o", s.program, "./cmd/drey"); err != nil {
		return nil, err
	}
	cache := filepath.Join(root, ".cache", "drey")
	if _, err := output(ctx, root, s.program, "runtime", "install", "FLINK-1_18", "--data-dir", cache); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.Data, 0o700); err != nil {
		return nil, err
	}
	return s, os.Symlink(filepath.Join(cache, "runtimes"), filepath.Join(s.Data, "runtimes"))
}

// Start gives how long the server took to its first answer. It refuses a port that another process has, which would be measured in its
// place.
func (s *Server) Start(ctx context.Context) (ready time.Duration, err error) {
	free, err := net.Listen("tcp", s.address)
	if err != nil {
		return 0, fmt.Errorf("its port is taken, perhaps by another run: %w", err)
	}
	if err := free.Close(); err != nil {
		return 0, err
	}
	log, err := os.Create(s.Data + ".log")
	if err != nil {
		return 0, err
	}
	defer log.Close()
	s.process = exec.Command(s.program, s.args...)
	s.process.Stdout, s.process.Stderr = log, log
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal reaches it through Close alone
	began := time.Now()
	if err := s.process.Start(); err != nil {
		s.process = nil
		return 0, err
	}
	err = Poll(ctx, time.Millisecond, answerLimit, func() (bool, error) {
		resp, err := http.Get("http://" + s.address + "/_drey/health")
		if err != nil {
			return false, nil
		}
		return true, resp.Body.Close()
	})
	if err != nil {
		body, _ := os.ReadFile(log.Name()) // without it the error still says what happened
		return 0, fmt.Errorf("the server does not answer: %w\n%s", err, body)
	}
	ready = time.Since(began)
	return ready, s.connect(ctx)
}

// PID is the process's, while it runs.
func (s *Server) PID() int { return s.process.Process.Pid }

func (s *Server) connect(ctx context.Context) error {
	lines, err := output(ctx, s.Data, s.program, "env", "--data-dir", s.Data)
	if err != nil {
		return err
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (AWS_\w+)=(.*)$`).FindAllStringSubmatch(lines, -1) {
		env[m[1]] = strings.Trim(m[2], `'"`)
	}
	s.Config = aws.Config{
		Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}
	s.Flink = flink.NewFromConfig(s.Config)
	return nil
}

// Close stops the applications that still run, then the server. One that does not run is no error.
func (s *Server) Close() error {
	if s.process == nil {
		return nil
	}
	problem := s.stopAll()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(problem, err)
	}
	err := s.process.Wait()
	s.process = nil
	return errors.Join(problem, err)
}

func (s *Server) stopAll() error {
	if s.Flink == nil { // it never answered
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	out, err := s.Flink.ListApplications(ctx, &flink.ListApplicationsInput{})
	if err != nil {
		return err
	}
	for _, a := range out.ApplicationSummaries {
		if a.ApplicationStatus != types.ApplicationStatusReady {
			err = errors.Join(err, s.Stop(ctx, *a.ApplicationName))
		}
	}
	return err
}

// output runs a command and returns what it printed.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, failed.Stderr)
	}
	return string(out), err
}

// Poll asks until the answer is yes.
func Poll(ctx context.Context, every, limit time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		yes, err := ask()
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, ctx.Err())
		case <-tick.C:
		}
	}
}
