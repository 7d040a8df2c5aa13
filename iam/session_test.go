package iam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/iam"
	model "drey/model/iam"
	"drey/model/sts"
	"drey/wire"
)

func TestRootCredentialsAreMadeOnce(t *testing.T) {
	w := newWorld(t)
	first := must(w.RootCredentials(context.Background(), account))
	w.open("")
	if again := must(w.RootCredentials(context.Background(), account)); again != first {
		t.Error("another key after a restart")
	}
	if foreign := must(w.RootCredentials(context.Background(), other)); foreign.AccessKeyID == first.AccessKeyID {
		t.Error("accounts share a key")
	}
	secret, p, err := w.Credentials(context.Background(), first.AccessKeyID, "")
	if err != nil || secret != first.SecretAccessKey || p.ARN != "arn:aws:iam::123456789012:root" || p.UserID != account {
		t.Errorf("%v %+v", err, p)
	}
	if err := may(w.as(p), w, "kinesis:DeleteStream", ordersStream); err != nil {
		t.Error(err)
	}
	id := must(w.GetCallerIdentity(w.as(p), nil))
	if *id.Arn != p.ARN || *id.Account != account {
		t.Errorf("identity %+v", id)
	}
	must(w.DeleteAccessKey(w.as(p), &model.DeleteAccessKeyInput{AccessKeyId: &first.AccessKeyID}))
	if next := must(w.RootCredentials(context.Background(), account)); next.AccessKeyID == first.AccessKeyID {
		t.Error("a deleted key came back")
	}
}

func TestCredentialsRefusals(t *testing.T) {
	w := newWorld(t)
	ann := wire.FromContext(w.user("ann", "")).Principal
	session := must(w.GetSessionToken(w.as(ann), &sts.GetSessionTokenInput{DurationSeconds: new(int32(900))})).Credentials
	ask := func(key, token string) error {
		_, _, err := w.Credentials(context.Background(), key, token)
		return err
	}
	if err := ask(*session.AccessKeyId, *session.SessionToken); err != nil {
		t.Error(err)
	}
	wantCode(t, ask("AKIAAAAAAAAAAAAAAAAA", ""), "InvalidClientTokenId", "invalid")
	wantCode(t, ask(ann.AccessKeyID, "token"), "InvalidClientTokenId", "invalid")
	wantCode(t, ask(*session.AccessKeyId, ""), "InvalidClientTokenId", "invalid")
	wantCode(t, ask(*session.AccessKeyId, "token"), "InvalidClientTokenId", "invalid")
	w.clock = w.clock.Add(15 * time.Minute)
	wantCode(t, ask(*session.AccessKeyId, *session.SessionToken), "ExpiredToken", "expired")

	must(w.UpdateAccessKey(w.root(), &model.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.AccessKeyID, Status: model.StatusTypeInactive}))
	wantCode(t, ask(ann.AccessKeyID, ""), "InvalidClientTokenId", "invalid")
	must(w.UpdateAccessKey(w.root(), &model.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.AccessKeyID, Status: model.StatusTypeActive}))
	if err := ask(ann.AccessKeyID, ""); err != nil {
		t.Error(err)
	}
	if info := must(w.GetAccessKeyInfo(w.root(), &sts.GetAccessKeyInfoInput{AccessKeyId: &ann.AccessKeyID})); *info.Account != account {
		t.Error(*info.Account)
	}
}

// GetSessionToken gives the user's permissions, but not IAM.
func TestGetSessionToken(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("*"))
	c := must(w.GetSessionToken(ann, &sts.GetSessionTokenInput{})).Credentials
	if want := w.clock.Add(12 * time.Hour); !c.Expiration.Equal(want) || !strings.HasPrefix(*c.AccessKeyId, "ASIA") {
		t.Errorf("%s until %s", *c.AccessKeyId, c.Expiration)
	}
	session := w.signed(*c.AccessKeyId, *c.SessionToken)
	if err := may(session, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Error(err)
	}
	wire.FromContext(session).Service = "iam"
	wantCode(t, may(session, w, "iam:ListUsers", "*"), "InvalidClientTokenId", "invalid")
	_, err := w.GetSessionToken(session, &sts.GetSessionTokenInput{})
	wantCode(t, err, "AccessDenied", "session credentials")
}

func TestAssumeRole(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("sts:AssumeRole"))
	bob := w.user("bob", "")
	role := w.role("r", trusting(`{"AWS":"123456789012"}`, ""), allowing("s3:*"))
	in := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: new("build")}
	out := must(w.assume(ann, in))
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/r/build" || *out.AssumedRoleUser.AssumedRoleId != *role.RoleId+":build" {
		t.Errorf("%+v", out.AssumedRoleUser)
	}
	session := w.signed(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err := may(session, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Error(err)
	}
	wantCode(t, may(session, w, "kinesis:PutRecord", ordersStream), "AccessDenied", "assumed-role/r/build is not authorized")

	_, err := w.assume(bob, in) // the trust policy delegates to the account, and bob's policies say nothing
	wantCode(t, err, "AccessDenied", "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/r because no identity-based policy")
	_, err = w.assume(ann, &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::123456789012:role/none"), RoleSessionName: new("build")})
	wantCode(t, err, "AccessDenied", "sts:AssumeRole")
	_, err = w.assume(w.root(), in)
	wantCode(t, err, "AccessDenied", "Roles may not be assumed by root accounts.")
	in.DurationSeconds = new(int32(7200))
	_, err = w.assume(ann, in)
	wantCode(t, err, "ValidationError", "exceeds the MaxSessionDuration set for this role")

	must(w.DeleteRolePolicy(w.root(), &model.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: new("inline")}))
	must(w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: new("r")}))
	w.role("r", trusting(`{"AWS":"123456789012"}`, ""), allowing("s3:*"))
	_, _, err = w.Credentials(context.Background(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	wantCode(t, err, "InvalidClientTokenId", "invalid") // a new role of the same name is another role
}

func TestAssumeRoleNeedsTrust(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("sts:*"))
	w.role("external", trusting(`{"AWS":"arn:aws:iam::123456789012:user/ann"}`, `{"StringEquals":{"sts:ExternalId":"secret-word"}}`), "")
	w.role("service", flinkTrust, "")
	assume := func(role string, external *string) error {
		_, err := w.assume(ann, &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::123456789012:role/" + role), RoleSessionName: new("ss"), ExternalId: external})
		return err
	}
	if err := assume("external", new("secret-word")); err != nil {
		t.Error(err)
	}
	wantCode(t, assume("external", new("other")), "AccessDenied", "sts:AssumeRole")
	wantCode(t, assume("external", nil), "AccessDenied", "sts:AssumeRole")
	wantCode(t, assume("service", nil), "AccessDenied", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"},"Action":"sts:AssumeRole"}`)
}

func TestAssumeRoleAcrossAccounts(t *testing.T) {
	w := newWorld(t)
	role := w.role("shared", trusting(`{"AWS":"arn:aws:iam::111122223333:root"}`, ""), allowing("s3:*"))
	must(w.CreateUser(w.rootOf(other), &model.CreateUserInput{UserName: new("eve")}))
	k := must(w.CreateAccessKey(w.rootOf(other), &model.CreateAccessKeyInput{UserName: new("eve")})).AccessKey
	eve := w.signed(*k.AccessKeyId, "")
	in := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: new("ss")}
	_, err := w.assume(eve, in)
	wantCode(t, err, "AccessDenied", "no identity-based policy allows")
	must(w.PutUserPolicy(w.rootOf(other), &model.PutUserPolicyInput{UserName: new("eve"), PolicyName: new("p"), PolicyDocument: new(allowing("sts:AssumeRole"))}))
	out := must(w.assume(eve, in))
	if id := must(w.GetCallerIdentity(w.signed(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken), nil)); *id.Account != account {
		t.Errorf("the session belongs to %s", *id.Account)
	}
}

// Session policies intersect with the role's; several are one union.
func TestSessionPolicies(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("sts:*"))
	role := w.role("r", trusting(`{"AWS":"123456789012"}`, ""), allowing("s3:*"))
	in := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: new("ss"), Policy: new(allowing("s3:GetObject", "kinesis:*")),
		PolicyArns: []sts.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")}}}
	c := must(w.assume(ann, in)).Credentials
	session := w.signed(*c.AccessKeyId, *c.SessionToken)
	for _, action := range []string{"s3:GetObject", "s3:ListBucket"} {
		if err := may(session, w, action, "arn:aws:s3:::b"); err != nil {
			t.Error(err)
		}
	}
	wantCode(t, may(session, w, "s3:PutObject", "arn:aws:s3:::b/x"), "AccessDenied", "because no session policy allows the s3:PutObject action")
	wantCode(t, may(session, w, "kinesis:PutRecord", ordersStream), "AccessDenied", "because no identity-based policy allows")
	in.Policy = new(`{"Statement":{}}`)
	_, err := w.assume(ann, in)
	wantCode(t, err, "MalformedPolicyDocument", "Missing required field Effect")
}

// Session tags become aws:PrincipalTag, before the role's own; transitive ones pass to the next role.
func TestSessionTags(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("sts:*"))
	byTag := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team}/*"},{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
	first := w.role("first", trusting(`{"AWS":"123456789012"}`, ""), byTag)
	second := w.role("second", trusting(`{"AWS":"123456789012"}`, ""), byTag)
	must(w.TagRole(w.root(), &model.TagRoleInput{RoleName: new("first"), Tags: []model.Tag{{Key: new("Team"), Value: new("blue")}}}))
	c := must(w.assume(ann, &sts.AssumeRoleInput{RoleArn: first.Arn, RoleSessionName: new("ss"), TransitiveTagKeys: []string{"team"},
		Tags: []sts.Tag{{Key: new("team"), Value: new("red")}}, SourceIdentity: new("ann")})).Credentials
	session := w.signed(*c.AccessKeyId, *c.SessionToken)
	if err := may(session, w, "s3:GetObject", "arn:aws:s3:::red/x"); err != nil {
		t.Error(err)
	}
	wantCode(t, may(session, w, "s3:GetObject", "arn:aws:s3:::blue/x"), "AccessDenied", "s3:GetObject")
	c = must(w.assume(session, &sts.AssumeRoleInput{RoleArn: second.Arn, RoleSessionName: new("chained")})).Credentials
	if err := may(w.signed(*c.AccessKeyId, *c.SessionToken), w, "s3:GetObject", "arn:aws:s3:::red/x"); err != nil {
		t.Error(err)
	}
	_, err := w.assume(session, &sts.AssumeRoleInput{RoleArn: second.Arn, RoleSessionName: new("chained"), Tags: []sts.Tag{{Key: new("Team"), Value: new("x")}}})
	wantCode(t, err, "InvalidParameterValue", "transitive")
}

const applicationARN = "arn:aws:kinesisanalytics:us-east-1:123456789012:application/order-processor"

func TestServiceRole(t *testing.T) {
	w := newWorld(t)
	cond := fmt.Sprintf(`{"StringEquals":{"aws:SourceAccount":%q},"ArnLike":{"aws:SourceArn":"arn:aws:kinesisanalytics:us-east-1:123456789012:application/order-*"}}`, account)
	role := w.role("r", trusting(`{"Service":"kinesisanalytics.amazonaws.com"}`, cond), "")
	check := func(account, service, source string) error {
		return w.CheckServiceRole(context.Background(), account, *role.Arn, service, source)
	}
	if err := check(account, iam.AnalyticsService, applicationARN); err != nil {
		t.Error(err)
	}
	wantCode(t, check(other, iam.AnalyticsService, applicationARN), "AccessDenied", `{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}`)
	wantCode(t, check(account, iam.AnalyticsService, strings.Replace(applicationARN, "order", "other", 1)), "AccessDenied", "trust policy of role r")
	wantCode(t, check(account, "ec2.amazonaws.com", applicationARN), "AccessDenied", "ec2.amazonaws.com is not authorized")
	wantCode(t, w.CheckServiceRole(context.Background(), account, "arn:aws:iam::123456789012:role/none", iam.AnalyticsService, applicationARN), "AccessDenied", "does not exist")
	c := must(w.AssumeServiceRole(context.Background(), account, *role.Arn, iam.AnalyticsService, applicationARN))
	if c.ARN != "arn:aws:sts::123456789012:assumed-role/r/order-processor" {
		t.Error(c.ARN)
	}
}

func TestApplicationCredentials(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	role := w.role("FlinkApplicationRole", flinkTrust, allowing("kinesis:*"))
	token := must(w.ApplicationToken(ctx, account, applicationARN, *role.Arn))
	first := must(w.ApplicationCredentials(ctx, token))
	if !first.Expiration.Equal(w.clock.Add(time.Hour)) || first.RoleARN != *role.Arn {
		t.Errorf("%v until %s", first, first.Expiration)
	}
	w.open("") // token and credentials survive a restart
	if again := must(w.ApplicationToken(ctx, account, applicationARN, *role.Arn)); again != token {
		t.Error("another token after a restart")
	}
	w.clock = w.clock.Add(44 * time.Minute)
	if same := must(w.ApplicationCredentials(ctx, token)); *same != *first {
		t.Error("other credentials although 16 minutes are left")
	}
	w.clock = w.clock.Add(time.Minute)
	next := must(w.ApplicationCredentials(ctx, token))
	if next.AccessKeyID == first.AccessKeyID || !next.Expiration.Equal(w.clock.Add(time.Hour)) {
		t.Errorf("not refreshed 15 minutes before expiry: %v until %s", next, next.Expiration)
	}
	if err := may(w.signed(first.AccessKeyID, first.SessionToken), w, "kinesis:PutRecord", ordersStream); err != nil {
		t.Errorf("the old credentials are still in time: %v", err)
	}
	var doc map[string]string
	if err := json.Unmarshal(next.Document(), &doc); err != nil || doc["Token"] != next.SessionToken || doc["Expiration"] != "2026-02-11T13:45:00Z" || doc["RoleArn"] != *role.Arn {
		t.Errorf("%v %d members", err, len(doc))
	}
	if acct, arn, err := w.Application(ctx, token); err != nil || acct != account || arn != applicationARN {
		t.Error(acct, arn, err)
	}
	for _, wrong := range []string{"", "x", token[:len(token)-1] + "!", strings.Split(token, ".")[0] + "."} {
		_, err := w.ApplicationCredentials(ctx, wrong)
		wantCode(t, err, "InvalidClientTokenId", "invalid")
	}
	must(w.DeleteRolePolicy(w.root(), &model.DeleteRolePolicyInput{RoleName: role.RoleName, PolicyName: new("inline")}))
	must(w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: role.RoleName}))
	_, err := w.ApplicationCredentials(ctx, token)
	wantCode(t, err, "AccessDenied", "the role does not exist")
	if err := w.ForgetApplication(ctx, account, applicationARN); err != nil {
		t.Fatal(err)
	}
	_, err = w.ApplicationCredentials(ctx, token)
	wantCode(t, err, "InvalidClientTokenId", "invalid")
}

// No secret is in the database files, in the text of a value, or in a log line; the key file is private.
func TestSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	role := w.role("r", flinkTrust, "")
	root := must(w.RootCredentials(context.Background(), account))
	token := must(w.ApplicationToken(context.Background(), account, applicationARN, *role.Arn))
	c := must(w.ApplicationCredentials(context.Background(), token))
	secrets := []string{root.SecretAccessKey, c.SecretAccessKey, c.SessionToken, token}

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "session", *c, "root", root)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "session", c, "root", &root)
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v", *c, *c, *c, c, root, root, root)
	files := must(filepath.Glob(filepath.Join(w.dir, "drey.db*")))
	for _, f := range files {
		shown += string(must(os.ReadFile(f)))
	}
	for i, s := range secrets {
		if strings.Contains(shown, s) {
			t.Errorf("secret %d can be read", i)
		}
	}
	if m := must(os.Stat(filepath.Join(w.dir, "iam.key"))).Mode().Perm(); m != 0o600 {
		t.Errorf("key file has mode %o", m)
	}
}
