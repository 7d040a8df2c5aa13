package kinesis

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	model "drey/model/kinesis"
)

// How long transitions take. AWS needs seconds to minutes; clients must only see that they take time.
const (
	creation   = 100 * time.Millisecond
	updating   = 50 * time.Millisecond
	deletion   = 100 * time.Millisecond
	hourly     = time.Hour
	minHours   = 24
	maxHours   = 8760
	defaultKiB = 1024
)

// key names a stream.
type key struct{ Account, Region, Name string }

func (k key) arn() string {
	return "arn:aws:kinesis:" + k.Region + ":" + k.Account + ":stream/" + k.Name
}

// document is all that is stored of a stream but its records.
type document struct {
	ID         string // also the name of its directory
	Created    time.Time
	Active     time.Time  // CREATING before
	Updated    time.Time  // UPDATING before
	Gone       *time.Time // DELETING before, nothing after
	Mode       model.StreamMode
	Strategy   model.RecordDistributionStrategy // of on-demand streams; "" is USER_PARTITION_KEY
	Warm       int32                            // MiB/s that an on-demand stream must take in any case; 0 = nothing said
	Retention  int32                            // hours
	Floor      time.Time                        // what had expired at that time stays so, also when the retention period grows
	RecordKiB  int32                            // size limit of a record with its partition key
	Shards     []shard                          // by index; those that expired are missing
	NextIndex  int                              // of the shard that will be made next; 0 means as many as there are shards
	Changes    map[string][]time.Time           // when the operations were done that are limited by the day
	Encryption model.EncryptionType
	KeyID      string
	Metrics    []model.MetricsName
	Tags       map[string]string
	Policy     string // JSON, "" = none
	Consumers  []consumer
	Queues     []queue
	Channels   []channel
}

// shard is a range of hash keys and a log. Its index in the stream never changes.
type shard struct {
	Index          int
	Start, End     string // decimal hash keys, both inclusive
	Parent         string // "" for shards made with the stream
	AdjacentParent string // the second parent after a merge
	Created        time.Time
	Epoch          int64      // the seconds that its sequence numbers begin with; 0 means those of Created
	Closed         *time.Time // takes no records after
}

// consumer is a registered reader with enhanced fan-out.
type consumer struct {
	Name    string
	Created time.Time
	Active  time.Time
	Gone    *time.Time
	Tags    map[string]string
	Policy  string
}

func (d *document) status(now time.Time) model.StreamStatus {
	switch {
	case d.Gone != nil:
		return model.StreamStatusDELETING
	case now.Before(d.Active):
		return model.StreamStatusCREATING
	case now.Before(d.Updated):
		return model.StreamStatusUPDATING
	default:
		return model.StreamStatusACTIVE
	}
}

func (d *document) gone(now time.Time) bool { return d.Gone != nil && !now.Before(*d.Gone) }

// horizon is the arrival time of the oldest records that may still be read.
func (d *document) horizon(now time.Time) time.Time {
	h := now.Add(-time.Duration(d.Retention) * hourly)
	if h.Before(d.Floor) {
		return d.Floor
	}
	return h
}

// expired tells whether all that a closed shard ever held is beyond the horizon. Such a shard is nowhere to be seen.
func (s shard) expired(horizon time.Time) bool { return s.Closed != nil && s.Closed.Before(horizon) }

func (s shard) epoch() int64 {
	if s.Epoch != 0 {
		return s.Epoch
	}
	return s.Created.Unix()
}

func (s shard) id() string { return shardID(s.Index) }

func shardID(index int) string {
	digits := strconv.Itoa(index)
	return "shardId-000000000000"[:20-len(digits)] + digits
}

func (c consumer) arn(k key) string {
	return fmt.Sprintf("%s/consumer/%s:%d", k.arn(), c.Name, c.Created.Unix())
}

func (c consumer) status(now time.Time) model.ConsumerStatus {
	switch {
	case c.Gone != nil:
		return model.ConsumerStatusDELETING
	case now.Before(c.Active):
		return model.ConsumerStatusCREATING
	default:
		return model.ConsumerStatusACTIVE
	}
}

// consumers are those that exist at now.
func (d *document) consumers(now time.Time) []consumer {
	return slices.DeleteFunc(slices.Clone(d.Consumers), func(c consumer) bool { return c.Gone != nil && !now.Before(*c.Gone) })
}

// children are the shards that a split or merge made of the one with that id.
func (d *document) children(id string) []model.ChildShard {
	var out []model.ChildShard
	for _, s := range d.Shards {
		if s.Parent != id && s.AdjacentParent != id {
			continue
		}
		parents := []string{s.Parent}
		if s.AdjacentParent != "" {
			parents = append(parents, s.AdjacentParent)
		}
		out = append(out, model.ChildShard{ShardId: new(s.id()), ParentShards: parents, HashKeyRange: s.hashKeys()})
	}
	return out
}

func (s shard) hashKeys() *model.HashKeyRange {
	return &model.HashKeyRange{StartingHashKey: new(s.Start), EndingHashKey: new(s.End)}
}
