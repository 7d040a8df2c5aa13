package kinesis

import (
	"slices"
	"sync"
	"time"
)

// tally is what is known of the samples of a metric.
type tally struct{ count, sum, min, max float64 }

func (t *tally) add(v float64) {
	if t.count == 0 {
		t.min, t.max = v, v
	}
	t.count++
	t.sum += v
	t.min, t.max = min(t.min, v), max(t.max, v)
}

// yes adds a sample that tells whether something came true.
func (t *tally) yes(came bool) {
	if came {
		t.add(1)
	} else {
		t.add(0)
	}
}

// minute is what was counted of a stream in one minute. Shards and consumers without samples are missing.
type minute struct {
	start     time.Time
	stream    [streamMetrics]tally
	latencies [latencyMetrics]*spread // of the metrics that come first
	shards    map[int]*shardTallies
	consumers map[string]*consumerTallies // by name
	queues    map[queueLabel]*queueTallies
	channels  map[channelLabel]*channelTallies
}

type (
	shardTallies    [shardLevelMetrics]tally
	consumerTallies [consumerMetrics]tally
)

// meter counts what goes through a stream. Each operation takes its lock once, for less than a microsecond and after its
// work, so that those who wait for a disk do not wait for one another here; what one operation counts stays together.
type meter struct {
	mu   sync.Mutex
	now  *minute   // nil: nothing yet
	past []*minute // to be handed over
}

// at is the minute of now. A clock that goes back does not go back here. The lock is held.
func (m *meter) at(now time.Time) *minute {
	start := now.Truncate(time.Minute)
	if m.now != nil && !start.After(m.now.start) {
		return m.now
	}
	m.close()
	m.now = &minute{start: start, shards: map[int]*shardTallies{}, consumers: map[string]*consumerTallies{}, queues: map[queueLabel]*queueTallies{}, channels: map[channelLabel]*channelTallies{}}
	return m.now
}

func (m *meter) close() {
	if m.now != nil {
		m.past = append(m.past, m.now)
		m.now = nil
	}
}

// take gives what was counted in minutes that are over before until, and forgets it.
func (m *meter) take(until time.Time) []*minute {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now != nil && m.now.start.Before(until.Truncate(time.Minute)) {
		m.close()
	}
	past := m.past
	m.past = nil
	return past
}

// takeAll is take, with the minute that has begun.
func (m *meter) takeAll() []*minute {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.close()
	past := m.past
	m.past = nil
	return past
}

func (m *minute) shard(l *lane) *shardTallies {
	t := m.shards[l.Index]
	if t == nil {
		t = new(shardTallies)
		m.shards[l.Index] = t
	}
	return t
}

func (m *minute) consumer(name string) *consumerTallies {
	t := m.consumers[name]
	if t == nil {
		t = new(consumerTallies)
		m.consumers[name] = t
	}
	return t
}

func (m *minute) took(x streamMetric, d time.Duration) {
	ms := max(0, float64(d)/float64(time.Millisecond))
	m.stream[x].add(ms)
	if m.latencies[x] == nil {
		m.latencies[x] = new(spread)
	}
	m.latencies[x].add(ms)
}

// outcome is how an operation ended that was not refused as invalid. Invalid ones are not counted.
type outcome int

const (
	succeeded outcome = iota
	throttled
	failed
)

// putRecord counts a PutRecord.
func (m *meter) putRecord(began, now time.Time, l *lane, size int, o outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.at(now)
	t.took(putRecordLatency, now.Sub(began))
	t.stream[putRecordSuccess].yes(o == succeeded)
	t.stream[writeExceeded].yes(o == throttled)
	s := t.shard(l)
	s[shardWriteExceeded].yes(o == throttled)
	if o == succeeded {
		t.stream[putRecordBytes].add(float64(size))
		t.stream[incomingBytes].add(float64(size))
		t.stream[incomingRecords].add(1)
		s[shardIncomingBytes].add(float64(size))
		s[shardIncomingRecords].add(1)
	}
}

// putRecords counts a PutRecords.
func (m *meter) putRecords(began, now time.Time, batches []*batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.at(now)
	var size, stored, refused, lost int
	for _, b := range batches {
		s := t.shard(b.lane)
		s[shardWriteExceeded].add(float64(len(b.refused)))
		refused += len(b.refused)
		switch {
		case b.Err != nil:
			lost += len(b.places)
		case len(b.places) > 0:
			size += b.size
			stored += len(b.places)
			s[shardIncomingBytes].add(float64(b.size))
			s[shardIncomingRecords].add(float64(len(b.places)))
		}
	}
	t.took(putRecordsLatency, now.Sub(began))
	t.stream[putRecordsSuccess].yes(stored > 0)
	t.stream[totalRecords].add(float64(stored + refused + lost))
	t.stream[successfulRecords].add(float64(stored))
	t.stream[failedRecords].add(float64(lost))
	t.stream[throttledRecords].add(float64(refused))
	t.stream[writeExceeded].add(float64(refused))
	if stored > 0 {
		t.stream[putRecordsBytes].add(float64(size))
		t.stream[incomingBytes].add(float64(size))
		t.stream[incomingRecords].add(float64(stored))
	}
}

// getRecords counts a GetRecords that gave p, if it succeeded.
func (m *meter) getRecords(began, now time.Time, l *lane, p page, o outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.at(now)
	t.took(getRecordsLatency, now.Sub(began))
	t.stream[getRecordsSuccess].yes(o == succeeded)
	t.stream[readExceeded].yes(o == throttled)
	s := t.shard(l)
	s[shardReadExceeded].yes(o == throttled)
	if o == succeeded {
		age := float64(p.behind.Milliseconds())
		t.stream[getRecordsBytes].add(float64(p.size))
		t.stream[getRecordsRecords].add(float64(len(p.records)))
		t.stream[getRecordsAge].add(age)
		s[shardAge].add(age)
		s.sent(p)
	}
}

func (s *shardTallies) sent(p page) {
	s[shardOutgoingBytes].add(float64(p.size))
	s[shardOutgoingRecords].add(float64(len(p.records)))
}

// subscribed counts a SubscribeToShard that was granted, or refused because it came too soon.
func (m *meter) subscribed(now time.Time, consumer string, granted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.at(now).consumer(consumer)
	t[subscribeSuccess].yes(granted)
	if !granted {
		t[subscribeExceeded].add(1)
	}
}

// pushed counts an event that was sent to a subscriber.
func (m *meter) pushed(now time.Time, consumer string, l *lane, p page) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.at(now)
	c := t.consumer(consumer)
	c[eventBytes].add(float64(p.size))
	c[eventRecords].add(float64(len(p.records)))
	c[eventBehind].add(float64(p.behind.Milliseconds()))
	c[eventSuccess].add(1)
	t.shard(l).sent(p)
}

// hot tells whether a shard took more in a minute than it could be doubled for.
func (m *minute) hot(l *lane) bool {
	s := m.shards[l.Index]
	return s != nil && hot(int64(s[shardIncomingBytes].sum), int64(s[shardIncomingRecords].sum), time.Minute)
}

// hotIn lists the open shards that were hot in one of the minutes.
func (x *state) hotIn(minutes []*minute) (split []int) {
	for _, l := range x.open {
		if slices.ContainsFunc(minutes, func(m *minute) bool { return m.hot(l) }) {
			split = append(split, l.Index)
		}
	}
	return split
}
