package alarmaction

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Notification is what an action has to say.
type Notification struct {
	ActionARN string
	AlarmARN  string
	Subject   string
	Message   string // JSON
	Plan      string // of Carrier.Plan
}

// Config is what a Carrier needs.
type Config struct {
	Webhooks map[string]string // addresses by the names of SNS topics
	// PlanScaling decides what a scaling action does to the application as it is now, "" = nothing; Scale does it, and refuses
	// when the application has changed since.
	PlanScaling func(ctx context.Context, s *Scaling, alarmARN string) (plan string, err error)
	Scale       func(ctx context.Context, s *Scaling, alarmARN, plan string) error
	Now         func() time.Time
}

// Carrier carries actions out.
type Carrier struct {
	Config
	client *http.Client
}

// ErrUnknown is the answer for actions of services that are not here.
var ErrUnknown = errors.New("this server does not carry out actions of that service: it posts to SNS topics that --alarm-webhook gives an address, and scales applications")

const (
	timeout    = 10 * time.Second
	maxDrained = 64 << 10 // of an answer, so that the connection can be used again
)

// pauses are those between attempts of a notification.
var pauses = []time.Duration{time.Second, 5 * time.Second}

// New makes a Carrier.
func New(c Config) *Carrier {
	return &Carrier{Config: c, client: &http.Client{Timeout: timeout}}
}

// Plan decides what an action will do, where that depends on when it is done.
func (c *Carrier) Plan(ctx context.Context, n Notification) (string, error) {
	if !IsScaling(n.ActionARN) {
		return "", nil
	}
	s, err := ParseScaling(n.ActionARN)
	if err != nil {
		return "", err
	}
	return c.PlanScaling(ctx, s, n.AlarmARN)
}

// Do carries one action out.
func (c *Carrier) Do(ctx context.Context, n Notification) error {
	if IsScaling(n.ActionARN) {
		s, err := ParseScaling(n.ActionARN)
		if err != nil {
			return err
		}
		if n.Plan == "" {
			return nil // it is where it should be
		}
		return c.Scale(ctx, s, n.AlarmARN, n.Plan)
	}
	p := strings.SplitN(n.ActionARN, ":", 6)
	if len(p) != 6 || p[2] != "sns" {
		return ErrUnknown
	}
	url, ok := c.Webhooks[p[5]]
	if !ok {
		return fmt.Errorf("the topic %s has no address: start the server with --alarm-webhook %s=URL", p[5], p[5])
	}
	return c.notify(ctx, url, n)
}

// RoleOf is the role that an action is carried out with, "" = none. An action that means to scale and is wrong is an error.
func RoleOf(actionARN string) (string, error) {
	if !IsScaling(actionARN) {
		return "", nil
	}
	s, err := ParseScaling(actionARN)
	if err != nil {
		return "", err
	}
	return s.RoleARN, nil
}

// envelope is what SNS posts to a subscribed address ("HTTP/HTTPS notification JSON format"), without the signature, which
// only AWS can make.
type envelope struct {
	Type, MessageId, TopicArn, Subject, Message, Timestamp string
}

func (c *Carrier) notify(ctx context.Context, url string, n Notification) error {
	e := envelope{Type: "Notification", MessageId: rand.Text(), TopicArn: n.ActionARN, Subject: n.Subject, Message: n.Message, Timestamp: c.Now().UTC().Format("2006-01-02T15:04:05.000Z")}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := c.post(ctx, url, e, body)
		if err == nil || attempt == len(pauses) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauses[attempt]):
		}
	}
}

func (c *Carrier) post(ctx context.Context, url string, e envelope, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	r.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	r.Header.Set("x-amz-sns-message-type", e.Type)
	r.Header.Set("x-amz-sns-message-id", e.MessageId)
	r.Header.Set("x-amz-sns-topic-arn", e.TopicArn)
	res, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxDrained) // what it says does not matter
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("%s answered %s", url, res.Status)
	}
	return nil
}
