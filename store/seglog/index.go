package seglog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sort"
)

// indexStep is how many bytes of a segment lie between two entries of its sparse index.
const indexStep = 32 << 10

const (
	indexMagic  = "DREYIDX1"
	indexFixed  = 8 + 5*8 + 4
	entryLength = 24
)

// entry says that the frame at offset is the first at or after it with that ordinal and time.
type entry struct {
	ordinal uint64
	time    int64
	offset  int64
}

// index describes the records of a segment. An empty segment has last = first-1.
type index struct {
	first, last         uint64
	firstTime, lastTime int64
	size                int64 // bytes, with the segment's header
	entries             []entry
}

func newIndex(first uint64) index { return index{first: first, last: first - 1, size: segmentHeader} }

func (x *index) empty() bool { return x.last+1 == x.first }

// add takes in the next frame.
func (x *index) add(f frame) {
	if x.empty() {
		x.firstTime = f.time
	}
	if n := len(x.entries); n == 0 || x.size-x.entries[n-1].offset >= indexStep {
		x.entries = append(x.entries, entry{f.ordinal, f.time, x.size})
	}
	x.last, x.lastTime, x.size = f.ordinal, f.time, x.size+f.size
}

// seek gives an offset at or before the first record with ordinal >= ordinal and time >= time.
func (x *index) seek(ordinal uint64, time int64) int64 {
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].ordinal > ordinal })
	j := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].time >= time })
	if i = max(i, j); i == 0 {
		return segmentHeader
	}
	return x.entries[i-1].offset
}

func (x *index) encode() []byte {
	b := []byte(indexMagic)
	for _, v := range []uint64{x.first, x.last, uint64(x.firstTime), uint64(x.lastTime), uint64(x.size)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.entries)))
	for _, e := range x.entries {
		b = binary.LittleEndian.AppendUint64(b, e.ordinal)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.time))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.offset))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

var errIndex = errors.New("not a whole index")

func decodeIndex(b []byte) (index, error) {
	if len(b) < indexFixed+4 || string(b[:8]) != indexMagic {
		return index{}, errIndex
	}
	body := b[:len(b)-4]
	n := int(binary.LittleEndian.Uint32(body[indexFixed-4:]))
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) || n != (len(body)-indexFixed)/entryLength || (len(body)-indexFixed)%entryLength != 0 {
		return index{}, errIndex
	}
	u := func(at int) uint64 { return binary.LittleEndian.Uint64(body[at:]) }
	x := index{first: u(8), last: u(16), firstTime: int64(u(24)), lastTime: int64(u(32)), size: int64(u(40)), entries: make([]entry, n)}
	for i := range x.entries {
		at := indexFixed + i*entryLength
		x.entries[i] = entry{u(at), int64(u(at + 8)), int64(u(at + 16))}
	}
	return x, nil
}
