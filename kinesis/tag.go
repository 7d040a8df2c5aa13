package kinesis

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	model "drey/model/kinesis"
	"drey/wire"
)

// maxTags is how many tags a stream, a consumer, a queue or a channel can have.
const maxTags = 50

func errTags(k key) error {
	if k.Name == "" { // of a queue or a channel
		return model.InvalidArgumentException.Errorf("Failed to add tags to a resource under account %s because a given resource cannot have more than %d tags associated with it.", k.Account, maxTags)
	}
	return model.InvalidArgumentException.Errorf("Failed to add tags to stream %s under account %s because a given stream cannot have more than %d tags associated with it.", k.Name, k.Account, maxTags)
}

// tagText is what keys and values of tags are made of ("Tag restrictions" in the developer guide).
var tagText = regexp.MustCompile(`^[\p{L}\p{N}\p{Z}\s_.:/=+\-%@]*$`)

// checkTags refuses tags that may not be, and more of them than there may be.
func checkTags(k key, tags map[string]string, count int) error {
	for key, value := range tags {
		if !tagText.MatchString(key) || !tagText.MatchString(value) {
			return model.InvalidArgumentException.Errorf("Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + - %% @.")
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return model.InvalidArgumentException.Errorf("The prefix aws: of tag keys is reserved: %s", key)
		}
	}
	if count > maxTags {
		return errTags(k)
	}
	return nil
}

// attachments are what streams, consumers and queues alike can carry, and of which channels have tags alone.
type attachments struct {
	tags   *map[string]string
	policy *string // nil: there can be none
}

// changeTarget stores what edit does to the tags and policy of the stream, consumer or queue.
func (s *Service) changeTarget(ctx context.Context, t target, edit func(attachments) error) error {
	if t.queue != "" {
		return s.changeQueue(ctx, t, func(q *queue) error { return edit(attachments{&q.Tags, &q.Policy}) })
	}
	if t.channel != "" {
		return s.changeChannel(ctx, t, func(_ *stream, _ *document, c *channel) error { return edit(attachments{tags: &c.Tags}) })
	}
	if t.consumer == "" {
		st, err := s.byKey(t.stream)
		if err != nil {
			return err
		}
		return s.change(ctx, st, func(d *document) error {
			if status := d.status(s.Now()); status == model.StreamStatusCREATING || status == model.StreamStatusDELETING {
				return errNotActive(st.key, status)
			}
			return edit(attachments{&d.Tags, &d.Policy})
		})
	}
	st, c, err := s.byTarget(t)
	if err != nil {
		return err
	}
	return s.changeConsumer(ctx, st, c, func(c *consumer) error { return edit(attachments{&c.Tags, &c.Policy}) })
}

// readTarget gives the tags and policy of the stream, consumer or queue. They must not be changed.
func (s *Service) readTarget(t target) (tags map[string]string, policy string, err error) {
	if t.queue != "" {
		st, _, err := s.queueByTarget(t)
		if err != nil {
			return nil, "", err
		}
		q, err := s.queueOf(t, st.load())
		if err != nil {
			return nil, "", err
		}
		return q.Tags, q.Policy, nil
	}
	if t.channel != "" {
		_, c, err := s.channelByTarget(t)
		if err != nil {
			return nil, "", err
		}
		return c.Tags, "", nil
	}
	if t.consumer != "" {
		_, c, err := s.byTarget(t)
		return c.Tags, c.Policy, err
	}
	st, err := s.byKey(t.stream)
	if err != nil {
		return nil, "", err
	}
	x := st.load()
	return x.Tags, x.Policy, nil
}

func (s *Service) addTags(ctx context.Context, t target, tags map[string]string) error {
	return s.changeTarget(ctx, t, func(a attachments) error {
		if *a.tags == nil {
			*a.tags = map[string]string{}
		}
		maps.Copy(*a.tags, tags)
		return checkTags(t.stream, tags, len(*a.tags))
	})
}

func (s *Service) removeTags(ctx context.Context, t target, keys []string) error {
	return s.changeTarget(ctx, t, func(a attachments) error {
		for _, k := range keys {
			delete(*a.tags, k)
		}
		return nil
	})
}

func (s *Service) tagList(t target) ([]model.Tag, error) {
	tags, _, err := s.readTarget(t)
	if err != nil {
		return nil, err
	}
	out := []model.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, model.Tag{Key: new(k), Value: new(tags[k])})
	}
	return out, nil
}

// AddTagsToStream sets tags of a stream.
func (s *Service) AddTagsToStream(ctx context.Context, in *model.AddTagsToStreamInput) (*model.AddTagsToStreamOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	return &model.AddTagsToStreamOutput{}, s.addTags(ctx, target{stream: st.key}, in.Tags)
}

// RemoveTagsFromStream drops tags of a stream.
func (s *Service) RemoveTagsFromStream(ctx context.Context, in *model.RemoveTagsFromStreamInput) (*model.RemoveTagsFromStreamOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	return &model.RemoveTagsFromStreamOutput{}, s.removeTags(ctx, target{stream: st.key}, in.TagKeys)
}

// ListTagsForStream lists tags by key, 50 at a time unless Limit says otherwise.
func (s *Service) ListTagsForStream(ctx context.Context, in *model.ListTagsForStreamInput) (*model.ListTagsForStreamOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	tags, err := s.tagList(target{stream: st.key})
	if err != nil {
		return nil, err
	}
	if start := in.ExclusiveStartTagKey; start != nil {
		tags = slices.DeleteFunc(tags, func(t model.Tag) bool { return *t.Key <= *start })
	}
	limit := or(in.Limit, maxTags)
	return &model.ListTagsForStreamOutput{Tags: tags[:min(limit, len(tags))], HasMoreTags: new(len(tags) > limit)}, nil
}

// TagResource sets tags of a stream, a consumer or a queue.
func (s *Service) TagResource(ctx context.Context, in *model.TagResourceInput) (*model.TagResourceOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &model.TagResourceOutput{}, s.addTags(ctx, t, in.Tags)
}

// UntagResource drops tags of a stream, a consumer or a queue.
func (s *Service) UntagResource(ctx context.Context, in *model.UntagResourceInput) (*model.UntagResourceOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &model.UntagResourceOutput{}, s.removeTags(ctx, t, in.TagKeys)
}

// ListTagsForResource lists the tags of a stream, a consumer or a queue.
func (s *Service) ListTagsForResource(_ context.Context, in *model.ListTagsForResourceInput) (*model.ListTagsForResourceOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := s.tagList(t)
	return &model.ListTagsForResourceOutput{Tags: tags}, err
}

// PutResourcePolicy sets the resource-based policy of a stream, a consumer or a queue.
func (s *Service) PutResourcePolicy(ctx context.Context, in *model.PutResourcePolicyInput) (*model.PutResourcePolicyOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if s.ValidatePolicy != nil {
		if err := s.ValidatePolicy(*in.Policy); err != nil {
			e, _ := wire.AsError(err)
			return nil, model.InvalidArgumentException.Errorf("%s", e.Message)
		}
	}
	return &model.PutResourcePolicyOutput{}, s.changeTarget(ctx, t, func(a attachments) error {
		if a.policy == nil {
			return model.InvalidArgumentException.Errorf("%s is a channel, which has no resource policy.", *in.ResourceARN)
		}
		*a.policy = *in.Policy
		return nil
	})
}

// GetResourcePolicy gives the resource-based policy of a stream, a consumer or a queue.
func (s *Service) GetResourcePolicy(_ context.Context, in *model.GetResourcePolicyInput) (*model.GetResourcePolicyOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	_, policy, err := s.readTarget(t)
	if err != nil {
		return nil, err
	}
	if policy == "" {
		return nil, errNoPolicy(*in.ResourceARN)
	}
	return &model.GetResourcePolicyOutput{Policy: &policy}, nil
}

// DeleteResourcePolicy drops the resource-based policy of a stream, a consumer or a queue.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *model.DeleteResourcePolicyInput) (*model.DeleteResourcePolicyOutput, error) {
	t, err := parseTarget(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &model.DeleteResourcePolicyOutput{}, s.changeTarget(ctx, t, func(a attachments) error {
		if a.policy == nil || *a.policy == "" {
			return errNoPolicy(*in.ResourceARN)
		}
		*a.policy = ""
		return nil
	})
}

func errNoPolicy(arn string) error {
	return model.ResourceNotFoundException.Errorf("No resource policy found for resource ARN %s", arn)
}
