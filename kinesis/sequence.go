package kinesis

import (
	"math/bits"
	"strconv"
)

// sequence is a sequence number: 188 bits, written as 56 decimal digits. From the top: 4 bits version (2), 36 bits
// creation of the shard in seconds, 4 bits of the shard's index, 64 bits ordinal in the shard's log, 8 bits mark,
// 36 bits arrival in seconds, 32 bits index of the shard, 4 bits version again. So numbers grow with the ordinal and
// tell which shard of which stream they belong to.
type sequence struct {
	created int64
	shard   int
	ordinal uint64
	mark    uint8
	arrived int64
}

// afterOrdinal is the mark of a number that stands for the place behind a record: greater than the record's number,
// smaller than that of the next one.
const afterOrdinal = 0xff

const (
	sequenceVersion = 2
	sequenceDigits  = 56
	chunk           = 10_000_000_000_000_000_000 // 10^19
	chunkDigits     = 19
	mask36          = 1<<36 - 1
)

func (q sequence) String() string { return string(q.appendTo(make([]byte, 0, sequenceDigits))) }

func (q sequence) appendTo(b []byte) []byte {
	at := uint64(q.arrived) & mask36
	w0 := sequenceVersion | uint64(uint32(q.shard))<<4 | at<<36
	w1 := at>>28 | uint64(q.mark)<<8 | q.ordinal<<16
	w2 := q.ordinal>>48 | uint64(q.shard&15)<<16 | (uint64(q.created)&mask36)<<20 | sequenceVersion<<56

	q1, r := bits.Div64(w2, w1, chunk) // w2 < 2^60 < chunk
	q0, low := bits.Div64(r, w0, chunk)
	high, middle := bits.Div64(q1, q0, chunk)

	b = appendDigits(b, high, sequenceDigits-2*chunkDigits)
	b = appendDigits(b, middle, chunkDigits)
	return appendDigits(b, low, chunkDigits)
}

const zeros = "0000000000000000000"

func appendDigits(b []byte, v uint64, width int) []byte {
	b = append(b, zeros[:width]...)
	for i := len(b) - 1; v > 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// parseSequence reads a number that String wrote.
func parseSequence(s string) (q sequence, ok bool) {
	if len(s) != sequenceDigits {
		return sequence{}, false
	}
	var c [3]uint64
	for i, part := range []string{s[:18], s[18:37], s[37:]} {
		v, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return sequence{}, false
		}
		c[i] = v
	}
	hi, lo := bits.Mul64(c[0], chunk)
	lo, carry := bits.Add64(lo, c[1], 0)
	hi += carry
	h0, w0 := bits.Mul64(lo, chunk)
	w2, w1 := bits.Mul64(hi, chunk)
	w0, carry = bits.Add64(w0, c[2], 0)
	w1, carry = bits.Add64(w1, h0, carry)
	w2 += carry
	q = sequence{
		created: int64(w2 >> 20 & mask36),
		shard:   int(uint32(w0 >> 4)),
		ordinal: w2<<48 | w1>>16,
		mark:    uint8(w1 >> 8),
		arrived: int64((w1&0xff)<<28 | w0>>36),
	}
	return q, q.String() == s
}

// from is the ordinal of the first record at the number.
func (q sequence) from() uint64 {
	if q.mark == afterOrdinal {
		return q.ordinal + 1
	}
	return max(q.ordinal, 1)
}
