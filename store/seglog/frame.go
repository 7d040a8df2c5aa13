package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A frame is: checksum u32 | length u32, whose top bits mark the first and the last frame of a group | ordinal u64 | time
// i64 in milliseconds | payload. Little endian. The checksum (CRC32C) covers all that follows it.
const (
	frameHeader = 24
	groupBit    = 1 << 31
	lastBit     = 1 << 30
)

// MaxPayload is the size of the largest record in bytes.
const MaxPayload = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errShort = errors.New("the frame is cut off")
	errFrame = errors.New("the frame does not match its checksum")
)

// Record is one entry of a log. Data stays valid and must not be changed.
type Record struct {
	Ordinal uint64
	Time    time.Time // arrival, to the millisecond
	Data    []byte
}

type frame struct {
	ordinal uint64
	time    int64
	group   bool // it is the first of its group
	last    bool // it is the last
	payload []byte
	size    int64 // header and payload
}

func (f frame) record() Record {
	return Record{Ordinal: f.ordinal, Time: time.UnixMilli(f.time), Data: f.payload}
}

func appendFrame(b []byte, f frame) []byte {
	length := uint32(len(f.payload))
	if f.group {
		length |= groupBit
	}
	if f.last {
		length |= lastBit
	}
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = binary.LittleEndian.AppendUint64(b, f.ordinal)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.time))
	b = append(b, f.payload...)
	binary.LittleEndian.PutUint32(b[start:], crc32.Checksum(b[start+4:], castagnoli))
	return b
}

// frameSize tells the size of the frame that begins b; b holds at least its header.
func frameSize(b []byte) (int64, error) {
	length := binary.LittleEndian.Uint32(b[4:]) &^ (groupBit | lastBit)
	if length > MaxPayload {
		return 0, errFrame
	}
	return frameHeader + int64(length), nil
}

// decodeFrame reads the frame that begins b. The payload is a part of b.
func decodeFrame(b []byte) (frame, error) {
	if len(b) < frameHeader {
		return frame{}, errShort
	}
	size, err := frameSize(b)
	if err != nil {
		return frame{}, err
	}
	if int64(len(b)) < size {
		return frame{}, errShort
	}
	if crc32.Checksum(b[4:size], castagnoli) != binary.LittleEndian.Uint32(b) {
		return frame{}, errFrame
	}
	return frame{
		ordinal: binary.LittleEndian.Uint64(b[8:]),
		time:    int64(binary.LittleEndian.Uint64(b[16:])),
		group:   binary.LittleEndian.Uint32(b[4:])&groupBit != 0,
		last:    binary.LittleEndian.Uint32(b[4:])&lastBit != 0,
		payload: b[frameHeader:size:size],
		size:    size,
	}, nil
}

// groupFollows tells whether a whole frame after the damage at the start of b begins a group. A group begins only
// after the one before it was made durable, so then the damage hit acknowledged records.
func groupFollows(b []byte, expected uint64) bool {
	for o := 1; o+frameHeader <= len(b); o++ {
		ahead := binary.LittleEndian.Uint64(b[o+8:]) - expected
		if ahead == 0 || ahead > uint64(len(b)/frameHeader) || binary.LittleEndian.Uint32(b[o+4:])&groupBit == 0 {
			continue
		}
		if _, err := decodeFrame(b[o:]); err == nil {
			return true
		}
	}
	return false
}

// CorruptError tells where acknowledged data cannot be read.
type CorruptError struct {
	Path   string
	Offset int64 // of the first byte that makes no sense
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.Path, e.Offset, e.Reason)
}
