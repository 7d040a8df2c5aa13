package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// flow is PutRecord at a steady pace, and its records as they arrive at subscribers. Each record holds its number, by
// which the subscriber finds when it was sent: both sides are in this process and have one clock.
type flow struct {
	shards, consumers int
	rate              int           // records a second
	length            time.Duration // of which the first tenth warms up
}

// flowed is what came of it.
type flowed struct {
	rate float64         // records a second that were put
	push []time.Duration // from the put to its arrival, at each subscriber; sorted
	cpu  time.Duration   // of the server, for each record and consumer
}

const flowConnections = 8

func (f flow) records() int { return int(f.length.Seconds() * float64(f.rate)) }

// run measures on a stream of its own.
func (f flow) run(ctx context.Context, b *bench, s *server) (result flowed, err error) {
	_, err = b.onStream(ctx, s, f.shards, func(stream string) (outcome, error) {
		result, err = f.on(ctx, s, stream)
		return outcome{}, err
	})
	return result, err
}

func (f flow) on(ctx context.Context, s *server, stream string) (flowed, error) {
	m := &meter{sent: make([]atomic.Int64, f.records()), whole: make(chan struct{}), began: time.Now()}
	m.left.Store(int64(f.records() * f.consumers))
	requests, err := f.requests(s, stream)
	if err != nil {
		return flowed{}, err
	}
	all, err := f.subscribe(ctx, s, stream)
	defer func() {
		for _, x := range all {
			_ = x.Close()
		}
	}()
	if err != nil {
		return flowed{}, err
	}
	before, err := s.cpu()
	if err != nil {
		return flowed{}, err
	}
	pushes := make([][]time.Duration, len(all))
	failed := make(chan error, len(all))
	var readers sync.WaitGroup
	for i, x := range all {
		readers.Go(func() { failed <- m.read(x, &pushes[i]) })
	}
	took, err := f.send(ctx, s, m, requests)
	if err == nil {
		err = m.await(ctx, failed)
	}
	after, cpuErr := s.cpu()
	for _, x := range all {
		_ = x.Close()
	}
	readers.Wait()
	if err := errors.Join(err, cpuErr); err != nil {
		return flowed{}, s.fail(err)
	}
	push := slices.Concat(pushes...)
	slices.Sort(push)
	return flowed{float64(f.records()) / took.Seconds(), push, (after - before) / time.Duration(f.records()*f.consumers)}, nil
}

func (f flow) requests(s *server, stream string) ([][]byte, error) {
	var all [][]byte
	for i := range f.records() {
		e := newEntry(8)
		binary.BigEndian.PutUint64(e.Data, uint64(i))
		r, err := s.request(asJSON, "PutRecord", putRecordInput{stream, e})
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// subscribe registers the consumers and subscribes each to all shards.
func (f flow) subscribe(ctx context.Context, s *server, stream string) ([]*subscriber, error) {
	var all []*subscriber
	for i := range f.consumers {
		arn, err := s.register(ctx, stream, fmt.Sprintf("consumer-%d", i))
		if err != nil {
			return all, err
		}
		some, err := s.subscribers(ctx, arn, "LATEST", f.shards)
		if err != nil {
			return all, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// send puts the records at their times, and gives how long that took.
func (f flow) send(ctx context.Context, s *server, m *meter, requests [][]byte) (time.Duration, error) {
	began := time.Now()
	var g errgroup.Group
	for k := range flowConnections {
		c, err := s.dial(ctx)
		if err != nil {
			return 0, errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			defer c.Close()
			for i := k; i < len(requests); i += flowConnections {
				time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(f.rate))))
				m.sent[i].Store(int64(time.Since(m.began)))
				if _, err := c.roundTrip(requests[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(began), err
}

// meter holds when records were sent, and knows when all have arrived.
type meter struct {
	began time.Time
	sent  []atomic.Int64 // nanoseconds since began
	left  atomic.Int64   // arrivals to come
	whole chan struct{}  // closed at the last arrival
}

// read takes events until the subscription ends.
func (m *meter) read(x *subscriber, push *[]time.Duration) error {
	for {
		event, err := x.events.next(x.stream)
		if err != nil {
			return err
		}
		now := time.Since(m.began)
		n, err := m.arrived(event, now, push)
		if err != nil {
			return err
		}
		if n > 0 && m.left.Add(int64(-n)) == 0 {
			close(m.whole)
		}
	}
}

var (
	dataJSON   = []byte(`"Data":"`)
	errForeign = errors.New("a record that was not sent")
)

// arrived adds the times of an event's records, but for those that warm up, and counts all.
func (m *meter) arrived(event []byte, now time.Duration, push *[]time.Duration) (int, error) {
	n := 0
	for {
		_, rest, ok := bytes.Cut(event, dataJSON)
		if !ok {
			return n, nil
		}
		var data [9]byte
		if len(rest) < 12 {
			return n, errForeign
		}
		if size, err := base64.StdEncoding.Decode(data[:], rest[:12]); err != nil || size != 8 {
			return n, errForeign
		}
		i := binary.BigEndian.Uint64(data[:8])
		if i >= uint64(len(m.sent)) {
			return n, errForeign
		}
		if i >= uint64(len(m.sent)/10) {
			*push = append(*push, now-time.Duration(m.sent[i].Load()))
		}
		event = rest[12:]
		n++
	}
}

// await waits for the last arrival.
func (m *meter) await(ctx context.Context, failed <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	select {
	case <-m.whole:
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%d records never arrived: %w", m.left.Load(), ctx.Err())
	}
}
