package kinesis

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"drey/kinesis/parcel"
	"drey/wire"
)

// Carrier is a channel as its destinations see it: it acts with the rights of its role.
type Carrier struct{ Account, Region, Role, ARN string }

// Object is something to be written.
type Object struct{ Bucket, Owner, Key, StorageClass string }

// Destinations are S3 and CloudWatch Logs as channels see them. An error that is a *wire.Error is the answer to a request of
// the role.
type Destinations interface {
	// Check tells why the object could not be written.
	Check(ctx context.Context, c Carrier, o Object) error
	// Put makes or replaces the object.
	Put(ctx context.Context, c Carrier, o Object, body []byte) error
	// Log adds an event to a log stream, which is made if it is not there.
	Log(ctx context.Context, c Carrier, group, stream string, at time.Time, message string) error
}

// How a carrier waits.
const (
	carrierPoll    = time.Second // while it gathers records
	carrierBackOff = time.Second // after the first failure, and then twice as long each time
	maxBackOff     = time.Minute
)

// carrier is a channel at work. But for its beginning and end, all is its goroutine's.
type carrier struct {
	service *Service
	stream  *stream
	id      string
	cancel  context.CancelFunc
	done    chan struct{}

	progress progress
	batch    parcel.Batch // what was seen and is not sealed, or not delivered yet
	turn     int          // of the shards
	failures int          // in a row
}

func (s *Service) newCarrier(st *stream, id string) *carrier {
	return &carrier{service: s, stream: st, id: id, done: make(chan struct{})}
}

// run carries until ctx ends, or the channel is FAILED.
func (c *carrier) run(ctx context.Context) {
	defer close(c.done)
	defer c.cancel()
	loaded := false
	for {
		var news <-chan struct{}
		if c.progress.Parcel == nil && c.batch.Records == 0 {
			news = c.stream.bell.wait()
		}
		var err error
		if !loaded {
			c.progress, err = c.service.loadProgress(ctx, c.id)
			loaded = err == nil
		}
		wait := time.Duration(0)
		if loaded {
			wait, err = c.step(ctx)
		}
		if ctx.Err() != nil || errors.Is(err, errFailed) {
			return
		}
		if err != nil {
			wait, news = c.backOff(ctx, err), nil
		} else {
			c.failures = 0
		}
		if !pause(ctx, news, wait) {
			return
		}
	}
}

// asLong is the wait of a carrier that has nothing to wait for but news.
const asLong = time.Duration(-1)

// pause waits for news or so long, and tells whether ctx goes on.
func pause(ctx context.Context, news <-chan struct{}, d time.Duration) bool {
	var over <-chan time.Time
	if d != asLong {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-news:
	case <-over:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// errFailed ends a carrier whose channel is FAILED.
var errFailed = errors.New("the channel has failed")

// step does what is due, and tells how long nothing else will be.
func (c *carrier) step(ctx context.Context) (time.Duration, error) {
	x, now := c.stream.load(), c.service.Now()
	ch := x.channel(c.id)
	if ch == nil || ch.Gone != nil {
		return asLong, nil // whoever deleted it ends this
	}
	if ch.Active == nil {
		if soon := ch.Created.Add(creation); now.Before(soon) {
			return soon.Sub(now), nil
		}
		return 0, c.begin(ctx, x, ch, now)
	}
	if c.progress.Parcel == nil {
		if err := c.gather(x, now); err != nil {
			return 0, err
		}
		wait, ok := c.batch.Wait(now, time.Duration(ch.Freshness)*time.Second)
		switch {
		case !ok:
			return asLong, nil
		case wait > 0:
			c.stream.gathering(now, ch, &c.batch)
			return min(wait, carrierPoll), nil
		}
		if err := c.save(ctx, progress{c.progress.Positions, &sealed{c.batch, strings.ToLower(rand.Text())}}); err != nil {
			return 0, err
		}
	}
	return 0, c.deliver(ctx, x, ch)
}

func (c *carrier) save(ctx context.Context, p progress) error {
	if err := c.service.saveProgress(ctx, c.id, p); err != nil {
		return err
	}
	c.progress = p
	return nil
}

// begin looks whether the role can write what the channel will write, and makes the channel ACTIVE or FAILED. It delivers
// records that are put from then on ("Delivery quotas and limits" in the developer guide).
func (c *carrier) begin(ctx context.Context, x *state, ch *channel, now time.Time) error {
	records, letters, err := c.objects(ch, now, "check")
	if err != nil {
		return err
	}
	by := ch.carrier(c.stream.key)
	if err = c.service.Destinations.Check(ctx, by, records); err == nil {
		err = c.service.Destinations.Check(ctx, by, letters)
	}
	if answer := (*wire.Error)(nil); errors.As(err, &answer) && !answer.Fault {
		reason := answer.Error()
		c.tell(ctx, ch, answer.Code, reason)
		err := c.edit(ctx, func(ch *channel) { ch.Failed = reason[:min(len(reason), 2048)] })
		if err == nil {
			err = errFailed
		}
		return err
	}
	if err != nil {
		return err
	}
	p := progress{Positions: map[int]uint64{}}
	for _, l := range x.lanes {
		if p.Positions[l.Index], err = l.next(); err != nil {
			return err
		}
	}
	if err := c.save(ctx, p); err != nil {
		return err
	}
	return c.edit(ctx, func(ch *channel) { ch.Active = new(c.service.Now()) })
}

func (c *carrier) edit(ctx context.Context, edit func(*channel)) error {
	return c.service.change(ctx, c.stream, func(d *document) error {
		if ch := d.channel(c.id); ch != nil {
			edit(ch)
		}
		return nil
	})
}
