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
	"drey/store/sql"
)

// Config is what a Service needs.
type Config struct {
	DB  *sql.DB          // of alarms and dashboards
	Dir string           // the points are below it; made at the first use
	Log *slog.Logger     // nil = slog.Default
	Now func() time.Time // nil = time.Now

	// Plan decides what an action will do, where doing it twice would be something else than doing it once; "" = nothing has
	// to be decided. The plan is stored before Act is called, and Act is given the same one again after a crash. nil = no
	// action has a plan.
	Plan func(context.Context, Action) (string, error)
	// Act carries out an action of an alarm; ErrNoAction for what it does not know. nil = there are no actions.
	Act func(context.Context, Action) error
	// RoleOf names the role that an action is carried out with, "" = none. Who gives an alarm such an action must be
	// allowed to pass the role. An action that cannot be understood is an error. nil = no action has a role.
	RoleOf func(actionARN string) (string, error)
}

// Service is the metrics, alarms and dashboards of all accounts and regions.
type Service struct {
	db     *sql.DB
	kv     *kv.DB
	log    *slog.Logger
	now    func() time.Time
	plan   func(context.Context, Action) (string, error)
	act    func(context.Context, Action) error
	roleOf func(string) (string, error)

	changing sync.Mutex    // held while alarms change
	poked    chan struct{} // alarms have changed
	sooner   time.Time     // guarded by mu: when they have to be decided, if that is sooner than the evaluator knows; zero = never
	queued   chan struct{} // actions may wait
	stop     context.CancelFunc
	done     chan struct{} // closed when the evaluator has ended

	completing sync.Mutex
	completed  bool // guarded by completing: the index has all orders

	mu        sync.Mutex
	told      map[seriesID]struct{} // the series of whose points the index was told since toldSince
	toldSince time.Time
	swept     time.Time
}

var _ model.API = (*Service)(nil)

// Open brings the tables up to date and starts the evaluator of alarms. The store of points opens at the first use.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := c.DB.Migrate(ctx, "cloudwatch", migrations); err != nil {
		return nil, err
	}
	s := &Service{
		db: c.DB, kv: kv.New(kv.Config{Dir: c.Dir, Log: c.Log, Merge: merge}), log: c.Log, now: c.Now, plan: c.Plan, act: c.Act, roleOf: c.RoleOf,
		told: map[seriesID]struct{}{}, poked: make(chan struct{}, 1), queued: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := s.completeDependencies(ctx); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer close(s.done)
		s.run(run)
	}()
	return s, nil
}

// Close ends the evaluator and closes the files.
func (s *Service) Close() error {
	s.stop()
	<-s.done
	return s.kv.Close()
}

// merge folds what was put under one key.
func merge(key []byte, operands [][]byte) ([]byte, error) {
	switch key[0] {
	case indexPrefix, dimensionPrefix, valuePrefix:
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

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
