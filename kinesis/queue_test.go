package kinesis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	model "drey/model/kinesis"
)

// newQueues gives a service with a clock to move, and an on-demand stream "orders" that is ACTIVE.
func newQueues(t testing.TB, edit ...func(*Config)) (*Service, *skip, context.Context) {
	t.Helper()
	c := &skip{}
	s := open(t, t.TempDir(), append(edit, c.use)...)
	ctx := requestContext(t.Context())
	createOnDemand(t, s, ctx, "orders")
	c.add(time.Second)
	return s, c, ctx
}

func createOnDemand(t testing.TB, s *Service, ctx context.Context, name string) {
	t.Helper()
	must[model.CreateStreamOutput](t)(s.CreateStream(ctx, &model.CreateStreamInput{StreamName: &name, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModeON_DEMAND}}))
}

func queueInput(name string, start model.QueueStartingPositionType) *model.CreateQueueInput {
	return &model.CreateQueueInput{QueueName: &name, StreamConfigurationList: []model.QueueStreamConfiguration{{StreamARN: &ordersARN, StartingPosition: &model.QueueStartingPosition{Type: start}}}}
}

// newQueue makes a queue on "orders" from its beginning on, and gives its ARN when it is ACTIVE.
func newQueue(t testing.TB, s *Service, c *skip, ctx context.Context, a *model.QueueAttributes) string {
	t.Helper()
	in := queueInput("work", model.QueueStartingPositionTypeTRIM_HORIZON)
	in.QueueAttributes = a
	out := must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, in))
	if out.QueueDescription.QueueStatus != model.QueueStatusCREATING {
		t.Fatalf("%+v", out.QueueDescription)
	}
	c.add(time.Second)
	return *out.QueueDescription.QueueARN
}

func receiveAll(t testing.TB, s *Service, ctx context.Context, arn string) []model.QueueRecord {
	t.Helper()
	return must[model.ReceiveQueueRecordsOutput](t)(s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn, WaitTimeSeconds: new(int32(1))})).QueueRecords
}

func receiveDead(t testing.TB, s *Service, ctx context.Context, arn string) []model.QueueRecord {
	t.Helper()
	return must[model.ReceiveDeadLetterQueueRecordsOutput](t)(s.ReceiveDeadLetterQueueRecords(ctx, &model.ReceiveDeadLetterQueueRecordsInput{QueueARN: &arn, WaitTimeSeconds: new(int32(1))})).QueueRecords
}

// told are the records with how often they were received, in the order of their data.
func told(records []model.QueueRecord) string {
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprintf("%s%d", r.Data, *r.ReceiveCount))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func wantRecords(t testing.TB, records []model.QueueRecord, want string) {
	t.Helper()
	if got := told(records); got != want {
		t.Fatalf("received %q, want %q", got, want)
	}
}

// byData finds the record with the data.
func byData(t testing.TB, records []model.QueueRecord, data string) model.QueueRecord {
	t.Helper()
	i := slices.IndexFunc(records, func(r model.QueueRecord) bool { return string(r.Data) == data })
	if i < 0 {
		t.Fatalf("no %q in %s", data, told(records))
	}
	return records[i]
}

// acked acknowledges records and gives the code of each failure, "ok" for the others.
func acked(t testing.TB, s *Service, ctx context.Context, arn string, records ...model.QueueRecord) string {
	t.Helper()
	in := &model.AcknowledgeQueueRecordsInput{QueueARN: &arn}
	for _, r := range records {
		in.Entries = append(in.Entries, model.AcknowledgeQueueRecordsRequestEntry{ReceiptHandle: r.ReceiptHandle})
	}
	out := must[model.AcknowledgeQueueRecordsOutput](t)(s.AcknowledgeQueueRecords(ctx, in))
	codes := slices.Repeat([]string{"ok"}, len(out.Successful))
	for _, f := range out.Failed {
		codes = append(codes, *f.ErrorCode)
	}
	return strings.Join(codes, " ")
}

func wantAcked(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("acknowledged %q, want %q", got, want)
	}
}

// hideFor changes the visibility timeout of a record.
func hideFor(t testing.TB, s *Service, ctx context.Context, arn string, r model.QueueRecord, seconds int32) {
	t.Helper()
	out := must[model.UpdateQueueRecordsVisibilityOutput](t)(s.UpdateQueueRecordsVisibility(ctx, &model.UpdateQueueRecordsVisibilityInput{
		QueueARN: &arn, Entries: []model.UpdateQueueRecordsVisibilityRequestEntry{{ReceiptHandle: r.ReceiptHandle, VisibilityTimeoutSeconds: &seconds}},
	}))
	if len(out.Successful) != 1 || len(out.Failed) != 0 {
		t.Fatalf("%+v", out)
	}
}

const (
	goneCode  = "ResourceNotFoundException"
	staleCode = "InvalidArgumentException"
)

func TestQueueDelivers(t *testing.T) { synctest.Test(t, testQueueDelivers) }

func testQueueDelivers(t *testing.T) {
	s, c, ctx := newQueues(t)
	first := put(t, s, ctx, "ka", "a")
	put(t, s, ctx, "kb", "b")
	arn := newQueue(t, s, c, ctx, nil)
	got := receiveAll(t, s, ctx, arn)
	wantRecords(t, got, "a1 b1")
	a, b := byData(t, got, "a"), byData(t, got, "b")
	if *a.RecordId != *first.SequenceNumber || *a.PartitionKey != "ka" || !a.ApproximateArrivalTimestamp.Before(*a.FirstReceiveTimestamp) || len(*a.ReceiptHandle) > 1024 {
		t.Fatalf("%+v", a)
	}
	wantAcked(t, acked(t, s, ctx, arn, a, a), "ok ResourceNotFoundException")
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	c.add(30 * time.Second)
	again := receiveAll(t, s, ctx, arn)
	wantRecords(t, again, "b2")
	if b2 := again[0]; *b2.RecordId != *b.RecordId || *b2.ReceiptHandle == *b.ReceiptHandle || !b2.FirstReceiveTimestamp.Equal(*b.FirstReceiveTimestamp) {
		t.Fatalf("%+v after %+v", b2, b)
	}
	wantAcked(t, acked(t, s, ctx, arn, b), staleCode)

	other := must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, queueInput("other", model.QueueStartingPositionTypeTRIM_HORIZON))).QueueDescription.QueueARN
	c.add(time.Second)
	all := receiveAll(t, s, ctx, *other)
	wantRecords(t, all, "a1 b1")
	wantAcked(t, acked(t, s, ctx, arn, all...), staleCode+" "+staleCode)
	wantAcked(t, acked(t, s, ctx, arn, model.QueueRecord{ReceiptHandle: new("made up")}), staleCode)

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{DB: s.DB, Dir: s.Dir, Now: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	wantAcked(t, acked(t, s, ctx, arn, again...), "ok")
	c.add(time.Minute)
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	wantRecords(t, receiveAll(t, s, ctx, *other), "a2 b2")
}

func TestQueueStartingPositions(t *testing.T) {
	s, c, ctx := newQueues(t)
	for _, k := range []string{"a", "b"} {
		put(t, s, ctx, k, k)
		c.add(time.Hour)
	}
	between := c.now().Add(-time.Hour).Add(-time.Minute)
	created := map[string]*model.QueueDescription{}
	for name, p := range map[string]*model.QueueStartingPosition{
		"default": nil, "latest": {Type: model.QueueStartingPositionTypeLATEST}, "all": {Type: model.QueueStartingPositionTypeTRIM_HORIZON},
		"between": {Type: model.QueueStartingPositionTypeAT_TIMESTAMP, Timestamp: &between},
		"early":   {Type: model.QueueStartingPositionTypeAT_TIMESTAMP, Timestamp: new(between.Add(-100 * time.Hour))},
	} {
		in := queueInput(name, "")
		in.StreamConfigurationList[0].StartingPosition = p
		created[name] = must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, in)).QueueDescription
		start := created[name].StreamConfigurationList[0].StartingPosition
		if asked := p != nil && p.Timestamp != nil; asked != (start.Timestamp != nil) || asked && !start.Timestamp.Equal(*p.Timestamp) {
			t.Fatalf("%s: %+v", name, start)
		}
	}
	put(t, s, ctx, "c", "c")
	c.add(time.Second)
	x := s.all()[0].load()
	for name, want := range map[string]struct {
		records string
		from    time.Time
	}{
		"default": {"c1", *created["default"].QueueCreationTimestamp}, "latest": {"c1", *created["latest"].QueueCreationTimestamp},
		"all": {"a1 b1 c1", x.Created}, "between": {"b1 c1", between}, "early": {"a1 b1 c1", x.Created},
	} {
		wantRecords(t, receiveAll(t, s, ctx, *created[name].QueueARN), want.records)
		d := must[model.DescribeQueueOutput](t)(s.DescribeQueue(ctx, &model.DescribeQueueInput{QueueARN: created[name].QueueARN})).QueueDescription
		if got := d.StreamConfigurationList[0].StartingPosition.Timestamp; got == nil || !got.Equal(want.from) || d.QueueStatus != model.QueueStatusACTIVE {
			t.Fatalf("%s begins at %v, want %v", name, got, want.from)
		}
	}
}

func TestQueueDeadLetters(t *testing.T) { synctest.Test(t, testQueueDeadLetters) }

func testQueueDeadLetters(t *testing.T) {
	s, c, ctx := newQueues(t)
	put(t, s, ctx, "k", "a")
	arn := newQueue(t, s, c, ctx, &model.QueueAttributes{
		VisibilityTimeoutSeconds: new(int32(10)), DeadLetterConfiguration: &model.DeadLetterConfiguration{TargetType: model.TargetTypeBUILT_IN, MaxReceiveCount: new(int32(2))},
	})
	wantRecords(t, receiveAll(t, s, ctx, arn), "a1")
	c.add(10 * time.Second)
	last := receiveAll(t, s, ctx, arn)
	wantRecords(t, last, "a2")
	wantRecords(t, receiveDead(t, s, ctx, arn), "")
	c.add(10 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	wantAcked(t, acked(t, s, ctx, arn, last...), staleCode)
	dead := receiveDead(t, s, ctx, arn)
	wantRecords(t, dead, "a3")
	wantAcked(t, acked(t, s, ctx, arn, dead...), staleCode)
	hidden := must[model.UpdateDeadLetterQueueRecordsVisibilityOutput](t)(s.UpdateDeadLetterQueueRecordsVisibility(ctx, &model.UpdateDeadLetterQueueRecordsVisibilityInput{
		QueueARN: &arn, Entries: []model.UpdateDeadLetterQueueRecordsVisibilityRequestEntry{{ReceiptHandle: dead[0].ReceiptHandle, VisibilityTimeoutSeconds: new(int32(0))}},
	}))
	if len(hidden.Successful) != 1 {
		t.Fatalf("%+v", hidden)
	}
	dead = receiveDead(t, s, ctx, arn)
	wantRecords(t, dead, "a4")
	restored := must[model.RestoreDeadLetterQueueRecordsOutput](t)(s.RestoreDeadLetterQueueRecords(ctx, &model.RestoreDeadLetterQueueRecordsInput{
		QueueARN: &arn, Entries: []model.RestoreDeadLetterQueueRecordsRequestEntry{{ReceiptHandle: dead[0].ReceiptHandle}, {ReceiptHandle: dead[0].ReceiptHandle}},
	}))
	if len(restored.Successful) != 1 || len(restored.Failed) != 1 || *restored.Failed[0].ErrorCode != staleCode || *restored.Failed[0].ErrorMessage == "" {
		t.Fatalf("%+v", restored)
	}
	wantRecords(t, receiveAll(t, s, ctx, arn), "a1")
	c.add(10 * time.Second)
	must[model.UpdateQueueOutput](t)(s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{
		DeadLetterConfiguration: &model.DeadLetterConfiguration{TargetType: model.TargetTypeNONE},
	}}))
	for n := 2; n < 6; n++ {
		wantRecords(t, receiveAll(t, s, ctx, arn), fmt.Sprint("a", n)) // also while it is UPDATING
		c.add(10 * time.Second)
	}
	must[model.UpdateQueueOutput](t)(s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{
		DeadLetterConfiguration: &model.DeadLetterConfiguration{TargetType: model.TargetTypeBUILT_IN, MaxReceiveCount: new(int32(3))},
	}}))
	dead = receiveDead(t, s, ctx, arn)
	wantRecords(t, dead, "a6")
	out := must[model.AcknowledgeDeadLetterQueueRecordsOutput](t)(s.AcknowledgeDeadLetterQueueRecords(ctx, &model.AcknowledgeDeadLetterQueueRecordsInput{
		QueueARN: &arn, Entries: []model.AcknowledgeDeadLetterQueueRecordsRequestEntry{{ReceiptHandle: dead[0].ReceiptHandle}},
	}))
	if len(out.Successful) != 1 {
		t.Fatalf("%+v", out)
	}
	c.add(time.Minute)
	wantRecords(t, receiveDead(t, s, ctx, arn), "")
}

func TestQueueVisibility(t *testing.T) { synctest.Test(t, testQueueVisibility) }

func testQueueVisibility(t *testing.T) {
	s, c, ctx := newQueues(t)
	put(t, s, ctx, "k", "a")
	arn := newQueue(t, s, c, ctx, &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(10))})
	a := receiveAll(t, s, ctx, arn)[0]
	hideFor(t, s, ctx, arn, a, 100)
	c.add(90 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	hideFor(t, s, ctx, arn, a, 0)
	out := must[model.ReceiveQueueRecordsOutput](t)(s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn, VisibilityTimeoutSeconds: new(int32(1000))}))
	wantRecords(t, out.QueueRecords, "a2")
	must[model.UpdateQueueOutput](t)(s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(20))}}))
	c.add(990 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	c.add(10 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "a3")
	c.add(15 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "")
	c.add(5 * time.Second)
	wantRecords(t, receiveAll(t, s, ctx, arn), "a4")
}
