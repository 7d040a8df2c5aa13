package msf_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	model "drey/model/kinesisanalyticsv2"
	"drey/reconcile"
	"drey/wire"
)

// shelf is the bucket "savepoints".
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *shelf) List(_ context.Context, t reconcile.Transfer, prefix string) (list []reconcile.Object, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Bucket != "savepoints" {
		return nil, wire.ErrorCode{Code: "NoSuchBucket"}.Errorf("The specified bucket does not exist")
	}
	for key, body := range s.objects {
		if strings.HasPrefix(key, prefix) {
			list = append(list, reconcile.Object{Key: key, Size: int64(len(body))})
		}
	}
	return list, nil
}

func (s *shelf) Read(_ context.Context, _ reconcile.Transfer, key string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.NopCloser(bytes.NewReader(s.objects[key])), nil
}

func (s *shelf) Write(_ context.Context, _ reconcile.Transfer, key string, body io.Reader, _ int64) error {
	raw, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = raw
	return err
}

func (s *shelf) savepoint(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[prefix+"_metadata"], s.objects[prefix+"0a1b"] = []byte("\x49\x60\x67\x2d\x00\x00\x00\x04"), []byte("state")
}

func importInput(name, bucket, prefix string) *model.ImportSnapshotInput {
	return &model.ImportSnapshotInput{SnapshotName: &name, ImportSourceConfiguration: &model.ImportSourceConfiguration{
		SourceType: model.StorageLocationTypeS3, ImportRoleArn: new(roleARN),
		SourceS3PrefixLocation: &model.S3PrefixLocation{BucketARN: new("arn:aws:s3:::" + bucket), KeyPrefix: &prefix},
	}}
}

// ended waits for the end of an operation on a snapshot.
func (w *world) ended(name, operation string) *model.SnapshotOperationInfoDetails {
	w.Helper()
	for range 1000 {
		out, err := w.DescribeSnapshotOperation(w.ctx(), &model.DescribeSnapshotOperationInput{SnapshotName: &name, SnapshotOperationId: &operation})
		w.must(err)
		if d := out.SnapshotOperationInfoDetails; d.SnapshotOperationStatus != model.SnapshotOperationStatusIN_PROGRESS {
			return d
		}
		<-time.After(5 * time.Millisecond)
	}
	w.Fatalf("operation %s on %s does not end", operation, name)
	return nil
}

func (w *world) imported(name, bucket string) *model.SnapshotOperationInfoDetails {
	w.Helper()
	w.shelf.savepoint("in/")
	out, err := w.ImportSnapshot(w.ctx(), importInput(name, bucket, "in/"))
	w.must(err)
	return w.ended(name, *out.SnapshotOperationId)
}

func (w *world) snapshot(name string) *model.SnapshotInfoDetails {
	w.Helper()
	out, err := w.DescribeSnapshot(w.ctx(), &model.DescribeSnapshotInput{SnapshotName: &name})
	w.must(err)
	return out.SnapshotInfoDetails
}

func TestImportedSnapshotIsDescribedAsItIs(t *testing.T) {
	w := newWorld(t)
	w.shelf.savepoint("in/")
	in := importInput("moved", "savepoints", "in/")
	in.SnapshotDescription, in.Tags = new("from the old cluster"), []model.Tag{{Key: new("team"), Value: new("orders")}}
	out, err := w.ImportSnapshot(w.ctx(), in)
	w.must(err)
	if out.SnapshotStatus != model.SnapshotStatusCREATING || out.SnapshotOperationStatus != model.SnapshotOperationStatusIN_PROGRESS ||
		*out.SnapshotArn != "arn:aws:kinesisanalytics:us-east-1:123456789012:snapshot/moved" {
		t.Errorf("the answer is %+v", out)
	}
	op, d := w.ended("moved", *out.SnapshotOperationId), w.snapshot("moved")
	src := d.SnapshotSourceDescription
	for what, ok := range map[string]bool{
		"operation":   op.SnapshotOperation == model.SnapshotOperationImportSnapshot && op.SnapshotOperationStatus == model.SnapshotOperationStatusSUCCESSFUL && op.EndTime != nil,
		"from":        *op.SnapshotSourceLocationDescription.S3PrefixLocation.KeyPrefix == "in/" && op.SnapshotDestinationLocationDescription == nil,
		"status":      d.SnapshotStatus == model.SnapshotStatusREADY && *d.SnapshotSizeInBytes == 13,
		"no runtime":  d.RuntimeEnvironment == "",
		"source":      src.SourceApplicationDescription == nil && *src.S3PrefixLocation.BucketARN == "arn:aws:s3:::savepoints",
		"initiator":   d.SnapshotInitiator == model.SnapshotInitiatorUSER && d.SnapshotInitiatorOperation == model.SnapshotInitiatorOperationImportSnapshot,
		"description": *d.SnapshotDescription == "from the old cluster" && d.SnapshotFormat == model.SnapshotFormatCANONICAL,
	} {
		if !ok {
			t.Errorf("%s: %+v %+v", what, op, d)
		}
	}
	tags, err := w.ListTagsForResource(w.ctx(), &model.ListTagsForResourceInput{ResourceARN: out.SnapshotArn})
	w.must(err)
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "orders" {
		t.Errorf("the tags are %+v", tags.Tags)
	}
	_, err = w.TagResource(w.ctx(), &model.TagResourceInput{ResourceARN: new("arn:aws:kinesisanalytics:us-east-1:123456789012:snapshot/none"), Tags: in.Tags})
	w.refused(err, model.ResourceNotFoundException, "none")
}

func TestSnapshotNamesAreTakenUntilDeleted(t *testing.T) {
	w := newWorld(t)
	if op := w.imported("bad", "nowhere"); op.SnapshotOperationStatus != model.SnapshotOperationStatusFAILED || *op.SnapshotOperationFailureDetails.ErrorInfo.ErrorCode != "NoSuchBucket" {
		t.Errorf("the import from nowhere is %+v", op)
	}
	d := w.snapshot("bad")
	if d.SnapshotStatus != model.SnapshotStatusFAILED || *d.SnapshotSizeInBytes != 0 {
		t.Errorf("the snapshot is %+v", d)
	}
	_, err := w.ImportSnapshot(w.ctx(), importInput("bad", "savepoints", "in/"))
	w.refused(err, model.ResourceInUseException, "bad")
	_, err = w.DeleteSnapshot(w.ctx(), &model.DeleteSnapshotInput{SnapshotName: new("bad"), SnapshotCreationTimestamp: new(d.SnapshotCreationTimestamp.Add(-time.Hour))})
	w.refused(err, model.InvalidArgumentException, "different SnapshotCreationTimestamp")
	out, err := w.DeleteSnapshot(w.ctx(), &model.DeleteSnapshotInput{SnapshotName: new("bad"), SnapshotCreationTimestamp: d.SnapshotCreationTimestamp})
	w.must(err)
	if op := w.ended("bad", *out.SnapshotOperationId); op.SnapshotOperationStatus != model.SnapshotOperationStatusSUCCESSFUL || out.SnapshotStatus != model.SnapshotStatusDELETING {
		t.Errorf("the deletion is %+v, %+v", out, op)
	}
	_, err = w.DescribeSnapshot(w.ctx(), &model.DescribeSnapshotInput{SnapshotName: new("bad")})
	w.refused(err, model.ResourceNotFoundException, "bad")
	if kinds := w.operationsOn("bad"); !slices.Equal(kinds, []model.SnapshotOperation{"DeleteSnapshot", "ImportSnapshot"}) {
		t.Errorf("the operations on the deleted snapshot are %v", kinds)
	}
	w.imported("bad", "savepoints")
	if kinds := w.operationsOn("bad"); !slices.Equal(kinds, []model.SnapshotOperation{"ImportSnapshot"}) {
		t.Errorf("the operations on the new snapshot are %v", kinds)
	}
}

func (w *world) operationsOn(name string) (kinds []model.SnapshotOperation) {
	w.Helper()
	out, err := w.ListSnapshotOperations(w.ctx(), &model.ListSnapshotOperationsInput{SnapshotName: &name})
	w.must(err)
	for _, op := range out.SnapshotOperationInfoList {
		kinds = append(kinds, op.SnapshotOperation)
	}
	return kinds
}

func TestListSnapshotsPagesNewestFirst(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.imported(fmt.Sprintf("s%d", i), "savepoints")
	}
	w.imported("bad", "nowhere")
	in := &model.ListSnapshotsInput{Limit: new(int32(2))}
	var names []string
	for {
		out, err := w.ListSnapshots(w.ctx(), in)
		w.must(err)
		for _, s := range out.SnapshotInfoList {
			names = append(names, *s.SnapshotName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		if len(names) == 2 { // a row that comes between two pages moves no other
			w.imported("late", "savepoints")
		}
	}
	if want := []string{"bad", "s4", "s3", "s2", "s1", "s0"}; !slices.Equal(names, want) {
		t.Errorf("listed %v, expected %v", names, want)
	}
	for what, c := range map[string]struct {
		in model.ListSnapshotsInput
		n  int
	}{
		"failed":      {model.ListSnapshotsInput{SnapshotStatus: model.SnapshotStatusFAILED}, 1},
		"system":      {model.ListSnapshotsInput{SnapshotInitiator: model.SnapshotInitiatorSYSTEM}, 0},
		"user":        {model.ListSnapshotsInput{SnapshotInitiator: model.SnapshotInitiatorUSER}, 7},
		"imported":    {model.ListSnapshotsInput{SnapshotInitiatorOperation: model.SnapshotInitiatorOperationImportSnapshot}, 7},
		"application": {model.ListSnapshotsInput{SourceApplicationName: new("orders")}, 0},
	} {
		out, err := w.ListSnapshots(w.ctx(), &c.in)
		w.must(err)
		if len(out.SnapshotInfoList) != c.n {
			t.Errorf("%s: %d snapshots, expected %d", what, len(out.SnapshotInfoList), c.n)
		}
	}
}

// TestSnapshotRequestsRefused goes through what is wrong in itself.
func TestSnapshotRequestsRefused(t *testing.T) {
	w := newWorld(t)
	w.create("orders") // on FLINK-1_18
	w.imported("there", "savepoints")
	kms := &model.SnapshotEncryptionConfiguration{KeyType: model.KeyTypeCUSTOMER_MANAGED_KEY, KeyId: new("arn:aws:kms:us-east-1:123456789012:key/1")}
	withKey, otherRole, sqs := importInput("a", "savepoints", "in/"), importInput("a", "savepoints", "in/"), importInput("a", "savepoints", "in/")
	withKey.DestinationEncryptionConfiguration = kms
	otherRole.ImportSourceConfiguration.ImportRoleArn = new(missing)
	sqs.ImportSourceConfiguration.SourceS3PrefixLocation.BucketARN = new("arn:aws:sqs:us-east-1:1:q")
	export := func(name, role string) *model.ExportSnapshotInput {
		return &model.ExportSnapshotInput{SnapshotName: &name, ExportDestinationConfiguration: &model.ExportDestinationConfiguration{
			DestinationType: model.StorageLocationTypeS3, ExportRoleArn: &role, DestinationS3PrefixLocation: otherRole.ImportSourceConfiguration.SourceS3PrefixLocation,
		}}
	}
	in := func(ctx context.Context, i *model.ImportSnapshotInput) error {
		_, err := w.ImportSnapshot(ctx, i)
		return err
	}
	ctx := w.ctx()
	for _, c := range []struct {
		what string
		do   func() error
		code wire.ErrorCode
		says string
	}{
		{"create of nothing", func() error {
			_, err := w.CreateSnapshot(ctx, &model.CreateSnapshotInput{ApplicationName: new("none"), SnapshotName: new("a")})
			return err
		}, model.InvalidArgumentException, "none does not exist"},
		{"create on an old runtime", func() error {
			_, err := w.CreateSnapshot(ctx, &model.CreateSnapshotInput{ApplicationName: new("orders"), SnapshotName: new("a")})
			return err
		}, model.InvalidApplicationConfigurationException, "FLINK-1_20 or later"},
		{"reserved", func() error { return in(ctx, importInput("SystemSnapshot-1", "savepoints", "in/")) }, model.InvalidArgumentException, "reserved"},
		{"taken", func() error { return in(ctx, importInput("there", "savepoints", "in/")) }, model.ResourceInUseException, "there"},
		{"key", func() error { return in(ctx, withKey) }, model.UnsupportedOperationException, "KMS"},
		{"role", func() error { return in(ctx, otherRole) }, model.InvalidArgumentException, missing},
		{"no bucket", func() error { return in(ctx, sqs) }, model.InvalidArgumentException, "arn:aws:sqs"},
		{"tags", func() error {
			i := importInput("a", "savepoints", "in/")
			for n := range 51 {
				i.Tags = append(i.Tags, model.Tag{Key: new(fmt.Sprint(n))})
			}
			return in(ctx, i)
		}, model.TooManyTagsException, "51"},
		{"export of nothing", func() error { _, err := w.ExportSnapshot(ctx, export("none", roleARN)); return err }, model.ResourceNotFoundException, "none"},
		{"export as nobody", func() error { _, err := w.ExportSnapshot(ctx, export("there", missing)); return err }, model.InvalidArgumentException, missing},
		{"deletion of nothing", func() error {
			_, err := w.DeleteSnapshot(ctx, &model.DeleteSnapshotInput{SnapshotName: new("none"), SnapshotCreationTimestamp: new(time.Now())})
			return err
		}, model.ResourceNotFoundException, "none"},
		{"operation of nothing", func() error {
			_, err := w.DescribeSnapshotOperation(ctx, &model.DescribeSnapshotOperationInput{SnapshotName: new("there"), SnapshotOperationId: new("none")})
			return err
		}, model.ResourceNotFoundException, "none"},
		{"operations of nothing", func() error {
			_, err := w.ListSnapshotOperations(ctx, &model.ListSnapshotOperationsInput{SnapshotName: new("none")})
			return err
		}, model.ResourceNotFoundException, "none"},
		{"two filters", func() error {
			_, err := w.ListSnapshots(ctx, &model.ListSnapshotsInput{SnapshotStatus: model.SnapshotStatusREADY, SnapshotInitiator: model.SnapshotInitiatorUSER})
			return err
		}, model.InvalidArgumentException, "one filter"},
		{"two filters of operations", func() error {
			_, err := w.ListSnapshotOperations(ctx, &model.ListSnapshotOperationsInput{SnapshotName: new("there"), SnapshotOperation: "ImportSnapshot", SnapshotOperationStatus: "FAILED"})
			return err
		}, model.InvalidArgumentException, "one filter"},
		{"token", func() error {
			_, err := w.ListSnapshots(ctx, &model.ListSnapshotsInput{NextToken: new("17")})
			return err
		}, model.InvalidArgumentException, "NextToken"},
	} {
		t.Run(c.what, func(t *testing.T) { w.T = t; w.refused(c.do(), c.code, c.says) })
	}
	w.T = t
}

func TestSnapshotModeGoesOneWay(t *testing.T) {
	w := newWorld(t)
	enhanced := &model.ApplicationSnapshotConfiguration{SnapshotsEnabled: new(true), SnapshotMode: model.SnapshotModeENHANCED_SNAPSHOTS}
	old := input("old")
	old.ApplicationConfiguration.ApplicationSnapshotConfiguration = enhanced
	_, err := w.CreateApplication(w.ctx(), old)
	w.refused(err, model.InvalidArgumentException, "FLINK-1_20 or later", "FLINK-1_18")

	w.create("orders")
	update := func(version int64, runtime model.RuntimeEnvironment, mode model.SnapshotMode) error {
		in := &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: &version, RuntimeEnvironmentUpdate: runtime}
		if mode != "" {
			in.ApplicationConfigurationUpdate = &model.ApplicationConfigurationUpdate{ApplicationSnapshotConfigurationUpdate: &model.ApplicationSnapshotConfigurationUpdate{
				SnapshotsEnabledUpdate: new(true), SnapshotModeUpdate: mode,
			}}
		}
		_, err := w.UpdateApplication(w.ctx(), in)
		return err
	}
	w.refused(update(1, "FLINK-1_20", model.SnapshotModeENHANCED_SNAPSHOTS), model.InvalidArgumentException, "current runtime is FLINK-1_18")
	w.must(update(1, "FLINK-1_20", model.SnapshotModeAPPLICATION_SNAPSHOTS_LEGACY))
	w.must(update(2, "", model.SnapshotModeENHANCED_SNAPSHOTS))
	if m := w.describe("orders").ApplicationConfigurationDescription.ApplicationSnapshotConfigurationDescription.SnapshotMode; m != model.SnapshotModeENHANCED_SNAPSHOTS {
		t.Errorf("the mode is %s", m)
	}
	w.refused(update(3, "", model.SnapshotModeAPPLICATION_SNAPSHOTS_LEGACY), model.InvalidArgumentException, "RollbackApplication")
	w.refused(update(3, "FLINK-1_18", ""), model.InvalidArgumentException, "FLINK-1_20 or later")
}

func TestRestoreBySnapshotARN(t *testing.T) {
	w := newWorld(t)
	w.imported("good", "savepoints")
	w.imported("bad", "nowhere")
	w.create("legacy")
	in := input("orders")
	in.RuntimeEnvironment = model.RuntimeEnvironmentFLINK1_20
	in.ApplicationConfiguration.ApplicationSnapshotConfiguration = &model.ApplicationSnapshotConfiguration{SnapshotsEnabled: new(true), SnapshotMode: model.SnapshotModeENHANCED_SNAPSHOTS}
	_, err := w.CreateApplication(w.ctx(), in)
	w.must(err)
	const prefix = "arn:aws:kinesisanalytics:us-east-1:123456789012:snapshot/"
	for what, c := range map[string]struct {
		application string
		arn, name   *string
		says        string
	}{
		"neither":          {"orders", nil, nil, "Either SnapshotName or SnapshotArn"},
		"both":             {"orders", new(prefix + "good"), new("good"), "Either SnapshotName or SnapshotArn"},
		"by name":          {"orders", nil, new("good"), "use SnapshotArn"},
		"legacy mode":      {"legacy", new(prefix + "good"), nil, "use SnapshotName"},
		"nothing":          {"orders", new(prefix + "none"), nil, "does not exist"},
		"failed":           {"orders", new(prefix + "bad"), nil, "FAILED"},
		"another account":  {"orders", new(strings.Replace(prefix, account, "111122223333", 1) + "good"), nil, "no ARN of a snapshot in this account"},
		"an application's": {"orders", new("arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders"), nil, "no ARN of a snapshot"},
	} {
		_, err := w.StartApplication(w.ctx(), start(c.application, c.arn, c.name))
		w.refused(err, model.InvalidArgumentException, c.says)
		if t.Failed() {
			t.Fatal(what)
		}
	}
	_, err = w.StartApplication(w.ctx(), start("orders", new(prefix+"good"), nil))
	w.must(err)
	r := w.describe("orders").ApplicationConfigurationDescription.RunConfigurationDescription.ApplicationRestoreConfigurationDescription
	if r.SnapshotName != nil || r.SnapshotArn == nil || *r.SnapshotArn != prefix+"good" {
		t.Errorf("the start is described as %+v", r)
	}
}

func start(application string, arn, name *string) *model.StartApplicationInput {
	return &model.StartApplicationInput{ApplicationName: &application, RunConfiguration: &model.RunConfiguration{ApplicationRestoreConfiguration: &model.ApplicationRestoreConfiguration{
		ApplicationRestoreType: model.ApplicationRestoreTypeRESTORE_FROM_CUSTOM_SNAPSHOT, SnapshotArn: arn, SnapshotName: name,
	}}}
}
