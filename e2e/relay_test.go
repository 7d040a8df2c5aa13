package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestRelay carries records between two streams by Flink's polling consumer, its newer source and its newer sink, each once, with
// the connectors of two versions at the same time. There are no limits of throughput: that source, of the connector 4.2.0, reads a
// shard again as soon as it has an answer, and its job fails when the SDK gives up on ProvisionedThroughputExceededException.
func TestRelay(t *testing.T) {
	t.Parallel()
	const records = 400
	project := filepath.Join(root, "e2e", "relay")
	built := func(pom, name string) string {
		if err := build(project, name, "--file", pom); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(project, "target", name)
	}
	versions := []struct {
		runtime, jar string
		says         []string
	}{
		{"FLINK-1_15", built("flink-1.15.xml", "relay-1.15.jar"), []string{"1.15 consumer"}},
		{"FLINK-1_18", built("pom.xml", "relay.jar"), []string{"1.18 consumer", "1.18 source"}},
	}
	installRuntimes(t, "FLINK-1_15")
	s := serve(t, "--kinesis-limits", "off")
	s.makeRole("app")
	in, out := s.makeStream("in", 2), s.makeStream("out", 2)
	c := s.streams(false)
	var entries []types.PutRecordsRequestEntry
	var wanted []string
	for i := range records {
		key := fmt.Sprintf("line-%03d", i)
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key)})
	}
	if _, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: in.StreamName, Records: entries}); err != nil {
		t.Fatal(err)
	}
	var apps []application
	for _, v := range versions {
		a := s.create("relay-"+v.runtime, createOptions{jar: v.jar, runtime: v.runtime})
		a.start()
		apps = append(apps, a)
		for _, reader := range v.says {
			for i := range records {
				wanted = append(wanted, fmt.Sprintf("%s line-%03d", reader, i))
			}
		}
	}
	for _, a := range apps {
		a.awaitStatus("RUNNING")
	}
	var got []string
	s.await("the records have come through", time.Minute, func() bool {
		got = nil
		for _, shard := range out.Shards {
			part, err := polled(t.Context(), c, out.StreamName, shard.ShardId)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range part {
				version, line, _ := strings.Cut(string(r.Data), " ")
				got = append(got, version[:len("1.15")]+" "+line)
			}
		}
		return len(got) >= len(wanted)
	})
	if slices.Sort(got); !slices.Equal(got, wanted) {
		t.Errorf("%d records came through, expected %d, each once: %v", len(got), len(wanted), got)
	}
	apps[0].aws("kinesisanalyticsv2", "stop-application", "--application-name", apps[0].name, "--force")
	apps[0].awaitStatus("READY") // Flink's REST API is asked where one application runs
	apps[1].hasFlinksFigures(connectorFigure{"bytesRequestedPerFetch", "Bytes", "in", ".bytesRequestedPerFetch", 0})
}
