package logs

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"drey/logs/insights"
	model "drey/model/logs"
)

// What the queries of all accounts may take of the server. Ended ones are forgotten when they are a week old, as on AWS ("CloudWatch
// Logs quotas"), and before that, the oldest first, when there are too many or too much is kept of them.
const (
	runningAtOnce = 2   // others are scheduled
	maxUnended    = 100 // at once
	maxQueryTime  = 60 * time.Minute
	keepResults   = 7 * 24 * time.Hour
	maxKept       = 10_000
	maxKeptSize   = 256 << 20
)

// runningQuery is a query from its start until its results are forgotten. What is below status belongs to queries.mu.
type runningQuery struct {
	id, text, identity string
	place
	created   time.Time
	groups    []group
	low, high int64
	limit     int
	parsed    *insights.Query // until it has ended
	stop      context.CancelFunc
	done      chan struct{} // closed when it has ended

	status model.QueryStatus
	ended  time.Time
	rows   [][]insights.Field
	size   int // bytes that are kept, about
	counts insights.Counts
}

// queries are those of all accounts. Each runs in a goroutine that wait waits for.
type queries struct {
	running context.Context
	now     func() time.Time
	slots   chan struct{}
	wg      sync.WaitGroup

	mu   sync.Mutex
	list []*runningQuery // oldest first
}

func (q *queries) open(ctx context.Context, now func() time.Time) {
	q.running, q.now, q.slots = ctx, now, make(chan struct{}, runningAtOnce)
}

// wait waits for the queries to end; their context has ended.
func (q *queries) wait() { q.wg.Wait() }

func (q *queries) start(s *Service, x *runningQuery) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	unended := 0
	for _, o := range q.list {
		if o.ended.IsZero() {
			unended++
		}
	}
	if unended >= maxUnended {
		return model.LimitExceededException.Errorf("Account maximum query concurrency limit of [%d] reached.", maxUnended)
	}
	if q.running.Err() != nil {
		return model.ServiceUnavailableException.Errorf("The server is shutting down.")
	}
	var ctx context.Context
	ctx, x.stop = context.WithTimeout(q.running, maxQueryTime)
	x.size = 4<<10 + len(x.text) + len(x.groups)<<10
	q.list = append(q.list, x)
	q.forget()
	q.wg.Go(func() {
		defer x.stop()
		q.run(ctx, s, x)
	})
	return nil
}

// forget drops what is not to be kept any more. The caller holds mu.
func (q *queries) forget() {
	now, size, kept := q.now(), 0, []*runningQuery{}
	for _, x := range slices.Backward(q.list) {
		size += x.size
		if x.ended.IsZero() || len(kept) < maxKept && size <= maxKeptSize && now.Sub(x.ended) <= keepResults {
			kept = append(kept, x)
		}
	}
	slices.Reverse(kept)
	q.list = kept
}

// run waits for its turn and evaluates the query.
func (q *queries) run(ctx context.Context, s *Service, x *runningQuery) {
	var rows [][]insights.Field
	var counts insights.Counts
	var err error
	select {
	case q.slots <- struct{}{}:
		q.set(x, model.QueryStatusRunning)
		rows, counts, err = s.evaluate(ctx, x)
		<-q.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	defer close(x.done)
	defer q.forget()
	x.ended, x.counts, x.parsed = q.now(), counts, nil
	switch {
	case err == nil:
		x.status, x.rows = model.QueryStatusComplete, rows
		for _, r := range rows {
			for _, f := range r {
				x.size += len(f.Name) + len(f.Value) + 32
			}
		}
	case errors.Is(err, context.Canceled):
		x.status = model.QueryStatusCancelled
	case errors.Is(err, context.DeadlineExceeded):
		x.status = model.QueryStatusTimeout
	default:
		x.status = model.QueryStatusFailed
		s.log.Warn("logs: a query failed", "query", x.id, "error", err)
	}
}

func (q *queries) set(x *runningQuery, status model.QueryStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	x.status = status
}

// cancel ends a query and waits for it; false if it had ended.
func (q *queries) cancel(x *runningQuery) bool {
	q.mu.Lock()
	ended := !x.ended.IsZero()
	q.mu.Unlock()
	if ended {
		return false
	}
	x.stop()
	<-x.done
	return true
}

func (q *queries) find(p place, id string) *runningQuery {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget()
	for _, x := range q.list {
		if x.id == id && x.place == p {
			return x
		}
	}
	return nil
}

func (q *queries) describe(p place) []model.QueryInfo {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget()
	var list []model.QueryInfo
	for _, x := range slices.Backward(q.list) {
		if x.place == p {
			list = append(list, x.describe(q.now()))
		}
	}
	return list
}

// evaluate runs a query over all parts of its groups, by as many workers as there are processors.
func (s *Service) evaluate(ctx context.Context, x *runningQuery) (_ [][]insights.Field, _ insights.Counts, err error) {
	defer failed(&err)
	sources, owner := map[int64]*insights.Source{}, map[int64]int64{}
	run := x.parsed.Start(s.now(), x.limit, x.pointer(func(stream int64) int64 { return owner[stream] }))
	var workers []visitor
	for range runtime.GOMAXPROCS(0) {
		w := run.Worker()
		workers = append(workers, func(_ int, k key, message string) (err error) {
			defer failed(&err)
			return w.Add(insights.Event{Time: k.time, Ingested: k.ingested, Message: message, Source: sources[k.stream], Block: k.block, Index: k.index})
		})
	}
	for i := range x.groups {
		g := &x.groups[i]
		rows, err := s.streamRows(ctx, g.id)
		if err != nil {
			return nil, insights.Counts{}, err
		}
		q := query{low: max(x.low, g.oldest(s.now())), high: x.high}
		for _, r := range rows {
			sources[r.id] = &insights.Source{ID: r.id, Log: g.account + ":" + g.name, Stream: r.name}
			owner[r.id] = g.id
			q.streams = append(q.streams, s.stream(r.id))
		}
		parts, err := q.parts(ctx)
		if err == nil {
			err = visit(ctx, parts, search{low: q.low, high: q.high}, workers)
		}
		if err != nil {
			return nil, insights.Counts{}, err
		}
	}
	return run.Finish()
}

// pointed finds the group and the stream of an @ptr.
func (s *Service) pointed(ctx context.Context, c cursor) (g group, r streamRow, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		row := tx.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM logs_groups WHERE id = ?`, c.Group)
		if g, err = scanGroup(row.Scan); errors.Is(err, stdsql.ErrNoRows) || (err == nil && g.place != placeOf(ctx)) {
			return errNoGroup()
		} else if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT id, name, created FROM logs_streams WHERE owner = ? AND id = ?`, g.id, c.Stream).Scan(&r.id, &r.name, &r.created)
		if errors.Is(err, stdsql.ErrNoRows) {
			return errNoStream()
		}
		return err
	})
	return g, r, err
}

// failed makes an error of a panic: a fault that a query of a user's brings to light must end that query alone.
func failed(err *error) {
	if problem := recover(); problem != nil {
		*err = fmt.Errorf("panic: %v\n%s", problem, debug.Stack())
	}
}
