package kinesis

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
)

// ofQueues gives the samples that came for the queue: how many of each metric, and their sum.
func (s *sink) ofQueues(t *testing.T, id, name string) map[string][2]float64 {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][2]float64{}
	for _, d := range s.data {
		if d.Dimensions[0].Name != "QueueId" {
			continue
		}
		if d.Dimensions[0].Value != id || d.Dimensions[1] != (Dimension{"QueueName", name}) || d.Unit != "Count" {
			t.Errorf("%+v", d)
		}
		out[d.Name] = [2]float64{out[d.Name][0] + d.Count, out[d.Name][1] + d.Sum}
	}
	clear(s.data)
	return out
}

func TestQueueMetrics(t *testing.T) { synctest.Test(t, testQueueMetrics) }

func testQueueMetrics(t *testing.T) {
	metrics := &sink{}
	s, c, ctx := newQueues(t, metrics.use)
	for _, k := range []string{"a", "b", "c", "d"} {
		put(t, s, ctx, k, k)
	}
	arn := newQueue(t, s, c, ctx, &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(43200)), DeadLetterConfiguration: &model.DeadLetterConfiguration{TargetType: model.TargetTypeBUILT_IN, MaxReceiveCount: new(int32(1))}})
	id := arn[len(queueARN(account, "us-east-1", "")):]
	got := must[model.ReceiveQueueRecordsOutput](t)(s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn, Limit: new(int32(3))})).QueueRecords
	wantAcked(t, acked(t, s, ctx, arn, got[0], got[0]), "ok "+goneCode)
	hideFor(t, s, ctx, arn, got[1], 0) // now it is a dead letter
	wantRecords(t, receiveDead(t, s, ctx, arn), string(got[1].Data)+"2")
	receiveAll(t, s, ctx, arn)
	receiveAll(t, s, ctx, arn) // nothing
	hideFor(t, s, ctx, arn, got[2], 0)
	put(t, s, ctx, "e", "e")
	put(t, s, ctx, "f", "f")

	minute := func(want map[string][2]float64) {
		t.Helper()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := metrics.ofQueues(t, id, "work"); !maps.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	minute(map[string][2]float64{"ReceivedQueueRecords": {2, 4}, "AcknowledgedQueueRecords": {1, 1}, "EmptyReceives": {1, 1}})
	depth := map[string][2]float64{"VisibleQueueRecords": {1, 2}, "InFlightQueueRecords": {1, 2}, "VisibleDeadLetterQueueRecords": {1, 1}}
	minute(depth)
	minute(depth)
}
