package msf

import (
	"context"
	"encoding/json"
	"reflect"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// UpdateApplication makes a new version of everything that is given, in one step. A running application gets it through
// a snapshot and a restart, unless the job that runs is that of the new version too.
func (s *Service) UpdateApplication(ctx context.Context, in *msf.UpdateApplicationInput) (*msf.UpdateApplicationOutput, error) {
	k := key(ctx, in.ApplicationName)
	before, err := s.load(ctx, k)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(before, in.CurrentApplicationVersionId, in.ConditionalToken); err != nil {
		return nil, err
	}
	if err := allow(before, app.ToUpdate); err != nil {
		return nil, err
	}
	next, inline, err := s.changed(before, in)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, before, next, inline, in); err != nil {
		return nil, err
	}
	health := s.health(ctx, k, app.ToUpdate)
	var op *app.Operation
	a, err := s.update(ctx, k, func(tx *appdb.Tx, a *app.Application) error {
		if a.Version.Token != before.Version.Token {
			return stale(a)
		}
		op, err = s.change(tx, a, *next, in, health)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &msf.UpdateApplicationOutput{ApplicationDetail: s.detail(a), OperationId: &op.ID}, nil
}

func stale(a *app.Application) error {
	return msf.ConcurrentModificationException.Errorf("The application %s was changed meanwhile: its current version is %d. Call DescribeApplication and retry with the current ApplicationVersionId.", a.Name, a.Version.ID)
}

// checkVersion wants proof that the caller knows the current version.
func checkVersion(a *app.Application, id *int64, token *string) error {
	switch {
	case id == nil && token == nil:
		return msf.InvalidArgumentException.Errorf("Either CurrentApplicationVersionId or ConditionalToken must be given")
	case id != nil && token != nil:
		return msf.InvalidArgumentException.Errorf("Only one of CurrentApplicationVersionId and ConditionalToken can be given")
	case id != nil && *id != a.Version.ID, token != nil && *token != a.Version.Token:
		return stale(a)
	}
	return nil
}

// changed gives the configuration after the update.
func (s *Service) changed(a *app.Application, in *msf.UpdateApplicationInput) (c *app.Configuration, inline []byte, err error) {
	c, err = clone(&a.Version.Configuration)
	if err != nil {
		return nil, nil, err
	}
	if in.RuntimeEnvironmentUpdate != "" {
		if err := s.runtime(in.RuntimeEnvironmentUpdate); err != nil {
			return nil, nil, err
		}
		c.Runtime = string(in.RuntimeEnvironmentUpdate)
		if c.Enhanced && !app.Enhances(c.Runtime) {
			return nil, nil, msf.InvalidArgumentException.Errorf("The SnapshotMode ENHANCED_SNAPSHOTS needs FLINK-1_20 or later, not %s", c.Runtime)
		}
	}
	set(&c.Role, in.ServiceExecutionRoleUpdate)
	if err := changeLogging(c, in.CloudWatchLoggingOptionUpdates); err != nil {
		return nil, nil, err
	}
	u := in.ApplicationConfigurationUpdate
	if u == nil {
		return c, nil, nil
	}
	if u.SqlApplicationConfigurationUpdate != nil || u.ZeppelinApplicationConfigurationUpdate != nil {
		return nil, nil, msf.InvalidArgumentException.Errorf("SQL and Zeppelin configurations are not supported for Flink applications")
	}
	if e := u.ApplicationEncryptionConfigurationUpdate; e != nil && e.KeyTypeUpdate == msf.KeyTypeCUSTOMER_MANAGED_KEY {
		return nil, nil, msf.UnsupportedOperationException.Errorf("KeyType CUSTOMER_MANAGED_KEY is not supported: this server has no KMS")
	}
	if cc := u.ApplicationCodeConfigurationUpdate; cc != nil {
		if c.Code, inline, err = changedCode(c.Code, cc.CodeContentUpdate); err != nil {
			return nil, nil, err
		}
	}
	if err := changeSections(c, a.Version.Configuration.Runtime, u); err != nil {
		return nil, nil, err
	}
	return c, inline, s.checkParallelism(c.Parallelism)
}

func clone(c *app.Configuration) (*app.Configuration, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	next := new(app.Configuration)
	return next, json.Unmarshal(raw, next)
}

// changeSections applies the rest: Flink's sections merge field by field, properties are replaced as a whole (developer
// guide, "Use runtime properties").
func changeSections(c *app.Configuration, runtime string, u *msf.ApplicationConfigurationUpdate) error {
	if f := u.FlinkApplicationConfigurationUpdate; f != nil {
		changeCheckpoint(c, f.CheckpointConfigurationUpdate)
		changeMonitoring(c, f.MonitoringConfigurationUpdate)
		changeParallelism(c, f.ParallelismConfigurationUpdate)
	}
	if p := u.EnvironmentPropertyUpdates; p != nil {
		groups, err := propertyGroups(p.PropertyGroups)
		if err != nil {
			return err
		}
		c.Properties = groups
	}
	if sn := u.ApplicationSnapshotConfigurationUpdate; sn != nil {
		enhanced, err := modeOf(sn.SnapshotModeUpdate, c.Enhanced, runtime)
		if err != nil {
			return err
		}
		c.Enhanced = enhanced
		set(&c.Snapshots, sn.SnapshotsEnabledUpdate)
	}
	if rb := u.ApplicationSystemRollbackConfigurationUpdate; rb != nil {
		set(&c.Rollback, rb.RollbackEnabledUpdate)
	}
	return changeVPC(c, u.VpcConfigurationUpdates)
}

func changeCheckpoint(c *app.Configuration, u *msf.CheckpointConfigurationUpdate) {
	if u == nil {
		return
	}
	setText(&c.Checkpoint.Type, string(u.ConfigurationTypeUpdate))
	if c.Checkpoint.Type == app.Default {
		c.Checkpoint = defaultCheckpoint()
		return
	}
	set(&c.Checkpoint.Enabled, u.CheckpointingEnabledUpdate)
	set(&c.Checkpoint.Interval, u.CheckpointIntervalUpdate)
	set(&c.Checkpoint.MinPause, u.MinPauseBetweenCheckpointsUpdate)
}

func changeMonitoring(c *app.Configuration, u *msf.MonitoringConfigurationUpdate) {
	if u == nil {
		return
	}
	setText(&c.Monitoring.Type, string(u.ConfigurationTypeUpdate))
	if c.Monitoring.Type == app.Default {
		c.Monitoring = defaultMonitoring()
		return
	}
	setText(&c.Monitoring.Metrics, string(u.MetricsLevelUpdate))
	setText(&c.Monitoring.Log, string(u.LogLevelUpdate))
}

func changeParallelism(c *app.Configuration, u *msf.ParallelismConfigurationUpdate) {
	if u == nil {
		return
	}
	setText(&c.Parallelism.Type, string(u.ConfigurationTypeUpdate))
	if c.Parallelism.Type == app.Default {
		c.Parallelism = defaultParallelism()
		return
	}
	set(&c.Parallelism.Parallelism, u.ParallelismUpdate)
	set(&c.Parallelism.PerKPU, u.ParallelismPerKPUUpdate)
	set(&c.Parallelism.AutoScaling, u.AutoScalingEnabledUpdate)
}

// prepare checks what needs more than the document: roles and code.
func (s *Service) prepare(ctx context.Context, a *app.Application, next *app.Configuration, inline []byte, in *msf.UpdateApplicationInput) error {
	r := wire.FromContext(ctx)
	if in.ServiceExecutionRoleUpdate != nil {
		if err := s.checkRole(ctx, r.Account, next.Role, a.ARN); err != nil {
			return err
		}
	}
	switch u := in.ApplicationConfigurationUpdate; {
	case next.Code == nil:
		return nil
	case u != nil && u.ApplicationCodeConfigurationUpdate != nil:
		return s.stage(ctx, r.Account, a.ARN, next, inline)
	case reusable(&a.Version.Configuration, next):
		return nil
	}
	return s.checkCode(next, s.staged(next.Code))
}

// change stores the new version. Whether the keeper has to act depends on whether a job runs.
func (s *Service) change(tx *appdb.Tx, a *app.Application, next app.Configuration, in *msf.UpdateApplicationInput, health app.Health) (op *app.Operation, err error) {
	if err := allow(a, app.ToUpdate); err != nil {
		return nil, err
	}
	if err := s.interrupt(tx, a); err != nil {
		return nil, err
	}
	previous, now, first, current := a.Version, s.now(), snapshotFirst(a, &next), a.Current()
	target := a.Carry(next.Parallelism, scales(in.ApplicationConfigurationUpdate))
	a.Version = app.Version{ID: a.Number(), Token: appdb.NewToken(), Created: now, UpdatedFrom: previous.ID, Configuration: next}
	a.Updated = now
	if err := tx.PutVersion(a.ID, &a.Version); err != nil {
		return nil, err
	}
	op = s.begin(a, app.Update)
	op.From, op.To, op.Previous, op.Parallelism = previous.ID, a.Version.ID, &previous, target
	if a.Run == nil { // nothing runs: the update is done with its storing
		op.Status, op.End = app.Successful, s.Now().UTC()
		a.Operation = nil
		return op, tx.PutOperation(a.ID, op)
	}
	if next.Rollback {
		if op.Fallback, err = ranBefore(tx, a); err != nil {
			return nil, err
		}
	}
	if in.RunConfigurationUpdate == nil && health == app.Up && s.stays(tx, a.ARN, &previous.Configuration, &next, current == target) {
		op.Rescale = &app.Rescale{From: current, To: target}
	}
	return op, s.wantRestart(tx, a, op, first, in.RunConfigurationUpdate, health)
}

// stays tells whether the job of one configuration can go on with another, and may. With the parallelism that it has nothing
// happens to it.
func (s *Service) stays(tx *appdb.Tx, arn string, old, next *app.Configuration, sameParallelism bool) bool {
	switch {
	case !app.SameJob(old, next):
		return false
	case sameParallelism:
		return true
	case s.Rescales == nil || !s.Rescales(old.Runtime) || !old.Rescales():
		return false
	}
	tags, err := tx.Tags(arn)
	if err != nil {
		return false // the transaction ends with the same error
	}
	policy, err := app.ReadPolicy(tags)
	return err == nil && !policy.Restart
}

// scales tells whether an update gives a parallelism.
func scales(u *msf.ApplicationConfigurationUpdate) bool {
	return u != nil && u.FlinkApplicationConfigurationUpdate != nil && u.FlinkApplicationConfigurationUpdate.ParallelismConfigurationUpdate != nil &&
		u.FlinkApplicationConfigurationUpdate.ParallelismConfigurationUpdate.ParallelismUpdate != nil
}

// snapshotFirst tells whether an update begins with a snapshot. One that disables snapshots does not: it is the documented
// way out for a job that is down (developer guide, "Troubleshoot: application issues").
func snapshotFirst(a *app.Application, next *app.Configuration) bool {
	return a.Version.Configuration.Snapshots && next.Snapshots
}

// wantRestart says where the new job's state will come from. The run configuration is the update's own, never the one
// before: what is left out is reset (API reference, "FlinkRunConfiguration"). A job that is down cannot be stopped with a
// snapshot, for which AWS refuses its update: here it goes on where Flink's own restart would, and the answer says where that
// is. One that may be up loses no state because nobody could ask it.
func (s *Service) wantRestart(tx *appdb.Tx, a *app.Application, op *app.Operation, snapshots bool, rc *msf.RunConfigurationUpdate, health app.Health) (err error) {
	if rc == nil {
		rc = &msf.RunConfigurationUpdate{}
	}
	if op.Wanted, err = s.restore(tx, a, rc.ApplicationRestoreConfiguration, rc.FlinkRunConfiguration); err != nil {
		return err
	}
	op.Check = checkable(&op.Previous.Configuration, &a.Version.Configuration) && !op.Wanted.AllowNonRestored &&
		op.Wanted.Type != string(msf.ApplicationRestoreTypeSKIP_RESTORE_FROM_SNAPSHOT)
	if snapshots && health == app.NotKnown && op.Wanted.Type != string(msf.ApplicationRestoreTypeSKIP_RESTORE_FROM_SNAPSHOT) {
		return msf.InvalidApplicationConfigurationException.Errorf(downtime, a.Name)
	}
	down := snapshots && health != app.Up
	if snapshots && !down {
		op.Snapshot = a.SnapshotName("UPDATEAPPLICATION", op.Start)
	}
	if op.Wanted.Type != string(msf.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT) {
		return nil
	}
	if err := s.readable(op.Previous.Configuration.Runtime, a); err != nil {
		return err
	}
	op.Wanted.Path, op.Wanted.Snapshot, op.Wanted.SnapshotARN = "", "", ""
	op.Latest, op.Down = snapshots && !down, down
	if down {
		op.Wanted.Snapshot = a.Run.Restore.Snapshot
		if path := s.Keeper.Checkpoint(a); path != "" {
			op.Wanted.Snapshot = app.CheckpointName(path)
		}
	}
	return nil
}

// checkable tells whether new code can be held against the state in the old job's JVMs: they have the old version's Flink and
// properties, on which a job graph may depend.
func checkable(old, next *app.Configuration) bool {
	return old.Code != nil && next.Code != nil && old.Code.SHA256 != next.Code.SHA256 && old.Runtime == next.Runtime && reflect.DeepEqual(old.Properties, next.Properties) &&
		next.Python() == nil // whose main() the checker cannot run
}
