package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	model "drey/model/logs"
	"drey/wire"
)

// Access tells which permissions an operation needs ("Actions, resources, and condition keys for Amazon CloudWatch
// Logs"). AWS checks operations on a group against <group ARN>:log-stream:, which is why policies end with ":*"; only
// the operations that take the ARN of the resource check it as it is given.
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule := accesses[op]
	if rule == nil {
		return nil, fmt.Errorf("logs: no access rule for operation %s", op)
	}
	return rule(s, ctx, "logs:"+op, in)
}

type rule func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error)

var accesses = map[string]rule{
	"CreateLogGroup":        onNewGroup,
	"DeleteLogGroup":        onGroup(func(in *model.DeleteLogGroupInput) *string { return in.LogGroupName }),
	"DescribeLogGroups":     onAllGroups,
	"PutRetentionPolicy":    onGroup(func(in *model.PutRetentionPolicyInput) *string { return in.LogGroupName }),
	"DeleteRetentionPolicy": onGroup(func(in *model.DeleteRetentionPolicyInput) *string { return in.LogGroupName }),
	"PutLogGroupDeletionProtection": onStream(func(in *model.PutLogGroupDeletionProtectionInput) (n, i, s *string) {
		return nil, in.LogGroupIdentifier, nil
	}),

	"CreateLogStream": onStream(func(in *model.CreateLogStreamInput) (n, i, s *string) {
		return in.LogGroupName, nil, in.LogStreamName
	}),
	"DeleteLogStream": onStream(func(in *model.DeleteLogStreamInput) (n, i, s *string) {
		return in.LogGroupName, nil, in.LogStreamName
	}),
	"DescribeLogStreams": onStream(func(in *model.DescribeLogStreamsInput) (n, i, s *string) {
		return in.LogGroupName, in.LogGroupIdentifier, nil
	}),
	"PutLogEvents": onStream(func(in *model.PutLogEventsInput) (n, i, s *string) { return in.LogGroupName, nil, in.LogStreamName }),
	"GetLogEvents": onStream(func(in *model.GetLogEventsInput) (n, i, s *string) {
		return in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName
	}),
	"FilterLogEvents": onStream(func(in *model.FilterLogEventsInput) (n, i, s *string) {
		return in.LogGroupName, in.LogGroupIdentifier, nil
	}),

	"StartQuery":               onQueried,
	"ListLogGroupsForQuery":    onNothing,
	"GetQueryResults":          onNothing,
	"StopQuery":                onNothing,
	"DescribeQueries":          onNothing,
	"PutQueryDefinition":       onNothing,
	"DeleteQueryDefinition":    onNothing,
	"DescribeQueryDefinitions": onNothing,
	"GetLogRecord":             onPointed,
	"PutResourcePolicy":        onNothing,
	"DeleteResourcePolicy":     onNothing,
	"DescribeResourcePolicies": onNothing,

	"PutMetricFilter":             onGroup(func(in *model.PutMetricFilterInput) *string { return in.LogGroupName }),
	"DeleteMetricFilter":          onGroup(func(in *model.DeleteMetricFilterInput) *string { return in.LogGroupName }),
	"DescribeMetricFilters":       onMetricFilters,
	"TestMetricFilter":            onNothing,
	"PutSubscriptionFilter":       onSubscription,
	"DeleteSubscriptionFilter":    onGroup(func(in *model.DeleteSubscriptionFilterInput) *string { return in.LogGroupName }),
	"DescribeSubscriptionFilters": onGroup(func(in *model.DescribeSubscriptionFiltersInput) *string { return in.LogGroupName }),
	"StartLiveTail":               onTailed,

	"TagLogGroup":      onGroup(func(in *model.TagLogGroupInput) *string { return in.LogGroupName }),
	"UntagLogGroup":    onGroup(func(in *model.UntagLogGroupInput) *string { return in.LogGroupName }),
	"ListTagsLogGroup": onGroup(func(in *model.ListTagsLogGroupInput) *string { return in.LogGroupName }),
	"TagResource": onARN(func(in *model.TagResourceInput) (string, map[string][]string) {
		return *in.ResourceArn, requested(in.Tags)
	}),
	"UntagResource": onARN(func(in *model.UntagResourceInput) (string, map[string][]string) {
		return *in.ResourceArn, keysOnly(in.TagKeys)
	}),
	"ListTagsForResource": onARN(func(in *model.ListTagsForResourceInput) (string, map[string][]string) { return *in.ResourceArn, nil }),
}

func onNewGroup(_ *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	c := in.(*model.CreateLogGroupInput)
	arn := groupARN(placeOf(ctx), *c.LogGroupName)
	list := []wire.Access{{Action: action, Resource: arn + ":log-stream:", Conditions: requested(c.Tags)}}
	if len(c.Tags) > 0 {
		list = append(list, wire.Access{Action: "logs:TagResource", Resource: arn, Conditions: requested(c.Tags)})
	}
	return list, nil
}

func onAllGroups(_ *Service, ctx context.Context, action string, _ any) ([]wire.Access, error) {
	return []wire.Access{{Action: action, Resource: groupARN(placeOf(ctx), "") + ":log-stream:"}}, nil
}

// onNothing is an operation without a resource.
func onNothing(_ *Service, _ context.Context, action string, _ any) ([]wire.Access, error) {
	return []wire.Access{{Action: action, Resource: "*"}}, nil
}

// onMetricFilters is about one group or about all.
func onMetricFilters(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	c := in.(*model.DescribeMetricFiltersInput)
	if c.LogGroupName == nil {
		return onAllGroups(s, ctx, action, in)
	}
	return s.onEach(ctx, action, []groupName{{placeOf(ctx), *c.LogGroupName}})
}

// ServicePrincipal is who assumes the roles of subscription filters.
const ServicePrincipal = "logs.amazonaws.com"

// onSubscription needs, beside the group, that the caller may pass the role on.
func onSubscription(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	c := in.(*model.PutSubscriptionFilterInput)
	list, err := s.onEach(ctx, action, []groupName{{placeOf(ctx), *c.LogGroupName}})
	if err == nil && c.RoleArn != nil {
		list = append(list, wire.Access{Action: "iam:PassRole", Resource: *c.RoleArn, Conditions: map[string][]string{"iam:PassedToService": {ServicePrincipal}}})
	}
	return list, err
}

// onTailed needs a permission on each group of a session.
func onTailed(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	groups, err := tailedGroups(ctx, in.(*model.StartLiveTailInput))
	if err != nil {
		return nil, err
	}
	return s.onEach(ctx, action, groups)
}

// onQueried needs a permission on each group of a query.
func onQueried(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	groups, err := queriedGroups(ctx, in.(*model.StartQueryInput))
	if err != nil {
		return nil, err
	}
	return s.onEach(ctx, action, groups)
}

func (s *Service) onEach(ctx context.Context, action string, groups []groupName) (list []wire.Access, err error) {
	for _, g := range groups {
		conditions, err := s.resourceTags(ctx, g.place, g.name)
		if err != nil {
			return nil, err
		}
		list = append(list, wire.Access{Action: action, Resource: groupARN(g.place, g.name) + ":log-stream:", Conditions: conditions, ResourceAccount: g.account})
	}
	return list, nil
}

// onPointed needs a permission on the group of an @ptr; one that leads nowhere is answered by the operation.
func onPointed(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
	var c cursor
	_ = decodeToken(*in.(*model.GetLogRecordInput).LogRecordPointer, &c) // a zero cursor leads nowhere
	g, _, err := s.pointed(ctx, c)
	if errors.Is(err, model.ResourceNotFoundException) {
		return onNothing(s, ctx, action, in)
	}
	if err != nil {
		return nil, err
	}
	return s.onEach(ctx, action, []groupName{{g.place, g.name}})
}

func onGroup[I any](name func(*I) *string) rule {
	return onStream(func(in *I) (n, i, s *string) { return name(in), nil, nil })
}

// onStream is an operation on a stream, or, without the stream's name, on the group.
func onStream[I any](names func(*I) (group, identifier, stream *string)) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		group, identifier, stream := names(in.(*I))
		p, name, err := target(ctx, group, identifier)
		if err != nil {
			return nil, err
		}
		arn := groupARN(p, name) + ":log-stream:"
		if stream != nil {
			arn += *stream
		}
		conditions, err := s.resourceTags(ctx, p, name)
		return []wire.Access{{Action: action, Resource: arn, Conditions: conditions, ResourceAccount: p.account}}, err
	}
}

func onARN[I any](read func(*I) (string, map[string][]string)) rule {
	return func(s *Service, ctx context.Context, action string, in any) ([]wire.Access, error) {
		arn, conditions := read(in.(*I))
		p, name, err := parseGroupARN(arn)
		if err != nil {
			return nil, err
		}
		tags, err := s.resourceTags(ctx, p, name)
		for k, v := range conditions {
			if tags == nil {
				tags = map[string][]string{}
			}
			tags[k] = v
		}
		return []wire.Access{{Action: action, Resource: arn, Conditions: tags, ResourceAccount: p.account}}, err
	}
}

// resourceTags are the condition keys of a group's tags; of a group that does not exist there are none.
func (s *Service) resourceTags(ctx context.Context, p place, name string) (map[string][]string, error) {
	g, err := s.group(ctx, p, name)
	if errors.Is(err, model.ResourceNotFoundException) {
		return nil, nil
	}
	if err != nil || len(g.tags) == 0 {
		return nil, err
	}
	conditions := map[string][]string{}
	for k, v := range g.tags {
		conditions["aws:ResourceTag/"+k] = []string{v}
	}
	return conditions, nil
}

func requested(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	conditions := map[string][]string{}
	for k, v := range tags {
		conditions["aws:RequestTag/"+k] = []string{v}
		conditions["aws:TagKeys"] = append(conditions["aws:TagKeys"], k)
	}
	slices.Sort(conditions["aws:TagKeys"])
	return conditions
}

func keysOnly(keys []string) map[string][]string {
	if len(keys) == 0 {
		return nil
	}
	return map[string][]string{"aws:TagKeys": keys}
}
