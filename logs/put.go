package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	model "drey/model/logs"
	"drey/store/seglog"
)

// Limits of PutLogEvents.
const (
	maxBatch  = 1 << 20 // sum of the events' sizes
	maxEvents = 10_000
	maxSpan   = 24 * time.Hour
	maxFuture = 2 * time.Hour
	maxPast   = 14 * 24 * time.Hour
)

// PutLogEvents adds a batch to a stream. Sequence tokens are ignored and given, as documented.
func (s *Service) PutLogEvents(ctx context.Context, in *model.PutLogEventsInput) (*model.PutLogEventsOutput, error) {
	events := make([]Event, len(in.LogEvents))
	for i, e := range in.LogEvents {
		events[i] = Event{*e.Timestamp, *e.Message}
	}
	if err := checkBatch(events); err != nil {
		return nil, err
	}
	g, st, err := s.lookup(ctx, placeOf(ctx), *in.LogGroupName, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	events, rejected := s.acceptable(&g, events)
	if n := len(events); n > 0 && events[n-1].Time-events[0].Time > maxSpan.Milliseconds() {
		return nil, model.InvalidParameterException.Errorf("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	if len(events) > 0 {
		if err := s.ingest(ctx, &g, st, *in.LogStreamName, [][]Event{events}, nil); errors.Is(err, seglog.ErrClosed) {
			return nil, errNoStream()
		} else if err != nil {
			return nil, err
		}
	}
	return &model.PutLogEventsOutput{NextSequenceToken: new(sequenceToken(st.id)), RejectedLogEventsInfo: rejected}, nil
}

func sequenceToken(stream int64) string { return fmt.Sprintf("%056d", stream) }

func checkBatch(events []Event) error {
	var size int64
	for i, e := range events {
		if e.size() > maxBatch {
			return model.InvalidParameterException.Errorf("Log event too large: %d bytes exceeds limit of %d", e.size(), maxBatch)
		}
		if i > 0 && e.Time < events[i-1].Time {
			return model.InvalidParameterException.Errorf("Log events in a single PutLogEvents request must be in chronological order.")
		}
		size += e.size()
	}
	if size > maxBatch {
		return model.InvalidParameterException.Errorf("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	return nil
}

// acceptable gives the events of an ordered batch that are neither too old nor too new.
func (s *Service) acceptable(g *group, events []Event) ([]Event, *model.RejectedLogEventsInfo) {
	now := s.now()
	index := func(t int64) int {
		i, _ := slices.BinarySearchFunc(events, t, func(e Event, t int64) int { return cmp.Compare(e.Time, t) })
		return i
	}
	old, expired := index(now.Add(-maxPast).UnixMilli()), index(g.oldest(now))
	tooNew := index(now.Add(maxFuture).UnixMilli() + 1)
	var info model.RejectedLogEventsInfo
	if old > 0 {
		info.TooOldLogEventEndIndex = new(int32(old))
	}
	if expired > 0 {
		info.ExpiredLogEventEndIndex = new(int32(expired))
	}
	if tooNew < len(events) {
		info.TooNewLogEventStartIndex = new(int32(tooNew))
	}
	if info == (model.RejectedLogEventsInfo{}) {
		return events, nil
	}
	from := max(old, expired)
	return events[from:max(from, tooNew)], &info
}

// ErrNoStream is the answer of Append when the group or the stream does not exist.
var ErrNoStream = errors.New("the log group or log stream does not exist")

// Append adds events to a stream on behalf of the server itself; when it returns nil they are durable, otherwise none
// of them is there. Events may be in any order. Those that PutLogEvents would reject for their time are dropped, and
// longer ones than it takes are an error. A mark is stored with the events, in the same step, and found again by Marks: so a
// writer that crashed knows whether they are there.
func (s *Service) Append(ctx context.Context, account, region, group, stream string, events []Event, mark []byte) error {
	g, st, err := s.lookup(ctx, place{account, region}, group, stream)
	if errors.Is(err, model.ResourceNotFoundException) {
		return ErrNoStream
	}
	if err != nil {
		return err
	}
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	events, _ = s.acceptable(&g, events)
	var batches [][]Event
	var size int64
	start := 0
	for i, e := range events {
		if e.size() > maxBatch {
			return fmt.Errorf("append to log group %s, stream %s: an event of %d bytes is longer than %d", group, stream, e.size(), maxBatch)
		}
		if size += e.size(); size > maxBatch || i-start >= maxEvents {
			batches = append(batches, events[start:i])
			start, size = i, e.size()
		}
	}
	if start < len(events) {
		batches = append(batches, events[start:])
	}
	if len(batches) == 0 {
		return nil
	}
	if err := s.ingest(ctx, &g, st, stream, batches, mark); errors.Is(err, seglog.ErrClosed) {
		return ErrNoStream
	} else if err != nil {
		return fmt.Errorf("append to log group %s, stream %s: %w", group, stream, err)
	}
	return nil
}

// Marks calls fn for the marks of events that arrived at since or later, in the order of their arrival. A mark is only for
// the call.
func (s *Service) Marks(ctx context.Context, account, region, group, stream string, since time.Time, fn func(mark []byte)) error {
	_, st, err := s.lookup(ctx, place{account, region}, group, stream)
	if errors.Is(err, model.ResourceNotFoundException) {
		return ErrNoStream
	}
	if err != nil {
		return err
	}
	r := st.log.ReaderAt(since)
	defer r.Close()
	for {
		rec, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, seglog.ErrClosed):
			return ErrNoStream
		case err != nil:
			return err
		}
		h, _, err := decodeHead(rec.Data)
		if err != nil {
			return fmt.Errorf("log stream %d, block %d: %w", st.id, rec.Ordinal, err)
		}
		if h.mark != nil {
			fn(h.mark)
		}
	}
}
