package kinesis

import (
	"context"

	model "drey/model/kinesis"
	"drey/wire"
)

// maxPage is how much a list gives at once, unless less is wanted.
const maxPage = 100

// DescribeStream tells of a stream and lists its shards, 100 at a time unless Limit says less.
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
	d.Shards, *d.HasMoreShards, err = x.page(x.live(now), start, min(or(in.Limit, maxPage), maxPage))
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
		RecordDistributionStrategy: x.strategy(), QueueCount: new(int32(len(x.queues(now)))), ChannelCount: new(int32(len(x.channels(now)))),
	}
	if x.Mode == model.StreamModeON_DEMAND && s.accounts.commitment(st.key).stands(now) {
		d.WarmThroughput = x.warmThroughput()
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

// ListStreams lists the caller's streams by name, 100 at a time unless Limit says less.
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
		if len(out.StreamNames) == min(or(in.Limit, maxPage), maxPage) {
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
