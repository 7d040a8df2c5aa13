package kinesis

import (
	"errors"
	"io"
	"time"

	"drey/kinesis/parcel"
)

// gather adds to the batch what has come, those of a child shard only when all of its ancestors' are in ("Resharding a stream"
// in the developer guide).
func (c *carrier) gather(x *state, now time.Time) error {
	horizon := x.horizon(now)
	f := ancestry{state: x, now: now, at: c.next, read: map[string]bool{}}
	c.turn++
	for i := range x.lanes {
		l := x.lanes[(i+c.turn)%len(x.lanes)]
		if c.batch.Full() {
			return nil
		}
		ready, err := f.parentsRead(l)
		if err == nil && ready {
			err = c.count(l, horizon)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) next(l *lane) uint64 {
	return c.batch.Next(l.Index, c.progress.position(l.Index))
}

// count adds what a shard has more.
func (c *carrier) count(l *lane, horizon time.Time) error {
	before, err := l.next()
	if err != nil || c.next(l) >= before {
		return err
	}
	r := l.log.Reader(c.next(l)).Since(horizon)
	defer r.Close()
	for c.next(l) < before && !c.batch.Full() {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			c.batch.Pass(l.Index, c.progress.position(l.Index), before) // they were left out for their age
			return nil
		}
		if err != nil {
			return err
		}
		c.batch.Add(parcel.Mark{Shard: l.Index, Ordinal: rec.Ordinal, Size: recordSize(rec), Arrived: rec.Time}, c.progress.position(l.Index))
	}
	return nil
}

// ancestry answers which shards were read to their ends, together with all of their ancestors.
type ancestry struct {
	state *state
	now   time.Time
	at    func(*lane) uint64
	read  map[string]bool // what is known
}

func (f ancestry) parentsRead(l *lane) (bool, error) {
	mother, err := f.wholly(l.Parent)
	if err != nil || !mother {
		return false, err
	}
	return f.wholly(l.AdjacentParent)
}

// wholly tells it of a shard. Where there is none any more, nothing is left to be read.
func (f ancestry) wholly(id string) (done bool, err error) {
	if done, known := f.read[id]; known || id == "" {
		return done || id == "", nil
	}
	defer func() { f.read[id] = done }()
	l := f.state.lane(id, f.now)
	if l == nil {
		return true, nil
	}
	next, err := l.next()
	if err != nil || l.Closed == nil || f.at(l) < next {
		return false, err
	}
	return f.parentsRead(l)
}
