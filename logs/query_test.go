package logs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"drey/edge/edgetest"
	model "drey/model/logs"
)

// client is the SDK on the service behind the real edge.
type client struct {
	*cloudwatchlogs.Client
	t      *testing.T
	w      *world
	ctx    context.Context
	config aws.Config
}

func newClient(t *testing.T) *client { return clientOf(t, newWorld(t)) }

func clientOf(t *testing.T, w *world) *client {
	_, url := serveWorld(t, w)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) { // also for stream-127.0.0.1
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
	}
	c := &client{t: t, w: w, ctx: t.Context(), config: aws.Config{Region: edgetest.Region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		HTTPClient:  edgetest.Client{Client: &http.Client{Transport: &http.Transport{DialContext: dial}}},
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, "")}}
	c.Client = cloudwatchlogs.NewFromConfig(c.config)
	return c
}

// refused checks the code of an error and a part of its message.
func (c *client) refused(err error, code, message string) {
	c.t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		c.t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

// put stores lines one second apart, the last of them now.
func (c *client) put(group, stream string, lines ...string) {
	c.t.Helper()
	now := time.Now().UnixMilli()
	in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream}
	for i, l := range lines {
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: new(now - int64(len(lines)-1-i)*1000), Message: &l})
	}
	must(c.PutLogEvents(c.ctx, in))
}

func (c *client) start(query string, change func(*cloudwatchlogs.StartQueryInput)) (string, error) {
	in := &cloudwatchlogs.StartQueryInput{LogGroupName: new(testGroup), QueryString: &query,
		StartTime: new(time.Now().Add(-time.Hour).Unix()), EndTime: new(time.Now().Unix())}
	if change != nil {
		change(in)
	}
	out, err := c.StartQuery(c.ctx, in)
	if err != nil {
		return "", err
	}
	return *out.QueryId, nil
}

// answer runs a query to its end and gives its rows as name=value.
func (c *client) answer(query string, change func(*cloudwatchlogs.StartQueryInput)) ([]string, *cloudwatchlogs.GetQueryResultsOutput) {
	c.t.Helper()
	id, err := c.start(query, change)
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	<-c.w.queries.find(place{edgetest.Account, edgetest.Region}, id).done
	out := must(c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: &id}))
	if out.Status != types.QueryStatusComplete {
		c.t.Fatalf("%s: %s", query, out.Status)
	}
	var rows []string
	for _, r := range out.Results {
		var cells []string
		for _, f := range r {
			if *f.Field != "@ptr" {
				cells = append(cells, *f.Field+"="+*f.Value)
			}
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return rows, out
}

func (c *client) same(got []string, want ...string) {
	c.t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		c.t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuery(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup, "a", "b")
	c.w.create("other", "s")
	c.put(testGroup, "a", `{"n":1,"messageType":"INFO"}`, `{"n":2,"messageType":"ERROR","nested":{"list":[5]}}`)
	c.put(testGroup, "b", `{"n":3,"messageType":"INFO"}`)
	c.put("other", "s", "plain")

	rows, out := c.answer("stats sum(n) as total, count(*) by messageType | sort messageType", nil)
	c.same(rows, "messageType=ERROR total=2 count(*)=1", "messageType=INFO total=4 count(*)=2")
	if s := out.Statistics; s.RecordsScanned != 3 || s.RecordsMatched != 3 || s.BytesScanned < 80 || s.LogGroupsScanned != 1 {
		t.Errorf("statistics %+v", *s)
	}
	rows, out = c.answer("filter messageType = 'INFO' | fields n, @logStream | sort n", nil)
	c.same(rows, "n=1 @logStream=a", "n=3 @logStream=b")
	if out.Statistics.RecordsMatched != 2 {
		t.Errorf("%v matched", out.Statistics.RecordsMatched)
	}

	both := func(in *cloudwatchlogs.StartQueryInput) {
		in.LogGroupName, in.LogGroupIdentifiers = nil, []string{testGroup, "arn:aws:logs:us-east-1:123456789012:log-group:other", "other"}
	}
	rows, _ = c.answer("stats count(*) as c by @log | sort c", both)
	c.same(rows, "@log=123456789012:other c=1", "@log=123456789012:"+testGroup+" c=3")
	rows, _ = c.answer("fields n | sort n desc", func(in *cloudwatchlogs.StartQueryInput) { in.Limit = new(int32(1)) })
	c.same(rows, "n=3")
	rows, _ = c.answer("fields n", func(in *cloudwatchlogs.StartQueryInput) { in.EndTime = new(*in.StartTime + 60) })
	c.same(rows)
	rows, _ = c.answer("stats count(*) as c", func(in *cloudwatchlogs.StartQueryInput) { in.EndTime = new(int64(math.MaxInt64)) })
	c.same(rows, "c=3")

	_, out = c.answer("filter n = 2", nil)
	row := out.Results[0]
	if len(row) != 3 || *row[1].Value != `{"n":2,"messageType":"ERROR","nested":{"list":[5]}}` || *row[2].Field != "@ptr" {
		t.Fatalf("got %+v", row)
	}
	record := must(c.GetLogRecord(c.ctx, &cloudwatchlogs.GetLogRecordInput{LogRecordPointer: row[2].Value})).LogRecord
	if record["n"] != "2" || record["nested.list.0"] != "5" || record["@logStream"] != "a" || record["@message"] != *row[1].Value {
		t.Errorf("got %v", record)
	}
	_, err := c.GetLogRecord(c.ctx, &cloudwatchlogs.GetLogRecordInput{LogRecordPointer: new("x")})
	c.refused(err, "InvalidParameterException", "pointer")
}

func TestQueryIsListed(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup, "a")
	c.w.create("other")
	var ids []string
	for _, g := range []string{testGroup, "other", testGroup} {
		id, err := c.start("fields n", func(in *cloudwatchlogs.StartQueryInput) { in.LogGroupName = &g })
		if err != nil {
			t.Fatal(err)
		}
		<-c.w.queries.find(place{edgetest.Account, edgetest.Region}, id).done
		ids = append(ids, id)
	}
	list := func(in *cloudwatchlogs.DescribeQueriesInput) (got []string) {
		for {
			out := must(c.DescribeQueries(c.ctx, in))
			for _, q := range out.Queries {
				got = append(got, *q.QueryId)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return got
			}
		}
	}
	c.same(list(&cloudwatchlogs.DescribeQueriesInput{MaxResults: new(int32(1))}), ids[2], ids[1], ids[0])
	c.same(list(&cloudwatchlogs.DescribeQueriesInput{LogGroupName: new(testGroup), Status: types.QueryStatusComplete}), ids[2], ids[0])
	c.same(list(&cloudwatchlogs.DescribeQueriesInput{Status: types.QueryStatusRunning}))
	groups := must(c.ListLogGroupsForQuery(c.ctx, &cloudwatchlogs.ListLogGroupsForQueryInput{QueryId: &ids[1]}))
	c.same(groups.LogGroupIdentifiers, "arn:aws:logs:us-east-1:123456789012:log-group:other")
	_, err := c.StopQuery(c.ctx, &cloudwatchlogs.StopQueryInput{QueryId: &ids[0]})
	c.refused(err, "InvalidParameterException", "already ended")
}

// TestQueryIsStopped takes all places, so that a query has to wait, and stops it there.
func TestQueryIsStopped(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup)
	for range runningAtOnce {
		c.w.queries.slots <- struct{}{}
	}
	id, err := c.start("fields n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if out := must(c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: &id})); out.Status != types.QueryStatusScheduled {
		t.Errorf("status %s", out.Status)
	}
	if out := must(c.StopQuery(c.ctx, &cloudwatchlogs.StopQueryInput{QueryId: &id})); !out.Success {
		t.Error("not stopped")
	}
	if out := must(c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: &id})); out.Status != types.QueryStatusCancelled {
		t.Errorf("status %s", out.Status)
	}
	for range maxUnended {
		if _, err := c.start("fields n", nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.start("fields n", nil)
	c.refused(err, "LimitExceededException", "concurrency")
}

// TestQueryIsForgotten a week after its end, and when the server ends.
func TestQueryIsForgotten(t *testing.T) {
	w := newWorld(t)
	c := clientOf(t, w)
	w.create(testGroup)
	begin := func() *string {
		id, err := c.start("fields n", nil)
		if err != nil {
			t.Fatal(err)
		}
		<-w.queries.find(place{edgetest.Account, edgetest.Region}, id).done
		return &id
	}
	unknown := func(id *string) {
		t.Helper()
		_, err := c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: id})
		c.refused(err, "ResourceNotFoundException", "query id")
		_, err = c.StopQuery(c.ctx, &cloudwatchlogs.StopQueryInput{QueryId: id})
		c.refused(err, "ResourceNotFoundException", "query id")
		if out := must(c.DescribeQueries(c.ctx, &cloudwatchlogs.DescribeQueriesInput{})); len(out.Queries) != 0 {
			t.Errorf("listed: %+v", out.Queries)
		}
	}
	id := begin()
	w.at = w.at.Add(7 * 24 * time.Hour)
	if out := must(c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: id})); out.Status != types.QueryStatusComplete {
		t.Errorf("status %s", out.Status)
	}
	w.at = w.at.Add(time.Second)
	unknown(id)
	id = begin()
	w.shut()
	w.open()
	c = clientOf(t, w)
	unknown(id)
}

// TestQueryThatPanics fails, and the server goes on.
func TestQueryThatPanics(t *testing.T) {
	w := newWorld(t)
	x := &runningQuery{id: newID(), created: w.at, limit: 1, done: make(chan struct{})} // nothing was parsed
	if err := w.queries.start(w.Service, x); err != nil {
		t.Fatal(err)
	}
	if <-x.done; x.status != model.QueryStatusFailed {
		t.Errorf("the query is %s", x.status)
	}
}

// TestQueriesKept: those that have not ended are kept, and of the others the newest for which there is room.
func TestQueriesKept(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := func(n, size int) (all []*runningQuery) {
		for i := range n {
			all = append(all, &runningQuery{ended: now, size: size, limit: i})
		}
		all[0].ended = time.Time{}
		return all
	}
	for name, c := range map[string]struct {
		list  []*runningQuery
		count int // beside the first
	}{
		"All":     {list(5, 1), 4},
		"TooMany": {list(maxKept+10, 1), maxKept},
		"TooMuch": {list(20, maxKeptSize/8), 8},
	} {
		q := queries{now: func() time.Time { return now }, list: c.list}
		q.forget()
		if got := q.list[1:]; q.list[0] != c.list[0] || len(got) != c.count || got[0] != c.list[len(c.list)-c.count] {
			t.Errorf("%s: %d are kept, expected %d and the first", name, len(got), c.count)
		}
	}
}

func TestQueryRefusals(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup)
	type input = cloudwatchlogs.StartQueryInput
	for _, x := range []struct {
		query, code, message string
		change               func(*input)
	}{
		{"fields @timestamp\n| pattern @message", "MalformedQueryException", "pattern is not supported by this server at line 2 and position 3", nil},
		{"fields a", "ResourceNotFoundException", "log group", func(in *input) { in.LogGroupName = new("none") }},
		{"fields a", "InvalidParameterException", "Exactly one", func(in *input) { in.LogGroupName = nil }},
		{"fields a", "InvalidParameterException", "Exactly one", func(in *input) { in.LogGroupNames = []string{"x"} }},
		{"fields a", "InvalidParameterException", "before its start", func(in *input) { in.EndTime = new(*in.StartTime - 1) }},
		{"fields a", "InvalidParameterException", "at most 10000", func(in *input) { in.Limit = new(int32(10_001)) }},
		{"fields a", "InvalidParameterException", "SQL", func(in *input) { in.QueryLanguage = types.QueryLanguageSql }},
	} {
		_, err := c.start(x.query, x.change)
		c.refused(err, x.code, x.message)
	}
	_, err := c.start("fields a b", nil)
	e, ok := errors.AsType[*types.MalformedQueryException](err)
	if !ok || e.QueryCompileError == nil || *e.QueryCompileError.Location.StartCharOffset != 9 || *e.QueryCompileError.Message != "unexpected symbol found b" {
		t.Errorf("got %v", err)
	}
	_, err = c.GetQueryResults(c.ctx, &cloudwatchlogs.GetQueryResultsInput{QueryId: new("x")})
	c.refused(err, "ResourceNotFoundException", "query")
	_, err = c.StopQuery(c.ctx, &cloudwatchlogs.StopQueryInput{QueryId: new("x")})
	c.refused(err, "ResourceNotFoundException", "query")
}

func TestQueryNeedsEachGroup(t *testing.T) {
	w := newWorld(t)
	list, err := w.Access(w.ctx, "StartQuery", &model.StartQueryInput{LogGroupNames: []string{"a", "b"}})
	if err != nil || len(list) != 2 || list[1].Action != "logs:StartQuery" || list[1].Resource != "arn:aws:logs:us-east-1:123456789012:log-group:b:log-stream:" {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestQueryDefinitions(t *testing.T) {
	c := newClient(t)
	put := func(in cloudwatchlogs.PutQueryDefinitionInput) (string, error) {
		out, err := c.PutQueryDefinition(c.ctx, &in)
		if err != nil {
			return "", err
		}
		return *out.QueryDefinitionId, nil
	}
	b, _ := put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("dir/b"), QueryString: new("fields b"), LogGroupNames: []string{"g"}})
	a, _ := put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("dir/a"), QueryString: new("fields a")})
	_, _ = put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("other"), QueryString: new("fields o")})
	if id, err := put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("dir/c"), QueryString: new("fields c"), QueryDefinitionId: &b}); id != b || err != nil {
		t.Errorf("changed %s: %v", id, err)
	}
	list := func(in cloudwatchlogs.DescribeQueryDefinitionsInput) (got []string) {
		for {
			out := must(c.DescribeQueryDefinitions(c.ctx, &in))
			for _, d := range out.QueryDefinitions {
				got = append(got, *d.Name+": "+*d.QueryString)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return got
			}
		}
	}
	c.same(list(cloudwatchlogs.DescribeQueryDefinitionsInput{MaxResults: new(int32(1))}), "dir/a: fields a", "dir/c: fields c", "other: fields o")
	c.same(list(cloudwatchlogs.DescribeQueryDefinitionsInput{QueryDefinitionNamePrefix: new("dir/")}), "dir/a: fields a", "dir/c: fields c")
	must(c.DeleteQueryDefinition(c.ctx, &cloudwatchlogs.DeleteQueryDefinitionInput{QueryDefinitionId: &a}))
	c.same(list(cloudwatchlogs.DescribeQueryDefinitionsInput{}), "dir/c: fields c", "other: fields o")
	_, err := c.DeleteQueryDefinition(c.ctx, &cloudwatchlogs.DeleteQueryDefinitionInput{QueryDefinitionId: &a})
	c.refused(err, "ResourceNotFoundException", "definition")
	_, err = put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("x"), QueryString: new("fields c"), QueryDefinitionId: &a})
	c.refused(err, "ResourceNotFoundException", "definition")
	_, err = put(cloudwatchlogs.PutQueryDefinitionInput{Name: new("x"), QueryString: new("nonsense")})
	c.refused(err, "InvalidParameterException", "nonsense")
}
