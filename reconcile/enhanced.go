package reconcile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"drey/app"
	"drey/app/appdb"
	"drey/flink"
)

// Codes of failed operations on snapshots. Failures of S3 and of roles have the codes of those services.
const (
	codeSavepoint = "SavepointFailed"
	codeInvalid   = "InvalidSavepoint"
	codeInternal  = "InternalFailure"
)

// enhanced takes the enhanced snapshots of a running application, and removes savepoints from its state directory that
// are kept elsewhere and that it does not need any more.
func (l *loop) enhanced(ctx context.Context, a *app.Application, s *sight) error {
	var own []*app.Enhanced
	err := l.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		own, err = tx.EnhancedOf(a.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, snap := range own {
		switch {
		case snap.Status != app.SnapshotCreating:
			err = l.sweep(ctx, snap)
		case snap.Local != "": // it is being kept
			s.snapshotting = true
		case a.Operation != nil && a.Operation.Snapshot == snap.Name: // the operation's own
		default:
			s.snapshotting = true
			err = l.takeEnhanced(ctx, a, *s, snap)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeEnhanced brings a snapshot to where its savepoint lies in the application's state directory. The trigger is stored
// before Flink is asked, so that asking again does no harm.
func (l *loop) takeEnhanced(ctx context.Context, a *app.Application, s sight, snap *app.Enhanced) error {
	if a.Run == nil || a.Operation != nil && a.Operation.Stopped {
		return l.tookEnhanced(ctx, a, snap, "the job ended before the snapshot was taken")
	}
	if l.Now().Sub(snap.Created) > app.SavepointTimeout {
		return l.tookEnhanced(ctx, a, snap, "the snapshot was not taken within "+app.SavepointTimeout.String())
	}
	if s.flink == nil || !s.Answers {
		return nil
	}
	if snap.Trigger == "" {
		snap.Trigger = newID()
		err := l.changeEnhanced(ctx, snap, func(_ *appdb.Tx, stored *app.Enhanced) error {
			stored.Trigger = snap.Trigger
			return nil
		})
		if err != nil {
			return err
		}
		return l.askEnhanced(ctx, a, s, snap)
	}
	sp, err := s.flink.Savepoint(ctx, a.Run.JobID, snap.Trigger)
	switch {
	case errors.Is(err, flink.ErrNotFound) && completedSavepoint(l.state(a), snap.Trigger) == "" && snap.Origin == app.CreateSnapshot:
		return l.askEnhanced(ctx, a, s, snap) // never asked, or forgotten
	case errors.Is(err, flink.ErrNotFound):
		return l.tookEnhanced(ctx, a, snap, "the operation that took the snapshot has ended")
	case err == nil && sp.Failure != "":
		return l.failEnhanced(ctx, snap, codeSavepoint, sp.Failure)
	case err != nil || !sp.Done:
		return nil // the next look tells
	}
	return l.tookEnhanced(ctx, a, snap, "Flink reports a savepoint at "+sp.Path+", where there is none")
}

func (l *loop) askEnhanced(ctx context.Context, a *app.Application, s sight, snap *app.Enhanced) error {
	err := s.flink.TakeSavepoint(ctx, a.Run.JobID, "file://"+flink.TriggerDir(s.spec.State, snap.Trigger), snap.Trigger)
	var refused *flink.RESTError
	if errors.As(err, &refused) {
		return l.failEnhanced(ctx, snap, codeSavepoint, flink.Failure(err))
	}
	return nil // what did not arrive is asked again after the next look
}

// tookEnhanced hands a completed savepoint over to be kept. Without one the snapshot has failed.
func (l *loop) tookEnhanced(ctx context.Context, a *app.Application, snap *app.Enhanced, otherwise string) error {
	path := ""
	if snap.Trigger != "" {
		path = completedSavepoint(l.state(a), snap.Trigger)
	}
	if path == "" {
		return l.failEnhanced(ctx, snap, codeSavepoint, otherwise)
	}
	err := l.changeEnhanced(ctx, snap, func(_ *appdb.Tx, stored *app.Enhanced) error {
		stored.Local = path
		return nil
	})
	l.PokeSnapshots()
	return err
}

func (l *loop) failEnhanced(ctx context.Context, snap *app.Enhanced, code, reason string) error {
	l.Log.Warn("snapshot failed", "application", snap.Application, "snapshot", snap.Name, "reason", firstLine(reason))
	return l.changeEnhanced(ctx, snap, func(tx *appdb.Tx, stored *app.Enhanced) error {
		stored.Status = app.SnapshotFailed
		return l.failOperations(tx, stored, code, reason)
	})
}

// failOperations closes what is in progress on a snapshot.
func (k *Keeper) failOperations(tx *appdb.Tx, snap *app.Enhanced, code, reason string) error {
	running, err := tx.RunningOn(snap.ID)
	if err != nil {
		return err
	}
	for _, op := range running {
		op.Status, op.End, op.ErrorCode, op.Error = app.Failed, k.Now().UTC(), code, short(reason)
		if err := tx.PutSnapshotOperation(op); err != nil {
			return err
		}
	}
	return nil
}

// changeEnhanced changes a snapshot, unless it is gone.
func (k *Keeper) changeEnhanced(ctx context.Context, snap *app.Enhanced, change func(*appdb.Tx, *app.Enhanced) error) error {
	return k.DB.Write(ctx, func(tx *appdb.Tx) error {
		stored, err := tx.Enhanced(snap.Key)
		if errors.Is(err, appdb.ErrNotFound) || err == nil && stored.ID != snap.ID {
			return nil
		}
		if err != nil {
			return err
		}
		if err := change(tx, stored); err != nil {
			return err
		}
		return tx.PutEnhanced(stored)
	})
}

// sweep removes a savepoint from the state directory unless the application's job began from it or will.
func (l *loop) sweep(ctx context.Context, snap *app.Enhanced) error {
	gone := false
	err := l.changeEnhanced(ctx, snap, func(tx *appdb.Tx, stored *app.Enhanced) error {
		a, err := tx.Application(l.key)
		if err != nil {
			return err
		}
		if stored.Status != app.SnapshotDeleting && !a.Uses(stored.Local) && (a.Run == nil || a.Run.Restore.Path != stored.Local) {
			stored.Local, gone = "", true
		}
		return nil
	})
	if err != nil || !gone {
		return err
	}
	return l.removeSavepoint(snap.ApplicationID, snap.Trigger)
}

// removeSavepoint removes the savepoint of a trigger from the state directory of an application, and nothing outside of
// that, wherever the application's links lead.
func (k *Keeper) removeSavepoint(appID, trigger string) error {
	if trigger == "" {
		return nil
	}
	root, err := os.OpenRoot(filepath.Join(k.StateDir, appID))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the application is gone
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(flink.TriggerDir(".", trigger))
}

// beginSnapshot stores the snapshot that an operation is about to take: in the mode of the application.
func (l *loop) beginSnapshot(tx *appdb.Tx, a *app.Application, snap *app.Snapshot) error {
	if !app.Reserved(snap.Name) {
		return tx.PutSnapshot(a.ID, snap)
	}
	e := &app.Enhanced{
		Key: app.Key{Account: a.Account, Region: a.Region, Name: snap.Name}, ID: newID(), ARN: strings.TrimSuffix(a.ARN, "application/"+a.Name) + "snapshot/" + snap.Name,
		Status: snap.Status, Origin: app.SystemCreateSnapshot, Created: snap.Created.UTC(), Application: a.Name, ApplicationID: a.ID, AppCreated: a.Created,
		Version: snap.Version, Runtime: snap.Runtime, Trigger: snap.Trigger,
	}
	if err := tx.PutEnhanced(e); err != nil {
		return err
	}
	return tx.PutSnapshotOperation(&app.SnapshotOperation{
		Key: e.Key, ID: appdb.NewID(), SnapshotID: e.ID, SnapshotARN: e.ARN, Kind: app.SystemCreateSnapshot, Status: app.InProgress, Start: e.Created,
		Application: a.Name, Operation: a.Operation.ID,
	})
}

// endSnapshot notes where the savepoint of an operation's snapshot is. An enhanced one is copied from there to where it
// stays; the job that begins from it need not wait for that.
func (l *loop) endSnapshot(tx *appdb.Tx, a *app.Application, path string) error {
	op := a.Operation
	if own := completedSavepoint(l.state(a), op.Trigger); own != "" {
		path = own // as we write it, whatever the JobManager says
	}
	from := app.Restore{Path: path, Snapshot: op.Snapshot}
	if app.Reserved(op.Snapshot) {
		e, err := tx.Enhanced(app.Key{Account: a.Account, Region: a.Region, Name: op.Snapshot})
		if err != nil {
			return err
		}
		e.Local, from.SnapshotARN = path, e.ARN
		if err := tx.PutEnhanced(e); err != nil {
			return err
		}
	} else {
		snap, err := tx.Snapshot(a.ID, op.Snapshot)
		if err != nil {
			return err
		}
		snap.Status, snap.Path = app.SnapshotReady, path
		if err := tx.PutSnapshot(a.ID, snap); err != nil {
			return err
		}
	}
	if op.Latest {
		op.Wanted.Path, op.Wanted.Snapshot, op.Wanted.SnapshotARN = from.Path, from.Snapshot, from.SnapshotARN
	}
	return nil
}

// letGo prepares for the end of an application: its snapshots stay. busy tells that a savepoint is still being kept.
func (l *loop) letGo(ctx context.Context, a *app.Application) (busy bool, err error) {
	err = l.DB.Write(ctx, func(tx *appdb.Tx) error {
		own, err := tx.EnhancedOf(a.ID)
		if err != nil {
			return err
		}
		for _, snap := range own {
			switch {
			case snap.Status == app.SnapshotCreating && snap.Local != "":
				busy = true
				continue
			case snap.Status == app.SnapshotCreating:
				snap.Status = app.SnapshotFailed
				if err := l.failOperations(tx, snap, codeSavepoint, "the application was deleted before the snapshot was taken"); err != nil {
					return err
				}
			case snap.Status == app.SnapshotDeleting: // that removes the files
				continue
			}
			snap.Local = ""
			if err := tx.PutEnhanced(snap); err != nil {
				return err
			}
		}
		return nil
	})
	return busy, err
}
