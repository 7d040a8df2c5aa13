package msf_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/driver/sim"
	"drey/flink"
	model "drey/model/kinesisanalyticsv2"
	"drey/msf"
	"drey/reconcile"
	"drey/store/sql"
	"drey/wire"
)

const (
	account = "123456789012"
	roleARN = "arn:aws:iam::123456789012:role/app"
	missing = "arn:aws:iam::123456789012:role/nobody"
)

// world is what the service needs of others: a role, and objects by bucket/key. Clusters start and never answer, so that
// whatever is begun stays under way.
type world struct {
	*testing.T
	*msf.Service
	objects map[string][]byte
	shelf   *shelf
	codeDir string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, shelf: &shelf{objects: map[string][]byte{}}, objects: map[string][]byte{"code/good.jar": jar(t, "Main-Class: Main\n", 55)}}
	dir := t.TempDir()
	store, err := sql.Open(filepath.Join(dir, "db"))
	w.must(err)
	t.Cleanup(func() { w.must(store.Close()) })
	db, err := appdb.Open(t.Context(), store)
	w.must(err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w.codeDir = dir
	machine := &sim.Machine{}
	keeper, err := reconcile.Open(t.Context(), reconcile.Config{
		DB: db, Driver: machine.Open(), Tokens: w, Telemetry: w, StateDir: dir, CodeDir: dir, SnapshotDir: filepath.Join(dir, "snapshots"), Objects: w.shelf, KPUMemory: 1 << 30, Log: log, Now: time.Now,
	})
	w.must(err)
	t.Cleanup(func() { w.must(keeper.Close()) })
	w.Service = msf.Open(msf.Config{
		DB: db, Keeper: keeper, Roles: w, Objects: w, CodeDir: dir, MaxKPUs: 64, Java: java, Compatible: compatible, Dashboard: w.dashboard, Now: time.Now,
		Runtime: func(name string) error {
			if name != "FLINK-1_18" && name != "FLINK-1_20" {
				return errors.New("it is not installed")
			}
			return nil
		},
	})
	return w
}

// java has 1.20 load newer classes than 1.18.
func java(runtime string) flink.Java {
	if runtime == "FLINK-1_20" {
		return flink.Java{Release: 17, ClassVersion: 65}
	}
	return flink.Java{Release: 11, ClassVersion: 61}
}

// compatible lets state go to the same runtime and to later ones.
func compatible(from, to string) error {
	if from > to {
		return errors.New("Flink reads no later state")
	}
	return nil
}

func (w *world) dashboard(_ context.Context, key app.Key, life time.Duration) (string, error) {
	return "http://here/" + key.Name + "?for=" + life.String(), nil
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) ctx() context.Context {
	return wire.WithRequest(context.Background(), &wire.Request{ID: "r", Account: account, Region: "us-east-1"})
}

func (w *world) ApplicationToken(context.Context, string, string, string) (string, error) {
	return "token", nil
}
func (w *world) ForgetApplication(context.Context, string, string) error  { return nil }
func (w *world) Watch(*app.Application, string, driver.Report)            {}
func (w *world) Forget(*app.Application)                                  {}
func (w *world) Record(context.Context, *app.Application, string, string) {}
func (w *world) Note(context.Context, *app.Application, string)           {}
func (w *world) CPU(context.Context, *app.Application) ([]app.Load, error) {
	return nil, nil
}

func (w *world) CheckServiceRole(_ context.Context, _, role, _, _ string) error {
	if role != roleARN {
		return errors.New("no such role, or it does not trust the service")
	}
	return nil
}

func (w *world) OpenCode(_ context.Context, _, _, _, bucket, key, _ string) (io.ReadCloser, error) {
	body, ok := w.objects[bucket+"/"+key]
	if !ok {
		return nil, errors.New("NoSuchKey: The specified key does not exist.")
	}
	return io.NopCloser(bytes.NewReader(body)), nil
}

// jar makes an archive; manifest "" = none.
func jar(t testing.TB, manifest string, version byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, body := range map[string]string{"META-INF/MANIFEST.MF": manifest, "Main.class": "\xCA\xFE\xBA\xBE\x00\x00\x00" + string(version)} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func s3Code(bucket, key string) *model.ApplicationConfiguration {
	return &model.ApplicationConfiguration{ApplicationCodeConfiguration: &model.ApplicationCodeConfiguration{
		CodeContentType: model.CodeContentTypeZIPFILE,
		CodeContent:     &model.CodeContent{S3ContentLocation: &model.S3ContentLocation{BucketARN: new("arn:aws:s3:::" + bucket), FileKey: new(key)}},
	}}
}

func input(name string) *model.CreateApplicationInput {
	return &model.CreateApplicationInput{
		ApplicationName: new(name), RuntimeEnvironment: model.RuntimeEnvironmentFLINK1_18, ServiceExecutionRole: new(roleARN), ApplicationConfiguration: s3Code("code", "good.jar"),
	}
}

func (w *world) create(name string) *model.ApplicationDetail {
	w.Helper()
	out, err := w.CreateApplication(w.ctx(), input(name))
	w.must(err)
	return out.ApplicationDetail
}

func (w *world) describe(name string) *model.ApplicationDetail {
	w.Helper()
	out, err := w.DescribeApplication(w.ctx(), &model.DescribeApplicationInput{ApplicationName: &name})
	w.must(err)
	return out.ApplicationDetail
}

// refused wants an error of a code whose text holds all of says.
func (w *world) refused(err error, code wire.ErrorCode, says ...string) {
	w.Helper()
	if !errors.Is(err, code) {
		w.Errorf("got %v, expected %s", err, code.Code)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.Errorf("%q does not say %q", err, text)
		}
	}
}

// TestCodeFitsTheRuntime: what one runtime loads is checked anew for another, also where only the runtime changes.
func TestCodeFitsTheRuntime(t *testing.T) {
	w := newWorld(t)
	w.objects["code/newer.jar"] = jar(t, "Main-Class: Main\n", 65)
	in := input("orders")
	in.RuntimeEnvironment, in.ApplicationConfiguration = model.RuntimeEnvironmentFLINK1_20, s3Code("code", "newer.jar")
	_, err := w.CreateApplication(w.ctx(), in)
	w.must(err)
	_, err = w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(1)),
		RuntimeEnvironmentUpdate: model.RuntimeEnvironmentFLINK1_18})
	w.refused(err, model.CodeValidationException, "UnsupportedClassVersionError", "Java 21", "Compile for Java 11")
	if d := w.describe("orders"); d.RuntimeEnvironment != model.RuntimeEnvironmentFLINK1_20 || *d.ApplicationVersionId != 1 {
		t.Errorf("the application is on %s in version %d", d.RuntimeEnvironment, *d.ApplicationVersionId)
	}
}

// TestCreateRefuses goes through what cannot become an application. Nothing may be left of it.
func TestCreateRefuses(t *testing.T) {
	w := newWorld(t)
	w.objects["code/text.jar"] = []byte("this is no archive\n")
	w.objects["code/empty.jar"] = jar(t, "Manifest-Version: 1.0\n", 55)
	w.objects["code/newer.jar"] = jar(t, "Main-Class: Main\n", 65)
	for _, c := range []struct {
		name   string
		change func(*model.CreateApplicationInput)
		code   wire.ErrorCode
		says   []string
	}{
		{"text-file", func(i *model.CreateApplicationInput) { i.ApplicationConfiguration = s3Code("code", "text.jar") }, model.CodeValidationException, []string{"s3://code/text.jar", "no jar"}},
		{"no-main-class", func(i *model.CreateApplicationInput) { i.ApplicationConfiguration = s3Code("code", "empty.jar") }, model.CodeValidationException, []string{"Main-Class"}},
		{"newer-java", func(i *model.CreateApplicationInput) { i.ApplicationConfiguration = s3Code("code", "newer.jar") }, model.CodeValidationException, []string{"UnsupportedClassVersionError", "Java 21"}},
		{"missing-key", func(i *model.CreateApplicationInput) { i.ApplicationConfiguration = s3Code("code", "nothing.jar") }, model.InvalidArgumentException,
			[]string{"Please check the role provided or validity of S3 location you provided. We are unable to get the specified fileKey: nothing.jar in the specified bucket: code"}},
		{"missing-bucket", func(i *model.CreateApplicationInput) { i.ApplicationConfiguration = s3Code("nowhere", "good.jar") }, model.InvalidArgumentException, []string{"nowhere"}},
		{"no-bucket", func(i *model.CreateApplicationInput) {
			i.ApplicationConfiguration = s3Code("code", "good.jar")
			i.ApplicationConfiguration.ApplicationCodeConfiguration.CodeContent.S3ContentLocation.BucketARN = new("arn:aws:sqs:us-east-1:1:q")
		}, model.InvalidArgumentException, []string{"arn:aws:sqs"}},
		{"missing-role", func(i *model.CreateApplicationInput) { i.ServiceExecutionRole = new(missing) }, model.InvalidArgumentException,
			[]string{"Kinesis Analytics service doesn't have sufficient privileges to assume the role " + missing}},
		{"runtime", func(i *model.CreateApplicationInput) { i.RuntimeEnvironment = model.RuntimeEnvironmentFLINK2_3 }, model.InvalidArgumentException, []string{"FLINK-2_3", "not installed"}},
		{"sql", func(i *model.CreateApplicationInput) { i.RuntimeEnvironment = "SQL-1_0" }, model.UnsupportedOperationException, []string{"SQL-1_0"}},
		{"two-logs", func(i *model.CreateApplicationInput) {
			i.CloudWatchLoggingOptions = []model.CloudWatchLoggingOption{{LogStreamARN: new("arn:a")}, {LogStreamARN: new("arn:b")}}
		}, model.InvalidArgumentException, []string{"Kinesis Analytics currently supports only 1 logging option."}},
		{"tag-twice", func(i *model.CreateApplicationInput) { i.Tags = []model.Tag{{Key: new("k")}, {Key: new("k")}} }, model.InvalidArgumentException, []string{"twice"}},
		{"kpus", func(i *model.CreateApplicationInput) {
			i.ApplicationConfiguration.FlinkApplicationConfiguration = &model.FlinkApplicationConfiguration{ParallelismConfiguration: &model.ParallelismConfiguration{
				ConfigurationType: model.ConfigurationTypeCUSTOM, Parallelism: new(int32(65))}}
		}, model.InvalidArgumentException, []string{"65", "64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.T = t
			in := input(c.name)
			c.change(in)
			_, err := w.CreateApplication(w.ctx(), in)
			w.refused(err, c.code, c.says...)
			_, err = w.DescribeApplication(w.ctx(), &model.DescribeApplicationInput{ApplicationName: new(c.name)})
			w.refused(err, model.ResourceNotFoundException, c.name)
		})
	}
	w.T = t
	w.create("once")
	_, err := w.CreateApplication(w.ctx(), input("once"))
	w.refused(err, model.ResourceInUseException, "once")
}

// TestReadBackOfDefaults holds facts that Terraform's acceptance tests show of AWS.
func TestReadBackOfDefaults(t *testing.T) {
	w := newWorld(t)
	in := input("orders")
	in.ApplicationConfiguration = nil
	_, err := w.CreateApplication(w.ctx(), in)
	w.must(err)
	d := w.describe("orders")
	raw, err := json.Marshal(d.ApplicationConfigurationDescription)
	w.must(err)
	c := d.ApplicationConfigurationDescription
	f := c.FlinkApplicationConfigurationDescription
	for what, ok := range map[string]bool{
		"ARN":           *d.ApplicationARN == "arn:aws:kinesisanalytics:us-east-1:123456789012:application/orders",
		"status":        d.ApplicationStatus == model.ApplicationStatusREADY,
		"version":       *d.ApplicationVersionId == 1 && d.ApplicationVersionUpdatedFrom == nil,
		"token":         *d.ConditionalToken != "",
		"mode":          d.ApplicationMode == model.ApplicationModeSTREAMING,
		"whole seconds": d.CreateTimestamp.Nanosecond() == 0 && d.CreateTimestamp.Equal(*d.LastUpdateTimestamp),
		"checkpoint": f.CheckpointConfigurationDescription.ConfigurationType == model.ConfigurationTypeDEFAULT && *f.CheckpointConfigurationDescription.CheckpointingEnabled &&
			*f.CheckpointConfigurationDescription.CheckpointInterval == 60000 && *f.CheckpointConfigurationDescription.MinPauseBetweenCheckpoints == 5000,
		"monitoring": f.MonitoringConfigurationDescription.MetricsLevel == model.MetricsLevelAPPLICATION && f.MonitoringConfigurationDescription.LogLevel == model.LogLevelINFO,
		"parallelism": *f.ParallelismConfigurationDescription.Parallelism == 1 && *f.ParallelismConfigurationDescription.ParallelismPerKPU == 1 &&
			*f.ParallelismConfigurationDescription.CurrentParallelism == 1 && *f.ParallelismConfigurationDescription.AutoScalingEnabled,
		"snapshots":         *c.ApplicationSnapshotConfigurationDescription.SnapshotsEnabled,
		"rollback":          !*c.ApplicationSystemRollbackConfigurationDescription.RollbackEnabled,
		"no code":           c.ApplicationCodeConfigurationDescription == nil,
		"no run":            c.RunConfigurationDescription == nil,
		"no properties":     c.EnvironmentPropertyDescriptions == nil,
		"empty log options": d.CloudWatchLoggingOptionDescriptions != nil && len(d.CloudWatchLoggingOptionDescriptions) == 0,
		"maintenance": *d.ApplicationMaintenanceConfigurationDescription.ApplicationMaintenanceWindowStartTime == "03:00" &&
			*d.ApplicationMaintenanceConfigurationDescription.ApplicationMaintenanceWindowEndTime == "11:00",
	} {
		if !ok {
			t.Errorf("%s: %s", what, raw)
		}
	}
	_, err = w.StartApplication(w.ctx(), &model.StartApplicationInput{ApplicationName: new("orders")})
	w.refused(err, model.InvalidApplicationConfigurationException, "no code")
}

func TestCodeIsDescribedAsItIs(t *testing.T) {
	w := newWorld(t)
	w.create("orders")
	body := w.objects["code/good.jar"]
	sum := md5.Sum(body)
	d := w.describe("orders").ApplicationConfigurationDescription.ApplicationCodeConfigurationDescription.CodeContentDescription
	if *d.CodeSize != int64(len(body)) || *d.CodeMD5 != hex.EncodeToString(sum[:]) || *d.S3ApplicationCodeLocationDescription.FileKey != "good.jar" {
		t.Errorf("size %d, MD5 %s, %+v", *d.CodeSize, *d.CodeMD5, d.S3ApplicationCodeLocationDescription)
	}
	in := input("inline")
	in.ApplicationConfiguration.ApplicationCodeConfiguration.CodeContent = &model.CodeContent{ZipFileContent: body}
	_, err := w.CreateApplication(w.ctx(), in)
	w.must(err)
	if d := w.describe("inline").ApplicationConfigurationDescription.ApplicationCodeConfigurationDescription.CodeContentDescription; *d.CodeSize != int64(len(body)) || d.S3ApplicationCodeLocationDescription != nil {
		t.Errorf("inline code is described as %+v", d)
	}
}

// TestDefaultIsAMasterSwitch: what is sent beside DEFAULT does not count (API reference, "CheckpointConfiguration").
func TestDefaultIsAMasterSwitch(t *testing.T) {
	w := newWorld(t)
	in := input("orders")
	in.ApplicationConfiguration.FlinkApplicationConfiguration = &model.FlinkApplicationConfiguration{
		CheckpointConfiguration:  &model.CheckpointConfiguration{ConfigurationType: model.ConfigurationTypeDEFAULT, CheckpointInterval: new(int64(1))},
		ParallelismConfiguration: &model.ParallelismConfiguration{ConfigurationType: model.ConfigurationTypeCUSTOM, Parallelism: new(int32(10)), ParallelismPerKPU: new(int32(4))},
	}
	_, err := w.CreateApplication(w.ctx(), in)
	w.must(err)
	f := w.describe("orders").ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription
	if *f.CheckpointConfigurationDescription.CheckpointInterval != 60000 || *f.ParallelismConfigurationDescription.Parallelism != 10 {
		t.Errorf("%+v", f)
	}
	_, err = w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(1)),
		ApplicationConfigurationUpdate: &model.ApplicationConfigurationUpdate{FlinkApplicationConfigurationUpdate: &model.FlinkApplicationConfigurationUpdate{
			ParallelismConfigurationUpdate: &model.ParallelismConfigurationUpdate{ConfigurationTypeUpdate: model.ConfigurationTypeDEFAULT}}}})
	w.must(err)
	p := w.describe("orders").ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription
	if *p.Parallelism != 1 || *p.ParallelismPerKPU != 1 || !*p.AutoScalingEnabled {
		t.Errorf("%+v", p)
	}
}

func TestVersionsAndTokens(t *testing.T) {
	w := newWorld(t)
	first := w.create("orders")
	update := func(id *int64, token *string) error {
		_, err := w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: id, ConditionalToken: token,
			ApplicationConfigurationUpdate: &model.ApplicationConfigurationUpdate{EnvironmentPropertyUpdates: &model.EnvironmentPropertyUpdates{
				PropertyGroups: []model.PropertyGroup{{PropertyGroupId: new("g"), PropertyMap: map[string]string{"k": "v"}}}}}})
		return err
	}
	w.refused(update(new(int64(7)), nil), model.ConcurrentModificationException, "current version is 1")
	w.refused(update(nil, new("other")), model.ConcurrentModificationException)
	w.refused(update(nil, nil), model.InvalidArgumentException)
	w.refused(update(new(int64(1)), first.ConditionalToken), model.InvalidArgumentException)
	if v := *w.describe("orders").ApplicationVersionId; v != 1 {
		t.Errorf("refused updates made version %d", v)
	}
	w.must(update(nil, first.ConditionalToken))
	w.refused(update(nil, first.ConditionalToken), model.ConcurrentModificationException)
	_, err := w.AddApplicationCloudWatchLoggingOption(w.ctx(), &model.AddApplicationCloudWatchLoggingOptionInput{
		ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(2)), CloudWatchLoggingOption: &model.CloudWatchLoggingOption{LogStreamARN: new("arn:aws:logs:x")}})
	w.must(err)
	d := w.describe("orders")
	if *d.ApplicationVersionId != 3 || *d.ApplicationVersionUpdatedFrom != 2 || *d.CloudWatchLoggingOptionDescriptions[0].CloudWatchLoggingOptionId != "3.1" {
		t.Errorf("version %d, options %+v", *d.ApplicationVersionId, d.CloudWatchLoggingOptionDescriptions)
	}
	old, err := w.DescribeApplicationVersion(w.ctx(), &model.DescribeApplicationVersionInput{ApplicationName: new("orders"), ApplicationVersionId: new(int64(1))})
	w.must(err)
	if old.ApplicationVersionDetail.ApplicationConfigurationDescription.EnvironmentPropertyDescriptions != nil {
		t.Error("version 1 has the properties of version 2")
	}
	list, err := w.ListApplicationOperations(w.ctx(), &model.ListApplicationOperationsInput{ApplicationName: new("orders")})
	w.must(err)
	for _, op := range list.ApplicationOperationInfoList {
		if *op.Operation != "UpdateApplication" || op.OperationStatus != model.OperationStatusSUCCESSFUL || op.EndTime == nil {
			t.Errorf("%s %s", *op.Operation, op.OperationStatus)
		}
	}
	if len(list.ApplicationOperationInfoList) != 2 {
		t.Errorf("%d operations", len(list.ApplicationOperationInfoList))
	}
}

// TestWrongMoment asks for what the state does not allow, in AWS's words.
func TestWrongMoment(t *testing.T) {
	w := newWorld(t)
	d := w.create("orders")
	name := new("orders")
	stop := func(force bool) error {
		_, err := w.StopApplication(w.ctx(), &model.StopApplicationInput{ApplicationName: name, Force: &force})
		return err
	}
	snapshot := func() error {
		_, err := w.CreateApplicationSnapshot(w.ctx(), &model.CreateApplicationSnapshotInput{ApplicationName: name, SnapshotName: new("s")})
		return err
	}
	w.refused(stop(false), model.ResourceInUseException, "Application cannot be Stopped in 'READY' state")
	w.refused(stop(true), model.ResourceInUseException)
	w.refused(snapshot(), model.InvalidRequestException, "Application orders is in READY status. Snapshot creation is only allowed when application is in RUNNING status")
	_, err := w.StartApplication(w.ctx(), &model.StartApplicationInput{ApplicationName: name, RunConfiguration: &model.RunConfiguration{
		ApplicationRestoreConfiguration: &model.ApplicationRestoreConfiguration{ApplicationRestoreType: model.ApplicationRestoreTypeRESTORE_FROM_CUSTOM_SNAPSHOT, SnapshotName: new("none")}}})
	w.refused(err, model.InvalidArgumentException, "The snapshot name none provided for restore configuration does not exist.")
	_, err = w.DeleteApplication(w.ctx(), &model.DeleteApplicationInput{ApplicationName: name, CreateTimestamp: new(d.CreateTimestamp.Add(time.Minute))})
	w.refused(err, model.ConcurrentModificationException, "different create timestamp")

	out, err := w.StartApplication(w.ctx(), &model.StartApplicationInput{ApplicationName: name})
	w.must(err)
	_, err = w.StartApplication(w.ctx(), &model.StartApplicationInput{ApplicationName: name})
	w.refused(err, model.ResourceInUseException, "Application cannot be started in 'STARTING' state")
	w.refused(stop(false), model.ResourceInUseException, "Application cannot be Stopped in 'STARTING' state")
	w.refused(snapshot(), model.InvalidRequestException, "STARTING")
	_, err = w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: name, CurrentApplicationVersionId: new(int64(1))})
	w.refused(err, model.ResourceInUseException, "Application cannot be updated in 'STARTING' state")
	op, err := w.DescribeApplicationOperation(w.ctx(), &model.DescribeApplicationOperationInput{ApplicationName: name, OperationId: out.OperationId})
	w.must(err)
	if i := op.ApplicationOperationInfoDetails; i.OperationStatus != model.OperationStatusIN_PROGRESS || i.EndTime != nil || i.ApplicationVersionChangeDetails != nil {
		t.Errorf("the start is %+v", i)
	}
	if r := w.describe("orders").ApplicationConfigurationDescription.RunConfigurationDescription; r == nil ||
		r.ApplicationRestoreConfigurationDescription.ApplicationRestoreType != model.ApplicationRestoreTypeRESTORE_FROM_LATEST_SNAPSHOT || *r.FlinkRunConfigurationDescription.AllowNonRestoredState {
		t.Errorf("the run configuration is %+v", r)
	}
	w.must(stop(true))
	op, err = w.DescribeApplicationOperation(w.ctx(), &model.DescribeApplicationOperationInput{ApplicationName: name, OperationId: out.OperationId})
	w.must(err)
	if s := op.ApplicationOperationInfoDetails.OperationStatus; s != model.OperationStatusCANCELLED {
		t.Errorf("the start that was stopped is %s", s)
	}
}

func TestRefusedUpdateKeepsTheCode(t *testing.T) {
	w := newWorld(t)
	w.create("orders")
	w.objects["code/text.jar"] = []byte("text")
	for key, code := range map[string]wire.ErrorCode{"text.jar": model.CodeValidationException, "nothing.jar": model.InvalidArgumentException} {
		_, err := w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(1)),
			ApplicationConfigurationUpdate: &model.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &model.ApplicationCodeConfigurationUpdate{
				CodeContentUpdate: &model.CodeContentUpdate{S3ContentLocationUpdate: &model.S3ContentLocationUpdate{FileKeyUpdate: &key}}}}})
		w.refused(err, code, key)
	}
	_, err := w.UpdateApplication(w.ctx(), &model.UpdateApplicationInput{ApplicationName: new("orders"), CurrentApplicationVersionId: new(int64(1)), ServiceExecutionRoleUpdate: new(missing)})
	w.refused(err, model.InvalidArgumentException, missing)
	d := w.describe("orders")
	if *d.ApplicationVersionId != 1 || *d.ApplicationConfigurationDescription.ApplicationCodeConfigurationDescription.CodeContentDescription.S3ApplicationCodeLocationDescription.FileKey != "good.jar" {
		t.Errorf("%+v", d)
	}
}

// TestEveryOperationHasAnAccessRule gives each served operation an input with its strings filled, and looks at what it needs.
func TestEveryOperationHasAnAccessRule(t *testing.T) {
	w := newWorld(t)
	for _, op := range model.Ops(w.Service) {
		in := op.NewInput()
		fill(reflect.ValueOf(in).Elem())
		list, err := w.Access(w.ctx(), op.Name, in)
		if err != nil || len(list) == 0 {
			t.Errorf("%s needs %v, %v", op.Name, list, err)
			continue
		}
		if list[0].Action != "kinesisanalytics:"+op.Name || list[0].Resource == "" {
			t.Errorf("%s needs %+v", op.Name, list[0])
		}
		if slices.Contains([]string{"CreateApplication", "UpdateApplication", "ImportSnapshot", "ExportSnapshot"}, op.Name) {
			if len(list) != 2 || list[1].Action != "iam:PassRole" || list[1].Conditions["iam:PassedToService"][0] != msf.ServicePrincipal {
				t.Errorf("%s needs %+v", op.Name, list)
			}
		}
	}
}

// fill gives every string of a structure a value, and makes the structures directly below.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[*string]():
			f.Set(reflect.ValueOf(new("x")))
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && strings.HasSuffix(f.Type().Elem().Name(), "Configuration"):
			f.Set(reflect.New(f.Type().Elem()))
			fill(f.Elem())
		}
	}
}
