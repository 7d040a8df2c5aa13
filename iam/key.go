package iam

import (
	"context"
	"database/sql"
	"sort"
	"time"

	model "drey/model/iam"
)

// keysPerUser is a quota of IAM.
const keysPerUser = 2

func noKey(id string) error {
	return model.NoSuchEntityException.Errorf("The Access Key with id %s cannot be found.", id)
}

// keysOf lists the keys of a user in the order of their ids; "" is root.
func keysOf(ctx context.Context, tx *sql.Tx, account, name string) ([]*accessKey, error) {
	list, err := keys.all(ctx, tx, account)
	return filter(list, func(k *accessKey) bool { return k.User == name }), err
}

func renameKeys(ctx context.Context, tx *sql.Tx, account, from, to string) error {
	list, err := keysOf(ctx, tx, account, from)
	for _, k := range list {
		k.User = to
		if err == nil {
			err = keys.put(ctx, tx, account, k.ID, k)
		}
	}
	return err
}

// keyOwner is the user an operation on keys means, which must exist; "" is root, and only root may mean it.
func keyOwner(ctx context.Context, tx *sql.Tx, name *string) (string, error) {
	owner := or(name, callerName(ctx))
	if owner != "" {
		_, err := getUser(ctx, tx, account(ctx), owner)
		return owner, err
	}
	if kindOf(principal(ctx)) != rootCaller {
		return "", invalid("Must specify userName when calling with non-User credentials")
	}
	return "", nil
}

// ownedKey is a key of the user an operation means.
func ownedKey(ctx context.Context, tx *sql.Tx, name *string, id string) (*accessKey, error) {
	owner, err := keyOwner(ctx, tx, name)
	if err != nil {
		return nil, err
	}
	k, err := keys.get(ctx, tx, account(ctx), id)
	if err != nil {
		return nil, err
	}
	if k == nil || k.User != owner {
		return nil, noKey(id)
	}
	return k, nil
}

// newKey makes a key with its secret; only the sealed secret is kept.
func (s *Service) newKey(account, owner string) (k *accessKey, secret string) {
	secret = newSecret()
	k = &accessKey{ID: newID(longTermKey), Account: account, User: owner, Status: string(model.StatusTypeActive), Created: s.now().UTC().Truncate(time.Second)}
	k.Secret = s.seal.close(k.ID, secret)
	return k, secret
}

// CreateAccessKey makes a key; its secret is shown this once.
func (s *Service) CreateAccessKey(ctx context.Context, in *model.CreateAccessKeyInput) (*model.CreateAccessKeyOutput, error) {
	var k *accessKey
	var secret string
	err := s.write(ctx, func(tx *sql.Tx) error {
		owner, err := keyOwner(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		list, err := keysOf(ctx, tx, account(ctx), owner)
		if err != nil {
			return err
		}
		if len(list) >= keysPerUser {
			return model.LimitExceededException.Errorf("Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
		}
		k, secret = s.newKey(account(ctx), owner)
		return keys.put(ctx, tx, k.Account, k.ID, k)
	})
	if err != nil {
		return nil, err
	}
	return &model.CreateAccessKeyOutput{AccessKey: &model.AccessKey{UserName: userNameOf(k), AccessKeyId: &k.ID,
		Status: model.StatusType(k.Status), SecretAccessKey: &secret, CreateDate: &k.Created}}, nil
}

// userNameOf names the owner; root's keys have none.
func userNameOf(k *accessKey) *string {
	if k.User == "" {
		return nil
	}
	return &k.User
}

// ListAccessKeys lists the keys of a user, by default of the caller.
func (s *Service) ListAccessKeys(ctx context.Context, in *model.ListAccessKeysInput) (*model.ListAccessKeysOutput, error) {
	var list []*accessKey
	err := s.db.Read(ctx, func(tx *sql.Tx) error {
		owner, err := keyOwner(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		list, err = keysOf(ctx, tx, account(ctx), owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	part, truncated, next, err := page(list, in.Marker, in.MaxItems, func(k *accessKey) string { return k.ID })
	if err != nil {
		return nil, err
	}
	out := &model.ListAccessKeysOutput{AccessKeyMetadata: []model.AccessKeyMetadata{}, IsTruncated: truncated, Marker: next}
	for _, k := range part {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, model.AccessKeyMetadata{UserName: userNameOf(k), AccessKeyId: &k.ID,
			Status: model.StatusType(k.Status), CreateDate: &k.Created})
	}
	return out, nil
}

// UpdateAccessKey activates or deactivates a key.
func (s *Service) UpdateAccessKey(ctx context.Context, in *model.UpdateAccessKeyInput) (*model.UpdateAccessKeyOutput, error) {
	if in.Status == model.StatusTypeExpired {
		return nil, invalid("The status of an access key can be set to Active or Inactive.")
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		k, err := ownedKey(ctx, tx, in.UserName, *in.AccessKeyId)
		if err != nil {
			return err
		}
		k.Status = string(in.Status)
		return keys.put(ctx, tx, k.Account, k.ID, k)
	})
	return &model.UpdateAccessKeyOutput{}, err
}

// DeleteAccessKey removes a key at once.
func (s *Service) DeleteAccessKey(ctx context.Context, in *model.DeleteAccessKeyInput) (*model.DeleteAccessKeyOutput, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		k, err := ownedKey(ctx, tx, in.UserName, *in.AccessKeyId)
		if err != nil {
			return err
		}
		return keys.delete(ctx, tx, k.Account, k.ID)
	})
	return &model.DeleteAccessKeyOutput{}, err
}

// GetAccessKeyLastUsed tells when and for what a key was used; the date lags up to usedEvery.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *model.GetAccessKeyLastUsedInput) (*model.GetAccessKeyLastUsedOutput, error) {
	var k *accessKey
	err := s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		k, err = keys.get(ctx, tx, account(ctx), *in.AccessKeyId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, noKey(*in.AccessKeyId)
	}
	used := &model.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")}
	if !k.Used.IsZero() {
		used = &model.AccessKeyLastUsed{LastUsedDate: &k.Used, ServiceName: &k.Service, Region: &k.Region}
	}
	return &model.GetAccessKeyLastUsedOutput{UserName: userNameOf(k), AccessKeyLastUsed: used}, nil
}
