package reconcile

import (
	"context"
	"errors"
	"path/filepath"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// snapshots takes manual snapshots and removes deleted ones, beside whatever else is under way, and sees which are the latest.
func (l *loop) snapshots(ctx context.Context, a *app.Application, s *sight) error {
	var all []*app.Snapshot
	err := l.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		if s.Latest, err = tx.LatestSnapshot(a.ID, appdb.AnyRuntime); err != nil && !errors.Is(err, appdb.ErrNotFound) {
			return err
		}
		if op := a.Operation; op != nil && op.Fallback != nil {
			reads := func(runtime string) bool { return l.Compatible(runtime, op.Fallback.Configuration.Runtime) == nil }
			if s.Undo, err = tx.LatestSnapshot(a.ID, reads); err != nil && !errors.Is(err, appdb.ErrNotFound) {
				return err
			}
		}
		all, err = tx.Snapshots(a.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, snap := range all {
		if a.Operation != nil && a.Operation.Snapshot == snap.Name {
			continue // the operation's own
		}
		switch snap.Status {
		case app.SnapshotCreating:
			s.snapshotting = true
			err = l.takeSnapshot(ctx, a, *s, snap)
		case app.SnapshotDeleting:
			if !a.Uses(snap.Path) { // else it waits until the job has read it
				err = l.deleteSnapshot(ctx, a, snap)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) takeSnapshot(ctx context.Context, a *app.Application, s sight, snap *app.Snapshot) error {
	if op := a.Operation; a.Run == nil || op != nil && op.Stopped && a.Run.Reached.Before(op.Start) { // it is not the job that came after
		return l.failSnapshot(ctx, a, snap, "the job ended before the snapshot was taken")
	}
	if l.Now().Sub(snap.Created) > app.SavepointTimeout {
		return l.failSnapshot(ctx, a, snap, "it was not taken within "+app.SavepointTimeout.String())
	}
	if s.flink == nil || !s.Answers {
		return nil
	}
	if snap.Trigger == "" {
		snap.Trigger = newID()
		if err := l.putSnapshot(ctx, a, snap, app.SnapshotCreating); err != nil {
			return err
		}
		return l.askSnapshot(ctx, a, s, snap)
	}
	sp, err := s.flink.Savepoint(ctx, a.Run.JobID, snap.Trigger)
	switch {
	case errors.Is(err, flink.ErrNotFound): // never asked, or forgotten
		if snap.Path = completedSavepoint(s.spec.State, snap.Trigger); snap.Path == "" {
			return l.askSnapshot(ctx, a, s, snap)
		}
	case err == nil && sp.Failure != "":
		return l.failSnapshot(ctx, a, snap, sp.Failure)
	case err != nil || !sp.Done:
		return nil // the next look tells
	default: // where it lies is for us to see: the JobManager runs the user's code
		if snap.Path = completedSavepoint(s.spec.State, snap.Trigger); snap.Path == "" {
			return l.failSnapshot(ctx, a, snap, "Flink reports a savepoint at "+sp.Path+", where there is none")
		}
	}
	return l.putSnapshot(ctx, a, snap, app.SnapshotReady)
}

func (l *loop) askSnapshot(ctx context.Context, a *app.Application, s sight, snap *app.Snapshot) error {
	err := s.flink.TakeSavepoint(ctx, a.Run.JobID, "file://"+flink.TriggerDir(s.spec.State, snap.Trigger), snap.Trigger)
	var refused *flink.RESTError
	if errors.As(err, &refused) {
		return l.failSnapshot(ctx, a, snap, flink.Failure(err))
	}
	return nil // what did not arrive is asked again after the next look
}

// failSnapshot tells the log why: what the API describes of such a snapshot has no place for a reason.
func (l *loop) failSnapshot(ctx context.Context, a *app.Application, snap *app.Snapshot, reason string) error {
	l.Telemetry.Record(ctx, a, codeSavepoint, "Failed to take the snapshot "+snap.Name+": "+reason)
	return l.putSnapshot(ctx, a, snap, app.SnapshotFailed)
}

// completedSavepoint finds the savepoint of a trigger; "" = there is no complete one. Flink writes _metadata last.
func completedSavepoint(state, trigger string) string {
	found, err := filepath.Glob(filepath.Join(flink.TriggerDir(state, trigger), "*", "_metadata"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return "file://" + filepath.Dir(found[0])
}

func (l *loop) putSnapshot(ctx context.Context, a *app.Application, snap *app.Snapshot, status string) error {
	snap.Status = status
	return l.DB.Write(ctx, func(tx *appdb.Tx) error { return tx.PutSnapshot(a.ID, snap) })
}

func (l *loop) deleteSnapshot(ctx context.Context, a *app.Application, snap *app.Snapshot) error {
	if err := l.removeSavepoint(a.ID, snap.Trigger); err != nil {
		return err
	}
	return l.DB.Write(ctx, func(tx *appdb.Tx) error { return tx.DeleteSnapshot(a.ID, snap.Name) })
}
