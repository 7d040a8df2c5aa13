package msf

import (
	"context"
	"errors"
	"strings"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// CreateSnapshot asks for an enhanced snapshot of a running application (developer guide, "Create and manage enhanced
// snapshots").
func (s *Service) CreateSnapshot(ctx context.Context, in *msf.CreateSnapshotInput) (*msf.CreateSnapshotOutput, error) {
	snap, tags, err := s.newEnhanced(ctx, *in.SnapshotName, in.SnapshotDescription, in.Tags, app.CreateSnapshot)
	if err != nil {
		return nil, err
	}
	op, k := s.onEnhanced(snap, app.CreateSnapshot), key(ctx, in.ApplicationName)
	health := s.health(ctx, k, app.ToSnapshot)
	err = s.DB.Write(ctx, func(tx *appdb.Tx) error {
		a, err := tx.Application(k)
		if errors.Is(err, appdb.ErrNotFound) {
			return noApplication(k)
		}
		if err != nil {
			return err
		}
		if err := snapshottable(tx, a, health); err != nil {
			return err
		}
		snap.Application, snap.ApplicationID, snap.AppCreated = a.Name, a.ID, a.Created
		snap.Version, snap.Runtime = a.Run.Version, a.Version.Configuration.Runtime
		return insertEnhanced(tx, snap, op, tags)
	})
	if err != nil {
		return nil, err
	}
	s.Keeper.Poke(k)
	return &msf.CreateSnapshotOutput{
		SnapshotArn: &snap.ARN, SnapshotStatus: msf.SnapshotStatus(snap.Status), SnapshotOperationId: &op.ID, SnapshotOperationStatus: msf.SnapshotOperationStatus(op.Status),
	}, nil
}

// snapshottable refuses an application that no enhanced snapshot can be taken of.
func snapshottable(tx *appdb.Tx, a *app.Application, health app.Health) error {
	c := a.Version.Configuration
	switch {
	case !app.Enhances(c.Runtime):
		return msf.InvalidApplicationConfigurationException.Errorf("Enhanced snapshots need FLINK-1_20 or later; application %s runs on %s", a.Name, c.Runtime)
	case !c.Enhanced:
		return msf.InvalidApplicationConfigurationException.Errorf("Application %s does not use the SnapshotMode ENHANCED_SNAPSHOTS", a.Name)
	case !a.Status().Allows(app.ToSnapshot):
		return msf.ResourceInUseException.Errorf("Application %s is in %s status. Snapshot creation is only allowed when application is in RUNNING status", a.Name, a.Status())
	}
	own, err := tx.EnhancedOf(a.ID)
	if err != nil {
		return err
	}
	for _, other := range own {
		if other.Status == app.SnapshotCreating {
			return msf.LimitExceededException.Errorf("The snapshot %s of application %s is being created: there can be one at a time", other.Name, a.Name)
		}
	}
	if health != app.Up {
		return msf.InvalidApplicationConfigurationException.Errorf(downtime, a.Name)
	}
	return nil
}

// ImportSnapshot brings a savepoint of any Flink cluster in from S3 (developer guide, "Import and export enhanced snapshots").
func (s *Service) ImportSnapshot(ctx context.Context, in *msf.ImportSnapshotInput) (*msf.ImportSnapshotOutput, error) {
	snap, tags, err := s.newEnhanced(ctx, *in.SnapshotName, in.SnapshotDescription, in.Tags, app.ImportSnapshot)
	if err != nil {
		return nil, err
	}
	from := in.ImportSourceConfiguration
	if err := noKMS(in.DestinationEncryptionConfiguration, from.SourceEncryptionConfiguration); err != nil {
		return nil, err
	}
	op := s.onEnhanced(snap, app.ImportSnapshot)
	if err := s.transfers(ctx, op, *from.ImportRoleArn, from.SourceS3PrefixLocation); err != nil {
		return nil, err
	}
	snap.From = op.Place
	if err := s.DB.Write(ctx, func(tx *appdb.Tx) error { return insertEnhanced(tx, snap, op, tags) }); err != nil {
		return nil, err
	}
	s.Keeper.PokeSnapshots()
	return &msf.ImportSnapshotOutput{
		SnapshotArn: &snap.ARN, SnapshotStatus: msf.SnapshotStatus(snap.Status), SnapshotOperationId: &op.ID, SnapshotOperationStatus: msf.SnapshotOperationStatus(op.Status),
	}, nil
}

// ExportSnapshot carries a snapshot out to S3, where any Flink cluster can restore from it.
func (s *Service) ExportSnapshot(ctx context.Context, in *msf.ExportSnapshotInput) (*msf.ExportSnapshotOutput, error) {
	to := in.ExportDestinationConfiguration
	if err := noKMS(to.DestinationEncryptionConfiguration); err != nil {
		return nil, err
	}
	snap, err := s.loadEnhanced(ctx, in.SnapshotName)
	if err != nil {
		return nil, err
	}
	op := s.onEnhanced(snap, app.ExportSnapshot)
	if err := s.transfers(ctx, op, *to.ExportRoleArn, to.DestinationS3PrefixLocation); err != nil {
		return nil, err
	}
	err = s.changeEnhanced(ctx, snap.Key, func(tx *appdb.Tx, now *app.Enhanced) error {
		if now.Status != app.SnapshotReady {
			return msf.ResourceInUseException.Errorf("Snapshot %s is in %s status; it can be exported when it is READY", now.Name, now.Status)
		}
		running, err := tx.RunningOn(now.ID)
		if err != nil {
			return err
		}
		for _, other := range running {
			if other.Kind == app.ExportSnapshot {
				return msf.LimitExceededException.Errorf("Snapshot %s is being exported by operation %s: there can be one export at a time", now.Name, other.ID)
			}
		}
		op.SnapshotID = now.ID
		return tx.PutSnapshotOperation(op)
	})
	if err != nil {
		return nil, err
	}
	return &msf.ExportSnapshotOutput{SnapshotOperationId: &op.ID, SnapshotOperationStatus: msf.SnapshotOperationStatus(op.Status)}, nil
}

// DeleteSnapshot begins the deletion of a snapshot; exports under way end first.
func (s *Service) DeleteSnapshot(ctx context.Context, in *msf.DeleteSnapshotInput) (*msf.DeleteSnapshotOutput, error) {
	var out *msf.DeleteSnapshotOutput
	err := s.changeEnhanced(ctx, key(ctx, in.SnapshotName), func(tx *appdb.Tx, snap *app.Enhanced) error {
		if snap.Created.Unix() != in.SnapshotCreationTimestamp.Unix() {
			return msf.InvalidArgumentException.Errorf("The snapshot %s has a different SnapshotCreationTimestamp than the one you provided '%d'. Please call DescribeSnapshot to fetch valid SnapshotCreationTimestamp.", snap.Name, in.SnapshotCreationTimestamp.UnixMilli())
		}
		if snap.Status != app.SnapshotReady && snap.Status != app.SnapshotFailed {
			return msf.ResourceInUseException.Errorf("Snapshot %s is in %s status; it can be deleted when it is READY or FAILED", snap.Name, snap.Status)
		}
		snap.Status = app.SnapshotDeleting
		op := s.onEnhanced(snap, app.DeleteSnapshot)
		out = &msf.DeleteSnapshotOutput{
			SnapshotArn: &snap.ARN, SnapshotStatus: msf.SnapshotStatus(snap.Status), SnapshotOperationId: &op.ID, SnapshotOperationStatus: msf.SnapshotOperationStatus(op.Status),
		}
		return tx.PutSnapshotOperation(op)
	})
	return out, err
}

// newEnhanced makes a snapshot that is being created.
func (s *Service) newEnhanced(ctx context.Context, name string, description *string, tags []msf.Tag, origin app.SnapshotKind) (*app.Enhanced, map[string]string, error) {
	if app.Reserved(name) {
		return nil, nil, msf.InvalidArgumentException.Errorf("Names of snapshots that begin with %s are reserved: %s", app.System, name)
	}
	t, err := newTags(tags)
	if err != nil {
		return nil, nil, err
	}
	r := wire.FromContext(ctx)
	snap := &app.Enhanced{
		Key: key(ctx, &name), ID: appdb.NewID(), ARN: snapshotARN(r, name), Status: app.SnapshotCreating, Origin: origin, Created: s.now(),
	}
	set(&snap.Description, description)
	return snap, t, nil
}

// onEnhanced opens an operation on a snapshot.
func (s *Service) onEnhanced(snap *app.Enhanced, kind app.SnapshotKind) *app.SnapshotOperation {
	return &app.SnapshotOperation{
		Key: snap.Key, ID: appdb.NewID(), SnapshotID: snap.ID, SnapshotARN: snap.ARN, Kind: kind, Status: app.InProgress, Start: s.Now().UTC(),
	}
}

// insertEnhanced stores a new snapshot. A name stays taken until its snapshot is deleted, failed ones too.
func insertEnhanced(tx *appdb.Tx, snap *app.Enhanced, op *app.SnapshotOperation, tags map[string]string) error {
	if _, err := tx.Enhanced(snap.Key); !errors.Is(err, appdb.ErrNotFound) {
		if err == nil {
			err = msf.ResourceInUseException.Errorf("The snapshot name %s is in use in the account %s and region %s", snap.Name, snap.Account, snap.Region)
		}
		return err
	}
	for k, v := range tags {
		if err := tx.PutTag(snap.ARN, k, v); err != nil {
			return err
		}
	}
	if err := tx.PutEnhanced(snap); err != nil {
		return err
	}
	return tx.PutSnapshotOperation(op)
}

// transfers fills in between where and with whose rights an operation moves data.
func (s *Service) transfers(ctx context.Context, op *app.SnapshotOperation, role string, at *msf.S3PrefixLocation) (err error) {
	if op.Place.Bucket, err = bucketName(*at.BucketARN); err != nil {
		return err
	}
	op.Place.Prefix, op.Role = *at.KeyPrefix, role
	return s.checkRole(ctx, op.Account, role, op.SnapshotARN)
}

// noKMS refuses keys of a customer's own.
func noKMS(wanted ...*msf.SnapshotEncryptionConfiguration) error {
	for _, e := range wanted {
		if e != nil && e.KeyType == msf.KeyTypeCUSTOMER_MANAGED_KEY {
			return msf.UnsupportedOperationException.Errorf("KeyType CUSTOMER_MANAGED_KEY is not supported: this server has no KMS")
		}
	}
	return nil
}

func enhancedNotFound(k app.Key) error {
	return msf.ResourceNotFoundException.Errorf("Snapshot %s does not exist in the account %s and region %s", k.Name, k.Account, k.Region)
}

func (s *Service) loadEnhanced(ctx context.Context, name *string) (snap *app.Enhanced, err error) {
	k := key(ctx, name)
	err = s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		snap, err = tx.Enhanced(k)
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, enhancedNotFound(k)
	}
	return snap, err
}

// changeEnhanced changes a snapshot in one transaction and wakes whoever works on it.
func (s *Service) changeEnhanced(ctx context.Context, k app.Key, change func(*appdb.Tx, *app.Enhanced) error) error {
	err := s.DB.Write(ctx, func(tx *appdb.Tx) error {
		snap, err := tx.Enhanced(k)
		if errors.Is(err, appdb.ErrNotFound) {
			return enhancedNotFound(k)
		}
		if err != nil {
			return err
		}
		if err := change(tx, snap); err != nil {
			return err
		}
		return tx.PutEnhanced(snap)
	})
	if err == nil {
		s.Keeper.PokeSnapshots()
	}
	return err
}

// modeOf reads a SnapshotMode. One way only: back to the legacy mode leads RollbackApplication alone (API reference,
// "ApplicationSnapshotConfigurationUpdate"). runtime is the current one, not the one of the same request.
func modeOf(mode msf.SnapshotMode, enhanced bool, runtime string) (bool, error) {
	switch {
	case mode == msf.SnapshotModeAPPLICATION_SNAPSHOTS_LEGACY && enhanced:
		return true, msf.InvalidArgumentException.Errorf("The SnapshotMode ENHANCED_SNAPSHOTS cannot be changed back to APPLICATION_SNAPSHOTS_LEGACY by an update; use RollbackApplication")
	case mode == msf.SnapshotModeENHANCED_SNAPSHOTS && !enhanced && !app.Enhances(runtime):
		return false, msf.InvalidArgumentException.Errorf("The SnapshotMode ENHANCED_SNAPSHOTS needs FLINK-1_20 or later; the application's current runtime is %s", runtime)
	}
	return enhanced || mode == msf.SnapshotModeENHANCED_SNAPSHOTS, nil
}

// restoreEnhanced finds the snapshot of an ARN for an application that is to begin from it (developer guide, "Restore an
// application from an enhanced snapshot").
func restoreEnhanced(tx *appdb.Tx, a *app.Application, arn string) (*app.Enhanced, error) {
	if !a.Version.Configuration.Enhanced {
		return nil, msf.InvalidArgumentException.Errorf("SnapshotArn is for applications in SnapshotMode ENHANCED_SNAPSHOTS; use SnapshotName")
	}
	name, ok := strings.CutPrefix(arn, "arn:aws:kinesisanalytics:"+a.Region+":"+a.Account+":snapshot/")
	if !ok {
		return nil, msf.InvalidArgumentException.Errorf("%s is no ARN of a snapshot in this account and region", arn)
	}
	snap, err := tx.Enhanced(app.Key{Account: a.Account, Region: a.Region, Name: name})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil, msf.InvalidArgumentException.Errorf("The snapshot %s provided for restore configuration does not exist.", arn)
	}
	if err == nil && snap.Status != app.SnapshotReady {
		err = msf.InvalidArgumentException.Errorf("The snapshot %s is in %s status; an application can begin from it when it is READY", arn, snap.Status)
	}
	return snap, err
}

// legacyAgain refuses a rollback to the legacy mode once an application was updated in the enhanced one (API reference,
// "ApplicationSnapshotConfigurationUpdate").
func legacyAgain(tx *appdb.Tx, a *app.Application, to *app.Version) error {
	if !a.Version.Configuration.Enhanced || to.Configuration.Enhanced {
		return nil
	}
	before, err := tx.Version(a.ID, a.Version.UpdatedFrom)
	if err == nil && (before.Configuration.Enhanced || a.Version.RolledFrom != 0) {
		err = msf.InvalidRequestException.Errorf("Application %s cannot be rolled back to version %d: it was updated since it uses the SnapshotMode ENHANCED_SNAPSHOTS", a.Name, to.ID)
	}
	return err
}

// withSystemSnapshot adds the permission that an update needs which takes a system snapshot (developer guide, "Upgrade an
// existing application to enhanced snapshots").
func (s *Service) withSystemSnapshot(ctx context.Context, list []wire.Access, in *msf.UpdateApplicationInput) ([]wire.Access, error) {
	a, err := s.DB.Application(ctx, key(ctx, in.ApplicationName))
	if errors.Is(err, appdb.ErrNotFound) {
		return list, nil // which the operation itself answers
	}
	if err != nil {
		return nil, err
	}
	enhanced, enabled := a.Version.Configuration.Enhanced, a.Version.Configuration.Snapshots
	if u := in.ApplicationConfigurationUpdate; u != nil && u.ApplicationSnapshotConfigurationUpdate != nil {
		sn := u.ApplicationSnapshotConfigurationUpdate
		enhanced = enhanced || sn.SnapshotModeUpdate == msf.SnapshotModeENHANCED_SNAPSHOTS
		set(&enabled, sn.SnapshotsEnabledUpdate)
	}
	if enhanced && enabled && a.Run != nil {
		list = append(list, wire.Access{Action: actions + "CreateSystemSnapshot", Resource: a.ARN})
	}
	return list, nil
}
