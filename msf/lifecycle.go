package msf

import (
	"context"
	"errors"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

// downtime is AWS's answer to whatever needs a snapshot of a job that is down (developer guide, "Troubleshoot: application
// issues").
const downtime = "Failed to take snapshot for the application %s at this moment. The application is currently experiencing downtime. " +
	"Please check the application's CloudWatch metrics or CloudWatch logs for any possible errors and retry the request. " +
	"You can also retry the request after disabling the snapshots in the Managed Service for Apache Flink console or by updating the ApplicationSnapshotConfiguration through the AWS SDK"

// health tells how the job of an application is that takes a request. It is asked before a change begins: the answer may take
// a while, and changes wait for one another.
func (s *Service) health(ctx context.Context, k app.Key, r app.Request) app.Health {
	a, err := s.DB.Application(ctx, k)
	if err != nil || a.Run == nil || !a.Status().Allows(r) {
		return app.NotKnown // which the change finds as well, and refuses
	}
	return s.Keeper.Health(ctx, k)
}

// StartApplication begins a start. The job restores from the latest snapshot unless asked otherwise; without any it begins
// empty.
func (s *Service) StartApplication(ctx context.Context, in *msf.StartApplicationInput) (*msf.StartApplicationOutput, error) {
	var op *app.Operation
	_, err := s.update(ctx, key(ctx, in.ApplicationName), func(tx *appdb.Tx, a *app.Application) error {
		if err := allow(a, app.ToStart); err != nil {
			return err
		}
		if a.Version.Configuration.Code == nil {
			return msf.InvalidApplicationConfigurationException.Errorf("Application %s has no code: set ApplicationCodeConfiguration with UpdateApplication", a.Name)
		}
		var rc msf.RunConfiguration
		if in.RunConfiguration != nil {
			rc = *in.RunConfiguration
		}
		restore, err := s.restore(tx, a, rc.ApplicationRestoreConfiguration, rc.FlinkRunConfiguration)
		if err != nil {
			return err
		}
		op = s.begin(a, app.Start)
		op.Wanted = restore
		if a.Version.Configuration.Rollback && !a.Version.Ran {
			op.Fallback, err = ranBefore(tx, a)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &msf.StartApplicationOutput{OperationId: &op.ID}, nil
}

// restore finds the state that a run configuration names.
func (s *Service) restore(tx *appdb.Tx, a *app.Application, rc *msf.ApplicationRestoreConfiguration, fc *msf.FlinkRunConfiguration) (app.Restore, error) {
	r := app.Restore{Type: string(msf.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT)}
	if fc != nil {
		set(&r.AllowNonRestored, fc.AllowNonRestoredState)
	}
	if rc != nil {
		r.Type = string(rc.ApplicationRestoreType)
	}
	switch msf.ApplicationRestoreType(r.Type) {
	case msf.ApplicationRestoreTypeSKIP_RESTORE_FROM_SNAPSHOT:
		return r, nil
	case msf.ApplicationRestoreTypeRESTORE_FROM_CUSTOM_SNAPSHOT:
		if (rc.SnapshotName == nil) == (rc.SnapshotArn == nil) {
			return r, msf.InvalidArgumentException.Errorf("Either SnapshotName or SnapshotArn is needed to restore from a custom snapshot, and only one of them")
		}
		if rc.SnapshotArn != nil {
			snap, err := restoreEnhanced(tx, a, *rc.SnapshotArn)
			if err != nil {
				return r, err
			}
			r.Path, r.Snapshot, r.SnapshotARN = snap.Path, snap.Name, snap.ARN
			return r, s.readable(snap.Runtime, a)
		}
		if a.Version.Configuration.Enhanced {
			return r, msf.InvalidArgumentException.Errorf("SnapshotName is for applications in SnapshotMode APPLICATION_SNAPSHOTS_LEGACY; use SnapshotArn")
		}
		snap, err := tx.Snapshot(a.ID, *rc.SnapshotName)
		if errors.Is(err, appdb.ErrNotFound) || err == nil && snap.Status != app.SnapshotReady {
			return r, msf.InvalidArgumentException.Errorf("The snapshot name %s provided for restore configuration does not exist.", *rc.SnapshotName)
		}
		if err != nil {
			return r, err
		}
		r.Path, r.Snapshot = snap.Path, snap.Name
		return r, s.readable(snap.Runtime, a)
	}
	snap, err := tx.LatestSnapshot(a.ID, appdb.AnyRuntime)
	if errors.Is(err, appdb.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Path, r.Snapshot, r.SnapshotARN = snap.Path, snap.Name, snap.ARN
	return r, s.readable(snap.Runtime, a)
}

// readable refuses state that the application's runtime cannot restore (developer guide, "In-place version upgrades"). It says
// the ways out.
func (s *Service) readable(from string, a *app.Application) error {
	if err := s.Compatible(from, a.Version.Configuration.Runtime); err != nil {
		return msf.InvalidArgumentException.Errorf("The application %s cannot go on from this state: %v. Name another snapshot (RESTORE_FROM_CUSTOM_SNAPSHOT) or begin without state (SKIP_RESTORE_FROM_SNAPSHOT)", a.Name, err)
	}
	return nil
}

// StopApplication begins a stop: with a snapshot if they are enabled, at once if forced.
func (s *Service) StopApplication(ctx context.Context, in *msf.StopApplicationInput) (*msf.StopApplicationOutput, error) {
	k, force := key(ctx, in.ApplicationName), in.Force != nil && *in.Force
	health := app.NotKnown
	if !force {
		health = s.health(ctx, k, app.ToStop)
	}
	var op *app.Operation
	_, err := s.update(ctx, k, func(tx *appdb.Tx, a *app.Application) error {
		if force {
			return s.forceStop(tx, a, &op)
		}
		if err := allow(a, app.ToStop); err != nil {
			return err
		}
		if err := s.interrupt(tx, a); err != nil {
			return err
		}
		if a.Version.Configuration.Snapshots && health != app.Up {
			return msf.InvalidApplicationConfigurationException.Errorf(downtime, a.Name)
		}
		op = s.begin(a, app.Stop)
		if a.Version.Configuration.Snapshots {
			op.Snapshot = a.SnapshotName("STOP", op.Start)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.StopApplicationOutput{OperationId: &op.ID}, nil
}

func (s *Service) forceStop(tx *appdb.Tx, a *app.Application, op **app.Operation) error {
	if err := allow(a, app.ToForceStop); err != nil {
		return err
	}
	if err := s.interrupt(tx, a); err != nil {
		return err
	}
	*op = s.begin(a, app.ForceStop)
	return nil
}

// interrupt ends the operation in progress in favour of another. One whose job runs already has done its work.
func (s *Service) interrupt(tx *appdb.Tx, a *app.Application) error {
	op := a.Operation
	if op == nil {
		return nil
	}
	op.End, op.Status = s.Now().UTC(), app.Cancelled
	if a.Status() == app.Running {
		op.Status, a.Version.Ran = app.Successful, true
		if err := tx.PutVersion(a.ID, &a.Version); err != nil {
			return err
		}
	}
	if op.Snapshot != "" {
		if err := failSnapshot(tx, a, op.Snapshot); err != nil {
			return err
		}
	}
	a.Operation = nil
	return tx.PutOperation(a.ID, op)
}

func failSnapshot(tx *appdb.Tx, a *app.Application, name string) error {
	if app.Reserved(name) {
		return nil // the keeper sees that its operation has ended
	}
	snap, err := tx.Snapshot(a.ID, name)
	if errors.Is(err, appdb.ErrNotFound) || err == nil && snap.Status != app.SnapshotCreating {
		return nil
	}
	if err != nil {
		return err
	}
	snap.Status = app.SnapshotFailed
	return tx.PutSnapshot(a.ID, snap)
}

// DeleteApplication begins a deletion; a running application is stopped by it.
func (s *Service) DeleteApplication(ctx context.Context, in *msf.DeleteApplicationInput) (*msf.DeleteApplicationOutput, error) {
	_, err := s.update(ctx, key(ctx, in.ApplicationName), func(tx *appdb.Tx, a *app.Application) error {
		if err := allow(a, app.ToDelete); err != nil {
			return err
		}
		if in.CreateTimestamp.Unix() != a.Created.Unix() {
			return msf.ConcurrentModificationException.Errorf("The application with name: '%s' has a different create timestamp than the one you provided. Please call DescribeApplication to fetch valid create timestamp.", a.Name)
		}
		if err := s.interrupt(tx, a); err != nil {
			return err
		}
		s.begin(a, app.Delete)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.DeleteApplicationOutput{}, nil
}
