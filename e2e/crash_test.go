package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// runOrders runs the order processor with frequent checkpoints until it reads all shards.
func runOrders(s *server) (application, *shop) {
	s.t.Helper()
	s.createStreams()
	s.makeRole("app")
	a := s.create("orders", createOptions{
		jar: example + "/target/order-processor-1.0.jar", checkpointInterval: 2 * time.Second,
		groups: map[string]map[string]string{
			"KinesisSource":  {"stream.name": "orders-stream", "aws.region": "us-east-1"},
			"KinesisSink":    {"stream.name": "order-summaries-stream", "aws.region": "us-east-1"},
			"OrderProcessor": {"window.seconds": "5"},
		},
	})
	a.run()
	p := s.openShop("orders-stream", "order-summaries-stream", 7)
	p.awaitConsumption()
	return a, p
}

// flinkProcesses finds the JVMs of a role by their main class.
func flinkProcesses(s *server, class string) []int {
	var found []int
	for _, pid := range processes(s.data + "/") {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(line, []byte(class)) && !bytes.HasPrefix(line, []byte("bwrap")) && !bytes.Contains(line, []byte("/bwrap\x00")) {
			found = append(found, pid)
		}
	}
	return found
}

const (
	jobManager  = "StandaloneSessionClusterEntrypoint"
	taskManager = "TaskManagerRunner"
)

// kill9 ends a JVM as the kernel would.
func kill9(t *testing.T, pids []int) {
	t.Helper()
	if len(pids) == 0 {
		t.Fatal("there is no process to kill")
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKilledServerAdoptsTheJob(t *testing.T) {
	s := serve(t)
	a, p := runOrders(s)
	p.send(1000)
	jvms := append(flinkProcesses(s, jobManager), flinkProcesses(s, taskManager)...)
	slices.Sort(jvms)
	uptime := slices.Max(append(a.datapoints("uptime", "Maximum"), 0))

	s.kill()
	elsewhere, err := s.sh(fmt.Sprintf("timeout 20 %s serve --data-dir %s --listen %s --app-address %s 2>&1 || true", program, s.data, unusedAddress(t), s.private))
	if err != nil || !strings.Contains(elsewhere, "start with --listen "+s.listen) {
		t.Errorf("a server that its applications would not find says %q", elsewhere)
	}
	s.boot()

	if status := a.status(); status != "RUNNING" {
		t.Errorf("after the crash of the server the application is %s", status)
	}
	p.send(500)
	p.awaitTotals()
	if totals := p.totals(); !maps.Equal(totals, p.expected) {
		t.Errorf("the totals are %v, the orders come to %v", totals, p.expected)
	}
	now := append(flinkProcesses(s, jobManager), flinkProcesses(s, taskManager)...)
	slices.Sort(now)
	if !slices.Equal(jvms, now) {
		t.Errorf("the JVMs were %v and are %v: the job did not go on", jvms, now)
	}
	a.server.await("uptime goes on", 2*time.Minute, func() bool { return slices.Max(append(a.datapoints("uptime", "Maximum"), 0)) > uptime })
	s.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name)
	a.awaitStatus("READY")
}

// TestAcknowledgedSurvivesKill crashes the server between writes; everything that it said yes to must be there afterwards.
func TestAcknowledgedSurvivesKill(t *testing.T) {
	s := serve(t)
	s.makeRole("app")
	s.aws("s3", "mb", "s3://kept")
	s.aws("kinesis", "create-stream", "--stream-name", "kept", "--shard-count", "1")
	s.aws("kinesis", "wait", "stream-exists", "--stream-name", "kept")
	body := s.writeFile("object", bytes.Repeat([]byte("0123456789abcdef"), 1<<16))

	acknowledged := map[string]string{} // sequence number -> data
	for round := range 3 {
		p := s.openShop("kept", "", 0)
		for i := range 50 {
			data := fmt.Sprintf("record %d of round %d", i, round)
			out, err := p.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &p.orders, PartitionKey: &data, Data: []byte(data)})
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[*out.SequenceNumber] = data
		}
		key := fmt.Sprintf("s3://kept/object-%d", round)
		s.aws("s3", "cp", body, key)
		s.create(fmt.Sprintf("app-%d", round), createOptions{jar: jar("test-steady.jar")})
		s.kill()
		s.boot()
		if got := s.aws("s3", "cp", key, "-"); len(got) != 1<<20 {
			t.Errorf("%s has %d bytes after the crash", key, len(got))
		}
	}
	if n := s.aws("kinesisanalyticsv2", "list-applications", "--query", "length(ApplicationSummaries)"); n != "3" {
		t.Errorf("%s applications are left of 3", n)
	}
	if read := readShard(t, s.openShop("kept", "", 0).client, "kept"); !maps.Equal(read, acknowledged) {
		t.Errorf("%d records were acknowledged, %d are there", len(acknowledged), len(read))
	}
}

// readShard reads a stream of one shard up to its tip.
func readShard(t *testing.T, client *kinesis.Client, stream string) map[string]string {
	t.Helper()
	shard := "shardId-000000000000"
	it, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]string{}
	for next := it.ShardIterator; ; {
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Records {
			read[*r.SequenceNumber] = string(r.Data)
		}
		if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
			return read
		}
		next = out.NextShardIterator
	}
}

func TestKilledFlinkRecovers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	a, p := runOrders(s)
	for _, role := range []struct{ name, class string }{{"TaskManager", taskManager}, {"JobManager", jobManager}} {
		s.run(role.name, func(t *testing.T) {
			p.send(1000)
			p.awaitTotals()
			began := time.Now()
			before := flinkProcesses(s, role.class)
			kill9(t, before)
			p.send(500) // the TaskManagers that are left may still count these, and count them again after the recovery
			s.await("another "+role.name, 2*time.Minute, func() bool {
				after := flinkProcesses(s, role.class)
				return len(after) == len(before) && !slices.Equal(before, after)
			})
			if status := a.status(); status != "RUNNING" {
				t.Errorf("the application is %s", status)
			}
			s.await("metrics show the recovery", 2*time.Minute, func() bool { return restartSeen(a, began) })
			p.send(500)
			p.awaitTotals()
			if totals := p.totals(); !maps.Equal(totals, p.expected) {
				t.Errorf("after the recovery the totals are %v, the orders come to %v", totals, p.expected)
			}
		})
	}
	s.await("the job takes a snapshot and stops", time.Minute, func() bool {
		_, err := s.tryAWS("kinesisanalyticsv2", "stop-application", "--application-name", a.name)
		return err == nil // while the job is restarted it is refused, with the advice to retry
	})
	a.awaitStatus("READY")
}

// restartSeen wants a positive downtime, or a restart counted, after a moment.
func restartSeen(a application, since time.Time) bool {
	var answer struct{ Datapoints []struct{ Maximum float64 } }
	for _, metric := range []string{"downtime", "fullRestarts"} {
		a.awsJSON(&answer, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/KinesisAnalytics", "--metric-name", metric,
			"--dimensions", "Name=Application,Value="+a.name, "--start-time", since.Truncate(time.Minute).UTC().Format(time.RFC3339),
			"--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339), "--period", "60", "--statistics", "Maximum")
		for _, p := range answer.Datapoints {
			if p.Maximum > 0 {
				return true
			}
		}
	}
	return false
}

func TestTakenAddressIsNamed(t *testing.T) {
	s := serve(t)
	_, port, _ := strings.Cut(s.listen, ":")
	out, err := s.sh(fmt.Sprintf("%s serve --data-dir %s --listen 127.0.0.1:%s --app-address %s 2>&1 || true", program, t.TempDir(), port, s.private))
	if err != nil || !strings.Contains(out, s.listen) {
		t.Errorf("a second server on %s says %q", s.listen, out)
	}
}
