package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/flink"
)

// observeHosts sees which TaskManagers have tasks, when there are more of them than wanted.
func (l *loop) observeHosts(ctx context.Context, a *app.Application, s *sight, job *flink.Job) error {
	wanted := a.Version.Configuration.Parallelism.KPUs(a.Target())
	if s.TaskManagers <= wanted || !s.Job.Up() {
		return nil
	}
	hosts, err := s.flink.Hosts(ctx, job)
	if err != nil {
		return err
	}
	for _, p := range s.report.Processes {
		if p.Alive && p.Role == driver.TaskManager && len(hosts) < wanted && !slices.Contains(hosts, p.Name) {
			hosts = append(hosts, p.Name)
		}
	}
	s.keep, s.Idle = hosts, s.TaskManagers-len(hosts)
	return nil
}

// draft asks main() what the job would be with another parallelism: operators may have one of their own. What differs in more
// than parallelism cannot be reached by rescaling.
func (l *loop) draft(ctx context.Context, a *app.Application, s sight) error {
	var now, then flink.Shape
	ended, err := l.await("draft "+a.Operation.ID, func(ctx context.Context) (err error) {
		if now, err = s.flink.Shape(ctx, a.Run.JobID); err == nil {
			then, err = s.flink.Draft(ctx, s.report.JarID, int(a.Operation.Rescale.To))
		}
		return err
	})
	switch {
	case !ended:
		return nil
	case err != nil:
		return l.forgo(ctx, a, "main() told no job: "+flink.Failure(err))
	case !now.Same(then):
		return l.forgo(ctx, a, "with another parallelism main() makes other tasks or connects them otherwise")
	}
	at := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		r := a.Operation.Rescale
		r.Before, r.After, a.Operation.StepFrom = now.Parallelism, then.Parallelism, at
		return nil
	})
}

// forgo leaves the change to a restart with a savepoint.
func (l *loop) forgo(ctx context.Context, a *app.Application, reason string) error {
	l.Log.Info("the job is not rescaled in place", "application", a.Name, "reason", firstLine(reason))
	l.abandon()
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		a.Operation.Rescale, a.Operation.StepFrom = nil, now
		return nil
	})
}

// resize takes a checkpoint and tells Flink at once, so that little is processed twice. Doing it again does no harm.
func (l *loop) resize(ctx context.Context, a *app.Application, s sight) error {
	ended, err := l.await("resize "+a.Operation.ID, func(ctx context.Context) error {
		if err := s.flink.Checkpoint(ctx, a.Run.JobID, newID()); err != nil {
			return err
		}
		return s.flink.Resize(ctx, a.Run.JobID, a.Operation.Rescale.After)
	})
	var refused *flink.RESTError
	switch {
	case !ended:
		return nil
	case errors.As(err, &refused), errors.Is(err, flink.ErrNotFound), errors.Is(err, flink.ErrCheckpoint):
		return l.forgo(ctx, a, flink.Failure(err))
	case err != nil:
		return nil // it did not arrive: the next look asks again
	}
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if !a.Operation.Rescale.Asked {
			a.Run.Rescaled++
		}
		a.Operation.Rescale.Asked, a.Operation.StepFrom = true, now
		return nil
	})
}

// revert tells Flink what was before, and closes the operation.
func (l *loop) revert(ctx context.Context, a *app.Application, s sight, failure string) error {
	if s.flink != nil && s.alive() {
		if err := s.flink.Resize(ctx, a.Run.JobID, a.Operation.Rescale.Before); err != nil {
			return err
		}
	}
	return l.store(ctx, a, func(tx *appdb.Tx, a *app.Application) error {
		if a.Run != nil {
			a.Run.Rescaled-- // Flink did not restart it
		}
		return l.finish(tx, a, failure)
	})
}

// release lets the TaskManagers without tasks go, and keeps the others whatever their number.
func (l *loop) release(ctx context.Context, a *app.Application, s sight) error {
	err := l.store(ctx, a, func(_ *appdb.Tx, stored *app.Application) error {
		if stored.Cluster != nil {
			stored.Cluster.Keep = s.keep
			a.Cluster.Keep = s.keep
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.spec.Keep, s.spec.TaskManagers = s.keep, a.Workers()
	_, err = l.Driver.Ensure(ctx, s.spec)
	return err
}

// adopt notes that the job has the parallelism that the operation is for.
func adopt(a *app.Application, now time.Time) {
	a.Run.Version, a.Run.Parallelism, a.Run.Reached, a.Run.LastError = a.Version.ID, a.Operation.Rescale.To, now, ""
	a.Operation.StepFrom = now
}
