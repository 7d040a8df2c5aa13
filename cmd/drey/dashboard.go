package main

import (
	"context"
	"time"

	"drey/app"
	"drey/dashboard"
	"drey/edge"
	"drey/wire"
)

// openDashboards builds what shows the dashboards of running applications.
func (s *server) openDashboards(ctx context.Context) (err error) {
	s.dashboards, err = dashboard.Open(ctx, dashboard.Config{
		DB: s.db, Prefix: edge.DashboardPrefix, Address: s.dashboardAddress, Allowed: s.mayLook, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.opened(s.dashboards)
	return nil
}

func (s *server) dashboardAddress(ctx context.Context, a dashboard.Application) (string, error) {
	address, err := s.keeper.RESTAddress(ctx, app.Key(a))
	if err == nil && address == "" {
		err = dashboard.ErrNotRunning
	}
	return address, err
}

// mayLook decides again what was decided when the URL was made (API reference, "CreateApplicationPresignedUrl").
func (s *server) mayLook(ctx context.Context, p wire.Principal, a dashboard.Application) error {
	ctx = wire.WithRequest(ctx, &wire.Request{ID: "dashboard", Principal: p, Account: a.Account, Region: a.Region, Time: time.Now()})
	return s.iam.Authorize(ctx, []wire.Access{{
		Action: "kinesisanalytics:CreateApplicationPresignedUrl", Resource: "arn:aws:kinesisanalytics:" + a.Region + ":" + a.Account + ":application/" + a.Name,
	}})
}

// dashboardURL gives the address under which the caller reached the server.
func (s *server) dashboardURL(ctx context.Context, key app.Key, life time.Duration) (string, error) {
	r := wire.FromContext(ctx)
	path, err := s.dashboards.Issue(ctx, r.Principal, dashboard.Application(key), life)
	if r.Secure {
		return "https://" + r.Host + path, err
	}
	return "http://" + r.Host + path, err
}
