package kinesis

import (
	"context"
	"crypto/rand"
	"strings"

	model "drey/model/kinesis"
	"drey/wire"
)

// Quotas of an account and region ("Quotas and limits" in the developer guide).
const (
	shardLimit         = 20_000
	creatingLimit      = 5 // streams in an account; consumers of a stream, too
	consumersLimit     = 20
	advantageConsumers = 50 // of streams that are On-demand Advantage
	maxPutRecordsLen   = 10 << 20
)

// CreateStream makes a stream that is ACTIVE a moment later.
func (s *Service) CreateStream(ctx context.Context, in *model.CreateStreamInput) (*model.CreateStreamOutput, error) {
	k, err := s.keyOf(ctx, reference{name: in.StreamName})
	if err != nil {
		return nil, err
	}
	s.birth.Lock()
	defer s.birth.Unlock()
	if err := s.makeRoom(ctx, k); err != nil {
		return nil, err
	}
	d, err := s.newDocument(k, in)
	if err != nil {
		return nil, err
	}
	if err := s.saveStream(ctx, k, d); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.streams[k] = s.newStream(k, d)
	s.mu.Unlock()
	s.wake()
	return &model.CreateStreamOutput{}, nil
}

// makeRoom refuses a name in use, and finishes the removal of a stream that had it.
func (s *Service) makeRoom(ctx context.Context, k key) error {
	s.mu.RLock()
	st := s.streams[k]
	s.mu.RUnlock()
	if st == nil {
		return nil
	}
	if !st.load().gone(s.Now()) {
		return model.ResourceInUseException.Errorf("Stream %s under account %s already exists.", k.Name, k.Account)
	}
	return s.removeLocked(ctx, st)
}

func (s *Service) newDocument(k key, in *model.CreateStreamInput) (document, error) {
	mode := model.StreamModePROVISIONED
	if in.StreamModeDetails != nil {
		mode = in.StreamModeDetails.StreamMode
	}
	shards := onDemandShards
	switch {
	case mode == model.StreamModeON_DEMAND && in.ShardCount != nil:
		return document{}, model.InvalidArgumentException.Errorf("ShardCount must not be provided for a stream in ON_DEMAND mode.")
	case mode == model.StreamModePROVISIONED && in.ShardCount == nil:
		return document{}, model.InvalidArgumentException.Errorf("ShardCount must be provided for a stream in PROVISIONED mode.")
	case in.ShardCount != nil:
		shards = int(*in.ShardCount)
	}
	if creating := s.usage(k).creating; s.Limits && creating >= creatingLimit {
		return document{}, model.LimitExceededException.Errorf("Account %s already has %d streams in the CREATING state in %s, which is the limit.", k.Account, creating, k.Region)
	}
	if err := s.roomIn(k, mode, shards); err != nil {
		return document{}, err
	}
	if err := checkTags(k, in.Tags, len(in.Tags)); err != nil {
		return document{}, err
	}
	now := s.Now()
	d := document{
		ID: newStreamID(), Created: now, Active: now.Add(creation), Mode: mode, Retention: minHours, RecordKiB: defaultKiB,
		Shards: evenShards(shards, now), Encryption: model.EncryptionTypeNONE, Tags: in.Tags,
		Strategy: in.RecordDistributionStrategy,
	}
	if err := d.checkStrategy(); err != nil {
		return document{}, err
	}
	if in.WarmThroughputMiBps != nil {
		if err := s.warm(k, &d, *in.WarmThroughputMiBps, now); err != nil {
			return document{}, err
		}
		d.Shards, d.NextIndex = evenShards(len(d.openShards()), now), 0
	}
	if in.MaxRecordSizeInKiB != nil {
		d.RecordKiB = *in.MaxRecordSizeInKiB
	}
	return d, nil
}

func newStreamID() string {
	t := strings.ToLower(rand.Text())
	return t[:20] + "-" + t[20:23]
}

type usage struct{ shards, onDemand, creating int }

// usage counts the open shards of provisioned streams, the on-demand streams and those that are CREATING in k's account
// and region.
func (s *Service) usage(k key) (u usage) {
	for _, st := range s.all() {
		if st.key.Account != k.Account || st.key.Region != k.Region {
			continue
		}
		x := st.load()
		if x.Mode == model.StreamModeON_DEMAND {
			u.onDemand++
		} else {
			u.shards += len(x.open)
		}
		if x.status(s.Now()) == model.StreamStatusCREATING {
			u.creating++
		}
	}
	return u
}

// roomFor refuses more shards than an account and region may have.
func (s *Service) roomFor(k key, more int) error {
	if use := s.usage(k); more > 0 && use.shards+more > shardLimit {
		return model.LimitExceededException.Errorf("This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d.", k.Account, k.Region, use.shards, shardLimit, more)
	}
	return nil
}

// DeleteStream begins the end of a stream. Its subscriptions end at once.
func (s *Service) DeleteStream(ctx context.Context, in *model.DeleteStreamInput) (*model.DeleteStreamOutput, error) {
	st, err := s.find(ctx, reference{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, st, func(d *document) error {
		now := s.Now()
		if d.Gone != nil {
			return model.ResourceInUseException.Errorf("Stream %s under account %s is already being deleted.", st.key.Name, st.key.Account)
		}
		if n := len(d.queues(now)); n > 0 {
			return model.ResourceInUseException.Errorf("Stream %s under account %s has %d queues. Delete them first.", st.key.Name, st.key.Account, n)
		}
		if n := len(d.channels(now)); n > 0 {
			return model.ResourceInUseException.Errorf("Stream %s under account %s has %d channels. Delete them first.", st.key.Name, st.key.Account, n)
		}
		if n := len(d.consumers(now)); n > 0 && (in.EnforceConsumerDeletion == nil || !*in.EnforceConsumerDeletion) {
			return model.ResourceInUseException.Errorf("Stream %s under account %s has %d registered consumers. Deregister them, or set EnforceConsumerDeletion.", st.key.Name, st.key.Account, n)
		}
		d.Gone = new(now.Add(deletion))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.subs.end(errNoStream(st.key), func(x *subscription) bool { return x.stream == st })
	return &model.DeleteStreamOutput{}, nil
}

// DescribeLimits counts what the account uses.
func (s *Service) DescribeLimits(ctx context.Context, _ *model.DescribeLimitsInput) (*model.DescribeLimitsOutput, error) {
	r := wire.FromContext(ctx)
	k := key{Account: r.Account, Region: r.Region}
	u := s.usage(k)
	return &model.DescribeLimitsOutput{
		ShardLimit: new(int32(shardLimit)), OpenShardCount: new(int32(u.shards)),
		OnDemandStreamCount: new(int32(u.onDemand)), OnDemandStreamCountLimit: new(int32(onDemandLimit)),
		ChannelCount: new(int32(s.channelCount(k))), ChannelCountLimit: new(int32(channelLimit)),
	}, nil
}
