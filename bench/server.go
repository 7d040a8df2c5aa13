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
	"strconv"
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
	listen      = "127.0.0.1:45660"
	appAddress  = "127.0.77.9"
	application = "bench"
	bucket      = "bench"
	policy      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

// server is a drey of the bench's own.
type server struct {
	data    string
	process *exec.Cmd
	ready   time.Duration // from its start to its first answer
	idle    int64         // bytes resident, a second later
	keys    map[string]string
	flink   *flink.Client
}

func openServer(ctx context.Context, root, work string) (*server, error) {
	program := filepath.Join(work, "drey")
	if _, err := output(ctx, root, "go", "build", "-o", program, "./cmd/drey"); err != nil {
		return nil, err
	}
	if _, err := output(ctx, root, program, "runtime", "install", "FLINK-1_18", "--data-dir", filepath.Join(root, ".cache", "drey")); err != nil {
		return nil, err
	}
	s := &server{data: filepath.Join(work, "data")}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(root, ".cache", "drey", "runtimes"), filepath.Join(s.data, "runtimes")); err != nil {
		return nil, err
	}
	if err := s.measure(ctx, program); err != nil {
		return s, errors.Join(err, s.close())
	}
	return s, s.connect(ctx, program)
}

// measure starts the server twice: the first start makes keys and tables, the second is that of every day.
func (s *server) measure(ctx context.Context, program string) error {
	for range 2 {
		if err := s.close(); err != nil {
			return err
		}
		log, err := os.Create(s.data + ".log")
		if err != nil {
			return err
		}
		defer log.Close()
		s.process = exec.Command(program, "serve", "--data-dir", s.data, "--listen", listen, "--app-address", appAddress, "--kpu-memory", "1g")
		s.process.Stderr, s.process.Stdout = log, log
		began := time.Now()
		if err := s.process.Start(); err != nil {
			return err
		}
		err = poll(ctx, time.Millisecond, 30*time.Second, func() (bool, error) {
			resp, err := http.Get("http://" + listen + "/_drey/health")
			if err != nil {
				return false, nil
			}
			return true, resp.Body.Close()
		})
		if err != nil {
			body, _ := os.ReadFile(s.data + ".log")
			return fmt.Errorf("the server does not answer: %w\n%s", err, body)
		}
		s.ready = time.Since(began)
	}
	time.Sleep(time.Second)
	var err error
	s.idle, err = resident(s.process.Process.Pid)
	return err
}

func resident(pid int) (int64, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(body)
	if m == nil {
		return 0, errors.New("/proc tells no VmRSS")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10, err
}

func (s *server) connect(ctx context.Context, program string) error {
	lines, err := output(ctx, s.data, program, "env", "--data-dir", s.data)
	if err != nil {
		return err
	}
	s.keys = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (AWS_\w+)=(.*)$`).FindAllStringSubmatch(lines, -1) {
		s.keys[m[1]] = strings.Trim(m[2], `'"`)
	}
	s.flink = flink.NewFromConfig(s.config())
	return nil
}

func (s *server) config() aws.Config {
	return aws.Config{
		Region: s.keys["AWS_REGION"], BaseEndpoint: aws.String(s.keys["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(s.keys["AWS_ACCESS_KEY_ID"], s.keys["AWS_SECRET_ACCESS_KEY"], ""),
	}
}

// prepare makes streams, role, code and application.
func (s *server) prepare(ctx context.Context, sh shape) error {
	streams := kinesis.NewFromConfig(s.config())
	for _, name := range []string{"orders-stream", "order-summaries-stream"} {
		if _, err := streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
			return err
		}
	}
	roles := iam.NewFromConfig(s.config())
	role, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("bench"), AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		return err
	}
	if _, err := roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("bench"), PolicyName: aws.String("all"), PolicyDocument: aws.String(policy)}); err != nil {
		return err
	}
	objects := s3.NewFromConfig(s.config(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	if err := s.upload(ctx, objects, sh.jar); err != nil {
		return err
	}
	_, err = s.flink.CreateApplication(ctx, &flink.CreateApplicationInput{
		ApplicationName: aws.String(application), RuntimeEnvironment: types.RuntimeEnvironmentFlink118, ServiceExecutionRole: role.Role.Arn,
		ApplicationConfiguration: configuration(sh),
	})
	return err
}

func (s *server) upload(ctx context.Context, objects *s3.Client, jar string) error {
	f, err := os.Open(jar)
	if err != nil {
		return fmt.Errorf("%w (make bench builds it)", err)
	}
	defer f.Close()
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("app.jar"), Body: f})
	return err
}

func configuration(sh shape) *types.ApplicationConfiguration {
	return &types.ApplicationConfiguration{
		ApplicationCodeConfiguration: &types.ApplicationCodeConfiguration{
			CodeContentType: types.CodeContentTypeZipfile,
			CodeContent:     &types.CodeContent{S3ContentLocation: &types.S3ContentLocation{BucketARN: aws.String("arn:aws:s3:::" + bucket), FileKey: aws.String("app.jar")}},
		},
		EnvironmentProperties: &types.EnvironmentProperties{PropertyGroups: sh.groups()},
		FlinkApplicationConfiguration: &types.FlinkApplicationConfiguration{ParallelismConfiguration: &types.ParallelismConfiguration{
			ConfigurationType: types.ConfigurationTypeCustom, Parallelism: aws.Int32(int32(sh.taskManagers)), ParallelismPerKPU: aws.Int32(1),
			AutoScalingEnabled: aws.Bool(false),
		}},
	}
}

// start gives the time from StartApplication until the application is RUNNING, which it is when all tasks run. Then it
// stops the application, so that the next start is cold.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := s.run(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, s.stop(ctx)
}

func (s *server) stop(ctx context.Context) error {
	if _, err := s.flink.StopApplication(ctx, &flink.StopApplicationInput{ApplicationName: aws.String(application), Force: aws.Bool(true)}); err != nil {
		return err
	}
	return s.awaitStatus(ctx, types.ApplicationStatusReady)
}

// run starts the application and waits until all of its tasks run.
func (s *server) run(ctx context.Context) error {
	if _, err := s.flink.StartApplication(ctx, &flink.StartApplicationInput{ApplicationName: aws.String(application)}); err != nil {
		return err
	}
	return s.awaitStatus(ctx, types.ApplicationStatusRunning)
}

func (s *server) awaitStatus(ctx context.Context, want types.ApplicationStatus) error {
	return poll(ctx, 20*time.Millisecond, 2*time.Minute, func() (bool, error) {
		d, err := s.flink.DescribeApplication(ctx, &flink.DescribeApplicationInput{ApplicationName: aws.String(application)})
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

// close ends the application, then the server.
func (s *server) close() error {
	if s.process == nil {
		return nil
	}
	if s.flink != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = s.stop(ctx) // the server's end comes next in any case
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.process.Wait()
	s.process = nil
	return err
}
