package e2e

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
)

// attributes are those of Terraform's aws_kinesisanalyticsv2_application, by their names without the outer blocks. In a
// configuration an absent one is not set; in a state an empty one is not there.
type attributes map[string]string

// Blocks and attributes by prefix.
const (
	codeBlock        = "s3_content_location."
	groupBlock       = "property_group."
	checkpointBlock  = "checkpoint_configuration."
	monitoringBlock  = "monitoring_configuration."
	parallelismBlock = "parallelism_configuration."
	snapshotsEnabled = "snapshots_enabled"
	vpcBlock         = "vpc_configuration."
	logStream        = "log_stream_arn"
	restoreType      = "run_configuration.application_restore_type"
	nonRestored      = "run_configuration.allow_non_restored_state"
)

// computed are the attributes that the provider takes from AWS where the configuration is silent: no drift comes of them.
var computed = []string{checkpointBlock, monitoringBlock, parallelismBlock, snapshotsEnabled, restoreType, nonRestored, "application_mode", "computed."}

// with gives the attributes after changes; "" removes one.
func (a attributes) with(changes attributes) attributes {
	next := maps.Clone(a)
	for k, v := range changes {
		if next[k] = v; v == "" {
			delete(next, k)
		}
	}
	return next
}

func (a attributes) list(name string) []string {
	if a[name] == "" {
		return nil
	}
	return strings.Split(a[name], ",")
}

func (a attributes) has(prefix string) bool {
	for k, v := range a {
		if strings.HasPrefix(k, prefix) && v != "" {
			return true
		}
	}
	return false
}

func (a attributes) text(name string) *string {
	if v := a[name]; v != "" {
		return &v
	}
	return nil
}

// number and flag are as the provider sends them: always, once a section is CUSTOM.
func number[T int32 | int64](v string) *T {
	n, _ := strconv.ParseInt(v, 10, 64)
	return new(T(n))
}

func flag(v string) *bool { return new(v == "true") }

// plan lists what the provider would want to change.
func plan(configuration, state attributes) (changes []string) {
	for k := range maps.Keys(configuration.with(state)) {
		_, wanted := configuration[k]
		silent := slices.ContainsFunc(computed, func(prefix string) bool { return strings.HasPrefix(k, prefix) })
		if configuration[k] != state[k] && (wanted || !silent) {
			changes = append(changes, fmt.Sprintf("%s: %q -> %q", k, state[k], configuration[k]))
		}
	}
	slices.Sort(changes)
	return changes
}

func changes(list []string, prefixes ...string) bool {
	return slices.ContainsFunc(list, func(c string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(c, p) })
	})
}

// flatten reads an application as the provider does.
func flatten(d *types.ApplicationDetail) attributes {
	a := attributes{
		"name": *d.ApplicationName, "description": aws.ToString(d.ApplicationDescription), "runtime_environment": string(d.RuntimeEnvironment),
		"service_execution_role": *d.ServiceExecutionRole, "application_mode": string(d.ApplicationMode), "computed.version_id": fmt.Sprint(*d.ApplicationVersionId),
		"computed.status": string(d.ApplicationStatus), "computed.arn": *d.ApplicationARN, "computed.create_timestamp": d.CreateTimestamp.Format(time.RFC3339),
	}
	if len(d.CloudWatchLoggingOptionDescriptions) > 0 {
		a[logStream], a["computed.logging_option_id"] = *d.CloudWatchLoggingOptionDescriptions[0].LogStreamARN, *d.CloudWatchLoggingOptionDescriptions[0].CloudWatchLoggingOptionId
	}
	c := d.ApplicationConfigurationDescription
	if code := c.ApplicationCodeConfigurationDescription; code != nil {
		loc := code.CodeContentDescription.S3ApplicationCodeLocationDescription
		a["code_content_type"], a["text_content"] = string(code.CodeContentType), aws.ToString(code.CodeContentDescription.TextContent)
		a[codeBlock+"bucket_arn"], a[codeBlock+"file_key"], a[codeBlock+"object_version"] = *loc.BucketARN, *loc.FileKey, aws.ToString(loc.ObjectVersion)
	}
	if p := c.EnvironmentPropertyDescriptions; p != nil {
		for _, g := range p.PropertyGroupDescriptions {
			for k, v := range g.PropertyMap {
				a[groupBlock+*g.PropertyGroupId+"."+k] = v
			}
		}
	}
	if len(c.VpcConfigurationDescriptions) > 0 {
		v := c.VpcConfigurationDescriptions[0]
		slices.Sort(v.SubnetIds)
		slices.Sort(v.SecurityGroupIds)
		a[vpcBlock+"subnet_ids"], a[vpcBlock+"security_group_ids"], a["computed.vpc_configuration_id"] = strings.Join(v.SubnetIds, ","), strings.Join(v.SecurityGroupIds, ","), *v.VpcConfigurationId
	}
	if r := c.RunConfigurationDescription; r != nil {
		a[restoreType], a[nonRestored] = string(r.ApplicationRestoreConfigurationDescription.ApplicationRestoreType), fmt.Sprint(*r.FlinkRunConfigurationDescription.AllowNonRestoredState)
		a["run_configuration.snapshot_name"] = aws.ToString(r.ApplicationRestoreConfigurationDescription.SnapshotName)
	}
	a[snapshotsEnabled] = fmt.Sprint(*c.ApplicationSnapshotConfigurationDescription.SnapshotsEnabled)
	return flattenFlink(a, c.FlinkApplicationConfigurationDescription)
}

func flattenFlink(a attributes, f *types.FlinkApplicationConfigurationDescription) attributes {
	cp, m, p := f.CheckpointConfigurationDescription, f.MonitoringConfigurationDescription, f.ParallelismConfigurationDescription
	a[checkpointBlock+"configuration_type"], a[checkpointBlock+"checkpointing_enabled"] = string(cp.ConfigurationType), fmt.Sprint(*cp.CheckpointingEnabled)
	a[checkpointBlock+"checkpoint_interval"], a[checkpointBlock+"min_pause_between_checkpoints"] = fmt.Sprint(*cp.CheckpointInterval), fmt.Sprint(*cp.MinPauseBetweenCheckpoints)
	a[monitoringBlock+"configuration_type"], a[monitoringBlock+"log_level"], a[monitoringBlock+"metrics_level"] = string(m.ConfigurationType), string(m.LogLevel), string(m.MetricsLevel)
	a[parallelismBlock+"configuration_type"], a[parallelismBlock+"auto_scaling_enabled"] = string(p.ConfigurationType), fmt.Sprint(*p.AutoScalingEnabled)
	a[parallelismBlock+"parallelism"], a[parallelismBlock+"parallelism_per_kpu"] = fmt.Sprint(*p.Parallelism), fmt.Sprint(*p.ParallelismPerKPU)
	return a
}

func (a attributes) propertyGroups() []types.PropertyGroup {
	groups := []types.PropertyGroup{}
	for _, k := range slices.Sorted(maps.Keys(a)) {
		path, ok := strings.CutPrefix(k, groupBlock)
		if !ok {
			continue
		}
		id, property, _ := strings.Cut(path, ".")
		if n := len(groups); n == 0 || *groups[n-1].PropertyGroupId != id {
			groups = append(groups, types.PropertyGroup{PropertyGroupId: &id, PropertyMap: map[string]string{}})
		}
		groups[len(groups)-1].PropertyMap[property] = a[k]
	}
	return groups
}

func (a attributes) vpc() *types.VpcConfiguration {
	return &types.VpcConfiguration{SubnetIds: a.list(vpcBlock + "subnet_ids"), SecurityGroupIds: a.list(vpcBlock + "security_group_ids")}
}

// expand makes the request that creates the application.
func (a attributes) expand() *flink.CreateApplicationInput {
	c := &types.ApplicationConfiguration{ApplicationCodeConfiguration: &types.ApplicationCodeConfiguration{
		CodeContentType: types.CodeContentType(a["code_content_type"]),
		CodeContent: &types.CodeContent{S3ContentLocation: &types.S3ContentLocation{
			BucketARN: a.text(codeBlock + "bucket_arn"), FileKey: a.text(codeBlock + "file_key"), ObjectVersion: a.text(codeBlock + "object_version")}},
	}}
	if a.has(groupBlock) {
		c.EnvironmentProperties = &types.EnvironmentProperties{PropertyGroups: a.propertyGroups()}
	}
	if a[snapshotsEnabled] != "" {
		c.ApplicationSnapshotConfiguration = &types.ApplicationSnapshotConfiguration{SnapshotsEnabled: flag(a[snapshotsEnabled])}
	}
	if a.has(vpcBlock) {
		c.VpcConfigurations = []types.VpcConfiguration{*a.vpc()}
	}
	in := &flink.CreateApplicationInput{
		ApplicationName: a.text("name"), ApplicationDescription: new(a["description"]), RuntimeEnvironment: types.RuntimeEnvironment(a["runtime_environment"]),
		ServiceExecutionRole: a.text("service_execution_role"), ApplicationMode: types.ApplicationMode(a["application_mode"]), ApplicationConfiguration: c,
		Tags: []types.Tag{{Key: new("made-by"), Value: new("terraform")}},
	}
	if a.has(logStream) {
		in.CloudWatchLoggingOptions = []types.CloudWatchLoggingOption{{LogStreamARN: a.text(logStream)}}
	}
	if u := a.flinkUpdate(); u != nil {
		c.FlinkApplicationConfiguration = created(u)
	}
	return in
}

// flinkUpdate carries the sections that the configuration has: those of type CUSTOM whole, the others as their type alone.
func (a attributes) flinkUpdate() *types.FlinkApplicationConfigurationUpdate {
	u := &types.FlinkApplicationConfigurationUpdate{}
	kind := func(block string) types.ConfigurationType {
		return types.ConfigurationType(a[block+"configuration_type"])
	}
	if t := kind(checkpointBlock); t != "" {
		u.CheckpointConfigurationUpdate = &types.CheckpointConfigurationUpdate{ConfigurationTypeUpdate: t}
		if cp := u.CheckpointConfigurationUpdate; t == types.ConfigurationTypeCustom {
			cp.CheckpointingEnabledUpdate, cp.CheckpointIntervalUpdate = flag(a[checkpointBlock+"checkpointing_enabled"]), number[int64](a[checkpointBlock+"checkpoint_interval"])
			cp.MinPauseBetweenCheckpointsUpdate = number[int64](a[checkpointBlock+"min_pause_between_checkpoints"])
		}
	}
	if t := kind(monitoringBlock); t != "" {
		u.MonitoringConfigurationUpdate = &types.MonitoringConfigurationUpdate{ConfigurationTypeUpdate: t}
		if m := u.MonitoringConfigurationUpdate; t == types.ConfigurationTypeCustom {
			m.LogLevelUpdate, m.MetricsLevelUpdate = types.LogLevel(a[monitoringBlock+"log_level"]), types.MetricsLevel(a[monitoringBlock+"metrics_level"])
		}
	}
	if t := kind(parallelismBlock); t != "" {
		u.ParallelismConfigurationUpdate = &types.ParallelismConfigurationUpdate{ConfigurationTypeUpdate: t}
		if p := u.ParallelismConfigurationUpdate; t == types.ConfigurationTypeCustom {
			p.AutoScalingEnabledUpdate = flag(a[parallelismBlock+"auto_scaling_enabled"])
			p.ParallelismUpdate, p.ParallelismPerKPUUpdate = number[int32](a[parallelismBlock+"parallelism"]), number[int32](a[parallelismBlock+"parallelism_per_kpu"])
		}
	}
	return u
}

// created says the same as an update in the shapes of a creation.
func created(u *types.FlinkApplicationConfigurationUpdate) *types.FlinkApplicationConfiguration {
	f := &types.FlinkApplicationConfiguration{}
	if cp := u.CheckpointConfigurationUpdate; cp != nil {
		f.CheckpointConfiguration = &types.CheckpointConfiguration{ConfigurationType: cp.ConfigurationTypeUpdate, CheckpointingEnabled: cp.CheckpointingEnabledUpdate,
			CheckpointInterval: cp.CheckpointIntervalUpdate, MinPauseBetweenCheckpoints: cp.MinPauseBetweenCheckpointsUpdate}
	}
	if m := u.MonitoringConfigurationUpdate; m != nil {
		f.MonitoringConfiguration = &types.MonitoringConfiguration{ConfigurationType: m.ConfigurationTypeUpdate, LogLevel: m.LogLevelUpdate, MetricsLevel: m.MetricsLevelUpdate}
	}
	if p := u.ParallelismConfigurationUpdate; p != nil {
		f.ParallelismConfiguration = &types.ParallelismConfiguration{ConfigurationType: p.ConfigurationTypeUpdate, AutoScalingEnabled: p.AutoScalingEnabledUpdate,
			Parallelism: p.ParallelismUpdate, ParallelismPerKPU: p.ParallelismPerKPUUpdate}
	}
	return f
}

// configurationUpdate carries the blocks of the configuration that differ; nil = none does.
func (a attributes) configurationUpdate(differing []string, vpcID string) *types.ApplicationConfigurationUpdate {
	u := &types.ApplicationConfigurationUpdate{}
	if changes(differing, codeBlock, "code_content_type") {
		u.ApplicationCodeConfigurationUpdate = &types.ApplicationCodeConfigurationUpdate{CodeContentTypeUpdate: types.CodeContentType(a["code_content_type"]),
			CodeContentUpdate: &types.CodeContentUpdate{S3ContentLocationUpdate: &types.S3ContentLocationUpdate{
				BucketARNUpdate: a.text(codeBlock + "bucket_arn"), FileKeyUpdate: a.text(codeBlock + "file_key"), ObjectVersionUpdate: a.text(codeBlock + "object_version")}}}
	}
	if changes(differing, snapshotsEnabled) {
		u.ApplicationSnapshotConfigurationUpdate = &types.ApplicationSnapshotConfigurationUpdate{SnapshotsEnabledUpdate: flag(a[snapshotsEnabled])}
	}
	if changes(differing, groupBlock) {
		u.EnvironmentPropertyUpdates = &types.EnvironmentPropertyUpdates{PropertyGroups: a.propertyGroups()}
	}
	if changes(differing, checkpointBlock, monitoringBlock, parallelismBlock) {
		u.FlinkApplicationConfigurationUpdate = a.flinkUpdate()
	}
	if vpcID != "" {
		u.VpcConfigurationUpdates = []types.VpcConfigurationUpdate{{VpcConfigurationId: &vpcID, SubnetIdUpdates: a.vpc().SubnetIds, SecurityGroupIdUpdates: a.vpc().SecurityGroupIds}}
	}
	if reflect.ValueOf(*u).IsZero() {
		return nil
	}
	return u
}
