package logs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	model "drey/model/logs"
)

// groupFilters are those who want the new events of a group. A value in use is never changed.
type groupFilters struct {
	metrics    []*metricFilter // by name
	deliveries []*delivery
	tails      []*tail
}

// filters are the groupFilters of all groups, by the group's id.
type filters struct {
	running context.Context // of the deliveries
	editing sync.Mutex      // held by whoever makes or deletes filters or groups with filters

	mu     sync.RWMutex
	groups map[int64]groupFilters
}

func (f *filters) of(group int64) groupFilters {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.groups[group]
}

// change replaces the filters of a group.
func (f *filters) change(group int64, change func(*groupFilters)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[group]
	g.metrics, g.deliveries, g.tails = slices.Clone(g.metrics), slices.Clone(g.deliveries), slices.Clone(g.tails)
	change(&g)
	if len(g.metrics)+len(g.deliveries)+len(g.tails) == 0 {
		delete(f.groups, group)
		return
	}
	f.groups[group] = g
}

// forget ends the filters of a group that was deleted. Tails go on: other groups may be in them.
func (f *filters) forget(group int64) {
	old := f.of(group)
	f.change(group, func(g *groupFilters) { g.metrics, g.deliveries = nil, nil })
	for _, d := range old.deliveries {
		d.end()
	}
}

// openFilters reads the filters and begins the deliveries where they were left.
func (s *Service) openFilters(ctx, run context.Context) error {
	s.filters.running, s.filters.groups = run, map[int64]groupFilters{}
	if err := s.loadMetricFilters(ctx); err != nil {
		return err
	}
	return s.loadSubscriptions(ctx)
}

// closeFilters waits for the deliveries, whose context has ended, and gives metric filters their last minute.
func (s *Service) closeFilters() error {
	s.filters.mu.RLock()
	defer s.filters.mu.RUnlock()
	var errs []error
	for _, g := range s.filters.groups {
		for _, d := range g.deliveries {
			<-d.done
		}
		for _, m := range g.metrics {
			errs = append(errs, s.settle(context.Background(), m, endOfTime))
		}
	}
	return errors.Join(errs...)
}

// ingest makes batches durable and tells everyone who wants new events of the group. What metric filters find is there
// when it returns; a crash in between loses the samples, not the events.
func (s *Service) ingest(ctx context.Context, g *group, st *stream, name string, batches [][]Event, mark []byte) error {
	at, err := st.append(ctx, batches, mark)
	if err != nil {
		return err
	}
	f := s.filters.of(g.id)
	for _, t := range f.tails {
		t.offer(g, name, at, batches)
	}
	for _, d := range f.deliveries {
		d.poke()
	}
	for _, m := range f.metrics {
		if err := s.measure(ctx, m, at, batches); err != nil {
			s.log.Error("logs: a metric filter's samples are lost", "group", g.name, "filter", m.name, "error", err)
		}
	}
	return nil
}

// endOfTime is after every minute.
var endOfTime = time.UnixMilli(maxTime)

// regexes counts the patterns with regular expressions, without those of the filters of that name.
func (f groupFilters) regexes(except string) (n int) {
	for _, m := range f.metrics {
		if m.parsed.HasRegex() && m.name != except {
			n++
		}
	}
	for _, d := range f.deliveries {
		if d.parsed.HasRegex() && d.name != except {
			n++
		}
	}
	return n
}

// maxRegexPatterns is how many of a group's filters may have regular expressions ("Filter pattern syntax for metric
// filters, subscription filters, filter log events, and Live Tail").
const maxRegexPatterns = 5

func errTooManyRegexes() error {
	return model.LimitExceededException.Errorf("A log group can have at most %d filter patterns with regular expressions.", maxRegexPatterns)
}
