package logs

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"time"
)

// payload is what a subscription filter sends ("Subscription filters with Amazon Kinesis Data Streams"), compressed by
// gzip.
type payload struct {
	MessageType         string         `json:"messageType"`
	Owner               string         `json:"owner"`
	LogGroup            string         `json:"logGroup"`
	LogStream           string         `json:"logStream"`
	SubscriptionFilters []string       `json:"subscriptionFilters"`
	LogEvents           []payloadEvent `json:"logEvents"`
}

type payloadEvent struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// controlMessage is the test that a destination gets when a filter is made.
func controlMessage(now time.Time) ([]byte, error) {
	return payload{
		MessageType: "CONTROL_MESSAGE", Owner: "CloudwatchLogs", SubscriptionFilters: []string{},
		LogEvents: []payloadEvent{{Timestamp: now.UnixMilli(), Message: "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}},
	}.encode()
}

func (p payload) encode() ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	enc := json.NewEncoder(z)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode log events: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("encode log events: %w", err)
	}
	return b.Bytes(), nil
}

// maxRecord is how long a record of a Kinesis stream may be, with its key.
const maxRecord = 1<<20 - 256

// records encodes events as one record, or as several when one would be too long. An event that no record can hold is
// left out and counted.
func (p payload) records(events []payloadEvent) (list [][]byte, left int, err error) {
	p.LogEvents = events
	b, err := p.encode()
	switch {
	case err != nil:
		return nil, 0, err
	case len(b) <= maxRecord:
		return [][]byte{b}, 0, nil
	case len(events) == 1:
		return nil, 1, nil
	}
	first, leftOfFirst, err := p.records(events[:len(events)/2])
	if err != nil {
		return nil, 0, err
	}
	second, leftOfSecond, err := p.records(events[len(events)/2:])
	return append(first, second...), leftOfFirst + leftOfSecond, err
}
