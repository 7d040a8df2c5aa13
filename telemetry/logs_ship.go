package telemetry

import (
	"context"
	"errors"
	"time"
)

// batch is what goes to the sink at once, and where the files stand afterwards.
type batch struct {
	events []LogEvent
	size   int
	moved  []*cursor
}

// add takes an event unless the batch is full.
func (b *batch) add(e LogEvent) bool {
	size := len(e.Message) + logOverhead
	if len(b.events) >= maxLogEvents || b.size+size > maxLogBatch {
		return false
	}
	b.events, b.size = append(b.events, e), b.size+size
	return true
}

// ship appends a batch, as often as it takes, and then saves the offsets. Lines that nobody may have are dropped.
func (tl *tail) ship(ctx context.Context, b *batch) error {
	if len(b.moved) == 0 {
		return nil
	}
	a, _ := tl.current()
	m, err := tl.mark(ctx, a.ID, b)
	if err != nil {
		return err
	}
	wait := tl.t.c.Poll
	for len(b.events) > 0 {
		a, _ := tl.current()
		err, hint := tl.t.c.Allowed(ctx, a), logsNotAllowed
		if err == nil {
			if err = tl.t.c.Sink.Append(ctx, a.Target, b.events, m.encode()); err == nil {
				tl.shipped.Add(int64(len(b.events)))
				tl.said = false
				break
			}
			hint = logsMissing
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if hint == logsNotAllowed || errors.Is(err, ErrNoLogStream) {
			tl.drop(a, len(b.events), hint, err)
			break
		}
		tl.t.c.Log.Warn("log lines wait", "application", a.ARN, "error", err, "again_in", wait)
		if err := tl.pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxLogBackoff)
	}
	return saveOffsets(context.WithoutCancel(ctx), tl.t.c.DB, m, tl.t.c.Now()) // also when closing
}

// mark says where the files stand when the batch is shipped. A file that has no row yet gets one for its beginning first:
// so catchUp knows from when on marks are about it.
func (tl *tail) mark(ctx context.Context, id string, b *batch) (mark, error) {
	m, begun := mark{Application: id}, mark{Application: id}
	for _, c := range b.moved {
		p, err := c.where()
		if err != nil {
			return m, err
		}
		if c.saved == nil {
			begun.Places = append(begun.Places, markedPlace{c.path, place{fileID: fileID{Device: p.Device, Inode: p.Inode}}})
			c.saved = &place{}
		}
		c.batch++
		p.Batch = c.batch
		m.Places = append(m.Places, markedPlace{c.path, p})
	}
	if len(begun.Places) == 0 {
		return m, nil
	}
	return m, saveOffsets(ctx, tl.t.c.DB, begun, tl.t.c.Now())
}

func (tl *tail) drop(a LoggedApplication, n int, hint string, reason error) {
	tl.dropped.Add(int64(n))
	if tl.said {
		return
	}
	tl.said = true
	_, files := tl.current()
	tl.t.c.Log.Warn(hint, "application", a.ARN, "role", a.RoleARN, "group", a.Target.Group, "stream", a.Target.Stream, "reason", reason, "files", files)
}

// pause waits; while draining, which has a deadline, a short time only.
func (tl *tail) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-tl.drain:
		timer.Reset(min(d, tl.t.c.Poll))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	case <-timer.C:
		return nil
	}
}
