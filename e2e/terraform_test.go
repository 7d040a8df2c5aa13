package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	flink "github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2"
	"github.com/aws/aws-sdk-go-v2/service/kinesisanalyticsv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// provider makes the calls that Terraform's AWS provider makes for its resources aws_kinesisanalyticsv2_* and those around them.
type provider struct {
	*server
	flink      *flink.Client
	s3         *s3.Client
	iam        *iam.Client
	logs       *logs.Client
	cloudwatch *cloudwatch.Client
	kinesis    *kinesis.Client
	sts        *sts.Client
}

func newProvider(s *server) *provider {
	s.t.Helper()
	c := aws.Config{
		Region: "us-east-1", BaseEndpoint: new(s.getenv("AWS_ENDPOINT_URL")), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(s.getenv("AWS_ACCESS_KEY_ID"), s.getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
	return &provider{
		server: s, flink: flink.NewFromConfig(c), s3: s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }),
		iam: iam.NewFromConfig(c), logs: logs.NewFromConfig(c), cloudwatch: cloudwatch.NewFromConfig(c), kinesis: kinesis.NewFromConfig(c), sts: sts.NewFromConfig(c),
	}
}

func (p *provider) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// made takes the results of a call that must succeed.
func (p *provider) made(_ any, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Error(err)
	}
}

// absent takes the results of a call that must fail with a code, which the provider reads as "not there".
func (p *provider) absent(code string) func(any, error) {
	return func(_ any, err error) {
		p.t.Helper()
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != code {
			p.t.Errorf("got %v, expected %s", err, code)
		}
	}
}

// same compares what was read with what the configuration says.
func same[T comparable](p *provider, what string, got, want T) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s is %v, configured is %v", what, got, want)
	}
}

const (
	tfBucket = "terraform-code"
	tfRole   = "terraform-app"
	tfTrust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	tfPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject*","logs:*"],"Resource":"*"}]}`
)

// TestTerraformAround creates, reads and destroys the resources that stand around an application.
func TestTerraformAround(t *testing.T) {
	p := newProvider(serve(t))
	p.made(p.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
	for what, resource := range map[string]func(){"bucket": p.bucketComesAndGoes, "role": p.roleComesAndGoes, "logs": p.logsComeAndGo, "stream": p.streamComesAndGoes} {
		p.run(what, func(*testing.T) { resource() })
	}
}

// prepareCode makes what an application needs: a versioned bucket with two versions of a jar, and a role. It gives the
// first version's ID.
func (p *provider) prepareCode() (version string) {
	p.t.Helper()
	p.createBucket(tfBucket)
	version = p.putObject(tfBucket, "app.jar", jar("test-throwing.jar"))
	p.putObject(tfBucket, "app.jar", jar("test-steady.jar"))
	p.putObject(tfBucket, "other.jar", jar("test-steady.jar"))
	p.createRole(tfRole)
	p.createRole(tfRole + "-2")
	return version
}

func base(name string) attributes {
	return attributes{
		"name": name, "runtime_environment": "FLINK-1_18", "service_execution_role": accountRole + tfRole,
		"code_content_type": "ZIPFILE", codeBlock + "bucket_arn": "arn:aws:s3:::" + tfBucket, codeBlock + "file_key": "app.jar",
	}
}

// TestTerraformApplication takes an application that does not run through a change of each argument. What is read after each
// must be what the configuration says: a plan would be empty.
func TestTerraformApplication(t *testing.T) {
	p := newProvider(serve(t))
	first := p.prepareCode()
	const stream = "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:"
	a := base("replayed")
	state := p.create(a, false)
	p.settled("create", a, state)
	for _, step := range []struct {
		what    string
		change  attributes
		version int // how many are made
	}{
		{"properties", attributes{groupBlock + "consumer.stream": "orders", groupBlock + "producer.stream": "results"}, 1},
		{"a property less", attributes{groupBlock + "producer.stream": ""}, 1},
		{"no properties", attributes{groupBlock + "consumer.stream": ""}, 1},
		{"checkpoints", attributes{checkpointBlock + "configuration_type": "CUSTOM", checkpointBlock + "checkpointing_enabled": "true",
			checkpointBlock + "checkpoint_interval": "30000", checkpointBlock + "min_pause_between_checkpoints": "0"}, 1},
		{"default checkpoints", attributes{checkpointBlock + "configuration_type": "DEFAULT", checkpointBlock + "checkpointing_enabled": "",
			checkpointBlock + "checkpoint_interval": "", checkpointBlock + "min_pause_between_checkpoints": ""}, 1},
		{"monitoring", attributes{monitoringBlock + "configuration_type": "CUSTOM", monitoringBlock + "log_level": "WARN", monitoringBlock + "metrics_level": "TASK"}, 1},
		{"parallelism", attributes{parallelismBlock + "configuration_type": "CUSTOM", parallelismBlock + "auto_scaling_enabled": "false",
			parallelismBlock + "parallelism": "2", parallelismBlock + "parallelism_per_kpu": "2"}, 1},
		{"no snapshots", attributes{snapshotsEnabled: "false"}, 1},
		{"VPC", attributes{vpcBlock + "subnet_ids": "subnet-1,subnet-2", vpcBlock + "security_group_ids": "sg-1"}, 1},
		{"another VPC", attributes{vpcBlock + "subnet_ids": "subnet-3", vpcBlock + "security_group_ids": "sg-1,sg-2"}, 1},
		{"no VPC", attributes{vpcBlock + "subnet_ids": "", vpcBlock + "security_group_ids": ""}, 1},
		{"logging", attributes{logStream: stream + "a"}, 1},
		{"logging elsewhere", attributes{logStream: stream + "b"}, 1},
		{"no logging", attributes{logStream: ""}, 1},
		{"code", attributes{codeBlock + "file_key": "other.jar"}, 1},
		{"version of the code", attributes{codeBlock + "file_key": "app.jar", codeBlock + "object_version": first}, 1},
		{"newest code", attributes{codeBlock + "object_version": ""}, 1},
		{"role", attributes{"service_execution_role": accountRole + tfRole + "-2"}, 1},
		{"nothing", attributes{}, 0},
		{"several", attributes{vpcBlock + "subnet_ids": "subnet-1", vpcBlock + "security_group_ids": "sg-1", logStream: stream + "c", groupBlock + "consumer.stream": "more",
			parallelismBlock + "parallelism": "4", snapshotsEnabled: "true", "service_execution_role": accountRole + tfRole}, 3},
	} {
		a = a.with(step.change)
		before := state["computed.version_id"]
		state = p.update(state, a)
		p.settled(step.what, a, state)
		same(p, step.what+": version", state["computed.version_id"], fmt.Sprint(*number[int64](before)+int64(step.version)))
	}
	p.applicationTags(state["computed.arn"])
	p.maintenance(a["name"])
	p.destroy(state)
	full := a.with(attributes{"name": "at-once", "description": "everything from the beginning", "application_mode": "STREAMING"})
	state = p.create(full, false)
	p.settled("all at once", full, state)
	same(p, "version", state["computed.version_id"], "1")
	p.destroy(state)
}

// settled wants a plan without changes.
func (p *provider) settled(what string, a, state attributes) {
	p.t.Helper()
	if drift := plan(a, state); len(drift) > 0 {
		p.t.Errorf("%s: the next plan would be %q", what, drift)
	}
}

// applicationTags changes tags by the provider's two calls.
func (p *provider) applicationTags(arn string) {
	p.t.Helper()
	ctx := p.t.Context()
	p.made(p.flink.UntagResource(ctx, &flink.UntagResourceInput{ResourceARN: &arn, TagKeys: []string{"made-by"}}))
	p.made(p.flink.TagResource(ctx, &flink.TagResourceInput{ResourceARN: &arn, Tags: []types.Tag{{Key: new("team"), Value: new("orders")}}}))
	out, err := p.flink.ListTagsForResource(ctx, &flink.ListTagsForResourceInput{ResourceARN: &arn})
	p.must(err)
	if len(out.Tags) != 1 || *out.Tags[0].Key != "team" || *out.Tags[0].Value != "orders" {
		p.t.Errorf("the tags are %v", out.Tags)
	}
}

// maintenance is aws_kinesisanalyticsv2_application_maintenance_configuration: put, read, and back to what was there.
func (p *provider) maintenance(name string) {
	p.t.Helper()
	window := func() string {
		out, err := p.flink.DescribeApplication(p.t.Context(), &flink.DescribeApplicationInput{ApplicationName: &name})
		p.must(err)
		return *out.ApplicationDetail.ApplicationMaintenanceConfigurationDescription.ApplicationMaintenanceWindowStartTime
	}
	original := window()
	for _, start := range []string{"04:30", original} {
		p.made(p.flink.UpdateApplicationMaintenanceConfiguration(p.t.Context(), &flink.UpdateApplicationMaintenanceConfigurationInput{ApplicationName: &name,
			ApplicationMaintenanceConfigurationUpdate: &types.ApplicationMaintenanceConfigurationUpdate{ApplicationMaintenanceWindowStartTimeUpdate: &start}}))
		same(p, "the window", window(), start)
	}
}

// TestTerraformStart has start_application = true, snapshots of the running job, an update of it, and a destruction that does
// not stop it before.
func TestTerraformStart(t *testing.T) {
	t.Parallel()
	p := newProvider(serve(t))
	p.prepareCode()
	a := base("running").with(attributes{restoreType: "RESTORE_FROM_LATEST_SNAPSHOT", nonRestored: "false"})
	state := p.create(a, true)
	p.settled("start", a, state)
	same(p, "status", state["computed.status"], "RUNNING")
	made := map[string]string{}
	for _, name := range []string{"one", "two", "three"} {
		made[name] = p.createSnapshot(a["name"], name)
	}
	p.listSnapshots(a["name"], 2, []string{"one", "two", "three"})
	for name, at := range made {
		p.deleteSnapshot(a["name"], name, at)
	}
	a = a.with(attributes{nonRestored: "true", groupBlock + "consumer.stream": "orders"})
	state = p.update(state, a)
	p.settled("update of a running application", a, state)
	same(p, "status", state["computed.status"], "RUNNING")
	same(p, "version", state["computed.version_id"], "2")
	p.destroy(state)
}

// createSnapshot is aws_kinesisanalyticsv2_application_snapshot; the timestamp is as the state keeps it.
func (p *provider) createSnapshot(application, name string) (timestamp string) {
	p.t.Helper()
	ctx, key := p.t.Context(), &flink.DescribeApplicationSnapshotInput{ApplicationName: &application, SnapshotName: &name}
	p.made(p.flink.CreateApplicationSnapshot(ctx, &flink.CreateApplicationSnapshotInput{ApplicationName: &application, SnapshotName: &name}))
	p.await("snapshot "+name, time.Minute, func() bool {
		out, err := p.flink.DescribeApplicationSnapshot(ctx, key)
		p.must(err)
		if s := out.SnapshotDetails.SnapshotStatus; s != types.SnapshotStatusCreating && s != types.SnapshotStatusReady {
			p.t.Fatalf("snapshot %s is %s", name, s)
		}
		same(p, "the snapshot's version", *out.SnapshotDetails.ApplicationVersionId, 1)
		timestamp = out.SnapshotDetails.SnapshotCreationTimestamp.Format(time.RFC3339)
		return out.SnapshotDetails.SnapshotStatus == types.SnapshotStatusReady
	})
	return timestamp
}

func (p *provider) deleteSnapshot(application, name, timestamp string) {
	p.t.Helper()
	at, err := time.Parse(time.RFC3339, timestamp)
	p.must(err)
	p.made(p.flink.DeleteApplicationSnapshot(p.t.Context(), &flink.DeleteApplicationSnapshotInput{ApplicationName: &application, SnapshotName: &name, SnapshotCreationTimestamp: &at}))
	p.await("snapshot "+name+" is gone", time.Minute, func() bool {
		out, err := p.flink.DescribeApplicationSnapshot(p.t.Context(), &flink.DescribeApplicationSnapshotInput{ApplicationName: &application, SnapshotName: &name})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return true
		}
		p.must(err)
		same(p, "the status of a snapshot that is deleted", out.SnapshotDetails.SnapshotStatus, types.SnapshotStatusDeleting)
		return false
	})
}

// listSnapshots pages through them with the SDK's paginator.
func (p *provider) listSnapshots(application string, size int32, want []string) {
	p.t.Helper()
	pages := flink.NewListApplicationSnapshotsPaginator(p.flink, &flink.ListApplicationSnapshotsInput{ApplicationName: &application, Limit: &size})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(p.t.Context())
		p.must(err)
		if len(page.SnapshotSummaries) > int(size) {
			p.t.Errorf("a page has %d snapshots", len(page.SnapshotSummaries))
		}
		for _, s := range page.SnapshotSummaries {
			names = append(names, *s.SnapshotName)
		}
	}
	if !slices.Equal(names, want) {
		p.t.Errorf("the snapshots are %v, expected %v", names, want)
	}
}
