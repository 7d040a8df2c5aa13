package iam

import (
	"context"
	"database/sql"
	"strings"
	"time"

	model "drey/model/iam"
	"drey/wire"
)

func noUser(name string) error {
	return model.NoSuchEntityException.Errorf("The user with name %s cannot be found.", name)
}

// getUser finds a user by its exact name; names that differ in case only cannot coexist.
func getUser(ctx context.Context, tx *sql.Tx, account, name string) (*user, error) {
	u, err := users.get(ctx, tx, account, strings.ToLower(name))
	if err != nil {
		return nil, err
	}
	if u == nil || u.Name != name {
		return nil, noUser(name)
	}
	return u, nil
}

func putUser(ctx context.Context, tx *sql.Tx, u *user) error {
	return users.put(ctx, tx, u.Account, strings.ToLower(u.Name), u)
}

// editUser changes one user in a transaction.
func (s *Service) editUser(ctx context.Context, name string, edit func(tx *sql.Tx, u *user) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		u, err := getUser(ctx, tx, account(ctx), name)
		if err != nil {
			return err
		}
		if err := edit(tx, u); err != nil {
			return err
		}
		return putUser(ctx, tx, u)
	})
}

func (s *Service) readUser(ctx context.Context, name string) (u *user, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		u, err = getUser(ctx, tx, account(ctx), name)
		return err
	})
	return u, err
}

// callerName is the user that operations without UserName mean; "" if the caller is no user.
func callerName(ctx context.Context) string {
	p := wire.FromContext(ctx).Principal
	if kindOf(p) != userCaller {
		return ""
	}
	return nameOf(p.ARN)
}

// CreateUser makes a user without any permission.
func (s *Service) CreateUser(ctx context.Context, in *model.CreateUserInput) (*model.CreateUserOutput, error) {
	u := &user{newIdentity(account(ctx), "user", userID, *in.UserName, in.Path, s.now())}
	var err error
	if u.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := users.get(ctx, tx, u.Account, strings.ToLower(u.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return model.EntityAlreadyExistsException.Errorf("User with name %s already exists.", u.Name)
		}
		if err := u.bound(ctx, tx, in.PermissionsBoundary); err != nil {
			return err
		}
		return putUser(ctx, tx, u)
	})
	if err != nil {
		return nil, err
	}
	return &model.CreateUserOutput{User: u.shape()}, nil
}

// shape is the user as GetUser shows it.
func (u *user) shape() *model.User {
	return &model.User{Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: &u.ARN, CreateDate: &u.Created,
		PermissionsBoundary: u.boundary(), Tags: tagList(u.Tags)}
}

// GetUser shows a user, by default the caller. The root user is shown with its account's id and without name.
func (s *Service) GetUser(ctx context.Context, in *model.GetUserInput) (*model.GetUserOutput, error) {
	p := wire.FromContext(ctx).Principal
	name := or(in.UserName, callerName(ctx))
	if name == "" {
		if kindOf(p) != rootCaller {
			return nil, invalid("Must specify userName when calling with non-User credentials")
		}
		created, err := s.rootCreated(ctx, p.Account)
		return &model.GetUserOutput{User: &model.User{Path: new("/"), UserName: new("root"), UserId: &p.Account, Arn: &p.ARN, CreateDate: &created}}, err
	}
	u, err := s.readUser(ctx, name)
	if err != nil {
		return nil, err
	}
	return &model.GetUserOutput{User: u.shape()}, nil
}

// rootCreated is when the root user got its key.
func (s *Service) rootCreated(ctx context.Context, account string) (created time.Time, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		list, err := keysOf(ctx, tx, account, "")
		if err == nil && len(list) > 0 {
			created = list[0].Created
		}
		return err
	})
	return created, err
}

// ListUsers lists users without tags and boundary, as on AWS.
func (s *Service) ListUsers(ctx context.Context, in *model.ListUsersInput) (*model.ListUsersOutput, error) {
	var list []*user
	err := s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		list, err = users.all(ctx, tx, account(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	list = filter(list, func(u *user) bool { return strings.HasPrefix(u.Path, or(in.PathPrefix, "/")) })
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(u *user) string { return strings.ToLower(u.Name) })
	if err != nil {
		return nil, err
	}
	out := &model.ListUsersOutput{Users: []model.User{}, IsTruncated: truncated, Marker: next}
	for _, u := range part {
		shape := u.shape()
		shape.Tags, shape.PermissionsBoundary = nil, nil
		out.Users = append(out.Users, *shape)
	}
	return out, nil
}

// UpdateUser renames or moves a user. The id, the keys and the policies stay.
func (s *Service) UpdateUser(ctx context.Context, in *model.UpdateUserInput) (*model.UpdateUserOutput, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		u, err := getUser(ctx, tx, account(ctx), *in.UserName)
		if err != nil {
			return err
		}
		name := or(in.NewUserName, u.Name)
		if !strings.EqualFold(name, u.Name) {
			if other, err := users.get(ctx, tx, u.Account, strings.ToLower(name)); err != nil {
				return err
			} else if other != nil {
				return model.EntityAlreadyExistsException.Errorf("User with name %s already exists.", name)
			}
		}
		if err := users.delete(ctx, tx, u.Account, strings.ToLower(u.Name)); err != nil {
			return err
		}
		if err := renameKeys(ctx, tx, u.Account, u.Name, name); err != nil {
			return err
		}
		u.Name, u.Path = name, or(in.NewPath, u.Path)
		u.ARN = arn(u.Account, "user", u.Path, name)
		return putUser(ctx, tx, u)
	})
	return &model.UpdateUserOutput{}, err
}

// DeleteUser removes a user that has nothing left attached.
func (s *Service) DeleteUser(ctx context.Context, in *model.DeleteUserInput) (*model.DeleteUserOutput, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		u, err := getUser(ctx, tx, account(ctx), *in.UserName)
		if err != nil {
			return err
		}
		list, err := keysOf(ctx, tx, u.Account, u.Name)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return model.DeleteConflictException.Errorf("Cannot delete entity, must delete access keys first.")
		}
		if err := u.deletable(); err != nil {
			return err
		}
		return users.delete(ctx, tx, u.Account, strings.ToLower(u.Name))
	})
	return &model.DeleteUserOutput{}, err
}
