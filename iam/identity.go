package iam

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	model "drey/model/iam"
)

// maxTags is the quota of tags of one resource ("IAM and AWS STS quotas").
const maxTags = 50

// arn writes the ARN of an IAM resource; path begins and ends with a slash.
func arn(account, kind, path, name string) string {
	return "arn:aws:iam::" + account + ":" + kind + path + name
}

// nameOf is the last part of the ARN of a user or role.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// accountOf is the account of an ARN; "" if arn is none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[4]
}

func newIdentity(account, kind, prefix, name string, path *string, now time.Time) identity {
	p := or(path, "/")
	return identity{Account: account, Name: name, Path: p, ID: newID(prefix), ARN: arn(account, kind, p, name), Created: now.UTC().Truncate(time.Second)}
}

// bound sets the permissions boundary, which must be a policy that exists.
func (i *identity) bound(ctx context.Context, tx *sql.Tx, policyARN *string) error {
	if policyARN == nil {
		return nil
	}
	if _, err := findPolicy(ctx, tx, i.Account, *policyARN); err != nil {
		return err
	}
	i.Boundary = *policyARN
	return nil
}

func (i *identity) boundary() *model.AttachedPermissionsBoundary {
	if i.Boundary == "" {
		return nil
	}
	return &model.AttachedPermissionsBoundary{PermissionsBoundaryArn: new(i.Boundary),
		PermissionsBoundaryType: "Policy"} // what IAM answers, though its model lists PermissionsBoundaryPolicy
}

// deletable refuses while policies are left.
func (i *identity) deletable() error {
	if len(i.Inline) > 0 {
		return model.DeleteConflictException.Errorf("Cannot delete entity, must delete policies first.")
	}
	if len(i.Attached) > 0 {
		return model.DeleteConflictException.Errorf("Cannot delete entity, must detach all policies first.")
	}
	return nil
}

// addTags merges tags in. A key may stand only once in a request; keys are compared without case.
func addTags(old map[string]string, tags []model.Tag) (map[string]string, error) {
	merged := make(map[string]string, len(old)+len(tags))
	for k, v := range old {
		merged[k] = v
	}
	seen := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(*t.Key)
		if seen[key] {
			return nil, model.InvalidInputException.Errorf("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[key] = true
		if strings.HasPrefix(key, "aws:") {
			return nil, model.InvalidInputException.Errorf("Tag keys that begin with aws: are reserved.")
		}
		for k := range merged {
			if strings.EqualFold(k, key) {
				delete(merged, k)
			}
		}
		merged[*t.Key] = *t.Value
	}
	if len(merged) > maxTags {
		return nil, model.LimitExceededException.Errorf("The number of tags has reached the maximum limit.")
	}
	return merged, nil
}

func tagList(tags map[string]string) []model.Tag {
	var list []model.Tag
	for _, k := range sortedKeys(tags) {
		list = append(list, model.Tag{Key: new(k), Value: new(tags[k])})
	}
	return list
}

func filter[T any](list []T, keep func(T) bool) []T {
	return slices.DeleteFunc(list, func(v T) bool { return !keep(v) })
}
