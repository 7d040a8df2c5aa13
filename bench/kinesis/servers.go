package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The ports lie below those that the kernel gives to connections (ip_local_port_range), one of which may hold any other.
const (
	dreyAddress            = "127.0.0.1:24670"
	dreyAppAddress         = "127.0.77.90"
	kinesalitePort         = "24671"
	kinesisLocalPort       = "24672"
	kinesisLocalSecurePort = "24673"
	echoAddress            = "127.0.0.1:24674"
	peerShards             = "1000" // the peers' limit of shards
)

// anyKeys are for peers, which look at no signature.
var anyKeys = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

func (b *bench) build(ctx context.Context) error {
	_, err := b.output(ctx, "go", "build", "-o", b.program, "./cmd/drey")
	return err
}

// openDrey starts a server on an empty data directory.
func (b *bench) openDrey(ctx context.Context) (*server, error) {
	data, err := os.MkdirTemp(b.work, "data-")
	if err != nil {
		return nil, err
	}
	s, err := b.launch(ctx, data)
	if err != nil {
		return nil, err
	}
	lines, err := b.output(ctx, b.program, "env", "--data-dir", data)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (AWS_\w+)=(.*)$`).FindAllStringSubmatch(lines, -1) {
		env[m[1]] = strings.Trim(m[2], `'"`)
	}
	s.keys = aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}
	s.region = env["AWS_REGION"]
	return s, nil
}

// launch starts a server without throughput limits, and with everything else as it is by default: fsync is on.
func (b *bench) launch(ctx context.Context, data string) (*server, error) {
	args := []string{"serve", "--data-dir", data, "--listen", dreyAddress, "--app-address", dreyAppAddress, "--kinesis-limits", "off"}
	s, err := start(ctx, "Drey", dreyAddress, data+".log", exec.Command(b.program, args...))
	if err != nil {
		return nil, err
	}
	s.data = data
	if err := s.serves(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// serves waits for the first answer; by then keys are written.
func (s *server) serves(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.roundTrip([]byte("GET /_drey/health HTTP/1.1\r\nHost: " + s.address + "\r\n\r\n")); err != nil {
		return s.fail(err)
	}
	return nil
}

// overTLS is the same server at the private address of applications.
func (s *server) overTLS() *server {
	private := *s
	private.address, private.secure = dreyAppAddress+":443", true
	return &private
}

func (b *bench) openKinesalite(ctx context.Context) (*server, error) {
	return b.openPeer(ctx, "kinesalite", kinesalitePort, nil, "cli.js", "--port", kinesalitePort, "--shardLimit", peerShards, "--createStreamMs", "50", "--deleteStreamMs", "50")
}

func (b *bench) openKinesisLocal(ctx context.Context) (*server, error) {
	env := []string{
		"KINESIS_MOCK_PLAIN_PORT=" + kinesisLocalPort, "KINESIS_MOCK_TLS_PORT=" + kinesisLocalSecurePort,
		"SHARD_LIMIT=" + peerShards, "LOG_LEVEL=ERROR",
		"CREATE_STREAM_DURATION=50ms", "DELETE_STREAM_DURATION=50ms",
	}
	return b.openPeer(ctx, "kinesis-local", kinesisLocalPort, env, "main.js")
}

// openPeer starts a program of bench/kinesis/node_modules. Neither peer writes to disk as it is started here.
func (b *bench) openPeer(ctx context.Context, name, port string, env []string, script string, args ...string) (*server, error) {
	cmd := exec.Command("node", append([]string{script}, args...)...)
	cmd.Dir = filepath.Join(b.root, "bench", "kinesis", "node_modules", name)
	cmd.Env = append(os.Environ(), env...)
	s, err := start(ctx, name, "127.0.0.1:"+port, filepath.Join(b.work, name+".log"), cmd)
	if err != nil {
		return nil, err
	}
	s.keys, s.region = anyKeys, "us-east-1"
	return s, nil
}
