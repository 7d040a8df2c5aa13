package logs

import (
	"context"
	"crypto/sha256"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	model "drey/model/logs"
)

// Record is what a subscription filter sends to a Kinesis stream.
type Record struct {
	Account, Region string
	Stream          string // ARN
	Role            string // ARN: with its rights
	Source          string // ARN of the log group, which the trust policy of the role may ask for
	PartitionKey    string
	Data            []byte
}

// RecordSink puts records into Kinesis streams. When it returns nil the record is durable.
type RecordSink interface {
	PutRecord(ctx context.Context, r Record) error
}

func (x *subscription) record(partitionKey string, data []byte) Record {
	return Record{
		Account: x.account, Region: x.region, Stream: x.destination, Role: x.role, Source: groupARN(x.place, x.groupName), PartitionKey: partitionKey, Data: data,
	}
}

const (
	deliveryBytes = 512 << 10   // events that are sent together, before compression
	maxRetry      = time.Minute // between two attempts
	firstRetry    = 100 * time.Millisecond
)

// delivery carries the events of a group to a destination, in a goroutine of its own: each at least once, those of a
// stream in the order in which they came. Where each stream is read next is a row, so a restart goes on from there. It
// holds one batch at a time.
type delivery struct {
	*subscription
	service *Service
	next    map[int64]uint64 // blocks, by stream
	wake    chan struct{}
	stop    context.CancelFunc
	done    chan struct{} // closed when it has ended
}

func (s *Service) newDelivery(ctx context.Context, x *subscription) (*delivery, error) {
	d := &delivery{subscription: x, service: s, next: map[int64]uint64{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	err := s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT stream, next FROM logs_deliveries WHERE filter = ?`, x.id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var stream, next int64
			if err := rows.Scan(&stream, &next); err != nil {
				return err
			}
			d.next[stream] = uint64(next)
		}
		return rows.Err()
	})
	return d, err
}

func (d *delivery) begin(ctx context.Context) {
	ctx, d.stop = context.WithCancel(ctx)
	go d.run(ctx)
}

// end stops the delivery and waits for it.
func (d *delivery) end() {
	d.stop()
	<-d.done
}

// poke tells that there may be something to deliver.
func (d *delivery) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *delivery) run(ctx context.Context) {
	defer close(d.done)
	for wait := firstRetry; ; {
		err := d.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = firstRetry
			select {
			case <-ctx.Done():
				return
			case <-d.wake:
			}
			continue
		}
		d.service.log.Warn("logs: a subscription filter waits", "group", d.groupName, "filter", d.name, "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, maxRetry)
	}
}

// pass delivers what all streams have.
func (d *delivery) pass(ctx context.Context) error {
	rows, err := d.service.streamRows(ctx, d.group)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range rows {
		if err := d.follow(ctx, r); ignoreClosed(err) != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// follow delivers what a stream has, batch by batch.
func (d *delivery) follow(ctx context.Context, stream streamRow) error {
	st := d.service.stream(stream.id)
	_, end, _, err := st.log.Bounds()
	if err != nil || d.next[stream.id] >= end {
		return err
	}
	r := st.log.Reader(d.next[stream.id])
	defer r.Close()
	var b deliveryBatch
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return d.send(ctx, stream, &b)
		}
		if err != nil {
			return err
		}
		_, events, err := decodeBlock(rec.Data)
		if err != nil {
			return fmt.Errorf("log stream %d, block %d: %w", stream.id, rec.Ordinal, err)
		}
		for i, e := range events {
			if d.parsed.Match(e.Message) {
				k := key{time: e.Time, stream: stream.id, block: rec.Ordinal, index: uint32(i)}
				b.events = append(b.events, payloadEvent{k.id(), e.Time, e.Message})
				b.size += e.size()
			}
		}
		b.next = rec.Ordinal + 1
		if b.size >= deliveryBytes {
			if err := d.send(ctx, stream, &b); err != nil {
				return err
			}
		}
	}
}

// deliveryBatch is what is sent together, and where the stream is read afterwards.
type deliveryBatch struct {
	events []payloadEvent
	size   int64
	next   uint64
}

// send puts a batch into the destination and then notes how far the stream was delivered.
func (d *delivery) send(ctx context.Context, stream streamRow, b *deliveryBatch) error {
	if len(b.events) > 0 {
		p := payload{MessageType: "DATA_MESSAGE", Owner: d.account, LogGroup: d.groupName, LogStream: stream.name, SubscriptionFilters: []string{d.name}}
		records, left, err := p.records(b.events)
		if err != nil {
			return err
		}
		if left > 0 {
			d.service.log.Warn("logs: events are too long for a subscription's records", "group", d.groupName, "filter", d.name, "events", left)
		}
		for _, data := range records {
			if err := d.service.records.PutRecord(ctx, d.record(d.partitionKey(stream.name), data)); err != nil {
				return fmt.Errorf("put into %s: %w", d.destination, err)
			}
		}
	}
	if b.next > 0 {
		if err := d.note(ctx, stream.id, b.next); err != nil {
			return err
		}
	}
	*b = deliveryBatch{}
	return nil
}

// partitionKey spreads records over the shards of the destination, or keeps those of a log stream together.
func (d *delivery) partitionKey(stream string) string {
	if d.distribution == model.DistributionRandom {
		return newID()
	}
	sum := sha256.Sum256([]byte(stream))
	return fmt.Sprintf("%x", sum[:16])
}

// note saves the position, also when the delivery is ending: what was sent must not be sent again.
func (d *delivery) note(ctx context.Context, stream int64, next uint64) error {
	ctx = context.WithoutCancel(ctx)
	err := d.service.db.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO logs_deliveries SELECT ?, ?, ?
			WHERE EXISTS (SELECT 1 FROM logs_streams WHERE id = ?2) AND EXISTS (SELECT 1 FROM logs_subscription_filters WHERE id = ?1)
			ON CONFLICT DO UPDATE SET next = excluded.next`, d.id, stream, int64(next))
		return err
	})
	if err == nil {
		d.next[stream] = next
	}
	return err
}
