package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"drey/bench/server"
)

const (
	listen     = "127.0.0.1:24665"
	appAddress = "127.0.77.8"
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
