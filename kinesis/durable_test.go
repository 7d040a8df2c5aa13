package kinesis

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	model "drey/model/kinesis"
	"drey/store/seglog"
	"drey/store/sql"
)

const killDir = "KINESIS_TEST_KILL_DIR"

// TestMain lets the test binary be the server that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := putForever(dir); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// putForever prints the sequence number and data of each record after it was acknowledged.
func putForever(dir string) error {
	db, err := sql.Open(filepath.Join(dir, "drey.db"))
	if err != nil {
		return err
	}
	s, err := Open(context.Background(), Config{DB: db, Dir: filepath.Join(dir, "kinesis")})
	if err != nil {
		return err
	}
	ctx := requestContext(context.Background())
	if _, err := s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(2))}); err != nil {
		return err
	}
	time.Sleep(creation)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d-%d", w, i)
				out, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: &text, Data: []byte(text)})
				if err != nil {
					panic(err)
				}
				os.Stdout.WriteString(*out.SequenceNumber + " " + text + "\n")
			}
		})
	}
	wg.Wait()
	return nil
}

func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if acknowledged[lines.Text()] = true; len(acknowledged) == 500 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // "signal: killed"
	if len(acknowledged) < 500 {
		t.Fatalf("only %d records were acknowledged", len(acknowledged))
	}
	s := open(t, dir)
	ctx := requestContext(t.Context())
	for shard := range 2 {
		it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardId: new(shardID(shard)), ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
		for _, r := range get(t, s, ctx, it).Records {
			delete(acknowledged, *r.SequenceNumber+" "+string(r.Data))
		}
	}
	if len(acknowledged) != 0 {
		t.Fatalf("%d acknowledged records are lost: %v", len(acknowledged), acknowledged)
	}
}

// fullDisk answers writes of records with ENOSPC while full is set.
type fullDisk struct {
	seglog.FS
	full atomic.Bool
}

type fullFile struct {
	seglog.File
	disk *fullDisk
}

func (d *fullDisk) OpenFile(name string, flag int) (seglog.File, error) {
	f, err := d.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return fullFile{f, d}, nil
}

func (f fullFile) WriteAt(b []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		n, _ := f.File.WriteAt(b[:len(b)/2], off)
		return n, &os.PathError{Op: "write", Path: "records", Err: syscall.ENOSPC}
	}
	return f.File.WriteAt(b, off)
}

func TestFullDiskLosesNothingAndHeals(t *testing.T) {
	disk, c := &fullDisk{FS: seglog.OS}, &skip{}
	s := open(t, t.TempDir(), c.use, func(cfg *Config) { cfg.Files = disk; cfg.Log = slog.New(slog.DiscardHandler) })
	ctx := requestContext(t.Context())
	create(t, s, ctx, "orders", 1)
	c.add(time.Second)
	put(t, s, ctx, "k", "a")
	disk.full.Store(true)
	_, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: []byte("lost")})
	wantError(t, err, model.InternalFailureException, "Free some space")
	records := []model.PutRecordsRequestEntry{{PartitionKey: new("k"), Data: []byte("lost")}, {PartitionKey: new("l"), Data: []byte("lost too")}}
	out, err := s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: records})
	if err != nil || *out.FailedRecordCount != 2 || *out.Records[1].ErrorCode != "InternalFailure" || !strings.Contains(*out.Records[1].ErrorMessage, "full") {
		t.Fatalf("%+v %v", out, err)
	}
	it := iterator(t, s, ctx, model.GetShardIteratorInput{ShardIteratorType: model.ShardIteratorTypeTRIM_HORIZON})
	wantData(t, get(t, s, ctx, it).Records, "a")
	disk.full.Store(false)
	put(t, s, ctx, "k", "b")
	wantData(t, get(t, s, ctx, it).Records, "a", "b")
}
