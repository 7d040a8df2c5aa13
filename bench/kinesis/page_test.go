package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func TestPagesAreReadWithoutDecoding(t *testing.T) {
	record := `{"ApproximateArrivalTimestamp":1.5,"Data":"` + strings.Repeat("QUFB", 2000) + `","PartitionKey":"k","SequenceNumber":"495"}`
	records := `"Records":[` + strings.Repeat(record+",", 9) + record + `]`
	id := strings.Repeat("iterator+/=", 30)
	for name, page := range map[string]string{
		"iterator first": `{"MillisBehindLatest":0,"NextShardIterator":"` + id + `",` + records + `}`,
		"iterator last":  `{` + records + `,"MillisBehindLatest":1200,"NextShardIterator":"` + id + `"}`,
	} {
		next, err := asJSON.nextIterator([]byte(page))
		if n := asJSON.recordsIn([]byte(page)); n != 10 || next != id || err != nil {
			t.Errorf("%s: %d records, iterator %q, %v", name, n, next, err)
		}
	}
	if _, err := asJSON.nextIterator([]byte(`{` + records + `}`)); err == nil {
		t.Error("an iterator where none is")
	}
}

func TestPagesInCBOR(t *testing.T) {
	for _, length := range []int{5, 23, 24, 200, 255, 256, 700} {
		id := strings.Repeat("i", length)
		type record struct {
			Data           []byte
			SequenceNumber string
		}
		page, err := asCBOR.marshal(map[string]any{"Records": []record{{bytes.Repeat([]byte{0xff}, 9000), "1"}, {nil, "2"}}, "NextShardIterator": id})
		if err != nil {
			t.Fatal(err)
		}
		next, err := asCBOR.nextIterator(page)
		if n := asCBOR.recordsIn(page); n != 2 || next != id || err != nil {
			t.Errorf("%d records, iterator of %d: %q, %v", n, length, next, err)
		}
	}
	for _, cut := range []string{"", "\x71NextShardIterator", "\x71NextShardIterator\x79\x01", "\x71NextShardIterator\x78\x10abc", "\x71NextShardIterator\xf6\x00\x00"} {
		if next, err := asCBOR.nextIterator([]byte(cut)); err == nil {
			t.Errorf("%q holds %q", cut, next)
		}
	}
}

// frame is an event as it travels; the checksums, which the bench does not look at, are zero.
func frame(headers, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	return string(b) + "\x00\x00\x00\x00" + headers + payload + "\x00\x00\x00\x00"
}

func TestEventsAreCutAtTheirLengths(t *testing.T) {
	large := `{"ContinuationSequenceNumber":"9","MillisBehindLatest":0,"Records":[{"SequenceNumber":"9"}]}`
	r := strings.NewReader(frame(":event-type initial-response", "{}") + frame(":event-type SubscribeToShardEvent", large) + frame(":exception-type InternalFailureException", "gone"))
	var e events
	for _, want := range []struct {
		payload string
		records int
		tip     bool
	}{{"{}", 0, false}, {large, 1, true}} {
		payload, err := e.next(r)
		if err != nil || string(payload) != want.payload || asJSON.recordsIn(payload) != want.records || atTip(payload) != want.tip {
			t.Errorf("%q, %v", payload, err)
		}
	}
	if _, err := e.next(r); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("an exception is taken as %v", err)
	}
	for _, broken := range []string{"\x00\x00\x00\x0f\x00\x00\x00\x00\x00\x00\x00\x00", "\x7f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x20\x00\x00\x00\x20\x00\x00\x00\x00", frame("h", "cut")[:18]} {
		if payload, err := e.next(strings.NewReader(broken)); err == nil {
			t.Errorf("%q was taken as %q", broken, payload)
		}
	}
}
