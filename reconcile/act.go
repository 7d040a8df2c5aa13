package reconcile

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// act carries out one step. It never decides.
func (l *loop) act(ctx context.Context, a *app.Application, s sight, step app.Step) error {
	switch step.Kind {
	case app.Idle, app.Wait:
		return nil
	case app.EnsureCluster:
		return l.ensureCluster(ctx, a, s)
	case app.StopCluster:
		return l.stopCluster(ctx, a, s)
	case app.Submit:
		return l.submit(ctx, a, s)
	case app.CheckState:
		return l.checkState(ctx, a, s)
	case app.Flush:
		return l.flush(ctx, a, s)
	case app.TakeSavepoint:
		return l.takeSavepoint(ctx, a, s)
	case app.KeepSnapshot:
		return l.keepSnapshot(ctx, a, s)
	case app.CancelJob:
		return l.cancelJob(ctx, a, s)
	case app.Erase:
		return l.erase(ctx, a)
	case app.Report:
		return l.reportFailure(ctx, a, step.Error)
	case app.Draft:
		return l.draft(ctx, a, s)
	case app.Resize:
		return l.resize(ctx, a, s)
	case app.Release:
		return l.release(ctx, a, s)
	case app.ScaleTo:
		return l.scale(ctx, a, step)
	case app.Suggest:
		return l.suggest(ctx, a, step)
	case app.Forgo:
		return l.forgo(ctx, a, step.Error)
	case app.Revert:
		return l.revert(ctx, a, s, step.Error)
	case app.Finish:
		l.abandon() // main() of code that is refused may run on for ever
	}
	return l.note(ctx, a, step)
}

// same tells whether the stored application is still the one that was looked at: a caller may have changed the operation.
func same(a, stored *app.Application) bool {
	if stored.ID != a.ID || (a.Operation == nil) != (stored.Operation == nil) {
		return false
	}
	return a.Operation == nil || a.Operation.ID == stored.Operation.ID
}

// errChanged says that the application has changed since it was looked at; the next look sees how.
var errChanged = errors.New("reconcile: changed meanwhile")

// store changes the application, unless somebody else has.
func (l *loop) store(ctx context.Context, a *app.Application, change func(tx *appdb.Tx, a *app.Application) error) error {
	_, err := l.DB.Update(ctx, l.key, func(tx *appdb.Tx, stored *app.Application) error {
		if !same(a, stored) {
			return errChanged
		}
		return change(tx, stored)
	})
	if errors.Is(err, errChanged) {
		return nil
	}
	return err
}

// note stores what a step that only remembers has decided.
func (l *loop) note(ctx context.Context, a *app.Application, step app.Step) error {
	now := l.Now()
	err := l.store(ctx, a, func(tx *appdb.Tx, a *app.Application) error {
		switch step.Kind {
		case app.BeginRun:
			a.Run = &app.Run{Version: a.Version.ID, Parallelism: a.Target(), Restore: step.Restore, JobID: newID()}
			a.Operation.StepFrom, a.Operation.Wanted = now, step.Restore
		case app.Reach:
			a.Run.Reached = now
		case app.Adopt:
			adopt(a, now)
		case app.RollBack:
			return l.rollBack(tx, a, step)
		case app.NoteDown:
			a.Run.DownSince = now
		case app.NoteUp:
			a.Run.DownSince = time.Time{}
		case app.NoteRan:
			a.Version.Ran = true
			return tx.PutVersion(a.ID, &a.Version)
		case app.Fail:
			a.Operation.Fault, a.Run = short(step.Error), nil
			if step.Restore.Path != "" {
				a.Operation.Wanted = step.Restore
			}
		case app.EndRun:
			a.Run = nil
		case app.Finish:
			return l.finish(tx, a, step.Error)
		}
		return nil
	})
	told := (step.Kind == app.Finish || step.Kind == app.RollBack) && a.Operation.Fault != "" // when the fault was noted
	if err == nil && step.Error != "" && !told {
		l.Telemetry.Record(ctx, a, codeApplication, step.Error)
	}
	return err
}

// finish closes the operation.
func (l *loop) finish(tx *appdb.Tx, a *app.Application, failure string) error {
	op := a.Operation
	op.End, op.Status, op.Error = l.Now(), app.Successful, short(failure)
	if failure != "" {
		op.Status = app.Failed
		if a.Run != nil {
			a.Run.LastError = failure
		}
	}
	switch {
	case op.Kind == app.Stop && failure == "", op.Kind == app.ForceStop:
		a.Run = nil
	case failure != "" && op.Previous != nil && !op.Stopped && a.Run != nil && a.Run.Version != a.Version.ID:
		a.Version = *op.Previous // the old job goes on with the old configuration
	}
	a.Operation = nil
	if failure == "" && a.Run != nil && a.Run.Version == a.Version.ID && !a.Version.Ran {
		a.Version.Ran = true
		if err := tx.PutVersion(a.ID, &a.Version); err != nil {
			return err
		}
	}
	return tx.PutOperation(a.ID, op)
}

// rollBack closes the operation as failed and opens the one that undoes it.
func (l *loop) rollBack(tx *appdb.Tx, a *app.Application, step app.Step) error {
	op := a.Operation
	op.Rollback = appdb.NewID()
	if err := l.finish(tx, a, step.Error); err != nil {
		return err
	}
	a.RollBack(op.Fallback, step.Restore, op.Rollback, appdb.NewToken(), l.Now().UTC())
	return tx.PutVersion(a.ID, &a.Version)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (l *loop) ensureCluster(ctx context.Context, a *app.Application, s sight) error {
	for _, dir := range []string{flink.CheckpointDir(s.spec.State), flink.SavepointDir(s.spec.State)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	err := l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if a.Cluster == nil {
			a.Cluster = &app.Cluster{Fingerprint: s.Fingerprint}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range s.report.Processes {
		if !p.Alive && p.Exit != "" {
			l.tell(ctx, a, p.Name+" ended and is started again: "+p.Exit)
		}
	}
	h, err := l.Driver.Ensure(ctx, s.spec)
	if err != nil {
		return l.fail(ctx, a, err)
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		if a.Cluster == nil || a.Run == nil {
			return nil
		}
		a.Cluster.Handle, a.Run.Placed = raw, true
		if op := a.Operation; op != nil && op.Rescale != nil {
			op.Rescale.Joined = true
		}
		return nil
	})
}

func (l *loop) stopCluster(ctx context.Context, a *app.Application, s sight) error {
	l.abandon()
	if a.Cluster.Handle == nil { // the server ended while the driver worked: ask it for the handle again
		h, err := l.Driver.Ensure(ctx, s.spec)
		if h.Data == nil {
			return err
		}
		if a.Cluster.Handle, err = json.Marshal(h); err != nil {
			return err
		}
	}
	h, err := l.handle(a)
	if err != nil {
		return err
	}
	if err := l.Driver.Stop(ctx, h); err != nil {
		return err
	}
	l.Telemetry.Forget(a)
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		a.Cluster = nil
		if op := a.Operation; op != nil && (op.Kind == app.Stop || op.Kind == app.ForceStop) {
			op.Stopped = true
		}
		return nil
	})
}

const flushTimeout = 30 * time.Second

// flush takes a checkpoint. FlinkKinesisConsumer before connector 5.0 keeps, when a job stops with a savepoint, the positions of
// the last checkpoint (FLINK-35115): the younger that is, the less is read again. What cannot be flushed is stopped all the same.
func (l *loop) flush(ctx context.Context, a *app.Application, s sight) error {
	ended, err := l.await("flush "+a.Operation.ID, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		return s.flink.Checkpoint(ctx, a.Run.JobID, newID())
	})
	if !ended {
		return nil
	}
	if err != nil {
		l.Log.Debug("no checkpoint before the stop", "application", a.Name, "reason", err)
	}
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		a.Operation.Flushed = true
		return nil
	})
}

// takeSavepoint stores the trigger first: asking Flink again for the same one does no harm.
func (l *loop) takeSavepoint(ctx context.Context, a *app.Application, s sight) error {
	if a.Operation.Trigger != "" {
		return l.askSavepoint(ctx, a, s, a.Operation.Trigger)
	}
	trigger, now := newID(), l.Now()
	err := l.store(ctx, a, func(tx *appdb.Tx, a *app.Application) error {
		a.Operation.Trigger, a.Operation.StepFrom = trigger, now
		return l.beginSnapshot(tx, a, &app.Snapshot{
			Name: a.Operation.Snapshot, Status: app.SnapshotCreating, Version: a.Run.Version, Runtime: runtimeOf(a),
			Created: now, Trigger: trigger,
		})
	})
	if err != nil {
		return err
	}
	return l.askSavepoint(ctx, a, s, trigger)
}

// runtimeOf is the runtime of the job that runs: of an update's old one that is not the current version's.
func runtimeOf(a *app.Application) string {
	if op := a.Operation; op.Previous != nil {
		return op.Previous.Configuration.Runtime
	}
	return a.Version.Configuration.Runtime
}

// askSavepoint asks Flink to stop the job with a savepoint. What Flink refuses fails the operation; what did not arrive
// is asked again after the next look.
func (l *loop) askSavepoint(ctx context.Context, a *app.Application, s sight, trigger string) error {
	if s.flink == nil {
		return nil
	}
	err := s.flink.StopWithSavepoint(ctx, a.Run.JobID, "file://"+flink.TriggerDir(s.spec.State, trigger), trigger)
	var refused *flink.RESTError
	if errors.As(err, &refused) {
		return l.note(ctx, a, app.Step{Kind: app.Finish, Error: "Failed to take a snapshot: " + flink.Failure(err)})
	}
	return nil
}

func (l *loop) keepSnapshot(ctx context.Context, a *app.Application, s sight) error {
	path := s.Savepoint.Path
	err := l.store(ctx, a, func(tx *appdb.Tx, a *app.Application) error {
		a.Operation.Stopped = true
		return l.endSnapshot(tx, a, path)
	})
	l.PokeSnapshots()
	return err
}

func (l *loop) cancelJob(ctx context.Context, a *app.Application, s sight) error {
	if s.flink != nil && s.alive() {
		if err := s.flink.Cancel(ctx, a.Run.JobID); err != nil && !errors.Is(err, flink.ErrNotFound) {
			return err
		}
	}
	now := l.Now()
	return l.store(ctx, a, func(_ *appdb.Tx, a *app.Application) error {
		a.Operation.Stopped, a.Operation.StepFrom = true, now
		return nil
	})
}

func (l *loop) erase(ctx context.Context, a *app.Application) error {
	if busy, err := l.letGo(ctx, a); busy || err != nil {
		return err
	}
	if err := l.Tokens.ForgetApplication(ctx, a.Account, a.ARN); err != nil {
		return err
	}
	if err := os.RemoveAll(l.state(a)); err != nil {
		return err
	}
	return l.DB.Write(ctx, func(tx *appdb.Tx) error { return tx.Erase(a) })
}
