package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/flink"
)

// call is one that may take minutes, for main() of the user runs in it. The keeper goes on looking meanwhile.
type call struct {
	key    string
	cancel context.CancelFunc
	done   chan error
}

// await begins the call of a key unless it is under way, gives it a moment, and tells whether it has ended. The call outlives
// the look that began it.
func (l *loop) await(key string, run func(context.Context) error) (ended bool, err error) {
	if l.call != nil && l.call.key != key {
		l.abandon()
	}
	if l.call == nil {
		ctx, cancel := context.WithCancel(l.ctx)
		c := &call{key, cancel, make(chan error, 1)}
		l.call = c
		l.wg.Go(func() { c.done <- run(ctx) })
	}
	select {
	case err := <-l.call.done:
		l.abandon()
		return true, err
	case <-time.After(busyPause):
		return false, nil
	}
}

// abandon stops waiting for a call.
func (l *loop) abandon() {
	if l.call != nil {
		l.call.cancel()
		l.call = nil
	}
}

var errNoState = errors.New("the snapshot could not be brought to where the application reads it")

// submit begins to hand the job over, or sees how that ended.
func (l *loop) submit(ctx context.Context, a *app.Application, s sight) error {
	run := flink.Run{
		JobID: a.Run.JobID, Parallelism: int(a.Current()),
		SavepointPath: a.Run.Restore.Path, AllowNonRestoredState: a.Run.Restore.AllowNonRestored,
	}
	if p := a.Version.Configuration.Python(); p != nil {
		run.RunPython(*p, s.report.Files)
	}
	if !a.Run.Submitted.IsZero() { // its JobManager has died: go on where it was
		if path := newestCheckpoint(s.spec.State, a.Run.JobID); path != "" {
			run.SavepointPath, run.AllowNonRestoredState = path, false
		}
	}
	ended, err := l.await("submit "+a.Run.JobID, func(ctx context.Context) error {
		path, err := l.bring(ctx, a, run.SavepointPath)
		if err != nil {
			return errors.Join(errNoState, err)
		}
		run.SavepointPath = path
		return s.flink.RunJar(ctx, s.report.JarID, run)
	})
	if !ended {
		return nil
	}
	return l.submitted(ctx, a, explain(err, s.report.LogFiles))
}

func (l *loop) submitted(ctx context.Context, a *app.Application, failure error) error {
	var refused *flink.RESTError
	known := errors.As(failure, &refused) && strings.Contains(failure.Error(), "DuplicateJobSubmission")
	if failure != nil && !known {
		if refused == nil && !errors.Is(failure, errNoState) {
			failure = l.unanswered(ctx, a, failure)
		}
		return l.fail(ctx, a, failure)
	}
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if !a.Run.Submitted.IsZero() {
			a.Run.Resumed++
			a.Run.Rescaled = 0 // the counter was the JobManager's
		}
		a.Run.Submitted = now
		return nil
	})
}

// unanswered tells why a JobManager gave no answer: how it ended, if it has.
func (l *loop) unanswered(ctx context.Context, a *app.Application, failure error) error {
	r, err := l.report(ctx, a)
	if err != nil {
		return errors.Join(failure, err)
	}
	for _, p := range r.Processes {
		if p.Role == driver.JobManager && !p.Alive && p.Exit != "" {
			return fmt.Errorf("the JobManager ended while main() ran (does main() call System.exit?): %s", p.Exit)
		}
	}
	return fmt.Errorf("the JobManager did not answer while main() ran: %w", failure)
}
