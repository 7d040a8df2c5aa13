package kinesis

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	model "drey/model/kinesis"
	"drey/store/seglog"
	"drey/wire"
)

var errDryRun = model.DryRunOperationException.Errorf("The request would have succeeded, but the DryRun flag is set.")

// PutRecord stores a record. When it returns, the record is durable.
func (s *Service) PutRecord(ctx context.Context, in *model.PutRecordInput) (*model.PutRecordOutput, error) {
	began := s.Now()
	st, _, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	x := st.enter()
	defer st.leave()
	l, err := x.target(in.PartitionKey, in.ExplicitHashKey)
	if err != nil {
		return nil, err
	}
	partitionKey := orEmpty(in.PartitionKey)
	size := len(in.Data) + len(partitionKey)
	if size > x.recordSize() {
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
	if l.quota != nil && !l.quota.write(s.Now(), size) {
		st.meter.putRecord(began, s.Now(), l, size, throttled)
		return nil, errThroughput(st.key, l.id())
	}
	ordinal, at, err := l.put(appendPayload(nil, partitionKey, in.Data, x.Encryption))
	if err != nil {
		st.meter.putRecord(began, s.Now(), l, size, failed)
		return nil, s.storeError(st.key, err)
	}
	st.bell.ring()
	st.meter.putRecord(began, s.Now(), l, size, succeeded)
	return &model.PutRecordOutput{ShardId: new(l.id()), SequenceNumber: new(l.number(ordinal, at).String()), EncryptionType: x.shownEncryption()}, nil
}

// target is the shard of a record.
func (x *state) target(partitionKey, explicit *string) (*lane, error) {
	switch {
	case x.Strategy == model.RecordDistributionStrategyAUTO:
		return x.open[x.turn.Add(1)%uint64(len(x.open))], nil
	case partitionKey == nil:
		return nil, wire.ValidationException.Errorf("1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null")
	case explicit == nil:
		return route(x.open, hashOf(*partitionKey)), nil
	}
	h, ok := parseHash(*explicit)
	if !ok {
		return nil, model.InvalidArgumentException.Errorf("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *explicit)
	}
	return route(x.open, h), nil
}

// orEmpty is the partition key of a record as it is stored: "" if the producer gave none.
func orEmpty(partitionKey *string) string {
	if partitionKey == nil {
		return ""
	}
	return *partitionKey
}

// issued tells whether one of the stream's shards gave out q, as far as that is still known.
func (x *state) issued(q sequence) bool {
	if l := x.at(q.shard); l != nil {
		return l.owns(q)
	}
	return q.shard < x.nextIndex()
}

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
	lane    *lane
	places  []int // in the request
	refused []int // those for which the shard has no throughput left
	size    int   // of what was stored, with partition keys
}

// logBatches are those of which something is left to store.
func logBatches(batches []*batch) []*seglog.Batch {
	out := make([]*seglog.Batch, 0, len(batches))
	for _, b := range batches {
		if len(b.Payloads) > 0 {
			out = append(out, &b.Batch)
		}
	}
	return out
}

// PutRecords stores up to 500 records. Those of a shard are stored together, in their order; each result tells whether
// its record is durable.
func (s *Service) PutRecords(ctx context.Context, in *model.PutRecordsInput) (*model.PutRecordsOutput, error) {
	began := s.Now()
	st, _, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	x := st.enter()
	defer st.leave()
	batches, err := x.divide(in.Records)
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	if s.Limits {
		now := s.Now()
		for _, b := range batches {
			b.throttle(now)
		}
	}
	s.journal.Append(logBatches(batches)...)
	st.bell.ring()
	out := &model.PutRecordsOutput{
		FailedRecordCount: new(int32(0)), Records: make([]model.PutRecordsResultEntry, len(in.Records)), EncryptionType: x.shownEncryption(),
	}
	for _, b := range batches {
		s.tell(st.key, b, out)
	}
	st.meter.putRecords(began, s.Now(), batches)
	return out, nil
}

// tell notes what became of the records of a batch.
func (s *Service) tell(k key, b *batch, out *model.PutRecordsOutput) {
	fail := func(places []int, code, message string) {
		*out.FailedRecordCount += int32(len(places))
		for _, i := range places {
			out.Records[i] = model.PutRecordsResultEntry{ErrorCode: &code, ErrorMessage: &message}
		}
	}
	if len(b.refused) > 0 {
		e := errThroughput(k, b.lane.id())
		fail(b.refused, e.Code, e.Message)
	}
	if b.Err != nil {
		fail(b.places, "InternalFailure", s.failure(k, b.Err))
		return
	}
	for _, p := range b.Payloads {
		b.size += len(p) - payloadHeader
	}
	id, numbers := b.lane.id(), b.lane.numbers(b.First, b.Time, len(b.places))
	for n, i := range b.places {
		out.Records[i] = model.PutRecordsResultEntry{ShardId: &id, SequenceNumber: &numbers[n]}
	}
}

// throttle takes out the records for which the shard has no throughput left. Smaller ones behind them may pass.
func (b *batch) throttle(now time.Time) {
	kept := 0
	for i, p := range b.Payloads {
		if !b.lane.quota.write(now, len(p)-payloadHeader) {
			b.refused = append(b.refused, b.places[i])
			continue
		}
		b.places[kept], b.Payloads[kept] = b.places[i], p
		kept++
	}
	b.places, b.Payloads = b.places[:kept], b.Payloads[:kept]
}

// divide checks the records and sorts them by shard.
func (x *state) divide(records []model.PutRecordsRequestEntry) ([]*batch, error) {
	byLane, size := map[*lane]*batch{}, 0
	for i := range records {
		size += payloadHeader + len(orEmpty(records[i].PartitionKey)) + len(records[i].Data)
	}
	arena := make([]byte, 0, size)
	var batches []*batch
	total := 0
	for i, r := range records {
		l, err := x.target(r.PartitionKey, r.ExplicitHashKey)
		if err != nil {
			return nil, err
		}
		size := len(r.Data) + len(orEmpty(r.PartitionKey))
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
		arena = appendPayload(arena, orEmpty(r.PartitionKey), r.Data, x.Encryption)
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
