package iam

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"drey/iam/policy"
	model "drey/model/iam"
)

// Quotas of managed policies ("IAM and AWS STS quotas").
const (
	managedPolicySize   = 6144
	maxVersions         = 5
	attachedPerIdentity = 10
)

func noPolicy(arn string) error {
	return model.NoSuchEntityException.Errorf("Policy %s was not found.", arn)
}

// findPolicy finds a customer managed policy of the account or one of AWS's.
func findPolicy(ctx context.Context, tx *sql.Tx, account, arn string) (*managedPolicy, error) {
	if p := awsPolicies[arn]; p != nil {
		return p, nil
	}
	p, err := policies.get(ctx, tx, account, strings.ToLower(nameOf(arn)))
	if err != nil {
		return nil, err
	}
	if p == nil || p.ARN != arn {
		return nil, noPolicy(arn)
	}
	return p, nil
}

func putPolicy(ctx context.Context, tx *sql.Tx, p *managedPolicy) error {
	return policies.put(ctx, tx, p.Account, strings.ToLower(p.Name), p)
}

// editPolicy changes one customer managed policy in a transaction.
func (s *Service) editPolicy(ctx context.Context, arn string, edit func(tx *sql.Tx, p *managedPolicy) error) error {
	if awsPolicies[arn] != nil {
		return denied("Cannot perform the operation on the AWS managed policy %s.", arn)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		p, err := findPolicy(ctx, tx, account(ctx), arn)
		if err != nil {
			return err
		}
		if err := edit(tx, p); err != nil {
			return err
		}
		return putPolicy(ctx, tx, p)
	})
}

// version finds a version by its id.
func (p *managedPolicy) version(id string) (*policyVersion, error) {
	for i := range p.Versions {
		if p.Versions[i].ID == id {
			return &p.Versions[i], nil
		}
	}
	return nil, model.NoSuchEntityException.Errorf("Policy %s version %s does not exist or is not attachable.", p.ARN, id)
}

// document is the default version's.
func (p *managedPolicy) document() string {
	for _, v := range p.Versions {
		if v.ID == p.Default {
			return v.Document
		}
	}
	panic(fmt.Sprintf("iam: policy %s has no default version %s", p.ARN, p.Default)) // broken invariant: it cannot be deleted
}

func (s *Service) checkManaged(document string) error {
	if _, err := s.parse(document, policy.Identity); err != nil {
		return malformed(err)
	}
	if size(document) > managedPolicySize {
		return model.LimitExceededException.Errorf("Cannot exceed quota for PolicySize: %d", managedPolicySize)
	}
	return nil
}

// CreatePolicy makes a managed policy with its version v1.
func (s *Service) CreatePolicy(ctx context.Context, in *model.CreatePolicyInput) (*model.CreatePolicyOutput, error) {
	if err := s.checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Second)
	p := &managedPolicy{Account: account(ctx), Name: *in.PolicyName, Path: or(in.Path, "/"), ID: newID(policyID), Description: or(in.Description, ""),
		Created: now, Updated: now, Default: "v1", Last: 1, Versions: []policyVersion{{"v1", *in.PolicyDocument, now}}}
	p.ARN = arn(p.Account, "policy", p.Path, p.Name)
	var err error
	if p.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := policies.get(ctx, tx, p.Account, strings.ToLower(p.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return model.EntityAlreadyExistsException.Errorf("A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		return putPolicy(ctx, tx, p)
	})
	if err != nil {
		return nil, err
	}
	shape := p.shape(usage{})
	shape.Description = nil // CreatePolicy does not show it
	return &model.CreatePolicyOutput{Policy: shape}, nil
}

// shape is the policy as GetPolicy shows it.
func (p *managedPolicy) shape(u usage) *model.Policy {
	shape := &model.Policy{PolicyName: &p.Name, PolicyId: &p.ID, Arn: &p.ARN, Path: &p.Path, DefaultVersionId: &p.Default,
		AttachmentCount: new(int32(len(u.users) + len(u.roles))), PermissionsBoundaryUsageCount: new(int32(len(u.boundedUsers) + len(u.boundedRoles))),
		IsAttachable: new(true), CreateDate: &p.Created, UpdateDate: &p.Updated, Tags: tagList(p.Tags)}
	if p.Description != "" {
		shape.Description = &p.Description
	}
	return shape
}

// usage is who has a policy attached, or is bounded by it.
type usage struct {
	users, boundedUsers []*user
	roles, boundedRoles []*role
}

// usages looks through all users and roles of the account.
func usages(ctx context.Context, tx *sql.Tx, account string) (map[string]usage, error) {
	m := map[string]usage{}
	us, err := users.all(ctx, tx, account)
	if err != nil {
		return nil, err
	}
	for _, u := range us {
		for _, arn := range u.Attached {
			e := m[arn]
			e.users = append(e.users, u)
			m[arn] = e
		}
		if u.Boundary != "" {
			e := m[u.Boundary]
			e.boundedUsers = append(e.boundedUsers, u)
			m[u.Boundary] = e
		}
	}
	rs, err := roles.all(ctx, tx, account)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		for _, arn := range r.Attached {
			e := m[arn]
			e.roles = append(e.roles, r)
			m[arn] = e
		}
		if r.Boundary != "" {
			e := m[r.Boundary]
			e.boundedRoles = append(e.boundedRoles, r)
			m[r.Boundary] = e
		}
	}
	return m, nil
}

// readPolicy gives a policy and its usage.
func (s *Service) readPolicy(ctx context.Context, arn string) (p *managedPolicy, u usage, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		if p, err = findPolicy(ctx, tx, account(ctx), arn); err != nil {
			return err
		}
		all, err := usages(ctx, tx, account(ctx))
		u = all[arn]
		return err
	})
	return p, u, err
}

// GetPolicy shows a managed policy without its document.
func (s *Service) GetPolicy(ctx context.Context, in *model.GetPolicyInput) (*model.GetPolicyOutput, error) {
	p, u, err := s.readPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &model.GetPolicyOutput{Policy: p.shape(u)}, nil
}

// ListPolicies lists customer managed policies and AWS's, without descriptions and tags, as on AWS.
func (s *Service) ListPolicies(ctx context.Context, in *model.ListPoliciesInput) (*model.ListPoliciesOutput, error) {
	var list []*managedPolicy
	var used map[string]usage
	err := s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		if in.Scope != model.PolicyScopeTypeAWS {
			if list, err = policies.all(ctx, tx, account(ctx)); err != nil {
				return err
			}
		}
		used, err = usages(ctx, tx, account(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.Scope != model.PolicyScopeTypeLocal {
		for _, p := range awsPolicies {
			list = append(list, p)
		}
	}
	list = filter(list, func(p *managedPolicy) bool {
		u := used[p.ARN]
		attached, bounding := len(u.users)+len(u.roles) > 0, len(u.boundedUsers)+len(u.boundedRoles) > 0
		switch in.PolicyUsageFilter {
		case model.PolicyUsageTypePermissionsPolicy:
			bounding = false
		case model.PolicyUsageTypePermissionsBoundary:
			attached = false
		}
		return strings.HasPrefix(p.Path, or(in.PathPrefix, "/")) && (attached || bounding || !or(in.OnlyAttached, false))
	})
	sort.Slice(list, func(i, j int) bool { return list[i].ARN < list[j].ARN })
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(p *managedPolicy) string { return p.ARN })
	if err != nil {
		return nil, err
	}
	out := &model.ListPoliciesOutput{Policies: []model.Policy{}, IsTruncated: truncated, Marker: next}
	for _, p := range part {
		shape := p.shape(used[p.ARN])
		shape.Description, shape.Tags = nil, nil
		out.Policies = append(out.Policies, *shape)
	}
	return out, nil
}

// DeletePolicy removes a policy that is unused and has only its default version.
func (s *Service) DeletePolicy(ctx context.Context, in *model.DeletePolicyInput) (*model.DeletePolicyOutput, error) {
	if awsPolicies[*in.PolicyArn] != nil {
		return nil, denied("Cannot perform the operation on the AWS managed policy %s.", *in.PolicyArn)
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		p, err := findPolicy(ctx, tx, account(ctx), *in.PolicyArn)
		if err != nil {
			return err
		}
		all, err := usages(ctx, tx, p.Account)
		if err != nil {
			return err
		}
		if _, used := all[p.ARN]; used {
			return model.DeleteConflictException.Errorf("Cannot delete a policy attached to entities.")
		}
		if len(p.Versions) > 1 {
			return model.DeleteConflictException.Errorf("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return policies.delete(ctx, tx, p.Account, strings.ToLower(p.Name))
	})
	return &model.DeletePolicyOutput{}, err
}

// shapeOf is a version as answers show it; documents are shown by GetPolicyVersion alone.
func (p *managedPolicy) shapeOf(v *policyVersion) *model.PolicyVersion {
	return &model.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: new(v.ID == p.Default), CreateDate: &v.Created}
}

// CreatePolicyVersion adds a version; ids are never used again.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *model.CreatePolicyVersionInput) (*model.CreatePolicyVersionOutput, error) {
	if err := s.checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var out model.CreatePolicyVersionOutput
	err := s.editPolicy(ctx, *in.PolicyArn, func(_ *sql.Tx, p *managedPolicy) error {
		if len(p.Versions) >= maxVersions {
			return model.LimitExceededException.Errorf("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		p.Last++
		v := policyVersion{fmt.Sprintf("v%d", p.Last), *in.PolicyDocument, s.now().UTC().Truncate(time.Second)}
		p.Versions, p.Updated = append(p.Versions, v), v.Created
		if or(in.SetAsDefault, false) {
			p.Default = v.ID
		}
		out.PolicyVersion = p.shapeOf(&v)
		return nil
	})
	return &out, err
}

// GetPolicyVersion shows a version with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, in *model.GetPolicyVersionInput) (*model.GetPolicyVersionOutput, error) {
	p, _, err := s.readPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v, err := p.version(*in.VersionId)
	if err != nil {
		return nil, err
	}
	shape := p.shapeOf(v)
	shape.Document = encoded(v.Document)
	return &model.GetPolicyVersionOutput{PolicyVersion: shape}, nil
}

// ListPolicyVersions lists versions, the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *model.ListPolicyVersionsInput) (*model.ListPolicyVersionsOutput, error) {
	p, _, err := s.readPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var list []model.PolicyVersion
	for i := range p.Versions {
		list = append(list, *p.shapeOf(&p.Versions[i]))
	}
	slices.Reverse(list)
	place := func(v model.PolicyVersion) string { // ordered as the list is: new before old
		i := slices.IndexFunc(list, func(o model.PolicyVersion) bool { return o.VersionId == v.VersionId })
		return fmt.Sprintf("%03d", i)
	}
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, place)
	return &model.ListPolicyVersionsOutput{Versions: part, IsTruncated: truncated, Marker: next}, err
}

// DeletePolicyVersion removes a version that is not the default.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *model.DeletePolicyVersionInput) (*model.DeletePolicyVersionOutput, error) {
	err := s.editPolicy(ctx, *in.PolicyArn, func(_ *sql.Tx, p *managedPolicy) error {
		if _, err := p.version(*in.VersionId); err != nil {
			return err
		}
		if *in.VersionId == p.Default {
			return model.DeleteConflictException.Errorf("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v policyVersion) bool { return v.ID == *in.VersionId })
		return nil
	})
	return &model.DeletePolicyVersionOutput{}, err
}

// SetDefaultPolicyVersion makes another version count.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *model.SetDefaultPolicyVersionInput) (*model.SetDefaultPolicyVersionOutput, error) {
	err := s.editPolicy(ctx, *in.PolicyArn, func(_ *sql.Tx, p *managedPolicy) error {
		if _, err := p.version(*in.VersionId); err != nil {
			return err
		}
		p.Default, p.Updated = *in.VersionId, s.now().UTC().Truncate(time.Second)
		return nil
	})
	return &model.SetDefaultPolicyVersionOutput{}, err
}

// TagPolicy adds or replaces tags.
func (s *Service) TagPolicy(ctx context.Context, in *model.TagPolicyInput) (*model.TagPolicyOutput, error) {
	err := s.editPolicy(ctx, *in.PolicyArn, func(_ *sql.Tx, p *managedPolicy) (err error) {
		p.Tags, err = addTags(p.Tags, in.Tags)
		return err
	})
	return &model.TagPolicyOutput{}, err
}

// UntagPolicy removes tags; unknown keys are no error.
func (s *Service) UntagPolicy(ctx context.Context, in *model.UntagPolicyInput) (*model.UntagPolicyOutput, error) {
	err := s.editPolicy(ctx, *in.PolicyArn, func(_ *sql.Tx, p *managedPolicy) error {
		removeTags(p.Tags, in.TagKeys)
		return nil
	})
	return &model.UntagPolicyOutput{}, err
}

// ListPolicyTags lists tags in the order of their keys.
func (s *Service) ListPolicyTags(ctx context.Context, in *model.ListPolicyTagsInput) (*model.ListPolicyTagsOutput, error) {
	out, err := s.GetPolicy(ctx, &model.GetPolicyInput{PolicyArn: in.PolicyArn})
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(out.Policy.Tags, in.Marker, in.MaxItems, func(t model.Tag) string { return *t.Key })
	return &model.ListPolicyTagsOutput{Tags: part, IsTruncated: truncated, Marker: next}, err
}
