package iam

import (
	"context"
	"database/sql"

	"drey/iam/policy"
	model "drey/model/iam"
)

// Quotas of all inline policies of one entity together, in characters without white space.
const (
	userPolicySize = 2048
	rolePolicySize = 10240
)

// putInline adds or replaces an inline policy. The document has been checked.
func (i *identity) putInline(kind, name, document string, quota int) error {
	inline := map[string]string{name: document}
	total := size(document)
	for k, v := range i.Inline {
		if k != name {
			inline[k] = v
			total += size(v)
		}
	}
	if total > quota {
		return model.LimitExceededException.Errorf("Maximum policy size of %d bytes exceeded for %s %s", quota, kind, i.Name)
	}
	i.Inline = inline
	return nil
}

func (i *identity) inline(kind, name string) (string, error) {
	d, ok := i.Inline[name]
	if !ok {
		return "", model.NoSuchEntityException.Errorf("The %s policy with name %s cannot be found.", kind, name)
	}
	return d, nil
}

func (i *identity) deleteInline(kind, name string) error {
	if _, err := i.inline(kind, name); err != nil {
		return err
	}
	delete(i.Inline, name)
	return nil
}

// PutRolePolicy adds or replaces an inline policy of a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *model.PutRolePolicyInput) (*model.PutRolePolicyOutput, error) {
	if _, err := s.parse(*in.PolicyDocument, policy.Identity); err != nil {
		return nil, malformed(err)
	}
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error {
		return r.putInline("role", *in.PolicyName, *in.PolicyDocument, rolePolicySize)
	})
	return &model.PutRolePolicyOutput{}, err
}

// GetRolePolicy shows an inline policy of a role.
func (s *Service) GetRolePolicy(ctx context.Context, in *model.GetRolePolicyInput) (*model.GetRolePolicyOutput, error) {
	r, err := s.readRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	d, err := r.inline("role", *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &model.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: encoded(d)}, nil
}

// ListRolePolicies lists the names of the inline policies of a role.
func (s *Service) ListRolePolicies(ctx context.Context, in *model.ListRolePoliciesInput) (*model.ListRolePoliciesOutput, error) {
	r, err := s.readRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(sortedKeys(r.Inline), in.Marker, in.MaxItems, func(n string) string { return n })
	return &model.ListRolePoliciesOutput{PolicyNames: part, IsTruncated: truncated, Marker: next}, err
}

// DeleteRolePolicy removes an inline policy of a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *model.DeleteRolePolicyInput) (*model.DeleteRolePolicyOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error { return r.deleteInline("role", *in.PolicyName) })
	return &model.DeleteRolePolicyOutput{}, err
}

// PutUserPolicy adds or replaces an inline policy of a user.
func (s *Service) PutUserPolicy(ctx context.Context, in *model.PutUserPolicyInput) (*model.PutUserPolicyOutput, error) {
	if _, err := s.parse(*in.PolicyDocument, policy.Identity); err != nil {
		return nil, malformed(err)
	}
	err := s.editUser(ctx, *in.UserName, func(_ *sql.Tx, u *user) error {
		return u.putInline("user", *in.PolicyName, *in.PolicyDocument, userPolicySize)
	})
	return &model.PutUserPolicyOutput{}, err
}

// GetUserPolicy shows an inline policy of a user.
func (s *Service) GetUserPolicy(ctx context.Context, in *model.GetUserPolicyInput) (*model.GetUserPolicyOutput, error) {
	u, err := s.readUser(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := u.inline("user", *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &model.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: encoded(d)}, nil
}

// ListUserPolicies lists the names of the inline policies of a user.
func (s *Service) ListUserPolicies(ctx context.Context, in *model.ListUserPoliciesInput) (*model.ListUserPoliciesOutput, error) {
	u, err := s.readUser(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(sortedKeys(u.Inline), in.Marker, in.MaxItems, func(n string) string { return n })
	return &model.ListUserPoliciesOutput{PolicyNames: part, IsTruncated: truncated, Marker: next}, err
}

// DeleteUserPolicy removes an inline policy of a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *model.DeleteUserPolicyInput) (*model.DeleteUserPolicyOutput, error) {
	err := s.editUser(ctx, *in.UserName, func(_ *sql.Tx, u *user) error { return u.deleteInline("user", *in.PolicyName) })
	return &model.DeleteUserPolicyOutput{}, err
}
