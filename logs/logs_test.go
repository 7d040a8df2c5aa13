package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	model "drey/model/logs"
	"drey/store/sql"
	"drey/wire"
)

// world is a service with a clock that only the test moves.
type world struct {
	*Service
	t   *testing.T
	ctx context.Context
	dir string
	db  *sql.DB
	at  time.Time

	metrics MetricSink
	records RecordSink
}

const testGroup, testStream = "/aws/kinesis-analytics/orders", "kinesis-analytics-log-stream"

func newWorld(t *testing.T) *world {
	return newWorldWith(t, func(*world) {})
}

// newWorldWith opens the service after edit has given the world what it needs.
func newWorldWith(t *testing.T, edit func(w *world)) *world {
	w := &world{t: t, dir: t.TempDir(), at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	edit(w)
	w.ctx = newRequest(context.Background())
	w.open()
	t.Cleanup(func() { w.shut() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	db, err := sql.Open(filepath.Join(w.dir, "drey.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := Open(w.ctx, Config{DB: db, Dir: filepath.Join(w.dir, "logs"), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.at }, Sweep: time.Hour,
		Metrics: w.metrics, Records: w.records})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service, w.db = s, db
}

func (w *world) shut() {
	w.t.Helper()
	if err := errors.Join(w.Service.Close(), w.db.Close()); err != nil {
		w.t.Error(err)
	}
}

// crash reopens without the saving that Close does.
func (w *world) crash() {
	w.t.Helper()
	w.mu.Lock() // deliveries are at work
	for _, st := range w.streams {
		if err := st.log.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	w.Service.streams = map[int64]*stream{}
	w.mu.Unlock()
	w.shut()
	w.open()
}

// ok fails the test unless the call succeeded.
func ok[O any](t testing.TB, out O, err error) O {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) fails(err error, code wire.ErrorCode, text string) {
	w.t.Helper()
	if !errors.Is(err, code) || !strings.Contains(err.Error(), text) {
		w.t.Errorf("got %v, want %s: %s", err, code.Code, text)
	}
}

func (w *world) create(group string, streams ...string) {
	w.t.Helper()
	ok(w.t, must(w.CreateLogGroup(w.ctx, &model.CreateLogGroupInput{LogGroupName: &group})), nil)
	for _, s := range streams {
		ok(w.t, must(w.CreateLogStream(w.ctx, &model.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &s})), nil)
	}
}

// ms is a time relative to the clock.
func (w *world) ms(d time.Duration) int64 { return w.at.Add(d).UnixMilli() }

func (w *world) put(stream string, events ...Event) *model.PutLogEventsOutput {
	w.t.Helper()
	out, err := w.tryPut(stream, events...)
	return ok(w.t, out, err)
}

func (w *world) tryPut(stream string, events ...Event) (*model.PutLogEventsOutput, error) {
	in := &model.PutLogEventsInput{LogGroupName: new(testGroup), LogStreamName: &stream}
	for _, e := range events {
		in.LogEvents = append(in.LogEvents, model.InputLogEvent{Timestamp: new(e.Time), Message: new(e.Message)})
	}
	return w.PutLogEvents(w.ctx, in)
}

func (w *world) get(change func(*model.GetLogEventsInput)) (*model.GetLogEventsOutput, string) {
	w.t.Helper()
	in := &model.GetLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new(testStream)}
	change(in)
	out, err := w.GetLogEvents(w.ctx, in)
	ok(w.t, out, err)
	var text []string
	for _, e := range out.Events {
		text = append(text, *e.Message)
	}
	return out, strings.Join(text, " ")
}

func (w *world) filter(change func(*model.FilterLogEventsInput)) (*model.FilterLogEventsOutput, string) {
	w.t.Helper()
	in := &model.FilterLogEventsInput{LogGroupName: new(testGroup)}
	change(in)
	out, err := w.FilterLogEvents(w.ctx, in)
	ok(w.t, out, err)
	var text []string
	for _, e := range out.Events {
		text = append(text, *e.LogStreamName+":"+*e.Message)
	}
	return out, strings.Join(text, " ")
}

func (w *world) same(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestGroups(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	_, err := w.CreateLogGroup(w.ctx, &model.CreateLogGroupInput{LogGroupName: new(testGroup)})
	w.fails(err, model.ResourceAlreadyExistsException, "The specified log group already exists")
	_, err = w.CreateLogGroup(w.ctx, &model.CreateLogGroupInput{LogGroupName: new("AWS/x")})
	w.fails(err, model.InvalidParameterException, "reserved")
	_, err = w.CreateLogGroup(w.ctx, &model.CreateLogGroupInput{LogGroupName: new("k"), KmsKeyId: new("arn:aws:kms:us-east-1:123456789012:key/x")})
	w.fails(err, model.InvalidParameterException, "KMS")
	for i := range 6 {
		w.create(fmt.Sprintf("g%d", i))
	}
	ok(t, must(w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new("g3"), RetentionInDays: new(int32(7))})), nil)
	_, err = w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new("g3"), RetentionInDays: new(int32(2))})
	w.fails(err, model.InvalidParameterException, "Member must satisfy enum value set: [1, 3, 5,")
	_, err = w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new("none"), RetentionInDays: new(int32(7))})
	w.fails(err, model.ResourceNotFoundException, "The specified log group does not exist.")

	var names []string
	in := &model.DescribeLogGroupsInput{LogGroupNamePrefix: new("g"), Limit: new(int32(4))}
	for {
		out := must(w.DescribeLogGroups(w.ctx, in))
		for _, g := range out.LogGroups {
			names = append(names, *g.LogGroupName)
			if *g.LogGroupName == "g3" && *g.RetentionInDays != 7 {
				t.Errorf("retention of g3: %d", *g.RetentionInDays)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	w.same("names", strings.Join(names, " "), "g0 g1 g2 g3 g4 g5")
	g := must(w.DescribeLogGroups(w.ctx, &model.DescribeLogGroupsInput{LogGroupNamePattern: new("orders")})).LogGroups[0]
	w.same("arn", *g.Arn, "arn:aws:logs:us-east-1:123456789012:log-group:"+testGroup+":*")

	other := wire.WithRequest(w.ctx, &wire.Request{Account: "123456789012", Region: "eu-west-1"})
	if out := must(w.DescribeLogGroups(other, &model.DescribeLogGroupsInput{})); len(out.LogGroups) != 0 {
		t.Errorf("another region sees %d groups", len(out.LogGroups))
	}
	w.put(testStream, Event{w.ms(0), "x"})
	ok(t, must(w.DeleteLogGroup(w.ctx, &model.DeleteLogGroupInput{LogGroupName: new(testGroup)})), nil)
	_, err = w.tryPut(testStream, Event{w.ms(0), "x"})
	w.fails(err, model.ResourceNotFoundException, "The specified log group does not exist.")
	w.create(testGroup, testStream)
	if _, text := w.get(func(*model.GetLogEventsInput) {}); text != "" {
		t.Errorf("a new stream holds %q", text)
	}
}

func TestStreams(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, "a", "b", "c")
	_, err := w.CreateLogStream(w.ctx, &model.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new("a")})
	w.fails(err, model.ResourceAlreadyExistsException, "The specified log stream already exists")
	_, err = w.CreateLogStream(w.ctx, &model.CreateLogStreamInput{LogGroupName: new("none"), LogStreamName: new("a")})
	w.fails(err, model.ResourceNotFoundException, "The specified log group does not exist.")
	w.at = w.at.Add(time.Minute)
	w.put("b", Event{w.ms(-2 * time.Hour), "old"}, Event{w.ms(-time.Hour), "newer"})
	w.put("c", Event{w.ms(-30 * time.Second), "newest"})
	list := func(in *model.DescribeLogStreamsInput) string {
		in.LogGroupName = new(testGroup)
		var names []string
		for {
			out := must(w.DescribeLogStreams(w.ctx, in))
			for _, s := range out.LogStreams {
				names = append(names, *s.LogStreamName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
		}
	}
	w.same("by name", list(&model.DescribeLogStreamsInput{Limit: new(int32(2))}), "a b c")
	w.same("descending", list(&model.DescribeLogStreamsInput{Limit: new(int32(2)), Descending: new(true)}), "c b a")
	w.same("by time", list(&model.DescribeLogStreamsInput{Limit: new(int32(1)), OrderBy: model.OrderByLastEventTime, Descending: new(true)}), "c a b")
	w.same("prefix", list(&model.DescribeLogStreamsInput{LogStreamNamePrefix: new("b")}), "b")
	_, err = w.DescribeLogStreams(w.ctx, &model.DescribeLogStreamsInput{LogGroupName: new(testGroup), LogStreamNamePrefix: new("b"), OrderBy: model.OrderByLastEventTime})
	w.fails(err, model.InvalidParameterException, "LastEventTime")
	_, err = w.DescribeLogStreams(w.ctx, &model.DescribeLogStreamsInput{LogGroupName: new(testGroup), NextToken: new("x")})
	w.fails(err, model.InvalidParameterException, "nextToken")
	b := must(w.DescribeLogStreams(w.ctx, &model.DescribeLogStreamsInput{LogGroupIdentifier: new("arn:aws:logs:us-east-1:123456789012:log-group:" + testGroup), LogStreamNamePrefix: new("b")})).LogStreams[0]
	if *b.FirstEventTimestamp != w.ms(-2*time.Hour) || *b.LastEventTimestamp != w.ms(-time.Hour) || *b.LastIngestionTime != w.ms(0) {
		t.Errorf("stream b: %d %d %d", *b.FirstEventTimestamp, *b.LastEventTimestamp, *b.LastIngestionTime)
	}
	w.same("arn", *b.Arn, "arn:aws:logs:us-east-1:123456789012:log-group:"+testGroup+":log-stream:b")
	g := must(w.DescribeLogGroups(w.ctx, &model.DescribeLogGroupsInput{})).LogGroups[0]
	if want := int64(3*26 + len("old") + len("newer") + len("newest")); *g.StoredBytes != want {
		t.Errorf("stored bytes: %d, want %d", *g.StoredBytes, want)
	}
	ok(t, must(w.DeleteLogStream(w.ctx, &model.DeleteLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new("b")})), nil)
	_, err = w.tryPut("b", Event{w.ms(0), "x"})
	w.fails(err, model.ResourceNotFoundException, "The specified log stream does not exist.")
}

func TestPutLimits(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	day := 24 * time.Hour
	_, err := w.tryPut(testStream, Event{w.ms(0), "b"}, Event{w.ms(-1 * time.Millisecond), "a"})
	w.fails(err, model.InvalidParameterException, "must be in chronological order")
	_, err = w.tryPut(testStream, Event{w.ms(-25 * time.Hour), "a"}, Event{w.ms(0), "b"})
	w.fails(err, model.InvalidParameterException, "cannot span more than 24 hours")
	_, err = w.tryPut(testStream, Event{w.ms(0), strings.Repeat("x", maxBatch-25)})
	w.fails(err, model.InvalidParameterException, "Log event too large: 1048577 bytes exceeds limit of 1048576")
	half := strings.Repeat("x", maxBatch/2-26)
	_, err = w.tryPut(testStream, Event{w.ms(0), half}, Event{w.ms(0), half + "x"})
	w.fails(err, model.InvalidParameterException, "Upload too large: 1048577 bytes exceeds limit of 1048576")
	w.put(testStream, Event{w.ms(0), half}, Event{w.ms(0), half})
	out := w.put(testStream, Event{w.ms(-15 * day), "old"}, Event{w.ms(-time.Second), "fits"}, Event{w.ms(3 * time.Hour), "early"})
	r := out.RejectedLogEventsInfo
	if r == nil || *r.TooOldLogEventEndIndex != 1 || *r.TooNewLogEventStartIndex != 2 || r.ExpiredLogEventEndIndex != nil {
		t.Errorf("rejected: %+v", r)
	}
	if out.NextSequenceToken == nil {
		t.Error("no sequence token")
	}
	_, text := w.get(func(in *model.GetLogEventsInput) { in.EndTime = new(w.ms(0)) })
	w.same("accepted", text, "fits")
	ok(t, must(w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new(testGroup), RetentionInDays: new(int32(1))})), nil)
	r = w.put(testStream, Event{w.ms(-2 * day), "expired"}).RejectedLogEventsInfo
	if r == nil || *r.ExpiredLogEventEndIndex != 1 || r.TooOldLogEventEndIndex != nil {
		t.Errorf("rejected by retention: %+v", r)
	}
}

func TestGetPages(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	head := func(in *model.GetLogEventsInput) { in.StartFromHead = new(true) }
	empty, _ := w.get(head)
	for i := range 10 {
		w.put(testStream, Event{w.ms(time.Duration(i) * time.Second), fmt.Sprint(i)})
	}
	_, text := w.get(func(in *model.GetLogEventsInput) { in.NextToken = empty.NextForwardToken })
	w.same("from the token of the empty stream", text, "0 1 2 3 4 5 6 7 8 9")
	page := func(token *string) func(*model.GetLogEventsInput) {
		return func(in *model.GetLogEventsInput) { in.Limit, in.NextToken = new(int32(4)), token }
	}
	newest, text := w.get(page(nil))
	w.same("newest", text, "6 7 8 9")
	before, text := w.get(page(newest.NextBackwardToken))
	w.same("before", text, "2 3 4 5")
	_, text = w.get(page(before.NextForwardToken))
	w.same("and forward again", text, "6 7 8 9")
	first, text := w.get(page(before.NextBackwardToken))
	w.same("first", text, "0 1")
	none, text := w.get(page(first.NextBackwardToken))
	w.same("before the first", text, "")
	w.same("backward token at the end", *none.NextBackwardToken, *first.NextBackwardToken)
	_, text = w.get(page(none.NextForwardToken))
	w.same("forward from before the first", text, "0 1 2 3")
	last, text := w.get(page(newest.NextForwardToken))
	w.same("after the newest", text, "")
	w.same("forward token at the end", *last.NextForwardToken, *newest.NextForwardToken)
	_, text = w.get(page(last.NextBackwardToken))
	w.same("backward from the end", text, "6 7 8 9")
	w.put(testStream, Event{w.ms(10 * time.Second), "10"})
	_, text = w.get(page(last.NextForwardToken))
	w.same("followed", text, "10")
	_, text = w.get(func(in *model.GetLogEventsInput) {
		in.StartTime, in.EndTime = new(w.ms(2*time.Second)), new(w.ms(4*time.Second))
	})
	w.same("start is included, end is not", text, "2 3")
	_, err := w.GetLogEvents(w.ctx, &model.GetLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new(testStream), NextToken: new("f/1/s")})
	w.fails(err, model.InvalidParameterException, "The specified nextToken is invalid.")
	_, err = w.GetLogEvents(w.ctx, &model.GetLogEventsInput{LogStreamName: new(testStream)})
	w.fails(err, model.InvalidParameterException, "Exactly one of")
}

func TestPageOfOneMegabyte(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	long := strings.Repeat("x", 300<<10)
	for i := range 7 {
		w.put(testStream, Event{w.ms(time.Duration(i) * time.Millisecond), long})
	}
	var pages []int
	in := &model.GetLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new(testStream), StartFromHead: new(true)}
	for {
		out := must(w.GetLogEvents(w.ctx, in))
		if in.NextToken != nil && *in.NextToken == *out.NextForwardToken {
			break
		}
		in.NextToken = out.NextForwardToken
		pages = append(pages, len(out.Events))
	}
	w.same("pages", fmt.Sprint(pages), "[3 3 1]")
}

func TestFilter(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, "a", "b", "other")
	w.put("a", Event{w.ms(0), "ERROR one"}, Event{w.ms(2 * time.Millisecond), "three"})
	w.put("b", Event{w.ms(1 * time.Millisecond), `{"messageType":"ERROR","n":2}`})
	w.put("other", Event{w.ms(1 * time.Millisecond), "two"})
	w.put("a", Event{w.ms(-5 * time.Millisecond), "late ERROR"})
	out, text := w.filter(func(*model.FilterLogEventsInput) {})
	w.same("all", text, `a:late ERROR a:ERROR one b:{"messageType":"ERROR","n":2} other:two a:three`)
	if out.SearchedLogStreams == nil || len(out.SearchedLogStreams) != 0 || out.NextToken != nil {
		t.Errorf("searched streams %v, token %v", out.SearchedLogStreams, out.NextToken)
	}
	ids := map[string]bool{}
	for _, e := range out.Events {
		ids[*e.EventId] = len(*e.EventId) == 56
	}
	if len(ids) != 5 {
		t.Errorf("ids: %v", ids)
	}
	_, text = w.filter(func(in *model.FilterLogEventsInput) { in.FilterPattern = new(`{ $.messageType = "ERROR" }`) })
	w.same("JSON", text, `b:{"messageType":"ERROR","n":2}`)
	_, text = w.filter(func(in *model.FilterLogEventsInput) { in.FilterPattern = new("ERROR -one") })
	w.same("terms", text, `a:late ERROR b:{"messageType":"ERROR","n":2}`)
	_, text = w.filter(func(in *model.FilterLogEventsInput) {
		in.LogStreamNames = []string{"other", "a"}
		in.StartTime = new(w.ms(0))
	})
	w.same("streams", text, "a:ERROR one other:two a:three")
	_, text = w.filter(func(in *model.FilterLogEventsInput) { in.LogStreamNamePrefix = new("o") })
	w.same("prefix", text, "other:two")
	_, text = w.filter(func(in *model.FilterLogEventsInput) {
		in.EndTime = new(w.ms(1 * time.Millisecond))
		in.StartTime = new(w.ms(1 * time.Millisecond))
	})
	w.same("both ends are included", text, `b:{"messageType":"ERROR","n":2} other:two`)
	_, text = w.filter(func(in *model.FilterLogEventsInput) {
		in.StartTime, in.EndTime = new(w.ms(2*time.Millisecond)), new(int64(math.MaxInt64))
	})
	w.same("an end beyond all times", text, "a:three")
	_, text = w.filter(func(in *model.FilterLogEventsInput) { in.StartFromHead = new(false); in.Limit = new(int32(2)) })
	w.same("newest first", text, "a:three other:two")
	for text, change := range map[string]func(*model.FilterLogEventsInput){
		"Invalid character(s) in term": func(in *model.FilterLogEventsInput) { in.FilterPattern = new("a:b") },
		"both logStreamNames": func(in *model.FilterLogEventsInput) {
			in.LogStreamNames, in.LogStreamNamePrefix = []string{"a"}, new("b")
		},
		"nextToken is invalid":       func(in *model.FilterLogEventsInput) { in.NextToken = new("abc") },
		"Jan 1, 2024":                func(in *model.FilterLogEventsInput) { in.StartFromHead, in.StartTime = new(false), new(int64(1)) },
		"must not be after end time": func(in *model.FilterLogEventsInput) { in.StartTime, in.EndTime = new(int64(2)), new(int64(1)) },
	} {
		in := &model.FilterLogEventsInput{LogGroupName: new(testGroup)}
		change(in)
		_, err := w.FilterLogEvents(w.ctx, in)
		w.fails(err, model.InvalidParameterException, text)
	}
	_, err := w.FilterLogEvents(w.ctx, &model.FilterLogEventsInput{LogGroupName: new(testGroup), LogStreamNames: []string{"nobody"}})
	w.fails(err, model.ResourceNotFoundException, "The specified log stream does not exist.")
}

func TestRetention(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	w.put(testStream, Event{w.ms(0), "first"})
	w.at = w.at.Add(25 * time.Hour)
	w.put(testStream, Event{w.ms(0), "second"})
	ok(t, must(w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new(testGroup), RetentionInDays: new(int32(1))})), nil)
	_, text := w.get(func(*model.GetLogEventsInput) {})
	w.same("hidden at once", text, "second")
	ok(t, must(w.DeleteRetentionPolicy(w.ctx, &model.DeleteRetentionPolicyInput{LogGroupName: new(testGroup)})), nil)
	_, text = w.get(func(*model.GetLogEventsInput) {})
	w.same("not yet deleted", text, "first second")
	ok(t, must(w.PutRetentionPolicy(w.ctx, &model.PutRetentionPolicyInput{LogGroupName: new(testGroup), RetentionInDays: new(int32(1))})), nil)
	w.at = w.at.Add(20 * time.Hour)
	if err := w.sweep(w.ctx); err != nil {
		t.Fatal(err)
	}
	ok(t, must(w.DeleteRetentionPolicy(w.ctx, &model.DeleteRetentionPolicyInput{LogGroupName: new(testGroup)})), nil)
	_, text = w.get(func(*model.GetLogEventsInput) {})
	w.same("deleted", text, "second")
	w.crash()
	_, text = w.get(func(*model.GetLogEventsInput) {})
	w.same("after a restart", text, "second")
	w.put(testStream, Event{w.ms(0), "third"})
	_, text = w.get(func(*model.GetLogEventsInput) {})
	w.same("and on", text, "second third")
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup)
	arn := "arn:aws:logs:us-east-1:123456789012:log-group:" + testGroup
	ok(t, must(w.TagResource(w.ctx, &model.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "1", "b": "2"}})), nil)
	ok(t, must(w.TagLogGroup(w.ctx, &model.TagLogGroupInput{LogGroupName: new(testGroup), Tags: map[string]string{"b": "3", "c": "4"}})), nil)
	ok(t, must(w.UntagResource(w.ctx, &model.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a"}})), nil)
	ok(t, must(w.UntagLogGroup(w.ctx, &model.UntagLogGroupInput{LogGroupName: new(testGroup), Tags: []string{"c"}})), nil)
	w.same("tags", fmt.Sprint(must(w.ListTagsForResource(w.ctx, &model.ListTagsForResourceInput{ResourceArn: &arn})).Tags), "map[b:3]")
	w.same("tags", fmt.Sprint(must(w.ListTagsLogGroup(w.ctx, &model.ListTagsLogGroupInput{LogGroupName: new(testGroup)})).Tags), "map[b:3]")
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint(i)] = ""
	}
	_, err := w.TagResource(w.ctx, &model.TagResourceInput{ResourceArn: &arn, Tags: many})
	w.fails(err, model.TooManyTagsException, "50")
	_, err = w.TagResource(w.ctx, &model.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"aws:x": "y"}})
	w.fails(err, model.InvalidParameterException, "reserved")
	_, err = w.ListTagsForResource(w.ctx, &model.ListTagsForResourceInput{ResourceArn: new(strings.Replace(arn, "arn:aws:", "arn:aws-cn:", 1))})
	w.fails(err, model.InvalidParameterException, "is not the ARN") // another name would pass a Deny on this one
	_, err = w.ListTagsForResource(w.ctx, &model.ListTagsForResourceInput{ResourceArn: new(arn + "x")})
	w.fails(err, model.ResourceNotFoundException, "does not exist")
}

func TestAppend(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup, testStream)
	long := strings.Repeat("x", 600<<10)
	events := []Event{{w.ms(3 * time.Millisecond), "c"}, {w.ms(1 * time.Millisecond), "a" + long}, {w.ms(2 * time.Millisecond), "b" + long}, {w.ms(-20 * 24 * time.Hour), "too old"}}
	if err := w.Append(w.ctx, "123456789012", "us-east-1", testGroup, testStream, events, nil); err != nil {
		t.Fatal(err)
	}
	var text string
	in := &model.FilterLogEventsInput{LogGroupName: new(testGroup)}
	for {
		out := must(w.FilterLogEvents(w.ctx, in))
		for _, e := range out.Events {
			text += (*e.Message)[:1]
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	w.same("order", text, "abc")
	for _, g := range []string{testGroup, "none"} {
		if err := w.Append(w.ctx, "123456789012", "us-east-1", g, "none", events, nil); !errors.Is(err, ErrNoStream) {
			t.Errorf("%s: %v", g, err)
		}
	}
}

func TestAccessKnowsEveryOperation(t *testing.T) {
	w := newWorld(t)
	w.create(testGroup)
	for _, op := range model.Ops(w.Service) {
		if accesses[op.Name] == nil {
			t.Errorf("%s has no access rule", op.Name)
		}
	}
	if len(accesses) != len(model.Ops(w.Service)) {
		t.Error("there are rules for operations that are not served")
	}
	group := "arn:aws:logs:us-east-1:123456789012:log-group:" + testGroup
	ok(t, must(w.TagResource(w.ctx, &model.TagResourceInput{ResourceArn: &group, Tags: map[string]string{"team": "x"}})), nil)
	for _, c := range []struct {
		op   string
		in   any
		want string
	}{
		{"PutLogEvents", &model.PutLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new("s")}, "logs:PutLogEvents " + group + ":log-stream:s map[aws:ResourceTag/team:[x]]"},
		{"FilterLogEvents", &model.FilterLogEventsInput{LogGroupIdentifier: &group}, "logs:FilterLogEvents " + group + ":log-stream: map[aws:ResourceTag/team:[x]]"},
		{"DescribeLogGroups", &model.DescribeLogGroupsInput{LogGroupNamePrefix: new("x")}, "logs:DescribeLogGroups arn:aws:logs:us-east-1:123456789012:log-group::log-stream: map[]"},
		{"TagResource", &model.TagResourceInput{ResourceArn: &group, Tags: map[string]string{"k": "v"}}, "logs:TagResource " + group + " map[aws:RequestTag/k:[v] aws:ResourceTag/team:[x] aws:TagKeys:[k]]"},
		{"CreateLogGroup", &model.CreateLogGroupInput{LogGroupName: new("new")}, "logs:CreateLogGroup arn:aws:logs:us-east-1:123456789012:log-group:new:log-stream: map[]"},
	} {
		list, err := w.Access(w.ctx, c.op, c.in)
		if err != nil {
			t.Fatal(err)
		}
		w.same(c.op, fmt.Sprintf("%s %s %v", list[0].Action, list[0].Resource, list[0].Conditions), c.want)
	}
}

func newRequest(ctx context.Context) context.Context {
	return wire.WithRequest(ctx, &wire.Request{Account: "123456789012", Region: "us-east-1"})
}
