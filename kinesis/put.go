package kinesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

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
	if l.quota != nil && !l.quota.write(s.Now(), len(in.Data)+len(*in.PartitionKey)) {
		return nil, errThroughput(st.key, l.id())
	}
	ordinal, at, err := l.put(encodePayload(*in.PartitionKey, in.Data, x.Encryption))
	for errors.Is(err, errMoved) {
		if l, err = st.load().target(*in.PartitionKey, in.ExplicitHashKey); err == nil {
			ordinal, at, err = l.put(encodePayload(*in.PartitionKey, in.Data, x.Encryption))
		}
	}
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
	lane     *lane
	places   []int // in the request
	refused  []int // those for which the shard has no throughput left
	payloads [][]byte
	ordinal  uint64
	arrived  time.Time
	err      error
}

// PutRecords stores up to 500 records. Those of a shard are stored together, in their order; each result tells whether
// its record is durable.
func (s *Service) PutRecords(ctx context.Context, in *model.PutRecordsInput) (*model.PutRecordsOutput, error) {
	st, x, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	batches, err := x.divide(in.Records, nil)
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	if batches, err = s.putAll(st, batches, in.Records); err != nil {
		return nil, err
	}
	out := &model.PutRecordsOutput{
		FailedRecordCount: new(int32(0)), Records: make([]model.PutRecordsResultEntry, len(in.Records)), EncryptionType: x.shownEncryption(),
	}
	for _, b := range batches {
		b.tellRefused(st.key, out)
		if b.err != nil {
			*out.FailedRecordCount += int32(len(b.places))
			message := s.failure(st.key, b.err)
			for _, i := range b.places {
				out.Records[i] = model.PutRecordsResultEntry{ErrorCode: new("InternalFailure"), ErrorMessage: &message}
			}
			continue
		}
		id := b.lane.id()
		for n, i := range b.places {
			out.Records[i] = model.PutRecordsResultEntry{ShardId: &id, SequenceNumber: new(b.lane.number(b.ordinal+uint64(n), b.arrived).String())}
		}
	}
	return out, nil
}

// putAll stores batches side by side. What goes to a shard that was closed meanwhile is divided among its children.
func (s *Service) putAll(st *stream, batches []*batch, records []model.PutRecordsRequestEntry) (done []*batch, err error) {
	for len(batches) > 0 {
		if s.Limits {
			for _, b := range batches {
				b.throttle(s.Now())
			}
		}
		var wg sync.WaitGroup
		for _, b := range batches[1:] {
			wg.Go(b.put)
		}
		batches[0].put()
		wg.Wait()
		var moved []int
		for _, b := range batches {
			if errors.Is(b.err, errMoved) {
				moved = append(moved, b.places...)
				b.places, b.err = nil, nil
			}
			if len(b.places)+len(b.refused) > 0 {
				done = append(done, b)
			}
		}
		if len(moved) == 0 {
			break
		}
		slices.Sort(moved)
		if batches, err = st.load().divide(records, moved); err != nil {
			return nil, err
		}
	}
	return done, nil
}

func (b *batch) put() {
	if len(b.payloads) > 0 {
		b.ordinal, b.arrived, b.err = b.lane.put(b.payloads...)
	}
}

// throttle takes out the records for which the shard has no throughput left. Smaller ones behind them may pass.
func (b *batch) throttle(now time.Time) {
	kept := 0
	for i, p := range b.payloads {
		if !b.lane.quota.write(now, len(p)-payloadHeader) {
			b.refused = append(b.refused, b.places[i])
			continue
		}
		b.places[kept], b.payloads[kept] = b.places[i], p
		kept++
	}
	b.places, b.payloads = b.places[:kept], b.payloads[:kept]
}

// divide checks the records and sorts them by shard. places are those that are meant; nil means all.
func (x *state) divide(records []model.PutRecordsRequestEntry, places []int) ([]*batch, error) {
	byLane := map[*lane]*batch{}
	var batches []*batch
	total := 0
	for i, r := range records {
		if places != nil {
			if _, meant := slices.BinarySearch(places, i); !meant {
				continue
			}
		}
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
			b = &batch{lane: l}
			byLane[l], batches = b, append(batches, b)
		}
		b.places = append(b.places, i)
		b.payloads = append(b.payloads, encodePayload(*r.PartitionKey, r.Data, x.Encryption))
	}
	return batches, nil
}

// tellRefused notes the records that were taken out.
func (b *batch) tellRefused(k key, out *model.PutRecordsOutput) {
	if len(b.refused) == 0 {
		return
	}
	*out.FailedRecordCount += int32(len(b.refused))
	e := errThroughput(k, b.lane.id())
	for _, i := range b.refused {
		out.Records[i] = model.PutRecordsResultEntry{ErrorCode: &e.Code, ErrorMessage: &e.Message}
	}
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
