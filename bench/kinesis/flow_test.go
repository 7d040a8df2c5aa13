package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

func TestArrivalsAreTimedByTheirNumbers(t *testing.T) {
	m := &meter{sent: make([]atomic.Int64, 20)}
	m.sent[1].Store(int64(time.Second)) // one of the first tenth, which warms up
	m.sent[7].Store(int64(2 * time.Second))
	m.sent[19].Store(int64(4 * time.Second))
	record := func(i int) string {
		return fmt.Sprintf(`{"Data":"%s","SequenceNumber":"1"}`, base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(i))))
	}
	var push []time.Duration
	n, err := m.arrived([]byte(`{"Records":[`+record(1)+","+record(7)+","+record(19)+`]}`), 5*time.Second, &push)
	if err != nil || n != 3 || len(push) != 2 || push[0] != 3*time.Second || push[1] != time.Second {
		t.Errorf("%d records, %v, %v", n, push, err)
	}
	for _, event := range []string{record(20), `{"Data":"QQ=="}`, `{"Data":"AAAAAAAAAAAA"}`, `{"Data":"not base 64!"}`} {
		if _, err := m.arrived([]byte(event), 0, &push); !errors.Is(err, errForeign) {
			t.Errorf("%s was taken: %v", event, err)
		}
	}
}

func TestPartlyFailedPutsEndTheMeasurement(t *testing.T) {
	for _, c := range []struct {
		body    string
		records int
		want    error
	}{
		{`{"FailedRecordCount":0,"Records":[]}`, 500, nil},
		{"\xa2\x71FailedRecordCount\x00", 500, nil},
		{`{"FailedRecordCount":3,"Records":[]}`, 500, errNotStored},
		{"\xa2\x71FailedRecordCount\x03", 500, errNotStored},
		{`{}`, 500, errNotStored},
		{`{"SequenceNumber":"1"}`, 1, nil},
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.ReadFull(theirs, make([]byte, 4))
			_, _ = fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(c.body), c.body)
		}()
		s := &sender{conn: newConn(t.Context(), ours), requests: [][]byte{[]byte("PING")}, records: c.records}
		if _, err := s.step(); !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.body, err)
		}
		_ = s.Close()
		_ = theirs.Close()
	}
}
