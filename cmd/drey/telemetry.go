package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"drey/app"
	"drey/cloudwatch"
	"drey/driver"
	"drey/kinesis"
	"drey/logs"
	cloudwatchmodel "drey/model/cloudwatch"
	"drey/scrape"
	"drey/telemetry"
	"drey/wire"
)

const drainTimeout = 5 * time.Second

// observer carries what running applications say to CloudWatch and Logs.
type observer struct {
	tailer   *telemetry.Tailer
	receiver *telemetry.Receiver
	stats    func(context.Context, driver.Handle) ([]driver.Stats, error)
	log      *slog.Logger

	mu        sync.Mutex
	reporters map[string]string // by the application's id: the name under which it reports metrics
}

// openTelemetry builds the ways of log lines and metrics.
func (s *server) openTelemetry(ctx context.Context) error {
	tailer, err := telemetry.NewTailer(ctx, telemetry.TailerConfig{
		DB: s.db, Sink: logSink{s.logs}, Allowed: s.mayLog, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.opened(tailer)
	receiver := telemetry.NewReceiver(ctx, telemetry.ReceiverConfig{Sink: metricSink{s.cloudwatch}, Log: s.log, Now: time.Now, Minute: s.ScalingRule.Minute, History: s.history()})
	s.opened(receiver)
	s.observer = &observer{tailer: tailer, receiver: receiver, stats: s.driver.Stats, log: s.log, reporters: map[string]string{}}
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
func (o *observer) Watch(a *app.Application, reporter string, r driver.Report) {
	o.tailer.Follow(logged(a), r.LogFiles)
	o.mu.Lock()
	o.reporters[a.ID] = reporter
	o.mu.Unlock()
	c := a.Version.Configuration
	o.receiver.Register(reporter, telemetry.Application{
		Account: a.Account, Region: a.Region, Name: a.Name, MetricsLevel: c.Monitoring.Metrics, Flink2: strings.HasPrefix(c.Runtime, "FLINK-2"), Containers: o.containers(a),
	})
	const orchestration = 1 // KPU, beside those that run tasks (developer guide, "Metrics and dimensions")
	o.receiver.Observe(reporter, telemetry.Facts{DownSince: a.Run.DownSince, Restarts: a.Run.Resumed - a.Run.Rescaled, KPUs: a.Workers() + orchestration})
}

// containers measures the TaskManagers of an application.
func (o *observer) containers(a *app.Application) func(context.Context) ([]telemetry.Container, error) {
	if a.Cluster == nil || a.Cluster.Handle == nil {
		return nil
	}
	return func(ctx context.Context) ([]telemetry.Container, error) {
		var h driver.Handle
		if err := json.Unmarshal(a.Cluster.Handle, &h); err != nil {
			return nil, err
		}
		stats, err := o.stats(ctx, h)
		if errors.Is(err, driver.ErrNoCluster) {
			return nil, nil
		}
		var list []telemetry.Container
		for _, s := range stats {
			if s.Role == driver.TaskManager {
				list = append(list, telemetry.Container{
					Name: s.Process, CPUSeconds: s.CPUSeconds, CPULimit: s.CPULimit, MemoryBytes: s.MemoryBytes, MemoryMax: s.MemoryMax,
					DiskBytes: s.DiskBytes, DiskMax: s.DiskMax,
				})
			}
		}
		return list, err
	}
}

// CPU gives the use of CPU by the application's KPUs.
func (o *observer) CPU(ctx context.Context, a *app.Application) ([]app.Load, error) {
	o.mu.Lock()
	reporter := o.reporters[a.ID]
	o.mu.Unlock()
	measured, err := o.receiver.Load(ctx, reporter)
	load := make([]app.Load, len(measured))
	for i, m := range measured {
		load[i] = app.Load(m)
	}
	return load, err
}

// history reads what an earlier server has measured from CloudWatch; nil = it has no datapoints of this length.
func (s *server) history() func(context.Context, telemetry.Application, time.Time, time.Time) ([]telemetry.Load, error) {
	if s.ScalingRule.Minute != time.Minute {
		return nil
	}
	return func(ctx context.Context, a telemetry.Application, from, to time.Time) (load []telemetry.Load, err error) {
		out, err := s.cloudwatch.GetMetricStatistics(wire.WithRequest(ctx, &wire.Request{Account: a.Account, Region: a.Region, Time: time.Now()}), &cloudwatchmodel.GetMetricStatisticsInput{
			Namespace: new(telemetry.Namespace), MetricName: new("containerCPUUtilization"), Dimensions: []cloudwatchmodel.Dimension{{Name: new("Application"), Value: &a.Name}},
			StartTime: &from, EndTime: &to, Period: new(int32(60)), Statistics: []cloudwatchmodel.Statistic{cloudwatchmodel.StatisticMaximum},
		})
		if err != nil {
			return nil, err
		}
		for _, p := range out.Datapoints {
			load = append(load, telemetry.Load{At: *p.Timestamp, CPU: *p.Maximum})
		}
		return load, nil
	}
}

// Forget ends following, after what is left of the log was shipped.
func (o *observer) Forget(a *app.Application) {
	o.mu.Lock()
	o.receiver.Unregister(o.reporters[a.ID])
	delete(o.reporters, a.ID)
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	o.tailer.Unfollow(ctx, a.ID)
}

// Record writes a service record, into the application's log stream and for the operator.
func (o *observer) Record(ctx context.Context, a *app.Application, code, message string) {
	reason, _, _ := strings.Cut(message, "\n") // the rest is in the log stream
	o.log.Warn("service record", "application", a.Name, "version", a.Version.ID, "message", reason)
	o.serviceRecord(ctx, a, "ERROR", code, message)
}

// Note writes a service record that tells of no error.
func (o *observer) Note(ctx context.Context, a *app.Application, message string) {
	o.log.Info("service record", "application", a.Name, "version", a.Version.ID, "message", message)
	o.serviceRecord(ctx, a, "INFO", "", message)
}

func (o *observer) serviceRecord(ctx context.Context, a *app.Application, kind, code, message string) {
	err := o.tailer.ServiceRecord(ctx, logged(a), telemetry.ServiceRecord{
		ApplicationARN: a.ARN, ApplicationVersionID: a.Version.ID, Message: message, MessageType: kind, ErrorCode: code,
	})
	if err != nil {
		o.log.Error("service record", "application", a.Name, "error", err)
	}
}

// logSink is the Logs service as telemetry sees it.
type logSink struct{ logs *logs.Service }

// Append hands events on.
func (l logSink) Append(ctx context.Context, to telemetry.LogTarget, events []telemetry.LogEvent, mark []byte) error {
	list := make([]logs.Event, len(events))
	for i, e := range events {
		list[i] = logs.Event(e)
	}
	return noLogStream(l.logs.Append(ctx, to.Account, to.Region, to.Group, to.Stream, list, mark))
}

// Marks gives what Append was told.
func (l logSink) Marks(ctx context.Context, of telemetry.LogTarget, since time.Time, fn func(mark []byte)) error {
	return noLogStream(l.logs.Marks(ctx, of.Account, of.Region, of.Group, of.Stream, since, fn))
}

func noLogStream(err error) error {
	if errors.Is(err, logs.ErrNoStream) {
		return telemetry.ErrNoLogStream
	}
	return err
}

// metricSink is the CloudWatch service as telemetry sees it.
type metricSink struct{ cloudwatch *cloudwatch.Service }

// Put hands samples on.
func (m metricSink) Put(ctx context.Context, account, region, namespace string, data []telemetry.Datum) error {
	list := make([]cloudwatch.Datum, len(data))
	for i, d := range data {
		list[i] = cloudwatch.Datum{Name: d.Name, Time: d.Time, Value: d.Value, Unit: d.Unit}
		for _, dim := range d.Dimensions {
			list[i].Dimensions = append(list[i].Dimensions, cloudwatch.Dimension(dim))
		}
	}
	return m.cloudwatch.Put(ctx, account, region, namespace, list)
}

// streamMetrics is the CloudWatch service as Kinesis sees it. It must be closed after Kinesis, which hands on the last
// minute when it closes.
func streamMetrics(c *cloudwatch.Service) func(ctx context.Context, account, region string, data []kinesis.Datum) error {
	return func(ctx context.Context, account, region string, data []kinesis.Datum) error {
		list := make([]cloudwatch.Datum, len(data))
		for i, d := range data {
			list[i] = cloudwatch.Datum{Name: d.Name, Time: d.Time, Unit: d.Unit, Set: &cloudwatch.Set{
				Count: d.Count, Sum: d.Sum, Minimum: d.Minimum, Maximum: d.Maximum, Values: d.Values, Counts: d.Counts,
			}}
			for _, dim := range d.Dimensions {
				list[i].Dimensions = append(list[i].Dimensions, cloudwatch.Dimension(dim))
			}
		}
		return c.Put(ctx, account, region, "AWS/Kinesis", list)
	}
}

// newest gives a scrape what CloudWatch has.
func (s *server) newest(ctx context.Context, before time.Duration, yield func(scrape.Sample) bool) error {
	return s.cloudwatch.Newest(ctx, before, func(n cloudwatch.Newest) bool {
		sample := scrape.Sample{Account: n.Account, Region: n.Region, Namespace: n.Namespace, Name: n.Name, Count: n.Count, Sum: n.Sum, Min: n.Min, Max: n.Max}
		for _, d := range n.Dimensions {
			sample.Dimensions = append(sample.Dimensions, [2]string{d.Name, d.Value})
		}
		return yield(sample)
	})
}
