package kinesis

import (
	"sync"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// Throughput of a shard ("Quotas and limits" in the developer guide). Streams with on-demand capacity have the same
// limits for each shard; their four shards make the 4 MB/s that such a stream begins with.
const (
	writeBytes    = 1 << 20 // a second, partition keys included
	writeRecords  = 1000
	readBytes     = 2 << 20 // of GetRecords together, and of each consumer with enhanced fan-out
	readCalls     = 5
	iteratorCalls = 5
)

// burst is how much may be used at once after a pause: what a second gives.
const burst = time.Second

// pace is a token bucket: it tells when what was used will have been given back. The zero pace is a full bucket.
type pace struct{ full, seen int64 } // nanoseconds since the epoch

// admits tells whether so much may be used now. What is more than a whole burst is admitted to a full bucket, which
// then is in debt: that is how a record of 10 MiB comes through.
func (p *pace) admits(now time.Time, cost time.Duration) bool {
	return p.debt(now)+min(cost, burst) <= burst
}

// debt is how long it takes until the bucket is full. A clock that is set back takes the bucket with it, which would be shut
// for as long as the step otherwise. Less than a burst is no step: callers take the time before they take the lock.
func (p *pace) debt(now time.Time) time.Duration {
	at := now.UnixNano()
	back := time.Duration(p.seen - at)
	if back > burst {
		p.full -= int64(back)
	}
	if back > burst || back < 0 {
		p.seen = at
	}
	return max(0, time.Duration(p.full-at))
}

// use takes so much, whether or not it is there.
func (p *pace) use(now time.Time, cost time.Duration) {
	p.full = now.UnixNano() + int64(p.debt(now)+cost)
}

// wait is how long nothing is admitted.
func (p *pace) wait(now time.Time) time.Duration { return max(0, p.debt(now)-burst) }

// cost is the time in which a rate gives n.
func cost(n, rate int) time.Duration {
	whole, rest := n/rate, n%rate // the product of n and a second may be too large
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}

// quota is what may still go through a shard. No quota means no limits.
type quota struct {
	mu                     sync.Mutex
	written, records       pace
	read, calls, iterators pace
}

// write tells whether a record of that size may be stored, and counts it if so.
func (q *quota) write(now time.Time, size int) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes, record := cost(size, writeBytes), cost(1, writeRecords)
	if !q.written.admits(now, bytes) || !q.records.admits(now, record) {
		return false
	}
	q.written.use(now, bytes)
	q.records.use(now, record)
	return true
}

// call tells whether GetRecords may read, and counts the call if so. A call is admitted as long as calls before it did
// not read ahead of the rate.
func (q *quota) call(now time.Time) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	one := cost(1, readCalls)
	if q.read.wait(now) > 0 || !q.calls.admits(now, one) {
		return false
	}
	q.calls.use(now, one)
	return true
}

// got counts what a call read. After a page of the full size nothing is admitted for five seconds ("GetRecords" in the
// API reference).
func (q *quota) got(now time.Time, size int, full bool) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.read.use(now, cost(size, readBytes))
	if full {
		q.read.use(now, burst)
	}
}

// iterator tells whether GetShardIterator may be called, and counts the call if so.
func (q *quota) iterator(now time.Time) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	one := cost(1, iteratorCalls)
	if !q.iterators.admits(now, one) {
		return false
	}
	q.iterators.use(now, one)
	return true
}

func errThroughput(k key, shardID string) *wire.Error {
	return model.ProvisionedThroughputExceededException.Errorf("Rate exceeded for shard %s in stream %s under account %s.", shardID, k.Name, k.Account)
}
