package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	model "drey/model/cloudwatch"
	"drey/wire"
)

// Access tells which permissions an operation needs ("Actions, resources, and condition keys for Amazon CloudWatch").
// Metrics have no ARNs: there the resource is "*".
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule, ok := accesses[op]
	if !ok {
		return nil, fmt.Errorf("cloudwatch: no access rule for %s", op)
	}
	list, err := rule(s, ctx, in)
	for i := range list {
		if list[i].Action == "" {
			list[i].Action = "cloudwatch:" + op
		}
	}
	return list, err
}

// accessRule gives permissions whose action is that of the operation, unless they say another.
type accessRule func(s *Service, ctx context.Context, in any) ([]wire.Access, error)

var accesses = map[string]accessRule{
	"GetMetricData":           onEverything,
	"GetMetricStatistics":     onEverything,
	"GetMetricWidgetImage":    onEverything,
	"ListMetrics":             onEverything,
	"ListDashboards":          onEverything,
	"DescribeAlarmsForMetric": onEverything,
	"PutMetricData":           onNamespace,

	"PutMetricAlarm": func(s *Service, ctx context.Context, in any) ([]wire.Access, error) {
		a := in.(*model.PutMetricAlarmInput)
		return s.onPut(ctx, deref(a.AlarmName), a.Tags, a.OKActions, a.AlarmActions, a.InsufficientDataActions)
	},
	"PutCompositeAlarm": func(s *Service, ctx context.Context, in any) ([]wire.Access, error) {
		a := in.(*model.PutCompositeAlarmInput)
		return s.onPut(ctx, deref(a.AlarmName), a.Tags, a.OKActions, a.AlarmActions, a.InsufficientDataActions)
	},
	"DeleteAlarms":        onAlarms(func(in *model.DeleteAlarmsInput) []string { return in.AlarmNames }),
	"EnableAlarmActions":  onAlarms(func(in *model.EnableAlarmActionsInput) []string { return in.AlarmNames }),
	"DisableAlarmActions": onAlarms(func(in *model.DisableAlarmActionsInput) []string { return in.AlarmNames }),
	"SetAlarmState":       onAlarms(func(in *model.SetAlarmStateInput) []string { return []string{deref(in.AlarmName)} }),
	"DescribeAlarms": onAlarms(func(in *model.DescribeAlarmsInput) []string {
		if in.AlarmNames == nil || len(in.AlarmTypes) > 0 && !slices.Equal(in.AlarmTypes, []model.AlarmType{model.AlarmTypeMetricAlarm}) {
			return []string{"*"}
		}
		return in.AlarmNames
	}),
	"DescribeAlarmHistory": onAlarms(func(in *model.DescribeAlarmHistoryInput) []string {
		if in.AlarmName == nil {
			return []string{"*"}
		}
		return []string{*in.AlarmName}
	}),

	"TagResource": onResource(func(in *model.TagResourceInput) (*string, map[string][]string) {
		return in.ResourceARN, requestedTags(in.Tags)
	}),
	"UntagResource": onResource(func(in *model.UntagResourceInput) (*string, map[string][]string) {
		return in.ResourceARN, map[string][]string{"aws:TagKeys": in.TagKeys}
	}),
	"ListTagsForResource": onResource(func(in *model.ListTagsForResourceInput) (*string, map[string][]string) { return in.ResourceARN, nil }),

	"GetDashboard":     onDashboards(func(in *model.GetDashboardInput) []string { return []string{deref(in.DashboardName)} }),
	"PutDashboard":     onDashboards(func(in *model.PutDashboardInput) []string { return []string{deref(in.DashboardName)} }),
	"DeleteDashboards": onDashboards(func(in *model.DeleteDashboardsInput) []string { return in.DashboardNames }),
}

func onEverything(*Service, context.Context, any) ([]wire.Access, error) {
	return []wire.Access{{Resource: "*"}}, nil
}

func onNamespace(_ *Service, _ context.Context, in any) ([]wire.Access, error) {
	a := wire.Access{Resource: "*"}
	if n := in.(*model.PutMetricDataInput).Namespace; n != nil {
		a.Conditions = map[string][]string{"cloudwatch:namespace": {*n}}
	}
	return []wire.Access{a}, nil
}

func onAlarms[I any](names func(*I) []string) accessRule {
	return func(s *Service, ctx context.Context, in any) ([]wire.Access, error) {
		var list []wire.Access
		for _, name := range names(in.(*I)) {
			a, err := s.onAlarm(ctx, placeOf(ctx).alarmARN(name), nil)
			if err != nil {
				return nil, err
			}
			list = append(list, a)
		}
		return list, nil
	}
}

func onResource[I any](read func(*I) (*string, map[string][]string)) accessRule {
	return func(s *Service, ctx context.Context, in any) ([]wire.Access, error) {
		arn, conditions := read(in.(*I))
		a, err := s.onAlarm(ctx, deref(arn), conditions)
		return []wire.Access{a}, err
	}
}

// onAlarm is an access with the conditions of the alarm's tags.
func (s *Service) onAlarm(ctx context.Context, arn string, conditions map[string][]string) (wire.Access, error) {
	a := wire.Access{Resource: arn, Conditions: map[string][]string{}}
	maps.Copy(a.Conditions, conditions)
	name, ok := placeOf(ctx).alarmName(arn)
	if !ok {
		return a, nil
	}
	tags, err := s.tagsOf(ctx, placeOf(ctx), name)
	for k, v := range tags {
		a.Conditions["aws:ResourceTag/"+k] = []string{v}
	}
	return a, err
}

// onPut also asks for the permission to hand over the roles that actions are carried out with.
func (s *Service) onPut(ctx context.Context, name string, tags []model.Tag, actions ...[]string) ([]wire.Access, error) {
	all := slices.Concat(actions...)
	conditions := requestedTags(tags)
	if len(all) > 0 {
		conditions["cloudwatch:AlarmActions"] = all
	}
	a, err := s.onAlarm(ctx, placeOf(ctx).alarmARN(name), conditions)
	if err != nil {
		return nil, err
	}
	list := []wire.Access{a}
	if len(tags) > 0 {
		tagging := a
		tagging.Action = "cloudwatch:TagResource"
		list = append(list, tagging)
	}
	for _, arn := range all {
		if s.roleOf == nil {
			break
		}
		role, err := s.roleOf(arn)
		if err != nil {
			return nil, invalid.Errorf("Invalid arn syntax: %s", err)
		}
		if role != "" {
			list = append(list, passRole(role))
		}
	}
	return list, nil
}

// ServicePrincipal is who carries the actions of alarms out: the trust policy of a role that they use must allow it.
const ServicePrincipal = "cloudwatch.amazonaws.com"

// passRole is what handing a role to a service needs (IAM user guide, "Grant a user permissions to pass a role to an AWS
// service").
func passRole(role string) wire.Access {
	a := wire.Access{Action: "iam:PassRole", Resource: role, Conditions: map[string][]string{"iam:PassedToService": {ServicePrincipal}}}
	if parts := strings.SplitN(role, ":", 6); len(parts) == 6 {
		a.ResourceAccount = parts[4]
	}
	return a
}

func requestedTags(tags []model.Tag) map[string][]string {
	conditions := map[string][]string{}
	for _, t := range tags {
		conditions["aws:RequestTag/"+deref(t.Key)] = []string{deref(t.Value)}
		conditions["aws:TagKeys"] = append(conditions["aws:TagKeys"], deref(t.Key))
	}
	return conditions
}

func (s *Service) tagsOf(ctx context.Context, p place, name string) (map[string]string, error) {
	d, err := s.readAlarm(ctx, p, name)
	if errors.Is(err, errNoAlarm) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.Tags, nil
}

func onDashboards[I any](names func(*I) []string) accessRule {
	return func(_ *Service, ctx context.Context, in any) ([]wire.Access, error) {
		var list []wire.Access
		for _, name := range names(in.(*I)) {
			list = append(list, wire.Access{Resource: dashboardARN(wire.FromContext(ctx).Account, name)})
		}
		return list, nil
	}
}
