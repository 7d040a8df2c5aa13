package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// flink asks the JobManager of the one application of a server.
func (s *server) flink(path string, into any) {
	s.t.Helper()
	plans, _ := filepath.Glob(filepath.Join(s.data, "clusters", "*", "cluster.json"))
	if len(plans) != 1 {
		s.t.Fatalf("%d clusters", len(plans))
	}
	var plan struct{ RESTPort int }
	raw, err := os.ReadFile(plans[0])
	if err == nil {
		err = json.Unmarshal(raw, &plan)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", plan.RESTPort, path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		s.t.Fatal(err)
	}
}

// checkpointing asks Flink for the interval of the running job's checkpoints, in milliseconds; the greatest number = it makes
// none.
func (s *server) checkpointing() (interval int64) {
	s.t.Helper()
	var overview struct {
		Jobs []struct{ ID, Status string }
	}
	s.flink("/jobs", &overview)
	for _, job := range overview.Jobs {
		if job.Status == "RUNNING" {
			var config struct{ Interval int64 }
			s.flink("/jobs/"+job.ID+"/checkpoints/config", &config)
			return config.Interval
		}
	}
	s.t.Fatal("no job runs")
	return 0
}

// TestConfigurationWins runs a program that asks for a checkpoint each hour, and changes checkpoints and the log level of the
// running application.
func TestConfigurationWins(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	a := s.create("stubborn", createOptions{jar: jar("test-stubborn.jar"), checkpointInterval: 1500 * time.Millisecond})
	a.aws("logs", "create-log-group", "--log-group-name", "stubborn")
	a.logTo("stubborn")
	a.run()
	if got := s.checkpointing(); got != 1500 {
		t.Errorf("CUSTOM: a checkpoint each %d ms", got)
	}
	for _, c := range []struct {
		name, section string
		interval      int64
	}{
		{"disabled", `"CheckpointingEnabledUpdate":false`, math.MaxInt64},
		{"DEFAULT", `"ConfigurationTypeUpdate":"DEFAULT"`, 60_000},
	} {
		a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
			"--application-configuration-update", `{"FlinkApplicationConfigurationUpdate":{"CheckpointConfigurationUpdate":{`+c.section+`}}}`)))
		if got := s.checkpointing(); got != c.interval {
			t.Errorf("%s: a checkpoint each %d ms", c.name, got)
		}
	}

	debug := func() bool {
		var answer struct{ Events []struct{ Message string } }
		a.awsJSON(&answer, "logs", "filter-log-events", "--log-group-name", "stubborn", "--log-stream-names", a.name, "--filter-pattern", `{ $.messageType = "DEBUG" }`, "--max-items", "1")
		return len(answer.Events) > 0
	}
	if debug() {
		t.Error("there are lines of the level DEBUG before it is set")
	}
	a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--application-configuration-update", `{"FlinkApplicationConfigurationUpdate":{"MonitoringConfigurationUpdate":{"ConfigurationTypeUpdate":"CUSTOM","LogLevelUpdate":"DEBUG"}}}`)))
	a.await("lines of the level DEBUG in the log stream", time.Minute, debug)

	byTask := func() bool {
		var answer struct {
			Metrics []struct{ Dimensions []struct{ Name string } }
		}
		a.awsJSON(&answer, "cloudwatch", "list-metrics", "--namespace", "AWS/KinesisAnalytics", "--dimensions", "Name=Application,Value="+a.name, "Name=Task")
		return len(answer.Metrics) > 0
	}
	a.await("metrics of the application", time.Minute, func() bool { return len(a.datapoints("uptime", "Maximum")) > 0 })
	if byTask() {
		t.Error("there are metrics of tasks at the level APPLICATION")
	}
	a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--application-configuration-update", `{"FlinkApplicationConfigurationUpdate":{"MonitoringConfigurationUpdate":{"MetricsLevelUpdate":"TASK"}}}`)))
	a.await("metrics of tasks", 2*time.Minute, byTask)
}
