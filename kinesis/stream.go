package kinesis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// stream is a stream at work. Readers take its state as it is; changes go one after the other.
type stream struct {
	key   key
	state atomic.Pointer[state]
	meter meter
	bell  bell // rings for new records, and for all else that queues wait for

	door    sync.RWMutex // shared by those who put; alone, whoever closes shards
	mu      sync.Mutex   // of changes
	removed bool         // no change may store the document again
}

// state is a stream at one moment. It never changes.
type state struct {
	document
	lanes []*lane          // by index
	open  []*lane          // those that take records, by range
	desks map[string]*desk // of the queues, by their ids
	turn  *atomic.Uint64
}

func (st *stream) load() *state { return st.state.Load() }

// enter gives the state in which records may be put until leave: no shard is closed in between.
func (st *stream) enter() *state {
	st.door.RLock()
	return st.load()
}

func (st *stream) leave() { st.door.RUnlock() }

func (s *Service) newStream(k key, d document) *stream {
	st := &stream{key: k}
	st.state.Store(s.newState(d, nil))
	return st
}

// newState keeps what is at work of the lanes of old, if there is one, and opens those that d has more.
func (s *Service) newState(d document, old *state) *state {
	x := &state{document: d, turn: new(atomic.Uint64), desks: map[string]*desk{}}
	if old != nil {
		x.turn = old.turn
	}
	for _, sh := range d.Shards {
		l := s.newLane(d.ID, sh, old)
		x.lanes = append(x.lanes, l)
		if sh.Closed == nil {
			x.open = append(x.open, l)
		}
	}
	for _, q := range d.Queues {
		if old != nil {
			x.desks[q.ID] = old.desks[q.ID]
		}
		if x.desks[q.ID] == nil {
			x.desks[q.ID] = s.newDesk(d.ID, q.ID)
		}
	}
	slices.SortFunc(x.open, func(a, b *lane) int {
		if a.start.after(b.start) {
			return 1
		}
		return -1
	})
	return x
}

func (s *Service) newLane(streamID string, sh shard, old *state) *lane {
	start, ok := parseHash(sh.Start)
	if !ok {
		panic(fmt.Sprintf("kinesis: shard %s begins at %q", sh.id(), sh.Start)) // we wrote it
	}
	if old != nil {
		if l := old.at(sh.Index); l != nil {
			kept := *l
			kept.shard, kept.start = sh, start
			return &kept
		}
	}
	l := &lane{shard: sh, start: start, log: s.newLog(streamID, sh.Index), closed: make(chan struct{})}
	if sh.Closed != nil {
		close(l.closed)
	}
	if s.Limits {
		l.quota = new(quota)
	}
	return l
}

// at finds a shard by its index; nil if there is none.
func (x *state) at(index int) *lane {
	i, ok := slices.BinarySearchFunc(x.lanes, index, func(l *lane, index int) int { return l.Index - index })
	if !ok {
		return nil
	}
	return x.lanes[i]
}

// lane finds a shard by its id; nil if there is none, or if it is expired.
func (x *state) lane(id string, now time.Time) *lane {
	digits, ok := strings.CutPrefix(id, "shardId-")
	index, err := strconv.Atoi(digits)
	if !ok || err != nil || shardID(index) != id {
		return nil
	}
	l := x.at(index)
	if l == nil || l.expired(x.horizon(now)) {
		return nil
	}
	return l
}

// live are the shards that clients see: the open ones, and closed ones until all their records are expired.
func (x *state) live(now time.Time) []*lane {
	horizon := x.horizon(now)
	return slices.DeleteFunc(slices.Clone(x.lanes), func(l *lane) bool { return l.expired(horizon) })
}

// closing are the lanes that take records now, and in the next state no more.
func (x *state) closing(next *state) (out []*lane) {
	for _, l := range x.open {
		if n := next.at(l.Index); n != nil && n.Closed != nil {
			out = append(out, l)
		}
	}
	return out
}

// change stores what edit makes of a stream's document, and shows it when it is durable. If it closes shards, no record
// is put from just before the document is stored: whoever comes then waits, and goes to their children.
func (s *Service) change(ctx context.Context, st *stream, edit func(*document) error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.removed {
		return errNoStream(st.key)
	}
	old := st.load()
	d, err := old.document.clone()
	if err != nil {
		return err
	}
	if err := edit(&d); err != nil {
		return err
	}
	next := s.newState(d, old)
	closing := old.closing(next)
	if len(closing) > 0 {
		st.door.Lock()
		defer st.door.Unlock()
	}
	if err := s.saveStream(context.WithoutCancel(ctx), st.key, d); err != nil {
		return fmt.Errorf("change stream %s: %w", st.key.arn(), err)
	}
	st.state.Store(next)
	for _, l := range closing {
		close(l.closed)
	}
	st.bell.ring()
	s.wake()
	return nil
}

func (d *document) clone() (c document, err error) {
	b, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	return c, err
}

func (k key) compare(o key) int {
	return strings.Compare(k.Account+" "+k.Region+" "+k.Name, o.Account+" "+o.Region+" "+o.Name)
}

// reference is how a request names a stream: by name, ARN or id, of which one is enough. More than one must name the same:
// keyOf holds the name against the ARN, find the id against both.
type reference struct{ name, arn, id *string }

func errNoStream(k key) error {
	return model.ResourceNotFoundException.Errorf("Stream %s under account %s not found.", k.Name, k.Account)
}

// keyOf tells which stream a request means, whether or not it exists.
func (s *Service) keyOf(ctx context.Context, ref reference) (key, error) {
	r := wire.FromContext(ctx)
	k := key{r.Account, r.Region, ""}
	switch {
	case ref.arn != nil:
		t, err := parseTarget(*ref.arn)
		if err != nil {
			return key{}, err
		}
		if t.stream.Name == "" || t.consumer != "" {
			return key{}, model.InvalidArgumentException.Errorf("%s is not the ARN of a stream.", *ref.arn)
		}
		if ref.name != nil && *ref.name != t.stream.Name {
			return key{}, model.InvalidArgumentException.Errorf("StreamName %s and StreamARN %s name different streams.", *ref.name, *ref.arn)
		}
		return t.stream, nil
	case ref.name != nil:
		k.Name = *ref.name
		return k, nil
	case ref.id != nil:
		for _, st := range s.all() {
			if st.load().ID == *ref.id && st.key.Account == r.Account && st.key.Region == r.Region {
				return st.key, nil
			}
		}
		return key{}, model.ResourceNotFoundException.Errorf("Stream with id %s under account %s not found.", *ref.id, r.Account)
	default:
		return key{}, model.InvalidArgumentException.Errorf("Either StreamName or StreamARN must be specified.")
	}
}

// find gives the stream that a request means.
func (s *Service) find(ctx context.Context, ref reference) (*stream, error) {
	k, err := s.keyOf(ctx, ref)
	if err != nil {
		return nil, err
	}
	st, err := s.byKey(k)
	if err != nil {
		return nil, err
	}
	return st, st.is(ref.id)
}

// is refuses a StreamId that stands beside another reference to the stream, and is not its own.
func (st *stream) is(id *string) error {
	if id != nil && *id != st.load().ID {
		return model.InvalidArgumentException.Errorf("StreamId %s is not that of stream %s.", *id, st.key.arn())
	}
	return nil
}

func (s *Service) byKey(k key) (*stream, error) {
	s.mu.RLock()
	st := s.streams[k]
	s.mu.RUnlock()
	if st == nil || st.load().gone(s.Now()) {
		return nil, errNoStream(k)
	}
	return st, nil
}

// findReady gives the state of a stream that has shards; one that is CREATING has none yet.
func (s *Service) findReady(ctx context.Context, ref reference) (*stream, *state, error) {
	st, err := s.find(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	x := st.load()
	if x.status(s.Now()) == model.StreamStatusCREATING {
		return nil, nil, errNoStream(st.key)
	}
	return st, x, nil
}

// changeActive is change for a stream that must be ACTIVE.
func (s *Service) changeActive(ctx context.Context, ref reference, edit func(*document, time.Time) error) (*stream, error) {
	st, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return st, s.change(ctx, st, func(d *document) error {
		now := s.Now()
		if status := d.status(now); status != model.StreamStatusACTIVE {
			return errNotActive(st.key, status)
		}
		return edit(d, now)
	})
}

func errNotActive(k key, status model.StreamStatus) error {
	return model.ResourceInUseException.Errorf("Stream %s under account %s not ACTIVE, instead in state %s", k.Name, k.Account, status)
}

func errNoShard(k key, id string) error {
	return model.ResourceNotFoundException.Errorf("Shard %s in stream %s under account %s does not exist", id, k.Name, k.Account)
}
