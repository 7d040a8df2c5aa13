package logs

import (
	"context"
	stdsql "database/sql"
	"slices"
	"strings"
	"time"

	"drey/logs/pattern"
	model "drey/model/logs"
)

// within gives the times [low, high) that a request asks for and that retention shows.
func (s *Service) within(g *group, start, end *int64) (low, high int64) {
	low, high = g.oldest(s.now()), maxTime
	if start != nil {
		low = max(low, *start)
	}
	if end != nil {
		high = min(high, *end)
	}
	return low, high
}

// GetLogEvents reads a stream forward or backward; a page is always in ascending order. The tokens say where the page
// begins and ends, so at the end of the stream they come back as they were given.
func (s *Service) GetLogEvents(ctx context.Context, in *model.GetLogEventsInput) (*model.GetLogEventsOutput, error) {
	p, name, err := target(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, st, err := s.lookup(ctx, p, name, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	q := query{streams: []*stream{st}, limit: limitOf(in.Limit, maxEvents)}
	q.low, q.high = s.within(&g, in.StartTime, in.EndTime)
	here := beginning // of an empty page
	switch {
	case in.NextToken != nil:
		if q.from, q.backward, err = parsePosition(*in.NextToken, st.id); err != nil {
			return nil, err
		}
		here = q.from
	case in.StartFromHead == nil || !*in.StartFromHead:
		q.from, q.backward = end, true
	}
	a, err := scan(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.backward {
		slices.Reverse(a.hits)
	}
	out := &model.GetLogEventsOutput{Events: make([]model.OutputLogEvent, len(a.hits))}
	for i, h := range a.hits {
		out.Events[i] = model.OutputLogEvent{Timestamp: new(h.time), Message: new(h.message), IngestionTime: new(h.ingested)}
	}
	first, next := here, here
	if n := len(a.hits); n > 0 {
		first, next = a.hits[0].key, a.hits[n-1].after()
	}
	out.NextForwardToken, out.NextBackwardToken = position("f", next), position("b", first)
	return out, nil
}

// filterBudget is how much FilterLogEvents reads for one page: more makes empty pages rarer and answers slower.
const filterBudget = 64 << 20

// FilterLogEvents searches the streams of a group. Streams are always interleaved, and no stream is reported as
// searched, as documented.
func (s *Service) FilterLogEvents(ctx context.Context, in *model.FilterLogEventsInput) (*model.FilterLogEventsOutput, error) {
	q, g, names, err := s.filtering(ctx, in)
	if err != nil {
		return nil, err
	}
	a, err := scan(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &model.FilterLogEventsOutput{Events: make([]model.FilteredLogEvent, len(a.hits)), SearchedLogStreams: []model.SearchedLogStream{}}
	for i, h := range a.hits {
		out.Events[i] = model.FilteredLogEvent{
			LogStreamName: new(names[h.stream]), Timestamp: new(h.time), Message: new(h.message), IngestionTime: new(h.ingested), EventId: new(h.id()),
		}
	}
	if a.more {
		out.NextToken = cursor{g.id, q.backward, a.next.time, a.next.ingested, a.next.stream, a.next.block, a.next.index}.encode()
	}
	return out, nil
}

// filtering is what a search asks for, in which group, and the names of its streams.
func (s *Service) filtering(ctx context.Context, in *model.FilterLogEventsInput) (q query, g group, names map[int64]string, err error) {
	p, name, err := target(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return q, g, nil, err
	}
	q = query{limit: limitOf(in.Limit, maxEvents), budget: filterBudget, backward: in.StartFromHead != nil && !*in.StartFromHead}
	if err := checkFilter(in); err != nil {
		return q, g, nil, err
	}
	if in.FilterPattern != nil {
		f, err := pattern.Parse(*in.FilterPattern)
		if err != nil {
			return q, g, nil, model.InvalidParameterException.Errorf("%s", err)
		}
		q.match, q.may = f.Match, f.May
	}
	g, names, err = s.searched(ctx, p, name, in)
	if err != nil {
		return q, g, nil, err
	}
	for id := range names {
		q.streams = append(q.streams, s.stream(id))
	}
	q.low, q.high = s.within(&g, in.StartTime, nil)
	if in.EndTime != nil {
		q.high = min(maxTime-1, *in.EndTime) + 1 // here the end is included
	}
	if q.backward {
		q.from = end
	}
	if in.NextToken != nil {
		c, err := parseCursor(*in.NextToken, g.id)
		if err != nil {
			return q, g, nil, err
		}
		q.from, q.backward = c.key(), c.Backward
	}
	return q, g, names, nil
}

// filterEpoch is the earliest start of a search from the newest event.
var filterEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func checkFilter(in *model.FilterLogEventsInput) error {
	switch {
	case in.LogStreamNames != nil && in.LogStreamNamePrefix != nil:
		return model.InvalidParameterException.Errorf("Cannot specify both logStreamNames and logStreamNamePrefix.")
	case in.StartFromHead != nil && !*in.StartFromHead && in.StartTime != nil && *in.StartTime < filterEpoch:
		return model.InvalidParameterException.Errorf("startFromHead can be false only when startTime is on or after Jan 1, 2024 00:00:00 UTC.")
	case in.StartTime != nil && in.EndTime != nil && *in.StartTime > *in.EndTime:
		return model.InvalidParameterException.Errorf("Start time must not be after end time.")
	}
	return nil
}

// searched gives the names of the streams that a search covers, by id.
func (s *Service) searched(ctx context.Context, p place, name string, in *model.FilterLogEventsInput) (group, map[int64]string, error) {
	g, err := s.group(ctx, p, name)
	if err != nil {
		return group{}, nil, err
	}
	names := map[int64]string{}
	if in.LogStreamNames != nil {
		err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
			for _, n := range in.LogStreamNames {
				r, err := findStream(ctx, tx, g.id, n)
				if err != nil {
					return err
				}
				names[r.id] = r.name
			}
			return nil
		})
		return g, names, err
	}
	rows, err := s.streamRows(ctx, g.id)
	for _, r := range rows {
		if in.LogStreamNamePrefix == nil || strings.HasPrefix(r.name, *in.LogStreamNamePrefix) {
			names[r.id] = r.name
		}
	}
	return g, names, err
}
