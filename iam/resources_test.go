package iam_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	model "drey/model/iam"
)

const flinkTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestUserLifecycle(t *testing.T) {
	w := newWorld(t)
	u := must(w.CreateUser(w.root(), &model.CreateUserInput{UserName: new("ann"), Path: new("/team/"), Tags: []model.Tag{{Key: new("Job"), Value: new("dev")}}})).User
	if *u.Arn != "arn:aws:iam::123456789012:user/team/ann" || !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(*u.UserId) {
		t.Errorf("user %s %s", *u.Arn, *u.UserId)
	}
	_, err := w.CreateUser(w.root(), &model.CreateUserInput{UserName: new("Ann")})
	wantCode(t, err, "EntityAlreadyExists", "User with name Ann already exists.")
	_, err = w.GetUser(w.root(), &model.GetUserInput{UserName: new("bob")})
	wantCode(t, err, "NoSuchEntity", "The user with name bob cannot be found.")

	k := must(w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: new("ann")})).AccessKey
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(*k.AccessKeyId) || len(*k.SecretAccessKey) != 40 {
		t.Errorf("key %s with a secret of %d characters", *k.AccessKeyId, len(*k.SecretAccessKey))
	}
	must(w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: new("ann")}))
	_, err = w.CreateAccessKey(w.root(), &model.CreateAccessKeyInput{UserName: new("ann")})
	wantCode(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")

	must(w.UpdateUser(w.root(), &model.UpdateUserInput{UserName: new("ann"), NewUserName: new("anna"), NewPath: new("/")}))
	self := must(w.GetUser(w.signed(*k.AccessKeyId, ""), &model.GetUserInput{})).User
	if *self.Arn != "arn:aws:iam::123456789012:user/anna" || *self.UserId != *u.UserId || *self.Tags[0].Value != "dev" {
		t.Errorf("after renaming: %s %s", *self.Arn, *self.UserId)
	}
	_, err = w.DeleteUser(w.root(), &model.DeleteUserInput{UserName: new("anna")})
	wantCode(t, err, "DeleteConflict", "must delete access keys first")
	for _, m := range must(w.ListAccessKeys(w.root(), &model.ListAccessKeysInput{UserName: new("anna")})).AccessKeyMetadata {
		must(w.DeleteAccessKey(w.root(), &model.DeleteAccessKeyInput{UserName: new("anna"), AccessKeyId: m.AccessKeyId}))
	}
	must(w.PutUserPolicy(w.root(), &model.PutUserPolicyInput{UserName: new("anna"), PolicyName: new("p"), PolicyDocument: new(allowing("s3:*"))}))
	_, err = w.DeleteUser(w.root(), &model.DeleteUserInput{UserName: new("anna")})
	wantCode(t, err, "DeleteConflict", "must delete policies first")
	must(w.DeleteUserPolicy(w.root(), &model.DeleteUserPolicyInput{UserName: new("anna"), PolicyName: new("p")}))
	must(w.DeleteUser(w.root(), &model.DeleteUserInput{UserName: new("anna")}))
	if n := len(must(w.ListUsers(w.root(), &model.ListUsersInput{})).Users); n != 0 {
		t.Errorf("%d users are left", n)
	}
}

// The calls of Terraform's aws_iam_role, aws_iam_role_policy and aws_iam_role_policy_attachment: what was written is
// read back unchanged, and everything can be taken away again.
func TestRoleRoundTrip(t *testing.T) {
	w := newWorld(t)
	r := w.role("FlinkApplicationRole", flinkTrust, "")
	if *r.Arn != "arn:aws:iam::123456789012:role/FlinkApplicationRole" || !strings.HasPrefix(*r.RoleId, "AROA") || *r.MaxSessionDuration != 3600 {
		t.Errorf("role %+v", r)
	}
	name := new("FlinkApplicationRole")
	got := must(w.GetRole(w.root(), &model.GetRoleInput{RoleName: name})).Role
	if decoded(t, got.AssumeRolePolicyDocument) != flinkTrust || strings.ContainsAny(*got.AssumeRolePolicyDocument, `{}" +`) {
		t.Errorf("trust policy %s", *got.AssumeRolePolicyDocument)
	}
	document := strings.ReplaceAll(allowing("kinesis:*", "s3:GetObject"), ",", ", ")
	must(w.PutRolePolicy(w.root(), &model.PutRolePolicyInput{RoleName: name, PolicyName: new("p"), PolicyDocument: &document}))
	if d := must(w.GetRolePolicy(w.root(), &model.GetRolePolicyInput{RoleName: name, PolicyName: new("p")})).PolicyDocument; decoded(t, d) != document {
		t.Errorf("inline policy %s", *d)
	}
	must(w.AttachRolePolicy(w.root(), &model.AttachRolePolicyInput{RoleName: name, PolicyArn: new("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")}))
	attached := must(w.ListAttachedRolePolicies(w.root(), &model.ListAttachedRolePoliciesInput{RoleName: name})).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyName != "AmazonS3ReadOnlyAccess" {
		t.Errorf("attached %+v", attached)
	}
	must(w.TagRole(w.root(), &model.TagRoleInput{RoleName: name, Tags: []model.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
	must(w.UntagRole(w.root(), &model.UntagRoleInput{RoleName: name, TagKeys: []string{"A"}}))
	if tags := must(w.ListRoleTags(w.root(), &model.ListRoleTagsInput{RoleName: name})).Tags; len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("tags %+v", tags)
	}
	must(w.UpdateRole(w.root(), &model.UpdateRoleInput{RoleName: name, Description: new("d"), MaxSessionDuration: new(int32(7200))}))
	w.open("") // everything is durable
	got = must(w.GetRole(w.root(), &model.GetRoleInput{RoleName: name})).Role
	if *got.Description != "d" || *got.MaxSessionDuration != 7200 || *got.RoleId != *r.RoleId {
		t.Errorf("after restart %+v", got)
	}

	_, err := w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: name})
	wantCode(t, err, "DeleteConflict", "must delete policies first")
	must(w.DeleteRolePolicy(w.root(), &model.DeleteRolePolicyInput{RoleName: name, PolicyName: new("p")}))
	_, err = w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: name})
	wantCode(t, err, "DeleteConflict", "must detach all policies first")
	must(w.DetachRolePolicy(w.root(), &model.DetachRolePolicyInput{RoleName: name, PolicyArn: attached[0].PolicyArn}))
	if p := must(w.ListInstanceProfilesForRole(w.root(), &model.ListInstanceProfilesForRoleInput{RoleName: name})); p.InstanceProfiles == nil {
		t.Error("the list of instance profiles is absent")
	}
	must(w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: name}))
	_, err = w.GetRole(w.root(), &model.GetRoleInput{RoleName: name})
	wantCode(t, err, "NoSuchEntity", "The role with name FlinkApplicationRole cannot be found.")
}

func TestRoleRefusals(t *testing.T) {
	w := newWorld(t)
	name := new("r")
	w.role("r", flinkTrust, "")
	_, err := w.CreateRole(w.root(), &model.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: new(flinkTrust)})
	wantCode(t, err, "EntityAlreadyExists", "Role with name r already exists.")
	_, err = w.CreateRole(w.root(), &model.CreateRoleInput{RoleName: new("s"), AssumeRolePolicyDocument: new(allowing("sts:AssumeRole"))})
	wantCode(t, err, "MalformedPolicyDocument", "Missing required field Principal")
	_, err = w.UpdateAssumeRolePolicy(w.root(), &model.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: new(`{`)})
	wantCode(t, err, "MalformedPolicyDocument", "valid JSON")
	_, err = w.PutRolePolicy(w.root(), &model.PutRolePolicyInput{RoleName: name, PolicyName: new("p"), PolicyDocument: new(flinkTrust)})
	wantCode(t, err, "MalformedPolicyDocument", "should not specify a principal")
	_, err = w.PutRolePolicy(w.root(), &model.PutRolePolicyInput{RoleName: name, PolicyName: new("p"), PolicyDocument: new(allowing(strings.Repeat("s3:GetObject", 1), "s3:"+strings.Repeat("x", 11000)))})
	wantCode(t, err, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r")
	_, err = w.GetRolePolicy(w.root(), &model.GetRolePolicyInput{RoleName: name, PolicyName: new("p")})
	wantCode(t, err, "NoSuchEntity", "The role policy with name p cannot be found.")
	_, err = w.AttachRolePolicy(w.root(), &model.AttachRolePolicyInput{RoleName: name, PolicyArn: new("arn:aws:iam::123456789012:policy/none")})
	wantCode(t, err, "NoSuchEntity", "does not exist or is not attachable")
	_, err = w.DetachRolePolicy(w.root(), &model.DetachRolePolicyInput{RoleName: name, PolicyArn: new("arn:aws:iam::aws:policy/AdministratorAccess")})
	wantCode(t, err, "NoSuchEntity", "was not found")
	_, err = w.TagRole(w.root(), &model.TagRoleInput{RoleName: name, Tags: []model.Tag{{Key: new("a"), Value: new("1")}, {Key: new("A"), Value: new("2")}}})
	wantCode(t, err, "InvalidInput", "Duplicate tag keys")
	_, err = w.GetRole(w.rootOf(other), &model.GetRoleInput{RoleName: name})
	wantCode(t, err, "NoSuchEntity", "cannot be found")
}

func TestManagedPolicyVersions(t *testing.T) {
	w := newWorld(t)
	p := must(w.CreatePolicy(w.root(), &model.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: new(allowing("s3:GetObject")), Description: new("x")})).Policy
	if !strings.HasPrefix(*p.PolicyId, "ANPA") || *p.Arn != "arn:aws:iam::123456789012:policy/p" {
		t.Errorf("policy %+v", p)
	}
	_, err := w.CreatePolicy(w.root(), &model.CreatePolicyInput{PolicyName: new("P"), PolicyDocument: new(allowing("s3:GetObject"))})
	wantCode(t, err, "EntityAlreadyExists", "A policy called P already exists. Duplicate names are not allowed.")
	ann := w.user("ann", "")
	must(w.AttachUserPolicy(w.root(), &model.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: p.Arn}))
	if err := may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Error(err)
	}
	// A new default version counts at the next request.
	must(w.CreatePolicyVersion(w.root(), &model.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: new(allowing("s3:PutObject")), SetAsDefault: new(true)}))
	wantCode(t, may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"), "AccessDenied", "no identity-based policy allows")
	must(w.SetDefaultPolicyVersion(w.root(), &model.SetDefaultPolicyVersionInput{PolicyArn: p.Arn, VersionId: new("v1")}))
	if err := may(ann, w, "s3:GetObject", "arn:aws:s3:::b/x"); err != nil {
		t.Error(err)
	}
	for range 3 {
		must(w.CreatePolicyVersion(w.root(), &model.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: new(allowing("s3:PutObject"))}))
	}
	_, err = w.CreatePolicyVersion(w.root(), &model.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: new(allowing("s3:PutObject"))})
	wantCode(t, err, "LimitExceeded", "up to 5 versions")
	_, err = w.DeletePolicyVersion(w.root(), &model.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: new("v1")})
	wantCode(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")

	first := must(w.ListPolicyVersions(w.root(), &model.ListPolicyVersionsInput{PolicyArn: p.Arn, MaxItems: new(int32(2))}))
	rest := must(w.ListPolicyVersions(w.root(), &model.ListPolicyVersionsInput{PolicyArn: p.Arn, Marker: first.Marker}))
	var ids []string
	for _, v := range append(first.Versions, rest.Versions...) {
		ids = append(ids, fmt.Sprint(*v.VersionId, *v.IsDefaultVersion))
	}
	if got := strings.Join(ids, " "); got != "v5false v4false v3false v2false v1true" || !*first.IsTruncated || *rest.IsTruncated {
		t.Errorf("versions %s", got)
	}
	_, err = w.DeletePolicy(w.root(), &model.DeletePolicyInput{PolicyArn: p.Arn})
	wantCode(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	entities := must(w.ListEntitiesForPolicy(w.root(), &model.ListEntitiesForPolicyInput{PolicyArn: p.Arn}))
	if len(entities.PolicyUsers) != 1 || *entities.PolicyUsers[0].UserName != "ann" || len(entities.PolicyRoles) != 0 {
		t.Errorf("entities %+v", entities)
	}
	must(w.DetachUserPolicy(w.root(), &model.DetachUserPolicyInput{UserName: new("ann"), PolicyArn: p.Arn}))
	_, err = w.DeletePolicy(w.root(), &model.DeletePolicyInput{PolicyArn: p.Arn})
	wantCode(t, err, "DeleteConflict", "more than one version")
	for _, v := range []string{"v2", "v3", "v4", "v5"} {
		must(w.DeletePolicyVersion(w.root(), &model.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: &v}))
	}
	must(w.DeletePolicy(w.root(), &model.DeletePolicyInput{PolicyArn: p.Arn}))
	_, err = w.GetPolicy(w.root(), &model.GetPolicyInput{PolicyArn: p.Arn})
	wantCode(t, err, "NoSuchEntity", "was not found")
}

// Every AWS managed policy parses and is listed, shown and unchangeable.
func TestAWSManagedPolicies(t *testing.T) {
	w := newWorld(t)
	list := must(w.ListPolicies(w.root(), &model.ListPoliciesInput{Scope: model.PolicyScopeTypeAWS})).Policies
	if len(list) < 10 {
		t.Fatalf("%d policies", len(list))
	}
	w.user("ann", "")
	for _, p := range list {
		must(w.AttachUserPolicy(w.root(), &model.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: p.Arn}))
		must(w.SimulatePrincipalPolicy(w.root(), &model.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:user/ann"), ActionNames: []string{"s3:GetObject"}}))
		must(w.DetachUserPolicy(w.root(), &model.DetachUserPolicyInput{UserName: new("ann"), PolicyArn: p.Arn}))
	}
	admin := new("arn:aws:iam::aws:policy/AdministratorAccess")
	v := must(w.GetPolicyVersion(w.root(), &model.GetPolicyVersionInput{PolicyArn: admin, VersionId: new("v1")})).PolicyVersion
	if !strings.Contains(decoded(t, v.Document), `"Action":"*"`) {
		t.Error(*v.Document)
	}
	_, err := w.CreatePolicyVersion(w.root(), &model.CreatePolicyVersionInput{PolicyArn: admin, PolicyDocument: new(allowing("s3:*"))})
	wantCode(t, err, "AccessDenied", "AWS managed policy")
	_, err = w.DeletePolicy(w.root(), &model.DeletePolicyInput{PolicyArn: admin})
	wantCode(t, err, "AccessDenied", "AWS managed policy")
}

// Pages hold every role once, whatever the page size, even when one is deleted between two pages.
func TestListRolesPages(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.role(fmt.Sprintf("Role%d", i), flinkTrust, "")
	}
	var names []string
	in := &model.ListRolesInput{MaxItems: new(int32(3))}
	for {
		out := must(w.ListRoles(w.root(), in))
		for _, r := range out.Roles {
			names = append(names, *r.RoleName)
		}
		if !*out.IsTruncated {
			break
		}
		if in.Marker == nil {
			must(w.DeleteRole(w.root(), &model.DeleteRoleInput{RoleName: new("Role2")}))
		}
		in.Marker = out.Marker
	}
	if got := strings.Join(names, " "); got != "Role0 Role1 Role2 Role3 Role4 Role5 Role6" {
		t.Error(got)
	}
	_, err := w.ListRoles(w.root(), &model.ListRolesInput{Marker: new("%")})
	wantCode(t, err, "ValidationError", "Invalid Marker")
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	w := newWorld(t)
	w.role("r", flinkTrust, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}]}`)
	out := must(w.SimulatePrincipalPolicy(w.root(), &model.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::123456789012:role/r"),
		ActionNames: []string{"s3:GetObject", "s3:DeleteObject", "kinesis:PutRecord"}, ResourceArns: []string{"arn:aws:s3:::b/x"}}))
	want := []model.PolicyEvaluationDecisionType{"allowed", "explicitDeny", "implicitDeny"}
	for i, r := range out.EvaluationResults {
		if r.EvalDecision != want[i] {
			t.Errorf("%s: %s, want %s", *r.EvalActionName, r.EvalDecision, want[i])
		}
	}
	if len(out.EvaluationResults) != 3 {
		t.Errorf("%d results", len(out.EvaluationResults))
	}
}

func TestPolicyTags(t *testing.T) {
	w := newWorld(t)
	arn := must(w.CreatePolicy(w.root(), &model.CreatePolicyInput{PolicyName: new("p"), Tags: []model.Tag{{Key: new("Team"), Value: new("red")}},
		PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)})).Policy.Arn
	must(w.TagPolicy(w.root(), &model.TagPolicyInput{PolicyArn: arn, Tags: []model.Tag{{Key: new("Team"), Value: new("blue")}, {Key: new("Stage"), Value: new("test")}}}))
	must(w.UntagPolicy(w.root(), &model.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"stage", "none"}}))
	if tags := must(w.ListPolicyTags(w.root(), &model.ListPolicyTagsInput{PolicyArn: arn})).Tags; len(tags) != 1 || *tags[0].Key != "Team" || *tags[0].Value != "blue" {
		t.Errorf("the tags are %+v", tags)
	}
	_, err := w.TagPolicy(w.root(), &model.TagPolicyInput{PolicyArn: new("arn:aws:iam::123456789012:policy/none"), Tags: []model.Tag{{Key: new("a"), Value: new("")}}})
	wantCode(t, err, "NoSuchEntity", "none")
}
