package msf

import (
	"context"
	"fmt"
	"strings"

	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// access tells for every operation which permissions it needs (Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon Kinesis Analytics V2").
var access = map[string]func(s *Service, r *wire.Request, in any) []wire.Access{
	"CreateApplication": func(s *Service, r *wire.Request, in any) []wire.Access {
		i := in.(*msf.CreateApplicationInput)
		return []wire.Access{s.on(r, "CreateApplication", i.ApplicationName), passRole(*i.ServiceExecutionRole)}
	},
	"UpdateApplication": func(s *Service, r *wire.Request, in any) []wire.Access {
		i := in.(*msf.UpdateApplicationInput)
		list := []wire.Access{s.on(r, "UpdateApplication", i.ApplicationName)}
		if i.ServiceExecutionRoleUpdate != nil {
			list = append(list, passRole(*i.ServiceExecutionRoleUpdate))
		}
		return list
	},
	"ListApplications": func(_ *Service, _ *wire.Request, _ any) []wire.Access {
		return []wire.Access{{Action: "kinesisanalytics:ListApplications", Resource: "*"}}
	},
	"AddApplicationCloudWatchLoggingOption":    named("AddApplicationCloudWatchLoggingOption", func(i *msf.AddApplicationCloudWatchLoggingOptionInput) *string { return i.ApplicationName }),
	"DeleteApplicationCloudWatchLoggingOption": named("DeleteApplicationCloudWatchLoggingOption", func(i *msf.DeleteApplicationCloudWatchLoggingOptionInput) *string { return i.ApplicationName }),
	"CreateApplicationSnapshot":                named("CreateApplicationSnapshot", func(i *msf.CreateApplicationSnapshotInput) *string { return i.ApplicationName }),
	"DeleteApplicationSnapshot":                named("DeleteApplicationSnapshot", func(i *msf.DeleteApplicationSnapshotInput) *string { return i.ApplicationName }),
	"DescribeApplicationSnapshot":              named("DescribeApplicationSnapshot", func(i *msf.DescribeApplicationSnapshotInput) *string { return i.ApplicationName }),
	"ListApplicationSnapshots":                 named("ListApplicationSnapshots", func(i *msf.ListApplicationSnapshotsInput) *string { return i.ApplicationName }),
	"DeleteApplication":                        named("DeleteApplication", func(i *msf.DeleteApplicationInput) *string { return i.ApplicationName }),
	"DescribeApplication":                      named("DescribeApplication", func(i *msf.DescribeApplicationInput) *string { return i.ApplicationName }),
	"DescribeApplicationOperation":             named("DescribeApplicationOperation", func(i *msf.DescribeApplicationOperationInput) *string { return i.ApplicationName }),
	"DescribeApplicationVersion":               named("DescribeApplicationVersion", func(i *msf.DescribeApplicationVersionInput) *string { return i.ApplicationName }),
	"ListApplicationOperations":                named("ListApplicationOperations", func(i *msf.ListApplicationOperationsInput) *string { return i.ApplicationName }),
	"ListApplicationVersions":                  named("ListApplicationVersions", func(i *msf.ListApplicationVersionsInput) *string { return i.ApplicationName }),
	"StartApplication":                         named("StartApplication", func(i *msf.StartApplicationInput) *string { return i.ApplicationName }),
	"StopApplication":                          named("StopApplication", func(i *msf.StopApplicationInput) *string { return i.ApplicationName }),
	"TagResource":                              tagged("TagResource", func(i *msf.TagResourceInput) *string { return i.ResourceARN }),
	"UntagResource":                            tagged("UntagResource", func(i *msf.UntagResourceInput) *string { return i.ResourceARN }),
	"ListTagsForResource":                      tagged("ListTagsForResource", func(i *msf.ListTagsForResourceInput) *string { return i.ResourceARN }),
}

func named[I any](action string, name func(*I) *string) func(*Service, *wire.Request, any) []wire.Access {
	return func(s *Service, r *wire.Request, in any) []wire.Access {
		return []wire.Access{s.on(r, action, name(in.(*I)))}
	}
}

func tagged[I any](action string, arn func(*I) *string) func(*Service, *wire.Request, any) []wire.Access {
	return func(_ *Service, _ *wire.Request, in any) []wire.Access {
		return []wire.Access{{Action: "kinesisanalytics:" + action, Resource: *arn(in.(*I))}}
	}
}

func (s *Service) on(r *wire.Request, action string, name *string) wire.Access {
	return wire.Access{Action: "kinesisanalytics:" + action, Resource: s.arn(r, *name)}
}

// passRole is what a caller needs to hand a role to the service (IAM user guide, "Grant a user permissions to pass a role
// to an AWS service").
func passRole(role string) wire.Access {
	a := wire.Access{Action: "iam:PassRole", Resource: role, Conditions: map[string][]string{"iam:PassedToService": {ServicePrincipal}}}
	if parts := strings.SplitN(role, ":", 6); len(parts) == 6 {
		a.ResourceAccount = parts[4]
	}
	return a
}

// Access names the permissions of an operation.
func (s *Service) Access(ctx context.Context, op string, in any) ([]wire.Access, error) {
	rule := access[op]
	if rule == nil {
		return nil, fmt.Errorf("msf: no access rule for operation %s", op)
	}
	return rule(s, wire.FromContext(ctx), in), nil
}
