package iam

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	model "drey/model/iam"
)

// attach adds a managed policy; attaching it again is no error.
func (i *identity) attach(ctx context.Context, tx *sql.Tx, kind, arn string) error {
	if _, err := findPolicy(ctx, tx, i.Account, arn); err != nil {
		if !isNoEntity(err) {
			return err
		}
		return model.NoSuchEntityException.Errorf("Policy %s does not exist or is not attachable.", arn)
	}
	if slices.Contains(i.Attached, arn) {
		return nil
	}
	if len(i.Attached) >= attachedPerIdentity {
		return model.LimitExceededException.Errorf("Cannot exceed quota for PoliciesPer%s: %d", kind, attachedPerIdentity)
	}
	i.Attached = append(i.Attached, arn)
	return nil
}

func (i *identity) detach(arn string) error {
	n := slices.Index(i.Attached, arn)
	if n < 0 {
		return noPolicy(arn)
	}
	i.Attached = slices.Delete(i.Attached, n, n+1)
	return nil
}

// attached lists the managed policies under a path, in the order of their ARNs.
func (i *identity) attached(prefix *string) []model.AttachedPolicy {
	var list []model.AttachedPolicy
	for _, arn := range slices.Sorted(slices.Values(i.Attached)) {
		path := arn[strings.IndexByte(arn, '/') : strings.LastIndexByte(arn, '/')+1]
		if strings.HasPrefix(path, or(prefix, "/")) {
			list = append(list, model.AttachedPolicy{PolicyArn: new(arn), PolicyName: new(nameOf(arn))})
		}
	}
	return list
}

func attachedARN(p model.AttachedPolicy) string { return *p.PolicyArn }

// AttachRolePolicy gives a role the permissions of a managed policy.
func (s *Service) AttachRolePolicy(ctx context.Context, in *model.AttachRolePolicyInput) (*model.AttachRolePolicyOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(tx *sql.Tx, r *role) error { return r.attach(ctx, tx, "Role", *in.PolicyArn) })
	return &model.AttachRolePolicyOutput{}, err
}

// DetachRolePolicy takes a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *model.DetachRolePolicyInput) (*model.DetachRolePolicyOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error { return r.detach(*in.PolicyArn) })
	return &model.DetachRolePolicyOutput{}, err
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *model.ListAttachedRolePoliciesInput) (*model.ListAttachedRolePoliciesOutput, error) {
	r, err := s.readRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(r.attached(in.PathPrefix), in.Marker, in.MaxItems, attachedARN)
	return &model.ListAttachedRolePoliciesOutput{AttachedPolicies: part, IsTruncated: truncated, Marker: next}, err
}

// AttachUserPolicy gives a user the permissions of a managed policy.
func (s *Service) AttachUserPolicy(ctx context.Context, in *model.AttachUserPolicyInput) (*model.AttachUserPolicyOutput, error) {
	err := s.editUser(ctx, *in.UserName, func(tx *sql.Tx, u *user) error { return u.attach(ctx, tx, "User", *in.PolicyArn) })
	return &model.AttachUserPolicyOutput{}, err
}

// DetachUserPolicy takes a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *model.DetachUserPolicyInput) (*model.DetachUserPolicyOutput, error) {
	err := s.editUser(ctx, *in.UserName, func(_ *sql.Tx, u *user) error { return u.detach(*in.PolicyArn) })
	return &model.DetachUserPolicyOutput{}, err
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *model.ListAttachedUserPoliciesInput) (*model.ListAttachedUserPoliciesOutput, error) {
	u, err := s.readUser(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(u.attached(in.PathPrefix), in.Marker, in.MaxItems, attachedARN)
	return &model.ListAttachedUserPoliciesOutput{AttachedPolicies: part, IsTruncated: truncated, Marker: next}, err
}

// entity is a user or role in one list, so that both are paged together.
type entity struct {
	key  string
	user *user
	role *role
}

// ListEntitiesForPolicy lists who has a policy attached or is bounded by it: roles, then users.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *model.ListEntitiesForPolicyInput) (*model.ListEntitiesForPolicyOutput, error) {
	_, u, err := s.readPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var list []entity
	prefix := or(in.PathPrefix, "/")
	addRoles := func(roles []*role) {
		for _, r := range roles {
			if strings.HasPrefix(r.Path, prefix) && (in.EntityFilter == "" || in.EntityFilter == model.EntityTypeRole) {
				list = append(list, entity{key: "role/" + strings.ToLower(r.Name), role: r})
			}
		}
	}
	addUsers := func(users []*user) {
		for _, u := range users {
			if strings.HasPrefix(u.Path, prefix) && (in.EntityFilter == "" || in.EntityFilter == model.EntityTypeUser) {
				list = append(list, entity{key: "user/" + strings.ToLower(u.Name), user: u})
			}
		}
	}
	if in.PolicyUsageFilter != model.PolicyUsageTypePermissionsBoundary {
		addRoles(u.roles)
		addUsers(u.users)
	}
	if in.PolicyUsageFilter != model.PolicyUsageTypePermissionsPolicy {
		addRoles(u.boundedRoles)
		addUsers(u.boundedUsers)
	}
	slices.SortFunc(list, func(a, b entity) int { return strings.Compare(a.key, b.key) })
	list = slices.CompactFunc(list, func(a, b entity) bool { return a.key == b.key })
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(e entity) string { return e.key })
	if err != nil {
		return nil, err
	}
	out := &model.ListEntitiesForPolicyOutput{PolicyGroups: []model.PolicyGroup{}, PolicyRoles: []model.PolicyRole{},
		PolicyUsers: []model.PolicyUser{}, IsTruncated: truncated, Marker: next}
	for _, e := range part {
		if e.role != nil {
			out.PolicyRoles = append(out.PolicyRoles, model.PolicyRole{RoleName: &e.role.Name, RoleId: &e.role.ID})
		} else {
			out.PolicyUsers = append(out.PolicyUsers, model.PolicyUser{UserName: &e.user.Name, UserId: &e.user.ID})
		}
	}
	return out, nil
}
