package iam

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"drey/iam/policy"
	model "drey/model/iam"
)

// Quotas and defaults of roles ("IAM and AWS STS quotas").
const (
	trustPolicySize   = 2048
	defaultMaxSession = 3600
)

func noRole(name string) error {
	return model.NoSuchEntityException.Errorf("The role with name %s cannot be found.", name)
}

func getRole(ctx context.Context, tx *sql.Tx, account, name string) (*role, error) {
	r, err := roles.get(ctx, tx, account, strings.ToLower(name))
	if err != nil {
		return nil, err
	}
	if r == nil || r.Name != name {
		return nil, noRole(name)
	}
	return r, nil
}

func putRole(ctx context.Context, tx *sql.Tx, r *role) error {
	return roles.put(ctx, tx, r.Account, strings.ToLower(r.Name), r)
}

// editRole changes one role in a transaction.
func (s *Service) editRole(ctx context.Context, name string, edit func(tx *sql.Tx, r *role) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		r, err := getRole(ctx, tx, account(ctx), name)
		if err != nil {
			return err
		}
		if err := edit(tx, r); err != nil {
			return err
		}
		return putRole(ctx, tx, r)
	})
}

func (s *Service) readRole(ctx context.Context, name string) (r *role, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		r, err = getRole(ctx, tx, account(ctx), name)
		return err
	})
	return r, err
}

// roleByARN finds a role of any account; nil if there is none with exactly this ARN.
func (s *Service) roleByARN(ctx context.Context, arn string) (r *role, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		r, err = roles.get(ctx, tx, accountOf(arn), strings.ToLower(nameOf(arn)))
		return err
	})
	if r != nil && r.ARN != arn {
		r = nil
	}
	return r, err
}

func (s *Service) checkTrust(document string) error {
	if _, err := s.parse(document, policy.Trust); err != nil {
		return malformed(err)
	}
	if size(document) > trustPolicySize {
		return model.LimitExceededException.Errorf("Cannot exceed quota for ACLSizePerRole: %d", trustPolicySize)
	}
	return nil
}

// CreateRole makes a role without any permission.
func (s *Service) CreateRole(ctx context.Context, in *model.CreateRoleInput) (*model.CreateRoleOutput, error) {
	if err := s.checkTrust(*in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	r := &role{identity: newIdentity(account(ctx), "role", roleID, *in.RoleName, in.Path, s.now()),
		Trust: *in.AssumeRolePolicyDocument, Description: in.Description, MaxSession: or(in.MaxSessionDuration, defaultMaxSession)}
	var err error
	if r.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := roles.get(ctx, tx, r.Account, strings.ToLower(r.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return model.EntityAlreadyExistsException.Errorf("Role with name %s already exists.", r.Name)
		}
		if err := r.bound(ctx, tx, in.PermissionsBoundary); err != nil {
			return err
		}
		return putRole(ctx, tx, r)
	})
	if err != nil {
		return nil, err
	}
	shape := r.shape()
	shape.RoleLastUsed = nil
	return &model.CreateRoleOutput{Role: shape}, nil
}

// shape is the role as GetRole shows it.
func (r *role) shape() *model.Role {
	return &model.Role{Path: &r.Path, RoleName: &r.Name, RoleId: &r.ID, Arn: &r.ARN, CreateDate: &r.Created,
		AssumeRolePolicyDocument: encoded(r.Trust), Description: r.Description, MaxSessionDuration: &r.MaxSession,
		PermissionsBoundary: r.boundary(), Tags: tagList(r.Tags), RoleLastUsed: &model.RoleLastUsed{}}
}

// GetRole shows a role.
func (s *Service) GetRole(ctx context.Context, in *model.GetRoleInput) (*model.GetRoleOutput, error) {
	r, err := s.readRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &model.GetRoleOutput{Role: r.shape()}, nil
}

// ListRoles lists roles without tags, boundary and last use, as on AWS.
func (s *Service) ListRoles(ctx context.Context, in *model.ListRolesInput) (*model.ListRolesOutput, error) {
	var list []*role
	err := s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		list, err = roles.all(ctx, tx, account(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	list = filter(list, func(r *role) bool { return strings.HasPrefix(r.Path, or(in.PathPrefix, "/")) })
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(r *role) string { return strings.ToLower(r.Name) })
	if err != nil {
		return nil, err
	}
	out := &model.ListRolesOutput{Roles: []model.Role{}, IsTruncated: truncated, Marker: next}
	for _, r := range part {
		shape := r.shape()
		shape.Tags, shape.PermissionsBoundary, shape.RoleLastUsed = nil, nil, nil
		out.Roles = append(out.Roles, *shape)
	}
	return out, nil
}

// UpdateRole sets description and maximal session; what is absent is reset, as on AWS.
func (s *Service) UpdateRole(ctx context.Context, in *model.UpdateRoleInput) (*model.UpdateRoleOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error {
		r.Description, r.MaxSession = in.Description, or(in.MaxSessionDuration, defaultMaxSession)
		return nil
	})
	return &model.UpdateRoleOutput{}, err
}

// UpdateRoleDescription sets the description alone.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *model.UpdateRoleDescriptionInput) (*model.UpdateRoleDescriptionOutput, error) {
	var out model.UpdateRoleDescriptionOutput
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error {
		r.Description = in.Description
		out.Role = r.shape()
		return nil
	})
	return &out, err
}

// UpdateAssumeRolePolicy replaces the trust policy. Sessions that exist go on.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *model.UpdateAssumeRolePolicyInput) (*model.UpdateAssumeRolePolicyOutput, error) {
	if err := s.checkTrust(*in.PolicyDocument); err != nil {
		return nil, err
	}
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error {
		r.Trust = *in.PolicyDocument
		return nil
	})
	return &model.UpdateAssumeRolePolicyOutput{}, err
}

// DeleteRole removes a role that has no policies left. Its sessions end at once.
func (s *Service) DeleteRole(ctx context.Context, in *model.DeleteRoleInput) (*model.DeleteRoleOutput, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		r, err := getRole(ctx, tx, account(ctx), *in.RoleName)
		if err != nil {
			return err
		}
		if err := r.deletable(); err != nil {
			return err
		}
		return roles.delete(ctx, tx, r.Account, strings.ToLower(r.Name))
	})
	return &model.DeleteRoleOutput{}, err
}

// TagRole adds or replaces tags.
func (s *Service) TagRole(ctx context.Context, in *model.TagRoleInput) (*model.TagRoleOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) (err error) {
		r.Tags, err = addTags(r.Tags, in.Tags)
		return err
	})
	return &model.TagRoleOutput{}, err
}

// UntagRole removes tags; unknown keys are no error.
func (s *Service) UntagRole(ctx context.Context, in *model.UntagRoleInput) (*model.UntagRoleOutput, error) {
	err := s.editRole(ctx, *in.RoleName, func(_ *sql.Tx, r *role) error {
		removeTags(r.Tags, in.TagKeys)
		return nil
	})
	return &model.UntagRoleOutput{}, err
}

// removeTags takes tags away. Keys are matched without regard to case.
func removeTags(tags map[string]string, keys []string) {
	maps.DeleteFunc(tags, func(k, _ string) bool {
		return slices.ContainsFunc(keys, func(t string) bool { return strings.EqualFold(t, k) })
	})
}

// ListRoleTags lists tags in the order of their keys.
func (s *Service) ListRoleTags(ctx context.Context, in *model.ListRoleTagsInput) (*model.ListRoleTagsOutput, error) {
	r, err := s.readRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	part, truncated, next, err := page(tagList(r.Tags), in.Marker, in.MaxItems, func(t model.Tag) string { return *t.Key })
	return &model.ListRoleTagsOutput{Tags: part, IsTruncated: truncated, Marker: next}, err
}

// ListInstanceProfilesForRole is always empty: there are no instances here.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *model.ListInstanceProfilesForRoleInput) (*model.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.readRole(ctx, *in.RoleName); err != nil {
		return nil, err
	}
	return &model.ListInstanceProfilesForRoleOutput{InstanceProfiles: []model.InstanceProfile{}, IsTruncated: new(false)}, nil
}
