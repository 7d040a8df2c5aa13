package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const accountRole = "arn:aws:iam::123456789012:role/"

// application is one made for a test, by name.
type application struct {
	*server
	name string
}

// createOptions are what tests vary of an application.
type createOptions struct {
	jar                string // host path; uploaded to the bucket "code"
	role               string // default "app", made with makeRole
	runtime            string // default FLINK-1_18
	checkpointInterval time.Duration
	metrics            string // MetricsLevel; default APPLICATION
	perKPU             int    // with a parallelism of 1 and automatic scaling; default AWS's
	groups             map[string]map[string]string
}

// makeRole makes a role that the service may take on, with a policy that allows all of AWS.
func (s *server) makeRole(name string) {
	s.t.Helper()
	s.aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", "file://guide/trust.json")
	s.aws("iam", "put-role-policy", "--role-name", name, "--policy-name", "all", "--policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
}

// upload puts a file into the bucket "code", which it makes if need be.
func (s *server) upload(path string) (key string) {
	s.t.Helper()
	if _, err := s.tryAWS("s3api", "head-bucket", "--bucket", "code"); err != nil {
		s.aws("s3", "mb", "s3://code")
	}
	key = filepath.Base(path)
	s.aws("s3", "cp", path, "s3://code/"+key)
	return key
}

// configuration is the JSON of an application's configuration.
func (o createOptions) configuration(key string) string {
	var groups []any
	for id, properties := range o.groups {
		groups = append(groups, map[string]any{"PropertyGroupId": id, "PropertyMap": properties})
	}
	c := map[string]any{
		"ApplicationCodeConfiguration": map[string]any{
			"CodeContent":     map[string]any{"S3ContentLocation": map[string]any{"BucketARN": "arn:aws:s3:::code", "FileKey": key}},
			"CodeContentType": "ZIPFILE",
		},
	}
	flink := map[string]any{}
	if o.checkpointInterval > 0 {
		flink["CheckpointConfiguration"] = map[string]any{
			"ConfigurationType": "CUSTOM", "CheckpointingEnabled": true,
			"CheckpointInterval": o.checkpointInterval.Milliseconds(), "MinPauseBetweenCheckpoints": 0,
		}
	}
	if o.metrics != "" {
		flink["MonitoringConfiguration"] = map[string]any{"ConfigurationType": "CUSTOM", "MetricsLevel": o.metrics, "LogLevel": "INFO"}
	}
	if o.perKPU > 0 {
		flink["ParallelismConfiguration"] = map[string]any{"ConfigurationType": "CUSTOM", "Parallelism": 1, "ParallelismPerKPU": o.perKPU, "AutoScalingEnabled": true}
	}
	if len(flink) > 0 {
		c["FlinkApplicationConfiguration"] = flink
	}
	if groups != nil {
		c["EnvironmentProperties"] = map[string]any{"PropertyGroups": groups}
	}
	body, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// create makes an application whose code is a jar.
func (s *server) create(name string, o createOptions) application {
	s.t.Helper()
	if o.role == "" {
		o.role = "app"
	}
	if o.runtime == "" {
		o.runtime = "FLINK-1_18"
	}
	s.aws("kinesisanalyticsv2", "create-application", "--application-name", name, "--runtime-environment", o.runtime,
		"--service-execution-role", accountRole+o.role, "--application-configuration", o.configuration(s.upload(o.jar)))
	return application{s, name}
}

var operationID = regexp.MustCompile(`"OperationId": "([^"]+)"`)

// start asks for a start and gives the operation.
func (a application) start() (operation string) {
	a.t.Helper()
	return a.operationOf(a.aws("kinesisanalyticsv2", "start-application", "--application-name", a.name))
}

func (a application) operationOf(answer string) string {
	a.t.Helper()
	m := operationID.FindStringSubmatch(answer)
	if m == nil {
		a.t.Fatalf("%s names no operation", answer)
	}
	return m[1]
}

// run starts the application and waits until all tasks run.
func (a application) run() {
	a.t.Helper()
	a.start()
	a.awaitStatus("RUNNING")
}

func (a application) status() string {
	a.t.Helper()
	return a.aws("kinesisanalyticsv2", "describe-application", "--application-name", a.name,
		"--query", "ApplicationDetail.ApplicationStatus", "--output", "text")
}

func (a application) version() string {
	a.t.Helper()
	return a.aws("kinesisanalyticsv2", "describe-application", "--application-name", a.name,
		"--query", "ApplicationDetail.ApplicationVersionId", "--output", "text")
}

// operation is what the API tells of one.
type operation struct {
	OperationStatus         string
	OperationFailureDetails struct{ ErrorInfo struct{ ErrorString string } }
}

func (o operation) failure() string { return o.OperationFailureDetails.ErrorInfo.ErrorString }

func (a application) operation(id string) operation {
	a.t.Helper()
	var answer struct{ ApplicationOperationInfoDetails operation }
	a.awsJSON(&answer, "kinesisanalyticsv2", "describe-application-operation", "--application-name", a.name, "--operation-id", id)
	return answer.ApplicationOperationInfoDetails
}

// ended waits until an operation has ended.
func (a application) ended(id string) (status, message string) {
	a.t.Helper()
	var o operation
	a.server.await("operation "+id, 4*time.Minute, func() bool {
		o = a.operation(id)
		return o.OperationStatus != "IN_PROGRESS"
	})
	return o.OperationStatus, o.failure()
}

// awaitStatus ends the test when the application is READY and was to run: nothing will start it.
func (a application) awaitStatus(status string) {
	a.t.Helper()
	a.server.await(fmt.Sprintf("%s is %s", a.name, status), 3*time.Minute, func() bool {
		got := a.status()
		if got == "READY" && got != status {
			a.t.Fatalf("%s is READY: %s", a.name, a.newestFailure())
		}
		return got == status
	})
}

// newestFailure is why the newest operation failed.
func (a application) newestFailure() string {
	a.t.Helper()
	id := a.aws("kinesisanalyticsv2", "list-application-operations", "--application-name", a.name,
		"--query", "ApplicationOperationInfoList[0].OperationId", "--output", "text")
	o := a.operation(id)
	return o.OperationStatus + ": " + o.failure()
}

// datapoints asks CloudWatch for a statistic of the last hour, by name of metric, with further dimensions.
func (a application) datapoints(metric, statistic string, dimensions ...string) []float64 {
	a.t.Helper()
	var values []float64
	for _, p := range a.points(metric, statistic, dimensions...) {
		values = append(values, p[statistic].(float64))
	}
	return values
}

// points are the minutes of the last hour that have samples.
func (a application) points(metric, statistic string, dimensions ...string) []map[string]any {
	a.t.Helper()
	var answer struct{ Datapoints []map[string]any }
	args := []string{"cloudwatch", "get-metric-statistics", "--namespace", "AWS/KinesisAnalytics", "--metric-name", metric,
		"--start-time", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339),
		"--period", "60", "--statistics", statistic, "--dimensions", "Name=Application,Value=" + a.name}
	a.awsJSON(&answer, append(args, dimensions...)...)
	return answer.Datapoints
}

// writeFile makes a file for a test.
func (s *server) writeFile(name string, body []byte) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
