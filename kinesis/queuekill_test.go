package kinesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	model "drey/model/kinesis"
	"drey/store/sql"
)

// queueForever puts records, receives them from a queue and acknowledges two of three. It prints what it was told of, and
// before each acknowledge what it is about to do.
func queueForever(dir string) error {
	db, err := sql.Open(filepath.Join(dir, "drey.db"))
	if err != nil {
		return err
	}
	s, err := Open(context.Background(), Config{DB: db, Dir: filepath.Join(dir, "kinesis")})
	if err != nil {
		return err
	}
	ctx := requestContext(context.Background())
	arn, err := killedQueue(s, ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if _, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: &text, Data: []byte(text)}); err != nil {
					panic(err)
				}
				say("put", text)
			}
		})
		wg.Go(func() {
			for {
				out, err := s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn})
				if err != nil {
					panic(err)
				}
				in := &model.AcknowledgeQueueRecordsInput{QueueARN: &arn}
				var names []string
				for i, r := range out.QueueRecords {
					if i%3 < 2 {
						names = append(names, string(r.Data))
						in.Entries = append(in.Entries, model.AcknowledgeQueueRecordsRequestEntry{ReceiptHandle: r.ReceiptHandle})
					}
				}
				if len(names) == 0 {
					continue
				}
				say("acknowledging", names...)
				if out, err := s.AcknowledgeQueueRecords(ctx, in); err != nil || len(out.Failed) > 0 {
					panic(fmt.Sprint(out, err))
				}
				say("acknowledged", names...)
			}
		})
	}
	wg.Wait()
	return nil
}

func say(what string, names ...string) {
	lines := ""
	for _, n := range names {
		lines += what + " " + n + "\n"
	}
	os.Stdout.WriteString(lines)
}

// killedQueue makes the stream and the queue if they are not there.
func killedQueue(s *Service, ctx context.Context) (arn string, err error) {
	_, err = s.CreateStream(ctx, &model.CreateStreamInput{StreamName: new("orders"), StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}})
	if err != nil && !errors.Is(err, model.ResourceInUseException) {
		return "", err
	}
	time.Sleep(creation)
	in := queueInput("work", model.QueueStartingPositionTypeTRIM_HORIZON)
	in.QueueAttributes = &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(600))}
	if _, err := s.CreateQueue(ctx, in); err != nil && !errors.Is(err, model.ResourceInUseException) {
		return "", err
	}
	time.Sleep(creation)
	out, err := s.ListQueues(ctx, &model.ListQueuesInput{})
	if err != nil {
		return "", err
	}
	return *out.QueueSummaries[0].QueueARN, nil
}

// TestKilledServerDeliversNothingAcknowledged: whatever the server was doing, what was acknowledged does not come again, and
// all else does.
func TestKilledServerDeliversNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	put, acknowledging, acknowledged := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for round, lines := range []int{300, 1200, 2000} {
		for line := range killAfter(t, lines, killDir+"="+dir, killQueue+"=1") {
			what, name, _ := strings.Cut(line, " ")
			map[string]map[string]bool{"put": put, "acknowledging": acknowledging, "acknowledged": acknowledged}[what][name] = true
		}
		c := &skip{}
		c.add(time.Duration(round+1) * time.Hour) // nothing is in flight any more
		s := open(t, dir, c.use)
		ctx := requestContext(t.Context())
		arn, err := killedQueue(s, ctx)
		if err != nil {
			t.Fatal(err)
		}
		came := map[string]bool{}
		for {
			got := receiveAll(t, s, ctx, arn)
			if len(got) == 0 {
				break
			}
			for _, r := range got {
				came[string(r.Data)] = true
				if acknowledged[string(r.Data)] {
					t.Fatalf("%s came after it was acknowledged", r.Data)
				}
			}
		}
		for name := range put {
			if !came[name] && !acknowledging[name] {
				t.Fatalf("%s never came", name)
			}
		}
		if len(acknowledged) == 0 || len(came) == 0 {
			t.Fatalf("%d acknowledged, %d came", len(acknowledged), len(came))
		}
		if err := errors.Join(s.Close(), s.DB.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
