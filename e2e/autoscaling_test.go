package e2e

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// parallelism gives what is configured and what the job has.
func (a application) parallelism() (configured, current int) {
	a.t.Helper()
	var answer struct {
		ApplicationDetail struct {
			ApplicationConfigurationDescription struct {
				FlinkApplicationConfigurationDescription struct {
					ParallelismConfigurationDescription struct{ Parallelism, CurrentParallelism int }
				}
			}
		}
	}
	a.awsJSON(&answer, "kinesisanalyticsv2", "describe-application", "--application-name", a.name)
	p := answer.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription
	return p.Parallelism, p.CurrentParallelism
}

// TestAutoScaling lets an application scale up under load and down after it, with AWS's rule on datapoints of two seconds and low
// thresholds: how much of a core a KPU gets is the machine's business. Each order counts once.
func TestAutoScaling(t *testing.T) {
	s := serve(t, "--scaling-rule", "2s,30:4,25:5", "--kinesis-limits", "off")
	a, p := runOrders(s)
	s.aws("kinesisanalyticsv2", "tag-resource", "--resource-arn", "arn:aws:kinesisanalytics:us-east-1:123456789012:application/"+a.name,
		"--tags", "Key=drey:scaling-max,Value=2")
	seen := map[string]bool{}
	scaled := func(want int) func() bool {
		return func() bool {
			seen[a.status()] = true
			_, current := a.parallelism()
			return current == want
		}
	}
	end := time.Now().Add(3 * time.Minute)
	for up := scaled(2); !up(); {
		p.send(40_000)
		if time.Now().After(end) {
			t.Fatalf("it does not scale up under load: containerCPUUtilization is %v", a.datapoints("containerCPUUtilization", "Maximum"))
		}
	}
	a.awaitStatus("RUNNING")
	if configured, current := a.parallelism(); configured != 1 || current != 2 {
		t.Errorf("configured is %d, current %d", configured, current)
	}
	if n := len(flinkProcesses(s, taskManager)); n != 2 {
		t.Errorf("%d TaskManagers", n)
	}
	s.await("it scales down again", 3*time.Minute, scaled(1))
	a.awaitStatus("RUNNING")
	if !seen["AUTOSCALING"] || a.version() != "1" {
		t.Errorf("the states were %v, the version is %s", seen, a.version())
	}
	p.awaitTotals()
	if totals := p.totals(); !maps.Equal(totals, p.expected) {
		t.Errorf("the totals are %v, the orders come to %v", totals, p.expected)
	}
	operations := a.aws("kinesisanalyticsv2", "list-application-operations", "--application-name", a.name, "--query", "ApplicationOperationInfoList[].[Operation,OperationStatus]", "--output", "text")
	if n := strings.Count(operations, "AutoScaling\t"); n < 2 || strings.Contains(operations, "FAILED") {
		t.Errorf("the operations are\n%s", operations)
	}
	s.await("one TaskManager is left", time.Minute, func() bool { return len(flinkProcesses(s, taskManager)) == 1 })
}
