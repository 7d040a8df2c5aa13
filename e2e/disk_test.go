package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// TestFullDisk lets the disk run full during an upload and during puts to a stream: both are refused, nothing that was
// acknowledged is lost, and when there is room again all goes on.
func TestFullDisk(t *testing.T) {
	s := prepareServer(t, "--kinesis-limits", "off")
	mountSmallDisk(t, s.data)
	s.shareRuntimes()
	s.boot()
	s.aws("s3", "mb", "s3://full")
	s.aws("kinesis", "create-stream", "--stream-name", "full", "--shard-count", "1")
	s.aws("kinesis", "wait", "stream-exists", "--stream-name", "full")
	big := s.writeFile("big", bytes.Repeat([]byte("x"), 16<<20))
	ballast := fill(t, s.data, 8<<20)

	s.refused("SlowDown", []string{"disk is full"}, "s3api", "put-object", "--bucket", "full", "--key", "big", "--body", big)
	if n := s.aws("s3api", "list-objects-v2", "--bucket", "full", "--query", "KeyCount"); n != "0" && n != "null" {
		t.Errorf("a failed upload left %s objects", n)
	}
	acknowledged := fillStream(s.openShop("full", "", 0))
	checkRecords := func(when string) {
		t.Helper()
		read := readShard(t, s.openShop("full", "", 0).client, "full")
		for number, data := range acknowledged {
			if read[number] != data {
				t.Fatalf("%s the acknowledged record %s is lost, one of %d", when, number, len(acknowledged))
			}
		}
	}
	checkRecords("while the disk is full,")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p := s.openShop("full", "", 0)
	out, err := p.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &p.orders, PartitionKey: new("key"), Data: []byte("again")})
	if err != nil {
		t.Fatal(err)
	}
	acknowledged[*out.SequenceNumber] = "again"
	checkRecords("with room again, before a restart,")
	s.kill()
	s.boot()
	checkRecords("after a crash of the server,")
	s.aws("kinesis", "put-record", "--stream-name", "full", "--partition-key", "a", "--data", "YWdhaW4=")
	s.aws("s3api", "put-object", "--bucket", "full", "--key", "big", "--body", big)
}

// mountSmallDisk puts a file system of 256 MiB at a directory.
func mountSmallDisk(t *testing.T, dir string) {
	t.Helper()
	var sudo []string
	if os.Geteuid() != 0 {
		sudo = []string{"sudo"}
	}
	run := func(args ...string) error {
		args = append(sudo[:len(sudo):len(sudo)], args...)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return nil
	}
	if err := run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=256m,mode=700,uid=%d", os.Geteuid()), "tmpfs", dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run("umount", dir); err != nil {
			t.Error(err)
		}
	})
}

// fill writes a file that leaves so many bytes of a disk.
func fill(t *testing.T, dir string, leave int64) (path string) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-leave); err != nil {
		t.Fatal(err)
	}
	return path
}

// fillStream puts records until one is refused, and gives those that were not.
func fillStream(p *shop) map[string]string {
	p.t.Helper()
	acknowledged := map[string]string{}
	for i := range 1000 {
		data := fmt.Sprintf("%06d%s", i, bytes.Repeat([]byte("y"), 100_000))
		key := "key"
		out, err := p.client.PutRecord(p.t.Context(), &kinesis.PutRecordInput{StreamName: &p.orders, PartitionKey: &key, Data: []byte(data)})
		if err != nil {
			if errors.Is(err, p.t.Context().Err()) {
				p.t.Fatal(err)
			}
			return acknowledged
		}
		acknowledged[*out.SequenceNumber] = data
	}
	p.t.Fatal("the disk does not run full")
	return nil
}
