package cloudwatch

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	model "drey/model/cloudwatch"
	"drey/store/kv"
	"drey/wire"
)

// Config is what a Service needs.
type Config struct {
	Dir string           // the points are below it; made at the first use
	Log *slog.Logger     // nil = slog.Default
	Now func() time.Time // nil = time.Now
}

// Service is the metrics of all accounts and regions.
type Service struct {
	kv  *kv.DB
	now func() time.Time

	mu    sync.Mutex
	noted map[seriesID]int64 // when the index was last told of a series' points, Unix seconds
	swept time.Time
}

var _ model.API = (*Service)(nil)

// Open opens nothing yet: the store opens at the first use.
func Open(_ context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{
		kv:    kv.New(kv.Config{Dir: c.Dir, Log: c.Log, Merge: merge}),
		now:   c.Now,
		noted: map[seriesID]int64{},
	}, nil
}

// Close closes the files.
func (s *Service) Close() error { return s.kv.Close() }

// merge folds what was put under one key.
func merge(key []byte, operands [][]byte) ([]byte, error) {
	if key[0] == indexPrefix {
		return latest(operands), nil
	}
	buckets := make([]bucket, len(operands))
	for i, o := range operands {
		var err error
		if buckets[i], err = decodeBucket(o); err != nil {
			return nil, fmt.Errorf("fold %x: %w", key, err)
		}
	}
	return fold(buckets...).round().encode(), nil
}

func latest(operands [][]byte) []byte {
	best := operands[0]
	for _, o := range operands[1:] {
		if string(o) > string(best) {
			best = o
		}
	}
	return best
}

func encodeTime(at int64) []byte    { return binary.BigEndian.AppendUint64(nil, uint64(at)) }
func decodeTime(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }

// Access names the permission of each operation. Metrics have no ARNs: the resource is always "*".
func (s *Service) Access(_ context.Context, op string, in any) ([]wire.Access, error) {
	a, ok := actions[op]
	if !ok {
		return nil, fmt.Errorf("cloudwatch: no access rule for %s", op)
	}
	access := wire.Access{Action: a, Resource: "*"}
	if p, ok := in.(*model.PutMetricDataInput); ok && p.Namespace != nil {
		access.Conditions = map[string][]string{"cloudwatch:namespace": {*p.Namespace}}
	}
	return []wire.Access{access}, nil
}

// actions are as in the Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch".
var actions = map[string]string{
	"GetMetricData":       "cloudwatch:GetMetricData",
	"GetMetricStatistics": "cloudwatch:GetMetricStatistics",
	"ListMetrics":         "cloudwatch:ListMetrics",
	"PutMetricData":       "cloudwatch:PutMetricData",
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
