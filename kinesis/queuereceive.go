package kinesis

import (
	"context"
	"time"

	"drey/kinesis/delivery"
	model "drey/model/kinesis"
)

// ReceiveQueueRecords delivers up to 10 records, as soon as there is one. Each is hidden from others until its visibility
// timeout has passed.
func (s *Service) ReceiveQueueRecords(ctx context.Context, in *model.ReceiveQueueRecordsInput) (*model.ReceiveQueueRecordsOutput, error) {
	records, err := s.receive(ctx, *in.QueueARN, demand{or(in.Limit, maxQueueRecords), in.VisibilityTimeoutSeconds, receiptToken}, or(in.WaitTimeSeconds, defaultQueueWait))
	if err != nil {
		return nil, err
	}
	return &model.ReceiveQueueRecordsOutput{QueueRecords: records}, nil
}

// ReceiveDeadLetterQueueRecords delivers up to 10 records that were received as often as the queue allows. It counts as a
// receive, too.
func (s *Service) ReceiveDeadLetterQueueRecords(ctx context.Context, in *model.ReceiveDeadLetterQueueRecordsInput) (*model.ReceiveDeadLetterQueueRecordsOutput, error) {
	records, err := s.receive(ctx, *in.QueueARN, demand{or(in.Limit, maxQueueRecords), in.VisibilityTimeoutSeconds, deadReceiptToken}, or(in.WaitTimeSeconds, defaultQueueWait))
	if err != nil {
		return nil, err
	}
	return &model.ReceiveDeadLetterQueueRecordsOutput{QueueRecords: records}, nil
}

// demand is what a receive wants.
type demand struct {
	limit  int
	hidden *int32    // seconds; nil: as the queue says
	kind   tokenKind // of the receipt handles: those of dead letters are not good for others
}

// receive delivers what is visible, or waits until something is.
func (s *Service) receive(ctx context.Context, arn string, want demand, seconds int) ([]model.QueueRecord, error) {
	t, st, d, err := s.findQueue(arn)
	if err != nil {
		return nil, err
	}
	deadline := s.Now().Add(time.Duration(seconds) * time.Second)
	for {
		rung := st.bell.wait()
		out := []model.QueueRecord{}
		next, err := s.atDesk(t, st, d, func(x *state, q *queue, now time.Time) (err error) {
			out, err = s.deliver(d, x, q, want, now)
			return err
		})
		now := s.Now()
		if err != nil {
			return nil, err
		}
		if len(out) > 0 || !now.Before(deadline) {
			if want.kind == receiptToken {
				st.received(now, t.queue, len(out))
			}
			return out, nil
		}
		if deadline.Before(next) {
			next = deadline
		}
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-rung:
		case <-timer.C:
		case <-s.done:
			err = errShutdown
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return nil, err
		}
	}
}

// deliver decides which records are received now. The caller is at the desk.
func (s *Service) deliver(d *desk, x *state, q *queue, want demand, now time.Time) ([]model.QueueRecord, error) {
	room := inFlightLimit - d.book.InFlight()
	if room <= 0 {
		return nil, model.ThrottlingException.Errorf("%d records of the queue are in flight, which is the limit. Acknowledge some of them.", inFlightLimit)
	}
	b := &basket{limit: min(want.limit, room)}
	if err := d.pick(x, q, b, want.kind == deadReceiptToken, now); err != nil {
		return nil, err
	}
	hidden := q.Visibility
	if want.hidden != nil {
		hidden = *want.hidden
	}
	records := make([]delivery.Record, len(b.records))
	for i, f := range b.records {
		records[i] = delivery.Record{ID: f.id(), Arrived: f.record.Time}
	}
	out := make([]model.QueueRecord, len(records))
	for i, f := range b.records {
		partitionKey, data, _, err := decodePayload(f.record.Data)
		if err != nil {
			return nil, err
		}
		out[i] = model.QueueRecord{PartitionKey: orNil(partitionKey), Data: data, ApproximateArrivalTimestamp: &b.records[i].record.Time,
			RecordId: new(f.lane.number(f.record.Ordinal, f.record.Time).String())}
	}
	if len(records) > 0 {
		d.decide(d.book.Receive(now, time.Duration(hidden)*time.Second, records)...)
	}
	for i, r := range records {
		x := d.book.Delivery(r.ID)
		out[i].ReceiptHandle = new(s.sealer.seal(token{Kind: want.kind, ID: q.ID, Shard: r.Shard, Ordinal: r.Ordinal, Receipt: x.Receipt}))
		out[i].FirstReceiveTimestamp, out[i].ReceiveCount = &x.First, new(int32(x.Count))
	}
	return out, nil
}
