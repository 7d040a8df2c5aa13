package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"drey/wire"
)

const route53 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"route53.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}]}`

func policyNames(c *client, in cloudwatchlogs.DescribeResourcePoliciesInput) (names []string) {
	for {
		out := must(c.DescribeResourcePolicies(c.ctx, &in))
		for _, p := range out.ResourcePolicies {
			if p.ResourceArn != nil {
				names = append(names, *p.ResourceArn)
				continue
			}
			names = append(names, *p.PolicyName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

// TestAccountPolicies: they are told by their names, up to ten of them.
func TestAccountPolicies(t *testing.T) {
	c := newClient(t)
	put := func(name, document string) error {
		_, err := c.PutResourcePolicy(c.ctx, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: &name, PolicyDocument: &document})
		return err
	}
	for i := range maxAccountPolicies {
		if err := put(fmt.Sprintf("p%d", i), route53); err != nil {
			t.Fatal(err)
		}
	}
	c.refused(put("one-more", route53), "LimitExceededException", "at most 10")
	if err := put("p3", strings.Replace(route53, "PutLogEvents", "CreateLogStream", 1)); err != nil {
		t.Error(err)
	}
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{Limit: new(int32(4))}), "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9")
	p := must(c.DescribeResourcePolicies(c.ctx, &cloudwatchlogs.DescribeResourcePoliciesInput{})).ResourcePolicies[3]
	if p.PolicyScope != types.PolicyScopeAccount || !strings.Contains(*p.PolicyDocument, "CreateLogStream") || *p.LastUpdatedTime == 0 || p.RevisionId != nil {
		t.Errorf("%+v", p)
	}
	must(c.DeleteResourcePolicy(c.ctx, &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: new("p3")}))
	_, err := c.DeleteResourcePolicy(c.ctx, &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: new("p3")})
	c.refused(err, "ResourceNotFoundException", "policy")
	_, err = c.DeleteResourcePolicy(c.ctx, &cloudwatchlogs.DeleteResourcePolicyInput{})
	c.refused(err, "InvalidParameterException", "policyName")
	c.refused(put("", route53), "InvalidParameterException", "policyName")
	_, err = c.PutResourcePolicy(c.ctx, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: new("p0")})
	c.refused(err, "InvalidParameterException", "policyDocument")
	_, err = c.DescribeResourcePolicies(c.ctx, &cloudwatchlogs.DescribeResourcePoliciesInput{NextToken: new("x")})
	c.refused(err, "InvalidParameterException", "nextToken")
}

// TestGroupPolicies: a group has one, which goes with it, and which only who knows its revision changes.
func TestGroupPolicies(t *testing.T) {
	c := newClient(t)
	must(c.CreateLogGroup(c.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new(testGroup)}))
	arn := *must(c.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{})).LogGroups[0].LogGroupArn
	put := func(arn string, revision *string) (*cloudwatchlogs.PutResourcePolicyOutput, error) {
		return c.PutResourcePolicy(c.ctx, &cloudwatchlogs.PutResourcePolicyInput{ResourceArn: &arn, PolicyDocument: new(route53), ExpectedRevisionId: revision})
	}
	_, err := put(arn, new("unknown"))
	c.refused(err, "OperationAbortedException", "revision")
	first := must(put(arn, nil))
	if p := first.ResourcePolicy; p.PolicyScope != types.PolicyScopeResource || *p.ResourceArn != arn || *p.RevisionId != *first.RevisionId {
		t.Errorf("%+v", p)
	}
	_, err = put(arn, nil)
	c.refused(err, "InvalidParameterException", "expectedRevisionId")
	second := must(put(arn, first.RevisionId))
	_, err = put(arn, first.RevisionId)
	c.refused(err, "OperationAbortedException", "revision")
	_, err = put(strings.Replace(arn, "orders", "nobody", 1), nil)
	c.refused(err, "ResourceNotFoundException", "log group")
	_, err = put(strings.Replace(arn, "us-east-1", "eu-west-1", 1), nil)
	c.refused(err, "InvalidParameterException", "another account or region")
	_, err = put("arn:aws:s3:::b", nil)
	c.refused(err, "InvalidParameterException", "log group")
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{}))
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{PolicyScope: types.PolicyScopeResource}), arn)
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{ResourceArn: &arn}), arn)
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{ResourceArn: new(arn + "x")}))
	_, err = c.DescribeResourcePolicies(c.ctx, &cloudwatchlogs.DescribeResourcePoliciesInput{ResourceArn: &arn, PolicyScope: types.PolicyScopeAccount})
	c.refused(err, "InvalidParameterException", "policyScope")
	_, err = c.DeleteResourcePolicy(c.ctx, &cloudwatchlogs.DeleteResourcePolicyInput{ResourceArn: &arn})
	c.refused(err, "InvalidParameterException", "expectedRevisionId")
	must(c.DeleteResourcePolicy(c.ctx, &cloudwatchlogs.DeleteResourcePolicyInput{ResourceArn: &arn, ExpectedRevisionId: second.RevisionId}))
	must(put(arn, nil))
	must(c.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new(testGroup)}))
	c.same(policyNames(c, cloudwatchlogs.DescribeResourcePoliciesInput{PolicyScope: types.PolicyScopeResource}))
}

func TestPoliciesThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.validatePolicy = func(string) error { return wire.ValidationException.Errorf("Syntax errors in policy.") }
	c := clientOf(t, w)
	_, err := c.PutResourcePolicy(c.ctx, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: new("p"), PolicyDocument: new("{}")})
	c.refused(err, "InvalidParameterException", "Syntax errors")
	if e := new(types.InvalidParameterException); !errors.As(err, &e) {
		t.Errorf("%v", err)
	}
}

func TestDeletionProtection(t *testing.T) {
	c := newClient(t)
	must(c.CreateLogGroup(c.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new(testGroup)}))
	arn := must(c.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{})).LogGroups[0].LogGroupArn
	protect := func(identifier *string, on bool) error {
		_, err := c.PutLogGroupDeletionProtection(c.ctx, &cloudwatchlogs.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: identifier, DeletionProtectionEnabled: &on})
		return err
	}
	if err := protect(arn, true); err != nil {
		t.Fatal(err)
	}
	_, err := c.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new(testGroup)})
	c.refused(err, "ValidationException", "protection")
	if err := protect(new(testGroup), false); err != nil {
		t.Fatal(err)
	}
	must(c.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new(testGroup)}))
	c.refused(protect(arn, true), "ResourceNotFoundException", "log group")
	c.refused(protect(new(strings.Replace(*arn, "us-east-1", "eu-west-1", 1)), true), "ResourceNotFoundException", "log group")
}
