package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestRelay carries records between two streams by Flink's polling consumer and its newer sink, each once.
func TestRelay(t *testing.T) {
	const records = 400
	made := filepath.Join(root, "e2e", "relay", "target", "relay.jar")
	if _, err := os.Stat(made); err != nil {
		if err := command(filepath.Join(root, "e2e", "relay"), "mvn", "--quiet", "--batch-mode", "package"); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t)
	s.makeRole("app")
	in, out := s.makeStream("in", 2), s.makeStream("out", 2)
	c := s.streams(false)
	var entries []types.PutRecordsRequestEntry
	var wanted []string
	for i := range records {
		key := fmt.Sprintf("line-%03d", i)
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key)})
		wanted = append(wanted, fmt.Sprintf("LINE-%03d", i))
	}
	if _, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: in.StreamName, Records: entries}); err != nil {
		t.Fatal(err)
	}
	s.create("relay", createOptions{jar: made}).run()
	var got []string
	s.await("the records have come through", time.Minute, func() bool {
		got = nil
		for _, shard := range out.Shards {
			part, err := polled(t.Context(), c, out.StreamName, shard.ShardId)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range part {
				got = append(got, string(r.Data))
			}
		}
		return len(got) >= records
	})
	if slices.Sort(got); !slices.Equal(got, wanted) {
		t.Errorf("%d records came through, expected %d, each once: %v", len(got), records, got)
	}
}
