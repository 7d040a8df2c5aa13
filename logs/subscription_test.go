package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"drey/kinesis"
	kinesismodel "drey/model/kinesis"
	model "drey/model/logs"
	"drey/store/sql"
)

// recordStore is the real Kinesis service behind the interface of subscription filters.
type recordStore struct {
	*kinesis.Service
	ctx context.Context
}

func (r recordStore) PutRecord(ctx context.Context, x Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := r.Service.PutRecord(r.ctx, &kinesismodel.PutRecordInput{StreamARN: &x.Stream, PartitionKey: &x.PartitionKey, Data: x.Data})
	return err
}

const destination = "arn:aws:kinesis:us-east-1:123456789012:stream/lines"

// withRecords gives a world a Kinesis service with the stream lines of two shards.
func withRecords(t *testing.T) func(*world) {
	return func(w *world) {
		dir := t.TempDir()
		db := must(sql.Open(filepath.Join(dir, "drey.db")))
		var mu sync.Mutex
		var skip time.Duration
		k := must(kinesis.Open(t.Context(), kinesis.Config{DB: db, Dir: filepath.Join(dir, "kinesis"), Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(skip)
		}}))
		t.Cleanup(func() {
			if err := errors.Join(k.Close(), db.Close()); err != nil {
				t.Error(err)
			}
		})
		ctx := newRequest(t.Context())
		must(k.CreateStream(ctx, &kinesismodel.CreateStreamInput{StreamName: new("lines"), ShardCount: new(int32(2))}))
		mu.Lock()
		skip = time.Second // now it is ACTIVE
		mu.Unlock()
		w.records = recordStore{k, ctx}
	}
}

// consumer reads the stream lines, shard by shard.
type consumer struct {
	t         *testing.T
	k         recordStore
	iterators []*string
	keys      map[string]map[string]bool // partition keys, by log stream
}

func newConsumer(w *world) *consumer {
	c := &consumer{t: w.t, k: w.records.(recordStore), keys: map[string]map[string]bool{}}
	for i := range 2 {
		out := must(c.k.GetShardIterator(c.k.ctx, &kinesismodel.GetShardIteratorInput{StreamName: new("lines"), ShardId: new(fmt.Sprintf("shardId-%012d", i)), ShardIteratorType: kinesismodel.ShardIteratorTypeTRIM_HORIZON}))
		c.iterators = append(c.iterators, out.ShardIterator)
	}
	return c
}

func (c *consumer) read() (list []payload) {
	c.t.Helper()
	for i := range c.iterators {
		out := must(c.k.GetRecords(c.k.ctx, &kinesismodel.GetRecordsInput{ShardIterator: c.iterators[i]}))
		c.iterators[i] = out.NextShardIterator
		for _, r := range out.Records {
			text := must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(r.Data)))))
			var p payload
			if err := json.Unmarshal(text, &p); err != nil {
				c.t.Fatal(err)
			}
			if c.keys[p.LogStream] == nil {
				c.keys[p.LogStream] = map[string]bool{}
			}
			c.keys[p.LogStream][*r.PartitionKey] = true
			list = append(list, p)
		}
	}
	return list
}

// await reads until the events of DATA_MESSAGEs are n, and gives them.
func (c *consumer) await(n int) (events []payloadEvent, last payload) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); len(events) < n; {
		list := c.read()
		for _, p := range list {
			if p.MessageType == "DATA_MESSAGE" {
				events, last = append(events, p.LogEvents...), p
			}
		}
		if len(list) == 0 {
			if time.Now().After(end) {
				c.t.Fatalf("%d of %d events came", len(events), n)
			}
			time.Sleep(5 * time.Millisecond) // Kinesis is polled
		}
	}
	return events, last
}

func (w *world) subscribe(name, pattern string, distribution model.Distribution) error {
	_, err := w.PutSubscriptionFilter(w.ctx, &model.PutSubscriptionFilterInput{
		LogGroupName: new(testGroup), FilterName: &name, FilterPattern: &pattern, DestinationArn: new(destination), RoleArn: new("arn:aws:iam::123456789012:role/r"), Distribution: distribution,
	})
	return err
}

func TestSubscriptionFilterDelivers(t *testing.T) {
	w := newWorldWith(t, withRecords(t))
	w.create(testGroup, "a", "b")
	w.put("a", Event{w.ms(0), "ERROR before"})
	ok(t, 0, w.subscribe("errors", "ERROR", ""))
	c := newConsumer(w)
	control := c.read()
	if len(control) != 1 || control[0].MessageType != "CONTROL_MESSAGE" || control[0].Owner != "CloudwatchLogs" || control[0].LogEvents[0].Message != "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream." {
		t.Fatalf("got %+v", control)
	}
	w.put("a", Event{w.ms(0), "ERROR one <init>"}, Event{w.ms(1), "fine"})
	events, p := c.await(1)
	id := must(w.FilterLogEvents(w.ctx, &model.FilterLogEventsInput{LogGroupName: new(testGroup), FilterPattern: new("one")})).Events[0].EventId
	if events[0] != (payloadEvent{*id, w.ms(0), "ERROR one <init>"}) {
		t.Errorf("got %+v, want id %s", events[0], *id)
	}
	if p.Owner != "123456789012" || p.LogGroup != testGroup || p.LogStream != "a" || fmt.Sprint(p.SubscriptionFilters) != "[errors]" {
		t.Errorf("got %+v", p)
	}

	// A stream that came later, a restart, a crash: nothing is lost, and nothing comes again.
	w.createStream("later")
	w.put("later", Event{w.ms(0), "ERROR two"})
	c.await(1)
	w.shut()
	w.open()
	w.put("b", Event{w.ms(0), "ERROR three"})
	events, _ = c.await(1)
	w.same("event", events[0].Message, "ERROR three")
	w.crash()
	w.put("a", Event{w.ms(0), "ERROR four"})
	events, _ = c.await(1)
	w.same("event", events[0].Message, "ERROR four")
	for _, stream := range []string{"a", "b", "later"} {
		if len(c.keys[stream]) != 1 {
			t.Errorf("stream %s has %d partition keys", stream, len(c.keys[stream]))
		}
	}

	must(w.DeleteSubscriptionFilter(w.ctx, &model.DeleteSubscriptionFilterInput{LogGroupName: new(testGroup), FilterName: new("errors")}))
	w.put("a", Event{w.ms(0), "ERROR five"})
	ok(t, 0, w.subscribe("all", "", model.DistributionRandom))
	for i := range 5 {
		w.put("a", Event{w.ms(0), fmt.Sprint("line ", i)})
		c.await(1)
	}
	if len(c.keys["a"]) < 4 { // that of errors, and some at random
		t.Errorf("%d partition keys", len(c.keys["a"]))
	}
}

func (w *world) createStream(stream string) {
	w.t.Helper()
	must(w.CreateLogStream(w.ctx, &model.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: &stream}))
}

// TestSubscriptionFilterSplitsLongBatches sends what compresses badly: several records, each as long as Kinesis takes.
func TestSubscriptionFilterSplitsLongBatches(t *testing.T) {
	w := newWorldWith(t, withRecords(t))
	w.create(testGroup, "a")
	ok(t, 0, w.subscribe("all", "", ""))
	c := newConsumer(w)
	r := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string {
		b := make([]rune, n)
		for i := range b {
			b[i] = rune(0x4e00 + r.IntN(0x5000))
		}
		return string(b)
	}
	var want []string
	for range 4 {
		var batch []Event
		for range 3 {
			batch = append(batch, Event{w.ms(0), letters(110_000)})
			want = append(want, batch[len(batch)-1].Message)
		}
		w.put("a", batch...)
	}
	events, _ := c.await(len(want))
	for i, e := range events {
		if e.Message != want[i] {
			t.Fatalf("event %d is another", i)
		}
	}
	if _, left, err := (payload{}).records([]payloadEvent{{Message: letters(600_000)}}); left != 1 || err != nil {
		t.Errorf("%d events left out, %v", left, err)
	}
}

// TestSubscriptionFilterWaits lets the destination fail: events wait, and are delivered when it is back.
func TestSubscriptionFilterWaits(t *testing.T) {
	gate := &gatedRecords{failed: make(chan struct{}, 1)}
	w := newWorldWith(t, func(w *world) {
		withRecords(t)(w)
		gate.RecordSink = w.records
		w.records = gate
	})
	w.create(testGroup, "a")
	ok(t, 0, w.subscribe("all", "", ""))
	gate.set(errors.New("gone"))
	w.put("a", Event{w.ms(0), "one"})
	<-gate.failed
	w.put("a", Event{w.ms(0), "two"})
	w.records = gate.RecordSink // for the consumer
	c := newConsumer(w)
	gate.set(nil)
	events, _ := c.await(2)
	w.same("events", events[0].Message+events[1].Message, "onetwo")
}

// gatedRecords fails while it is told to.
type gatedRecords struct {
	RecordSink
	mu     sync.Mutex
	err    error
	failed chan struct{}
}

func (g *gatedRecords) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *gatedRecords) PutRecord(ctx context.Context, r Record) error {
	g.mu.Lock()
	err := g.err
	g.mu.Unlock()
	if err != nil {
		select {
		case g.failed <- struct{}{}:
		default:
		}
		return err
	}
	return g.RecordSink.PutRecord(ctx, r)
}

func TestSubscriptionFiltersOverTheWire(t *testing.T) {
	c := clientOf(t, newWorldWith(t, withRecords(t)))
	c.w.create(testGroup)
	put := func(name string, change func(*cloudwatchlogs.PutSubscriptionFilterInput)) error {
		in := &cloudwatchlogs.PutSubscriptionFilterInput{LogGroupName: new(testGroup), FilterName: &name, FilterPattern: new("ERROR"), DestinationArn: new(destination), RoleArn: new("arn:aws:iam::123456789012:role/r")}
		if change != nil {
			change(in)
		}
		_, err := c.PutSubscriptionFilter(c.ctx, in)
		return err
	}
	type input = cloudwatchlogs.PutSubscriptionFilterInput
	to := func(arn string) func(*input) { return func(in *input) { in.DestinationArn = &arn } }
	for _, x := range []struct {
		code, message string
		change        func(*input)
	}{
		{"ResourceNotFoundException", "log group", func(in *input) { in.LogGroupName = new("none") }},
		{"InvalidParameterException", "term ':'", func(in *input) { in.FilterPattern = new("a:b") }},
		{"InvalidParameterException", "without roleArn", func(in *input) { in.RoleArn = nil }},
		{"InvalidParameterException", "Kinesis stream", to("arn:aws:kinesis:us-east-1:123456789012:stream/none")},
		{"InvalidParameterException", "lambda", to("arn:aws:lambda:us-east-1:123456789012:function:f")},
		{"InvalidParameterException", "Firehose", to("arn:aws:firehose:us-east-1:123456789012:deliverystream/f")},
		{"InvalidParameterException", "vendor sqs", to("arn:aws:sqs:us-east-1:123456789012:q")},
		{"InvalidParameterException", "account and the region", to("arn:aws:kinesis:eu-west-1:123456789012:stream/lines")},
		{"InvalidParameterException", "not valid", to("lines")},
		{"ResourceNotFoundException", "destination", to("arn:aws:logs:us-east-1:123456789012:destination:d")},
		{"InvalidParameterException", "not supported", func(in *input) { in.EmitSystemFields = []string{"@aws.account"} }},
	} {
		c.refused(put("x", x.change), x.code, x.message)
	}
	ok(t, 0, put("b", nil))
	ok(t, 0, put("a", func(in *input) { in.Distribution = types.DistributionRandom }))
	c.refused(put("c", nil), "LimitExceededException", "limit")
	ok(t, 0, put("b", func(in *input) { in.FilterPattern = new("WARN") }))
	var got []string
	for in := (&cloudwatchlogs.DescribeSubscriptionFiltersInput{LogGroupName: new(testGroup), Limit: new(int32(1))}); ; {
		out := must(c.DescribeSubscriptionFilters(c.ctx, in))
		for _, f := range out.SubscriptionFilters {
			got = append(got, strings.Join([]string{*f.FilterName, *f.FilterPattern, string(f.Distribution), *f.DestinationArn}, " "))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	c.same(got, "a ERROR Random "+destination, "b WARN ByLogStream "+destination)
	must(c.DeleteSubscriptionFilter(c.ctx, &cloudwatchlogs.DeleteSubscriptionFilterInput{LogGroupName: new(testGroup), FilterName: new("a")}))
	_, err := c.DeleteSubscriptionFilter(c.ctx, &cloudwatchlogs.DeleteSubscriptionFilterInput{LogGroupName: new(testGroup), FilterName: new("a")})
	c.refused(err, "ResourceNotFoundException", "subscription filter")
	must(c.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new(testGroup)}))
	_, err = c.DescribeSubscriptionFilters(c.ctx, &cloudwatchlogs.DescribeSubscriptionFiltersInput{LogGroupName: new(testGroup)})
	c.refused(err, "ResourceNotFoundException", "log group")
}

func TestSubscriptionNeedsToPassTheRole(t *testing.T) {
	w := newWorld(t)
	list, err := w.Access(w.ctx, "PutSubscriptionFilter", &model.PutSubscriptionFilterInput{LogGroupName: new("g"), RoleArn: new("arn:aws:iam::123456789012:role/r")})
	if err != nil || len(list) != 2 || list[1].Action != "iam:PassRole" || list[1].Resource != "arn:aws:iam::123456789012:role/r" || list[1].Conditions["iam:PassedToService"][0] != "logs.amazonaws.com" {
		t.Errorf("got %v, %v", list, err)
	}
}
