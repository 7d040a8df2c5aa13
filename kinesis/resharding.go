package kinesis

import (
	"context"
	"math/big"
	"slices"
	"time"

	model "drey/model/kinesis"
)

// streamShards is how many shards UpdateShardCount gives a stream at most ("UpdateShardCount" in the API reference).
const streamShards = 10_000

// SplitShard makes two shards of one.
func (s *Service) SplitShard(ctx context.Context, in *model.SplitShardInput) (*model.SplitShardOutput, error) {
	_, err := s.reshard(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(k key, d *document, now time.Time) error {
		p, err := d.divisible(k, *in.ShardToSplit, now)
		if err != nil {
			return err
		}
		at, above := number(*in.NewStartingHashKey), new(big.Int).Add(number(p.Start), big.NewInt(1))
		if at.Cmp(above) <= 0 || at.Cmp(number(p.End)) >= 0 {
			return model.InvalidArgumentException.Errorf("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				*in.NewStartingHashKey, p.id(), k.Name, k.Account, p.Start, p.End)
		}
		if err := s.roomFor(k, 1); err != nil {
			return err
		}
		d.split(p.Index, at, now)
		return nil
	})
	return &model.SplitShardOutput{}, err
}

// MergeShards makes one shard of two neighbours.
func (s *Service) MergeShards(ctx context.Context, in *model.MergeShardsInput) (*model.MergeShardsOutput, error) {
	_, err := s.reshard(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(k key, d *document, now time.Time) error {
		a, err := d.divisible(k, *in.ShardToMerge, now)
		if err != nil {
			return err
		}
		b, err := d.divisible(k, *in.AdjacentShardToMerge, now)
		if err != nil {
			return err
		}
		if !a.meets(b) && !b.meets(a) {
			return model.InvalidArgumentException.Errorf("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging", a.id(), b.id(), k.Name, k.Account)
		}
		d.merge(a.Index, b.Index, now)
		return nil
	})
	return &model.MergeShardsOutput{}, err
}

// UpdateShardCount splits and merges until there are so many shards of equal size.
func (s *Service) UpdateShardCount(ctx context.Context, in *model.UpdateShardCountInput) (*model.UpdateShardCountOutput, error) {
	have, want := 0, int(*in.TargetShardCount)
	st, err := s.reshard(ctx, reference{in.StreamName, in.StreamARN, in.StreamId}, func(k key, d *document, now time.Time) error {
		have = len(d.openShards())
		if err := scalable(have, want); err != nil {
			return err
		}
		if err := s.roomFor(k, want-have); err != nil {
			return err
		}
		if err := s.spend(d, "UpdateShardCount", now); err != nil {
			return err
		}
		d.scale(want, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &model.UpdateShardCountOutput{
		StreamName: &st.key.Name, StreamARN: new(st.key.arn()), CurrentShardCount: new(int32(have)), TargetShardCount: in.TargetShardCount,
	}, nil
}

// scalable tells whether one call may change the count of a stream's shards like this.
func scalable(have, want int) error {
	limit := ""
	switch {
	case want > 2*have:
		limit = "scale up over double your current open shard count"
	case 2*want < have:
		limit = "scale down below half your current open shard count"
	case want > streamShards && want > have:
		limit = "scale up over 10000 shards"
	case have > streamShards && want >= streamShards:
		limit = "scale down a stream of more than 10000 shards unless the result is less than 10000 shards"
	default:
		return nil
	}
	return model.LimitExceededException.Errorf("UpdateShardCount cannot %s. Current open shard count: %d, Target shard count: %d", limit, have, want)
}

// within are those of the times that lie less than d back, or ahead: the clock may have been set back since.
func within(times []time.Time, now time.Time, d time.Duration) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return now.Sub(t).Abs() >= d })
}

// reshard stores what edit makes of the shards of an ACTIVE stream with provisioned capacity.
func (s *Service) reshard(ctx context.Context, ref reference, edit func(key, *document, time.Time) error) (*stream, error) {
	s.birth.Lock() // so that no other stream takes the room under the account's limit
	defer s.birth.Unlock()
	k, err := s.keyOf(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.changeActive(ctx, ref, func(d *document, now time.Time) error {
		if d.Mode != model.StreamModePROVISIONED {
			return model.ValidationException.Errorf("Stream %s under account %s has the on-demand capacity mode. Only streams with the provisioned capacity mode can be resharded.", k.Name, k.Account)
		}
		d.Updated = now.Add(updating)
		return edit(k, d, now)
	})
}

// divisible finds an open shard.
func (d *document) divisible(k key, id string, now time.Time) (shard, error) {
	horizon := d.horizon(now)
	for _, s := range d.Shards {
		if s.id() != id || s.expired(horizon) {
			continue
		}
		if s.Closed != nil {
			return shard{}, model.ResourceInUseException.Errorf("Shard %s in stream %s under account %s has already been merged or split, and thus is not eligible for merging or splitting.", id, k.Name, k.Account)
		}
		return s, nil
	}
	return shard{}, model.ResourceNotFoundException.Errorf("Could not find shard %s in stream %s under account %s.", id, k.Name, k.Account)
}

// meets tells whether the range of t follows that of s.
func (s shard) meets(t shard) bool {
	return new(big.Int).Add(number(s.End), big.NewInt(1)).Cmp(number(t.Start)) == 0
}
