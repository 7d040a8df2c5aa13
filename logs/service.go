package logs

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	model "drey/model/logs"
	"drey/store/sql"
)

// Config is what a Service needs.
type Config struct {
	DB    *sql.DB
	Dir   string           // the events are below it; made if absent
	Log   *slog.Logger     // nil = slog.Default
	Now   func() time.Time // nil = time.Now
	Sweep time.Duration    // how often expired segments are deleted; 0 = every 10 minutes

	Metrics MetricSink // takes what metric filters find; nil: there can be no metric filters
	Records RecordSink // takes what subscription filters select; nil: there can be none

	ValidatePolicy func(document string) error // refuses a resource policy that is none; nil = none is refused
}

// Service is CloudWatch Logs of all accounts and regions.
type Service struct {
	db  *sql.DB
	dir string
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	streams map[int64]*stream // opened so far, by id

	queries queries
	filters filters
	metrics MetricSink
	records RecordSink

	validatePolicy func(document string) error

	stop  context.CancelFunc
	loops sync.WaitGroup
}

var _ model.API = (*Service)(nil)

var migrations = []string{
	`CREATE TABLE logs_groups (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
		created INTEGER NOT NULL, retention INTEGER NOT NULL, class TEXT NOT NULL, protected INTEGER NOT NULL, tags TEXT NOT NULL,
		UNIQUE (account, region, name))`,
	`CREATE TABLE logs_streams (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		owner INTEGER NOT NULL REFERENCES logs_groups (id) ON DELETE CASCADE,
		name TEXT NOT NULL, created INTEGER NOT NULL,
		UNIQUE (owner, name))`,
	`CREATE TABLE logs_zones (
		stream INTEGER NOT NULL REFERENCES logs_streams (id) ON DELETE CASCADE,
		first INTEGER NOT NULL, last INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
		events INTEGER NOT NULL, bytes INTEGER NOT NULL, ingested INTEGER NOT NULL,
		PRIMARY KEY (stream, first)) WITHOUT ROWID`,
	`CREATE TABLE logs_query_definitions (
		id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL,
		name TEXT NOT NULL, query TEXT NOT NULL, groups TEXT NOT NULL, modified INTEGER NOT NULL)`,
	`CREATE TABLE logs_metric_filters (
		owner INTEGER NOT NULL REFERENCES logs_groups (id) ON DELETE CASCADE,
		name TEXT NOT NULL, pattern TEXT NOT NULL, transformation TEXT NOT NULL, created INTEGER NOT NULL,
		PRIMARY KEY (owner, name)) WITHOUT ROWID`,
	`CREATE TABLE logs_subscription_filters (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		owner INTEGER NOT NULL REFERENCES logs_groups (id) ON DELETE CASCADE,
		name TEXT NOT NULL, pattern TEXT NOT NULL, destination TEXT NOT NULL, role TEXT NOT NULL, distribution TEXT NOT NULL, created INTEGER NOT NULL,
		UNIQUE (owner, name))`,
	`CREATE TABLE logs_deliveries (
		filter INTEGER NOT NULL REFERENCES logs_subscription_filters (id) ON DELETE CASCADE,
		stream INTEGER NOT NULL REFERENCES logs_streams (id) ON DELETE CASCADE,
		next INTEGER NOT NULL,
		PRIMARY KEY (filter, stream)) WITHOUT ROWID`,
	`CREATE TABLE logs_resource_policies (
		account TEXT NOT NULL, region TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
		owner INTEGER REFERENCES logs_groups (id) ON DELETE CASCADE,
		name TEXT NOT NULL, document TEXT NOT NULL, updated INTEGER NOT NULL, revision TEXT NOT NULL,
		PRIMARY KEY (account, region, scope, key)) WITHOUT ROWID`,
}

// Open brings the tables up to date, forgets what deleted streams left behind, and starts the sweeper.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{
		db: c.DB, dir: c.Dir, log: c.Log, now: c.Now, streams: map[int64]*stream{}, metrics: c.Metrics, records: c.Records, validatePolicy: c.ValidatePolicy,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := c.DB.Migrate(ctx, "logs", migrations); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	if err := s.removeOrphans(ctx); err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	every := c.Sweep
	if every == 0 {
		every = 10 * time.Minute
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.queries.open(run, s.now)
	if err := s.openFilters(ctx, run); err != nil {
		stop()
		return nil, fmt.Errorf("open logs: %w", err)
	}
	s.loops.Go(func() { s.sweepLoop(run, every) })
	s.loops.Go(func() { s.minuteLoop(run) })
	return s, nil
}

// Close saves what makes the next start quick and closes the files.
func (s *Service) Close() error {
	s.stop()
	s.loops.Wait()
	s.queries.wait()
	errs := []error{s.closeFilters()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		errs = append(errs, st.close(context.Background()))
	}
	return errors.Join(errs...)
}

// stream gives the opened stream of an id.
func (s *Service) stream(id int64) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[id]
	if st == nil {
		st = newStream(s, id)
		s.streams[id] = st
	}
	return st
}

func (s *Service) streamDir(id int64) string {
	return filepath.Join(s.dir, strconv.FormatInt(id, 10))
}

// drop deletes the events of streams whose rows are gone already.
func (s *Service) drop(ids []int64) error {
	var errs []error
	for _, id := range ids {
		st := s.stream(id)
		errs = append(errs, st.log.Remove())
		s.mu.Lock()
		delete(s.streams, id)
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// removeOrphans deletes directories of streams that were deleted just before a crash.
func (s *Service) removeOrphans(ctx context.Context) error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		ids, err := queryIDs(ctx, tx, `SELECT id FROM logs_streams`)
		for _, id := range ids {
			known[id] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		id, err := strconv.ParseInt(n.Name(), 10, 64)
		if err != nil || known[id] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, n.Name())); err != nil {
			return err
		}
	}
	return nil
}

func queryIDs(ctx context.Context, tx *stdsql.Tx, query string, args ...any) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (s *Service) sweepLoop(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("logs: delete expired events", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// minuteLoop reports the default values of metric filters.
func (s *Service) minuteLoop(ctx context.Context) {
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.settleAll(ctx)
		}
	}
}

// sweep deletes the segments in which every event is older than its group's retention.
func (s *Service) sweep(ctx context.Context) error {
	type due struct {
		id   int64
		days int
	}
	var list []due
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT s.id, g.retention FROM logs_streams s JOIN logs_groups g ON g.id = s.owner WHERE g.retention > 0`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var d due
			if err := rows.Scan(&d.id, &d.days); err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// An event may be newer than its arrival by the time PutLogEvents accepts.
		before := s.now().AddDate(0, 0, -d.days).Add(-maxFuture)
		errs = append(errs, s.stream(d.id).trim(ctx, before))
	}
	return errors.Join(errs...)
}
