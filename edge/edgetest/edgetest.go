// Package edgetest serves operation tables over loopback HTTP for tests, behind the real edge: real routing, signatures,
// validation and codecs. Every request of the one known key is allowed.
package edgetest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"drey/edge"
	"drey/wire"
	"drey/wire/sigv4"
)

// The caller that Serve knows.
const (
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	Account         = "123456789012"
	Region          = "us-east-1"
)

// Serve answers for the services until the test ends, and gives the URL.
func Serve(t testing.TB, services ...*wire.Service) string {
	t.Helper()
	return ServeWith(t, config(services))
}

// Handler is what Serve serves, for benchmarks that leave out the network.
func Handler(t testing.TB, services ...*wire.Service) http.Handler {
	return edge.New(complete(t, config(services)))
}

func config(services []*wire.Service) edge.Config {
	return edge.Config{
		Services:    services,
		Credentials: credentials,
		Authorize:   func(context.Context, []wire.Access) error { return nil },
	}
}

func complete(t testing.TB, c edge.Config) edge.Config {
	c.Region, c.Now = Region, time.Now
	c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return c
}

// ServeWith is Serve with credentials and decisions of the caller's choice.
func ServeWith(t testing.TB, c edge.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := edge.NewServer(l, edge.New(complete(t, c)))
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		_ = s.Close() // running requests are cut off
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func credentials(_ context.Context, id, _ string) (string, wire.Principal, error) {
	if id != AccessKeyID {
		return "", wire.Principal{}, sigv4.InvalidClientTokenID.Errorf("The security token included in the request is invalid.")
	}
	return SecretAccessKey, wire.Principal{Account: Account, ARN: "arn:aws:iam::" + Account + ":root", UserID: Account, AccessKeyID: id}, nil
}
