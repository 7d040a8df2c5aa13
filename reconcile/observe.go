package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"drey/app"
	"drey/driver"
	"drey/flink"
)

// sight is what one look has seen. Looking never acts.
type sight struct {
	app.Observed
	spec         driver.Cluster
	report       driver.Report
	flink        *flink.Client
	snapshotting bool     // a manual snapshot is under way
	keep         []string // TaskManagers that are needed, when there are others; nil = nobody has looked
}

func (k *Keeper) handle(a *app.Application) (h driver.Handle, err error) {
	return h, json.Unmarshal(a.Cluster.Handle, &h)
}

func (k *Keeper) client(r driver.Report) *flink.Client {
	return k.flinks.At(r.RESTAddress)
}

// report asks the driver. A cluster that was never confirmed or is gone has an empty one.
func (k *Keeper) report(ctx context.Context, a *app.Application) (driver.Report, error) {
	if a.Cluster == nil || a.Cluster.Handle == nil {
		return driver.Report{}, nil
	}
	h, err := k.handle(a)
	if err != nil {
		return driver.Report{}, err
	}
	r, err := k.Driver.Inspect(ctx, h)
	if errors.Is(err, driver.ErrNoCluster) {
		return driver.Report{}, nil
	}
	return r, err
}

// observe looks at processes first, then at Flink, then at the job.
func (l *loop) observe(ctx context.Context, a *app.Application) (s sight, err error) {
	if a.Run == nil && a.Cluster == nil && (a.Operation == nil || a.Operation.Kind == app.Delete) {
		return s, nil
	}
	token, err := l.applicationToken(ctx, a)
	if err != nil {
		return s, err
	}
	s.spec = l.cluster(a, token)
	s.Fingerprint, s.Wanted = fingerprint(s.spec), s.spec.TaskManagers
	if s.report, err = l.report(ctx, a); err != nil {
		return s, err
	}
	for _, p := range s.report.Processes {
		switch {
		case !p.Alive:
		case p.Role == driver.JobManager:
			s.JobManager = true
		default:
			s.TaskManagers++
		}
	}
	if a.Run != nil {
		l.Telemetry.Watch(a, reporter(token), s.report)
	}
	if s.JobManager {
		s.flink = l.client(s.report)
		l.observeFlink(ctx, a, &s)
	}
	if op := a.Operation; op != nil && op.Trigger != "" && !op.Stopped && a.Run != nil {
		s.Savepoint = l.savepoint(ctx, &s, a.Run.JobID, op.Trigger)
	}
	if a.Unproven() || a.Run != nil && a.Operation != nil && (a.Operation.Down || a.Operation.Rescale != nil) {
		s.Checkpoint = newestCheckpoint(s.spec.State, a.Run.JobID)
	}
	return s, nil
}

// applicationToken asks for the token once for each application and role.
func (l *loop) applicationToken(ctx context.Context, a *app.Application) (string, error) {
	wanted := tokenOf{a.ID, a.ARN, a.Version.Configuration.Role}
	if l.tokenFor != wanted {
		token, err := l.Tokens.ApplicationToken(ctx, a.Account, wanted.arn, wanted.role)
		if err != nil {
			return "", err
		}
		l.token, l.tokenFor = token, wanted
	}
	return l.token, nil
}

// observeFlink asks the JobManager. One that does not answer is starting or dying: the next look tells.
func (l *loop) observeFlink(ctx context.Context, a *app.Application, s *sight) {
	o, err := s.flink.Overview(ctx)
	if err != nil {
		return
	}
	s.Answers, s.Slots = true, o.Slots
	if a.Run == nil || a.Run.Submitted.IsZero() {
		return
	}
	job, err := s.flink.Job(ctx, a.Run.JobID)
	if err != nil {
		s.Answers = errors.Is(err, flink.ErrNotFound)
		return
	}
	tasks, running := job.Tasks()
	s.Job = &app.Job{State: job.State, Tasks: tasks, Running: running, Parallelism: job.Parallelism()}
	if running < tasks || job.State != "RUNNING" {
		s.Job.Exception, err = s.flink.Exception(ctx, a.Run.JobID, failuresSince(a))
	} else {
		l.observeScaling(ctx, a, s, job)
		err = l.observeHosts(ctx, a, s, job)
	}
	if err != nil {
		s.Answers = false
	}
}

// failuresSince is from when on failures count: what came before a rescaling is none of it. The zero time = ever.
func failuresSince(a *app.Application) time.Time {
	if a.Operation == nil || a.Operation.Rescale == nil {
		return time.Time{}
	}
	return a.Operation.StepFrom
}

// savepoint asks Flink how a savepoint stands. Flink forgets after minutes and with its JobManager: then the disk tells,
// but only once the job does not run any more, for what it wrote since would be lost. nil = it cannot be told now.
func (l *loop) savepoint(ctx context.Context, s *sight, job, trigger string) *app.Savepoint {
	if s.Answers {
		sp, err := s.flink.Savepoint(ctx, job, trigger)
		if err == nil {
			return &app.Savepoint{Done: sp.Done, Path: sp.Path, Failure: sp.Failure}
		}
		if !errors.Is(err, flink.ErrNotFound) {
			return nil
		}
	} else if s.JobManager {
		return nil
	}
	if path := completedSavepoint(s.spec.State, trigger); path != "" && !s.alive() {
		return &app.Savepoint{Done: true, Path: path}
	}
	return &app.Savepoint{Unknown: true}
}

// alive tells whether Flink has the job and has not ended it.
func (s sight) alive() bool {
	return s.Job != nil && !s.Job.Ended()
}
