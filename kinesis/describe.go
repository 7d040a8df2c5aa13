package kinesis

import (
	"context"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// DescribeStream tells of a stream and lists its shards, 100 at a time unless Limit says otherwise.
func (s *Service) DescribeStream(ctx context.Context, in *model.DescribeStreamInput) (*model.DescribeStreamOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	x, now := st.load(), s.Now()
	d := &model.StreamDescription{
		StreamName: &st.key.Name, StreamARN: new(st.key.arn()), StreamStatus: x.status(now), StreamModeDetails: x.mode(),
		RetentionPeriodHours: &x.Retention, StreamCreationTimestamp: &x.Created, EnhancedMonitoring: x.monitoring(),
		EncryptionType: x.Encryption, KeyId: x.keyID(), Shards: []model.Shard{}, HasMoreShards: new(false),
	}
	if d.StreamStatus == model.StreamStatusCREATING {
		return &model.DescribeStreamOutput{StreamDescription: d}, nil
	}
	start := ""
	if in.ExclusiveStartShardId != nil {
		start = *in.ExclusiveStartShardId
	}
	d.Shards, *d.HasMoreShards, err = x.page(x.lanes, start, or(in.Limit, 100))
	return &model.DescribeStreamOutput{StreamDescription: d}, err
}

// page gives up to limit of the lanes that come after the id.
func (x *state) page(lanes []*lane, after string, limit int) (out []model.Shard, more bool, err error) {
	out = []model.Shard{}
	for _, l := range lanes {
		if l.id() <= after {
			continue
		}
		if len(out) == limit {
			return out, true, nil
		}
		sh, err := l.describe()
		if err != nil {
			return nil, false, err
		}
		out = append(out, sh)
	}
	return out, false, nil
}

func (l *lane) describe() (model.Shard, error) {
	numbers := &model.SequenceNumberRange{StartingSequenceNumber: new(l.number(0, l.Created).String())}
	if l.Closed != nil {
		next, err := l.next()
		if err != nil {
			return model.Shard{}, err
		}
		q := l.number(next-1, *l.Closed)
		q.mark = afterOrdinal
		numbers.EndingSequenceNumber = new(q.String())
	}
	return model.Shard{
		ShardId: new(l.id()), HashKeyRange: l.hashKeys(), SequenceNumberRange: numbers,
		ParentShardId: orNil(l.Parent), AdjacentParentShardId: orNil(l.AdjacentParent),
	}, nil
}

// DescribeStreamSummary tells of a stream without its shards. It leaves out StreamId, which AWS reserves for the future: with one,
// SDKs go to a host of that name, whatever endpoint they were given.
func (s *Service) DescribeStreamSummary(ctx context.Context, in *model.DescribeStreamSummaryInput) (*model.DescribeStreamSummaryOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	x, now := st.load(), s.Now()
	d := &model.StreamDescriptionSummary{
		StreamName: &st.key.Name, StreamARN: new(st.key.arn()), StreamStatus: x.status(now), StreamModeDetails: x.mode(),
		RetentionPeriodHours: &x.Retention, StreamCreationTimestamp: &x.Created, EnhancedMonitoring: x.monitoring(),
		EncryptionType: x.Encryption, KeyId: x.keyID(), OpenShardCount: new(int32(len(x.open))),
		ConsumerCount: new(int32(len(x.consumers(now)))), MaxRecordSizeInKiB: &x.RecordKiB,
	}
	if d.StreamStatus == model.StreamStatusCREATING {
		d.OpenShardCount = new(int32(0))
	}
	return &model.DescribeStreamSummaryOutput{StreamDescriptionSummary: d}, nil
}

func (d *document) mode() *model.StreamModeDetails {
	return &model.StreamModeDetails{StreamMode: d.Mode}
}

func (d *document) monitoring() []model.EnhancedMetrics {
	return []model.EnhancedMetrics{{ShardLevelMetrics: append([]model.MetricsName{}, d.Metrics...)}}
}

func (d *document) keyID() *string { return orNil(d.KeyID) }

// ListStreams lists the caller's streams by name, 100 at a time unless Limit says otherwise.
func (s *Service) ListStreams(ctx context.Context, in *model.ListStreamsInput) (*model.ListStreamsOutput, error) {
	r := wire.FromContext(ctx)
	after := ""
	switch {
	case in.NextToken != nil:
		t, err := s.openPage(streamsToken, *in.NextToken)
		if err != nil {
			return nil, err
		}
		after = t.After
	case in.ExclusiveStartStreamName != nil:
		after = *in.ExclusiveStartStreamName
	}
	out := &model.ListStreamsOutput{StreamNames: []string{}, StreamSummaries: []model.StreamSummary{}, HasMoreStreams: new(false)}
	now := s.Now()
	for _, st := range s.all() {
		x := st.load()
		if st.key.Account != r.Account || st.key.Region != r.Region || st.key.Name <= after || x.gone(now) {
			continue
		}
		if len(out.StreamNames) == or(in.Limit, 100) {
			out.HasMoreStreams = new(true)
			out.NextToken = new(s.sealer.seal(token{Kind: streamsToken, After: out.StreamNames[len(out.StreamNames)-1], Issued: now}))
			break
		}
		out.StreamNames = append(out.StreamNames, st.key.Name)
		out.StreamSummaries = append(out.StreamSummaries, model.StreamSummary{
			StreamName: &st.key.Name, StreamARN: new(st.key.arn()), StreamStatus: x.status(now), StreamModeDetails: x.mode(), StreamCreationTimestamp: &x.Created,
		})
	}
	return out, nil
}

// ListShards lists shards, 1,000 at a time unless MaxResults says otherwise.
func (s *Service) ListShards(ctx context.Context, in *model.ListShardsInput) (*model.ListShardsOutput, error) {
	named := in.StreamName != nil || in.StreamARN != nil || in.StreamId != nil
	after, ref := "", reference{in.StreamName, in.StreamARN, in.StreamId}
	if in.ExclusiveStartShardId != nil {
		after = *in.ExclusiveStartShardId
	}
	if in.NextToken != nil {
		if in.StreamName != nil || in.ExclusiveStartShardId != nil || in.ShardFilter != nil || in.StreamCreationTimestamp != nil {
			return nil, model.InvalidArgumentException.Errorf("NextToken and StreamName cannot be provided together.")
		}
		t, err := s.openPage(shardsToken, *in.NextToken)
		if err != nil {
			return nil, err
		}
		if after = t.After; !named {
			ref = reference{arn: new(t.Stream.arn())}
		}
	}
	st, x, err := s.findReady(ctx, ref)
	if err != nil {
		return nil, err
	}
	lanes, err := x.filter(in.ShardFilter, s.Now())
	if err != nil {
		return nil, err
	}
	if f := in.ShardFilter; f != nil && f.Type == model.ShardFilterTypeAFTER_SHARD_ID {
		after = max(after, *f.ShardId)
	}
	shards, more, err := x.page(lanes, after, or(in.MaxResults, 1000))
	if err != nil {
		return nil, err
	}
	out := &model.ListShardsOutput{Shards: shards}
	if more {
		out.NextToken = new(s.sealer.seal(token{Kind: shardsToken, Stream: st.key, ID: x.ID, After: *shards[len(shards)-1].ShardId, Issued: s.Now()}))
	}
	return out, nil
}

// shardFilters tell which shards a filter lets pass; at is the filter's time.
var shardFilters = map[model.ShardFilterType]func(l *lane, at, horizon time.Time) bool{
	model.ShardFilterTypeAFTER_SHARD_ID:    func(*lane, time.Time, time.Time) bool { return true },
	model.ShardFilterTypeFROM_TRIM_HORIZON: func(l *lane, _, horizon time.Time) bool { return l.openAfter(horizon) },
	model.ShardFilterTypeAT_TRIM_HORIZON: func(l *lane, _, horizon time.Time) bool {
		return l.openAfter(horizon) && (l.Parent == "" || !l.Created.After(horizon))
	},
	model.ShardFilterTypeAT_LATEST:      func(l *lane, _, _ time.Time) bool { return l.Closed == nil },
	model.ShardFilterTypeAT_TIMESTAMP:   func(l *lane, at, _ time.Time) bool { return l.openAfter(at) && !l.Created.After(at) },
	model.ShardFilterTypeFROM_TIMESTAMP: func(l *lane, at, _ time.Time) bool { return l.openAfter(at) },
}

func (l *lane) openAfter(t time.Time) bool { return l.Closed == nil || l.Closed.After(t) }

func (x *state) filter(f *model.ShardFilter, now time.Time) ([]*lane, error) {
	if f == nil {
		return x.lanes, nil
	}
	timed := f.Type == model.ShardFilterTypeAT_TIMESTAMP || f.Type == model.ShardFilterTypeFROM_TIMESTAMP
	if timed && f.Timestamp == nil {
		return nil, model.InvalidArgumentException.Errorf("Timestamp must be provided for ShardFilter type %s.", f.Type)
	}
	if f.Type == model.ShardFilterTypeAFTER_SHARD_ID && f.ShardId == nil {
		return nil, model.InvalidArgumentException.Errorf("ShardId must be provided for ShardFilter type %s.", f.Type)
	}
	at := x.Created // earlier times mean the first shards
	if f.Timestamp != nil && f.Timestamp.After(at) {
		at = *f.Timestamp
	}
	var out []*lane
	for _, l := range x.lanes {
		if shardFilters[f.Type](l, at, x.horizon(now)) {
			out = append(out, l)
		}
	}
	return out, nil
}

// openPage opens the token of a list. It is good for five minutes.
func (s *Service) openPage(kind tokenKind, text string) (token, error) {
	t, ok := s.sealer.open(kind, text)
	if !ok {
		return token{}, model.InvalidArgumentException.Errorf("The NextToken is invalid.")
	}
	if s.Now().Sub(t.Issued) > tokenLife {
		return token{}, model.ExpiredNextTokenException.Errorf("The NextToken has expired. It was created at %s and is good for %d seconds.", t.Issued.UTC().Format(time.RFC3339), int(tokenLife.Seconds()))
	}
	return t, nil
}

func or(v *int32, otherwise int) int {
	if v == nil {
		return otherwise
	}
	return int(*v)
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
