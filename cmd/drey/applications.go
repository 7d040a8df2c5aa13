package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/edge"
	"drey/flink"
	"drey/msf"
	"drey/reconcile"
	"drey/runtimes"
)

const maxKPUs = 64 // of one application (developer guide, "Managed Service for Apache Flink quota")

// openApplications builds what keeps applications: the keeper, and the API that tells it what is wanted.
func (s *server) openApplications(ctx context.Context) error {
	db, err := appdb.Open(ctx, s.db)
	if err != nil {
		return err
	}
	s.applications = db
	if err := s.checkEndpoint(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir("code"), 0o700); err != nil {
		return err
	}
	s.keeper, err = reconcile.Open(ctx, reconcile.Config{
		DB: db, Driver: s.driver, Tokens: s.iam, Telemetry: s.observer, StateDir: s.dir("state"), CodeDir: s.dir("code"),
		SnapshotDir: s.dir("snapshots"), Objects: transfers{s.rights, s.s3, partSize},
		KPUMemory: int64(s.KPUMemory), Rescales: runtimes.Rescales, Scaling: app.Rule(s.ScalingRule), MaxKPUs: maxKPUs, Credentials: credentialsURI(s.Listen), TelemetryHost: edge.TelemetryHost, Log: s.log, Now: time.Now,
		Compatible: runtimes.Compatible,
		StateChecker: func(runtime string) string {
			d, err := s.runtimes.Find(runtime)
			if err != nil {
				return ""
			}
			return d.Program(flink.StateCheckClass)
		},
	})
	if err != nil {
		return err
	}
	s.opened(s.keeper)
	s.msf = msf.Open(msf.Config{
		DB: db, Keeper: s.keeper, Roles: s.iam, Objects: codeReader{s.rights, s.s3}, CodeDir: s.dir("code"), MaxKPUs: maxKPUs, Java: javaOf, Compatible: runtimes.Compatible, Rescales: runtimes.Rescales, Dashboard: s.dashboardURL, Now: time.Now,
		Runtime: func(name string) error {
			d, err := s.runtimes.Find(name)
			if err != nil {
				return err
			}
			return d.Prepared()
		},
		Python: func(name string) error {
			d, err := s.runtimes.Find(name)
			if err == nil {
				_, err = d.Python()
			}
			return err
		},
	})
	return s.msf.Sweep(ctx)
}

// javaOf tells what a runtime loads; an unknown one loads nothing.
func javaOf(runtime string) flink.Java {
	r, _ := runtimes.Lookup(runtime)
	return flink.Java{Release: r.Java, ClassVersion: r.ClassVersion}
}

// credentialsURI is where applications get their credentials: on loopback, for SDKs refuse plain HTTP elsewhere.
func credentialsURI(listen netip.AddrPort) string {
	host := listen.Addr()
	if host.IsUnspecified() {
		host = netip.MustParseAddr("127.0.0.1")
	}
	return "http://" + netip.AddrPortFrom(host, listen.Port()).String() + "/_drey/credentials"
}

// checkEndpoint refuses to adopt living JVMs that fetch their credentials elsewhere: their jobs would soon have none.
func (s *server) checkEndpoint(ctx context.Context) error {
	known, err := loadAccess(s.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	former, err := netip.ParseAddrPort(strings.TrimPrefix(known.Endpoint, "http://"))
	if err != nil || credentialsURI(former) == credentialsURI(s.Listen) {
		return err
	}
	var all []*app.Application
	err = s.applications.Read(ctx, func(tx *appdb.Tx) (err error) {
		all, err = tx.EveryApplication()
		return err
	})
	for _, a := range all {
		if s.lives(ctx, a) {
			return fmt.Errorf("application %s runs and gets its credentials at %s, not at %s; start with --listen %s, and stop applications before it changes", a.Name, former, s.Listen, former)
		}
	}
	return err
}

// lives tells whether a process of the application is alive.
func (s *server) lives(ctx context.Context, a *app.Application) bool {
	var h driver.Handle
	if a.Cluster == nil || json.Unmarshal(a.Cluster.Handle, &h) != nil {
		return false
	}
	r, err := s.driver.Inspect(ctx, h)
	return err == nil && slices.ContainsFunc(r.Processes, func(p driver.Process) bool { return p.Alive })
}

// running counts the applications whose job runs.
func (s *server) running() (n int) {
	err := s.applications.Read(context.Background(), func(tx *appdb.Tx) error {
		all, err := tx.EveryApplication()
		for _, a := range all {
			if a.Run != nil {
				n++
			}
		}
		return err
	})
	if err != nil {
		s.log.Error("count applications", "error", err)
	}
	return n
}
