package kinesis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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

const (
	killDir     = "KINESIS_TEST_KILL_DIR"
	killReshard = "KINESIS_TEST_KILL_RESHARD" // anything: reshard all the time, with one partition key for each producer
	killQueue   = "KINESIS_TEST_KILL_QUEUE"   // anything: work with a queue
	killChannel = "KINESIS_TEST_KILL_CHANNEL" // anything: work with a channel
)

// TestMain lets the test binary be the server that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		run := putForever
		if os.Getenv(killQueue) != "" {
			run = queueForever
		}
		if os.Getenv(killChannel) != "" {
			run = carryUntilKilled
		}
		if err := run(dir); err != nil {
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
	_, err = s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(2))})
	if err != nil && !errors.Is(err, model.ResourceInUseException) {
		return err
	}
	time.Sleep(creation)
	var wg sync.WaitGroup
	if os.Getenv(killReshard) != "" {
		wg.Go(func() { reshardForever(ctx, s) })
	}
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d-%d", w, i)
				key := text
				if os.Getenv(killReshard) != "" {
					key = fmt.Sprint(w)
				}
				out, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: &key, Data: []byte(text)})
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

func reshardForever(ctx context.Context, s *Service) {
	for n := 0; ; n++ {
		_, err := s.reshard(ctx, reference{name: new("orders")}, func(_ key, d *document, now time.Time) error {
			d.scale(2+n%4, now)
			return nil
		})
		if err != nil {
			panic(err)
		}
		time.Sleep(updating)
	}
}

// killAfter runs this test binary as a server, kills it after so many acknowledged records, and gives those.
func killAfter(t *testing.T, records int, env ...string) (acknowledged map[string]bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged = map[string]bool{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if acknowledged[lines.Text()] = true; len(acknowledged) == records {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // "signal: killed"
	if len(acknowledged) < records {
		t.Fatalf("only %d records were acknowledged", len(acknowledged))
	}
	return acknowledged
}

// TestKilledWhileResharding: whatever the server was doing, the open shards cover every hash key, and the records that
// were acknowledged are there, those of a key in their order.
func TestKilledWhileResharding(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for _, records := range []int{500, 1500, 2500} {
		maps.Copy(acknowledged, killAfter(t, records, killDir+"="+dir, killReshard+"=1"))
		s := open(t, dir)
		checkCover(t, &s.all()[0].load().document)
		missing, last := maps.Clone(acknowledged), map[string]string{}
		for _, r := range readLineage(t, s, requestContext(t.Context())) {
			delete(missing, *r.SequenceNumber+" "+string(r.Data))
			if k := *r.PartitionKey; *r.SequenceNumber <= last[k] {
				t.Fatalf("%s: %s after %s", k, *r.SequenceNumber, last[k])
			}
			last[*r.PartitionKey] = *r.SequenceNumber
		}
		if len(missing) != 0 {
			t.Fatalf("%d acknowledged records are lost", len(missing))
		}
		if err := errors.Join(s.Close(), s.DB.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := killAfter(t, 500, killDir+"="+dir)
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
