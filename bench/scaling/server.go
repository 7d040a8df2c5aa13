package main

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	listen     = "127.0.0.1:45670"
	appAddress = "127.0.77.8"
	bucket     = "bench"
	allow      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	startLimit = 3 * time.Minute
)

// server is a drey of the bench's own, with the compressed rule.
type server struct {
	program, data string
	process       *exec.Cmd
	role          string
	streams       *kinesis.Client
	flink         *flink.Client
}

// openServer builds and starts it. What it gives beside an error is to be closed as well.
func openServer(ctx context.Context, work string) (*server, error) {
	s := &server{program: filepath.Join(work, "drey"), data: filepath.Join(work, "data")}
	if _, err := output(ctx, "go", "build", "-o", s.program, "./cmd/drey"); err != nil {
		return nil, err
	}
	cache, err := filepath.Abs(filepath.Join(".cache", "drey"))
	if err != nil {
		return nil, err
	}
	if _, err := output(ctx, s.program, "runtime", "install", "FLINK-1_18", "--data-dir", cache); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(cache, "runtimes"), filepath.Join(s.data, "runtimes")); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(work, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.process = exec.Command(s.program, "serve", "--data-dir", s.data, "--listen", listen, "--app-address", appAddress, "--kpu-memory", "1g", "--scaling-rule", realRule, "--kinesis-limits", "off")
	s.process.Stdout, s.process.Stderr = log, log
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal reaches it through close alone
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	return s, s.prepare(ctx)
}

// prepare waits for the server, and makes a role and the code.
func (s *server) prepare(ctx context.Context) error {
	err := poll(ctx, 30*time.Second, func() (bool, error) {
		resp, err := http.Get("http://" + listen + "/_drey/health")
		if err != nil {
			return false, nil
		}
		return true, resp.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	lines, err := output(ctx, s.program, "env", "--data-dir", s.data)
	if err != nil {
		return err
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (AWS_\w+)=(.*)$`).FindAllStringSubmatch(lines, -1) {
		env[m[1]] = strings.Trim(m[2], `'"`)
	}
	config := aws.Config{
		Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}
	s.streams, s.flink = kinesis.NewFromConfig(config), flink.NewFromConfig(config)
	roles := iam.NewFromConfig(config)
	role, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("bench"), AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		return err
	}
	s.role = *role.Role.Arn
	if _, err := roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("bench"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allow)}); err != nil {
		return err
	}
	return upload(ctx, s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }))
}

func upload(ctx context.Context, objects *s3.Client) error {
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join("e2e", "paced", "target", "paced.jar"))
	if err != nil {
		return fmt.Errorf("%w (make bench-scaling builds it)", err)
	}
	defer f.Close()
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("app.jar"), Body: f})
	return err
}

// createStream makes a stream and waits for it.
func (s *server) createStream(ctx context.Context, name string, shards int32) error {
	if _, err := s.streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		return err
	}
	soon := func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	return kinesis.NewStreamExistsWaiter(s.streams, soon).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, startLimit)
}

func (s *server) awaitStatus(ctx context.Context, j *job, want types.ApplicationStatus) error {
	return poll(ctx, startLimit, func() (bool, error) {
		d, err := s.flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: &j.name})
		if err != nil {
			return false, err
		}
		got := d.ApplicationDetail.ApplicationStatus
		if want == types.ApplicationStatusRunning && got == types.ApplicationStatusReady {
			return false, errors.New("the application has not started; see its operations")
		}
		return got == want, nil
	})
}

func (s *server) stop(ctx context.Context, j *job) error {
	if _, err := s.flink.StopApplication(ctx, &flink.StopApplicationInput{ApplicationName: &j.name, Force: aws.Bool(true)}); err != nil {
		return err
	}
	return s.awaitStatus(ctx, j, types.ApplicationStatusReady)
}

// close stops the applications that still run, then the server.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if s.flink != nil {
		out, err := s.flink.ListApplications(ctx, &flink.ListApplicationsInput{})
		if err == nil {
			for _, a := range out.ApplicationSummaries {
				if a.ApplicationStatus != types.ApplicationStatusReady {
					_ = s.stop(ctx, &job{name: *a.ApplicationName}) // the server's end comes next in any case
				}
			}
		}
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.Wait()
}

// output runs a command and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}

// poll asks until the answer is yes.
func poll(ctx context.Context, limit time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
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
