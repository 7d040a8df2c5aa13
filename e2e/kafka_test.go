package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// broker is a single node of Apache Kafka in KRaft mode, on loopback.
type broker struct {
	*server
	address string
	jars    string
}

// startBroker fetches Kafka with Maven, once, and starts it until the test ends.
func (s *server) startBroker() *broker {
	s.t.Helper()
	project := filepath.Join(root, "e2e", "kafka")
	b := &broker{server: s, address: unusedAddress(s.t), jars: filepath.Join(project, "target", "broker", "*")}
	err := build(project, "kafkajob.jar")
	if libraries := filepath.Dir(b.jars); err == nil {
		if _, missing := os.Stat(libraries); missing != nil {
			err = command(project, "mvn", "--quiet", "--batch-mode", "-f", "broker.xml", "dependency:copy-dependencies", "-DoutputDirectory="+libraries)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	controller := unusedAddress(s.t)
	config := s.writeFile("server.properties", fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[1]s
listeners=PLAINTEXT://%[2]s,CONTROLLER://%[1]s
advertised.listeners=PLAINTEXT://%[2]s
controller.listener.names=CONTROLLER
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`, controller, b.address, s.t.TempDir()))
	b.tool("", "kafka.tools.StorageTool", "format", "-t", "drey-test-cluster-id-22", "-c", config)
	node := exec.Command("java", "-Xmx256m", "-cp", b.jars, "kafka.Kafka", config)
	if err := node.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = node.Process.Signal(syscall.SIGKILL) // gone already if this fails
		_ = node.Wait()                          // killed
	})
	s.await("the broker listens", time.Minute, func() bool {
		c, err := net.Dial("tcp", b.address)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return b
}

// tool runs one of Kafka's own programs and gives what it prints.
func (b *broker) tool(input, class string, args ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "java", append([]string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", b.jars, class}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s%s", class, err, out, stderr.String())
	}
	return string(out)
}

func (b *broker) send(lines []string) {
	b.t.Helper()
	b.tool(strings.Join(lines, "\n")+"\n", "kafka.tools.ConsoleProducer", "--bootstrap-server", b.address, "--topic", "in")
}

// committed reads n committed lines of the topic "out", or as many as come within 20 seconds.
func (b *broker) committed(n int) []string {
	b.t.Helper()
	lines := strings.Fields(b.tool("", "kafka.tools.ConsoleConsumer", "--bootstrap-server", b.address, "--topic", "out", "--from-beginning",
		"--isolation-level", "read_committed", "--max-messages", fmt.Sprint(n), "--timeout-ms", "20000"))
	slices.Sort(lines)
	return lines
}

// TestKafka carries lines between two topics of a real broker, each once, over a stop and a start.
func TestKafka(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.makeRole("app")
	b := s.startBroker()
	line := func(word string, i int) string { return fmt.Sprintf("%s-%03d", word, i) }
	var sent, wanted []string
	send := func(from, to int) {
		for i := from; i < to; i++ {
			sent, wanted = append(sent, line("line", i)), append(wanted, line("LINE", i))
		}
		b.send(sent[from:])
	}
	send(0, 100)
	a := s.create("upper", createOptions{
		jar: filepath.Join(root, "e2e", "kafka", "target", "kafkajob.jar"), checkpointInterval: time.Second,
		groups: map[string]map[string]string{"kafka": {"brokers": b.address}},
	})
	a.run()
	if got := b.committed(100); !slices.Equal(got, wanted) {
		t.Fatalf("%d lines, expected 100: %v", len(got), got)
	}
	if status, reason := a.ended(a.operationOf(s.aws("kinesisanalyticsv2", "stop-application", "--application-name", a.name))); status != "SUCCESSFUL" {
		t.Fatalf("the stop is %s: %s", status, reason)
	}
	send(100, 200)
	a.run()
	if got := b.committed(200); !slices.Equal(got, wanted) {
		t.Errorf("%d lines, expected 200, each once: %v", len(got), got)
	}
	const reader, partition = ".KafkaSourceReader.", "topic.in.partition.0."
	a.hasFlinksFigures(
		connectorFigure{"currentoffsets", "None", "in", reader + partition + "currentOffset", 0},
		connectorFigure{"committedoffsets", "None", "in", reader + partition + "committedOffset", 0},
		connectorFigure{"commitsSucceeded", "Count", "", reader + "commitsSucceeded", 60}, // one for each checkpoint
		connectorFigure{"commitsFailed", "Count", "", reader + "commitsFailed", 0},
		connectorFigure{"records_lag_max", "Count", "", reader + "KafkaConsumer.records-lag-max", 0},
		connectorFigure{"bytes_consumed_rate", "Bytes", "", reader + "KafkaConsumer.bytes-consumed-rate", 100},
	)
}
