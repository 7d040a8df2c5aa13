package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"drey/alarmaction"
	"drey/app/appdb"
	"drey/cloudwatch"
	"drey/dashboard"
	"drey/driver/local"
	"drey/edge"
	"drey/iam"
	"drey/kinesis"
	"drey/logs"
	cloudwatchmodel "drey/model/cloudwatch"
	iammodel "drey/model/iam"
	kinesismodel "drey/model/kinesis"
	msfmodel "drey/model/kinesisanalyticsv2"
	logsmodel "drey/model/logs"
	s3model "drey/model/s3"
	stsmodel "drey/model/sts"
	"drey/msf"
	"drey/reconcile"
	"drey/s3"
	"drey/scrape"
	"drey/store/sql"
	"drey/wire"
)

// server is everything that one data directory runs, in the order in which it is built.
type server struct {
	*serveCmd
	log *slog.Logger

	db           *sql.DB
	ca           *edge.CA
	iam          *iam.Service
	rights       *roleRights
	s3           *s3.Service
	logs         *logs.Service
	cloudwatch   *cloudwatch.Service
	actions      *alarmaction.Carrier
	built        chan struct{} // closed when all of this is there
	observer     *observer
	driver       *local.Driver
	kinesis      *kinesis.Service
	msf          *msf.Service
	applications *appdb.DB
	keeper       *reconcile.Keeper
	dashboards   *dashboard.Dashboard

	serving []interface {
		Serve() error
		Close() error
	}
	closers []io.Closer // in the order of opening; closed in reverse
}

// opened remembers what close has to close.
func (s *server) opened(c io.Closer) { s.closers = append(s.closers, c) }

// openServer builds everything, top to bottom: stores, services, the private address, the keeper of applications, and
// last the door.
func openServer(ctx context.Context, c *serveCmd, log *slog.Logger) (*server, error) {
	s := &server{serveCmd: c, log: log, built: make(chan struct{})}
	for _, step := range []func(context.Context) error{s.openStores, s.openAlarmActions, s.openServices, s.openDriver, s.openTelemetry, s.openApplications, s.openDashboards, s.openEdge} {
		if err := step(ctx); err != nil {
			return s, err
		}
	}
	close(s.built)
	return s, s.saveAccess(ctx)
}

func (s *server) dir(name string) string { return filepath.Join(s.DataDir, name) }

func (s *server) openStores(context.Context) (err error) {
	if s.db, err = sql.Open(s.dir("drey.db")); err != nil {
		return err
	}
	s.opened(s.db)
	s.ca, err = edge.OpenCA(s.dir("ca"), time.Now)
	return err
}

func (s *server) openServices(ctx context.Context) (err error) {
	mode := iam.Enforce
	if s.IAM == "audit" {
		mode = iam.Audit
	}
	s.iam, err = iam.Open(ctx, iam.Config{DB: s.db, Dir: s.DataDir, Log: s.log, Now: time.Now, Mode: mode, Denied: s.denied})
	if err != nil {
		return err
	}
	s.rights = &roleRights{iam: s.iam}
	if s.s3, err = s3.Open(ctx, s3.Config{DB: s.db, Dir: s.dir("s3"), Log: s.log, Now: time.Now, ValidatePolicy: iam.ValidateResourcePolicy}); err != nil {
		return err
	}
	s.cloudwatch, err = cloudwatch.Open(ctx, cloudwatch.Config{
		DB: s.db, Dir: s.dir("metrics"), Log: s.log, Now: time.Now, Plan: s.planAction, Act: s.act, RoleOf: alarmaction.RoleOf,
	})
	if err != nil {
		return err
	}
	s.opened(s.cloudwatch)
	s.kinesis, err = kinesis.Open(ctx, kinesis.Config{
		DB: s.db, Dir: s.dir("kinesis"), Log: s.log, Now: time.Now, NoSync: s.KinesisSync == "never", Limits: s.KinesisLimits == "on",
		ValidatePolicy: iam.ValidateResourcePolicy, Metrics: streamMetrics(s.cloudwatch), Destinations: s.channelDestinations(),
	})
	if err != nil {
		return err
	}
	s.opened(s.kinesis)
	s.logs, err = logs.Open(ctx, logs.Config{
		DB: s.db, Dir: s.dir("logs"), Log: s.log, Now: time.Now, Metrics: filterMetrics{s.cloudwatch}, Records: newSubscriptionRecords(s.iam, s.kinesis),
		ValidatePolicy: iam.ValidateResourcePolicy,
	})
	if err != nil {
		return err
	}
	s.opened(s.logs)
	return nil
}

func (s *server) openDriver(context.Context) (err error) {
	s.driver, err = local.Open(local.Config{
		Dir: s.dir("clusters"), Runtimes: s.runtimes, CAPEM: s.ca.Path(), Resolver: s.AppAddress.String(), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.opened(s.driver)
	return nil
}

// denied reports what audit mode lets pass; what enforce mode denies is reported by the edge.
func (s *server) denied(_ context.Context, d iam.Denial) {
	if d.Passed {
		s.log.Warn("enforce would deny this", "reason", d.Message)
	}
}

func (s *server) services() []*wire.Service {
	return []*wire.Service{
		wire.NewService(iammodel.Model, iammodel.Ops(s.iam), s.iam.Access),
		wire.NewService(stsmodel.Model, stsmodel.Ops(s.iam), s.iam.Access),
		wire.NewService(s3model.Model, s3model.Ops(s.s3), s.s3.Access),
		wire.NewService(kinesismodel.Model, s.kinesis.Ops(), s.kinesis.Access),
		wire.NewService(cloudwatchmodel.Model, cloudwatchmodel.Ops(s.cloudwatch), s.cloudwatch.Access),
		wire.NewService(logsmodel.Model, logsmodel.Ops(s.logs), s.logs.Access),
		wire.NewService(msfmodel.Model, msfmodel.Ops(s.msf), s.msf.Access),
	}
}

func (s *server) openEdge(ctx context.Context) error {
	h := edge.New(edge.Config{
		Services: s.services(), Credentials: s.iam.Credentials, Authorize: s.iam.Authorize, Region: s.Region, Log: s.log, Now: time.Now,
		ApplicationCredentials: s.applicationCredentials, Telemetry: s.observer.receiver.Write, Dashboards: s.dashboards,
		Scrapes: scrape.Handler(scrape.Config{Newest: s.newest, Log: s.log}),
	})
	l, err := edge.Listen(ctx, "tcp", s.Listen.String())
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.serving = append(s.serving, edge.NewServer(l, h))
	return s.openPrivateAddress(ctx, h)
}

// openPrivateAddress takes the address that applications see as AWS.
func (s *server) openPrivateAddress(ctx context.Context, h *edge.Handler) error {
	listen := func(port uint16) (net.Listener, error) {
		l, err := edge.Listen(ctx, "tcp", netip.AddrPortFrom(s.AppAddress, port).String())
		if err != nil {
			return nil, fmt.Errorf("the private address of applications: %w", err)
		}
		return l, nil
	}
	secure, err := listen(443)
	if err != nil {
		return err
	}
	s.serving = append(s.serving, edge.NewTLSServer(secure, h, s.ca))
	plain, err := listen(80)
	if err != nil {
		return err
	}
	s.serving = append(s.serving, edge.NewServer(plain, h))
	names, err := edge.NewDNS(ctx, s.AppAddress, 53, "/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("the private address of applications: %w", err)
	}
	s.serving = append(s.serving, names)
	return nil
}

func (s *server) applicationCredentials(ctx context.Context, token string) ([]byte, error) {
	c, err := s.iam.ApplicationCredentials(ctx, token)
	if err != nil {
		return nil, err
	}
	return c.Document(), nil
}

// saveAccess writes what `drey env` prints.
func (s *server) saveAccess(ctx context.Context) error {
	root, err := s.iam.RootCredentials(ctx, s.AccountID)
	if err != nil {
		return err
	}
	return access{
		Endpoint: "http://" + s.Listen.String(), Region: s.Region, AccessKeyID: root.AccessKeyID, SecretAccessKey: root.SecretAccessKey,
	}.save(s.DataDir)
}

// run serves until ctx ends or a listener fails.
func (s *server) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range s.serving {
		g.Go(l.Serve)
	}
	g.Go(func() error {
		<-ctx.Done()
		for _, l := range s.serving {
			if err := l.Close(); err != nil {
				s.log.Error("close a listener", "error", err)
			}
		}
		return nil
	})
	return g.Wait()
}

// close ends what was opened, last first. Applications go on, except those of an ephemeral server.
func (s *server) close() error {
	var first error
	defer func() {
		if s.Ephemeral && s.driver != nil {
			if err := s.driver.Clear(context.Background()); err != nil {
				s.log.Error("stop the applications of an ephemeral server", "error", err)
			}
		}
	}()
	for i := range s.closers {
		if err := s.closers[len(s.closers)-1-i].Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
