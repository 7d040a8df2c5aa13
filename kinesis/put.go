package kinesis

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	model "drey/model/kinesis"
	"drey/store/seglog"
	"drey/wire"
)

var errDryRun = model.DryRunOperationException.Errorf("The request would have succeeded, but the DryRun flag is set.")

// PutRecord stores a record. When it returns, the record is durable.
func (s *Service) PutRecord(ctx context.Context, in *model.PutRecordInput) (*model.PutRecordOutput, error) {
	st, x, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	l, err := x.target(*in.PartitionKey, in.ExplicitHashKey)
	if err != nil {
		return nil, err
	}
	if len(in.Data)+len(*in.PartitionKey) > x.recordSize() {
		return nil, errTooLong("data", x.recordSize())
	}
	if n := in.SequenceNumberForOrdering; n != nil {
		if q, ok := parseSequence(*n); !ok || !x.issued(q) {
			return nil, model.InvalidArgumentException.Errorf("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.", *n, st.key.Name, st.key.Account)
		}
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	ordinal, at, err := l.put(appendPayload(nil, *in.PartitionKey, in.Data, x.Encryption))
	if err != nil {
		return nil, s.storeError(st.key, err)
	}
	return &model.PutRecordOutput{ShardId: new(l.id()), SequenceNumber: new(l.number(ordinal, at).String()), EncryptionType: x.shownEncryption()}, nil
}

// target is the shard of a record.
func (x *state) target(partitionKey string, explicit *string) (*lane, error) {
	if explicit == nil {
		return route(x.open, hashOf(partitionKey)), nil
	}
	h, ok := parseHash(*explicit)
	if !ok {
		return nil, model.InvalidArgumentException.Errorf("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *explicit)
	}
	return route(x.open, h), nil
}

// issued tells whether one of the stream's shards gave out q.
func (x *state) issued(q sequence) bool { return q.shard < len(x.lanes) && x.lanes[q.shard].owns(q) }

func (x *state) recordSize() int { return int(x.RecordKiB) << 10 }

// shownEncryption is what answers about records say; unencrypted ones say nothing.
func (x *state) shownEncryption() model.EncryptionType {
	if x.Encryption == model.EncryptionTypeKMS {
		return x.Encryption
	}
	return ""
}

func errTooLong(member string, limit int) *wire.Error {
	return wire.ValidationException.Errorf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, limit)
}

// storeError is what a caller learns when records could not be made durable. None of them was stored.
func (s *Service) storeError(k key, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		s.Log.Error("no record can be stored: the disk is full; free space and the stream goes on by itself", "stream", k.arn(), "dir", s.Dir, "error", err)
		return model.InternalFailureException.Errorf("The record was not stored, because the disk of the data directory is full. Free some space and send it again; nothing else needs to be done.")
	}
	if errors.Is(err, seglog.ErrClosed) {
		return errNoStream(k)
	}
	return fmt.Errorf("put to %s: %w", k.arn(), err)
}

// batch is the part of a PutRecords that goes to one shard.
type batch struct {
	seglog.Batch
	lane   *lane
	places []int // in the request
}

func logBatches(batches []*batch) []*seglog.Batch {
	out := make([]*seglog.Batch, len(batches))
	for i, b := range batches {
		out[i] = &b.Batch
	}
	return out
}

// PutRecords stores up to 500 records. Those of a shard are stored together, in their order; each result tells whether
// its record is durable.
func (s *Service) PutRecords(ctx context.Context, in *model.PutRecordsInput) (*model.PutRecordsOutput, error) {
	st, x, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	batches, err := x.divide(in.Records)
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	s.journal.Append(logBatches(batches)...)
	out := &model.PutRecordsOutput{
		FailedRecordCount: new(int32(0)), Records: make([]model.PutRecordsResultEntry, len(in.Records)), EncryptionType: x.shownEncryption(),
	}
	for _, b := range batches {
		if b.Err != nil {
			*out.FailedRecordCount += int32(len(b.places))
			message := s.failure(st.key, b.Err)
			for _, i := range b.places {
				out.Records[i] = model.PutRecordsResultEntry{ErrorCode: new("InternalFailure"), ErrorMessage: &message}
			}
			continue
		}
		id, numbers := b.lane.id(), b.lane.numbers(b.First, b.Time, len(b.places))
		for n, i := range b.places {
			out.Records[i] = model.PutRecordsResultEntry{ShardId: &id, SequenceNumber: &numbers[n]}
		}
	}
	return out, nil
}

// divide checks the records and sorts them by shard.
func (x *state) divide(records []model.PutRecordsRequestEntry) ([]*batch, error) {
	byLane, size := map[*lane]*batch{}, 0
	for i := range records {
		size += payloadHeader + len(*records[i].PartitionKey) + len(records[i].Data)
	}
	arena := make([]byte, 0, size)
	var batches []*batch
	total := 0
	for i, r := range records {
		l, err := x.target(*r.PartitionKey, r.ExplicitHashKey)
		if err != nil {
			return nil, err
		}
		size := len(r.Data) + len(*r.PartitionKey)
		if size > x.recordSize() {
			return nil, errTooLong(fmt.Sprintf("records.%d.member.data", i+1), x.recordSize())
		}
		if total += size; total > maxPutRecordsLen {
			return nil, model.InvalidArgumentException.Errorf("Records size exceeds %d MB limit", maxPutRecordsLen>>20)
		}
		b := byLane[l]
		if b == nil {
			b = &batch{Batch: seglog.Batch{Log: l.log}, lane: l}
			byLane[l], batches = b, append(batches, b)
		}
		b.places = append(b.places, i)
		at := len(arena)
		arena = appendPayload(arena, *r.PartitionKey, r.Data, x.Encryption)
		b.Payloads = append(b.Payloads, arena[at:])
	}
	return batches, nil
}

// failure logs why a batch was not stored, and gives the message of its records.
func (s *Service) failure(k key, err error) string {
	var e *wire.Error
	if err = s.storeError(k, err); errors.As(err, &e) {
		return e.Message
	}
	s.Log.Error("records were not stored", "stream", k.arn(), "error", err)
	return "Internal service failure."
}
