package reconcile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"drey/app"
	"drey/app/appdb"
	msfmodel "drey/model/kinesisanalyticsv2"
	"drey/wire"
)

// bucket is S3, in which the test's role may do everything.
type bucket struct {
	h       *house
	objects map[string][]byte
}

func (b bucket) List(_ context.Context, t Transfer, prefix string) (list []Object, err error) {
	if t.Bucket != "exports" {
		return nil, (wire.ErrorCode{Code: "NoSuchBucket"}).Errorf("The specified bucket does not exist")
	}
	for key, body := range b.objects {
		if strings.HasPrefix(key, prefix) {
			list = append(list, Object{key, int64(len(body))})
		}
	}
	return list, nil
}

func (b bucket) Read(_ context.Context, _ Transfer, key string) (io.ReadCloser, error) {
	if err := b.h.attempt(); err != nil {
		return nil, err
	}
	defer b.h.effect()
	return io.NopCloser(bytes.NewReader(b.objects[key])), nil
}

func (b bucket) Write(_ context.Context, t Transfer, key string, body io.Reader, size int64) error {
	if t.Bucket != "exports" {
		return (wire.ErrorCode{Code: "AccessDenied"}).Errorf("not authorized to perform: s3:PutObject")
	}
	if err := b.h.attempt(); err != nil {
		return err
	}
	raw, err := io.ReadAll(body)
	if int64(len(raw)) != size {
		b.h.Errorf("%s has %d bytes, %d were promised", key, len(raw), size)
	}
	b.objects[key] = raw
	b.h.effect()
	return err
}

// workOnSnapshots does what the vault's goroutines would do.
func (h *house) workOnSnapshots(ctx context.Context) error {
	ready, _, err := h.vault.ready(ctx)
	for _, t := range ready {
		if err == nil && ctx.Err() == nil {
			err = h.vault.carry(ctx, t)
		}
	}
	return err
}

func (h *house) createEnhanced() {
	h.Helper()
	_, err := h.api.CreateApplication(h.as(), &msfmodel.CreateApplicationInput{
		ApplicationName: new(name), RuntimeEnvironment: msfmodel.RuntimeEnvironmentFLINK1_20, ServiceExecutionRole: new(roleARN),
		ApplicationConfiguration: &msfmodel.ApplicationConfiguration{
			ApplicationCodeConfiguration: &msfmodel.ApplicationCodeConfiguration{
				CodeContentType: msfmodel.CodeContentTypeZIPFILE,
				CodeContent:     &msfmodel.CodeContent{S3ContentLocation: &msfmodel.S3ContentLocation{BucketARN: new("arn:aws:s3:::code"), FileKey: new("one")}},
			},
			ApplicationSnapshotConfiguration: &msfmodel.ApplicationSnapshotConfiguration{SnapshotsEnabled: new(true), SnapshotMode: msfmodel.SnapshotModeENHANCED_SNAPSHOTS},
		},
	})
	h.must(err)
}

func (h *house) snapshot(name string) *app.Enhanced {
	h.Helper()
	var snap *app.Enhanced
	err := h.db.Read(h.Context(), func(tx *appdb.Tx) (err error) {
		snap, err = tx.Enhanced(app.Key{Account: account, Region: region, Name: name})
		return err
	})
	if errors.Is(err, appdb.ErrNotFound) {
		return nil
	}
	h.must(err)
	return snap
}

// ended takes steps until an operation on a snapshot has ended.
func (h *house) ended(snapshot, operation string) (op *msfmodel.SnapshotOperationInfoDetails) {
	h.Helper()
	h.until("the end of "+operation, func(*app.Application) bool {
		out, err := h.api.DescribeSnapshotOperation(h.as(), &msfmodel.DescribeSnapshotOperationInput{SnapshotName: &snapshot, SnapshotOperationId: &operation})
		h.must(err)
		op = out.SnapshotOperationInfoDetails
		return op.SnapshotOperationStatus != msfmodel.SnapshotOperationStatusIN_PROGRESS
	})
	return op
}

func (h *house) take(snapshot string) {
	h.Helper()
	_, err := h.api.CreateSnapshot(h.as(), &msfmodel.CreateSnapshotInput{ApplicationName: new(name), SnapshotName: &snapshot})
	h.must(err)
	h.until(snapshot, func(*app.Application) bool { return h.snapshot(snapshot).Status != app.SnapshotCreating })
}

func place(prefix string) *msfmodel.S3PrefixLocation {
	return &msfmodel.S3PrefixLocation{BucketARN: new("arn:aws:s3:::exports"), KeyPrefix: &prefix}
}

func (h *house) export(snapshot string, to *msfmodel.S3PrefixLocation) *msfmodel.SnapshotOperationInfoDetails {
	h.Helper()
	out, err := h.api.ExportSnapshot(h.as(), &msfmodel.ExportSnapshotInput{SnapshotName: &snapshot, ExportDestinationConfiguration: &msfmodel.ExportDestinationConfiguration{
		DestinationType: msfmodel.StorageLocationTypeS3, ExportRoleArn: new(roleARN), DestinationS3PrefixLocation: to,
	}})
	h.must(err)
	return h.ended(snapshot, *out.SnapshotOperationId)
}

func (h *house) importFrom(snapshot string, from *msfmodel.S3PrefixLocation) *msfmodel.SnapshotOperationInfoDetails {
	h.Helper()
	out, err := h.api.ImportSnapshot(h.as(), &msfmodel.ImportSnapshotInput{SnapshotName: &snapshot, ImportSourceConfiguration: &msfmodel.ImportSourceConfiguration{
		SourceType: msfmodel.StorageLocationTypeS3, ImportRoleArn: new(roleARN), SourceS3PrefixLocation: from,
	}})
	h.must(err)
	return h.ended(snapshot, *out.SnapshotOperationId)
}

func (h *house) drop(snapshot string) {
	h.Helper()
	out, err := h.api.DeleteSnapshot(h.as(), &msfmodel.DeleteSnapshotInput{SnapshotName: &snapshot, SnapshotCreationTimestamp: new(h.snapshot(snapshot).Created)})
	h.must(err)
	if op := h.ended(snapshot, *out.SnapshotOperationId); op.SnapshotOperationStatus != msfmodel.SnapshotOperationStatusSUCCESSFUL || h.snapshot(snapshot) != nil {
		h.Errorf("the deletion of %s is %+v", snapshot, op)
	}
}

// enhance takes an application through a snapshot of its own, export and import, a stop and an update with system snapshots,
// a start from the imported one, and its deletion, which the snapshots outlive.
func enhance(h *house) {
	h.createEnhanced()
	h.start()
	h.settled(app.Running)
	h.take("mine")
	exported := h.export("mine", place("out/"))
	to := exported.SnapshotDestinationLocationDescription.S3PrefixLocation.ExportedPrefix
	if to == nil || *to != "out/"+*exported.SnapshotOperationId || len(h.bucket.objects[*to+"/_metadata"]) == 0 {
		h.Fatalf("the export is %+v of %v", exported, h.bucket.objects)
	}
	if op := h.importFrom("again", place(*to)); op.SnapshotOperationStatus != msfmodel.SnapshotOperationStatusSUCCESSFUL {
		h.Fatalf("the import is %+v", op.SnapshotOperationFailureDetails.ErrorInfo)
	}
	h.stop(false)
	stopped := app.SystemSnapshot(name, h.application().Operation.ID)
	h.settled(app.Ready)
	_, err := h.api.StartApplication(h.as(), &msfmodel.StartApplicationInput{ApplicationName: new(name), RunConfiguration: &msfmodel.RunConfiguration{
		ApplicationRestoreConfiguration: &msfmodel.ApplicationRestoreConfiguration{
			ApplicationRestoreType: msfmodel.ApplicationRestoreTypeRESTORE_FROM_CUSTOM_SNAPSHOT, SnapshotArn: new(h.snapshot("again").ARN),
		},
	}})
	h.must(err)
	h.settled(app.Running)
	h.update(nil)
	updated := app.SystemSnapshot(name, h.application().Operation.ID)
	h.settled(app.Running)

	a := h.application()
	names := map[string]string{scheme + filepath.Join(h.loop.state(a), restored, h.snapshot("again").ID): "again", h.snapshot(updated).Local: updated}
	if got, want := h.restored(names), []string{"empty", "again", updated}; !slices.Equal(got, want) {
		h.Errorf("the jobs began from %v, expected %v", got, want)
	}
	for _, s := range []string{"mine", "again", stopped, updated} {
		if snap := h.snapshot(s); snap == nil || snap.Status != app.SnapshotReady || snap.Size == 0 {
			h.Errorf("the snapshot %s is %+v", s, snap)
		}
	}
	if h.snapshot("mine").Local != "" || h.snapshot(stopped).Local != "" {
		h.Error("savepoints that are kept elsewhere are left in the state directory")
	}
	h.delete()
	h.until("the end", func(a *app.Application) bool { return a == nil })
	for _, s := range []string{"mine", "again", stopped, updated} {
		if _, err := os.Stat(filepath.Join(strings.TrimPrefix(h.snapshot(s).Path, scheme), metadata)); err != nil {
			h.Errorf("the snapshot %s went with its application: %v", s, err)
		}
		h.drop(s)
	}
	if left, err := os.ReadDir(h.vault.SnapshotDir); err != nil || len(left) > 0 {
		h.Errorf("deleted snapshots leave %v, %v", left, err)
	}
}

func TestSnapshotThatFails(t *testing.T) {
	h := newHouse(t)
	h.createEnhanced()
	h.start()
	h.settled(app.Running)
	h.jm.Manual = true
	out, err := h.api.CreateSnapshot(h.as(), &msfmodel.CreateSnapshotInput{ApplicationName: new(name), SnapshotName: new("bad")})
	h.must(err)
	h.until("the request", func(*app.Application) bool { return h.snapshot("bad").Trigger != "" })
	h.must(h.pass())
	h.jm.FailSavepoints("java.io.IOException: no space left on device")
	op := h.ended("bad", *out.SnapshotOperationId)
	if e := op.SnapshotOperationFailureDetails.ErrorInfo; *e.ErrorCode != codeSavepoint || !strings.Contains(*e.ErrorString, "no space left") {
		t.Errorf("the failure is %s: %s", *e.ErrorCode, *e.ErrorString)
	}
	if h.snapshot("bad").Status != app.SnapshotFailed || h.application().Status() != app.Running {
		t.Errorf("the snapshot is %s, the application %s", h.snapshot("bad").Status, h.application().Status())
	}
	h.drop("bad")
}

// TestSnapshotOfAStoppingApplication ends the job under a snapshot that is being taken.
func TestSnapshotOfAStoppingApplication(t *testing.T) {
	h := newHouse(t)
	h.createEnhanced()
	h.start()
	h.settled(app.Running)
	h.jm.Manual = true
	out, err := h.api.CreateSnapshot(h.as(), &msfmodel.CreateSnapshotInput{ApplicationName: new(name), SnapshotName: new("late")})
	h.must(err)
	h.until("the request", func(*app.Application) bool { return h.snapshot("late").Trigger != "" })
	h.stop(true)
	if op := h.ended("late", *out.SnapshotOperationId); op.SnapshotOperationStatus != msfmodel.SnapshotOperationStatusFAILED {
		t.Errorf("the operation is %s", op.SnapshotOperationStatus)
	}
	h.settled(app.Ready)
}

func TestImportsThatCannotBe(t *testing.T) {
	h := newHouse(t)
	h.bucket.objects["two/a/_metadata"], h.bucket.objects["two/b/_metadata"] = []byte("x"), []byte("y")
	h.bucket.objects["text/_metadata"] = []byte("hello, world")
	h.bucket.objects["climb/_metadata"], h.bucket.objects["climb/../../x"] = []byte("\x49\x60\x67\x2d"), []byte("x")
	h.create() // for until, which looks at an application
	for prefix, want := range map[string][2]string{
		"nothing/": {codeInvalid, "no savepoint below s3://exports/nothing/"},
		"two/":     {codeInvalid, "more than one savepoint: two/a/ and two/b/"},
		"text/":    {codeInvalid, "not the metadata"},
		"climb/":   {codeInvalid, "cannot be stored"},
	} {
		op := h.importFrom("bad", place(prefix))
		if op.SnapshotOperationFailureDetails == nil {
			t.Errorf("%s was imported", prefix)
		} else if e := op.SnapshotOperationFailureDetails.ErrorInfo; *e.ErrorCode != want[0] || !strings.Contains(*e.ErrorString, want[1]) {
			t.Errorf("%s: %s: %s", prefix, *e.ErrorCode, *e.ErrorString)
		}
		if left, err := os.ReadDir(h.vault.SnapshotDir); err != nil && !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
			t.Errorf("%s: a failed import leaves %v, %v", prefix, left, err)
		}
		h.drop("bad")
	}
	elsewhere := &msfmodel.S3PrefixLocation{BucketARN: new("arn:aws:s3:::elsewhere"), KeyPrefix: new("x")}
	if op := h.importFrom("bad", elsewhere); *op.SnapshotOperationFailureDetails.ErrorInfo.ErrorCode != "NoSuchBucket" {
		t.Errorf("from no bucket: %+v", op)
	}
}

func TestDeletionWaitsForTheStartThatNeedsIt(t *testing.T) {
	h := newHouse(t)
	h.createEnhanced()
	h.start()
	h.settled(app.Running)
	h.take("mine")
	h.stop(true)
	h.settled(app.Ready)
	_, err := h.api.StartApplication(h.as(), &msfmodel.StartApplicationInput{ApplicationName: new(name)})
	h.must(err)
	_, err = h.api.DeleteSnapshot(h.as(), &msfmodel.DeleteSnapshotInput{SnapshotName: new("mine"), SnapshotCreationTimestamp: new(h.snapshot("mine").Created)})
	h.must(err)
	h.until("the new job", func(*app.Application) bool { return len(h.jm.Submissions()) == 2 })
	if s := h.lastSubmission().SavepointPath; !strings.Contains(s, "/"+restored+"/") {
		t.Errorf("the job began from %q", s)
	}
	h.until("the deletion", func(*app.Application) bool { return h.snapshot("mine") == nil })
}

// TestSavepointsOfAHostileApplication: nothing outside of its own directory gets into a snapshot, or is removed.
func TestSavepointsOfAHostileApplication(t *testing.T) {
	h := newHouse(t)
	secret := filepath.Join(h.dir, "secret")
	h.must(os.MkdirAll(secret, 0o700))
	h.must(os.WriteFile(filepath.Join(secret, metadata), []byte("the other one's state"), 0o600))
	for what, plant := range map[string]func(dir string) error{
		"a link to a file":    func(dir string) error { return os.Symlink(filepath.Join(secret, metadata), filepath.Join(dir, "data")) },
		"a pipe":              func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "data"), 0o600) },
		"a link to elsewhere": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Symlink(secret, dir)) },
	} {
		state := filepath.Join(h.vault.StateDir, "app")
		dir := filepath.Join(state, "savepoints", "trigger", "savepoint-1")
		h.must(os.MkdirAll(dir, 0o700))
		h.must(os.WriteFile(filepath.Join(dir, metadata), []byte("mine"), 0o600))
		h.must(plant(dir))
		snap := &app.Enhanced{ID: "s", ApplicationID: "app", Trigger: "trigger", Local: scheme + dir}
		if _, err := h.vault.keep(t.Context(), snap); err == nil {
			t.Errorf("%s was taken", what)
		}
		if _, err := os.Stat(filepath.Join(h.vault.SnapshotDir, "s")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a part of a snapshot is left: %v", what, err)
		}
		h.must(h.vault.removeSavepoint("app", "trigger"))
		if _, err := os.Stat(filepath.Join(secret, metadata)); err != nil {
			t.Errorf("%s: the removal went too far: %v", what, err)
		}
	}
	h.must(os.RemoveAll(filepath.Join(h.vault.StateDir, "app")))
	h.must(os.MkdirAll(filepath.Join(h.vault.SnapshotDir, "s"), 0o700))
	h.must(os.MkdirAll(filepath.Join(h.vault.StateDir, "app"), 0o700))
	h.must(os.Symlink(secret, filepath.Join(h.vault.StateDir, "app", restored)))
	if _, err := h.loop.bring(t.Context(), &app.Application{ID: "app"}, scheme+filepath.Join(h.vault.SnapshotDir, "s")); err == nil {
		t.Error("a snapshot was brought to elsewhere")
	}
	if left, err := os.ReadDir(secret); err != nil || len(left) != 1 {
		t.Errorf("elsewhere is %v, %v", left, err)
	}
}
