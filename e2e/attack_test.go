package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// memory is the resident memory of the server in MiB.
func (s *server) memory() int {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	kib := 0
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		s.t.Fatal(err)
	}
	return kib >> 10
}

// TestSubscribersThatDoNotRead must neither fill the server's memory nor hold up one that reads.
func TestSubscribersThatDoNotRead(t *testing.T) {
	const records, stuck = 320, 10 // of 1 MiB
	s := serve(t, "--kinesis-limits", "off")
	stream := s.makeStream("orders", 1)
	shard := stream.Shards[0].ShardId
	for i := range stuck {
		events, err := subscription(t.Context(), s.streams(i%2 == 0), s.consumer(stream, fmt.Sprintf("stuck-%d", i)), shard)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { events.Close() })
	}
	reading := s.consumer(stream, "reading")
	c := s.streams(false)
	got := make(chan error, 1)
	go func() {
		all, err := pushed(t.Context(), s.streams(true), reading, shard, records)
		for i, r := range all {
			if err == nil && r.Data[0] != byte(i) {
				err = fmt.Errorf("record %d is %d", i, r.Data[0])
			}
		}
		got <- err
	}()
	before := s.memory()
	data := make([]byte, 1<<20-1)
	for i := range records {
		data[0] = byte(i)
		if _, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: stream.StreamName, PartitionKey: aws.String("k"), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("those who do not read hold up the one who does")
	}
	after := s.memory()
	t.Logf("%d MiB before, %d MiB after", before, after)
	if after-before > records {
		t.Errorf("the server has grown from %d MiB to %d MiB: it keeps what is not read", before, after)
	}
}

// TestThousandIdleConnections must cost little, and leave room for one that works.
func TestThousandIdleConnections(t *testing.T) {
	const idle = 1000
	s := serve(t)
	stream := s.makeStream("orders", 1)
	before := s.memory()
	for range idle {
		conn, err := net.Dial("tcp", s.listen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprint(conn, "GET /_drey/health HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 512)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if _, err := s.streams(false).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: stream.StreamName, PartitionKey: aws.String("k"), Data: []byte("d")}); err != nil {
		t.Fatal(err)
	}
	after := s.memory()
	t.Logf("%d MiB before, %d MiB after; a put takes %v", before, after, time.Since(began))
	if after-before > 64 {
		t.Errorf("%d idle connections take %d MiB", idle, after-before)
	}
}
