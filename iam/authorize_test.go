package iam_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"drey/iam"
	model "drey/model/iam"
	"drey/model/sts"
	"drey/wire"
)

// guidePolicy is the policy of the guide "How to Set Up Amazon Managed Service for Apache Flink", word for word.
func guidePolicy(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join("testdata", "guide-policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const ordersStream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders-stream"

// The guide forgot kinesis:DescribeStreamSummary. The denial names principal, action and resource, and the statement
// that it suggests allows the action when added.
func TestGuidePolicyLacksDescribeStreamSummary(t *testing.T) {
	w := newWorld(t)
	role := w.role("FlinkApplicationRole", flinkTrust, guidePolicy(t))
	c := must(w.AssumeServiceRole(context.Background(), account, *role.Arn, iam.AnalyticsService, "arn:aws:kinesisanalytics:us-east-1:123456789012:application/order-processor"))
	app := w.signed(c.AccessKeyID, c.SessionToken)

	if err := may(app, w, "kinesis:GetRecords", ordersStream); err != nil {
		t.Error(err)
	}
	if err := may(app, w, "kinesis:SubscribeToShard", ordersStream+"/consumer/flink-processor:1"); err != nil {
		t.Error(err)
	}
	err := may(app, w, "kinesis:DescribeStreamSummary", ordersStream)
	wantCode(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/FlinkApplicationRole/order-processor is not authorized to perform: "+
		"kinesis:DescribeStreamSummary on resource: "+ordersStream+" because no identity-based policy allows the kinesis:DescribeStreamSummary action")
	if len(w.denials) != 1 || w.denials[0].Passed || !strings.Contains(err.Error(), w.denials[0].Missing) || !strings.Contains(err.Error(), "role FlinkApplicationRole") {
		t.Fatalf("denials %+v", w.denials)
	}
	var doc struct {
		Version   string
		Statement []json.RawMessage
	}
	if err := json.Unmarshal([]byte(guidePolicy(t)), &doc); err != nil {
		t.Fatal(err)
	}
	doc.Statement = append(doc.Statement, json.RawMessage(w.denials[0].Missing))
	amended := string(must(json.Marshal(doc)))
	must(w.PutRolePolicy(w.root(), &model.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: new("inline"), PolicyDocument: &amended}))
	if err := may(app, w, "kinesis:DescribeStreamSummary", ordersStream); err != nil {
		t.Error(err)
	}
}

func TestAuditPassesAndTells(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "")
	w.open(iam.Audit)
	if err := may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Fatal(err)
	}
	if len(w.denials) != 1 || !w.denials[0].Passed || w.denials[0].Action != "s3:GetObject" || w.denials[0].Principal != "arn:aws:iam::123456789012:user/ann" {
		t.Errorf("denials %+v", w.denials)
	}
}

func TestExplicitDenyNamesPolicyAndSid(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"NoDelete","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}`)
	wantCode(t, may(ann, w, "s3:DeleteObject", "arn:aws:s3:::b/x"), "AccessDenied", "with an explicit deny in an identity-based policy: inline, statement 2 (NoDelete)")
	if d := w.denials[0]; d.Policy != "inline" || d.Sid != "NoDelete" || d.Missing != "" {
		t.Errorf("denial %+v", d)
	}
}

func TestBoundaryLimitsUser(t *testing.T) {
	w := newWorld(t)
	b := must(w.CreatePolicy(w.root(), &model.CreatePolicyInput{PolicyName: new("b"), PolicyDocument: new(allowing("s3:Get*"))})).Policy
	must(w.CreateUser(w.root(), &model.CreateUserInput{UserName: new("ann"), PermissionsBoundary: b.Arn}))
	must(w.AttachUserPolicy(w.root(), &model.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::aws:policy/AdministratorAccess")}))
	k := must(w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: new("ann")})).AccessKey
	ann := w.signed(*k.AccessKeyId, "")
	if err := may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Error(err)
	}
	wantCode(t, may(ann, w, "s3:PutObject", "arn:aws:s3:::b/x"), "AccessDenied", "because no permissions boundary allows the s3:PutObject action")
	_, err := w.DeletePolicy(w.root(), &model.DeletePolicyInput{PolicyArn: b.Arn})
	wantCode(t, err, "DeleteConflict", "attached")
}

func TestResourcePolicy(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann", ""), w.user("bob", allowing("s3:*"))
	const bucket = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
		{"Sid":"Public","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/public/*"},
		{"Sid":"NoBob","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"s3:*","Resource":"*"}]}`
	get := func(ctx context.Context, key, owner string) error {
		return w.Authorize(ctx, []wire.Access{{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/" + key, ResourcePolicy: bucket, ResourceAccount: owner}})
	}
	if err := get(ann, "x", account); err != nil {
		t.Error(err)
	}
	wantCode(t, get(ann, "x", other), "AccessDenied", "because no identity-based policy allows")
	wantCode(t, get(bob, "x", account), "AccessDenied", "explicit deny in a resource-based policy: policy of arn:aws:s3:::b/x, statement 3 (NoBob)")
	anonymous := w.as(wire.Principal{})
	if err := get(anonymous, "public/x", account); err != nil {
		t.Error(err)
	}
	wantCode(t, get(anonymous, "x", account), "AccessDenied", "User: anonymous is not authorized")
	broken := w.Authorize(ann, []wire.Access{{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", ResourcePolicy: `{"Version":`}})
	if _, internal := wire.AsError(broken); broken == nil || !internal {
		t.Errorf("a policy that cannot be read decided: %v", broken)
	}
}

// The root user may repair a bucket policy that denies everything to everybody, and nothing else.
func TestRootRepairsBucketPolicy(t *testing.T) {
	w := newWorld(t)
	const lockout = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}`
	ask := func(action string) error {
		return w.Authorize(w.root(), []wire.Access{{Action: action, Resource: "arn:aws:s3:::b", ResourcePolicy: lockout, ResourceAccount: account}})
	}
	if err := ask("s3:DeleteBucketPolicy"); err != nil {
		t.Error(err)
	}
	wantCode(t, ask("s3:ListBucket"), "AccessDenied", "explicit deny")
}

// "AWS global condition context keys": each key, in a policy that allows only with the expected value.
func TestGlobalConditionKeys(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ operator, key, value string }{
		{"ArnEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:user/ann"},
		{"StringEquals", "aws:PrincipalAccount", account},
		{"StringLike", "aws:userid", "AIDA*"},
		{"StringEquals", "aws:username", "ann"},
		{"StringEquals", "aws:PrincipalType", "User"},
		{"IpAddress", "aws:SourceIp", "127.0.0.0/8"},
		{"Bool", "aws:SecureTransport", "true"},
		{"DateEquals", "aws:CurrentTime", "2026-02-11T12:00:00Z"},
		{"NumericEquals", "aws:EpochTime", "1770811200"},
		{"StringEquals", "aws:RequestedRegion", "us-east-1"},
		{"StringEquals", "aws:UserAgent", "test"},
		{"StringEquals", "aws:ResourceAccount", account},
		{"StringEquals", "aws:PrincipalTag/Job", "dev"},
		{"Null", "aws:MultiFactorAuthPresent", "true"},
		{"Null", "aws:TokenIssueTime", "true"},
		{"StringEquals", "s3:prefix", "home/"},
	}
	must(w.CreateUser(w.root(), &model.CreateUserInput{UserName: new("ann"), Tags: []model.Tag{{Key: new("job"), Value: new("dev")}}}))
	k := must(w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: new("ann")})).AccessKey
	access := []wire.Access{{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Conditions: map[string][]string{"s3:prefix": {"home/"}}}}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{%q:{%q:%q}}}}`, tt.operator, tt.key, tt.value)
			must(w.PutUserPolicy(w.root(), &model.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("p"), PolicyDocument: &doc}))
			if err := w.Authorize(w.signed(*k.AccessKeyId, ""), access); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every operation that is served has a rule, and nothing else has.
func TestAccessCoversEveryOperation(t *testing.T) {
	w := newWorld(t)
	w.user("ann", "")
	served := map[string]bool{}
	for _, op := range append(model.Ops(w), sts.Ops(w)...) {
		served[op.Name] = true
		in := op.NewInput()
		fill(reflect.ValueOf(in).Elem())
		access, err := w.Access(w.root(), op.Name, in)
		if err != nil {
			t.Errorf("%s: %v", op.Name, err)
			continue
		}
		for _, a := range access {
			if !strings.Contains(a.Action, ":"+op.Name) && !strings.HasPrefix(a.Action, "iam:Tag") && !strings.HasPrefix(a.Action, "sts:") || a.Resource == "" {
				t.Errorf("%s needs %+v", op.Name, a)
			}
		}
	}
	if len(served) < 50 {
		t.Errorf("only %d operations", len(served))
	}
	if _, err := w.Access(w.root(), "DeleteEverything", nil); err == nil {
		t.Error("an operation without rule was let through")
	}
}

// fill gives every required text of an input a value.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[*string]() && strings.Contains(v.Type().Field(i).Tag.Get("aws"), "required") {
			f.Set(reflect.ValueOf(new("arn:aws:iam::123456789012:role/ann")))
		}
	}
}

// A user may manage itself by a policy variable, and the ARN decided on holds the path.
func TestAccessOfOwnUser(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*AccessKey*","Resource":"arn:aws:iam::*:user/${aws:username}"}}`)
	w.user("bob", "")
	ask := func(name *string) error {
		access := must(w.Access(ann, "ListAccessKeys", &model.ListAccessKeysInput{UserName: name}))
		return w.Authorize(ann, access)
	}
	if err := ask(nil); err != nil {
		t.Error(err)
	}
	if err := ask(new("ann")); err != nil {
		t.Error(err)
	}
	wantCode(t, ask(new("bob")), "AccessDenied", "on resource: arn:aws:iam::123456789012:user/bob")
}

// A decision made of what was read before a change must not outlive it, even under load.
func TestChangesCountAtOnce(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "")
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = may(ann, w, "s3:GetBucketLocation", "arn:aws:s3:::b")
			}
		}
	}()
	for i := range 20 {
		must(w.PutUserPolicy(w.root(), &model.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("p"), PolicyDocument: new(allowing("kinesis:PutRecord"))}))
		if err := may(ann, w, "kinesis:PutRecord", ordersStream); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		must(w.DeleteUserPolicy(w.root(), &model.DeleteUserPolicyInput{UserName: new("ann"), PolicyName: new("p")}))
		if may(ann, w, "kinesis:PutRecord", ordersStream) == nil {
			t.Fatalf("round %d: still allowed", i)
		}
	}
	close(stop)
	<-done
}

func TestAccessKeyLastUsed(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", allowing("s3:*"))
	id := wire.FromContext(ann).Principal.AccessKeyID
	used := must(w.GetAccessKeyLastUsed(w.root(), &model.GetAccessKeyLastUsedInput{AccessKeyId: &id}))
	if *used.AccessKeyLastUsed.ServiceName != "N/A" || *used.UserName != "ann" {
		t.Errorf("before: %+v", used)
	}
	w.clock = w.clock.Add(time.Hour)
	if err := may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Fatal(err)
	}
	used = must(w.GetAccessKeyLastUsed(w.root(), &model.GetAccessKeyLastUsedInput{AccessKeyId: &id}))
	if u := used.AccessKeyLastUsed; *u.ServiceName != "test" || *u.Region != "us-east-1" || !u.LastUsedDate.Equal(w.clock) {
		t.Errorf("after: %+v", u)
	}
}
