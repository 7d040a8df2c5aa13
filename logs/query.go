package logs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"drey/logs/insights"
	model "drey/model/logs"
	"drey/wire"
)

// Limits of Insights queries ("CloudWatch Logs quotas").
const (
	maxQueryGroups  = 50
	maxQueryResults = 10_000
)

// newID is what identifies queries and their definitions: a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// StartQuery begins a query over groups of which each is visible to the caller. Queries and their results stay in memory for a week
// at most; after a restart of the server, or when later ones have taken their room, they are unknown.
func (s *Service) StartQuery(ctx context.Context, in *model.StartQueryInput) (*model.StartQueryOutput, error) {
	if in.QueryLanguage != "" && in.QueryLanguage != model.QueryLanguageCWLI {
		return nil, model.InvalidParameterException.Errorf("Queries in %s are not supported by this server.", in.QueryLanguage)
	}
	if *in.StartTime > *in.EndTime {
		return nil, model.InvalidParameterException.Errorf("Query's end date and time is before its start.")
	}
	if in.Limit != nil && *in.Limit > maxQueryResults {
		return nil, model.InvalidParameterException.Errorf("Limit should be at most %d.", maxQueryResults)
	}
	names, err := queriedGroups(ctx, in)
	if err != nil {
		return nil, err
	}
	parsed, err := insights.Parse(*in.QueryString)
	if err != nil {
		return nil, malformed(err)
	}
	q := &runningQuery{
		id: newID(), place: placeOf(ctx), text: *in.QueryString, created: s.now(), identity: wire.FromContext(ctx).Principal.ARN,
		low: seconds(*in.StartTime), high: seconds(min(*in.EndTime, maxTime/1000) + 1), limit: limitOf(in.Limit, maxQueryResults), parsed: parsed,
		status: model.QueryStatusScheduled, done: make(chan struct{}),
	}
	for _, n := range names {
		g, err := s.group(ctx, n.place, n.name)
		if err != nil {
			return nil, err
		}
		q.groups = append(q.groups, g)
	}
	if err := s.queries.start(s, q); err != nil {
		return nil, err
	}
	return &model.StartQueryOutput{QueryId: &q.id}, nil
}

// seconds makes milliseconds of seconds.
func seconds(s int64) int64 { return min(s, maxTime/1000) * 1000 }

// malformed is the answer to a query that does not parse, with the place as the SDKs show it.
func malformed(err error) error {
	e := model.MalformedQueryException.Errorf("%s", err)
	if at, ok := errors.AsType[*insights.SyntaxError](err); ok {
		message, _ := json.Marshal(at.Message) // a string
		e.Fields = map[string]any{"queryCompileError": json.RawMessage(fmt.Sprintf(
			`{"location":{"startCharOffset":%d,"endCharOffset":%d},"message":%s}`, at.Offset, at.Offset+1, message))}
	}
	return e
}

// groupName is a group as a request names it.
type groupName struct {
	place
	name string
}

// queriedGroups are the groups of a query, named in one of three ways.
func queriedGroups(ctx context.Context, in *model.StartQueryInput) ([]groupName, error) {
	ways := 0
	for _, given := range []bool{in.LogGroupName != nil, len(in.LogGroupNames) > 0, len(in.LogGroupIdentifiers) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, model.InvalidParameterException.Errorf("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
	}
	identifiers := slices.Concat(in.LogGroupNames, in.LogGroupIdentifiers)
	if in.LogGroupName != nil {
		identifiers = []string{*in.LogGroupName}
	}
	return identifiedGroups(ctx, identifiers, maxQueryGroups)
}

// identifiedGroups reads names and ARNs of groups, each group once.
func identifiedGroups(ctx context.Context, identifiers []string, most int) ([]groupName, error) {
	var list []groupName
	for _, id := range identifiers {
		p, name, err := target(ctx, nil, &id)
		if err != nil {
			return nil, err
		}
		if g := (groupName{p, name}); !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	if len(list) > most {
		return nil, model.InvalidParameterException.Errorf("At most %d log groups can be named, not %d.", most, len(list))
	}
	return list, nil
}

func errNoQuery() error {
	return model.ResourceNotFoundException.Errorf("Cannot find the query with the given query id.")
}

// GetQueryResults gives what a query has found; rows come when it is complete.
func (s *Service) GetQueryResults(ctx context.Context, in *model.GetQueryResultsInput) (*model.GetQueryResultsOutput, error) {
	q := s.queries.find(placeOf(ctx), *in.QueryId)
	if q == nil {
		return nil, errNoQuery()
	}
	s.queries.mu.Lock()
	defer s.queries.mu.Unlock()
	out := &model.GetQueryResultsOutput{
		QueryLanguage: model.QueryLanguageCWLI, Status: q.status, Results: make([][]model.ResultField, len(q.rows)),
		Statistics: &model.QueryStatistics{
			RecordsMatched: new(float64(q.counts.Matched)), RecordsScanned: new(float64(q.counts.Scanned)), BytesScanned: new(float64(q.counts.Bytes)),
			EstimatedRecordsSkipped: new(0.0), EstimatedBytesSkipped: new(0.0), LogGroupsScanned: new(float64(len(q.groups))),
		},
	}
	for i, row := range q.rows {
		out.Results[i] = make([]model.ResultField, len(row))
		for j, f := range row {
			out.Results[i][j] = model.ResultField{Field: new(f.Name), Value: new(f.Value)}
		}
	}
	return out, nil
}

// StopQuery ends a query that runs.
func (s *Service) StopQuery(ctx context.Context, in *model.StopQueryInput) (*model.StopQueryOutput, error) {
	q := s.queries.find(placeOf(ctx), *in.QueryId)
	if q == nil {
		return nil, errNoQuery()
	}
	if !s.queries.cancel(q) {
		return nil, model.InvalidParameterException.Errorf("Query has already ended.")
	}
	return &model.StopQueryOutput{Success: new(true)}, nil
}

// DescribeQueries lists queries, the newest first.
func (s *Service) DescribeQueries(ctx context.Context, in *model.DescribeQueriesInput) (*model.DescribeQueriesOutput, error) {
	from, err := parsePage(in.NextToken, "queries")
	if err != nil {
		return nil, err
	}
	out := &model.DescribeQueriesOutput{Queries: []model.QueryInfo{}}
	if in.QueryLanguage != "" && in.QueryLanguage != model.QueryLanguageCWLI {
		return out, nil
	}
	limit, started := limitOf(in.MaxResults, 1000), in.NextToken == nil
	for _, d := range s.queries.describe(placeOf(ctx)) {
		if !started {
			started = *d.QueryId == from.Name
			continue
		}
		if (in.LogGroupName != nil && (d.LogGroupName == nil || *d.LogGroupName != *in.LogGroupName)) || (in.Status != "" && d.Status != in.Status) {
			continue
		}
		if len(out.Queries) == limit {
			out.NextToken = encodeToken(page{List: "queries", Name: *out.Queries[limit-1].QueryId})
			break
		}
		out.Queries = append(out.Queries, d)
	}
	return out, nil
}

// ListLogGroupsForQuery names the groups of a query by their ARNs.
func (s *Service) ListLogGroupsForQuery(ctx context.Context, in *model.ListLogGroupsForQueryInput) (*model.ListLogGroupsForQueryOutput, error) {
	q := s.queries.find(placeOf(ctx), *in.QueryId)
	if q == nil {
		return nil, errNoQuery()
	}
	out := &model.ListLogGroupsForQueryOutput{LogGroupIdentifiers: []string{}}
	for i := range q.groups {
		out.LogGroupIdentifiers = append(out.LogGroupIdentifiers, q.groups[i].arn())
	}
	return out, nil
}

// pointer is the @ptr of an event.
func (q *runningQuery) pointer(group func(stream int64) int64) func(*insights.Event) string {
	return func(e *insights.Event) string {
		return *cursor{Group: group(e.Source.ID), Time: e.Time, Ingested: e.Ingested, Stream: e.Source.ID, Block: e.Block, Index: e.Index}.encode()
	}
}

// GetLogRecord gives all fields of the event that an @ptr names.
func (s *Service) GetLogRecord(ctx context.Context, in *model.GetLogRecordInput) (*model.GetLogRecordOutput, error) {
	invalid := model.InvalidParameterException.Errorf("The log record pointer is not valid.")
	var c cursor
	if err := decodeToken(*in.LogRecordPointer, &c); err != nil {
		return nil, invalid
	}
	g, r, err := s.pointed(ctx, c)
	if err != nil {
		return nil, err
	}
	record := map[string]string{"@log": g.account + ":" + g.name, "@logStream": r.name, "@ptr": *in.LogRecordPointer}
	found := false
	z := zone{first: c.Block, last: c.Block}
	err = s.stream(r.id).read(z, search{low: max(c.Time, g.oldest(s.now())), high: c.Time + 1}, func(k key, message string) error {
		if k.index != c.Index {
			return nil
		}
		found = true
		message = strings.Clone(message)
		for _, f := range insights.Discover(message) {
			record[f.Name] = f.Value
		}
		record["@message"], record["@timestamp"], record["@ingestionTime"] = message, strconv.FormatInt(k.time, 10), strconv.FormatInt(k.ingested, 10)
		return nil
	})
	switch {
	case ignoreClosed(err) != nil:
		return nil, err
	case !found:
		return nil, model.ResourceNotFoundException.Errorf("The log record does not exist.")
	}
	return &model.GetLogRecordOutput{LogRecord: record}, nil
}

// describe is a query as DescribeQueries shows it. The caller holds the lock of the queries.
func (q *runningQuery) describe(now time.Time) model.QueryInfo {
	if !q.ended.IsZero() {
		now = q.ended
	}
	d := model.QueryInfo{
		QueryLanguage: model.QueryLanguageCWLI, QueryId: &q.id, Status: q.status, CreateTime: new(q.created.UnixMilli()),
		QueryString: &q.text, QueryDuration: new(now.Sub(q.created).Milliseconds()), BytesScanned: new(float64(q.counts.Bytes)),
	}
	var names []string
	for _, g := range q.groups {
		names = append(names, g.name)
	}
	if len(names) == 1 {
		d.LogGroupName = &names[0]
	}
	if q.identity != "" {
		d.UserIdentity = &q.identity
	}
	return d
}
