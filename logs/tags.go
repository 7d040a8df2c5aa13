package logs

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"maps"
	"strings"

	model "drey/model/logs"
	"drey/wire"
)

// maxTags is how many tags a group may have.
const maxTags = 50

func tagsText(tags map[string]string) string {
	if tags == nil {
		return "{}"
	}
	b, err := json.Marshal(tags)
	if err != nil {
		panic(err) // strings
	}
	return string(b)
}

func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return model.InvalidParameterException.Errorf("Tag keys starting with aws: are reserved for AWS.")
		}
	}
	return nil
}

// retag changes the tags of a group; tooMany is the code when there are too many then.
func (s *Service) retag(ctx context.Context, p place, name string, tooMany wire.ErrorCode, change func(map[string]string)) error {
	return s.db.Write(ctx, func(tx *stdsql.Tx) error {
		g, err := findGroup(ctx, tx, p, name)
		if err != nil {
			return err
		}
		if g.tags == nil {
			g.tags = map[string]string{}
		}
		change(g.tags)
		if len(g.tags) > maxTags {
			return tooMany.Errorf("A log group can have at most %d tags.", maxTags)
		}
		_, err = tx.ExecContext(ctx, `UPDATE logs_groups SET tags = ? WHERE id = ?`, tagsText(g.tags), g.id)
		return err
	})
}

// TagLogGroup is the older form of TagResource.
func (s *Service) TagLogGroup(ctx context.Context, in *model.TagLogGroupInput) (*model.TagLogGroupOutput, error) {
	return &model.TagLogGroupOutput{}, s.addTags(ctx, placeOf(ctx), *in.LogGroupName, model.InvalidParameterException, in.Tags)
}

func (s *Service) addTags(ctx context.Context, p place, name string, tooMany wire.ErrorCode, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return s.retag(ctx, p, name, tooMany, func(m map[string]string) { maps.Copy(m, tags) })
}

func (s *Service) removeTags(ctx context.Context, p place, name string, keys []string) error {
	return s.retag(ctx, p, name, model.InvalidParameterException, func(m map[string]string) {
		for _, k := range keys {
			delete(m, k)
		}
	})
}

// UntagLogGroup is the older form of UntagResource.
func (s *Service) UntagLogGroup(ctx context.Context, in *model.UntagLogGroupInput) (*model.UntagLogGroupOutput, error) {
	return &model.UntagLogGroupOutput{}, s.removeTags(ctx, placeOf(ctx), *in.LogGroupName, in.Tags)
}

// ListTagsLogGroup is the older form of ListTagsForResource.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *model.ListTagsLogGroupInput) (*model.ListTagsLogGroupOutput, error) {
	g, err := s.group(ctx, placeOf(ctx), *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return &model.ListTagsLogGroupOutput{Tags: orEmpty(g.tags)}, nil
}

// TagResource adds tags to a group, named by its ARN without the trailing ":*".
func (s *Service) TagResource(ctx context.Context, in *model.TagResourceInput) (*model.TagResourceOutput, error) {
	p, name, err := parseGroupARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &model.TagResourceOutput{}, s.addTags(ctx, p, name, model.TooManyTagsException, in.Tags)
}

// UntagResource removes tags from a group.
func (s *Service) UntagResource(ctx context.Context, in *model.UntagResourceInput) (*model.UntagResourceOutput, error) {
	p, name, err := parseGroupARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &model.UntagResourceOutput{}, s.removeTags(ctx, p, name, in.TagKeys)
}

// ListTagsForResource lists the tags of a group.
func (s *Service) ListTagsForResource(ctx context.Context, in *model.ListTagsForResourceInput) (*model.ListTagsForResourceOutput, error) {
	p, name, err := parseGroupARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, p, name)
	if err != nil {
		return nil, err
	}
	return &model.ListTagsForResourceOutput{Tags: orEmpty(g.tags)}, nil
}

func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
