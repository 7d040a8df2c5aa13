package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// boto calls an operation with boto3, which knows operations that the AWS CLI is yet to learn.
func (s *server) boto(operation string, in map[string]any, out any) {
	s.t.Helper()
	const script = `import boto3, json, sys
answer = getattr(boto3.client("kinesisanalyticsv2"), sys.argv[1])(**json.loads(sys.argv[2]))
print(json.dumps(answer, default=str))`
	args, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(cache, "venv", "bin", "python"), "-c", script, operation, string(args))
	cmd.Env = s.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		s.t.Fatalf("%s: %v: %s", operation, err, stderr.String())
	}
}

// snapshotOperation is the answer to what begins an operation on a snapshot.
type snapshotOperation struct{ SnapshotArn, SnapshotOperationId string }

// succeeded waits for the end of an operation on a snapshot, and gives the prefix that an export has written to.
func (s *server) succeeded(snapshot string, begun snapshotOperation) (exported string) {
	s.t.Helper()
	var answer struct {
		SnapshotOperationInfoDetails struct {
			SnapshotOperationStatus                string
			SnapshotDestinationLocationDescription struct {
				S3PrefixLocation struct{ ExportedPrefix string }
			}
			SnapshotOperationFailureDetails struct {
				ErrorInfo struct{ ErrorCode, ErrorString string }
			}
		}
	}
	d := &answer.SnapshotOperationInfoDetails
	s.await("the operation on "+snapshot, time.Minute, func() bool {
		s.boto("describe_snapshot_operation", map[string]any{"SnapshotName": snapshot, "SnapshotOperationId": begun.SnapshotOperationId}, &answer)
		return d.SnapshotOperationStatus != "IN_PROGRESS"
	})
	if d.SnapshotOperationStatus != "SUCCESSFUL" {
		s.t.Fatalf("the operation on %s is %s: %+v", snapshot, d.SnapshotOperationStatus, d.SnapshotOperationFailureDetails)
	}
	return d.SnapshotDestinationLocationDescription.S3PrefixLocation.ExportedPrefix
}

func (s *server) createCounting(name, runtime string) application {
	s.t.Helper()
	var configuration map[string]any
	if err := json.Unmarshal([]byte(createOptions{}.configuration(s.upload(jar("test-counting.jar")))), &configuration); err != nil {
		s.t.Fatal(err)
	}
	configuration["ApplicationSnapshotConfiguration"] = map[string]any{"SnapshotsEnabled": true, "SnapshotMode": "ENHANCED_SNAPSHOTS"}
	s.boto("create_application", map[string]any{
		"ApplicationName": name, "RuntimeEnvironment": runtime, "ServiceExecutionRole": accountRole + "app", "ApplicationConfiguration": configuration,
	}, nil)
	return application{s, name}
}

// TestSnapshotsToAndFromPlainFlink carries the state of an application to a plain Flink cluster and, counted on there, back
// into another application (developer guide, "Import and export enhanced snapshots").
func TestSnapshotsToAndFromPlainFlink(t *testing.T) {
	t.Parallel()
	const runtime = "FLINK-1_20"
	installRuntimes(t, runtime)
	s := serve(t)
	s.makeRole("app")
	s.aws("s3", "mb", "s3://savepoints")
	s.aws("iam", "create-role", "--role-name", "mover", "--assume-role-policy-document", "file://guide/trust.json")
	s.aws("iam", "put-role-policy", "--role-name", "mover", "--policy-name", "savepoints", "--policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::savepoints","arn:aws:s3:::savepoints/*"]}]}`)
	a := s.createCounting("out", runtime)
	a.run()
	counted := func(a application, n int) {
		a.await("counting", time.Minute, func() bool { _, highest := a.counts(time.Time{}); return highest > n })
	}
	counted(a, 0)

	var taken, exported, imported snapshotOperation
	_, before := a.counts(time.Time{})
	s.boto("create_snapshot", map[string]any{"ApplicationName": "out", "SnapshotName": "leaving"}, &taken)
	s.succeeded("leaving", taken)
	place := func(prefix string) map[string]any {
		return map[string]any{"BucketARN": "arn:aws:s3:::savepoints", "KeyPrefix": prefix}
	}
	s.boto("export_snapshot", map[string]any{"SnapshotName": "leaving", "ExportDestinationConfiguration": map[string]any{
		"DestinationType": "S3", "ExportRoleArn": accountRole + "mover", "DestinationS3PrefixLocation": place("out/"),
	}}, &exported)
	s.kill() // whether the export is through or not
	s.boot()
	prefix := s.succeeded("leaving", exported)
	if prefix != "out/"+exported.SnapshotOperationId {
		t.Errorf("exported to %q", prefix)
	}
	a.aws("kinesisanalyticsv2", "stop-application", "--application-name", "out", "--force")
	a.awaitStatus("READY")

	plain, stop := startPlainFlink(s, runtime)
	carried := filepath.Join(t.TempDir(), "carried")
	s.aws("s3", "cp", "--recursive", "s3://savepoints/"+prefix, carried)
	job := plain.run(jar("test-counting.jar"), "file://"+carried)
	s.await("the plain cluster counts on", time.Minute, func() bool { _, last := plain.counts(); return last > before+20 })
	if first, _ := plain.counts(); first <= before {
		t.Errorf("the plain cluster began at %d; the snapshot was taken after %d", first, before)
	}
	_, there := plain.counts()
	s.aws("s3", "cp", "--recursive", plain.savepoint(job), "s3://savepoints/in/savepoint/")
	stop()

	s.boto("import_snapshot", map[string]any{"SnapshotName": "arriving", "ImportSourceConfiguration": map[string]any{
		"SourceType": "S3", "ImportRoleArn": accountRole + "mover", "SourceS3PrefixLocation": place("in/"),
	}}, &imported)
	s.succeeded("arriving", imported)
	b := s.createCounting("in", runtime)
	b.boto("start_application", map[string]any{"ApplicationName": "in", "RunConfiguration": map[string]any{
		"ApplicationRestoreConfiguration": map[string]any{"ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT", "SnapshotArn": imported.SnapshotArn},
	}}, nil)
	b.awaitStatus("RUNNING")
	counted(b, there)
	if lowest, _ := b.counts(time.Time{}); lowest <= there {
		t.Errorf("the application began at %d; the savepoint was taken after %d", lowest, there)
	}
}
