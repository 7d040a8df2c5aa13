package reconcile

import (
	"context"
	"errors"
	"os"
	"strings"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// snapshots takes manual snapshots and removes deleted ones, beside whatever else is under way.
func (l *loop) snapshots(ctx context.Context, a *app.Application, s *sight) error {
	var all []*app.Snapshot
	err := l.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
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
			err = l.deleteSnapshot(ctx, a, snap)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) takeSnapshot(ctx context.Context, a *app.Application, s sight, snap *app.Snapshot) error {
	if a.Run == nil || a.Operation != nil && a.Operation.Stopped {
		return l.putSnapshot(ctx, a, snap, app.SnapshotFailed)
	}
	if s.flink == nil || !s.Answers {
		return nil
	}
	if snap.Trigger == "" {
		snap.Trigger = newID()
		if err := l.putSnapshot(ctx, a, snap, app.SnapshotCreating); err != nil {
			return err
		}
		if err := s.flink.TakeSavepoint(ctx, a.Run.JobID, "file://"+flink.SavepointDir(s.spec.State), snap.Trigger); err != nil {
			l.Log.Warn("snapshot failed", "application", a.Name, "snapshot", snap.Name, "error", err)
			return l.putSnapshot(ctx, a, snap, app.SnapshotFailed)
		}
		return nil
	}
	sp, err := s.flink.Savepoint(ctx, a.Run.JobID, snap.Trigger)
	switch {
	case errors.Is(err, flink.ErrNotFound), err == nil && sp.Failure != "":
		l.Log.Warn("snapshot failed", "application", a.Name, "snapshot", snap.Name, "reason", firstLine(sp.Failure))
		return l.putSnapshot(ctx, a, snap, app.SnapshotFailed)
	case err != nil || !sp.Done:
		return nil // the next look tells
	}
	snap.Path = sp.Path
	return l.putSnapshot(ctx, a, snap, app.SnapshotReady)
}

func (l *loop) putSnapshot(ctx context.Context, a *app.Application, snap *app.Snapshot, status string) error {
	snap.Status = status
	return l.DB.Write(ctx, func(tx *appdb.Tx) error { return tx.PutSnapshot(a.ID, snap) })
}

func (l *loop) deleteSnapshot(ctx context.Context, a *app.Application, snap *app.Snapshot) error {
	if path := strings.TrimPrefix(snap.Path, "file:"); path != "" {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return l.DB.Write(ctx, func(tx *appdb.Tx) error { return tx.DeleteSnapshot(a.ID, snap.Name) })
}
