package msf

import (
	"context"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// DescribeApplication describes the current version and the state.
func (s *Service) DescribeApplication(ctx context.Context, in *msf.DescribeApplicationInput) (*msf.DescribeApplicationOutput, error) {
	a, err := s.load(ctx, key(ctx, in.ApplicationName))
	if err != nil {
		return nil, err
	}
	d := s.detail(a)
	if in.IncludeAdditionalDetails != nil && *in.IncludeAdditionalDetails {
		if plan := s.Keeper.JobPlan(ctx, a); plan != "" {
			d.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.JobPlanDescription = &plan
		}
	}
	return &msf.DescribeApplicationOutput{ApplicationDetail: d}, nil
}

const defaultPage = 50

// ListApplications pages by name: the token is the last name of the page before.
func (s *Service) ListApplications(ctx context.Context, in *msf.ListApplicationsInput) (*msf.ListApplicationsOutput, error) {
	r := wire.FromContext(ctx)
	limit, after := page(in.Limit), ""
	set(&after, in.NextToken)
	var list []*app.Application
	err := s.DB.Read(ctx, func(tx *appdb.Tx) (err error) {
		list, err = tx.Applications(r.Account, r.Region, after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &msf.ListApplicationsOutput{ApplicationSummaries: []msf.ApplicationSummary{}}
	if len(list) > limit {
		list = list[:limit]
		out.NextToken = &list[limit-1].Name
	}
	for _, a := range list {
		out.ApplicationSummaries = append(out.ApplicationSummaries, msf.ApplicationSummary{
			ApplicationName: &a.Name, ApplicationARN: &a.ARN, ApplicationStatus: msf.ApplicationStatus(a.Status()),
			ApplicationVersionId: &a.Version.ID, RuntimeEnvironment: msf.RuntimeEnvironment(a.Version.Configuration.Runtime), ApplicationMode: msf.ApplicationMode(a.Mode),
		})
	}
	return out, nil
}

func page(limit *int32) int {
	if limit == nil {
		return defaultPage
	}
	return int(*limit)
}

// detail is the application as it is read back.
func (s *Service) detail(a *app.Application) *msf.ApplicationDetail {
	d := versionDetail(a, &a.Version)
	d.ApplicationConfigurationDescription.RunConfigurationDescription = runConfiguration(a)
	d.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription.CurrentParallelism = new(a.Current())
	return d
}

// versionDetail describes one version of an application.
func versionDetail(a *app.Application, v *app.Version) *msf.ApplicationDetail {
	d := &msf.ApplicationDetail{
		ApplicationARN: &a.ARN, ApplicationName: &a.Name, RuntimeEnvironment: msf.RuntimeEnvironment(v.Configuration.Runtime),
		ServiceExecutionRole: &v.Configuration.Role, ApplicationStatus: msf.ApplicationStatus(a.Status()), ApplicationVersionId: &v.ID,
		CreateTimestamp: &a.Created, LastUpdateTimestamp: &a.Updated, ApplicationVersionCreateTimestamp: &v.Created,
		ConditionalToken: &v.Token, ApplicationMode: msf.ApplicationMode(a.Mode),
		ApplicationConfigurationDescription:            configuration(&v.Configuration),
		CloudWatchLoggingOptionDescriptions:            loggingOptions(&v.Configuration),
		ApplicationMaintenanceConfigurationDescription: maintenance(a),
	}
	if a.Description != "" {
		d.ApplicationDescription = &a.Description
	}
	d.ApplicationVersionUpdatedFrom = version(v.UpdatedFrom)
	d.ApplicationVersionRolledBackFrom, d.ApplicationVersionRolledBackTo = version(v.RolledFrom), version(v.RolledTo)
	return d
}

// version is the number of a version that may not be there.
func version(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func configuration(c *app.Configuration) *msf.ApplicationConfigurationDescription {
	d := &msf.ApplicationConfigurationDescription{
		ApplicationCodeConfigurationDescription: codeDescription(c.Code),
		FlinkApplicationConfigurationDescription: &msf.FlinkApplicationConfigurationDescription{
			CheckpointConfigurationDescription: &msf.CheckpointConfigurationDescription{
				ConfigurationType: msf.ConfigurationType(c.Checkpoint.Type), CheckpointingEnabled: &c.Checkpoint.Enabled,
				CheckpointInterval: &c.Checkpoint.Interval, MinPauseBetweenCheckpoints: &c.Checkpoint.MinPause,
			},
			MonitoringConfigurationDescription: &msf.MonitoringConfigurationDescription{
				ConfigurationType: msf.ConfigurationType(c.Monitoring.Type), MetricsLevel: msf.MetricsLevel(c.Monitoring.Metrics), LogLevel: msf.LogLevel(c.Monitoring.Log),
			},
			ParallelismConfigurationDescription: &msf.ParallelismConfigurationDescription{
				ConfigurationType: msf.ConfigurationType(c.Parallelism.Type), Parallelism: &c.Parallelism.Parallelism, ParallelismPerKPU: &c.Parallelism.PerKPU,
				CurrentParallelism: &c.Parallelism.Parallelism, AutoScalingEnabled: &c.Parallelism.AutoScaling,
			},
		},
		ApplicationSnapshotConfigurationDescription:       &msf.ApplicationSnapshotConfigurationDescription{SnapshotsEnabled: &c.Snapshots, SnapshotMode: snapshotMode(c)},
		ApplicationSystemRollbackConfigurationDescription: &msf.ApplicationSystemRollbackConfigurationDescription{RollbackEnabled: &c.Rollback},
		ApplicationEncryptionConfigurationDescription:     encryption(),
	}
	if c.Properties != nil {
		d.EnvironmentPropertyDescriptions = &msf.EnvironmentPropertyDescriptions{}
		for _, g := range c.Properties {
			d.EnvironmentPropertyDescriptions.PropertyGroupDescriptions = append(d.EnvironmentPropertyDescriptions.PropertyGroupDescriptions,
				msf.PropertyGroup{PropertyGroupId: &g.ID, PropertyMap: g.Map})
		}
	}
	for _, v := range c.VPC {
		d.VpcConfigurationDescriptions = append(d.VpcConfigurationDescriptions, *vpcDescription(&v))
	}
	return d
}

func snapshotMode(c *app.Configuration) msf.SnapshotMode {
	if c.Enhanced {
		return msf.SnapshotModeENHANCED_SNAPSHOTS
	}
	return msf.SnapshotModeAPPLICATION_SNAPSHOTS_LEGACY
}

func encryption() *msf.ApplicationEncryptionConfigurationDescription {
	return &msf.ApplicationEncryptionConfigurationDescription{KeyType: msf.KeyTypeAWS_OWNED_KEY}
}

func codeDescription(c *app.Code) *msf.ApplicationCodeConfigurationDescription {
	if c == nil {
		return nil
	}
	d := &msf.CodeContentDescription{CodeMD5: &c.MD5, CodeSize: &c.Size}
	if c.Bucket != "" {
		d.S3ApplicationCodeLocationDescription = &msf.S3ApplicationCodeLocationDescription{BucketARN: new(s3ARN + c.Bucket), FileKey: &c.Key}
		if c.ObjectVersion != "" {
			d.S3ApplicationCodeLocationDescription.ObjectVersion = &c.ObjectVersion
		}
	}
	return &msf.ApplicationCodeConfigurationDescription{CodeContentType: msf.CodeContentTypeZIPFILE, CodeContentDescription: d}
}

func loggingOptions(c *app.Configuration) []msf.CloudWatchLoggingOptionDescription {
	list := []msf.CloudWatchLoggingOptionDescription{}
	for _, o := range c.Logging {
		list = append(list, msf.CloudWatchLoggingOptionDescription{CloudWatchLoggingOptionId: &o.ID, LogStreamARN: &o.StreamARN})
	}
	return list
}

// runConfiguration is described only while a job is wanted. Where an update goes on from a checkpoint, its name tells so.
func runConfiguration(a *app.Application) *msf.RunConfigurationDescription {
	var from app.Restore
	op := a.Operation
	named := op != nil && op.Down
	switch {
	case op != nil && (op.Kind == app.Start || a.Run != nil && (op.Kind == app.Update || op.Kind == app.Rollback)):
		from = op.Wanted
	case a.Run != nil:
		from = a.Run.Restore
	default:
		return nil
	}
	restore := &msf.ApplicationRestoreConfiguration{ApplicationRestoreType: msf.ApplicationRestoreType(from.Type)}
	if from.Snapshot != "" && (named || restore.ApplicationRestoreType == msf.ApplicationRestoreTypeRESTORE_FROM_CUSTOM_SNAPSHOT) {
		restore.SnapshotName = &from.Snapshot
		if from.SnapshotARN != "" {
			restore.SnapshotName, restore.SnapshotArn = nil, &from.SnapshotARN
		}
	}
	return &msf.RunConfigurationDescription{
		ApplicationRestoreConfigurationDescription: restore,
		FlinkRunConfigurationDescription:           &msf.FlinkRunConfiguration{AllowNonRestoredState: &from.AllowNonRestored},
	}
}
