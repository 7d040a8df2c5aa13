package reconcile

import (
	"context"
	"errors"
	"fmt"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// checkState holds the new code against the state that it is to go on from, while the old job runs. It refuses the update if
// state would be lost, or if main() fails. Where nothing can be told the update goes on.
func (l *loop) checkState(ctx context.Context, a *app.Application, s sight) error {
	checker := l.StateChecker(a.Version.Configuration.Runtime)
	if checker == "" || wantedState(a, s) == "" {
		return l.checked(ctx, a)
	}
	q := flink.StateCheck{Former: s.report.JarID, Parallelism: int(a.Target())}
	var err error
	if q.Checker, err = l.place(ctx, a, checker); err != nil {
		return err
	}
	if q.Jar, err = l.place(ctx, a, s.spec.Jar); err != nil {
		return err
	}
	ended, err := l.await("check "+a.Operation.ID, func(ctx context.Context) error { return l.holdAgainst(ctx, a, s, q) })
	if !ended {
		return nil
	}
	var lost *flink.LostStateError
	var failed *flink.RESTError
	switch {
	case errors.As(err, &lost):
		return l.note(ctx, a, app.Step{Kind: app.Finish, Error: "The running job was left alone: the new code has " + lost.Error() +
			". Give the operators their uid back, or drop their state with AllowNonRestoredState."})
	case errors.As(err, &failed):
		return l.note(ctx, a, app.Step{Kind: app.Finish, Error: "The running job was left alone: the new code fails with " + flink.Failure(err)})
	case err != nil:
		l.Log.Warn("the state was not checked", "application", a.Name, "error", err)
	}
	return l.checked(ctx, a)
}

// wantedState is what the update is to go on from; "" = there is nothing yet.
func wantedState(a *app.Application, s sight) string {
	if path := a.Operation.Wanted.Path; path != "" {
		return path
	}
	return newestCheckpoint(s.spec.State, a.Run.JobID)
}

// holdAgainst asks again where the running job has dropped the checkpoint for a newer one.
func (l *loop) holdAgainst(ctx context.Context, a *app.Application, s sight, q flink.StateCheck) error {
	for asked := ""; ; {
		state := wantedState(a, s)
		if state == "" || state == asked {
			return fmt.Errorf("%q: %w", asked, flink.ErrStateGone)
		}
		asked = state
		var err error
		if q.State, err = l.bring(ctx, a, state); err != nil {
			return err
		}
		if err = s.flink.CheckState(ctx, q); !errors.Is(err, flink.ErrStateGone) {
			return err
		}
	}
}

func (l *loop) checked(ctx context.Context, a *app.Application) error {
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		a.Operation.Checked, a.Operation.StepFrom = true, now
		return nil
	})
}

func (l *loop) place(ctx context.Context, a *app.Application, archive string) (string, error) {
	h, err := l.handle(a)
	if err != nil {
		return "", err
	}
	return l.Driver.Place(ctx, h, archive)
}
