package kinesis

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"drey/edge/edgetest"
	"drey/kinesis/delivery"
	model "drey/model/kinesis"
	"drey/wire"
)

func TestQueueRefusals(t *testing.T) { synctest.Test(t, testQueueRefusals) }

func testQueueRefusals(t *testing.T) {
	s, c, ctx := newQueues(t, func(c *Config) { c.Limits = true })
	create(t, s, ctx, "provisioned", 1)
	c.add(time.Second)
	provisioned := key{account, "us-east-1", "provisioned"}.arn()
	making := func(edit func(*model.CreateQueueInput)) error {
		in := queueInput("work", model.QueueStartingPositionTypeLATEST)
		edit(in)
		_, err := s.CreateQueue(ctx, in)
		return err
	}
	attributes := func(c *model.DeadLetterConfiguration) func(*model.CreateQueueInput) {
		return func(in *model.CreateQueueInput) {
			in.QueueAttributes = &model.QueueAttributes{DeadLetterConfiguration: c}
		}
	}
	start := func(p *model.QueueStartingPosition) func(*model.CreateQueueInput) {
		return func(in *model.CreateQueueInput) { in.StreamConfigurationList[0].StartingPosition = p }
	}
	stream := func(arn string) func(*model.CreateQueueInput) {
		return func(in *model.CreateQueueInput) { in.StreamConfigurationList[0].StreamARN = &arn }
	}
	now := c.now()
	for text, x := range map[string]struct {
		code wire.ErrorCode
		edit func(*model.CreateQueueInput)
	}{
		"exactly one entry": {model.ValidationException, func(in *model.CreateQueueInput) {
			in.StreamConfigurationList = append(in.StreamConfigurationList, in.StreamConfigurationList[0])
		}},
		"has the provisioned capacity mode":       {model.ValidationException, stream(provisioned)},
		"Stream nothing under account":            {model.ResourceNotFoundException, stream(key{account, "us-east-1", "nothing"}.arn())},
		"must have a Timestamp":                   {model.ValidationException, start(&model.QueueStartingPosition{Type: model.QueueStartingPositionTypeAT_TIMESTAMP})},
		"LATEST must not have a Timestamp":        {model.ValidationException, start(&model.QueueStartingPosition{Type: model.QueueStartingPositionTypeLATEST, Timestamp: &now})},
		"MaxReceiveCount must be specified":       {model.ValidationException, attributes(&model.DeadLetterConfiguration{TargetType: model.TargetTypeBUILT_IN})},
		"MaxReceiveCount must not be":             {model.ValidationException, attributes(&model.DeadLetterConfiguration{TargetType: model.TargetTypeNONE, MaxReceiveCount: new(int32(1))})},
		"The prefix aws: of tag keys is reserved": {model.InvalidArgumentException, func(in *model.CreateQueueInput) { in.Tags = map[string]string{"aws:x": ""} }},
	} {
		wantError(t, making(x.edit), x.code, text)
	}
	other := requestContext(t.Context())
	other = wire.WithRequest(other, &wire.Request{Account: "210987654321", Region: "us-east-1"})
	_, err := s.CreateQueue(other, queueInput("work", model.QueueStartingPositionTypeLATEST))
	wantError(t, err, model.ValidationException, "of another account or region")

	arn := newQueue(t, s, c, ctx, nil)
	wantError(t, making(func(*model.CreateQueueInput) {}), model.ResourceInUseException, "Queue work under account 123456789012 already exists")
	_, err = s.DeleteStream(ctx, &model.DeleteStreamInput{StreamName: new("orders"), EnforceConsumerDeletion: new(true)})
	wantError(t, err, model.ResourceInUseException, "has 1 queues")
	_, err = s.UpdateStreamMode(ctx, &model.UpdateStreamModeInput{StreamARN: &ordersARN, StreamModeDetails: &model.StreamModeDetails{StreamMode: model.StreamModePROVISIONED}})
	wantError(t, err, model.ResourceInUseException, "has 1 queues")
	must[model.UpdateQueueOutput](t)(s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{VisibilityTimeoutSeconds: new(int32(1))}}))
	_, err = s.UpdateQueue(ctx, &model.UpdateQueueInput{QueueARN: &arn, QueueAttributes: &model.QueueAttributes{}})
	wantError(t, err, model.ResourceInUseException, "in state UPDATING")
	for _, no := range []string{"arn:aws:kinesis:us-east-1:123456789012:queue/none", "arn:aws:kinesis:eu-west-1" + arn[len("arn:aws:kinesis:us-east-1"):]} {
		_, err = s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &no})
		wantError(t, err, model.ResourceNotFoundException, "Queue "+no+" not found")
	}
	_, err = s.DescribeQueue(ctx, &model.DescribeQueueInput{QueueARN: &ordersARN})
	wantError(t, err, model.InvalidArgumentException, "is not the ARN of a queue")
}

// TestQueuesAreLimited: queues and consumers share a limit, and only five queues may come or go at a time.
func TestQueuesAreLimited(t *testing.T) { synctest.Test(t, testQueuesAreLimited) }

func testQueuesAreLimited(t *testing.T) {
	s, c, ctx := newQueues(t, func(c *Config) { c.Limits = true })
	var arns []string
	for i := range consumersLimit - 1 {
		out := must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, queueInput(fmt.Sprint("q", i), model.QueueStartingPositionTypeLATEST)))
		arns = append(arns, *out.QueueDescription.QueueARN)
		if i == 4 {
			_, err := s.CreateQueue(ctx, queueInput("sixth", model.QueueStartingPositionTypeLATEST))
			wantError(t, err, model.LimitExceededException, "already has 5 queues in the CREATING or DELETING state")
		}
		if i%5 == 4 {
			c.add(time.Second)
		}
	}
	c.add(time.Second)
	must[model.RegisterStreamConsumerOutput](t)(s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("reader")}))
	_, err := s.RegisterStreamConsumer(ctx, &model.RegisterStreamConsumerInput{StreamARN: &ordersARN, ConsumerName: new("second")})
	wantError(t, err, model.LimitExceededException, "limit of 20 consumers and queues")
	_, err = s.CreateQueue(ctx, queueInput("work", model.QueueStartingPositionTypeLATEST))
	wantError(t, err, model.LimitExceededException, "limit of 20 consumers and queues")
	d := must[model.DescribeStreamSummaryOutput](t)(s.DescribeStreamSummary(ctx, &model.DescribeStreamSummaryInput{StreamName: new("orders")})).StreamDescriptionSummary
	if *d.QueueCount != consumersLimit-1 || *d.ConsumerCount != 1 {
		t.Fatalf("%d queues, %d consumers", *d.QueueCount, *d.ConsumerCount)
	}
	for _, arn := range arns[:5] {
		must[model.DeleteQueueOutput](t)(s.DeleteQueue(ctx, &model.DeleteQueueInput{QueueARN: &arn}))
		must[model.DeleteQueueOutput](t)(s.DeleteQueue(ctx, &model.DeleteQueueInput{QueueARN: &arn})) // it is under way
	}
	_, err = s.DeleteQueue(ctx, &model.DeleteQueueInput{QueueARN: &arns[5]})
	wantError(t, err, model.LimitExceededException, "already has 5 queues in the CREATING or DELETING state")
	c.add(time.Second)
	if _, err := s.sweep(ctx, s.Now()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(s.Dir + "/" + s.all()[0].load().ID)
	if err != nil || len(entries) != onDemandShards+consumersLimit-1-5 {
		t.Fatalf("%v %v", entries, err)
	}
	_, err = s.DescribeQueue(ctx, &model.DescribeQueueInput{QueueARN: &arns[0]})
	wantError(t, err, model.ResourceNotFoundException, "not found")
}

func TestQueueLimitInFlight(t *testing.T) {
	s, c, ctx := newQueues(t, func(c *Config) { c.NoSync = true })
	arn := newQueue(t, s, c, ctx, nil)
	for _, k := range []string{"a", "b", "c"} {
		put(t, s, ctx, k, k)
	}
	target, st, d, err := s.findQueue(arn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.atDesk(target, st, d, func(_ *state, _ *queue, now time.Time) error {
		others := make([]delivery.Record, inFlightLimit-2)
		for i := range others {
			others[i] = delivery.Record{ID: delivery.ID{Shard: 1000, Ordinal: uint64(i) + 1}, Arrived: now}
		}
		d.decide(d.book.Receive(now, time.Hour, others)...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	got := receiveAll(t, s, ctx, arn)
	if len(got) != 2 {
		t.Fatalf("%d records where 2 more may be in flight", len(got))
	}
	_, err = s.ReceiveQueueRecords(ctx, &model.ReceiveQueueRecordsInput{QueueARN: &arn})
	wantError(t, err, model.ThrottlingException, "120000 records of the queue are in flight")
	wantAcked(t, acked(t, s, ctx, arn, got...), "ok ok")
	if got := receiveAll(t, s, ctx, arn); len(got) != 1 {
		t.Fatalf("%d records", len(got))
	}
}

func TestListQueues(t *testing.T) { synctest.Test(t, testListQueues) }

func testListQueues(t *testing.T) {
	s, c, ctx := newQueues(t)
	createOnDemand(t, s, ctx, "others")
	c.add(time.Second)
	others := key{account, "us-east-1", "others"}.arn()
	for i, name := range []string{"d", "b", "a", "c"} {
		in := queueInput(name, model.QueueStartingPositionTypeLATEST)
		if i%2 == 0 {
			in.StreamConfigurationList[0].StreamARN = &others
		}
		must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, in))
	}
	list := func(in *model.ListQueuesInput) (names string, next *string) {
		out := must[model.ListQueuesOutput](t)(s.ListQueues(ctx, in))
		for _, q := range out.QueueSummaries {
			names += *q.QueueName
		}
		return names, out.NextToken
	}
	created := s.all()[0].load().Created
	for want, in := range map[string]*model.ListQueuesInput{
		"abcd": {}, "bc": {StreamFilter: []model.QueueStreamFilter{{StreamARN: &ordersARN}}}, "ad": {StreamFilter: []model.QueueStreamFilter{{StreamARN: &others}}},
		"": {StreamFilter: []model.QueueStreamFilter{{StreamARN: &ordersARN, StreamCreationTimestamp: new(created.Add(time.Hour))}}},
	} {
		if names, next := list(in); names != want || next != nil {
			t.Errorf("%q, want %q", names, want)
		}
	}
	first, next := list(&model.ListQueuesInput{MaxResults: new(int32(3))})
	second, none := list(&model.ListQueuesInput{NextToken: next})
	if first != "abc" || second != "d" || none != nil {
		t.Errorf("pages %q and %q", first, second)
	}
	c.add(time.Hour)
	_, err := s.ListQueues(ctx, &model.ListQueuesInput{NextToken: next})
	wantError(t, err, model.ExpiredNextTokenException, "expired")
}

func TestQueueTagsAndPolicy(t *testing.T) {
	s, c, ctx := newQueues(t)
	arn := newQueue(t, s, c, ctx, nil)
	must[model.TagResourceOutput](t)(s.TagResource(ctx, &model.TagResourceInput{ResourceARN: &arn, Tags: map[string]string{"a": "1", "b": "2"}}))
	must[model.UntagResourceOutput](t)(s.UntagResource(ctx, &model.UntagResourceInput{ResourceARN: &arn, TagKeys: []string{"a"}}))
	tags := must[model.ListTagsForResourceOutput](t)(s.ListTagsForResource(ctx, &model.ListTagsForResourceInput{ResourceARN: &arn})).Tags
	if len(tags) != 1 || *tags[0].Key != "b" {
		t.Fatalf("%+v", tags)
	}
	many := map[string]string{}
	for i := range maxTags {
		many[fmt.Sprint("t", i)] = ""
	}
	_, err := s.TagResource(ctx, &model.TagResourceInput{ResourceARN: &arn, Tags: many})
	wantError(t, err, model.InvalidArgumentException, "more than 50 tags")
	in := queueInput("tagged", model.QueueStartingPositionTypeLATEST)
	in.Tags = maps.Clone(many)
	tagged := must[model.CreateQueueOutput](t)(s.CreateQueue(ctx, in)).QueueDescription.QueueARN
	if n := len(must[model.ListTagsForResourceOutput](t)(s.ListTagsForResource(ctx, &model.ListTagsForResourceInput{ResourceARN: tagged})).Tags); n != maxTags {
		t.Fatalf("%d tags", n)
	}
	must[model.PutResourcePolicyOutput](t)(s.PutResourcePolicy(ctx, &model.PutResourcePolicyInput{ResourceARN: &arn, Policy: new("{}")}))
	if p := must[model.GetResourcePolicyOutput](t)(s.GetResourcePolicy(ctx, &model.GetResourcePolicyInput{ResourceARN: &arn})); *p.Policy != "{}" {
		t.Fatalf("%+v", p)
	}
	must[model.DeleteResourcePolicyOutput](t)(s.DeleteResourcePolicy(ctx, &model.DeleteResourcePolicyInput{ResourceARN: &arn}))
	_, err = s.GetResourcePolicy(ctx, &model.GetResourcePolicyInput{ResourceARN: &arn})
	wantError(t, err, model.ResourceNotFoundException, "No resource policy found")
}

// queueScript does with boto3 what the developer guide tells of queues.
const queueScript = `
import boto3, sys, time
from botocore.exceptions import ClientError
c = boto3.client("kinesis", endpoint_url=sys.argv[1], region_name="us-east-1")
c.create_stream(StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
c.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
stream = c.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
q = c.create_queue(QueueName="work", StreamConfigurationList=[{"StreamARN": stream, "StartingPosition": {"Type": "TRIM_HORIZON"}}],
    QueueAttributes={"VisibilityTimeoutSeconds": 30, "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}, Tags={"team": "x"})["QueueDescription"]
assert q["QueueStatus"] == "CREATING" and q["QueueAttributes"]["VisibilityTimeoutSeconds"] == 30, q
arn = q["QueueARN"]
while c.describe_queue(QueueARN=arn)["QueueDescription"]["QueueStatus"] != "ACTIVE":
    time.sleep(0.05)
sent = {b"a", b"b", b"c"}
for data in sent:
    c.put_record(StreamName="orders", PartitionKey="key", Data=data)
got = {}
while len(got) < 3:
    got.update((r["Data"], r) for r in c.receive_queue_records(QueueARN=arn)["QueueRecords"])
assert set(got) == sent and got[b"a"]["ReceiveCount"] == 1 and got[b"a"]["PartitionKey"] == "key", got
done = c.acknowledge_queue_records(QueueARN=arn, Entries=[{"ReceiptHandle": got[b"a"]["ReceiptHandle"]}, {"ReceiptHandle": "forged"}])
assert len(done["Successful"]) == 1 and done["Failed"][0]["ErrorCode"] == "InvalidArgumentException", done
c.update_queue_records_visibility(QueueARN=arn, Entries=[{"ReceiptHandle": got[k]["ReceiptHandle"], "VisibilityTimeoutSeconds": 0} for k in (b"b", b"c")])
assert c.receive_queue_records(QueueARN=arn, WaitTimeSeconds=1)["QueueRecords"] == []
dead = {r["Data"]: r["ReceiptHandle"] for r in c.receive_dead_letter_queue_records(QueueARN=arn)["QueueRecords"]}
assert set(dead) == {b"b", b"c"}, dead
c.update_dead_letter_queue_records_visibility(QueueARN=arn, Entries=[{"ReceiptHandle": dead[b"b"], "VisibilityTimeoutSeconds": 60}])
assert len(c.restore_dead_letter_queue_records(QueueARN=arn, Entries=[{"ReceiptHandle": dead[b"b"]}])["Successful"]) == 1
assert len(c.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=[{"ReceiptHandle": dead[b"c"]}])["Successful"]) == 1
again = c.receive_queue_records(QueueARN=arn, Limit=1)["QueueRecords"]
assert [(r["Data"], r["ReceiveCount"]) for r in again] == [(b"b", 1)], again
assert c.update_queue(QueueARN=arn, QueueAttributes={"DeadLetterConfiguration": {"TargetType": "NONE"}})["QueueDescription"]["QueueStatus"] == "UPDATING"
assert [q["QueueName"] for q in c.list_queues(StreamFilter=[{"StreamARN": stream}])["QueueSummaries"]] == ["work"]
assert c.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "x"}]
try:
    c.delete_stream(StreamName="orders", EnforceConsumerDeletion=True)
    raise AssertionError("a stream with a queue was deleted")
except c.exceptions.ResourceInUseException:
    pass
c.delete_queue(QueueARN=arn)
try:
    while True:
        assert c.describe_queue(QueueARN=arn)["QueueDescription"]["QueueStatus"] == "DELETING"
except c.exceptions.ResourceNotFoundException:
    pass
c.delete_stream(StreamName="orders")
print("done")
`

// TestQueuesWithBoto3 needs boto3, which scripts/setup.sh installs: the Go SDK does not know queues yet.
func TestQueuesWithBoto3(t *testing.T) {
	s := open(t, t.TempDir())
	url := edgetest.Serve(t, wire.NewService(model.Model, s.Ops(), s.Access))
	cmd := exec.CommandContext(t.Context(), "../.cache/venv/bin/python", "-c", queueScript, url)
	cmd.Env = slices.Concat(os.Environ(), []string{"AWS_ACCESS_KEY_ID=" + edgetest.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + edgetest.SecretAccessKey})
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "done\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}
