package logs

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"drey/store/seglog"
)

// A zone takes no more blocks when it has this many, or events of this size.
const (
	zoneBlocks = 64
	zoneBytes  = 1 << 20
)

// zone tells about consecutive blocks of a stream what a reader needs to pass them over.
type zone struct {
	first, last uint64 // ordinals
	low, high   int64  // times of the events
	events      int64
	bytes       int64 // sum of the events' sizes
	ingested    int64 // arrival of the last block, ms
	sealed      bool  // it came from a row, and that stays as it is
}

func (z *zone) full() bool {
	return z.sealed || z.last-z.first+1 >= zoneBlocks || z.bytes >= zoneBytes
}

func (z *zone) add(ordinal uint64, at int64, h blockHead) {
	if z.events == 0 {
		*z = zone{first: ordinal, low: h.low, high: h.high}
	}
	z.last, z.ingested = ordinal, at
	z.low, z.high = min(z.low, h.low), max(z.high, h.high)
	z.events, z.bytes = z.events+int64(h.events), z.bytes+h.bytes
}

// stream is the events of one log stream. The zones of its log are in memory; full ones are rows too, so that a start
// has little to read.
type stream struct {
	service *Service
	id      int64
	log     *seglog.Log

	loading sync.Mutex // held while the zones are read for the first time
	saving  sync.Mutex // held while zones are written to rows

	mu     sync.Mutex // short; held over I/O only by load
	turn   *sync.Cond // next has advanced
	loaded bool
	zones  []zone // ascending, without gaps; only the last may not be full
	saved  int    // so many of them are rows
	next   uint64 // ordinal of the first block that is in no zone
}

func newStream(s *Service, id int64) *stream {
	st := &stream{service: s, id: id}
	st.turn = sync.NewCond(&st.mu)
	st.log = seglog.New(s.streamDir(id), seglog.Options{
		SegmentBytes: 32 << 20, SegmentAge: 24 * time.Hour, Now: s.now,
		Report: func(t seglog.Tear) {
			s.log.Info("logs: cut off what an interrupted write left behind", "file", t.Path, "bytes", t.Lost)
		},
	})
	return st
}

// append makes the batches durable together, and tells when they arrived; each is at most maxBatch and not empty.
// The mark stays with them.
func (st *stream) append(ctx context.Context, batches [][]Event, mark []byte) (at time.Time, err error) {
	if err := st.load(ctx); err != nil {
		return at, err
	}
	payloads, heads := make([][]byte, len(batches)), make([]blockHead, len(batches))
	for i, b := range batches {
		payloads[i], heads[i] = encodeBlock(b, mark)
	}
	first, at, err := st.log.Append(payloads...)
	if err != nil {
		return at, err
	}
	st.mu.Lock()
	for st.next != first { // whoever has the ordinals before is durable as well and on its way here
		st.turn.Wait()
	}
	for i, h := range heads {
		st.note(first+uint64(i), at.UnixMilli(), h)
	}
	st.turn.Broadcast()
	save := st.fullZones() > st.saved
	st.mu.Unlock()
	if save {
		st.saveOrLog(ctx)
	}
	return at, nil
}

// note takes the next block into the zones. The caller holds mu.
func (st *stream) note(ordinal uint64, at int64, h blockHead) {
	if n := len(st.zones); n == 0 || st.zones[n-1].full() {
		st.zones = append(st.zones, zone{})
	}
	st.zones[len(st.zones)-1].add(ordinal, at, h)
	st.next = ordinal + 1
}

// fullZones counts the zones that will not change any more. The caller holds mu.
func (st *stream) fullZones() int {
	n := len(st.zones)
	if n > 0 && !st.zones[n-1].full() {
		n--
	}
	return n
}

// load finds the zones: from rows, and from the blocks that came after them.
func (st *stream) load(ctx context.Context) error {
	st.mu.Lock()
	loaded := st.loaded
	st.mu.Unlock()
	if loaded {
		return nil
	}
	st.loading.Lock()
	defer st.loading.Unlock()
	if st.loaded { // written under both locks
		return nil
	}
	zones, err := st.savedZones(ctx)
	if err != nil {
		return err
	}
	oldest, next, _, err := st.log.Bounds()
	if err != nil {
		return err
	}
	if n := len(zones); n > 0 && zones[n-1].last >= next {
		zones = nil // the rows are not about this log
		if err := st.forgetZones(ctx, math.MaxInt64); err != nil {
			return err
		}
	}
	zones = cutZones(zones, oldest)
	st.mu.Lock()
	defer st.mu.Unlock() // nobody else has anything to do with the stream yet
	st.zones, st.saved, st.next = zones, len(zones), oldest
	if n := len(zones); n > 0 {
		st.next = zones[n-1].last + 1
	}
	if err := st.replay(next); err != nil {
		st.zones = nil
		return err
	}
	st.loaded = true
	return nil
}

// replay notes the blocks from st.next to end.
func (st *stream) replay(end uint64) error {
	r := st.log.Reader(st.next)
	defer r.Close()
	for st.next < end {
		rec, err := r.Next()
		if err != nil {
			return err
		}
		h, _, err := decodeHead(rec.Data)
		if err != nil {
			return fmt.Errorf("log stream %d, block %d: %w", st.id, rec.Ordinal, err)
		}
		st.note(rec.Ordinal, rec.Time.UnixMilli(), h)
	}
	return nil
}

// cutZones leaves out blocks older than oldest.
func cutZones(zones []zone, oldest uint64) []zone {
	for len(zones) > 0 && zones[0].last < oldest {
		zones = zones[1:]
	}
	zones = slices.Clone(zones)
	if len(zones) > 0 {
		zones[0].first = max(zones[0].first, oldest)
	}
	return zones
}

func (st *stream) savedZones(ctx context.Context) ([]zone, error) {
	var zones []zone
	err := st.service.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT first, last, low, high, events, bytes, ingested FROM logs_zones WHERE stream = ? ORDER BY first`, st.id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var z zone
			if err := rows.Scan(&z.first, &z.last, &z.low, &z.high, &z.events, &z.bytes, &z.ingested); err != nil {
				return err
			}
			z.sealed = true
			zones = append(zones, z)
		}
		return rows.Err()
	})
	return zones, err
}

// forgetZones deletes the rows of zones that end before the ordinal.
func (st *stream) forgetZones(ctx context.Context, before uint64) error {
	return st.service.db.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM logs_zones WHERE stream = ? AND last < ?`, st.id, int64(before))
		return err
	})
}

// save writes zones to rows: the full ones, or all, after which none of them changes any more.
func (st *stream) save(ctx context.Context, all bool) error {
	st.saving.Lock()
	defer st.saving.Unlock()
	st.mu.Lock()
	n := st.fullZones()
	if all {
		n = len(st.zones)
	}
	from := st.saved
	list := slices.Clone(st.zones[from:max(n, from)])
	st.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := st.service.db.Write(ctx, func(tx *stdsql.Tx) error {
		for _, z := range list {
			_, err := tx.ExecContext(ctx, `INSERT INTO logs_zones SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM logs_streams WHERE id = ?1)`,
				st.id, int64(z.first), int64(z.last), z.low, z.high, z.events, z.bytes, z.ingested)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save the index of log stream %d: %w", st.id, err)
	}
	st.mu.Lock()
	st.saved = from + len(list)
	st.mu.Unlock()
	return nil
}

// saveOrLog is for those whose own work is done: without the rows the next start only takes longer.
func (st *stream) saveOrLog(ctx context.Context) {
	if err := st.save(context.WithoutCancel(ctx), false); err != nil {
		st.service.log.Warn("logs", "error", err)
	}
}

// trim deletes the segments whose events all arrived before t.
func (st *stream) trim(ctx context.Context, t time.Time) error {
	if err := st.load(ctx); err != nil {
		return ignoreClosed(err)
	}
	if err := st.log.Trim(t); err != nil {
		return ignoreClosed(err)
	}
	oldest, _, _, err := st.log.Bounds()
	if err != nil {
		return ignoreClosed(err)
	}
	st.saving.Lock()
	defer st.saving.Unlock()
	if err := st.forgetZones(ctx, oldest); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	kept := cutZones(st.zones, oldest)
	st.saved = max(0, st.saved-(len(st.zones)-len(kept)))
	st.zones = kept
	return nil
}

// ignoreClosed is for work on a stream that was deleted meanwhile.
func ignoreClosed(err error) error {
	if errors.Is(err, seglog.ErrClosed) {
		return nil
	}
	return err
}

// close saves all zones and closes the files.
func (st *stream) close(ctx context.Context) error {
	return errors.Join(st.save(ctx, true), st.log.Close())
}

// snapshot gives the zones as they are now.
func (st *stream) snapshot(ctx context.Context) ([]zone, error) {
	if err := st.load(ctx); err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.zones), nil
}

// summary is what DescribeLogStreams says of the events.
type summary struct {
	events    int64
	low, high int64
	ingested  int64
	bytes     int64
}

func (st *stream) summary(ctx context.Context) (summary, error) {
	zones, err := st.snapshot(ctx)
	if err != nil {
		return summary{}, err
	}
	return summarise(zones), nil
}

func summarise(zones []zone) summary {
	var sum summary
	for _, z := range zones {
		if sum.events == 0 {
			sum.low, sum.high = z.low, z.high
		}
		sum.low, sum.high = min(sum.low, z.low), max(sum.high, z.high)
		sum.events, sum.bytes, sum.ingested = sum.events+z.events, sum.bytes+z.bytes, z.ingested
	}
	return sum
}

// search is what a reader of events looks for.
type search struct {
	low, high int64 // times in [low, high)
	// may tells whether a block whose text holds messages and their lengths can hold something that is looked for; nil: any.
	may func(text string) bool
}

// read calls fn for the events of a zone that are searched for, until it fails. The text of a message is only for the call.
func (st *stream) read(z zone, s search, fn func(k key, message string) error) error {
	r := st.log.Reader(z.first)
	defer r.Close()
	b := blockReaders.Get().(*blockReader)
	defer blockReaders.Put(b)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Ordinal > z.last {
			return nil
		}
		if err := st.readBlock(b, rec, s, fn); err != nil {
			return err
		}
		if rec.Ordinal == z.last {
			return nil
		}
	}
}

// blockReaders are those that nobody reads with.
var blockReaders = sync.Pool{New: func() any { return new(blockReader) }}

func (st *stream) readBlock(b *blockReader, rec seglog.Record, s search, fn func(k key, message string) error) error {
	damaged := func(err error) error { return fmt.Errorf("log stream %d, block %d: %w", st.id, rec.Ordinal, err) }
	h, packed, err := decodeHead(rec.Data)
	if err != nil {
		return damaged(err)
	}
	if h.high < s.low || h.low >= s.high {
		return nil
	}
	text, err := b.open(packed)
	if err != nil {
		return damaged(err)
	}
	if s.may != nil && !s.may(text) {
		return nil
	}
	k := key{ingested: rec.Time.UnixMilli(), stream: st.id, block: rec.Ordinal}
	err = h.each(text, func(i int, e Event) error {
		if e.Time < s.low || e.Time >= s.high {
			return nil
		}
		k.time, k.index = e.Time, uint32(i)
		return fn(k, e.Message)
	})
	if errors.Is(err, errBlock) {
		return damaged(err)
	}
	return err
}
