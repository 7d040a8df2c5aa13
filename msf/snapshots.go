package msf

import (
	"context"
	"errors"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
)

const maxSnapshots = 1000

// CreateApplicationSnapshot asks for a snapshot of a running application.
func (s *Service) CreateApplicationSnapshot(ctx context.Context, in *msf.CreateApplicationSnapshotInput) (*msf.CreateApplicationSnapshotOutput, error) {
	k := key(ctx, in.ApplicationName)
	health := s.health(ctx, k, app.ToSnapshot)
	_, err := s.update(ctx, k, func(tx *appdb.Tx, a *app.Application) error {
		if !a.Status().Allows(app.ToSnapshot) {
			return msf.InvalidRequestException.Errorf("Application %s is in %s status. Snapshot creation is only allowed when application is in RUNNING status", a.Name, a.Status())
		}
		if a.Version.Configuration.Enhanced { // one type of snapshots at a time (developer guide, "Manage application backups using snapshots")
			return msf.InvalidApplicationConfigurationException.Errorf("Application %s uses the SnapshotMode ENHANCED_SNAPSHOTS; call CreateSnapshot", a.Name)
		}
		all, err := tx.Snapshots(a.ID)
		if err != nil {
			return err
		}
		for _, snap := range all {
			if snap.Name == *in.SnapshotName {
				return msf.ResourceInUseException.Errorf("Provided Snapshot name %s already exists for application %s", snap.Name, a.Name)
			}
		}
		if len(all) >= maxSnapshots {
			return msf.LimitExceededException.Errorf("The application %s has the maximum of %d snapshots; delete some", a.Name, maxSnapshots)
		}
		if health != app.Up {
			return msf.InvalidApplicationConfigurationException.Errorf(downtime, a.Name)
		}
		return tx.PutSnapshot(a.ID, &app.Snapshot{
			Name: *in.SnapshotName, Status: app.SnapshotCreating, Version: a.Version.ID, Runtime: a.Version.Configuration.Runtime, Created: s.now(),
		})
	})
	if err != nil {
		return nil, err
	}
	return &msf.CreateApplicationSnapshotOutput{}, nil
}

func snapshotNotFound(a *app.Application, name string) error {
	return msf.ResourceNotFoundException.Errorf("Snapshot %s does not exist for application %s", name, a.Name)
}

func snapshotDetails(snap *app.Snapshot) msf.SnapshotDetails {
	return msf.SnapshotDetails{
		SnapshotName: &snap.Name, SnapshotStatus: msf.SnapshotStatus(snap.Status), ApplicationVersionId: &snap.Version,
		SnapshotCreationTimestamp: &snap.Created, RuntimeEnvironment: msf.RuntimeEnvironment(snap.Runtime),
		ApplicationEncryptionConfigurationDescription: encryption(),
	}
}

// DescribeApplicationSnapshot describes one snapshot.
func (s *Service) DescribeApplicationSnapshot(ctx context.Context, in *msf.DescribeApplicationSnapshotInput) (*msf.DescribeApplicationSnapshotOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	var snap *app.Snapshot
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		snap, err = tx.Snapshot(a.ID, *in.SnapshotName)
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, snapshotNotFound(a, *in.SnapshotName)
	}
	if err != nil {
		return nil, err
	}
	return &msf.DescribeApplicationSnapshotOutput{SnapshotDetails: new(snapshotDetails(snap))}, nil
}

// ListApplicationSnapshots lists oldest first, automatic ones too. It declares no ResourceNotFoundException, so a missing
// application is an argument that is not valid.
func (s *Service) ListApplicationSnapshots(ctx context.Context, in *msf.ListApplicationSnapshotsInput) (*msf.ListApplicationSnapshotsOutput, error) {
	k := key(ctx, in.ApplicationName)
	a, err := s.load(ctx, k)
	if errors.Is(err, msf.ResourceNotFoundException) {
		return nil, noApplication(k)
	}
	if err != nil {
		return nil, err
	}
	var all []*app.Snapshot
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		all, err = tx.Snapshots(a.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	part, next, err := cut(all, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &msf.ListApplicationSnapshotsOutput{SnapshotSummaries: []msf.SnapshotDetails{}, NextToken: next}
	for _, snap := range part {
		out.SnapshotSummaries = append(out.SnapshotSummaries, snapshotDetails(snap))
	}
	return out, nil
}

// DeleteApplicationSnapshot begins the deletion of a snapshot.
func (s *Service) DeleteApplicationSnapshot(ctx context.Context, in *msf.DeleteApplicationSnapshotInput) (*msf.DeleteApplicationSnapshotOutput, error) {
	_, err := s.update(ctx, key(ctx, in.ApplicationName), func(tx *appdb.Tx, a *app.Application) error {
		snap, err := tx.Snapshot(a.ID, *in.SnapshotName)
		if errors.Is(err, appdb.ErrNotFound) {
			return snapshotNotFound(a, *in.SnapshotName)
		}
		if err != nil {
			return err
		}
		if snap.Created.Unix() != in.SnapshotCreationTimestamp.Unix() {
			return msf.InvalidArgumentException.Errorf("The snapshot %s has a different SnapshotCreationTimestamp than the one you provided '%d'. Please call DescribeApplicationSnapshot to fetch valid SnapshotCreationTimestamp.", snap.Name, in.SnapshotCreationTimestamp.UnixMilli())
		}
		if snap.Status == app.SnapshotCreating {
			return msf.ResourceInUseException.Errorf("Snapshot %s is being created", snap.Name)
		}
		snap.Status = app.SnapshotDeleting
		return tx.PutSnapshot(a.ID, snap)
	})
	if err != nil {
		return nil, err
	}
	return &msf.DeleteApplicationSnapshotOutput{}, nil
}
