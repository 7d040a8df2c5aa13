package msf_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"drey/app"
	"drey/app/appdb"
	model "drey/model/kinesisanalyticsv2"
	"drey/wire"
	"drey/wire/shape"
)

// call asks as the edge does: what the model forbids never reaches the service.
func (w *world) call(name string, in any) error {
	ops := model.Ops(w.Service)
	i := slices.IndexFunc(ops, func(op wire.Op) bool { return op.Name == name })
	if err := shape.Validate(in, model.Model.Validation); err != nil {
		return err
	}
	_, err := ops[i].Call(w.ctx(), in)
	return err
}

// scene provokes one error: in the world that arrange makes, the operation is asked with what change makes of its request.
type scene struct {
	op      string
	code    wire.ErrorCode
	arrange func(*world)
	change  func(any)
}

// each is the same scene for several operations.
func each(code wire.ErrorCode, arrange func(*world), change func(any), ops ...string) (list []scene) {
	for _, op := range ops {
		list = append(list, scene{op, code, arrange, change})
	}
	return list
}

// on makes a change of one operation's request.
func on[I any](change func(*I)) func(any) {
	return func(in any) { change(in.(*I)) }
}

func asItIs(any) {}

// arrangements of the world

func empty(*world) {}

func created(w *world) { w.create("orders") }

// standing puts the application into a state. The keeper does not learn of it and leaves it there.
func standing(status app.Status, enhanced bool) func(*world) {
	return func(w *world) {
		w.create("orders")
		_, err := w.DB.Update(w.ctx(), app.Key{Account: account, Region: "us-east-1", Name: "orders"}, func(_ *appdb.Tx, a *app.Application) error {
			if enhanced {
				a.Version.Configuration.Runtime, a.Version.Configuration.Enhanced = "FLINK-1_20", true
			}
			switch status {
			case app.Running:
				a.Run = &app.Run{Version: a.Version.ID, Reached: time.Now()}
			case app.Deleting:
				a.Operation = &app.Operation{ID: "op", Kind: app.Delete, Status: app.InProgress}
			case app.Starting:
				a.Operation = &app.Operation{ID: "op", Kind: app.Start, Status: app.InProgress}
			}
			return nil
		})
		w.must(err)
	}
}

// silent has a job whose JobManager lives and does not answer.
func silent(w *world) {
	w.create("orders")
	w.must(w.call("StartApplication", requests()["StartApplication"]))
	k := app.Key{Account: account, Region: "us-east-1", Name: "orders"}
	for placed := false; !placed; time.Sleep(time.Millisecond) {
		a, err := w.DB.Application(w.ctx(), k)
		w.must(err)
		placed = a.Run != nil && a.Run.Placed
	}
	_, err := w.DB.Update(w.ctx(), k, func(_ *appdb.Tx, a *app.Application) error {
		a.Operation, a.Run.Reached = nil, time.Now()
		return nil
	})
	w.must(err)
	for health := app.Down; health != app.NotKnown; { // of a look before the JobManager lived
		ctx, cancel := context.WithTimeout(w.ctx(), time.Millisecond)
		health = w.Keeper.Health(ctx, k)
		cancel()
	}
}

// snapshots gives the application some in a status.
func snapshots(n int, status string) func(*world) {
	return func(w *world) {
		standing(app.Running, false)(w)
		_, err := w.DB.Update(w.ctx(), app.Key{Account: account, Region: "us-east-1", Name: "orders"}, func(tx *appdb.Tx, a *app.Application) error {
			for i := range n {
				if err := tx.PutSnapshot(a.ID, &app.Snapshot{Name: fmt.Sprintf("s%d", i), Status: status, Created: time.Unix(1, 0)}); err != nil {
					return err
				}
			}
			return nil
		})
		w.must(err)
	}
}

// shelved stores the enhanced snapshot "s0" of the application, whose mode is the enhanced one.
func shelved(status string) func(*world) {
	return func(w *world) {
		standing(app.Running, true)(w)
		w.must(w.DB.Write(w.ctx(), func(tx *appdb.Tx) error {
			a, err := tx.Application(app.Key{Account: account, Region: "us-east-1", Name: "orders"})
			if err != nil {
				return err
			}
			return tx.PutEnhanced(&app.Enhanced{
				Key: app.Key{Account: account, Region: "us-east-1", Name: "s0"}, ID: "s0", ApplicationID: a.ID, Origin: app.CreateSnapshot, Status: status, Created: time.Unix(1, 0),
			})
		}))
	}
}

// exporting has an export of "s0" under way, to a bucket that does not answer.
func exporting(w *world) {
	shelved(app.SnapshotReady)(w)
	dir := filepath.Join(w.codeDir, "snapshots", "s0")
	w.must(os.MkdirAll(dir, 0o700))
	w.must(os.WriteFile(filepath.Join(dir, "_metadata"), nil, 0o600))
	w.shelf.mu.Lock()
	w.Cleanup(w.shelf.mu.Unlock)
	w.must(w.DB.Write(w.ctx(), func(tx *appdb.Tx) error {
		return tx.PutSnapshotOperation(&app.SnapshotOperation{
			Key: app.Key{Account: account, Region: "us-east-1", Name: "s0"}, ID: "op", SnapshotID: "s0", Kind: app.ExportSnapshot, Status: app.InProgress,
		})
	}))
}

// full has as many applications as an account may.
func full(w *world) {
	for i := range 100 {
		w.create(fmt.Sprintf("a%d", i))
	}
}

// requests are good ones, each for the application "orders" in version 1 or the snapshot "s0".
func requests() map[string]any {
	name, version, stream := new("orders"), new(int64(1)), &model.CloudWatchLoggingOption{LogStreamARN: new("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s")}
	arn, id := new("arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders"), new("1.1")
	place := &model.S3PrefixLocation{BucketARN: new("arn:aws:s3:::savepoints"), KeyPrefix: new("in/")}
	return map[string]any{
		"AddApplicationCloudWatchLoggingOption":    &model.AddApplicationCloudWatchLoggingOptionInput{ApplicationName: name, CurrentApplicationVersionId: version, CloudWatchLoggingOption: stream},
		"DeleteApplicationCloudWatchLoggingOption": &model.DeleteApplicationCloudWatchLoggingOptionInput{ApplicationName: name, CurrentApplicationVersionId: version, CloudWatchLoggingOptionId: id},
		"AddApplicationVpcConfiguration": &model.AddApplicationVpcConfigurationInput{ApplicationName: name, CurrentApplicationVersionId: version,
			VpcConfiguration: &model.VpcConfiguration{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}},
		"DeleteApplicationVpcConfiguration": &model.DeleteApplicationVpcConfigurationInput{ApplicationName: name, CurrentApplicationVersionId: version, VpcConfigurationId: id},
		"CreateApplication":                 input("orders"),
		"UpdateApplication":                 &model.UpdateApplicationInput{ApplicationName: name, CurrentApplicationVersionId: version},
		"StartApplication":                  &model.StartApplicationInput{ApplicationName: name},
		"StopApplication":                   &model.StopApplicationInput{ApplicationName: name},
		"RollbackApplication":               &model.RollbackApplicationInput{ApplicationName: name, CurrentApplicationVersionId: version},
		"DeleteApplication":                 &model.DeleteApplicationInput{ApplicationName: name, CreateTimestamp: new(time.Unix(1, 0))},
		"UpdateApplicationMaintenanceConfiguration": &model.UpdateApplicationMaintenanceConfigurationInput{ApplicationName: name,
			ApplicationMaintenanceConfigurationUpdate: &model.ApplicationMaintenanceConfigurationUpdate{ApplicationMaintenanceWindowStartTimeUpdate: new("01:00")}},
		"CreateApplicationPresignedUrl": &model.CreateApplicationPresignedUrlInput{ApplicationName: name, UrlType: model.UrlTypeFLINK_DASHBOARD_URL},
		"DescribeApplication":           &model.DescribeApplicationInput{ApplicationName: name},
		"DescribeApplicationOperation":  &model.DescribeApplicationOperationInput{ApplicationName: name, OperationId: new("none")},
		"DescribeApplicationVersion":    &model.DescribeApplicationVersionInput{ApplicationName: name, ApplicationVersionId: new(int64(9))},
		"ListApplications":              &model.ListApplicationsInput{},
		"ListApplicationOperations":     &model.ListApplicationOperationsInput{ApplicationName: name},
		"ListApplicationVersions":       &model.ListApplicationVersionsInput{ApplicationName: name},

		"CreateApplicationSnapshot":   &model.CreateApplicationSnapshotInput{ApplicationName: name, SnapshotName: new("s0")},
		"DescribeApplicationSnapshot": &model.DescribeApplicationSnapshotInput{ApplicationName: name, SnapshotName: new("s0")},
		"ListApplicationSnapshots":    &model.ListApplicationSnapshotsInput{ApplicationName: name},
		"DeleteApplicationSnapshot":   &model.DeleteApplicationSnapshotInput{ApplicationName: name, SnapshotName: new("s0"), SnapshotCreationTimestamp: new(time.Unix(1, 0))},
		"CreateSnapshot":              &model.CreateSnapshotInput{ApplicationName: name, SnapshotName: new("s1")},
		"ImportSnapshot":              importInput("s0", "savepoints", "in/"),
		"ExportSnapshot": &model.ExportSnapshotInput{SnapshotName: new("s0"), ExportDestinationConfiguration: &model.ExportDestinationConfiguration{
			DestinationType: model.StorageLocationTypeS3, ExportRoleArn: new(roleARN), DestinationS3PrefixLocation: place}},
		"DeleteSnapshot":            &model.DeleteSnapshotInput{SnapshotName: new("s0"), SnapshotCreationTimestamp: new(time.Unix(1, 0))},
		"DescribeSnapshot":          &model.DescribeSnapshotInput{SnapshotName: new("s0")},
		"DescribeSnapshotOperation": &model.DescribeSnapshotOperationInput{SnapshotName: new("s0"), SnapshotOperationId: new("none")},
		"ListSnapshots":             &model.ListSnapshotsInput{},
		"ListSnapshotOperations":    &model.ListSnapshotOperationsInput{SnapshotName: new("s0")},

		"TagResource":         &model.TagResourceInput{ResourceARN: arn, Tags: []model.Tag{{Key: new("team")}}},
		"UntagResource":       &model.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}},
		"ListTagsForResource": &model.ListTagsForResourceInput{ResourceARN: arn},

		"AddApplicationInput": &model.AddApplicationInputInput{ApplicationName: name, CurrentApplicationVersionId: version, Input: &model.Input{NamePrefix: new("p"), InputSchema: sourceSchema()}},
		"AddApplicationInputProcessingConfiguration": &model.AddApplicationInputProcessingConfigurationInput{ApplicationName: name, CurrentApplicationVersionId: version, InputId: id,
			InputProcessingConfiguration: &model.InputProcessingConfiguration{InputLambdaProcessor: &model.InputLambdaProcessor{ResourceARN: new("arn:aws:lambda:us-east-1:123456789012:function:f")}}},
		"AddApplicationOutput": &model.AddApplicationOutputInput{ApplicationName: name, CurrentApplicationVersionId: version,
			Output: &model.Output{Name: new("o"), DestinationSchema: &model.DestinationSchema{RecordFormatType: model.RecordFormatTypeJSON}}},
		"AddApplicationReferenceDataSource": &model.AddApplicationReferenceDataSourceInput{ApplicationName: name, CurrentApplicationVersionId: version,
			ReferenceDataSource: &model.ReferenceDataSource{TableName: new("t"), ReferenceSchema: sourceSchema()}},
		"DeleteApplicationInputProcessingConfiguration": &model.DeleteApplicationInputProcessingConfigurationInput{ApplicationName: name, CurrentApplicationVersionId: version, InputId: id},
		"DeleteApplicationOutput":                       &model.DeleteApplicationOutputInput{ApplicationName: name, CurrentApplicationVersionId: version, OutputId: id},
		"DeleteApplicationReferenceDataSource":          &model.DeleteApplicationReferenceDataSourceInput{ApplicationName: name, CurrentApplicationVersionId: version, ReferenceId: id},
		"DiscoverInputSchema":                           &model.DiscoverInputSchemaInput{ServiceExecutionRole: new(roleARN)},
	}
}

func sourceSchema() *model.SourceSchema {
	return &model.SourceSchema{RecordFormat: &model.RecordFormat{RecordFormatType: model.RecordFormatTypeJSON}, RecordColumns: []model.RecordColumn{{Name: new("c"), SqlType: new("INTEGER")}}}
}

// changes of a request

// badName spoils what names the subject of a request.
func badName(in any) {
	v := reflect.ValueOf(in).Elem()
	for _, field := range []string{"SnapshotName", "ApplicationName", "ResourceARN", "ServiceExecutionRole"} {
		if f := v.FieldByName(field); f.IsValid() {
			f.Set(reflect.ValueOf(new("no name!")))
			return
		}
	}
	v.FieldByName("Limit").Set(reflect.ValueOf(new(int32(51))))
}

func oldVersion(in any) {
	reflect.ValueOf(in).Elem().FieldByName("CurrentApplicationVersionId").Set(reflect.ValueOf(new(int64(7))))
}

func tooManyTags(in any) {
	var tags []model.Tag
	for n := range 51 {
		tags = append(tags, model.Tag{Key: new(fmt.Sprint(n))})
	}
	reflect.ValueOf(in).Elem().FieldByName("Tags").Set(reflect.ValueOf(tags))
}

func newCode(key string) *model.ApplicationConfigurationUpdate {
	return &model.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &model.ApplicationCodeConfigurationUpdate{
		CodeContentUpdate: &model.CodeContentUpdate{S3ContentLocationUpdate: &model.S3ContentLocationUpdate{FileKeyUpdate: &key}}}}
}

var ownKey = &model.SnapshotEncryptionConfiguration{KeyType: model.KeyTypeCUSTOMER_MANAGED_KEY, KeyId: new("arn:aws:kms:us-east-1:123456789012:key/1")}
