package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// update brings the code of a jar and whatever else stands in the JSON of an ApplicationConfigurationUpdate, with more
// arguments of the AWS CLI.
func (a application) update(jar string, more map[string]any, args ...string) (answer string) {
	a.t.Helper()
	u := map[string]any{"ApplicationCodeConfigurationUpdate": map[string]any{"CodeContentUpdate": map[string]any{
		"S3ContentLocationUpdate": map[string]any{"FileKeyUpdate": a.upload(jar)}}}}
	for name, section := range more {
		u[name] = section
	}
	body, err := json.Marshal(u)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.aws(append([]string{"kinesisanalyticsv2", "update-application", "--application-name", a.name, "--current-application-version-id", a.version(),
		"--application-configuration-update", string(body)}, args...)...)
}

var counted = regexp.MustCompile(`"message":"counted (\d+)".*"timestamp":(\d+)|"timestamp":(\d+).*"message":"counted (\d+)"`)

// counts gives the lowest and the highest number that the application's counter has logged since a moment.
func (a application) counts(since time.Time) (lowest, highest int) {
	a.t.Helper()
	files, err := filepath.Glob(filepath.Join(a.data, "clusters", "*", "log", "*.json*"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, f := range files {
		body, _ := os.ReadFile(f) // may have gone with its cluster
		for _, m := range counted.FindAllStringSubmatch(string(body), -1) {
			n, _ := strconv.Atoi(m[1] + m[4])            // digits
			ms, _ := strconv.ParseInt(m[2]+m[3], 10, 64) // digits
			if time.UnixMilli(ms).Before(since) {
				continue
			}
			if lowest == 0 || n < lowest {
				lowest = n
			}
			highest = max(highest, n)
		}
	}
	return lowest, highest
}

// slack is what the counter may count twice: what came after the checkpoint that a job goes on from.
const slack = 60

// goesOn waits until the counter has passed n since a moment, and sees that it did not begin anew.
func (a application) goesOn(n int, since time.Time) (reached int) {
	a.t.Helper()
	lowest := 0
	a.await("a count above "+strconv.Itoa(n), time.Minute, func() bool {
		lowest, reached = a.counts(since)
		return reached > n
	})
	if lowest < n-slack {
		a.t.Errorf("the counter stood at %d and went on from %d", n, lowest)
	}
	return reached
}

// TestVersions breaks an application in every way that an update can, and finds it counting on from where it was.
func TestVersions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	a := s.create("counting", createOptions{jar: jar("test-counting.jar"), checkpointInterval: time.Second})
	a.run()
	n := 2 * slack
	a.await("some counting", time.Minute, func() bool { _, highest := a.counts(time.Time{}); return highest > n })

	s.run("an update that would lose state leaves the job alone", func(t *testing.T) {
		began := time.Now()
		status, reason := a.ended(a.operationOf(a.update(jar("test-renamed.jar"), nil)))
		if status != "FAILED" || !strings.Contains(reason, `no place for the state of "Counter" (uid counter)`) {
			t.Errorf("the update is %s: %s", status, reason)
		}
		if a.status() != "RUNNING" || a.version() != "1" {
			t.Errorf("the application is %s in version %s", a.status(), a.version())
		}
		n = a.goesOn(n, began)
	})
	s.run("so does one whose main() fails", func(t *testing.T) {
		began := time.Now()
		if status, reason := a.ended(a.operationOf(a.update(jar("test-broken.jar"), nil))); status != "FAILED" || !strings.Contains(reason, "no such table") {
			t.Errorf("the update is %s: %s", status, reason)
		}
		n = a.goesOn(n, began)
	})
	s.run("a version whose tasks fail is rolled back", func(t *testing.T) {
		began := time.Now()
		failed := a.operationOf(a.update(jar("test-failing.jar"), map[string]any{"ApplicationSystemRollbackConfigurationUpdate": map[string]any{"RollbackEnabledUpdate": true}}))
		if status, reason := a.ended(failed); status != "FAILED" || !strings.Contains(reason, "the counter does not open") {
			t.Errorf("the update is %s: %s", status, reason)
		}
		undone := a.aws("kinesisanalyticsv2", "describe-application-operation", "--application-name", a.name, "--operation-id", failed,
			"--query", "ApplicationOperationInfoDetails.OperationFailureDetails.RollbackOperationId", "--output", "text")
		if status, reason := a.ended(undone); status != "SUCCESSFUL" {
			t.Errorf("the rollback is %s: %s", status, reason)
		}
		if a.status() != "RUNNING" || a.version() != "5" { // 2 and 3 were refused
			t.Errorf("the application is %s in version %s", a.status(), a.version())
		}
		n = a.goesOn(n, began)
	})
	s.run("a job that is down is updated from the newest state that it has", func(t *testing.T) {
		began := time.Now()
		status, reason := a.ended(a.operationOf(a.update(jar("test-failing.jar"), nil)))
		if status != "FAILED" || a.status() != "RUNNING" {
			t.Errorf("the update is %s (%s), the application %s", status, reason, a.status())
		}
		if status, reason := a.ended(a.operationOf(a.update(jar("test-counting.jar"), nil))); status != "SUCCESSFUL" {
			t.Errorf("the repair is %s: %s", status, reason)
		}
		n = a.goesOn(n, began)
	})
	s.run("RollbackApplication", func(t *testing.T) {
		a.aws("kinesisanalyticsv2", "create-application-snapshot", "--application-name", a.name, "--snapshot-name", "mine")
		a.await("the snapshot", time.Minute, func() bool {
			return a.aws("kinesisanalyticsv2", "describe-application-snapshot", "--application-name", a.name, "--snapshot-name", "mine",
				"--query", "SnapshotDetails.SnapshotStatus", "--output", "text") == "READY"
		})
		before, began := a.version(), time.Now()
		status, reason := a.ended(a.operationOf(a.aws("kinesisanalyticsv2", "rollback-application", "--application-name", a.name, "--current-application-version-id", before)))
		if status != "SUCCESSFUL" {
			t.Errorf("the rollback is %s: %s", status, reason)
		}
		from := a.aws("kinesisanalyticsv2", "describe-application", "--application-name", a.name, "--query", "ApplicationDetail.ApplicationVersionRolledBackFrom")
		if from != before {
			t.Errorf("rolled back from %s, expected %s", from, before)
		}
		_ = a.goesOn(n, began)
	})
}
