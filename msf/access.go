package msf

import (
	"context"
	"fmt"
	"strings"

	msf "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// rule tells which permissions one operation needs.
type rule func(s *Service, r *wire.Request, op string, in any) []wire.Access

// access holds the rule of every operation (Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon Kinesis Analytics V2").
var access = map[string]rule{
	"CreateApplication": func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		i := in.(*msf.CreateApplicationInput)
		return []wire.Access{s.on(r, op, i.ApplicationName), passRole(*i.ServiceExecutionRole)}
	},
	"UpdateApplication": func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		i := in.(*msf.UpdateApplicationInput)
		list := []wire.Access{s.on(r, op, i.ApplicationName)}
		if i.ServiceExecutionRoleUpdate != nil {
			list = append(list, passRole(*i.ServiceExecutionRoleUpdate))
		}
		return list
	},
	"ImportSnapshot": func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		i := in.(*msf.ImportSnapshotInput)
		return []wire.Access{s.onSnapshot(r, op, i.SnapshotName), passRole(*i.ImportSourceConfiguration.ImportRoleArn)}
	},
	"ExportSnapshot": func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		i := in.(*msf.ExportSnapshotInput)
		return []wire.Access{s.onSnapshot(r, op, i.SnapshotName), passRole(*i.ExportDestinationConfiguration.ExportRoleArn)}
	},
	"ListApplications":                              anywhere,
	"ListSnapshots":                                 anywhere,
	"DiscoverInputSchema":                           anywhere,
	"AddApplicationCloudWatchLoggingOption":         named(func(i *msf.AddApplicationCloudWatchLoggingOptionInput) *string { return i.ApplicationName }),
	"AddApplicationInput":                           named(func(i *msf.AddApplicationInputInput) *string { return i.ApplicationName }),
	"AddApplicationInputProcessingConfiguration":    named(func(i *msf.AddApplicationInputProcessingConfigurationInput) *string { return i.ApplicationName }),
	"AddApplicationOutput":                          named(func(i *msf.AddApplicationOutputInput) *string { return i.ApplicationName }),
	"AddApplicationReferenceDataSource":             named(func(i *msf.AddApplicationReferenceDataSourceInput) *string { return i.ApplicationName }),
	"AddApplicationVpcConfiguration":                named(func(i *msf.AddApplicationVpcConfigurationInput) *string { return i.ApplicationName }),
	"CreateApplicationPresignedUrl":                 named(func(i *msf.CreateApplicationPresignedUrlInput) *string { return i.ApplicationName }),
	"CreateApplicationSnapshot":                     named(func(i *msf.CreateApplicationSnapshotInput) *string { return i.ApplicationName }),
	"DeleteApplication":                             named(func(i *msf.DeleteApplicationInput) *string { return i.ApplicationName }),
	"DeleteApplicationCloudWatchLoggingOption":      named(func(i *msf.DeleteApplicationCloudWatchLoggingOptionInput) *string { return i.ApplicationName }),
	"DeleteApplicationInputProcessingConfiguration": named(func(i *msf.DeleteApplicationInputProcessingConfigurationInput) *string { return i.ApplicationName }),
	"DeleteApplicationOutput":                       named(func(i *msf.DeleteApplicationOutputInput) *string { return i.ApplicationName }),
	"DeleteApplicationReferenceDataSource":          named(func(i *msf.DeleteApplicationReferenceDataSourceInput) *string { return i.ApplicationName }),
	"DeleteApplicationSnapshot":                     named(func(i *msf.DeleteApplicationSnapshotInput) *string { return i.ApplicationName }),
	"DeleteApplicationVpcConfiguration":             named(func(i *msf.DeleteApplicationVpcConfigurationInput) *string { return i.ApplicationName }),
	"DescribeApplication":                           named(func(i *msf.DescribeApplicationInput) *string { return i.ApplicationName }),
	"DescribeApplicationOperation":                  named(func(i *msf.DescribeApplicationOperationInput) *string { return i.ApplicationName }),
	"DescribeApplicationSnapshot":                   named(func(i *msf.DescribeApplicationSnapshotInput) *string { return i.ApplicationName }),
	"DescribeApplicationVersion":                    named(func(i *msf.DescribeApplicationVersionInput) *string { return i.ApplicationName }),
	"ListApplicationOperations":                     named(func(i *msf.ListApplicationOperationsInput) *string { return i.ApplicationName }),
	"ListApplicationSnapshots":                      named(func(i *msf.ListApplicationSnapshotsInput) *string { return i.ApplicationName }),
	"ListApplicationVersions":                       named(func(i *msf.ListApplicationVersionsInput) *string { return i.ApplicationName }),
	"RollbackApplication":                           named(func(i *msf.RollbackApplicationInput) *string { return i.ApplicationName }),
	"StartApplication":                              named(func(i *msf.StartApplicationInput) *string { return i.ApplicationName }),
	"StopApplication":                               named(func(i *msf.StopApplicationInput) *string { return i.ApplicationName }),
	"UpdateApplicationMaintenanceConfiguration":     named(func(i *msf.UpdateApplicationMaintenanceConfigurationInput) *string { return i.ApplicationName }),
	"TagResource":                                   tagged(func(i *msf.TagResourceInput) *string { return i.ResourceARN }),
	"UntagResource":                                 tagged(func(i *msf.UntagResourceInput) *string { return i.ResourceARN }),
	"ListTagsForResource":                           tagged(func(i *msf.ListTagsForResourceInput) *string { return i.ResourceARN }),
	"CreateSnapshot":                                named(func(i *msf.CreateSnapshotInput) *string { return i.ApplicationName }), // on the application alone (developer guide, "Identity and access management for enhanced snapshots")
	"DeleteSnapshot":                                snapshot(func(i *msf.DeleteSnapshotInput) *string { return i.SnapshotName }),
	"DescribeSnapshot":                              snapshot(func(i *msf.DescribeSnapshotInput) *string { return i.SnapshotName }),
	"DescribeSnapshotOperation":                     snapshot(func(i *msf.DescribeSnapshotOperationInput) *string { return i.SnapshotName }),
	"ListSnapshotOperations":                        snapshot(func(i *msf.ListSnapshotOperationsInput) *string { return i.SnapshotName }),
}

func anywhere(_ *Service, _ *wire.Request, op string, _ any) []wire.Access {
	return []wire.Access{{Action: actions + op, Resource: "*"}}
}

func named[I any](name func(*I) *string) rule {
	return func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		return []wire.Access{s.on(r, op, name(in.(*I)))}
	}
}

func snapshot[I any](name func(*I) *string) rule {
	return func(s *Service, r *wire.Request, op string, in any) []wire.Access {
		return []wire.Access{s.onSnapshot(r, op, name(in.(*I)))}
	}
}

func tagged[I any](arn func(*I) *string) rule {
	return func(_ *Service, _ *wire.Request, op string, in any) []wire.Access {
		return []wire.Access{{Action: actions + op, Resource: *arn(in.(*I))}}
	}
}

const actions = "kinesisanalytics:"

func (s *Service) on(r *wire.Request, op string, name *string) wire.Access {
	return wire.Access{Action: actions + op, Resource: s.arn(r, *name)}
}

func (s *Service) onSnapshot(r *wire.Request, op string, name *string) wire.Access {
	return wire.Access{Action: actions + op, Resource: snapshotARN(r, *name)}
}

// snapshotARN names an enhanced snapshot, which belongs to an account and Region (developer guide, "How enhanced snapshots
// work").
func snapshotARN(r *wire.Request, name string) string {
	return "arn:aws:kinesisanalytics:" + r.Region + ":" + r.Account + ":snapshot/" + name
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
	need := access[op]
	if need == nil {
		return nil, fmt.Errorf("msf: no access rule for operation %s", op)
	}
	list := need(s, wire.FromContext(ctx), op, in)
	if u, ok := in.(*msf.UpdateApplicationInput); ok {
		return s.withSystemSnapshot(ctx, list, u)
	}
	return list, nil
}
