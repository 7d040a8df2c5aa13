package msf

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"drey/app"
	"drey/app/appdb"
	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

func newTags(in []msf.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range in {
		if _, twice := tags[*t.Key]; twice {
			return nil, msf.InvalidArgumentException.Errorf("The tag key %s is given twice", *t.Key)
		}
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, msf.InvalidArgumentException.Errorf("Tag keys that begin with aws: are reserved: %s", *t.Key)
		}
		value := ""
		set(&value, t.Value)
		tags[*t.Key] = value
	}
	if len(tags) > maxTags {
		return nil, tooMany(len(tags))
	}
	return tags, nil
}

// checkPolicy refuses tags that would say how an application is scaled, and do not.
func checkPolicy(tags map[string]string) error {
	if _, err := app.ReadPolicy(tags); err != nil {
		return msf.InvalidArgumentException.Errorf("%v", err)
	}
	return nil
}

func tooMany(n int) error {
	return msf.TooManyTagsException.Errorf("%d tags are more than the maximum of %d", n, maxTags)
}

// tagged finds the application or the snapshot of an ARN, and says whether it is being deleted.
func (s *Service) tagged(ctx context.Context, tx *appdb.Tx, arn string) (leaving bool, err error) {
	r := wire.FromContext(ctx)
	if name, ok := strings.CutPrefix(arn, snapshotARN(r, "")); ok {
		k := app.Key{Account: r.Account, Region: r.Region, Name: name}
		snap, err := tx.Enhanced(k)
		if errors.Is(err, appdb.ErrNotFound) {
			return false, enhancedNotFound(k)
		}
		return err == nil && snap.Status == app.SnapshotDeleting, err
	}
	name, ok := strings.CutPrefix(arn, s.arn(r, ""))
	if !ok {
		return false, msf.InvalidArgumentException.Errorf("%s is no ARN of an application or a snapshot in this account and region", arn)
	}
	k := app.Key{Account: r.Account, Region: r.Region, Name: name}
	a, err := tx.Application(k)
	if errors.Is(err, appdb.ErrNotFound) {
		return false, notFound(k)
	}
	return err == nil && a.Status() == app.Deleting, err
}

// taggable refuses to change the tags of what is being deleted.
func (s *Service) taggable(ctx context.Context, tx *appdb.Tx, arn string) error {
	leaving, err := s.tagged(ctx, tx, arn)
	if leaving {
		return msf.ResourceInUseException.Errorf("The tags of %s cannot be changed: it is being deleted", arn)
	}
	return err
}

// TagResource adds tags or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *msf.TagResourceInput) (*msf.TagResourceOutput, error) {
	fresh, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return &msf.TagResourceOutput{}, s.DB.Write(ctx, func(tx *appdb.Tx) error {
		if err := s.taggable(ctx, tx, *in.ResourceARN); err != nil {
			return err
		}
		tags, err := tx.Tags(*in.ResourceARN)
		if err != nil {
			return err
		}
		maps.Copy(tags, fresh)
		if len(tags) > maxTags {
			return tooMany(len(tags))
		}
		if err := checkPolicy(tags); err != nil {
			return err
		}
		for k, v := range fresh {
			if err := tx.PutTag(*in.ResourceARN, k, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *msf.UntagResourceInput) (*msf.UntagResourceOutput, error) {
	return &msf.UntagResourceOutput{}, s.DB.Write(ctx, func(tx *appdb.Tx) error {
		if err := s.taggable(ctx, tx, *in.ResourceARN); err != nil {
			return err
		}
		for _, k := range in.TagKeys {
			if err := tx.DeleteTag(*in.ResourceARN, k); err != nil {
				return err
			}
		}
		left, err := tx.Tags(*in.ResourceARN)
		if err != nil {
			return err
		}
		return checkPolicy(left)
	})
}

// ListTagsForResource lists tags by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *msf.ListTagsForResourceInput) (*msf.ListTagsForResourceOutput, error) {
	out := &msf.ListTagsForResourceOutput{Tags: []msf.Tag{}}
	return out, s.DB.Read(ctx, func(tx *appdb.Tx) error {
		if _, err := s.tagged(ctx, tx, *in.ResourceARN); err != nil {
			return err
		}
		tags, err := tx.Tags(*in.ResourceARN)
		for _, k := range slices.Sorted(maps.Keys(tags)) {
			out.Tags = append(out.Tags, msf.Tag{Key: &k, Value: new(tags[k])})
		}
		return err
	})
}
