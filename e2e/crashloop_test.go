package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// serviceRecord is what the service itself says in an application's log stream.
type serviceRecord struct {
	ApplicationARN       string `json:"applicationARN"`
	ApplicationVersionID any    `json:"applicationVersionId"` // a number here, a string in Flink's lines
	Message              string `json:"message"`
	MessageType          string `json:"messageType"`
	ErrorCode            string `json:"errorCode"`
}

// logTo makes a log stream and has the application write there.
func (a application) logTo(group string) {
	a.t.Helper()
	a.aws("logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", a.name)
	a.aws("kinesisanalyticsv2", "add-application-cloud-watch-logging-option", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--cloud-watch-logging-option", "LogStreamARN=arn:aws:logs:us-east-1:123456789012:log-group:"+group+":log-stream:"+a.name)
}

// errorRecords gives the service's records about the code in the application's log stream.
func (a application) errorRecords(group string) (records []serviceRecord) {
	a.t.Helper()
	var answer struct{ Events []struct{ Message string } }
	a.awsJSON(&answer, "logs", "filter-log-events", "--log-group-name", group, "--log-stream-names", a.name,
		"--filter-pattern", `{ $.errorCode = "CodeError.InvalidApplicationCode" }`)
	for _, e := range answer.Events {
		var r serviceRecord
		if err := json.Unmarshal([]byte(e.Message), &r); err != nil {
			a.t.Fatalf("the record %s: %v", e.Message, err)
		}
		records = append(records, r)
	}
	return records
}

// restarts counts how often Flink has begun the job anew.
func (a application) restarts() float64 {
	a.t.Helper()
	return slices.Max(append(a.datapoints("fullRestarts", "Maximum"), 0))
}

// TestCrashLoops runs jobs whose tasks fail again and again, which Flink restarts again and again: the applications
// stay RUNNING, and the user's exception stands in the log, and in the operation if it came while that was in progress.
func TestCrashLoops(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	s.aws("logs", "create-log-group", "--log-group-name", "loops")
	cases := []struct{ name, jar, status, exception string }{
		{"at-once", "test-failing.jar", "FAILED", "IllegalStateException: the counter does not open\n"},
		{"late", "test-late.jar", "SUCCESSFUL", "IllegalArgumentException: nobody has 201 bones\n"},
	}
	starts := map[string]string{}
	for _, c := range cases {
		a := s.create(c.name, createOptions{jar: jar(c.jar), checkpointInterval: time.Second})
		a.logTo("loops")
		starts[c.name] = a.start()
	}
	for _, c := range cases {
		s.run(c.name, func(t *testing.T) {
			a := application{s, c.name}
			status, reason := a.ended(starts[c.name])
			if status != c.status || status == "FAILED" && !strings.HasPrefix(reason, c.exception) {
				t.Errorf("the start is %s: %q, expected %s", status, reason, c.status)
			}
			s.await("two restarts", 2*time.Minute, func() bool { return a.restarts() >= 2 })
			if status := a.status(); status != "RUNNING" {
				t.Errorf("the application is %s", status)
			}
			a.tells("loops", "java.lang."+c.exception)
		})
	}
	s.guideQueries("loops")
}

// guideQueries asks the log group what the developer guide asks ("Analyze logs with CloudWatch Logs Insights", "Logging
// best practices"), where Flink's lines and the service's records stand side by side.
func (s *server) guideQueries(group string) {
	s.t.Helper()
	for _, query := range []string{
		`fields @timestamp, message | filter message like /Deploying/ | parse message " to flink-taskmanager-*" as @tmid | filter ispresent(@tmid) | stats count(*) by @tmid | sort @timestamp desc | limit 2000`,
		`fields @timestamp, @tmid, @subtask | filter message like /Deploying/ | parse message "Deploying * to flink-taskmanager-*" as @subtask, @tmid | sort @timestamp desc | filter ispresent(@subtask)`,
		`fields @timestamp, @parallelism | filter message like /property: parallelism.default, / | parse message "default, *" as @parallelism | sort @timestamp asc | filter @parallelism = 1`,
		`fields @timestamp, @message | filter @message like /switched from RUNNING to (RESTARTING|FAILED)/ | sort @timestamp desc`,
		`fields @timestamp, @message | filter isPresent(throwableInformation.0) or isPresent(throwableInformation) or @message like /(Error|Exception)/ | sort @timestamp desc`,
		`filter ispresent(logger) and not ispresent(errorCode) | stats count(*)  as n by messageType | filter messageType = "INFO" and n > 0`,
		`filter ispresent(errorCode) and not ispresent(logger) | stats count(*) as n by messageType | filter messageType = "ERROR" and n > 0`,
	} {
		if len(s.insights(group, query)) == 0 {
			s.t.Errorf("%s finds nothing", query)
		}
	}
}

// tells wants a record of the service that begins with the exception.
func (a application) tells(group, exception string) {
	a.t.Helper()
	records := a.errorRecords(group)
	told := slices.IndexFunc(records, func(r serviceRecord) bool { return strings.HasPrefix(r.Message, exception) })
	if told < 0 {
		a.t.Fatalf("no record begins with %q: %+v", exception, records)
	}
	if r := records[told]; !strings.HasSuffix(r.ApplicationARN, ":application/"+a.name) || r.ApplicationVersionID != float64(2) || r.MessageType != "ERROR" {
		a.t.Errorf("the record is %+v", r)
	}
}
