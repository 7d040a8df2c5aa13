package logs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"drey/logs/pattern"
	model "drey/model/logs"
	"drey/wire"
)

// Limits of Live Tail ("StartLiveTail" in the API reference, "CloudWatch Logs quotas").
const (
	tailEvery   = time.Second
	tailEvents  = 500 // of one update
	tailLife    = 3 * time.Hour
	maxSessions = 15 // of an account
	maxTailed   = 10 // groups of a session
)

// tail is a Live Tail session.
type tail struct {
	place    place // of the caller
	names    []string
	prefixes []string
	match    func(message string) bool

	mu      sync.Mutex
	pending []model.LiveTailSessionLogEvent
	seen    int // events since the last update, also those that are not in pending
	bytes   int
}

// tailBytes bounds the messages of one update.
const tailBytes = 4 << 20

// wants tells whether the session looks at a stream.
func (t *tail) wants(stream string) bool {
	if len(t.names)+len(t.prefixes) == 0 {
		return true
	}
	return slices.Contains(t.names, stream) || slices.ContainsFunc(t.prefixes, func(p string) bool { return strings.HasPrefix(stream, p) })
}

// offer takes new events, until the next update is full.
func (t *tail) offer(g *group, stream string, at time.Time, batches [][]Event) {
	if !t.wants(stream) {
		return
	}
	for _, b := range batches {
		for _, e := range b {
			if t.match(e.Message) {
				t.take(g, stream, at, e)
			}
		}
	}
}

func (t *tail) take(g *group, stream string, at time.Time, e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if len(t.pending) >= tailEvents || (t.bytes > 0 && t.bytes+len(e.Message) > tailBytes) {
		return
	}
	t.bytes += len(e.Message)
	t.pending = append(t.pending, model.LiveTailSessionLogEvent{
		LogStreamName: &stream, LogGroupIdentifier: new(g.account + ":" + g.name), Message: new(e.Message), Timestamp: new(e.Time), IngestionTime: new(at.UnixMilli()),
	})
}

// update takes what has come since the last one.
func (t *tail) update() *model.LiveTailSessionUpdate {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := &model.LiveTailSessionUpdate{
		SessionMetadata: &model.LiveTailSessionMetadata{Sampled: new(t.seen > len(t.pending))}, SessionResults: t.pending,
	}
	if u.SessionResults == nil {
		u.SessionResults = []model.LiveTailSessionLogEvent{}
	}
	t.pending, t.seen, t.bytes = nil, 0, 0
	return u
}

// StartLiveTail shows events of groups as they come, once a second, for three hours at most. Groups are named by their ARNs.
func (s *Service) StartLiveTail(ctx context.Context, in *model.StartLiveTailInput) (*model.StartLiveTailOutput, error) {
	t := &tail{place: placeOf(ctx), names: in.LogStreamNames, prefixes: in.LogStreamNamePrefixes, match: func(string) bool { return true }}
	if err := checkTail(in); err != nil {
		return nil, err
	}
	if in.LogEventFilterPattern != nil {
		p, err := pattern.Parse(*in.LogEventFilterPattern)
		if err != nil {
			return nil, model.InvalidParameterException.Errorf("%s", err)
		}
		t.match = p.Match
	}
	names, err := tailedGroups(ctx, in)
	if err != nil {
		return nil, err
	}
	var groups []int64
	for _, n := range names {
		g, err := s.group(ctx, n.place, n.name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g.id)
	}
	if err := s.filters.join(t, groups); err != nil {
		return nil, err
	}
	leave := sync.OnceFunc(func() { s.filters.leave(t, groups) })
	context.AfterFunc(ctx, leave) // also when nobody ever reads the stream
	start := &model.LiveTailSessionStart{
		RequestId: new(wire.FromContext(ctx).ID), SessionId: new(newID()), LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNames: in.LogStreamNames, LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogEventFilterPattern: in.LogEventFilterPattern,
	}
	return &model.StartLiveTailOutput{ResponseStream: func(ctx context.Context, send func(context.Context, any) error) error {
		defer leave()
		return s.showTail(ctx, t, start, send)
	}}, nil
}

func checkTail(in *model.StartLiveTailInput) error {
	switch {
	case len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0:
		return model.InvalidParameterException.Errorf("logStreamNames and logStreamNamePrefixes cannot be specified together.")
	case len(in.LogGroupIdentifiers) > 1 && len(in.LogStreamNames)+len(in.LogStreamNamePrefixes) > 0:
		return model.InvalidParameterException.Errorf("Log streams can be specified only for a single log group.")
	}
	return nil
}

func tailedGroups(ctx context.Context, in *model.StartLiveTailInput) ([]groupName, error) {
	for _, id := range in.LogGroupIdentifiers {
		if !strings.HasPrefix(id, "arn:") {
			return nil, model.InvalidParameterException.Errorf("The log group identifier %s is not an ARN.", id)
		}
	}
	return identifiedGroups(ctx, in.LogGroupIdentifiers, maxTailed)
}

// join puts a session where new events are offered to it.
func (f *filters) join(t *tail, groups []int64) error {
	f.mu.RLock()
	sessions := map[*tail]bool{}
	for _, g := range f.groups {
		for _, o := range g.tails {
			if o.place == t.place {
				sessions[o] = true
			}
		}
	}
	f.mu.RUnlock()
	if len(sessions) >= maxSessions {
		return model.LimitExceededException.Errorf("An account can have at most %d Live Tail sessions.", maxSessions)
	}
	for _, g := range groups {
		f.change(g, func(f *groupFilters) { f.tails = append(f.tails, t) })
	}
	return nil
}

func (f *filters) leave(t *tail, groups []int64) {
	for _, g := range groups {
		f.change(g, func(f *groupFilters) { f.tails = slices.DeleteFunc(f.tails, func(o *tail) bool { return o == t }) })
	}
}

// showTail sends an update each second, also an empty one, until the session is over or the server ends.
func (s *Service) showTail(ctx context.Context, t *tail, start *model.LiveTailSessionStart, send func(context.Context, any) error) error {
	life, cancel := context.WithTimeout(ctx, tailLife)
	defer cancel()
	defer context.AfterFunc(s.filters.running, cancel)()
	if err := send(life, &model.StartLiveTailResponseStream{SessionStart: start}); err != nil {
		return err
	}
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := send(life, &model.StartLiveTailResponseStream{SessionUpdate: t.update()}); err != nil && life.Err() == nil {
				return err
			}
		case <-life.Done():
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case s.filters.running.Err() != nil:
				return model.InternalServerException.Errorf("The server is shutting down.")
			}
			return model.SessionTimeoutException.Errorf("The session is over after %v.", tailLife)
		}
	}
}
