package kinesis

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"drey/kinesis/parcel"
	model "drey/model/kinesis"
	"drey/store/sql"
)

// killedRecords are more than an object, and not a whole number of them.
const killedRecords = 40

func killedRecord(i int) []byte {
	return fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, i, bytes.Repeat([]byte("x"), parcel.FullSize/16))
}

// carryUntilKilled puts records, and ends like a power failure when the first object is written and nothing else has happened.
func carryUntilKilled(dir string) error {
	db, err := sql.Open(filepath.Join(dir, "drey.db"))
	if err != nil {
		return err
	}
	l, err := openLake(db, dir)
	if err != nil {
		return err
	}
	l.after = func(o Object) {
		say("wrote", o.Key)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	s, err := Open(context.Background(), Config{DB: db, Dir: filepath.Join(dir, "kinesis"), Destinations: l})
	if err != nil {
		return err
	}
	ctx := requestContext(context.Background())
	_, err = s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("orders"), StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}, MaxRecordSizeInKiB: new(int32(2048))})
	if err != nil {
		return err
	}
	time.Sleep(creation)
	out, err := s.CreateChannel(ctx, channelInput())
	if err != nil {
		return err
	}
	for status := model.ChannelStatusCREATING; status != model.ChannelStatusACTIVE; {
		d, err := s.DescribeChannel(ctx, &model.DescribeChannelInput{ChannelARN: out.ChannelDescription.ChannelARN})
		if err != nil {
			return err
		}
		status = d.ChannelDescription.ChannelStatus
	}
	s.carriers.close() // so that nothing is written before all is put
	for i := range killedRecords {
		if _, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new(fmt.Sprint(i)), Data: killedRecord(i)}); err != nil {
			return err
		}
	}
	s.startChannels(context.Background())
	select {}
}

// TestKilledChannelDeliversOnce: when the server ends between the write of an object and the note of it, the next one writes
// the same object again, and goes on: every record is there once.
func TestKilledChannelDeliversOnce(t *testing.T) {
	dir := t.TempDir()
	var first string
	for line := range killAfter(t, 1, killDir+"="+dir, killChannel+"=1") {
		_, first, _ = strings.Cut(line, " ")
	}
	c := &skip{}
	written := make(chan string, killedRecords)
	var l *lake
	s := open(t, dir, c.use, func(cfg *Config) {
		var err error
		if l, err = openLake(cfg.DB, dir); err != nil {
			t.Fatal(err)
		}
		if had := slices.Collect(maps.Keys(l.objects(t))); !slices.Equal(had, []string{first}) {
			t.Fatalf("there are %v, and %s was written", had, first)
		}
		l.after = func(o Object) { written <- o.Key }
		cfg.Destinations = l
	})
	if again := <-written; again != first {
		t.Fatalf("%s was written again as %s", first, again)
	}
	if second := <-written; second == first {
		t.Fatal("it does not go on")
	}
	c.add(maxFreshness * time.Second) // the rest is old enough
	<-written
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range killedRecords {
		want = append(want, string(killedRecord(i)))
	}
	slices.Sort(want)
	objects := l.objects(t)
	if got := lines(objects, ""); len(objects) != 3 || !slices.Equal(got, want) {
		t.Fatalf("%d objects with %d records, want 3 with %d", len(objects), len(got), len(want))
	}
}
