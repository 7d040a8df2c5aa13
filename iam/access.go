package iam

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"slices"
	"strings"

	model "drey/model/iam"
	"drey/model/sts"
	"drey/wire"
)

// Access tells which permissions an operation of IAM or STS needs ("Actions, resources, and condition keys for AWS
// Identity and Access Management (IAM)" and "… for AWS Security Token Service").
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule := accesses[op]
	if rule == nil {
		return nil, fmt.Errorf("iam: no access rule for operation %s", op)
	}
	return rule(s, ctx, "iam:"+op, in)
}

// rule gives the accesses of an operation; action is the usual one, iam:<operation>.
type rule func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error)

var accesses = map[string]rule{
	"CreateUser": onNew("user", func(in *model.CreateUserInput) newThing {
		return newThing{in.UserName, in.Path, in.PermissionsBoundary, in.Tags}
	}),
	"GetUser":              onUser(func(in *model.GetUserInput) *string { return in.UserName }),
	"ListUsers":            onPath("user", func(in *model.ListUsersInput) *string { return in.PathPrefix }),
	"UpdateUser":           onUser(func(in *model.UpdateUserInput) *string { return in.UserName }),
	"DeleteUser":           onUser(func(in *model.DeleteUserInput) *string { return in.UserName }),
	"CreateAccessKey":      onUser(func(in *model.CreateAccessKeyInput) *string { return in.UserName }),
	"ListAccessKeys":       onUser(func(in *model.ListAccessKeysInput) *string { return in.UserName }),
	"UpdateAccessKey":      onUser(func(in *model.UpdateAccessKeyInput) *string { return in.UserName }),
	"DeleteAccessKey":      onUser(func(in *model.DeleteAccessKeyInput) *string { return in.UserName }),
	"GetAccessKeyLastUsed": onKey,

	"CreateRole": onNew("role", func(in *model.CreateRoleInput) newThing {
		return newThing{in.RoleName, in.Path, in.PermissionsBoundary, in.Tags}
	}),
	"GetRole":                     onRole(func(in *model.GetRoleInput) *string { return in.RoleName }),
	"ListRoles":                   onPath("role", func(in *model.ListRolesInput) *string { return in.PathPrefix }),
	"UpdateRole":                  onRole(func(in *model.UpdateRoleInput) *string { return in.RoleName }),
	"UpdateRoleDescription":       onRole(func(in *model.UpdateRoleDescriptionInput) *string { return in.RoleName }),
	"UpdateAssumeRolePolicy":      onRole(func(in *model.UpdateAssumeRolePolicyInput) *string { return in.RoleName }),
	"DeleteRole":                  onRole(func(in *model.DeleteRoleInput) *string { return in.RoleName }),
	"TagRole":                     tagging(onRole(func(in *model.TagRoleInput) *string { return in.RoleName }), func(in *model.TagRoleInput) []model.Tag { return in.Tags }),
	"UntagRole":                   untagging(onRole(func(in *model.UntagRoleInput) *string { return in.RoleName }), func(in *model.UntagRoleInput) []string { return in.TagKeys }),
	"ListRoleTags":                onRole(func(in *model.ListRoleTagsInput) *string { return in.RoleName }),
	"ListInstanceProfilesForRole": onRole(func(in *model.ListInstanceProfilesForRoleInput) *string { return in.RoleName }),

	"PutRolePolicy":            onRole(func(in *model.PutRolePolicyInput) *string { return in.RoleName }),
	"GetRolePolicy":            onRole(func(in *model.GetRolePolicyInput) *string { return in.RoleName }),
	"ListRolePolicies":         onRole(func(in *model.ListRolePoliciesInput) *string { return in.RoleName }),
	"DeleteRolePolicy":         onRole(func(in *model.DeleteRolePolicyInput) *string { return in.RoleName }),
	"AttachRolePolicy":         attaching(onRole(func(in *model.AttachRolePolicyInput) *string { return in.RoleName }), func(in *model.AttachRolePolicyInput) *string { return in.PolicyArn }),
	"DetachRolePolicy":         attaching(onRole(func(in *model.DetachRolePolicyInput) *string { return in.RoleName }), func(in *model.DetachRolePolicyInput) *string { return in.PolicyArn }),
	"ListAttachedRolePolicies": onRole(func(in *model.ListAttachedRolePoliciesInput) *string { return in.RoleName }),

	"PutUserPolicy":            onUser(func(in *model.PutUserPolicyInput) *string { return in.UserName }),
	"GetUserPolicy":            onUser(func(in *model.GetUserPolicyInput) *string { return in.UserName }),
	"ListUserPolicies":         onUser(func(in *model.ListUserPoliciesInput) *string { return in.UserName }),
	"DeleteUserPolicy":         onUser(func(in *model.DeleteUserPolicyInput) *string { return in.UserName }),
	"AttachUserPolicy":         attaching(onUser(func(in *model.AttachUserPolicyInput) *string { return in.UserName }), func(in *model.AttachUserPolicyInput) *string { return in.PolicyArn }),
	"DetachUserPolicy":         attaching(onUser(func(in *model.DetachUserPolicyInput) *string { return in.UserName }), func(in *model.DetachUserPolicyInput) *string { return in.PolicyArn }),
	"ListAttachedUserPolicies": onUser(func(in *model.ListAttachedUserPoliciesInput) *string { return in.UserName }),

	"CreatePolicy":            onNew("policy", func(in *model.CreatePolicyInput) newThing { return newThing{in.PolicyName, in.Path, nil, in.Tags} }),
	"GetPolicy":               onARN(func(in *model.GetPolicyInput) *string { return in.PolicyArn }),
	"ListPolicies":            onARN(func(*model.ListPoliciesInput) *string { return nil }),
	"DeletePolicy":            onARN(func(in *model.DeletePolicyInput) *string { return in.PolicyArn }),
	"CreatePolicyVersion":     onARN(func(in *model.CreatePolicyVersionInput) *string { return in.PolicyArn }),
	"GetPolicyVersion":        onARN(func(in *model.GetPolicyVersionInput) *string { return in.PolicyArn }),
	"ListPolicyVersions":      onARN(func(in *model.ListPolicyVersionsInput) *string { return in.PolicyArn }),
	"DeletePolicyVersion":     onARN(func(in *model.DeletePolicyVersionInput) *string { return in.PolicyArn }),
	"SetDefaultPolicyVersion": onARN(func(in *model.SetDefaultPolicyVersionInput) *string { return in.PolicyArn }),
	"TagPolicy":               tagging(onARN(func(in *model.TagPolicyInput) *string { return in.PolicyArn }), func(in *model.TagPolicyInput) []model.Tag { return in.Tags }),
	"UntagPolicy":             untagging(onARN(func(in *model.UntagPolicyInput) *string { return in.PolicyArn }), func(in *model.UntagPolicyInput) []string { return in.TagKeys }),
	"ListPolicyTags":          onARN(func(in *model.ListPolicyTagsInput) *string { return in.PolicyArn }),
	"ListEntitiesForPolicy":   onARN(func(in *model.ListEntitiesForPolicyInput) *string { return in.PolicyArn }),
	"SimulatePrincipalPolicy": onARN(func(in *model.SimulatePrincipalPolicyInput) *string { return in.PolicySourceArn }),

	"GetCallerIdentity": free,
	"GetSessionToken":   free,
	"GetAccessKeyInfo": func(*Service, context.Context, string, any) ([]wire.Access, error) {
		return []wire.Access{{Action: "sts:GetAccessKeyInfo", Resource: "*"}}, nil
	},
	"AssumeRole": (*Service).assumeAccess,
}

// free is an operation that needs no permission and cannot be denied.
func free(*Service, context.Context, string, any) ([]wire.Access, error) { return nil, nil }

// onUser is an operation on a user, by default the caller. Users that do not exist are named without path.
func onUser[I any](name func(*I) *string) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		who := or(name(in.(*I)), callerName(ctx))
		if who == "" {
			return []wire.Access{{Action: action, Resource: principal(ctx).ARN}}, nil
		}
		return s.userAccess(ctx, action, who)
	}
}

func (s *Service) userAccess(ctx context.Context, action, name string) ([]wire.Access, error) {
	a := wire.Access{Action: action, Resource: arn(account(ctx), "user", "/", name)}
	u, err := s.readUser(ctx, name)
	switch {
	case isNoEntity(err):
	case err != nil:
		return nil, err
	default:
		a.Resource, a.Conditions = u.ARN, resourceTags(u.Tags)
	}
	return []wire.Access{a}, nil
}

func onRole[I any](name func(*I) *string) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		n := *name(in.(*I))
		a := wire.Access{Action: action, Resource: arn(account(ctx), "role", "/", n)}
		r, err := s.readRole(ctx, n)
		switch {
		case isNoEntity(err):
		case err != nil:
			return nil, err
		default:
			a.Resource, a.Conditions = r.ARN, resourceTags(r.Tags)
		}
		return []wire.Access{a}, nil
	}
}

// onARN is an operation that names its resource by ARN; nil means all.
func onARN[I any](arn func(*I) *string) rule {
	return func(_ *Service, _ context.Context, action string, in any) ([]wire.Access, error) {
		return []wire.Access{{Action: action, Resource: or(arn(in.(*I)), "*")}}, nil
	}
}

func onPath[I any](kind string, prefix func(*I) *string) rule {
	return func(_ *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		return []wire.Access{{Action: action, Resource: arn(account(ctx), kind, or(prefix(in.(*I)), "/"), "")}}, nil
	}
}

func onKey(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	var k *accessKey
	err := s.db.Read(ctx, func(tx *stdsql.Tx) (err error) {
		k, err = keys.get(ctx, tx, account(ctx), *in.(*model.GetAccessKeyLastUsedInput).AccessKeyId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if k == nil || k.User == "" {
		return []wire.Access{{Action: action, Resource: "*"}}, nil
	}
	return s.userAccess(ctx, action, k.User)
}

// newThing is what is about to be made.
type newThing struct {
	name, path, boundary *string
	tags                 []model.Tag
}

// onNew is the making of a user, role or policy; tags need a permission of their own.
func onNew[I any](kind string, thing func(*I) newThing) rule {
	return func(_ *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		t := thing(in.(*I))
		a := wire.Access{Action: action, Resource: arn(account(ctx), kind, or(t.path, "/"), *t.name), Conditions: requestTags(t.tags)}
		if t.boundary != nil {
			a.Conditions["iam:PermissionsBoundary"] = []string{*t.boundary}
		}
		list := []wire.Access{a}
		if len(t.tags) > 0 {
			a.Action = "iam:Tag" + strings.ToUpper(kind[:1]) + kind[1:]
			list = append(list, a)
		}
		return list, nil
	}
}

// with adds conditions to the access of another rule.
func with[I any](base rule, conditions func(*I) map[string][]string) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		list, err := base(s, ctx, action, in)
		for i := range list {
			if list[i].Conditions == nil {
				list[i].Conditions = map[string][]string{}
			}
			for k, v := range conditions(in.(*I)) {
				list[i].Conditions[k] = v
			}
		}
		return list, err
	}
}

func attaching[I any](base rule, policy func(*I) *string) rule {
	return with(base, func(in *I) map[string][]string { return map[string][]string{"iam:PolicyARN": {*policy(in)}} })
}

func tagging[I any](base rule, tags func(*I) []model.Tag) rule {
	return with(base, func(in *I) map[string][]string { return requestTags(tags(in)) })
}

func untagging[I any](base rule, keys func(*I) []string) rule {
	return with(base, func(in *I) map[string][]string { return map[string][]string{"aws:TagKeys": keys(in)} })
}

func requestTags(tags []model.Tag) map[string][]string {
	m := map[string][]string{}
	for _, t := range tags {
		m["aws:RequestTag/"+*t.Key] = []string{*t.Value}
		m["aws:TagKeys"] = append(m["aws:TagKeys"], *t.Key)
	}
	return m
}

func resourceTags(tags map[string]string) map[string][]string {
	m := map[string][]string{}
	for k, v := range tags {
		m["aws:ResourceTag/"+k] = []string{v}
		m["iam:ResourceTag/"+k] = []string{v}
	}
	return m
}

// assumeAccess brings the role's trust policy into the decision. A role that does not exist trusts nobody.
func (s *Service) assumeAccess(ctx context.Context, _ string, in any) ([]wire.Access, error) {
	req := in.(*sts.AssumeRoleInput)
	r, err := s.roleByARN(ctx, *req.RoleArn)
	if err != nil {
		return nil, err
	}
	a := wire.Access{Action: "sts:AssumeRole", Resource: *req.RoleArn, ResourceAccount: accountOf(*req.RoleArn), Conditions: map[string][]string{}}
	if r != nil {
		a.ResourcePolicy, a.Conditions = r.Trust, resourceTags(r.Tags)
	}
	a.Conditions["sts:RoleSessionName"] = []string{*req.RoleSessionName}
	for key, v := range map[string]*string{"sts:ExternalId": req.ExternalId, "sts:SourceIdentity": req.SourceIdentity} {
		if v != nil {
			a.Conditions[key] = []string{*v}
		}
	}
	for _, t := range req.Tags {
		a.Conditions["aws:RequestTag/"+*t.Key] = []string{*t.Value}
		a.Conditions["aws:TagKeys"] = append(a.Conditions["aws:TagKeys"], *t.Key)
	}
	if len(req.TransitiveTagKeys) > 0 {
		a.Conditions["sts:TransitiveTagKeys"] = slices.Clone(req.TransitiveTagKeys)
	}
	list := []wire.Access{a}
	if len(req.Tags) > 0 {
		tag := a
		tag.Action = "sts:TagSession"
		list = append(list, tag)
	}
	if req.SourceIdentity != nil {
		identity := a
		identity.Action = "sts:SetSourceIdentity"
		list = append(list, identity)
	}
	return list, nil
}
