package kinesis

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"sort"
	"time"

	"drey/store/seglog"
)

// hash is a hash key: an unsigned number of 128 bits.
type hash struct{ hi, lo uint64 }

func hashOf(partitionKey string) hash {
	sum := md5.Sum([]byte(partitionKey))
	return hash{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

// parseHash reads a decimal hash key; ok is false beyond 128 bits.
func parseHash(s string) (h hash, ok bool) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return hash{}, false
	}
	var b [16]byte
	n.FillBytes(b[:])
	return hash{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}, true
}

func (h hash) after(o hash) bool { return h.hi > o.hi || (h.hi == o.hi && h.lo > o.lo) }

// hashSpace is how many hash keys there are.
var hashSpace = new(big.Int).Lsh(big.NewInt(1), 128)

// evenShards divides the hash keys among n shards.
func evenShards(n int, created time.Time) []shard {
	width := new(big.Int).Div(hashSpace, big.NewInt(int64(n)))
	one := big.NewInt(1)
	out := make([]shard, n)
	for i := range out {
		start := new(big.Int).Mul(width, big.NewInt(int64(i)))
		end := new(big.Int).Add(start, width)
		if i == n-1 {
			end = hashSpace
		}
		out[i] = shard{Index: i, Start: start.String(), End: new(big.Int).Sub(end, one).String(), Created: created}
	}
	return out
}

// lane is a shard at work: its range and its log.
type lane struct {
	shard
	start hash
	log   *seglog.Log

	closed chan struct{} // closed when the shard takes no more
	quota  *quota        // nil: no limits
}

// route finds the lane of h among the open lanes of a stream, which are sorted by range and cover all of it.
func route(open []*lane, h hash) *lane {
	return open[sort.Search(len(open), func(i int) bool { return open[i].start.after(h) })-1]
}

// put makes records durable and gives the number of the first and the arrival of all.
func (l *lane) put(payloads ...[]byte) (first uint64, at time.Time, err error) {
	return l.log.Append(payloads...)
}

// number is the sequence number of the record with that ordinal.
func (l *lane) number(ordinal uint64, arrived time.Time) sequence {
	return sequence{created: l.epoch(), shard: l.Index, ordinal: ordinal, arrived: arrived.Unix()}
}

// numbers are the sequence numbers of n records that arrived together.
func (l *lane) numbers(first uint64, arrived time.Time, n int) []string {
	b := make([]byte, 0, n*sequenceDigits)
	for i := range n {
		b = l.number(first+uint64(i), arrived).appendTo(b)
	}
	all, out := string(b), make([]string, n)
	for i := range out {
		out[i] = all[i*sequenceDigits : (i+1)*sequenceDigits]
	}
	return out
}

// owns tells whether q was given out by this shard.
func (l *lane) owns(q sequence) bool { return q.shard == l.Index && q.created == l.epoch() }

// next is the ordinal of the record that will come next. A shard that was closed as soon as it was made never has one.
func (l *lane) next() (uint64, error) {
	if l.Closed != nil && l.Closed.Equal(l.Created) {
		return 1, nil
	}
	_, next, _, err := l.log.Bounds()
	return next, err
}

// at is the ordinal of the first record that arrived at t or later.
func (l *lane) at(t time.Time) (uint64, error) {
	r := l.log.ReaderAt(t)
	defer r.Close()
	rec, err := r.Next()
	if errors.Is(err, io.EOF) {
		return l.next()
	}
	return rec.Ordinal, err
}

// page is what one read of a lane gives.
type page struct {
	records []seglog.Record
	size    int    // of their partition keys and data
	full    bool   // because of their size
	next    uint64 // ordinal to go on with
	behind  time.Duration
	ended   bool // the shard is closed and all of it was read
}

// cursor reads a lane. It can take a record back that was too much.
type cursor struct {
	*seglog.Reader
	held *seglog.Record
}

func (c *cursor) next() (seglog.Record, error) {
	if c.held == nil {
		return c.Next()
	}
	rec := *c.held
	c.held = nil
	return rec, nil
}

// Limits of one read (GetRecords in the API reference).
const (
	maxRecords  = 10_000
	maxReadSize = 10 << 20
)

// read takes up to limit records from c, of at most size bytes unless the first alone is larger. from is the ordinal
// the cursor stands at.
func (l *lane) read(c *cursor, from uint64, limit, size int, now time.Time) (page, error) {
	p := page{next: from}
	before, err := l.next()
	if err != nil {
		return page{}, err
	}
	for from < before && len(p.records) < limit {
		rec, err := c.next()
		if errors.Is(err, io.EOF) {
			p.next = max(p.next, before) // records that are left out for their age were passed too
			break
		}
		if err != nil {
			return page{}, err
		}
		n := recordSize(rec)
		if p.full = p.size+n > size; p.full && len(p.records) > 0 {
			c.held = &rec
			break
		}
		p.size += n
		p.records = append(p.records, rec)
		p.next = rec.Ordinal + 1
	}
	tip, err := l.next()
	if err != nil {
		return page{}, err
	}
	if n := len(p.records); p.next < tip && n > 0 {
		p.behind = max(0, now.Sub(p.records[n-1].Time))
	}
	p.ended = l.Closed != nil && p.next >= tip
	return p, nil
}
