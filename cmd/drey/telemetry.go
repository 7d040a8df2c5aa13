package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"drey/app"
	"drey/driver"
	"drey/logs"
	"drey/telemetry"
	"drey/wire"
)

const drainTimeout = 5 * time.Second

// observer carries what running applications say to CloudWatch and Logs.
type observer struct {
	tailer *telemetry.Tailer
	log    *slog.Logger
}

// openTelemetry builds the way of log lines.
func (s *server) openTelemetry(ctx context.Context) error {
	tailer, err := telemetry.NewTailer(ctx, telemetry.TailerConfig{
		DB: s.db, Sink: logSink{s.logs}, Allowed: s.mayLog, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.opened(tailer)
	s.observer = &observer{tailer: tailer, log: s.log}
	return nil
}

// mayLog asks whether the application's role may write to its log stream.
func (s *server) mayLog(ctx context.Context, a telemetry.LoggedApplication) error {
	asRole, err := s.rights.as(ctx, roleKey{a.Target.Account, a.RoleARN, a.ARN}, a.Target.Region)
	if err != nil {
		return err
	}
	return s.iam.Authorize(asRole, []wire.Access{{
		Action:   "logs:PutLogEvents",
		Resource: "arn:aws:logs:" + a.Target.Region + ":" + a.Target.Account + ":log-group:" + a.Target.Group + ":log-stream:" + a.Target.Stream,
	}})
}

// logged describes an application to the tailer. An unreadable ARN is as good as no logging option, as on AWS.
func logged(a *app.Application) telemetry.LoggedApplication {
	l := telemetry.LoggedApplication{ID: a.ID, ARN: a.ARN, RoleARN: a.Version.Configuration.Role}
	for _, o := range a.Version.Configuration.Logging {
		if target, err := telemetry.ParseLogStreamARN(o.StreamARN); err == nil {
			l.Target = target
		}
	}
	return l
}

// Watch follows a running application.
func (o *observer) Watch(a *app.Application, _ string, r driver.Report) {
	o.tailer.Follow(logged(a), r.LogFiles)
}

// Forget ends following, after what is left was shipped.
func (o *observer) Forget(a *app.Application) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	o.tailer.Unfollow(ctx, a.ID)
}

// Record writes a service record, into the application's log stream and for the operator.
func (o *observer) Record(ctx context.Context, a *app.Application, code, message string) {
	o.log.Warn("application failed", "application", a.Name, "version", a.Version.ID, "reason", message)
	err := o.tailer.ServiceRecord(ctx, logged(a), telemetry.ServiceRecord{
		ApplicationARN: a.ARN, ApplicationVersionID: a.Version.ID, Message: message, MessageType: "ERROR", ErrorCode: code,
	})
	if err != nil {
		o.log.Error("service record", "application", a.Name, "error", err)
	}
}

// logSink is the Logs service as telemetry sees it.
type logSink struct{ logs *logs.Service }

// Append hands events on.
func (l logSink) Append(ctx context.Context, to telemetry.LogTarget, events []telemetry.LogEvent) error {
	list := make([]logs.Event, len(events))
	for i, e := range events {
		list[i] = logs.Event(e)
	}
	err := l.logs.Append(ctx, to.Account, to.Region, to.Group, to.Stream, list)
	if errors.Is(err, logs.ErrNoStream) {
		return telemetry.ErrNoLogStream
	}
	return err
}
