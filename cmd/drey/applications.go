package main

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/driver/local"
	"drey/edge"
	"drey/iam"
	s3model "drey/model/s3"
	"drey/msf"
	"drey/reconcile"
	"drey/s3"
	"drey/wire"
)

const maxKPUs = 64 // of one application (developer guide, "Managed Service for Apache Flink quota")

// openApplications builds what runs applications: the driver, the keeper, and the API that tells it what is wanted.
func (s *server) openApplications(ctx context.Context) error {
	d, err := local.Open(local.Config{
		Dir: s.dir("clusters"), Runtimes: library(s.DataDir), CAPEM: s.ca.Path(), Resolver: s.AppAddress.String(), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.opened(d)
	db, err := appdb.Open(ctx, s.db)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir("code"), 0o700); err != nil {
		return err
	}
	s.keeper, err = reconcile.Open(ctx, reconcile.Config{
		DB: db, Driver: d, Tokens: s.iam, Telemetry: serverLog{s.log}, StateDir: s.dir("state"), CodeDir: s.dir("code"),
		KPUMemory: int64(s.KPUMemory), Credentials: s.credentialsURI(), TelemetryHost: edge.TelemetryHost, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.opened(s.keeper)
	s.msf = msf.Open(msf.Config{
		DB: db, Keeper: s.keeper, Roles: s.iam, Objects: codeReader{s.iam, s.s3}, CodeDir: s.dir("code"), MaxKPUs: maxKPUs, Now: time.Now,
		Runtime: func(name string) error {
			_, err := library(s.DataDir).Find(name)
			return err
		},
	})
	return nil
}

// credentialsURI is where applications get their credentials: on loopback, for SDKs refuse plain HTTP elsewhere.
func (s *server) credentialsURI() string {
	host := s.Listen.Addr()
	if host.IsUnspecified() {
		host = netip.MustParseAddr("127.0.0.1")
	}
	return "http://" + netip.AddrPortFrom(host, s.Listen.Port()).String() + "/_drey/credentials"
}

// codeReader reads application code from S3 as the execution role of the application.
type codeReader struct {
	iam *iam.Service
	s3  *s3.Service
}

// OpenCode decides the read like any other request of the role.
func (c codeReader) OpenCode(ctx context.Context, account, role, applicationARN, bucket, key, version string) (io.ReadCloser, error) {
	session, err := c.iam.AssumeServiceRole(ctx, account, role, iam.AnalyticsService, applicationARN)
	if err != nil {
		return nil, err
	}
	_, principal, err := c.iam.Credentials(ctx, session.AccessKeyID, session.SessionToken)
	if err != nil {
		return nil, err
	}
	asker := wire.FromContext(ctx)
	asRole := wire.WithRequest(ctx, &wire.Request{
		ID: asker.ID, Service: "s3", Op: "GetObject", Principal: principal, Account: account, Region: asker.Region, Time: asker.Time,
		SourceIP: asker.SourceIP, UserAgent: iam.AnalyticsService, Secure: true,
	})
	in := &s3model.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	access, err := c.s3.Access(asRole, "GetObject", in)
	if err != nil {
		return nil, err
	}
	if err := c.iam.Authorize(asRole, access); err != nil {
		return nil, err
	}
	body, _, err := c.s3.OpenObject(asRole, bucket, key, in.VersionId)
	return body, err
}

// serverLog tells the server's own log what happens to applications.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Watch(*app.Application, string, driver.Report) {}
func (l serverLog) Forget(*app.Application)                       {}
func (l serverLog) Record(_ context.Context, a *app.Application, code, message string) {
	l.log.Warn("application", "name", a.Name, "version", a.Version.ID, "errorCode", code, "message", message)
}
