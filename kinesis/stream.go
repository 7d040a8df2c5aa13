package kinesis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

	mu      sync.Mutex // of changes
	removed bool       // no change may store the document again
}

// state is a stream at one moment. It never changes.
type state struct {
	document
	lanes []*lane // by index
	open  []*lane // those that take records, by range
}

func (st *stream) load() *state { return st.state.Load() }

func (s *Service) newStream(k key, d document) *stream {
	st := &stream{key: k}
	st.state.Store(s.newState(d, nil))
	return st
}

// newState keeps the lanes of old and opens those that d has more.
func (s *Service) newState(d document, old []*lane) *state {
	x := &state{document: d}
	for i, sh := range d.Shards {
		start, ok := parseHash(sh.Start)
		if !ok {
			panic(fmt.Sprintf("kinesis: shard %s begins at %q", sh.id(), sh.Start)) // we wrote it
		}
		l := &lane{shard: sh, start: start}
		if i < len(old) {
			l.log = old[i].log
		} else {
			l.log = s.newLog(d.ID, sh.Index)
		}
		x.lanes = append(x.lanes, l)
		if sh.Closed == nil {
			x.open = append(x.open, l)
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

// lane finds a shard by its id.
func (x *state) lane(id string) *lane {
	i := slices.IndexFunc(x.lanes, func(l *lane) bool { return l.id() == id })
	if i < 0 {
		return nil
	}
	return x.lanes[i]
}

// change stores what edit makes of a stream's document, and shows it when it is durable.
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
	if err := s.saveStream(ctx, st.key, d); err != nil {
		return fmt.Errorf("change stream %s: %w", st.key.arn(), err)
	}
	st.state.Store(s.newState(d, old.lanes))
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

// reference is how a request names a stream: by name, ARN or id, of which one is enough.
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
	return s.byKey(k)
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
			return model.ResourceInUseException.Errorf("Stream %s under account %s not ACTIVE, instead in state %s", st.key.Name, st.key.Account, status)
		}
		return edit(d, now)
	})
}

func errNoShard(k key, id string) error {
	return model.ResourceNotFoundException.Errorf("Shard %s in stream %s under account %s does not exist", id, k.Name, k.Account)
}
