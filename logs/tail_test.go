package logs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	model "drey/model/logs"
)

const groupARNText = "arn:aws:logs:us-east-1:123456789012:log-group:"

// tail starts a session with a client of its own: streams of one client share a buffer in the SDK (smithy-go 1.28.9).
func (c *client) tail(change func(*cloudwatchlogs.StartLiveTailInput)) (*cloudwatchlogs.StartLiveTailEventStream, error) {
	in := &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{groupARNText + testGroup}}
	if change != nil {
		change(in)
	}
	out, err := cloudwatchlogs.NewFromConfig(c.config).StartLiveTail(c.ctx, in)
	if err != nil {
		return nil, err
	}
	return out.GetStream(), nil
}

// shown reads updates until so many events have come.
func (c *client) shown(s *cloudwatchlogs.StartLiveTailEventStream, n int) (list []types.LiveTailSessionLogEvent) {
	c.t.Helper()
	for len(list) < n {
		e, open := <-s.Events()
		if !open {
			c.t.Fatalf("the session ended: %v", s.Err())
		}
		if u, is := e.(*types.StartLiveTailResponseStreamMemberSessionUpdate); is {
			list = append(list, u.Value.SessionResults...)
		}
	}
	return list
}

func TestLiveTail(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup, "a", "b", "x")
	c.w.create("other", "s")
	all := must(c.tail(func(in *cloudwatchlogs.StartLiveTailInput) {
		in.LogGroupIdentifiers = append(in.LogGroupIdentifiers, groupARNText+"other")
	}))
	defer all.Close()
	some := must(c.tail(func(in *cloudwatchlogs.StartLiveTailInput) {
		in.LogEventFilterPattern, in.LogStreamNames = new("ERROR"), []string{"a", "b"}
	}))
	defer some.Close()
	prefixed := must(c.tail(func(in *cloudwatchlogs.StartLiveTailInput) { in.LogStreamNamePrefixes = []string{"x"} }))
	defer prefixed.Close()
	start, is := (<-some.Events()).(*types.StartLiveTailResponseStreamMemberSessionStart)
	if !is || *start.Value.LogEventFilterPattern != "ERROR" || start.Value.LogGroupIdentifiers[0] != groupARNText+testGroup || *start.Value.SessionId == "" {
		t.Fatalf("got %+v", start)
	}
	c.put(testGroup, "a", "fine", "ERROR a")
	c.put(testGroup, "x", "ERROR x")
	c.put("other", "s", "s")
	text := func(list []types.LiveTailSessionLogEvent) (got []string) {
		for _, e := range list {
			got = append(got, *e.LogGroupIdentifier+" "+*e.LogStreamName+" "+*e.Message)
		}
		return got
	}
	g := "123456789012:" + testGroup
	c.same(text(c.shown(all, 4)), g+" a fine", g+" a ERROR a", g+" x ERROR x", "123456789012:other s s")
	c.same(text(c.shown(prefixed, 1)), g+" x ERROR x")
	got := c.shown(some, 1)
	c.same(text(got), g+" a ERROR a")
	if *got[0].IngestionTime < *got[0].Timestamp || time.Since(time.UnixMilli(*got[0].Timestamp)) > time.Minute {
		t.Errorf("times %d, %d", *got[0].Timestamp, *got[0].IngestionTime)
	}
}

func TestLiveTailRefusals(t *testing.T) {
	c := newClient(t)
	c.w.create(testGroup)
	c.w.create("other")
	type input = cloudwatchlogs.StartLiveTailInput
	for _, x := range []struct {
		code, message string
		change        func(*input)
	}{
		{"InvalidParameterException", "not an ARN", func(in *input) { in.LogGroupIdentifiers[0] = testGroup }},
		{"ResourceNotFoundException", "log group", func(in *input) { in.LogGroupIdentifiers[0] += "x" }},
		{"InvalidParameterException", "term ':'", func(in *input) { in.LogEventFilterPattern = new("a:b") }},
		{"InvalidParameterException", "together", func(in *input) { in.LogStreamNames, in.LogStreamNamePrefixes = []string{"a"}, []string{"b"} }},
		{"InvalidParameterException", "single log group", func(in *input) {
			in.LogGroupIdentifiers, in.LogStreamNames = append(in.LogGroupIdentifiers, groupARNText+"other"), []string{"a"}
		}},
	} {
		_, err := c.tail(x.change)
		c.refused(err, x.code, x.message)
	}
	for range maxSessions {
		defer must(c.tail(nil)).Close()
	}
	_, err := c.tail(nil)
	c.refused(err, "LimitExceededException", "sessions")
}

// TestLiveTailSamples offers more than an update holds.
func TestLiveTailSamples(t *testing.T) {
	tl := &tail{match: func(string) bool { return true }}
	g := &group{name: "g"}
	batch := make([]Event, tailEvents+1)
	tl.offer(g, "s", time.UnixMilli(1), [][]Event{batch[:tailEvents]})
	if u := tl.update(); len(u.SessionResults) != tailEvents || *u.SessionMetadata.Sampled {
		t.Errorf("%d events, sampled %v", len(u.SessionResults), *u.SessionMetadata.Sampled)
	}
	tl.offer(g, "s", time.UnixMilli(1), [][]Event{batch})
	if u := tl.update(); len(u.SessionResults) != tailEvents || !*u.SessionMetadata.Sampled {
		t.Errorf("%d events, sampled %v", len(u.SessionResults), *u.SessionMetadata.Sampled)
	}
	if u := tl.update(); len(u.SessionResults) != 0 || u.SessionResults == nil || *u.SessionMetadata.Sampled {
		t.Errorf("after that %+v", u)
	}
}

// TestLiveTailEndsAfterThreeHours counts the updates of a whole session.
func TestLiveTailEndsAfterThreeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Service{filters: filters{running: t.Context()}}
		began, updates := time.Now(), 0
		err := s.showTail(t.Context(), &tail{}, &model.LiveTailSessionStart{}, func(_ context.Context, e any) error {
			if e.(*model.StartLiveTailResponseStream).SessionUpdate != nil {
				updates++
			}
			return nil
		})
		if !errors.Is(err, model.SessionTimeoutException) || time.Since(began) != tailLife || updates < 3*3600-1 {
			t.Errorf("%v after %v and %d updates", err, time.Since(began), updates)
		}
		stopped, stop := context.WithCancel(t.Context())
		s.filters.running = stopped
		time.AfterFunc(10*time.Second, stop)
		err = s.showTail(t.Context(), &tail{}, &model.LiveTailSessionStart{}, func(context.Context, any) error { return nil })
		if !errors.Is(err, model.InternalServerException) {
			t.Errorf("when the server ends: %v", fmt.Sprint(err))
		}
	})
}
