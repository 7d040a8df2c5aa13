package iam_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"drey/edge"
	"drey/edge/edgetest"
	model "drey/model/iam"
	"drey/model/sts"
	"drey/wire"
)

// clients speak to the service through the real edge, which signs in and decides with it.
func clients(endpoint, key, secret, token string) (*awsiam.Client, *awssts.Client) {
	c := aws.Config{Region: edgetest.Region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(key, secret, token), RetryMaxAttempts: 1}
	return awsiam.NewFromConfig(c), awssts.NewFromConfig(c)
}

func wantAPIError(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// The AWS SDK makes a user and a role, becomes both, and is refused what neither may do.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Now() // the SDK signs with the real time
	ctx := context.Background()
	endpoint := edgetest.ServeWith(t, edge.Config{Credentials: w.Credentials, Authorize: w.Authorize, Services: []*wire.Service{
		wire.NewService(model.Model, model.Ops(w), w.Access), wire.NewService(sts.Model, sts.Ops(w), w.Access)}})
	key := must(w.RootCredentials(ctx, account))
	root, _ := clients(endpoint, key.AccessKeyID, key.SecretAccessKey, "")

	must(root.CreateUser(ctx, &awsiam.CreateUserInput{UserName: new("ann"), Tags: []types.Tag{{Key: new("k"), Value: new("v")}}}))
	must(root.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("p"), PolicyDocument: new(allowing("sts:AssumeRole", "iam:GetUser"))}))
	k := must(root.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: new("ann")})).AccessKey
	role := must(root.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(trusting(`{"AWS":"123456789012"}`, ""))})).Role
	if d, err := url.QueryUnescape(*role.AssumeRolePolicyDocument); err != nil || d != trusting(`{"AWS":"123456789012"}`, "") {
		t.Errorf("trust policy %s", d)
	}
	must(root.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
	_, err := root.GetRole(ctx, &awsiam.GetRoleInput{RoleName: new("none")})
	wantAPIError(t, err, "NoSuchEntity")

	ann, annSTS := clients(endpoint, *k.AccessKeyId, *k.SecretAccessKey, "")
	if u := must(ann.GetUser(ctx, &awsiam.GetUserInput{})).User; *u.UserName != "ann" || *u.Tags[0].Value != "v" {
		t.Errorf("user %+v", u)
	}
	_, err = ann.ListRoles(ctx, &awsiam.ListRolesInput{})
	wantAPIError(t, err, "AccessDenied")

	c := must(annSTS.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: new("build")})).Credentials
	session, sessionSTS := clients(endpoint, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	if id := must(sessionSTS.GetCallerIdentity(ctx, nil)); *id.Arn != "arn:aws:sts::123456789012:assumed-role/r/build" {
		t.Errorf("identity %s", *id.Arn)
	}
	if n := len(must(session.ListRoles(ctx, &awsiam.ListRolesInput{})).Roles); n != 1 {
		t.Errorf("%d roles", n)
	}
	_, err = session.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: new("r")})
	wantAPIError(t, err, "AccessDenied")
	stranger, _ := clients(endpoint, *c.AccessKeyId, *c.SecretAccessKey, "")
	_, err = stranger.ListRoles(ctx, &awsiam.ListRolesInput{})
	wantAPIError(t, err, "InvalidClientTokenId")
}
