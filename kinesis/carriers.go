package kinesis

import (
	"context"
	stdsql "database/sql"
	"maps"
	"slices"
	"sync"
	"time"
)

// carriers are the channels at work, by their ids.
type carriers struct {
	mu   sync.Mutex
	ctx  context.Context // nil: closed, or not open yet
	live map[string]*carrier
}

func (c *carriers) open(ctx context.Context) {
	c.ctx, c.live = ctx, map[string]*carrier{}
}

func (c *carriers) start(x *carrier) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		return
	}
	var ctx context.Context
	ctx, x.cancel = context.WithCancel(c.ctx)
	c.live[x.id] = x
	go x.run(ctx)
}

// cancel lets a channel end soon.
func (c *carriers) cancel(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.live[id]; x != nil {
		x.cancel()
	}
}

// end returns when a channel has ended.
func (c *carriers) end(id string) {
	c.mu.Lock()
	x := c.live[id]
	delete(c.live, id)
	c.mu.Unlock()
	if x != nil {
		x.cancel()
		<-x.done
	}
}

// close returns when all have ended, and no other begins.
func (c *carriers) close() {
	c.mu.Lock()
	c.ctx = nil
	live := slices.Collect(maps.Values(c.live))
	c.mu.Unlock()
	for _, x := range live {
		x.cancel()
		<-x.done
	}
}

// startChannels starts the carriers of the channels that exist.
func (s *Service) startChannels(ctx context.Context) {
	s.carriers.open(ctx)
	if s.Destinations == nil {
		return
	}
	for _, st := range s.all() {
		for _, c := range st.load().Channels {
			if c.Gone == nil && c.Failed == "" {
				s.carriers.start(s.newCarrier(st, c.ID))
			}
		}
	}
}

// endChannels ends channels of a stream that are picked, and forgets how far they had come. It may be repeated. The lock of
// the stream's changes is not held, since those who end may wait for it.
func (s *Service) endChannels(ctx context.Context, st *stream, which func(*channel) bool) error {
	for _, c := range st.load().Channels {
		if !which(&c) {
			continue
		}
		s.carriers.end(c.ID)
		err := s.DB.Write(ctx, func(tx *stdsql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM kinesis_channels WHERE id = ?`, c.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropChannels makes deleted channels disappear. It may be repeated.
func (s *Service) dropChannels(ctx context.Context, st *stream, now time.Time) error {
	if err := s.endChannels(ctx, st, func(c *channel) bool { return c.gone(now) }); err != nil {
		return err
	}
	return s.change(ctx, st, func(d *document) error {
		d.Channels = d.channels(now)
		return nil
	})
}
