package alarmaction

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const scaling = "arn:aws:kinesisanalytics:us-east-1:123456789012:scaling/"

func TestTargets(t *testing.T) {
	for change, want := range map[string]int32{
		"parallelism=8": 8, "parallelism=+2": 6, "parallelism=-2": 2, "parallelism=*2": 8, "parallelism=/3": 2, "parallelism=*1.4": 6, "parallelism=-9": 1,
		"parallelism=+9&max=8": 8, "parallelism=/4&min=3": 3,
	} {
		s, err := ParseScaling(scaling + "orders?role=scaler&" + change)
		if err != nil || s.Application != "orders" || s.RoleARN != "arn:aws:iam::123456789012:role/scaler" || s.Region != "us-east-1" {
			t.Errorf("%s: %+v, %v", change, s, err)
			continue
		}
		if got := s.Target(4); got != want {
			t.Errorf("%s of 4 is %d", change, got)
		}
	}
}

func TestScalingActionsThatAreWrong(t *testing.T) {
	for action, want := range map[string]string{
		"orders": "unknown parameter", "orders?role=r": "must have the form", "orders?parallelism=1": "must have the form", "?role=r&parallelism=1": "must have the form",
		"orders?role=r&parallelism=x": "no positive number", "orders?role=r&parallelism=-0": "no positive number", "orders?role=r&parallelism=NaN": "no positive number",
		"orders?role=r&parallelism=1&min=0": "no positive number", "orders?role=r&parallelism=1&min=4&max=3": "must have the form", "orders?role=r&parallelism=1&kpus=2": "unknown parameter",
	} {
		if _, err := RoleOf(scaling + action); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", action, err)
		}
	}
	if role, err := RoleOf("arn:aws:sns:us-east-1:123456789012:ops"); role != "" || err != nil {
		t.Errorf("%s, %v", role, err)
	}
}

// TestNotifications posts to an address that fails at first.
func TestNotifications(t *testing.T) {
	old := pauses
	pauses = []time.Duration{0, 0}
	defer func() { pauses = old }()
	fail := 0
	var got envelope
	var header http.Header
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail--; fail >= 0 {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(b, &got) != nil {
			t.Errorf("%s, %v", b, err)
		}
		header = r.Header
	}))
	defer receiver.Close()
	c := New(Config{Webhooks: map[string]string{"ops": receiver.URL}, Now: func() time.Time { return time.Unix(0, 0) }})
	n := Notification{ActionARN: "arn:aws:sns:us-east-1:123456789012:ops", Subject: "ALARM", Message: `{"AlarmName":"a"}`}
	for fail = range 3 {
		got = envelope{}
		if err := c.Do(t.Context(), n); err != nil || got.Message != n.Message || got.Subject != "ALARM" || got.Type != "Notification" || got.TopicArn != n.ActionARN || got.Timestamp != "1970-01-01T00:00:00.000Z" || header.Get("x-amz-sns-topic-arn") != n.ActionARN {
			t.Errorf("%+v, %v", got, err)
		}
	}
	fail = 3
	if err := c.Do(t.Context(), n); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("an address that fails: %v", err)
	}
	n.ActionARN = "arn:aws:sns:us-east-1:123456789012:other"
	if err := c.Do(t.Context(), n); err == nil || !strings.Contains(err.Error(), "--alarm-webhook other=URL") {
		t.Errorf("a topic without an address: %v", err)
	}
	n.ActionARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
	if err := c.Do(t.Context(), n); !errors.Is(err, ErrUnknown) {
		t.Errorf("a function: %v", err)
	}
}

func TestScalingIsHandedOn(t *testing.T) {
	var got *Scaling
	c := New(Config{
		PlanScaling: func(_ context.Context, s *Scaling, alarm string) (string, error) {
			return alarm + " of " + s.Application, nil
		},
		Scale: func(_ context.Context, s *Scaling, alarm, plan string) error {
			got = s
			return errors.New(alarm + ": " + plan)
		},
	})
	n := Notification{ActionARN: scaling + "orders?role=r&parallelism=+1", AlarmARN: "the alarm"}
	plan, err := c.Plan(t.Context(), n)
	if plan != "the alarm of orders" || err != nil {
		t.Errorf("the plan is %q, %v", plan, err)
	}
	if err := c.Do(t.Context(), n); err != nil || got != nil {
		t.Errorf("without a plan: %+v, %v", got, err)
	}
	n.Plan = plan
	err = c.Do(t.Context(), n)
	if got == nil || got.Application != "orders" || err == nil || err.Error() != "the alarm: the alarm of orders" {
		t.Errorf("%+v, %v", got, err)
	}
	n.ActionARN = "arn:aws:sns:us-east-1:123456789012:ops"
	if plan, err := c.Plan(t.Context(), n); plan != "" || err != nil {
		t.Errorf("a notification has the plan %q, %v", plan, err)
	}
}
