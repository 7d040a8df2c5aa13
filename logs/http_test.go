package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"drey/edge/edgetest"
	model "drey/model/logs"
	"drey/wire"
)

// serve puts the service behind the real edge. The clock is the real one, because clients sign with it.
func serve(t *testing.T) (*world, string) {
	return serveWorld(t, newWorld(t))
}

func serveWorld(t *testing.T, w *world) (*world, string) {
	w.Service.now = time.Now
	return w, edgetest.Serve(t, wire.NewService(model.Model, model.Ops(w.Service), w.Access))
}

func TestSDK(t *testing.T) {
	_, url := serve(t)
	ctx := context.Background()
	c := cloudwatchlogs.NewFromConfig(aws.Config{Region: edgetest.Region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(edgetest.AccessKeyID, edgetest.SecretAccessKey, "")})
	must(c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new(testGroup), Tags: map[string]string{"k": "v"}}))
	for i := range 7 {
		must(c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: new(testGroup), LogStreamName: new(fmt.Sprintf("s%d", i))}))
		must(c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new(fmt.Sprintf("s%d", i)),
			LogEvents: []types.InputLogEvent{{Timestamp: new(time.Now().UnixMilli()), Message: new(fmt.Sprint("line ", i))}}}))
	}
	streams := cloudwatchlogs.NewDescribeLogStreamsPaginator(c, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: new(testGroup), Limit: new(int32(3))})
	n, pages := 0, 0
	for ; streams.HasMorePages(); pages++ {
		n += len(must(streams.NextPage(ctx)).LogStreams)
	}
	if n != 7 || pages != 3 {
		t.Errorf("%d streams in %d pages", n, pages)
	}
	events := cloudwatchlogs.NewFilterLogEventsPaginator(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new(testGroup), Limit: new(int32(2)), FilterPattern: new("line")})
	for n = 0; events.HasMorePages(); {
		n += len(must(events.NextPage(ctx)).Events)
	}
	if n != 7 {
		t.Errorf("%d events", n)
	}
	get := cloudwatchlogs.NewGetLogEventsPaginator(c, &cloudwatchlogs.GetLogEventsInput{LogGroupName: new(testGroup), LogStreamName: new("s3"), StartFromHead: new(true)},
		func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for n = 0; get.HasMorePages(); {
		n += len(must(get.NextPage(ctx)).Events)
	}
	if n != 1 {
		t.Errorf("%d events of one stream", n)
	}
	_, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new(testGroup)})
	if _, is := errors.AsType[*types.ResourceAlreadyExistsException](err); !is {
		t.Errorf("got %v", err)
	}
	_, err = c.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new(testGroup), FilterPattern: new("a:b")})
	if e, is := errors.AsType[*types.InvalidParameterException](err); !is || e.ErrorMessage() != "Invalid character(s) in term ':'" {
		t.Errorf("got %v", err)
	}
}

// follower asks as "aws logs tail --follow" does: pages until there is no token, then again from the newest time it has
// seen, leaving out the ids it has seen at that time.
const follower = `
import boto3, sys, time
c = boto3.client("logs", endpoint_url=sys.argv[1], region_name="us-east-1")
group = sys.argv[2]
print("paginated", sum(len(p["events"]) for p in c.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 3})), flush=True)
ask = dict(logGroupName=group, interleaved=True, startTime=int((time.time() - 600) * 1000), limit=4)
seen = {}
while True:
    page = c.filter_log_events(**ask)
    for e in page["events"]:
        if e["eventId"] not in seen.setdefault(e["timestamp"], set()):
            seen[e["timestamp"]].add(e["eventId"])
            print(e["message"], flush=True)
            if e["message"] == "end":
                sys.exit(0)
    if seen:
        newest = max(seen)
        seen = {newest: seen[newest]}
    if "nextToken" in page:
        ask["nextToken"] = page["nextToken"]
    else:
        if seen:
            ask["startTime"] = max(seen)
        ask.pop("nextToken", None)
        time.sleep(0.05)
`

// TestFollowing needs boto3, which "make setup" installs.
func TestFollowing(t *testing.T) {
	w, url := serve(t)
	w.create(testGroup, "a", "b")
	now := time.Now().UnixMilli()
	put := func(stream, text string, at int64) {
		t.Helper()
		in := &model.PutLogEventsInput{LogGroupName: new(testGroup), LogStreamName: &stream, LogEvents: []model.InputLogEvent{{Timestamp: &at, Message: &text}}}
		must(w.PutLogEvents(w.ctx, in))
	}
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint("early ", i))
		put([]string{"a", "b"}[i%2], want[i], now-1000+int64(i/4)) // four share a time
	}
	cmd := exec.Command("../.cache/venv/bin/python", "-c", follower, url, testGroup)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+edgetest.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+edgetest.SecretAccessKey)
	cmd.Stderr = t.Output()
	out := ok(t, must(cmd.StdoutPipe()), nil)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		text := fmt.Sprint("late ", i)
		if i == 19 {
			text = "end"
		}
		want = append(want, text)
		put([]string{"a", "b"}[i%2], text, now+int64(i/2))
	}
	b := ok(t, must(io.ReadAll(out)), nil)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if !strings.HasPrefix(lines[0], "paginated ") || len(lines) != len(want)+1 {
		t.Fatalf("got %q", lines)
	}
	got := map[string]bool{}
	for _, l := range lines[1:] {
		got[l] = true
	}
	for _, l := range want {
		if !got[l] {
			t.Errorf("%s is missing", l)
		}
	}
}
