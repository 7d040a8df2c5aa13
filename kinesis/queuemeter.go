package kinesis

import (
	"errors"
	"time"

	model "drey/model/kinesis"
)

// queueMetric is a metric of a queue ("Monitor a queue" in the developer guide). Receives and acknowledges of dead letters
// are not counted in those of other records. A queue where nothing happens has metrics, too.
type queueMetric int

const (
	receivedRecords queueMetric = iota
	acknowledgedRecords
	emptyReceives
	visibleRecords
	inFlightRecords
	visibleDeadLetters
	queueMetrics // how many
)

var queueDescriptions = [queueMetrics]description{
	receivedRecords:     {"ReceivedQueueRecords", countUnit},
	acknowledgedRecords: {"AcknowledgedQueueRecords", countUnit},
	emptyReceives:       {"EmptyReceives", countUnit},
	visibleRecords:      {"VisibleQueueRecords", countUnit},
	inFlightRecords:     {"InFlightQueueRecords", countUnit},
	visibleDeadLetters:  {"VisibleDeadLetterQueueRecords", countUnit},
}

// maxVisible is the most that metrics tell of visible records.
const maxVisible = 1_000_000

// queueLabel is how CloudWatch knows a queue.
type queueLabel struct{ id, name string }

type queueTallies [queueMetrics]tally

// tally lets add count for a queue of the stream.
func (st *stream) tally(now time.Time, id string, add func(*queueTallies)) {
	q := st.load().queue(id)
	if q == nil {
		return
	}
	st.meter.mu.Lock()
	defer st.meter.mu.Unlock()
	m, label := st.meter.at(now), queueLabel{q.ID, q.Name}
	if m.queues[label] == nil {
		m.queues[label] = new(queueTallies)
	}
	add(m.queues[label])
}

// received counts a receive that gave n records.
func (st *stream) received(now time.Time, id string, n int) {
	st.tally(now, id, func(t *queueTallies) {
		if n == 0 {
			t[emptyReceives].add(1)
		} else {
			t[receivedRecords].add(float64(n))
		}
	})
}

// acknowledged counts an acknowledge of n records.
func (s *Service) acknowledged(arn string, n int) {
	if t, st, _, err := s.findQueue(arn); err == nil && n > 0 {
		st.tally(s.Now(), t.queue, func(t *queueTallies) { t[acknowledgedRecords].add(float64(n)) })
	}
}

// sampleQueues notes how full the queues are.
func (s *Service) sampleQueues(now time.Time) (err error) {
	for _, st := range s.all() {
		for _, q := range st.load().queues(now) {
			t := target{stream: st.key, queue: q.ID}
			if q.changing(now) == 0 {
				err = errors.Join(err, s.sample(t, st, st.load().desks[q.ID]))
			}
		}
	}
	return err
}

func (s *Service) sample(t target, st *stream, d *desk) error {
	var unread, ready, flying, dead int
	_, err := s.atDesk(t, st, d, func(x *state, q *queue, _ time.Time) (err error) {
		ready, flying, dead = d.book.Counts()
		unread, err = d.unread(x)
		return err
	})
	if errors.Is(err, model.ResourceNotFoundException) {
		return nil // it was deleted at this moment
	}
	if err != nil {
		return err
	}
	st.tally(s.Now(), t.queue, func(t *queueTallies) {
		t[visibleRecords].add(float64(min(ready+unread, maxVisible)))
		t[inFlightRecords].add(float64(flying))
		t[visibleDeadLetters].add(float64(min(dead, maxVisible)))
	})
	return nil
}

// unread counts the records that nobody received yet, with those that have expired and still lie on the disk.
func (d *desk) unread(x *state) (n int, err error) {
	for _, l := range x.lanes {
		oldest, next, _, err := l.log.Bounds()
		if err != nil {
			return 0, err
		}
		if from := max(oldest, d.book.Position(l.Index)); from < next {
			n += int(next - from)
		}
	}
	return n, nil
}
