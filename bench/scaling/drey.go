package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"drey/bench/server"
)

const (
	listen      = "127.0.0.1:45670"
	appAddress  = "127.0.77.8"
	streamLimit = 3 * time.Minute
)

// drey is a server with the compressed rule, and with the code of the jobs.
type drey struct {
	*server.Server
	role    string
	streams *kinesis.Client
}

func openDrey(ctx context.Context, root, work string) (*drey, error) {
	s, err := server.New(ctx, root, work, listen, "--app-address", appAddress, "--scaling-rule", realRule, "--kinesis-limits", "off")
	if err != nil {
		return nil, err
	}
	d := &drey{Server: s}
	if err := d.prepare(ctx, filepath.Join(root, "e2e", "paced", "target", "paced.jar")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return d, nil
}

func (s *drey) prepare(ctx context.Context, jar string) (err error) {
	if _, err := s.Start(ctx); err != nil {
		return err
	}
	s.streams = kinesis.NewFromConfig(s.Config)
	if s.role, err = s.Prepare(ctx); err != nil {
		return err
	}
	return s.Upload(ctx, jar)
}

// createStream makes a stream and waits for it.
func (s *drey) createStream(ctx context.Context, name string, shards int32) error {
	if _, err := s.streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		return err
	}
	soon := func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	return kinesis.NewStreamExistsWaiter(s.streams, soon).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, streamLimit)
}
