package kinesis

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// trimming is how often records beyond the retention period are looked for.
const trimming = 10 * time.Minute

// keep removes what is past its time, and hands over what was counted in each minute, until ctx ends.
func (s *Service) keep(ctx context.Context) {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	trimmed, sampled := s.Now(), s.Now().Truncate(time.Minute)
	if err := s.removeOrphans(); err != nil {
		s.Log.Error("kinesis: records of deleted streams are left on the disk", "error", err)
	}
	for {
		select {
		case <-ctx.Done():
			s.report(context.WithoutCancel(ctx), s.meteredSoFar(s.Now()))
			return
		case <-s.kick:
		case <-timer.C:
		}
		now := s.Now()
		due, err := s.sweep(ctx, now)
		if now.Sub(trimmed) >= trimming {
			err = errors.Join(err, s.trim(now))
			trimmed = now
		}
		if minute := now.Truncate(time.Minute); minute.After(sampled) {
			err = errors.Join(err, s.sampleQueues(now))
			sampled = minute
		}
		past := s.meteredBefore(now)
		err = errors.Join(err, s.scaleUp(ctx, now, past))
		s.report(ctx, past)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("kinesis: removing what is past its time failed and will be tried again", "error", err)
			due = now.Add(time.Second)
		}
		timer.Reset(max(0, min(due.Sub(now), now.Truncate(time.Minute).Add(time.Minute).Sub(now))))
	}
}

// removeOrphans deletes the records of streams and shards that are no more: a crash can bring them back.
func (s *Service) removeOrphans() error {
	err := removeUnknown(s.Dir, func(known map[string]bool) {
		for _, st := range s.all() {
			known[st.load().ID] = true
		}
	})
	s.birth.Lock() // the log of a queue is there before the queue is
	defer s.birth.Unlock()
	for _, st := range s.all() {
		err = errors.Join(err, removeUnknown(filepath.Join(s.Dir, st.load().ID), func(known map[string]bool) {
			for _, l := range st.load().lanes {
				known[l.id()] = true
			}
			for id := range st.load().desks {
				known[queueDir(id)] = true
			}
		}))
	}
	return err
}

// removeUnknown deletes the directories below dir whose names are not known. They are looked for first, so that what
// comes into being meanwhile is left alone.
func removeUnknown(dir string, know func(map[string]bool)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	known := map[string]bool{}
	know(known)
	for _, e := range entries {
		if e.IsDir() && !known[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// wake tells the keeper that something new has a time.
func (s *Service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// sweep removes streams, shards, consumers and queues that are gone, and tells when the next will be.
func (s *Service) sweep(ctx context.Context, now time.Time) (due time.Time, err error) {
	due = now.Add(trimming)
	for _, st := range s.all() {
		d := st.load().document
		switch {
		case d.gone(now):
			err = errors.Join(err, s.remove(ctx, st))
		case d.Gone != nil && d.Gone.Before(due):
			due = *d.Gone
		}
		if len(d.consumers(now)) < len(d.Consumers) && d.Gone == nil {
			err = errors.Join(err, s.change(ctx, st, func(d *document) error {
				d.Consumers = d.consumers(now)
				return nil
			}))
		}
		if len(d.queues(now)) < len(d.Queues) {
			err = errors.Join(err, s.dropQueues(ctx, st, now))
		}
		if len(d.channels(now)) < len(d.Channels) && d.Gone == nil {
			err = errors.Join(err, s.dropChannels(ctx, st, now))
		}
		if d.Gone == nil && slices.ContainsFunc(d.Shards, func(sh shard) bool { return sh.expired(d.horizon(now)) }) {
			err = errors.Join(err, s.dropShards(ctx, st, now))
		}
		for _, c := range d.consumers(now) {
			if c.Gone != nil && c.Gone.Before(due) {
				due = *c.Gone
			}
		}
		for _, q := range d.queues(now) {
			if q.Gone != nil && q.Gone.Before(due) {
				due = *q.Gone
			}
		}
		for _, c := range d.channels(now) {
			if c.Gone != nil && c.Gone.Before(due) {
				due = *c.Gone
			}
		}
	}
	return due, err
}

// dropShards makes the records of expired shards and then the shards disappear. It may be repeated.
func (s *Service) dropShards(ctx context.Context, st *stream, now time.Time) error {
	return s.change(ctx, st, func(d *document) error {
		horizon := d.horizon(now)
		for _, l := range st.load().lanes {
			if !l.expired(horizon) {
				continue
			}
			if err := l.log.Remove(); err != nil {
				return err
			}
		}
		d.Shards = slices.DeleteFunc(d.Shards, func(sh shard) bool { return sh.expired(horizon) })
		return nil
	})
}

// remove makes a deleted stream's records and then its document disappear. It may be repeated.
func (s *Service) remove(ctx context.Context, st *stream) error {
	s.birth.Lock()
	defer s.birth.Unlock()
	return s.removeLocked(ctx, st)
}

func (s *Service) removeLocked(ctx context.Context, st *stream) error {
	s.mu.RLock()
	current := s.streams[st.key]
	s.mu.RUnlock()
	if current != st {
		return nil // removed already
	}
	if err := s.endChannels(ctx, st, func(*channel) bool { return true }); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.removed = true
	state := st.load()
	for _, l := range state.lanes {
		if err := l.log.Remove(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(s.Dir, state.ID)); err != nil {
		return err
	}
	if err := s.deleteStream(ctx, st.key); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.streams, st.key)
	s.removed = append(s.removed, st)
	s.mu.Unlock()
	return nil
}

// trim drops records that are older than their stream keeps them.
func (s *Service) trim(now time.Time) (err error) {
	for _, st := range s.all() {
		state := st.load()
		if state.Gone != nil {
			continue
		}
		for _, l := range state.lanes {
			err = errors.Join(err, l.log.Trim(state.horizon(now)))
		}
	}
	return err
}

// all lists the streams in the order of their names.
func (s *Service) all() []*stream {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*stream, 0, len(s.streams))
	for _, st := range s.streams {
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b *stream) int { return a.key.compare(b.key) })
	return out
}
