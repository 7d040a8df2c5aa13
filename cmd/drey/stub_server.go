package main

import (
	"context"
	"log/slog"
)

type server struct{}

func openServer(ctx context.Context, c *serveCmd, log *slog.Logger) (*server, error) { return nil, nil }
func (s *server) run(ctx context.Context) error                                     { return nil }
func (s *server) close() error                                                      { return nil }

type doctorCmd struct{}

func (doctorCmd) Run() error { return nil }
