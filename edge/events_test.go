package edge

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"drey/model/kinesis"
)

// FuzzEvents: the SDK's decoder finds in the frames that we write what was in the events, and nothing behind.
func FuzzEvents(f *testing.F) {
	f.Add("key", []byte("data"), "49604631341683657867295630657032921195561055316799913986", int64(0), uint8(1))
	f.Add("\u00fc\x00", []byte{}, "", int64(-1), uint8(3))
	f.Fuzz(func(t *testing.T, key string, data []byte, number string, behind int64, events uint8) {
		if !utf8.ValidString(key) || !utf8.ValidString(number) {
			return
		}
		w := httptest.NewRecorder()
		e := &eventWriter{w: w, control: http.NewResponseController(w), enc: eventstream.NewEncoder()}
		for range events {
			event := kinesis.SubscribeToShardEvent{ContinuationSequenceNumber: &number, MillisBehindLatest: &behind, Records: []kinesis.Record{{PartitionKey: &key, Data: append([]byte{}, data...), SequenceNumber: &number}}}
			if err := e.send(t.Context(), &kinesis.SubscribeToShardEventStream{SubscribeToShardEvent: &event}); err != nil {
				t.Fatal(err)
			}
		}
		decoder, body := eventstream.NewDecoder(), w.Body
		for range events {
			m, err := decoder.Decode(body, nil)
			if err != nil || m.Headers.Get(":event-type").String() != "SubscribeToShardEvent" || m.Headers.Get(":message-type").String() != "event" {
				t.Fatalf("%+v %v", m, err)
			}
			var got struct {
				ContinuationSequenceNumber string
				MillisBehindLatest         int64
				Records                    []struct {
					PartitionKey string
					Data         []byte
				}
			}
			if err := json.Unmarshal(m.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if r := got.Records[0]; r.PartitionKey != key || !bytes.Equal(r.Data, data) || got.ContinuationSequenceNumber != number || got.MillisBehindLatest != behind {
				t.Fatalf("%q %x became %+v", key, data, got)
			}
		}
		if _, err := decoder.Decode(body, nil); err != io.EOF {
			t.Fatalf("behind the last event: %v", err)
		}
	})
}
