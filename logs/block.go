package logs

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/klauspost/compress/zstd"
)

// Event is one line of a log.
type Event struct {
	Time    int64 // milliseconds since the epoch
	Message string
}

// eventOverhead is what an event counts for beside its message, in all limits of the service.
const eventOverhead = 26

func (e Event) size() int64 { return int64(len(e.Message)) + eventOverhead }

// A block is one batch of events: version u8 | number of events uvarint | size uvarint | lowest time varint | highest
// minus lowest time uvarint | body, compressed by zstd: for each event its time minus that of the event before (the
// lowest for the first) as varint, the length of its message as uvarint, and the message.
const (
	blockVersion = 1
	maxBody      = 8 << 20 // a batch is at most 1 MiB, so no true body is longer
)

// blockHead is what is known of a block without decompressing it.
type blockHead struct {
	events    int
	bytes     int64 // sum of the events' sizes
	low, high int64 // times
}

var (
	errBlock = errors.New("the block makes no sense")

	packer   = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true)))
	unpacker = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBody)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return v
}

// encodeBlock packs a batch that is not empty.
func encodeBlock(events []Event) ([]byte, blockHead) {
	h := blockHead{events: len(events), low: events[0].Time, high: events[0].Time}
	for _, e := range events {
		h.bytes += e.size()
		h.low, h.high = min(h.low, e.Time), max(h.high, e.Time)
	}
	body := make([]byte, 0, h.bytes)
	last := h.low
	for _, e := range events {
		body = binary.AppendVarint(body, e.Time-last)
		body = binary.AppendUvarint(body, uint64(len(e.Message)))
		body = append(body, e.Message...)
		last = e.Time
	}
	b := []byte{blockVersion}
	b = binary.AppendUvarint(b, uint64(h.events))
	b = binary.AppendUvarint(b, uint64(h.bytes))
	b = binary.AppendVarint(b, h.low)
	b = binary.AppendUvarint(b, uint64(h.high-h.low))
	return packer.EncodeAll(body, b), h
}

// decodeHead reads the head of a block and gives the compressed body.
func decodeHead(b []byte) (blockHead, []byte, error) {
	if len(b) == 0 || b[0] != blockVersion {
		return blockHead{}, nil, errBlock
	}
	r := varints{b: b[1:]}
	events, bytes := r.unsigned(), r.unsigned()
	low, span := r.signed(), r.unsigned()
	if r.bad || events == 0 || bytes > maxBody || events*eventOverhead > bytes || span > math.MaxInt64 || low > math.MaxInt64-int64(span) {
		return blockHead{}, nil, errBlock
	}
	return blockHead{int(events), int64(bytes), low, low + int64(span)}, r.b, nil
}

// decodeBlock gives the events of a block in the order in which they were put.
func decodeBlock(b []byte) (blockHead, []Event, error) {
	h, packed, err := decodeHead(b)
	if err != nil {
		return blockHead{}, nil, err
	}
	body, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return blockHead{}, nil, errors.Join(errBlock, err)
	}
	r := varints{b: body}
	events := make([]Event, 0, h.events)
	size, last := int64(0), h.low
	for range h.events {
		last += r.signed()
		e := Event{last, string(r.bytes(r.unsigned()))}
		if r.bad || e.Time < h.low || e.Time > h.high {
			return blockHead{}, nil, errBlock
		}
		size += e.size()
		events = append(events, e)
	}
	if len(r.b) > 0 || size != h.bytes {
		return blockHead{}, nil, errBlock
	}
	return h, events, nil
}

// varints reads numbers off the front of b; bad tells that b did not hold one of them.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	return take(r, v, n)
}

func (r *varints) signed() int64 {
	v, n := binary.Varint(r.b)
	return take(r, v, n)
}

func take[T any](r *varints, v T, n int) (zero T) {
	if r.bad || n <= 0 {
		r.bad = true
		return zero
	}
	r.b = r.b[n:]
	return v
}

func (r *varints) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}
