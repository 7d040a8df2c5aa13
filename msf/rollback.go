package msf

import (
	"context"
	"errors"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

// RollbackApplication returns to the version before the current one that ran, from the last successful snapshot. What it
// makes is a new version (API reference, "RollbackApplication").
func (s *Service) RollbackApplication(ctx context.Context, in *msf.RollbackApplicationInput) (*msf.RollbackApplicationOutput, error) {
	k := key(ctx, in.ApplicationName)
	health := s.health(ctx, k, app.ToRollback)
	var op *app.Operation
	a, err := s.update(ctx, k, func(tx *appdb.Tx, a *app.Application) error {
		if err := allow(a, app.ToRollback); err != nil {
			return err
		}
		if err := checkVersion(a, in.CurrentApplicationVersionId, nil); err != nil {
			return err
		}
		to, err := ranBefore(tx, a)
		if err != nil {
			return err
		}
		if to == nil {
			return msf.InvalidRequestException.Errorf("Application %s cannot be rolled back: no version before %d has run", a.Name, a.Version.ID)
		}
		if a.Run != nil && health == app.Up && s.stays(tx, a.ARN, &a.Version.Configuration, &to.Configuration, false) {
			op, err = s.rollBackInPlace(tx, a, to)
			return err
		}
		if err := legacyAgain(tx, a, to); err != nil {
			return err
		}
		snap, err := s.latestFor(tx, a, to)
		if err != nil {
			return err
		}
		if err := s.interrupt(tx, a); err != nil {
			return err
		}
		from := app.Restore{Type: string(msf.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT), Path: snap.Path, Snapshot: snap.Name, SnapshotARN: snap.ARN}
		op = a.RollBack(to, from, appdb.NewID(), appdb.NewToken(), s.Now().UTC())
		return tx.PutVersion(a.ID, &a.Version)
	})
	if err != nil {
		return nil, err
	}
	return &msf.RollbackApplicationOutput{ApplicationDetail: s.detail(a), OperationId: &op.ID}, nil
}

// rollBackInPlace returns to a version that differs in its parallelism alone: the running job is rescaled, and needs no snapshot.
// One is taken if it has to be restarted after all.
func (s *Service) rollBackInPlace(tx *appdb.Tx, a *app.Application, to *app.Version) (*app.Operation, error) {
	previous, from := a.Version, a.Current()
	if a.Operation != nil && a.Operation.Rescale != nil && a.Status() != app.Running {
		from = 0 // Flink may have been told already
	}
	if err := s.interrupt(tx, a); err != nil {
		return nil, err
	}
	op := a.RollBack(to, app.Restore{Type: string(msf.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT)}, appdb.NewID(), appdb.NewToken(), s.Now().UTC())
	op.Previous, op.Parallelism = &previous, to.Configuration.Parallelism.Parallelism
	op.Rescale = &app.Rescale{From: from, To: op.Parallelism}
	if a.Version.Configuration.Snapshots {
		op.Snapshot, op.Latest = a.SnapshotName("ROLLBACKAPPLICATION", op.Start), true
	}
	return op, tx.PutVersion(a.ID, &a.Version)
}

// latestFor finds the last successful snapshot that the runtime of a version can restore.
func (s *Service) latestFor(tx *appdb.Tx, a *app.Application, to *app.Version) (*app.Snapshot, error) {
	snap, err := tx.LatestSnapshot(a.ID, func(runtime string) bool { return s.Compatible(runtime, to.Configuration.Runtime) == nil })
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, msf.InvalidRequestException.Errorf("Application %s cannot be rolled back: it has no snapshot that version %d could go on from", a.Name, to.ID)
	}
	return snap, err
}

// ranBefore finds the version that a rollback of the application returns to: the newest before the current one that ran;
// nil = there is none.
func ranBefore(tx *appdb.Tx, a *app.Application) (*app.Version, error) {
	for from := a.Version.UpdatedFrom; from != 0; {
		v, err := tx.Version(a.ID, from)
		if err != nil || v.Ran {
			return v, err
		}
		from = v.UpdatedFrom
	}
	return nil, nil
}
