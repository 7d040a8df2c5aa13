package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGuide follows the guide to Amazon Managed Service for Apache Flink in the order of its sections, with the commands
// that it gives.
func TestGuide(t *testing.T) {
	s := serve(t)
	g := &guide{server: s, application: application{s, "order-processor"}}
	for _, section := range []struct {
		title string
		play  func(*testing.T)
	}{
		{"creating a Flink application", g.uploadCode},
		{"creating the managed Flink application", g.create},
		{"the role for the application", g.denyThenAllow},
		{"starting the application", g.process},
		{"updating the application", g.update},
		{"monitoring", g.monitor},
		{"stopping and deleting", g.delete},
	} {
		if !g.run(section.title, section.play) {
			break
		}
	}
}

type guide struct {
	*server
	application application
	shop        *shop
	began       time.Time
}

func (g *guide) uploadCode(t *testing.T) {
	g.server.guide("01-bucket.sh")
	jar, err := os.Stat(example + "/target/order-processor-1.0.jar")
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		ContentLength int64
		ETag          string
	}
	g.awsJSON(&head, "s3api", "head-object", "--bucket", "my-flink-apps", "--key", "order-processor-1.0.jar")
	if head.ContentLength != jar.Size() || !strings.Contains(head.ETag, "-") {
		t.Errorf("got %d bytes and the ETag %s, expected %d bytes in parts", head.ContentLength, head.ETag, jar.Size())
	}
	g.createStreams()
}

func (g *guide) create(t *testing.T) {
	g.server.guide("03-role.sh")
	g.server.guide("04-create.sh")
	g.server.guide("05-logging.sh")
	if status := g.application.status(); status != "READY" {
		t.Errorf("a new application is %s, expected READY", status)
	}
	var d struct {
		ApplicationDetail struct {
			ApplicationConfigurationDescription struct {
				FlinkApplicationConfigurationDescription struct {
					ParallelismConfigurationDescription struct{ Parallelism, ParallelismPerKPU, CurrentParallelism int }
					CheckpointConfigurationDescription  struct{ CheckpointInterval, MinPauseBetweenCheckpoints int }
				}
			}
		}
	}
	g.awsJSON(&d, "kinesisanalyticsv2", "describe-application", "--application-name", "order-processor")
	f := d.ApplicationDetail.ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription
	if p := f.ParallelismConfigurationDescription; p.Parallelism != 4 || p.ParallelismPerKPU != 1 || p.CurrentParallelism != 4 {
		t.Errorf("parallelism reads back as %+v", p)
	}
	if c := f.CheckpointConfigurationDescription; c.CheckpointInterval != 60000 || c.MinPauseBetweenCheckpoints != 30000 {
		t.Errorf("checkpoints read back as %+v", c)
	}
}

// denyThenAllow starts with the guide's policy, which lacks two actions of the enhanced fan-out consumer.
func (g *guide) denyThenAllow(t *testing.T) {
	g.began = time.Now()
	const denied = "kinesis:DescribeStreamSummary"
	status, message := g.application.ended(g.application.operationOf(g.server.guide("06-start.sh")))
	allowing := `{"Effect":"Allow","Action":"` + denied + `","Resource":"arn:aws:kinesis:us-east-1:123456789012:stream/orders-stream"}`
	if status != "FAILED" || !strings.Contains(message, allowing) {
		t.Errorf("the start is %s with %q, expected FAILED with %s", status, message, allowing)
	}
	log, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), denied) || !strings.Contains(string(log), "FlinkApplicationRole") {
		t.Errorf("the server's log does not name the denied action and the role")
	}
	g.await("the application's log shows the denial", time.Minute, func() bool {
		return strings.Contains(g.aws("logs", "filter-log-events", "--log-group-name", "/aws/kinesis-analytics/order-processor",
			"--filter-pattern", "DescribeStreamSummary", "--query", "events[].message", "--output", "text"), denied)
	})
	g.server.guide("08-allow.sh")
	g.shop = g.openShop("orders-stream", "order-summaries-stream", 1912)
	g.shop.awaitConsumption()
	if status := g.application.status(); status != "RUNNING" {
		t.Errorf("the application is %s, expected RUNNING", status)
	}
}

func (g *guide) process(t *testing.T) {
	g.shop.send(3000)
	g.shop.awaitTotals()
	g.checkTotals(t)
	for _, s := range g.shop.received {
		if s.Version != "1.0" || s.BestWindow == "" || s.Average != "" {
			t.Fatalf("1.0 summarised %+v", s)
		}
	}
}

// checkTotals compares windows and running totals to the input, to the cent.
func (g *guide) checkTotals(t *testing.T) {
	t.Helper()
	if windows := g.shop.windows(); !maps.Equal(windows, g.shop.expected) {
		t.Errorf("the windows come to %v, the orders to %v", windows, g.shop.expected)
	}
	if totals := g.shop.totals(); !maps.Equal(totals, g.shop.expected) {
		t.Errorf("the running totals are %v, the orders come to %v", totals, g.shop.expected)
	}
}

func (g *guide) update(t *testing.T) {
	before := len(g.shop.received)
	if status, message := g.application.ended(g.application.operationOf(g.server.guide("09-update.sh"))); status != "SUCCESSFUL" {
		t.Fatalf("the update is %s: %s", status, message)
	}
	g.shop.send(2000)
	g.shop.awaitTotals()
	g.checkTotals(t)
	for _, s := range g.shop.received[before:] {
		if !strings.HasPrefix(s.Region, probe) && (s.Version != "2.0" || s.Average == "" || s.BestWindow != "") {
			t.Errorf("2.0 summarised %+v", s)
		}
	}
	var snapshots struct {
		SnapshotSummaries []struct {
			SnapshotStatus       string
			ApplicationVersionId int
		}
	}
	g.awsJSON(&snapshots, "kinesisanalyticsv2", "list-application-snapshots", "--application-name", "order-processor")
	if len(snapshots.SnapshotSummaries) != 1 || snapshots.SnapshotSummaries[0].SnapshotStatus != "READY" {
		t.Errorf("the update left the snapshots %+v", snapshots)
	}
}

// monitor wants datapoints that are true: what they say is compared to what happened.
func (g *guide) monitor(t *testing.T) {
	a := g.application
	g.await("a checkpoint and its metrics", 2*time.Minute, func() bool { return len(positive(a.datapoints("lastCheckpointDuration", "Maximum"))) > 0 })
	elapsed := float64(time.Since(g.began).Milliseconds())
	if up := a.datapoints("uptime", "Maximum"); len(up) == 0 || slices.Max(up) <= 0 || slices.Max(up) > elapsed {
		t.Errorf("uptime is %v ms, %v ms after the start", up, elapsed)
	}
	// The job was down while it was denied, and up afterwards.
	if down := a.datapoints("downtime", "Maximum"); len(down) == 0 || slices.Max(down) > elapsed {
		t.Errorf("downtime is at most %v", down)
	}
	if down := a.datapoints("downtime", "Minimum"); len(down) == 0 || slices.Min(down) != 0 {
		t.Errorf("downtime is at least %v, expected 0 while the job runs", down)
	}
	if restarts := a.datapoints("fullRestarts", "Maximum"); len(restarts) == 0 || slices.Max(restarts) < 1 {
		t.Errorf("fullRestarts is %v, but the job was restarted after its denial", restarts)
	}
	if size := a.datapoints("lastCheckpointSize", "Maximum"); len(positive(size)) == 0 {
		t.Errorf("lastCheckpointSize is %v", size)
	}
	if kpus := a.datapoints("KPUs", "Maximum"); len(kpus) == 0 || slices.Max(kpus) != 5 {
		t.Errorf("KPUs are %v, expected 4 and that of the orchestration", kpus)
	}
	for _, metric := range []string{"numberOfFailedCheckpoints", "numRecordsIn", "numRecordsOut", "heapMemoryUtilization", "cpuUtilization"} {
		if len(a.datapoints(metric, "Average")) == 0 {
			t.Errorf("%s has no datapoints", metric)
		}
	}
	if len(a.datapoints("millisBehindLatest", "Maximum", "Name=Id,Value=orders-stream", "Name=Flow,Value=Input")) == 0 {
		t.Error("millisBehindLatest has no datapoints")
	}
	if out := g.server.guide("10-metrics.sh"); !strings.Contains(out, `"Label": "downtime"`) || !strings.Contains(out, "Maximum") {
		t.Errorf("the guide's command answers %s", out)
	}
	if out := g.server.guide("11-logs.sh"); !strings.Contains(out, "applicationARN") || !strings.Contains(out, "RUNNING") {
		t.Errorf("the log shows no line of the job: %.300s", out)
	}
}

func positive(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v <= 0 })
}

func (g *guide) delete(t *testing.T) {
	a := g.application
	g.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name)
	a.awaitStatus("READY")
	created := g.aws("kinesisanalyticsv2", "describe-application", "--application-name", a.name, "--query", "ApplicationDetail.CreateTimestamp", "--output", "text")
	g.aws("kinesisanalyticsv2", "delete-application", "--application-name", a.name, "--create-timestamp", created)
	g.await("the application is gone", time.Minute, func() bool {
		return g.aws("kinesisanalyticsv2", "list-applications", "--query", "length(ApplicationSummaries)") == "0"
	})
	if pids := processes(g.data + "/"); len(pids) != 0 {
		t.Errorf("the processes %v of the deleted application are left", pids)
	}
}
