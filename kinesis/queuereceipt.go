package kinesis

import (
	"context"
	"time"

	"drey/kinesis/delivery"
	model "drey/model/kinesis"
	"drey/wire"
)

// verdicts are the refusals of single entries. The API reference names the codes, and not which is for what.
var verdicts = map[delivery.Verdict]*wire.Error{
	delivery.Gone:       model.ResourceNotFoundException.Errorf("The record is not in the queue any more: it was acknowledged, or has left the stream."),
	delivery.Superseded: model.InvalidArgumentException.Errorf("The receipt handle is stale: the record was received again, or restored."),
	delivery.Moved:      model.InvalidArgumentException.Errorf("The record has become a dead letter. Receive it with ReceiveDeadLetterQueueRecords."),
}

var errReceipt = model.InvalidArgumentException.Errorf("The receipt handle is not one that this queue issued for this operation.")

// recordChange is what an operation does with the record of the i-th entry of a request.
type recordChange func(b *delivery.Book, now time.Time, id delivery.ID, i int) delivery.Event

// use changes the records of receipt handles. It tells for each why it was refused; nil if it was not.
func (s *Service) use(arn string, kind tokenKind, handles []*string, change recordChange) ([]*wire.Error, error) {
	t, st, d, err := s.findQueue(arn)
	if err != nil {
		return nil, err
	}
	refused := make([]*wire.Error, len(handles))
	_, err = s.atDesk(t, st, d, func(_ *state, q *queue, now time.Time) error {
		for i, h := range handles {
			r, ok := s.sealer.open(kind, *h)
			if !ok || r.ID != q.ID {
				refused[i] = errReceipt
				continue
			}
			id := delivery.ID{Shard: r.Shard, Ordinal: r.Ordinal}
			if refused[i] = verdicts[d.book.Check(id, r.Receipt, kind == deadReceiptToken)]; refused[i] == nil {
				d.decide(change(d.book, now, id, i))
			}
		}
		return nil
	})
	st.bell.ring() // some may be visible now
	return refused, err
}

func acknowledge(b *delivery.Book, now time.Time, id delivery.ID, _ int) delivery.Event {
	return b.Acknowledge(now, id)
}

func restore(b *delivery.Book, now time.Time, id delivery.ID, _ int) delivery.Event {
	return b.Restore(now, id)
}

// hide sets visibility timeouts, which count from now on.
func hide(seconds func(i int) *int32) recordChange {
	return func(b *delivery.Book, now time.Time, id delivery.ID, i int) delivery.Event {
		return b.Hide(now, id, time.Duration(*seconds(i))*time.Second)
	}
}

// handlesOf are the receipt handles of a request's entries.
func handlesOf[E any](entries []E, handle func(E) *string) []*string {
	out := make([]*string, len(entries))
	for i, e := range entries {
		out[i] = handle(e)
	}
	return out
}

// results makes the two lists of an answer.
func results[R, F any](handles []*string, refused []*wire.Error, result func(handle *string) R, failure func(handle, code, message *string) F) (good []R, bad []F) {
	good, bad = []R{}, []F{}
	for i, h := range handles {
		if x := refused[i]; x != nil {
			bad = append(bad, failure(h, &x.Code, &x.Message))
		} else {
			good = append(good, result(h))
		}
	}
	return good, bad
}

// AcknowledgeQueueRecords makes that up to 10 records are not delivered again.
func (s *Service) AcknowledgeQueueRecords(_ context.Context, in *model.AcknowledgeQueueRecordsInput) (*model.AcknowledgeQueueRecordsOutput, error) {
	handles := handlesOf(in.Entries, func(e model.AcknowledgeQueueRecordsRequestEntry) *string { return e.ReceiptHandle })
	refused, err := s.use(*in.QueueARN, receiptToken, handles, acknowledge)
	if err != nil {
		return nil, err
	}
	good, bad := results(handles, refused,
		func(h *string) model.AcknowledgeQueueRecordsResultEntry {
			return model.AcknowledgeQueueRecordsResultEntry{ReceiptHandle: h}
		},
		func(h, code, message *string) model.AcknowledgeQueueRecordsErrorEntry {
			return model.AcknowledgeQueueRecordsErrorEntry{ReceiptHandle: h, ErrorCode: code, ErrorMessage: message}
		})
	s.acknowledged(*in.QueueARN, len(good))
	return &model.AcknowledgeQueueRecordsOutput{Successful: good, Failed: bad}, nil
}

// AcknowledgeDeadLetterQueueRecords makes that up to 10 dead letters are not delivered again.
func (s *Service) AcknowledgeDeadLetterQueueRecords(_ context.Context, in *model.AcknowledgeDeadLetterQueueRecordsInput) (*model.AcknowledgeDeadLetterQueueRecordsOutput, error) {
	handles := handlesOf(in.Entries, func(e model.AcknowledgeDeadLetterQueueRecordsRequestEntry) *string { return e.ReceiptHandle })
	refused, err := s.use(*in.QueueARN, deadReceiptToken, handles, acknowledge)
	if err != nil {
		return nil, err
	}
	good, bad := results(handles, refused,
		func(h *string) model.AcknowledgeDeadLetterQueueRecordsResultEntry {
			return model.AcknowledgeDeadLetterQueueRecordsResultEntry{ReceiptHandle: h}
		},
		func(h, code, message *string) model.AcknowledgeDeadLetterQueueRecordsErrorEntry {
			return model.AcknowledgeDeadLetterQueueRecordsErrorEntry{ReceiptHandle: h, ErrorCode: code, ErrorMessage: message}
		})
	return &model.AcknowledgeDeadLetterQueueRecordsOutput{Successful: good, Failed: bad}, nil
}

// RestoreDeadLetterQueueRecords makes that up to 10 dead letters are delivered again as if they had never been received.
func (s *Service) RestoreDeadLetterQueueRecords(_ context.Context, in *model.RestoreDeadLetterQueueRecordsInput) (*model.RestoreDeadLetterQueueRecordsOutput, error) {
	handles := handlesOf(in.Entries, func(e model.RestoreDeadLetterQueueRecordsRequestEntry) *string { return e.ReceiptHandle })
	refused, err := s.use(*in.QueueARN, deadReceiptToken, handles, restore)
	if err != nil {
		return nil, err
	}
	good, bad := results(handles, refused,
		func(h *string) model.RestoreDeadLetterQueueRecordsResultEntry {
			return model.RestoreDeadLetterQueueRecordsResultEntry{ReceiptHandle: h}
		},
		func(h, code, message *string) model.RestoreDeadLetterQueueRecordsErrorEntry {
			return model.RestoreDeadLetterQueueRecordsErrorEntry{ReceiptHandle: h, ErrorCode: code, ErrorMessage: message}
		})
	return &model.RestoreDeadLetterQueueRecordsOutput{Successful: good, Failed: bad}, nil
}

// UpdateQueueRecordsVisibility says how long up to 10 records stay hidden from now on.
func (s *Service) UpdateQueueRecordsVisibility(_ context.Context, in *model.UpdateQueueRecordsVisibilityInput) (*model.UpdateQueueRecordsVisibilityOutput, error) {
	handles := handlesOf(in.Entries, func(e model.UpdateQueueRecordsVisibilityRequestEntry) *string { return e.ReceiptHandle })
	refused, err := s.use(*in.QueueARN, receiptToken, handles, hide(func(i int) *int32 { return in.Entries[i].VisibilityTimeoutSeconds }))
	if err != nil {
		return nil, err
	}
	good, bad := results(handles, refused,
		func(h *string) model.UpdateQueueRecordsVisibilityResultEntry {
			return model.UpdateQueueRecordsVisibilityResultEntry{ReceiptHandle: h}
		},
		func(h, code, message *string) model.UpdateQueueRecordsVisibilityErrorEntry {
			return model.UpdateQueueRecordsVisibilityErrorEntry{ReceiptHandle: h, ErrorCode: code, ErrorMessage: message}
		})
	return &model.UpdateQueueRecordsVisibilityOutput{Successful: good, Failed: bad}, nil
}

// UpdateDeadLetterQueueRecordsVisibility says how long up to 10 dead letters stay hidden from now on.
func (s *Service) UpdateDeadLetterQueueRecordsVisibility(_ context.Context, in *model.UpdateDeadLetterQueueRecordsVisibilityInput) (*model.UpdateDeadLetterQueueRecordsVisibilityOutput, error) {
	handles := handlesOf(in.Entries, func(e model.UpdateDeadLetterQueueRecordsVisibilityRequestEntry) *string { return e.ReceiptHandle })
	refused, err := s.use(*in.QueueARN, deadReceiptToken, handles, hide(func(i int) *int32 { return in.Entries[i].VisibilityTimeoutSeconds }))
	if err != nil {
		return nil, err
	}
	good, bad := results(handles, refused,
		func(h *string) model.UpdateDeadLetterQueueRecordsVisibilityResultEntry {
			return model.UpdateDeadLetterQueueRecordsVisibilityResultEntry{ReceiptHandle: h}
		},
		func(h, code, message *string) model.UpdateDeadLetterQueueRecordsVisibilityErrorEntry {
			return model.UpdateDeadLetterQueueRecordsVisibilityErrorEntry{ReceiptHandle: h, ErrorCode: code, ErrorMessage: message}
		})
	return &model.UpdateDeadLetterQueueRecordsVisibilityOutput{Successful: good, Failed: bad}, nil
}
