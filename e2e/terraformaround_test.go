package e2e

import (
	"net/url"
	"os"
	"strings"
	"time"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// createBucket is aws_s3_bucket with aws_s3_bucket_versioning.
func (p *provider) createBucket(name string) {
	p.t.Helper()
	ctx := p.t.Context()
	p.made(p.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}))
	p.made(p.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name}))
	p.made(p.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: new("team"), Value: new("orders")}}}}))
	p.made(p.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}))
}

// putObject is aws_s3_object; it gives the version.
func (p *provider) putObject(bucket, key, path string) string {
	p.t.Helper()
	body, err := os.Open(path)
	p.must(err)
	defer body.Close()
	p.made(p.s3.PutObject(p.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: body, Tagging: new("team=orders")}))
	out, err := p.s3.HeadObject(p.t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	p.must(err)
	return *out.VersionId
}

// bucketComesAndGoes makes a bucket with objects, reads every setting that the provider refreshes, and destroys it with
// force_destroy.
func (p *provider) bucketComesAndGoes() {
	ctx, name := p.t.Context(), new("terraform-bucket")
	p.createBucket(*name)
	p.putObject(*name, "app.jar", jar("test-steady.jar"))
	version := p.putObject(*name, "app.jar", jar("test-throwing.jar"))
	p.absent("NoSuchBucketPolicy")(p.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name}))
	p.absent("NoSuchCORSConfiguration")(p.s3.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: name}))
	p.absent("NoSuchWebsiteConfiguration")(p.s3.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: name}))
	p.absent("NoSuchLifecycleConfiguration")(p.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: name}))
	p.absent("ReplicationConfigurationNotFoundError")(p.s3.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: name}))
	p.absent("ObjectLockConfigurationNotFoundError")(p.s3.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: name}))
	p.made(p.s3.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: name}))
	p.made(p.s3.GetBucketAccelerateConfiguration(ctx, &s3.GetBucketAccelerateConfigurationInput{Bucket: name}))
	p.made(p.s3.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: name}))
	p.made(p.s3.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: name}))
	p.made(p.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: name}))
	p.made(p.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
		Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAes256}}}}}))
	p.made(p.s3.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: name}))
	p.made(p.s3.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: name}))
	versioning, err := p.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: name})
	p.must(err)
	same(p, "versioning", versioning.Status, s3types.BucketVersioningStatusEnabled)
	tags, err := p.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name})
	p.must(err)
	same(p, "the tag", *tags.TagSet[0].Value, "orders")
	object, err := p.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name, Key: new("app.jar"), ChecksumMode: s3types.ChecksumModeEnabled})
	p.must(err)
	same(p, "the version", *object.VersionId, version)
	objectTags, err := p.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: name, Key: new("app.jar")})
	p.must(err)
	same(p, "the object's tag", *objectTags.TagSet[0].Value, "orders")
	p.absent("BucketNotEmpty")(p.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: name}))
	pages := s3.NewListObjectVersionsPaginator(p.s3, &s3.ListObjectVersionsInput{Bucket: name, MaxKeys: new(int32(1))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		p.must(err)
		var list []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			list = append(list, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		p.made(p.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: name, Delete: &s3types.Delete{Objects: list, Quiet: new(true)}}))
	}
	p.made(p.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: name}))
	p.absent("NotFound")(p.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name}))
}

// createRole is aws_iam_role with aws_iam_role_policy.
func (p *provider) createRole(name string) {
	p.t.Helper()
	ctx := p.t.Context()
	p.made(p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(tfTrust), Path: new("/"), MaxSessionDuration: new(int32(3600)),
		Tags: []iamtypes.Tag{{Key: new("team"), Value: new("orders")}}}))
	p.made(p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("code"), PolicyDocument: new(tfPolicy)}))
}

// roleComesAndGoes reads a role with an inline and a managed policy, changes it, and destroys it.
func (p *provider) roleComesAndGoes() {
	ctx, name := p.t.Context(), new("terraform-role")
	p.createRole(*name)
	policy, err := p.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("terraform-policy"), PolicyDocument: new(tfPolicy), Path: new("/"),
		Tags: []iamtypes.Tag{{Key: new("team"), Value: new("orders")}}})
	p.must(err)
	arn := policy.Policy.Arn
	p.made(p.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: arn}))
	role, err := p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	p.must(err)
	document, err := url.QueryUnescape(*role.Role.AssumeRolePolicyDocument)
	p.must(err)
	same(p, "the trust policy", document, tfTrust)
	same(p, "the session", *role.Role.MaxSessionDuration, 3600)
	same(p, "the tag", *role.Role.Tags[0].Value, "orders")
	inline, err := p.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	p.must(err)
	same(p, "the inline policies", strings.Join(inline.PolicyNames, " "), "code")
	own, err := p.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: new("code")})
	p.must(err)
	document, err = url.QueryUnescape(*own.PolicyDocument)
	p.must(err)
	same(p, "the inline policy", document, tfPolicy)
	attached, err := p.iam.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
	p.must(err)
	same(p, "the attached policy", *attached.AttachedPolicies[0].PolicyArn, *arn)
	managed, err := p.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	p.must(err)
	p.made(p.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: managed.Policy.DefaultVersionId}))
	p.made(p.iam.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"team"}}))
	p.made(p.iam.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []iamtypes.Tag{{Key: new("stage"), Value: new("test")}}}))
	p.made(p.iam.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn}))
	p.made(p.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: new(tfTrust)}))
	p.made(p.iam.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: new("of the application")}))
	p.made(p.iam.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: new(int32(7200))}))
	p.made(p.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"team"}}))
	p.made(p.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []iamtypes.Tag{{Key: new("stage"), Value: new("test")}}}))

	p.made(p.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: arn}))
	p.made(p.iam.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn}))
	p.made(p.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
	p.made(p.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: new("code")}))
	p.made(p.iam.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: name}))
	p.made(p.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	p.absent("NoSuchEntity")(p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))
}

// logsComeAndGo is aws_cloudwatch_log_group and aws_cloudwatch_log_stream.
func (p *provider) logsComeAndGo() {
	ctx, group, stream := p.t.Context(), new("/terraform/app"), new("flink")
	p.made(p.logs.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"team": "orders"}}))
	p.made(p.logs.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: new(int32(7))}))
	found, err := p.logs.DescribeLogGroups(ctx, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
	p.must(err)
	g := found.LogGroups[0]
	same(p, "the retention", *g.RetentionInDays, 7)
	same(p, "the class", string(g.LogGroupClass), "STANDARD")
	arn := strings.TrimSuffix(*g.Arn, ":*")
	tags, err := p.logs.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: &arn})
	p.must(err)
	same(p, "the tag", tags.Tags["team"], "orders")
	p.made(p.logs.TagResource(ctx, &logs.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"stage": "test"}}))
	p.made(p.logs.UntagResource(ctx, &logs.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"team"}}))
	p.made(p.logs.DeleteRetentionPolicy(ctx, &logs.DeleteRetentionPolicyInput{LogGroupName: group}))
	p.made(p.logs.CreateLogStream(ctx, &logs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	streams, err := p.logs.DescribeLogStreams(ctx, &logs.DescribeLogStreamsInput{LogGroupName: group, LogStreamNamePrefix: stream})
	p.must(err)
	same(p, "the stream", *streams.LogStreams[0].Arn, arn+":log-stream:flink")
	p.made(p.logs.DeleteLogStream(ctx, &logs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	p.made(p.logs.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
}

// streamComesAndGoes is aws_kinesis_stream, which always sets the retention.
func (p *provider) streamComesAndGoes() {
	ctx, name := p.t.Context(), new("terraform-stream")
	provisioned := &kinesistypes.StreamModeDetails{StreamMode: kinesistypes.StreamModeProvisioned}
	p.made(p.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: new(int32(2)), StreamModeDetails: provisioned, Tags: map[string]string{"team": "orders"}}))
	var d *kinesistypes.StreamDescriptionSummary
	active := func() {
		p.t.Helper()
		p.await("the stream is ACTIVE", 30*time.Second, func() bool {
			out, err := p.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
			p.must(err)
			d = out.StreamDescriptionSummary
			return d.StreamStatus == kinesistypes.StreamStatusActive
		})
	}
	active()
	p.made(p.kinesis.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: new(int32(24))}))
	active()
	p.made(p.kinesis.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []kinesistypes.MetricsName{kinesistypes.MetricsNameIncomingBytes}}))
	active()
	same(p, "the shards", *d.OpenShardCount, 2)
	same(p, "the retention", *d.RetentionPeriodHours, 24)
	same(p, "the encryption", d.EncryptionType, kinesistypes.EncryptionTypeNone)
	same(p, "the mode", d.StreamModeDetails.StreamMode, kinesistypes.StreamModeProvisioned)
	same(p, "the shard-level metrics", d.EnhancedMonitoring[0].ShardLevelMetrics[0], kinesistypes.MetricsNameIncomingBytes)
	tags, err := p.kinesis.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name})
	p.must(err)
	same(p, "the tag", *tags.Tags[0].Value, "orders")
	p.made(p.kinesis.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: new(int32(48))}))
	active()
	p.made(p.kinesis.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: new(int32(24))}))
	active()
	p.made(p.kinesis.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: d.StreamARN, StreamModeDetails: &kinesistypes.StreamModeDetails{StreamMode: kinesistypes.StreamModeOnDemand}}))
	active()
	p.made(p.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: name, EnforceConsumerDeletion: new(false)}))
	p.await("the stream is gone", 30*time.Second, func() bool {
		_, err := p.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		return err != nil
	})
	p.absent("ResourceNotFoundException")(p.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name}))
}
