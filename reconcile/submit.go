package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// submission is a job being handed over: main() of the user may take minutes, and the keeper goes on looking meanwhile.
type submission struct {
	job    string
	cancel context.CancelFunc
	done   chan error
}

// submit begins to hand the job over, or sees how that ended.
func (l *loop) submit(ctx context.Context, a *app.Application, s sight) error {
	if l.submission != nil && l.submission.job != a.Run.JobID {
		l.abandon()
	}
	if l.submission == nil {
		l.begin(ctx, a, s)
	}
	select {
	case err := <-l.submission.done:
		l.submission.cancel()
		l.submission = nil
		return l.submitted(ctx, a, err)
	case <-time.After(busyPause):
		return nil
	}
}

func (l *loop) begin(ctx context.Context, a *app.Application, s sight) {
	run := flink.Run{
		JobID: a.Run.JobID, Parallelism: int(a.Version.Configuration.Parallelism.Parallelism),
		SavepointPath: a.Run.Restore.Path, AllowNonRestoredState: a.Run.Restore.AllowNonRestored,
	}
	if !a.Run.Submitted.IsZero() { // its JobManager has died: go on where it was
		if path := newestCheckpoint(s.spec.State, a.Run.JobID); path != "" {
			run.SavepointPath, run.AllowNonRestoredState = path, false
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	sub := &submission{job: a.Run.JobID, cancel: cancel, done: make(chan error, 1)}
	l.submission = sub
	l.wg.Go(func() { sub.done <- s.flink.RunJar(ctx, s.report.JarID, run) })
}

// abandon stops waiting for a submission.
func (l *loop) abandon() {
	if l.submission != nil {
		l.submission.cancel()
		l.submission = nil
	}
}

func (l *loop) submitted(ctx context.Context, a *app.Application, failure error) error {
	var refused *flink.RESTError
	known := errors.As(failure, &refused) && strings.Contains(failure.Error(), "DuplicateJobSubmission")
	if failure != nil && !known {
		if refused == nil {
			failure = fmt.Errorf("the JobManager ended while main() ran, or did not answer (does main() call System.exit?): %w", failure)
		}
		if a.Operation != nil || refused == nil {
			return l.fail(ctx, a, failure)
		}
		return errors.Join(failure, l.reportFailure(ctx, a, flink.Failure(failure)))
	}
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if !a.Run.Submitted.IsZero() {
			a.Run.Resumed++
		}
		a.Run.Submitted = now
		return nil
	})
}
