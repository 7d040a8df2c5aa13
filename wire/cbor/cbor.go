// Package cbor is the body of the CBOR 1.1 protocol of older SDKs and of Smithy RPC v2 CBOR: maps by member names, tag 1
// for timestamps. Of RFC 8949 it reads what those protocols use, in definite and indefinite length, and refuses the
// rest. It knows no operation and no HTTP.
package cbor

import (
	"encoding/binary"
	"math"

	"drey/wire"
	"drey/wire/shape"
)

// Times says how a timestamp counts.
type Times int

// How the two protocols count.
const (
	Millis  Times = iota // CBOR 1.1: milliseconds since the epoch
	Seconds              // RPC v2: seconds since the epoch, possibly with a fraction
)

const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

const (
	maxDepth   = 64
	indefinite = math.MaxUint64
	breakByte  = 0xff
)

// head is the first bytes of a data item.
type head struct {
	major byte
	info  byte
	arg   uint64 // indefinite for indefinite lengths
}

type reader struct {
	b     []byte
	times Times
	depth int
	room  shape.Room
}

func malformed(what string) error {
	return wire.SerializationException.Errorf("The request body is not valid CBOR: %s", what)
}

func (r *reader) head() (head, error) {
	if len(r.b) == 0 {
		return head{}, malformed("unexpected end")
	}
	first := r.b[0]
	h := head{major: first >> 5, info: first & 0x1f}
	r.b = r.b[1:]
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
	case h.info <= 27:
		n := 1 << (h.info - 24)
		if len(r.b) < n {
			return head{}, malformed("unexpected end")
		}
		var wide [8]byte
		copy(wide[8-n:], r.b[:n])
		h.arg = binary.BigEndian.Uint64(wide[:])
		r.b = r.b[n:]
	case h.info == 31:
		h.arg = indefinite
		if h.major == majorUint || h.major == majorNegative || h.major == majorTag {
			return head{}, malformed("a number of indefinite length")
		}
	default:
		return head{}, malformed("reserved length")
	}
	return h, nil
}

// atBreak tells whether a sequence announced by h ends here after n items, and takes the break byte.
func (r *reader) atBreak(h head, n uint64) (bool, error) {
	if h.arg != indefinite {
		return n == h.arg, nil
	}
	if len(r.b) == 0 {
		return false, malformed("unexpected end")
	}
	if r.b[0] != breakByte {
		return false, nil
	}
	r.b = r.b[1:]
	return true, nil
}

// bytes reads a text or byte string that h announced.
func (r *reader) bytes(h head) ([]byte, error) {
	if h.arg != indefinite {
		if uint64(len(r.b)) < h.arg {
			return nil, malformed("unexpected end")
		}
		s := r.b[:h.arg]
		r.b = r.b[h.arg:]
		return s, nil
	}
	var whole []byte
	for {
		done, err := r.atBreak(h, 0)
		if err != nil || done {
			return append([]byte{}, whole...), err
		}
		chunk, err := r.head()
		if err != nil {
			return nil, err
		}
		if chunk.major != h.major || chunk.arg == indefinite {
			return nil, malformed("a string with a foreign chunk")
		}
		s, err := r.bytes(chunk)
		if err != nil {
			return nil, err
		}
		whole = append(whole, s...)
	}
}

// enter guards against nesting that would exhaust the stack.
func (r *reader) enter() error {
	if r.depth++; r.depth > maxDepth {
		return malformed("nested too deeply")
	}
	return nil
}

func (r *reader) leave() { r.depth-- }

func (r *reader) skip() error {
	h, err := r.head()
	if err != nil {
		return err
	}
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	switch h.major {
	case majorBytes, majorText:
		_, err = r.bytes(h)
		return err
	case majorTag:
		return r.skip()
	case majorArray:
		return r.skipItems(h, 1)
	case majorMap:
		return r.skipItems(h, 2)
	case majorSimple:
		if h.arg == indefinite {
			return malformed("a break outside of a sequence")
		}
	}
	return nil
}

func (r *reader) skipItems(h head, each int) error {
	for n := uint64(0); ; n++ {
		done, err := r.atBreak(h, n)
		if err != nil || done {
			return err
		}
		for range each {
			if err := r.skip(); err != nil {
				return err
			}
		}
	}
}

// float reads a number of any width.
func (h head) float() (float64, bool) {
	switch {
	case h.major == majorUint:
		return float64(h.arg), true
	case h.major == majorNegative:
		return -1 - float64(h.arg), true
	case h.major != majorSimple:
		return 0, false
	}
	switch h.info {
	case 25:
		return half(uint16(h.arg)), true
	case 26:
		return float64(math.Float32frombits(uint32(h.arg))), true
	case 27:
		return math.Float64frombits(h.arg), true
	}
	return 0, false
}

func half(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac == 0 {
			return math.Inf(int(sign))
		}
		return math.NaN()
	}
	return sign * math.Ldexp(frac+1024, exp-25)
}
