package logs

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"

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
// minus lowest time uvarint | in version 2 the length of the mark uvarint and the mark | body, compressed by zstd: for each event its time minus that of the event before (the
// lowest for the first) as varint, the length of its message as uvarint, and the message.
const (
	blockVersion  = 1
	markedVersion = 2       // with what its writer wants to find again
	maxBody       = 8 << 20 // a batch is at most 1 MiB, so no true body is longer
)

// blockHead is what is known of a block without decompressing it.
type blockHead struct {
	events    int
	bytes     int64 // sum of the events' sizes
	low, high int64 // times
	mark      []byte
}

var (
	errBlock = errors.New("the block makes no sense")

	packer   = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true)))
	unpacker = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBody)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return v
}

// encodeBlock packs a batch that is not empty.
func encodeBlock(events []Event, mark []byte) ([]byte, blockHead) {
	h := blockHead{events: len(events), low: events[0].Time, high: events[0].Time, mark: mark}
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
	if len(mark) > 0 {
		b[0] = markedVersion
	}
	b = binary.AppendUvarint(b, uint64(h.events))
	b = binary.AppendUvarint(b, uint64(h.bytes))
	b = binary.AppendVarint(b, h.low)
	b = binary.AppendUvarint(b, uint64(h.high-h.low))
	if len(mark) > 0 {
		b = append(binary.AppendUvarint(b, uint64(len(mark))), mark...)
	}
	return packer.EncodeAll(body, b), h
}

// decodeHead reads the head of a block and gives the compressed body.
func decodeHead(b []byte) (blockHead, []byte, error) {
	if len(b) == 0 || (b[0] != blockVersion && b[0] != markedVersion) {
		return blockHead{}, nil, errBlock
	}
	r := varints[[]byte]{b: b[1:]}
	events, bytes := r.unsigned(), r.unsigned()
	low, span := r.signed(), r.unsigned()
	var mark []byte
	if b[0] == markedVersion {
		mark = r.bytes(r.unsigned())
	}
	if r.bad || events == 0 || bytes > maxBody || events*eventOverhead > bytes || span > math.MaxInt64 || low > math.MaxInt64-int64(span) {
		return blockHead{}, nil, errBlock
	}
	return blockHead{int(events), int64(bytes), low, low + int64(span), mark}, r.b, nil
}

// blockReader decodes blocks, one after the other, into the same memory. It belongs to one goroutine.
type blockReader struct{ body []byte }

// open decompresses a block. Its text is valid until the next open.
func (r *blockReader) open(packed []byte) (text string, err error) {
	r.body, err = unpacker.DecodeAll(packed, r.body[:0])
	if err != nil {
		return "", errors.Join(errBlock, err)
	}
	return unsafe.String(unsafe.SliceData(r.body), len(r.body)), nil
}

// each calls fn for the events of a body in the order in which they were put, until it fails. The message is a part of the
// text: who keeps it clones it.
func (h blockHead) each(text string, fn func(index int, e Event) error) error {
	r := varints[string]{b: text}
	size, last := int64(0), h.low
	for i := range h.events {
		last += r.signed()
		e := Event{last, r.bytes(r.unsigned())}
		if r.bad || e.Time < h.low || e.Time > h.high {
			return errBlock
		}
		size += e.size()
		if err := fn(i, e); err != nil {
			return err
		}
	}
	if len(r.b) > 0 || size != h.bytes {
		return errBlock
	}
	return nil
}

// decodeBlock gives the events of a block in the order in which they were put.
func decodeBlock(b []byte) (blockHead, []Event, error) {
	h, packed, err := decodeHead(b)
	if err != nil {
		return blockHead{}, nil, err
	}
	text, err := new(blockReader).open(packed)
	if err != nil {
		return blockHead{}, nil, err
	}
	events := make([]Event, 0, h.events)
	err = h.each(text, func(_ int, e Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		return blockHead{}, nil, err
	}
	return h, events, nil
}

// varints reads numbers off the front of b; bad tells that b did not hold one of them.
type varints[T []byte | string] struct {
	b   T
	bad bool
}

// unsigned reads a number as encoding/binary writes it.
func (r *varints[T]) unsigned() (v uint64) {
	for i := 0; i < len(r.b) && i < binary.MaxVarintLen64; i++ {
		c := r.b[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break // more than 64 bits
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.b = r.b[i+1:]
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *varints[T]) signed() int64 {
	v := r.unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *varints[T]) bytes(n uint64) (v T) {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return v
	}
	v = r.b[:n]
	r.b = r.b[n:]
	return v
}
