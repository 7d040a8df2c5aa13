package kinesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	model "drey/model/kinesis"
	"drey/store/seglog"
)

// position is where reading starts: the members that GetShardIterator and SubscribeToShard share.
type position struct {
	kind   model.ShardIteratorType
	number *string
	time   *time.Time
}

// GetShardIterator gives an iterator, good for five minutes. Its place is fixed when it is given out.
func (s *Service) GetShardIterator(ctx context.Context, in *model.GetShardIteratorInput) (*model.GetShardIteratorOutput, error) {
	st, x, err := s.findReady(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	l := x.lane(*in.ShardId, s.Now())
	if l == nil {
		return nil, errNoShard(st.key, *in.ShardId)
	}
	if !l.quota.iterator(s.Now()) {
		return nil, errThroughput(st.key, l.id())
	}
	ordinal, err := s.start(st.key, l, position{in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp}, "GetShardIterator")
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	return &model.GetShardIteratorOutput{ShardIterator: new(s.iterator(st.key, x, l, ordinal))}, nil
}

func (s *Service) iterator(k key, x *state, l *lane, ordinal uint64) string {
	return s.sealer.seal(token{Kind: iteratorToken, ID: x.ID, Stream: k, Shard: l.Index, Ordinal: ordinal, Issued: s.Now()})
}

// start turns a position into the ordinal of the first record to read.
func (s *Service) start(k key, l *lane, p position, op string) (uint64, error) {
	switch p.kind {
	case model.ShardIteratorTypeTRIM_HORIZON:
		return 1, nil
	case model.ShardIteratorTypeLATEST:
		return l.next()
	case model.ShardIteratorTypeAT_TIMESTAMP:
		if p.time == nil {
			return 0, model.InvalidArgumentException.Errorf("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")
		}
		if now := s.Now(); p.time.After(now) {
			return 0, model.InvalidArgumentException.Errorf("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", p.time.UnixMilli(), now.UnixMilli())
		}
		return l.at(*p.time)
	default:
		return startAtNumber(k, l, p, op)
	}
}

func startAtNumber(k key, l *lane, p position, op string) (uint64, error) {
	if p.number == nil {
		return 0, model.InvalidArgumentException.Errorf("Must either specify (1) AT_SEQUENCE_NUMBER and StartingSequenceNumber or (2) AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (3) TRIM_HORIZON and no StartingSequenceNumber or (4) LATEST and no StartingSequenceNumber. Request specified %s and no StartingSequenceNumber.", p.kind)
	}
	q, ok := parseSequence(*p.number)
	if !ok || !l.owns(q) {
		return 0, model.InvalidArgumentException.Errorf("StartingSequenceNumber %s used in %s on shard %s in stream %s under account %s is invalid because it did not come from this stream.", *p.number, op, l.id(), k.Name, k.Account)
	}
	next, err := l.next()
	if err != nil {
		return 0, err
	}
	from := q.from()
	if p.kind == model.ShardIteratorTypeAFTER_SEQUENCE_NUMBER && q.mark == 0 {
		from = q.ordinal + 1
	}
	return min(from, next), nil
}

// reading is what an iterator means.
type reading struct {
	token
	stream *stream
	state  *state
	lane   *lane
}

// openIterator tells what the iterator of a request means.
func (s *Service) openIterator(in *model.GetRecordsInput, now time.Time) (r reading, err error) {
	var ok bool
	if r.token, ok = s.sealer.open(iteratorToken, *in.ShardIterator); !ok {
		return r, model.InvalidArgumentException.Errorf("Invalid ShardIterator.")
	}
	if in.StreamARN != nil && *in.StreamARN != r.Stream.arn() {
		return r, model.InvalidArgumentException.Errorf("The ShardIterator is not of stream %s.", *in.StreamARN)
	}
	if in.StreamId != nil && *in.StreamId != r.ID {
		return r, model.InvalidArgumentException.Errorf("The ShardIterator is not of the stream with id %s.", *in.StreamId)
	}
	if now.Sub(r.Issued) > tokenLife {
		return r, model.ExpiredIteratorException.Errorf("Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			r.Issued.UTC().Format(time.UnixDate), now.UTC().Format(time.UnixDate), tokenLife.Milliseconds())
	}
	if r.stream, err = s.byKey(r.Stream); err != nil {
		return r, err
	}
	if r.state = r.stream.load(); r.state.ID != r.ID { // another stream has the name now
		return r, errNoStream(r.Stream)
	}
	if r.lane = r.state.lane(shardID(r.Shard), now); r.lane == nil {
		return r, errNoShard(r.Stream, shardID(r.Shard))
	}
	return r, nil
}

// GetRecords reads on from an iterator: up to Limit records and 10 MiB.
func (s *Service) GetRecords(_ context.Context, in *model.GetRecordsInput) (*model.GetRecordsOutput, error) {
	now := s.Now()
	from, err := s.openIterator(in, now)
	if err != nil {
		return nil, err
	}
	st, x, l := from.stream, from.state, from.lane
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun
	}
	if !l.quota.call(now) {
		st.meter.getRecords(now, s.Now(), l, page{}, throttled)
		return nil, errThroughput(st.key, l.id())
	}
	c := &cursor{Reader: l.log.Reader(from.Ordinal).Since(x.horizon(now))}
	defer c.Close()
	p, err := l.read(c, from.Ordinal, or(in.Limit, maxRecords), maxReadSize, now)
	if err != nil {
		st.meter.getRecords(now, s.Now(), l, page{}, failed)
		return nil, readError(st.key, l, err)
	}
	l.quota.got(now, p.size, p.full || p.size >= maxReadSize)
	out := &model.GetRecordsOutput{MillisBehindLatest: new(p.behind.Milliseconds())}
	if out.Records, err = l.records(p.records); err != nil {
		st.meter.getRecords(now, s.Now(), l, page{}, failed)
		return nil, readError(st.key, l, err)
	}
	if p.ended {
		out.ChildShards = x.children(l.id())
	} else {
		out.NextShardIterator = new(s.iterator(st.key, x, l, p.next))
	}
	st.meter.getRecords(now, s.Now(), l, p, succeeded)
	return out, nil
}

// readError hides that a stream was removed in the middle of a read.
func readError(k key, l *lane, err error) error {
	if errors.Is(err, seglog.ErrClosed) {
		return errNoStream(k)
	}
	return fmt.Errorf("read %s of %s: %w", l.id(), k.arn(), err)
}
