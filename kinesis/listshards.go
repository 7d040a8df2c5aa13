package kinesis

import (
	"context"
	"time"

	model "drey/model/kinesis"
)

// maxShards is how many shards ListShards gives at once, unless fewer are wanted.
const maxShards = 1000

// ListShards lists shards, 1,000 at a time unless MaxResults says less. A token goes on with the filter it began with.
func (s *Service) ListShards(ctx context.Context, in *model.ListShardsInput) (*model.ListShardsOutput, error) {
	t, ref, err := s.firstShards(in)
	if err != nil {
		return nil, err
	}
	st, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	x, now := st.load(), s.Now()
	if status := x.status(now); status == model.StreamStatusCREATING || status == model.StreamStatusDELETING {
		return nil, errNotActive(st.key, status)
	}
	if t.ID != "" && t.ID != x.ID || otherCreation(x, in.StreamCreationTimestamp) { // another stream has the name now
		return nil, errNoStream(st.key)
	}
	lanes, err := x.filter(t.Filter, now)
	if err != nil {
		return nil, err
	}
	shards, more, err := x.page(lanes, t.After, min(or(in.MaxResults, maxShards), maxShards))
	if err != nil {
		return nil, err
	}
	out := &model.ListShardsOutput{Shards: shards}
	if more {
		out.NextToken = new(s.sealer.seal(token{Kind: shardsToken, Stream: st.key, ID: x.ID, After: *shards[len(shards)-1].ShardId, Filter: t.Filter, Issued: now}))
	}
	return out, nil
}

// firstShards tells where a request begins: a token, opened or made of the request's members, and its stream.
func (s *Service) firstShards(in *model.ListShardsInput) (t token, ref reference, err error) {
	ref = reference{in.StreamName, in.StreamARN, in.StreamId}
	if in.NextToken == nil {
		t.Filter = in.ShardFilter
		if in.ExclusiveStartShardId != nil {
			t.After = *in.ExclusiveStartShardId
		}
		if f := in.ShardFilter; f != nil && f.Type == model.ShardFilterTypeAFTER_SHARD_ID && f.ShardId != nil {
			t.After = max(t.After, *f.ShardId)
		}
		return t, ref, nil
	}
	if in.StreamName != nil || in.ExclusiveStartShardId != nil || in.ShardFilter != nil || in.StreamCreationTimestamp != nil {
		return token{}, ref, model.InvalidArgumentException.Errorf("NextToken and StreamName cannot be provided together.")
	}
	if t, err = s.openPage(shardsToken, *in.NextToken); err != nil {
		return token{}, ref, err
	}
	if in.StreamARN != nil && *in.StreamARN != t.Stream.arn() || in.StreamId != nil && *in.StreamId != t.ID {
		return token{}, ref, model.InvalidArgumentException.Errorf("The NextToken is of another stream.")
	}
	return t, reference{arn: new(t.Stream.arn())}, nil
}

// otherCreation tells that a stream is not the one that was made at that second.
func otherCreation(x *state, at *time.Time) bool { return at != nil && at.Unix() != x.Created.Unix() }

// shardFilters tell which shards a filter lets pass; at is the filter's time, never before the horizon.
var shardFilters = map[model.ShardFilterType]func(l *lane, at time.Time) bool{
	model.ShardFilterTypeAFTER_SHARD_ID:    func(*lane, time.Time) bool { return true },
	model.ShardFilterTypeFROM_TRIM_HORIZON: func(*lane, time.Time) bool { return true },
	model.ShardFilterTypeAT_LATEST:         func(l *lane, _ time.Time) bool { return l.Closed == nil },
	model.ShardFilterTypeAT_TRIM_HORIZON:   (*lane).openAt,
	model.ShardFilterTypeAT_TIMESTAMP:      (*lane).openAt,
	model.ShardFilterTypeFROM_TIMESTAMP:    (*lane).openSince,
}

func (l *lane) openSince(t time.Time) bool { return l.Closed == nil || !l.Closed.Before(t) }
func (l *lane) openAt(t time.Time) bool    { return l.openSince(t) && !l.Created.After(t) }

// filter gives the shards that pass; no filter is FROM_TRIM_HORIZON.
func (x *state) filter(f *model.ShardFilter, now time.Time) ([]*lane, error) {
	live := x.live(now)
	if f == nil {
		return live, nil
	}
	timed := f.Type == model.ShardFilterTypeAT_TIMESTAMP || f.Type == model.ShardFilterTypeFROM_TIMESTAMP
	if timed && f.Timestamp == nil {
		return nil, model.InvalidArgumentException.Errorf("Timestamp must be provided for ShardFilter type %s.", f.Type)
	}
	if f.Type == model.ShardFilterTypeAFTER_SHARD_ID && f.ShardId == nil {
		return nil, model.InvalidArgumentException.Errorf("ShardId must be provided for ShardFilter type %s.", f.Type)
	}
	at := x.Created // earlier times mean the first shards
	for _, t := range []time.Time{x.horizon(now), timeOr(f.Timestamp, at)} {
		if t.After(at) {
			at = t
		}
	}
	var out []*lane
	for _, l := range live {
		if shardFilters[f.Type](l, at) {
			out = append(out, l)
		}
	}
	return out, nil
}

func timeOr(t *time.Time, otherwise time.Time) time.Time {
	if t == nil {
		return otherwise
	}
	return *t
}
