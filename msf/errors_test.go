package msf_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/app"
	model "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// declared reads which errors AWS's model (botocore 1.44.5) declares for each operation.
func declared(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		for _, w := range words[1:] {
			table[words[0]] = append(table[words[0]], w+"Exception")
		}
	}
	return table
}

// groups of operations

var (
	sqlOps = []string{"AddApplicationInput", "AddApplicationInputProcessingConfiguration", "AddApplicationOutput", "AddApplicationReferenceDataSource",
		"DeleteApplicationInputProcessingConfiguration", "DeleteApplicationOutput", "DeleteApplicationReferenceDataSource"}
	versionedOps = []string{"AddApplicationCloudWatchLoggingOption", "DeleteApplicationCloudWatchLoggingOption", "AddApplicationVpcConfiguration",
		"DeleteApplicationVpcConfiguration", "UpdateApplication"}
)

// scenes are the errors that users can meet.
func scenes(table map[string][]string) (list []scene) {
	for op, codes := range table { // what holds for whoever declares it
		if slices.Contains(codes, "ResourceNotFoundException") {
			list = append(list, scene{op, model.ResourceNotFoundException, empty, asItIs})
		}
		if slices.Contains(codes, "InvalidArgumentException") {
			list = append(list, scene{op, model.InvalidArgumentException, empty, badName})
		}
	}
	list = slices.Concat(list,
		each(model.InvalidArgumentException, created, asItIs, sqlOps...),
		each(model.InvalidArgumentException, empty, asItIs, "ListApplicationSnapshots", "CreateSnapshot"),
		each(model.ConcurrentModificationException, created, oldVersion, versionedOps...),
		each(model.ConcurrentModificationException, created, asItIs, "DeleteApplication"),
		each(model.ConcurrentModificationException, standing(app.Running, false), oldVersion, "RollbackApplication"),
		each(model.ResourceInUseException, standing(app.Starting, false), asItIs, versionedOps...),
		each(model.ResourceInUseException, standing(app.Deleting, false), asItIs, slices.Concat(versionedOps, []string{
			"CreateApplication", "StartApplication", "StopApplication", "RollbackApplication", "DeleteApplication", "UpdateApplicationMaintenanceConfiguration",
			"CreateApplicationPresignedUrl", "TagResource", "UntagResource",
		})...),
		each(model.ResourceInUseException, created, asItIs, "CreateApplicationPresignedUrl"),
		each(model.TooManyTagsException, created, tooManyTags, "TagResource", "CreateSnapshot"),
		each(model.TooManyTagsException, empty, tooManyTags, "CreateApplication", "ImportSnapshot"),
	)
	return slices.Concat(list, applicationScenes(), snapshotScenes())
}

func applicationScenes() []scene {
	return []scene{
		{"CreateApplication", model.CodeValidationException, func(w *world) { w.objects["code/good.jar"] = []byte("text") }, asItIs},
		{"CreateApplication", model.LimitExceededException, full, asItIs},
		{"CreateApplication", model.UnsupportedOperationException, empty, on(func(in *model.CreateApplicationInput) { in.RuntimeEnvironment = model.RuntimeEnvironmentSQL1_0 })},
		{"CreateApplication", model.UnsupportedOperationException, empty, on(func(in *model.CreateApplicationInput) { in.ApplicationMode = model.ApplicationModeINTERACTIVE })},
		{"UpdateApplication", model.CodeValidationException, func(w *world) { created(w); w.objects["code/text.jar"] = []byte("text") },
			on(func(in *model.UpdateApplicationInput) { in.ApplicationConfigurationUpdate = newCode("text.jar") })},
		{"UpdateApplication", model.UnsupportedOperationException, created, on(func(in *model.UpdateApplicationInput) { in.RuntimeEnvironmentUpdate = model.RuntimeEnvironmentSQL1_0 })},
		{"UpdateApplication", model.ResourceNotFoundException, created, on(func(in *model.UpdateApplicationInput) {
			in.CloudWatchLoggingOptionUpdates = []model.CloudWatchLoggingOptionUpdate{{CloudWatchLoggingOptionId: new("9.9")}}
		})},
		{"DeleteApplicationCloudWatchLoggingOption", model.ResourceNotFoundException, created, asItIs},
		{"DeleteApplicationVpcConfiguration", model.ResourceNotFoundException, created, asItIs},
		{"DescribeApplicationOperation", model.ResourceNotFoundException, created, asItIs},
		{"DescribeApplicationVersion", model.ResourceNotFoundException, created, asItIs},
		{"StartApplication", model.InvalidApplicationConfigurationException, func(w *world) {
			in := input("orders")
			in.ApplicationConfiguration = nil
			w.must(w.call("CreateApplication", in))
		}, asItIs},
		{"StopApplication", model.InvalidApplicationConfigurationException, standing(app.Running, false), asItIs}, // its job is down
		{"StopApplication", model.ResourceInUseException, created, on(func(in *model.StopApplicationInput) { in.Force = new(true) })},
		{"UpdateApplication", model.InvalidApplicationConfigurationException, silent, asItIs},
		{"RollbackApplication", model.InvalidRequestException, standing(app.Running, false), asItIs}, // nothing ran before
		{"RollbackApplication", model.ResourceInUseException, created, asItIs},
		{"DiscoverInputSchema", model.UnsupportedOperationException, empty, asItIs},
	}
}

func snapshotScenes() []scene {
	return []scene{
		{"CreateApplicationSnapshot", model.InvalidRequestException, created, asItIs},
		{"CreateApplicationSnapshot", model.ResourceInUseException, snapshots(1, app.SnapshotReady), asItIs},
		{"CreateApplicationSnapshot", model.LimitExceededException, snapshots(1000, app.SnapshotReady), on(func(in *model.CreateApplicationSnapshotInput) { in.SnapshotName = new("one-more") })},
		{"CreateApplicationSnapshot", model.InvalidApplicationConfigurationException, standing(app.Running, true), asItIs},
		{"CreateApplicationSnapshot", model.InvalidApplicationConfigurationException, standing(app.Running, false), asItIs}, // its job is down
		{"DescribeApplicationSnapshot", model.ResourceNotFoundException, created, asItIs},
		{"DeleteApplicationSnapshot", model.ResourceNotFoundException, created, asItIs},
		{"DeleteApplicationSnapshot", model.ResourceInUseException, snapshots(1, app.SnapshotCreating), asItIs},
		{"DeleteApplicationSnapshot", model.InvalidArgumentException, snapshots(1, app.SnapshotReady),
			on(func(in *model.DeleteApplicationSnapshotInput) { in.SnapshotCreationTimestamp = new(time.Unix(2, 0)) })},
		{"CreateSnapshot", model.InvalidApplicationConfigurationException, standing(app.Running, false), asItIs},
		{"CreateSnapshot", model.InvalidApplicationConfigurationException, standing(app.Running, true), asItIs}, // its job is down
		{"CreateSnapshot", model.ResourceInUseException, standing(app.Ready, true), asItIs},
		{"CreateSnapshot", model.LimitExceededException, shelved(app.SnapshotCreating), asItIs},
		{"ImportSnapshot", model.ResourceInUseException, shelved(app.SnapshotReady), asItIs},
		{"ImportSnapshot", model.UnsupportedOperationException, empty, on(func(in *model.ImportSnapshotInput) { in.DestinationEncryptionConfiguration = ownKey })},
		{"ExportSnapshot", model.ResourceInUseException, shelved(app.SnapshotFailed), asItIs},
		{"ExportSnapshot", model.LimitExceededException, exporting, asItIs},
		{"ExportSnapshot", model.UnsupportedOperationException, empty,
			on(func(in *model.ExportSnapshotInput) {
				in.ExportDestinationConfiguration.DestinationEncryptionConfiguration = ownKey
			})},
		{"DeleteSnapshot", model.ResourceInUseException, shelved(app.SnapshotCreating), asItIs},
		{"DeleteSnapshot", model.InvalidArgumentException, shelved(app.SnapshotReady), on(func(in *model.DeleteSnapshotInput) { in.SnapshotCreationTimestamp = new(time.Unix(2, 0)) })},
		{"DescribeSnapshotOperation", model.ResourceNotFoundException, shelved(app.SnapshotReady), asItIs},
	}
}

// unreachable are the declared errors that nothing here can bring about.
var unreachable = []struct {
	code, why string
	ops       []string
}{
	{"ConcurrentModificationException", "the request names no version, and changes follow one another in transactions", []string{
		"CreateApplication", "StopApplication", "UpdateApplicationMaintenanceConfiguration", "DeleteApplicationSnapshot", "TagResource", "UntagResource", "ListTagsForResource",
		"CreateSnapshot", "ImportSnapshot", "ExportSnapshot", "DeleteSnapshot"}},
	{"ConcurrentModificationException", "no application is one of SQL", sqlOps},
	{"ResourceInUseException", "no application is one of SQL", sqlOps},
	{"CodeValidationException", "no application is one of SQL", []string{"AddApplicationInput"}},
	{"ResourceProvisionedThroughputExceededException", "no stream is looked at", []string{"DiscoverInputSchema"}},
	{"UnableToDetectSchemaException", "no stream is looked at", []string{"DiscoverInputSchema"}},
	{"ServiceUnavailableException", "no stream is looked at", []string{"DiscoverInputSchema"}},
	{"UnsupportedOperationException", "it is for applications of SQL and Studio, of which there are none", []string{
		"StartApplication", "RollbackApplication", "UpdateApplicationMaintenanceConfiguration", "DescribeApplicationOperation", "DescribeApplicationVersion", "ListApplicationOperations",
		"ListApplicationVersions", "CreateApplicationSnapshot", "DescribeApplicationSnapshot", "ListApplicationSnapshots", "DeleteApplicationSnapshot", "CreateSnapshot", "DeleteSnapshot",
		"DescribeSnapshot", "DescribeSnapshotOperation", "ListSnapshots", "ListSnapshotOperations"}},
	{"InvalidRequestException", "JSON that is not valid is refused by the protocol, with SerializationException", slices.Concat(sqlOps, []string{
		"AddApplicationCloudWatchLoggingOption", "DeleteApplicationCloudWatchLoggingOption", "CreateApplication", "UpdateApplication", "StartApplication", "StopApplication", "DeleteApplication",
		"DescribeApplication", "DeleteApplicationSnapshot", "DiscoverInputSchema"})},
	{"InvalidRequestException", "its two members have constraints, which are checked alike for all operations, with InvalidArgumentException", []string{"ListApplications"}},
	{"InvalidApplicationConfigurationException", "the job goes on, so that none of its configuration is in question", []string{
		"AddApplicationCloudWatchLoggingOption", "DeleteApplicationCloudWatchLoggingOption", "AddApplicationVpcConfiguration", "DeleteApplicationVpcConfiguration", "DeleteApplication"}},
	{"LimitExceededException", "an update makes no resource; KPUs over the limit are an InvalidArgumentException as in CreateApplication", []string{"UpdateApplication"}},
	{"LimitExceededException", "imports are not limited", []string{"ImportSnapshot"}},
	{"TooManyTagsException", "removing makes fewer", []string{"UntagResource"}},
}

// TestDeclaredErrors holds every pair of operation and error in AWS's model: a scene provokes it, or it is known why none can.
func TestDeclaredErrors(t *testing.T) {
	table, open := declared(t), map[string]bool{}
	for op, codes := range table {
		for _, code := range codes {
			open[op+" "+code] = true
		}
	}
	list, met := scenes(table), map[string]bool{}
	for _, s := range list {
		pair := s.op + " " + s.code.Code
		met[pair] = true
		if !slices.Contains(table[s.op], s.code.Code) {
			t.Errorf("%s is not declared", pair)
		}
		t.Run(strings.ReplaceAll(pair, " ", "/"), func(t *testing.T) {
			t.Parallel()
			w, in := newWorld(t), requests()[s.op]
			s.arrange(w)
			s.change(in)
			w.refused(w.call(s.op, in), s.code)
		})
	}
	for _, u := range unreachable {
		for _, op := range u.ops {
			if pair := op + " " + u.code; !open[pair] || met[pair] {
				t.Errorf("%s is not declared, or is met", pair)
			}
			met[op+" "+u.code] = true
		}
	}
	for pair := range open {
		if !met[pair] {
			t.Errorf("%s: no scene provokes it, and no reason says why", pair)
		}
	}
}

// TestNoOtherErrors asks every operation in every situation above: what it answers is declared for it.
func TestNoOtherErrors(t *testing.T) {
	table := declared(t)
	for what, arrange := range map[string]func(*world){
		"empty": empty, "created": created, "starting": standing(app.Starting, false), "running": standing(app.Running, false), "enhanced": standing(app.Running, true),
		"deleting": standing(app.Deleting, true), "snapshots": snapshots(1, app.SnapshotCreating), "shelved": shelved(app.SnapshotCreating), "exporting": exporting,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var w *world
			for op, in := range requests() {
				if w == nil {
					w = newWorld(t)
					arrange(w)
				}
				err := w.call(op, in)
				if err == nil {
					w = nil // it may be another situation now
					continue
				}
				if e, internal := wire.AsError(err); internal || !slices.Contains(table[op], e.Code) {
					t.Errorf("%s answers %v, which is not declared", op, err)
				}
			}
		})
	}
	if served := len(model.Ops(newWorld(t).Service)); served != len(table) || served != len(requests()) {
		t.Errorf("%d operations are served, %d in the table, %d asked", served, len(table), len(requests()))
	}
}
