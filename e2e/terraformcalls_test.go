package e2e

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
)

func (p *provider) read(name string) attributes {
	p.t.Helper()
	out, err := p.flink.DescribeApplication(p.t.Context(), &flink.DescribeApplicationInput{ApplicationName: &name})
	p.must(err)
	return flatten(out.ApplicationDetail)
}

// finished waits for an operation and then for the status, as the provider does after each of its calls.
func (p *provider) finished(name string, operation *string, err error, pending, target []string) {
	p.t.Helper()
	p.must(err)
	if aws.ToString(operation) != "" {
		p.await("operation "+*operation, time.Minute, func() bool {
			out, err := p.flink.DescribeApplicationOperation(p.t.Context(), &flink.DescribeApplicationOperationInput{ApplicationName: &name, OperationId: operation})
			p.must(err)
			switch d := out.ApplicationOperationInfoDetails; d.OperationStatus {
			case types.OperationStatusInProgress:
				return false
			case types.OperationStatusSuccessful:
			default:
				p.t.Fatalf("the operation is %s: %+v", d.OperationStatus, d.OperationFailureDetails)
			}
			return true
		})
	}
	p.await(fmt.Sprintf("%s is %v", name, target), time.Minute, func() bool {
		status := p.read(name)["computed.status"]
		if !slices.Contains(pending, status) && !slices.Contains(target, status) {
			p.t.Fatalf("%s is %s while %v is waited for", name, status, target)
		}
		return slices.Contains(target, status)
	})
}

func (p *provider) updated(name string, operation *string, err error) {
	p.t.Helper()
	p.finished(name, operation, err, []string{"UPDATING"}, []string{"READY", "RUNNING"})
}

// create creates the application and starts it if asked to.
func (p *provider) create(a attributes, start bool) attributes {
	p.t.Helper()
	_, err := p.flink.CreateApplication(p.t.Context(), a.expand())
	p.must(err)
	if start {
		rc := &types.RunConfiguration{}
		if a[restoreType] != "" {
			rc.ApplicationRestoreConfiguration = &types.ApplicationRestoreConfiguration{ApplicationRestoreType: types.ApplicationRestoreType(a[restoreType])}
			rc.FlinkRunConfiguration = &types.FlinkRunConfiguration{AllowNonRestoredState: flag(a[nonRestored])}
		}
		out, err := p.flink.StartApplication(p.t.Context(), &flink.StartApplicationInput{ApplicationName: a.text("name"), RunConfiguration: rc})
		p.must(err)
		p.finished(a["name"], out.OperationId, err, []string{"STARTING"}, []string{"RUNNING"})
	}
	return p.read(a["name"])
}

// update brings the application from a state to a configuration: first what has operations of its own, each on the version
// that the one before answered, and then everything else at once.
func (p *provider) update(state, a attributes) attributes {
	p.t.Helper()
	ctx, name, differing := p.t.Context(), a["name"], plan(a, state)
	version := number[int64](state["computed.version_id"])
	in := &flink.UpdateApplicationInput{ApplicationName: &name}
	vpcID := ""
	switch had := state.has(vpcBlock); {
	case !changes(differing, vpcBlock):
	case !had:
		out, err := p.flink.AddApplicationVpcConfiguration(ctx, &flink.AddApplicationVpcConfigurationInput{ApplicationName: &name, CurrentApplicationVersionId: version, VpcConfiguration: a.vpc()})
		p.must(err)
		p.updated(name, out.OperationId, err)
		version = out.ApplicationVersionId
	case !a.has(vpcBlock):
		out, err := p.flink.DeleteApplicationVpcConfiguration(ctx, &flink.DeleteApplicationVpcConfigurationInput{ApplicationName: &name, CurrentApplicationVersionId: version,
			VpcConfigurationId: state.text("computed.vpc_configuration_id")})
		p.must(err)
		p.updated(name, out.OperationId, err)
		version = out.ApplicationVersionId
	default:
		vpcID = state["computed.vpc_configuration_id"]
	}
	in.ApplicationConfigurationUpdate = a.configurationUpdate(differing, vpcID)
	if changes(differing, "run_configuration.") && state["computed.status"] == "RUNNING" {
		in.RunConfigurationUpdate = &types.RunConfigurationUpdate{
			ApplicationRestoreConfiguration: &types.ApplicationRestoreConfiguration{ApplicationRestoreType: types.ApplicationRestoreType(a[restoreType])},
			FlinkRunConfiguration:           &types.FlinkRunConfiguration{AllowNonRestoredState: flag(a[nonRestored])},
		}
	}
	if changes(differing, logStream) {
		version = p.relog(state, a, version, in)
	}
	if changes(differing, "service_execution_role") {
		in.ServiceExecutionRoleUpdate = a.text("service_execution_role")
	}
	if changes(differing, "runtime_environment") {
		in.RuntimeEnvironmentUpdate = types.RuntimeEnvironment(a["runtime_environment"])
	}
	if !reflect.DeepEqual(in, &flink.UpdateApplicationInput{ApplicationName: &name}) {
		in.CurrentApplicationVersionId = version
		out, err := p.flink.UpdateApplication(ctx, in)
		p.must(err)
		p.updated(name, out.OperationId, err)
	}
	return p.read(name)
}

// relog adds or deletes the logging option, or leaves its change to the update.
func (p *provider) relog(state, a attributes, version *int64, in *flink.UpdateApplicationInput) *int64 {
	p.t.Helper()
	ctx, name, id := p.t.Context(), a["name"], state.text("computed.logging_option_id")
	switch {
	case !state.has(logStream):
		out, err := p.flink.AddApplicationCloudWatchLoggingOption(ctx, &flink.AddApplicationCloudWatchLoggingOptionInput{ApplicationName: &name, CurrentApplicationVersionId: version,
			CloudWatchLoggingOption: &types.CloudWatchLoggingOption{LogStreamARN: a.text(logStream)}})
		p.must(err)
		p.updated(name, out.OperationId, err)
		return out.ApplicationVersionId
	case !a.has(logStream):
		out, err := p.flink.DeleteApplicationCloudWatchLoggingOption(ctx, &flink.DeleteApplicationCloudWatchLoggingOptionInput{ApplicationName: &name, CurrentApplicationVersionId: version, CloudWatchLoggingOptionId: id})
		p.must(err)
		p.updated(name, out.OperationId, err)
		return out.ApplicationVersionId
	}
	in.CloudWatchLoggingOptionUpdates = []types.CloudWatchLoggingOptionUpdate{{CloudWatchLoggingOptionId: id, LogStreamARNUpdate: a.text(logStream)}}
	return version
}

// destroy deletes the application by the timestamp of the state, which has whole seconds, and waits until it is not found.
func (p *provider) destroy(state attributes) {
	p.t.Helper()
	made, err := time.Parse(time.RFC3339, state["computed.create_timestamp"])
	p.must(err)
	_, err = p.flink.DeleteApplication(p.t.Context(), &flink.DeleteApplicationInput{ApplicationName: state.text("name"), CreateTimestamp: &made})
	p.must(err)
	p.await("the application is gone", time.Minute, func() bool {
		out, err := p.flink.DescribeApplication(p.t.Context(), &flink.DescribeApplicationInput{ApplicationName: state.text("name")})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return true
		}
		p.must(err)
		if s := out.ApplicationDetail.ApplicationStatus; s != types.ApplicationStatusDeleting {
			p.t.Fatalf("the application is %s while it is deleted", s)
		}
		return false
	})
}
