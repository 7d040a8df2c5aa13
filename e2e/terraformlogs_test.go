package e2e

import (
	"strings"
	"time"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// logFiltersComeAndGo is aws_cloudwatch_log_metric_filter and aws_cloudwatch_log_subscription_filter. A filter, and a stream, of a group that is
// gone is not found.
func (p *provider) logFiltersComeAndGo() {
	ctx, group := p.t.Context(), new("/terraform/filtered")
	p.made(p.logs.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group, LogGroupClass: logstypes.LogGroupClassStandard, DeletionProtectionEnabled: new(false)}))
	p.metricFilter(group)
	p.subscriptionFilter(group)
	p.absent("ResourceNotFoundException")(p.logs.DeleteMetricFilter(ctx, &logs.DeleteMetricFilterInput{FilterName: new("errors"), LogGroupName: group}))
	p.absent("ResourceNotFoundException")(p.logs.DeleteSubscriptionFilter(ctx, &logs.DeleteSubscriptionFilterInput{FilterName: new("lines"), LogGroupName: group}))
	p.made(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
	p.absent("ResourceNotFoundException")(p.logs.DescribeMetricFilters(ctx, &logs.DescribeMetricFiltersInput{FilterNamePrefix: new("errors"), LogGroupName: group}))
	p.absent("ResourceNotFoundException")(p.logs.DescribeSubscriptionFilters(ctx, &logs.DescribeSubscriptionFiltersInput{FilterNamePrefix: new("lines"), LogGroupName: group}))
	p.absent("ResourceNotFoundException")(p.logs.DescribeLogStreams(ctx, &logs.DescribeLogStreamsInput{LogGroupName: group, LogStreamNamePrefix: new("flink")}))
	p.absent("ResourceNotFoundException")(p.logs.DeleteLogStream(ctx, &logs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: new("flink")}))
	p.absent("ResourceNotFoundException")(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
}

func (p *provider) metricFilter(group *string) {
	p.t.Helper()
	ctx := p.t.Context()
	read := func() *logstypes.MetricFilter {
		p.t.Helper()
		out, err := p.logs.DescribeMetricFilters(ctx, &logs.DescribeMetricFiltersInput{FilterNamePrefix: new("errors"), LogGroupName: group})
		p.must(err)
		if len(out.MetricFilters) == 0 {
			return nil
		}
		return &out.MetricFilters[0]
	}
	in := &logs.PutMetricFilterInput{FilterName: new("errors"), FilterPattern: new(`{ $.messageType = "ERROR" }`), LogGroupName: group,
		MetricTransformations: []logstypes.MetricTransformation{{MetricName: new("Errors"), MetricNamespace: new("Orders"), MetricValue: new("1"), DefaultValue: new(0.0), Unit: logstypes.StandardUnitNone}}}
	p.made(p.logs.PutMetricFilter(ctx, in))
	f := read()
	same(p, "the pattern", *f.FilterPattern, *in.FilterPattern)
	m := f.MetricTransformations[0]
	same(p, "the metric", *m.MetricNamespace+*m.MetricName+*m.MetricValue+string(m.Unit), "OrdersErrors1None")
	same(p, "the default", *m.DefaultValue, 0)
	same(p, "the transformed logs", f.ApplyOnTransformedLogs, false)
	in.FilterPattern, in.MetricTransformations[0].DefaultValue = new(`{ $.logger = * }`), nil
	in.MetricTransformations[0].Dimensions, in.MetricTransformations[0].Unit = map[string]string{"Logger": "$.logger"}, logstypes.StandardUnitCount
	p.made(p.logs.PutMetricFilter(ctx, in))
	m = read().MetricTransformations[0]
	same(p, "the dimension", m.Dimensions["Logger"]+string(m.Unit), "$.loggerCount")
	same(p, "the default", m.DefaultValue, nil)
	p.made(p.logs.DeleteMetricFilter(ctx, &logs.DeleteMetricFilterInput{FilterName: new("errors"), LogGroupName: group}))
	if read() != nil {
		p.t.Error("the metric filter is still there")
	}
}

func (p *provider) subscriptionFilter(group *string) {
	p.t.Helper()
	ctx, stream, role := p.t.Context(), new("terraform-lines"), new("terraform-lines")
	p.made(p.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: new(int32(1))}))
	p.await("the stream is ACTIVE", 30*time.Second, func() bool {
		out, err := p.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
		p.must(err)
		return out.StreamDescriptionSummary.StreamStatus == kinesistypes.StreamStatusActive
	})
	p.made(p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: new(strings.Replace(tfTrust, "kinesisanalytics", "logs", 1))}))
	p.made(p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: new("put"), PolicyDocument: new(strings.Replace(tfPolicy, `"logs:*"`, `"kinesis:PutRecord*"`, 1))}))
	in := &logs.PutSubscriptionFilterInput{FilterName: new("lines"), LogGroupName: group, FilterPattern: new(""), Distribution: logstypes.DistributionByLogStream,
		DestinationArn: new("arn:aws:kinesis:us-east-1:123456789012:stream/" + *stream), RoleArn: new(accountRole + *role)}
	read := func() *logstypes.SubscriptionFilter {
		p.t.Helper()
		out, err := p.logs.DescribeSubscriptionFilters(ctx, &logs.DescribeSubscriptionFiltersInput{FilterNamePrefix: new("lines"), LogGroupName: group})
		p.must(err)
		if len(out.SubscriptionFilters) == 0 {
			return nil
		}
		return &out.SubscriptionFilters[0]
	}
	for _, step := range []struct {
		pattern      string
		distribution logstypes.Distribution
	}{{"", logstypes.DistributionByLogStream}, {"ERROR", logstypes.DistributionRandom}} {
		in.FilterPattern, in.Distribution = &step.pattern, step.distribution
		p.made(p.logs.PutSubscriptionFilter(ctx, in))
		f := read()
		same(p, "the pattern", *f.FilterPattern, step.pattern)
		same(p, "the distribution", f.Distribution, step.distribution)
		same(p, "the destination", *f.DestinationArn, *in.DestinationArn)
		same(p, "the role", *f.RoleArn, *in.RoleArn)
		same(p, "the group", *f.LogGroupName, *group)
		same(p, "the transformed logs", f.ApplyOnTransformedLogs, false)
	}
	p.made(p.logs.DeleteSubscriptionFilter(ctx, &logs.DeleteSubscriptionFilterInput{FilterName: new("lines"), LogGroupName: group}))
	if read() != nil {
		p.t.Error("the subscription filter is still there")
	}
	p.made(p.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: stream}))
}

func (p *provider) queryDefinitionComesAndGoes() {
	ctx, name := p.t.Context(), new("orders/errors")
	read := func() *logstypes.QueryDefinition {
		p.t.Helper()
		out, err := p.logs.DescribeQueryDefinitions(ctx, &logs.DescribeQueryDefinitionsInput{QueryDefinitionNamePrefix: name, MaxResults: new(int32(10))})
		p.must(err)
		if len(out.QueryDefinitions) == 0 {
			return nil
		}
		return &out.QueryDefinitions[0]
	}
	in := &logs.PutQueryDefinitionInput{Name: name, QueryString: new("fields @timestamp, @message\n| sort @timestamp desc\n| limit 20\n"), LogGroupNames: []string{"/terraform/a", "/terraform/b"}}
	made, err := p.logs.PutQueryDefinition(ctx, in)
	p.must(err)
	d := read()
	same(p, "the id", *d.QueryDefinitionId, *made.QueryDefinitionId)
	same(p, "the query", *d.QueryString, *in.QueryString)
	same(p, "the groups", strings.Join(d.LogGroupNames, " "), "/terraform/a /terraform/b")
	in.QueryDefinitionId, in.LogGroupNames, in.QueryString = made.QueryDefinitionId, nil, new("stats count(*) by bin(5m)")
	p.made(p.logs.PutQueryDefinition(ctx, in))
	d = read()
	same(p, "the query", *d.QueryDefinitionId+*d.QueryString, *made.QueryDefinitionId+*in.QueryString)
	same(p, "the groups", len(d.LogGroupNames), 0)
	p.made(p.logs.DeleteQueryDefinition(ctx, &logs.DeleteQueryDefinitionInput{QueryDefinitionId: made.QueryDefinitionId}))
	if read() != nil {
		p.t.Error("the query definition is still there")
	}
}

const (
	tfLogPolicy = `{"Statement":[{"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Principal":{"Service":"es.amazonaws.com"},"Resource":"arn:aws:logs:*"}],"Version":"2012-10-17"}`
	tfLogOther  = `{"Statement":[{"Action":"logs:PutLogEvents","Effect":"Allow","Principal":{"Service":"es.amazonaws.com"},"Resource":"*"}],"Version":"2012-10-17"}`
)

// accountPolicyComesAndGoes is aws_cloudwatch_log_resource_policy with a policy_name.
func (p *provider) accountPolicyComesAndGoes() {
	ctx, name := p.t.Context(), new("terraform-policy")
	for _, document := range []string{tfLogPolicy, tfLogOther} {
		p.made(p.logs.PutResourcePolicy(ctx, &logs.PutResourcePolicyInput{PolicyName: name, PolicyDocument: &document}))
		out, err := p.logs.DescribeResourcePolicies(ctx, &logs.DescribeResourcePoliciesInput{})
		p.must(err)
		same(p, "the policies", len(out.ResourcePolicies), 1)
		r := out.ResourcePolicies[0]
		same(p, "the policy", *r.PolicyName+*r.PolicyDocument, *name+document)
		same(p, "the scope", r.PolicyScope, logstypes.PolicyScopeAccount)
		same(p, "the revision", r.RevisionId, nil) // else it would be sent with the next change
	}
	p.absent("InvalidParameterException")(p.logs.PutResourcePolicy(ctx, &logs.PutResourcePolicyInput{PolicyName: name, PolicyDocument: new("{}")}))
	p.made(p.logs.DeleteResourcePolicy(ctx, &logs.DeleteResourcePolicyInput{PolicyName: name}))
	p.absent("ResourceNotFoundException")(p.logs.DeleteResourcePolicy(ctx, &logs.DeleteResourcePolicyInput{PolicyName: name}))
}

// groupPolicyComesAndGoes is aws_cloudwatch_log_resource_policy with a resource_arn.
func (p *provider) groupPolicyComesAndGoes() {
	ctx, group := p.t.Context(), new("/terraform/policy")
	p.made(p.logs.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group}))
	arn := new("arn:aws:logs:us-east-1:123456789012:log-group:/terraform/policy")
	var revision *string
	for _, document := range []string{tfLogPolicy, tfLogOther} {
		p.made(p.logs.PutResourcePolicy(ctx, &logs.PutResourcePolicyInput{ResourceArn: arn, PolicyDocument: &document, ExpectedRevisionId: revision}))
		out, err := p.logs.DescribeResourcePolicies(ctx, &logs.DescribeResourcePoliciesInput{ResourceArn: arn, PolicyScope: logstypes.PolicyScopeResource})
		p.must(err)
		r := out.ResourcePolicies[0]
		same(p, "the policy", *r.ResourceArn+*r.PolicyDocument, *arn+document)
		same(p, "the scope", r.PolicyScope, logstypes.PolicyScopeResource)
		revision = r.RevisionId
	}
	p.made(p.logs.DeleteResourcePolicy(ctx, &logs.DeleteResourcePolicyInput{ResourceArn: arn, ExpectedRevisionId: revision}))
	out, err := p.logs.DescribeResourcePolicies(ctx, &logs.DescribeResourcePoliciesInput{ResourceArn: arn, PolicyScope: logstypes.PolicyScopeResource})
	p.must(err)
	same(p, "the policies", len(out.ResourcePolicies), 0)
	p.made(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
}

// protectedGroupComesAndGoes is deletion_protection_enabled of aws_cloudwatch_log_group.
func (p *provider) protectedGroupComesAndGoes() {
	ctx, group := p.t.Context(), new("/terraform/protected")
	p.made(p.logs.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group, DeletionProtectionEnabled: new(true)}))
	out, err := p.logs.DescribeLogGroups(ctx, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
	p.must(err)
	same(p, "the protection", *out.LogGroups[0].DeletionProtectionEnabled, true)
	p.absent("ValidationException")(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
	p.made(p.logs.PutLogGroupDeletionProtection(ctx, &logs.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: out.LogGroups[0].LogGroupArn, DeletionProtectionEnabled: new(false)}))
	p.made(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
}
