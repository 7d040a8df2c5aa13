package kinesis

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
	"drey/store/seglog"
	"drey/wire"
)

// TestQueueOverResharding: records of a shard come when those of its ancestors were received, and none is missing.
func TestQueueOverResharding(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	st := s.all()[0]
	rescale := func(n int) {
		t.Helper()
		if err := s.change(ctx, st, func(d *document) error { d.scale(n, s.Now()); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for round, n := range []int{7, 3, 8} {
		for i := range 40 {
			text := fmt.Sprintf("%d-%d", round, i)
			put(t, s, ctx, fmt.Sprint(i), text)
			want[text] = true
		}
		rescale(n)
	}
	left := map[string]int{} // records of a shard that are still to come
	var pending func(id string) int
	pending = func(id string) int { // of a shard and its ancestors
		l := st.load().lane(id, s.Now())
		if l == nil {
			return 0
		}
		return left[id] + pending(l.Parent) + pending(l.AdjacentParent)
	}
	for _, l := range st.load().lanes {
		next, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		left[l.id()] = int(next) - 1
	}
	for len(want) > 0 {
		got := receiveAll(t, s, ctx, arn)
		if len(got) == 0 {
			t.Fatalf("%d records never came", len(want))
		}
		for _, r := range got {
			q, _ := parseSequence(*r.RecordId)
			l := st.load().at(q.shard)
			if !want[string(r.Data)] || pending(l.Parent)+pending(l.AdjacentParent) != 0 {
				t.Fatalf("%s of shard %d came twice or before those of its ancestors", r.Data, q.shard)
			}
			delete(want, string(r.Data))
			left[l.id()]--
		}
	}
}

func TestQueueOverRetention(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	put(t, s, ctx, "k", "received")
	old := receiveAll(t, s, ctx, arn)
	wantRecords(t, old, "received1")
	put(t, s, ctx, "k", "unseen")
	c.add(23 * time.Hour)
	put(t, s, ctx, "k", "young")
	c.add(2 * time.Hour)
	if err := s.trim(s.Now()); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, receiveAll(t, s, ctx, arn), "young1")
	wantAcked(t, acked(t, s, ctx, arn, old...), goneCode)
}

// TestQueueOverExpiredParent: what nobody received of a closed shard, and nobody can any more, does not hold its children up.
func TestQueueOverExpiredParent(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	put(t, s, ctx, "k", "unseen")
	c.add(10 * time.Hour)
	if err := s.change(ctx, s.all()[0], func(d *document) error { d.scale(1, s.Now()); return nil }); err != nil {
		t.Fatal(err)
	}
	c.add(15 * time.Hour)
	put(t, s, ctx, "k", "young")
	wantRecords(t, receiveAll(t, s, ctx, arn), "young1")
}

// waiting starts a receive that waits for 20 seconds, and gives what comes of it.
func waiting(s *Service, ctx context.Context, arn string) (<-chan string, func()) {
	done := make(chan string, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		out, err := s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn, WaitTimeSeconds: new(int32(20))})
		if err != nil {
			done <- err.Error()
			return
		}
		done <- told(out.QueueRecords)
	}()
	synctest.Wait()
	return done, cancel
}

func TestQueueWaits(t *testing.T) { synctest.Test(t, testQueueWaits) }

func testQueueWaits(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	began := time.Now()
	after := func(done <-chan string, want string, d time.Duration) {
		t.Helper()
		got := <-done
		if !strings.Contains(got, want) || (want == "") != (got == "") || time.Since(began) != d {
			t.Fatalf("%q after %v, want %q after %v", got, time.Since(began), want, d)
		}
		began = time.Now()
	}
	done, _ := waiting(s, ctx, arn)
	after(done, "", 20*time.Second)

	done, _ = waiting(s, ctx, arn)
	time.Sleep(3 * time.Second)
	put(t, s, ctx, "k", "a")
	after(done, "a1", 3*time.Second)

	done, _ = waiting(s, ctx, arn)
	time.Sleep(4 * time.Second)
	must[model.PutRecordsOutput](t)(s.PutRecords(ctx, &model.PutRecordsInput{StreamName: new("orders"), Records: []model.PutRecordsRequestEntry{{PartitionKey: new("k"), Data: []byte("b")}}}))
	after(done, "b1", 4*time.Second)

	time.Sleep(20 * time.Second)
	began = time.Now()
	done, _ = waiting(s, ctx, arn)
	after(done, "a2", 6*time.Second) // 30 seconds after it was received

	done, cancel := waiting(s, ctx, arn)
	cancel()
	after(done, "canceled", 0)

	must[model.UpdateQueueOutput](t)(s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{}}))
	time.Sleep(5 * time.Second) // b is received by nobody
	b := receiveAll(t, s, ctx, arn)
	wantRecords(t, b, "b2")
	began = time.Now()
	done, _ = waiting(s, ctx, arn)
	time.Sleep(time.Second)
	hideFor(t, s, ctx, arn, b[0], 0)
	after(done, "b3", time.Second)

	done, _ = waiting(s, ctx, arn)
	must[model.DeleteQueueOutput](t)(s.DeleteQueue(ctx, &model.DeleteQueueInput{QueueARN: &arn}))
	after(done, "in state DELETING", 0)
	time.Sleep(deletion)
	other := must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, queueInput("work", model.QueueStartingPositionTypeLATEST))).QueueDescription.QueueARN
	time.Sleep(creation)
	done, _ = waiting(s, ctx, *other)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; !strings.Contains(got, "shutting down") {
		t.Fatal(got)
	}
}

// TestQueueAtWork: many consumers and producers at the same time; each record is acknowledged once.
func TestQueueAtWork(t *testing.T) {
	s, c, ctx := newQueues(t, func(c *Config) { c.NoSync = true })
	arn := newQueue(t, s, c, ctx, nil)
	const producers, each = 4, 400
	var work sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	var left atomic.Int64
	left.Store(producers * each)
	for p := range producers {
		work.Go(func() {
			for i := range each {
				_, err := s.PutRecord(ctx, &model.PutRecordInput{StreamName: new("orders"), PartitionKey: new(fmt.Sprint(i)), Data: fmt.Appendf(nil, "%d-%d", p, i)})
				if err != nil {
					t.Error(err)
				}
			}
		})
		work.Go(func() {
			for left.Load() > 0 {
				got := receiveAll(t, s, ctx, arn)
				if len(got) == 0 {
					continue
				}
				if x := acked(t, s, ctx, arn, got...); strings.Contains(x, "Exception") {
					t.Error(x)
				}
				mu.Lock()
				for _, r := range got {
					seen[string(r.Data)]++
				}
				mu.Unlock()
				left.Add(-int64(len(got)))
			}
		})
	}
	work.Wait()
	for data, n := range seen {
		if n != 1 {
			t.Errorf("%s was received %d times", data, n)
		}
	}
	if len(seen) != producers*each {
		t.Errorf("%d records were received", len(seen))
	}
}

// TestQueueOnFullDisk: nothing is delivered that cannot be noted, and what could not be noted can be done again.
func TestQueueOnFullDisk(t *testing.T) {
	disk := &fullDisk{FS: seglog.OS}
	s, c, ctx := newQueues(t, func(cfg *Config) { cfg.Files = disk; cfg.Log = slog.New(slog.DiscardHandler) })
	put(t, s, ctx, "k", "a")
	put(t, s, ctx, "k", "b")
	arn := newQueue(t, s, c, ctx, nil)
	got := receiveAll(t, s, ctx, arn)
	wantRecords(t, got, "a1 b1")
	c.add(time.Minute)
	disk.full.Store(true)
	_, err := s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn})
	wantError(t, err, model.InternalFailureException, "Free some space")
	_, err = s.AcknowledgeQueueRecords(ctx, &model.AcknowledgeQueueRecordsInput{QueueARN: &arn, Entries: []model.AcknowledgeQueueRecordsRequestEntry{{ReceiptHandle: got[0].ReceiptHandle}}})
	wantError(t, err, model.InternalFailureException, "Free some space")
	disk.full.Store(false)
	wantAcked(t, acked(t, s, ctx, arn, got[0]), "ok")
	wantRecords(t, receiveAll(t, s, ctx, arn), string(got[1].Data)+"2")
	put(t, s, ctx, "k", "c")
	wantRecords(t, receiveAll(t, s, ctx, arn), "c1")
}

// TestQueueLogStaysShort: when much has happened, the log gets a copy of the book, and a restart finds the same.
func TestQueueLogStaysShort(t *testing.T) {
	dir := t.TempDir()
	c := &skip{}
	s := open(t, dir, c.use, func(c *Config) { c.NoSync = true })
	ctx := requestContext(t.Context())
	createOnDemand(t, s, ctx, "orders")
	c.add(time.Second)
	put(t, s, ctx, "k", "a")
	arn := newQueue(t, s, c, ctx, &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(0)), DeadLetterConfiguration: &model.DeadLetterConfiguration{TargetType: model.TargetTypeNONE}})
	d := slices.Collect(maps.Values(s.all()[0].load().desks))[0]
	for i := range 2*minCopied + 10 {
		if i == minCopied/2 {
			c.add(2 * time.Hour) // the log goes on in another segment
		}
		receiveAll(t, s, ctx, arn)
		if d.events > minCopied+1 {
			t.Fatalf("%d events and no copy", d.events)
		}
	}
	if oldest, _, _, err := d.log.Bounds(); err != nil || oldest < minCopied/2 {
		t.Fatalf("the log still begins with record %d, %v", oldest, err)
	}
	d.mu.Lock()
	d.book = nil // as after a start
	d.mu.Unlock()
	wantRecords(t, receiveAll(t, s, ctx, arn), fmt.Sprint("a", 2*minCopied+11))
}

func TestQueueAccess(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	must[model.TagResourceOutput](t)(s.TagResource(ctx, &model.TagResourceInput{ResourceARN: &arn, Tags: map[string]string{"team": "x"}}))
	must[model.PutResourcePolicyOutput](t)(s.PutResourcePolicy(ctx, &model.PutResourcePolicyInput{ResourceARN: &arn, Policy: new(`{"Statement":[]}`)}))
	need, err := s.Access(ctx, "ReceiveQueueRecords", &model.ReceiveQueueRecordsInput{QueueARN: &arn})
	want := wire.Access{Action: "kinesis:ReceiveQueueRecords", Resource: arn, ResourceAccount: account, ResourcePolicy: `{"Statement":[]}`, Conditions: map[string][]string{"aws:ResourceTag/team": {"x"}}}
	if err != nil || len(need) != 1 || fmt.Sprint(need[0]) != fmt.Sprint(want) {
		t.Fatalf("%+v, want %+v (%v)", need, want, err)
	}
	in := queueInput("other", model.QueueStartingPositionTypeLATEST)
	in.Tags = map[string]string{"a": "b"}
	need, err = s.Access(ctx, "CreateQueue", in)
	if err != nil || len(need) != 3 || need[0].Resource != "arn:aws:kinesis:us-east-1:123456789012:queue/*" ||
		need[1].Action != "kinesis:AssociateStreamsWithQueue" || need[1].Resource != ordersARN || need[2].Action != "kinesis:TagResource" {
		t.Fatalf("%+v %v", need, err)
	}
}
