package cloudwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// A stored bucket begins with its form. Most buckets hold one sample, and most numbers of metrics are small and whole:
//
//	alone  the bytes of the value, without the zeros at their end
//	many   flags, what the flags do not say of count, sum, minimum and maximum, and the values with their counts
//	wide   flags, count, sum, minimum, maximum, values and counts in 8 bytes each; read, not written
const (
	formWide  = 1
	formMany  = 2
	formAlone = 3
)

// Flags of a bucket. What they say of a statistic is that it follows from the values and is left out.
const (
	flagOpaque = 1 << iota
	flagOnce   // there is one sample of each value
	flagCount
	flagSum
	flagEnds // the minimum and maximum are the first and last value
)

func (b bucket) encode() []byte {
	if b.alone() {
		out := binary.BigEndian.AppendUint64([]byte{formAlone}, math.Float64bits(b.sum))
		for len(out) > 1 && out[len(out)-1] == 0 {
			out = out[:len(out)-1]
		}
		return out
	}
	flags := b.flags()
	out := append(make([]byte, 0, 16+11*len(b.values)), formMany, flags)
	if flags&flagCount == 0 {
		out = appendCount(out, b.count)
	}
	if flags&flagSum == 0 {
		out = appendNumber(out, b.sum)
	}
	if flags&flagEnds == 0 {
		out = appendNumber(appendNumber(out, b.min), b.max)
	}
	for _, v := range b.values {
		out = appendNumber(out, v.value)
		if flags&flagOnce == 0 {
			out = appendCount(out, v.count)
		}
	}
	return out
}

func (b bucket) alone() bool {
	return !b.opaque && len(b.values) == 1 && b.count == 1 && b.values[0] == valueCount{b.sum, 1} && b.min == b.sum && b.max == b.sum
}

func (b bucket) flags() (flags byte) {
	known, once := total(b.values)
	if b.opaque {
		flags |= flagOpaque
	}
	if once {
		flags |= flagOnce
	}
	if known.count == b.count {
		flags |= flagCount
	}
	if known.sum == b.sum {
		flags |= flagSum
	}
	if len(b.values) > 0 && known.min == b.min && known.max == b.max {
		flags |= flagEnds
	}
	return flags
}

// total is what values say of a bucket, and whether there is one sample of each.
func total(values []valueCount) (b bucket, once bool) {
	once = true
	for _, v := range values {
		b.count += v.count
		b.sum += v.value * v.count
		once = once && v.count == 1
	}
	if len(values) > 0 {
		b.min, b.max = values[0].value, values[len(values)-1].value
	}
	return b, once
}

var errBucket = errors.New("not a bucket")

func decodeBucket(p []byte) (b bucket, err error) {
	r := reader{rest: p}
	switch form := r.byte(); {
	case form == formAlone && len(p) <= 9:
		var all [8]byte
		copy(all[:], r.rest)
		return sample(math.Float64frombits(binary.BigEndian.Uint64(all[:])), 1), nil
	case form == formMany:
		b = r.many()
	case form == formWide && len(p)%16 == 2:
		b = r.wide()
	default:
		r.short = true
	}
	if r.short {
		return bucket{}, fmt.Errorf("%w: %d bytes", errBucket, len(p))
	}
	return b, nil
}

// reader takes a bucket from its bytes.
type reader struct {
	rest  []byte
	short bool // there was less than wanted
}

func (r *reader) many() (b bucket) {
	flags := r.byte()
	if flags&flagCount == 0 {
		b.count = r.count()
	}
	if flags&flagSum == 0 {
		b.sum = r.number()
	}
	if flags&flagEnds == 0 {
		b.min, b.max = r.number(), r.number()
	}
	b.opaque = flags&flagOpaque != 0
	for len(r.rest) > 0 && !r.short {
		v := valueCount{r.number(), 1}
		if flags&flagOnce == 0 {
			v.count = r.count()
		}
		b.values = append(b.values, v)
	}
	known, _ := total(b.values)
	if flags&flagCount != 0 {
		b.count = known.count
	}
	if flags&flagSum != 0 {
		b.sum = known.sum
	}
	if flags&flagEnds != 0 {
		b.min, b.max = known.min, known.max
	}
	return b
}

func (r *reader) wide() (b bucket) {
	b.opaque = r.byte()&flagOpaque != 0
	b.count, b.sum, b.min, b.max = r.float(), r.float(), r.float(), r.float()
	for len(r.rest) > 0 && !r.short {
		b.values = append(b.values, valueCount{r.float(), r.float()})
	}
	return b
}

// take gives the next n bytes, or zeros.
func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) float() float64 { return math.Float64frombits(binary.BigEndian.Uint64(r.take(8))) }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.short, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// appendNumber writes the bytes of a number backwards, so that those of whole numbers begin with zeros, which take no room.
func appendNumber(out []byte, v float64) []byte {
	return binary.AppendUvarint(out, bits.ReverseBytes64(math.Float64bits(v)))
}

func (r *reader) number() float64 { return math.Float64frombits(bits.ReverseBytes64(r.uvarint())) }

// appendCount writes a whole number twice as large, and 1 before any other.
func appendCount(out []byte, v float64) []byte {
	if v >= 0 && v < 1<<53 && v == math.Trunc(v) {
		return binary.AppendUvarint(out, uint64(v)<<1)
	}
	return appendNumber(append(out, 1), v)
}

func (r *reader) count() float64 {
	if v := r.uvarint(); v != 1 {
		return float64(v >> 1)
	}
	return r.number()
}
