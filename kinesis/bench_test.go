package kinesis

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/fxamacker/cbor/v2"

	"drey/edge/edgetest"
	model "drey/model/kinesis"
	"drey/wire"
)

// These benchmarks send signed requests through the real edge, without a network, to a stream of eight shards on disk.
// Beside Go's own figures they report records/op, by which make bench-kinesis divides.

func BenchmarkPutRecords500x100B(b *testing.B) { benchmarkPutRecords(b, 100) }
func BenchmarkPutRecords500x1KB(b *testing.B)  { benchmarkPutRecords(b, 1000) }

func benchmarkPutRecords(b *testing.B, size int) {
	bothProtocols(b, func(b *testing.B, w *wired) {
		var records []map[string]any
		for range 500 {
			records = append(records, benchmarkRecord(size))
		}
		w.run(b, len(records), "PutRecords", map[string]any{"StreamName": "orders", "Records": records})
	})
}

func BenchmarkPutRecord100B(b *testing.B) {
	bothProtocols(b, func(b *testing.B, w *wired) {
		in := benchmarkRecord(100)
		in["StreamName"] = "orders"
		w.run(b, 1, "PutRecord", in)
	})
}

func BenchmarkGetRecords1KB(b *testing.B) {
	bothProtocols(b, func(b *testing.B, w *wired) {
		const records = 1000
		for range 2 {
			var entries []map[string]any
			for range records / 2 {
				r := benchmarkRecord(1000)
				r["ExplicitHashKey"] = "0"
				entries = append(entries, r)
			}
			w.call(b, "PutRecords", map[string]any{"StreamName": "orders", "Records": entries})
		}
		var out struct{ ShardIterator string }
		body := w.call(b, "GetShardIterator", map[string]any{"StreamName": "orders", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"})
		if err := w.unmarshal(body, &out); err != nil {
			b.Fatal(err)
		}
		w.run(b, records, "GetRecords", map[string]any{"ShardIterator": out.ShardIterator})
	})
}

func benchmarkRecord(size int) map[string]any {
	data := make([]byte, size)
	rand.Read(data)
	return map[string]any{"Data": data, "PartitionKey": rand.Text()}
}

// wired is a service behind the edge, spoken to in one protocol.
type wired struct {
	name        string
	handler     http.Handler
	contentType string
	marshal     func(any) ([]byte, error)
	unmarshal   func([]byte, any) error
}

func bothProtocols(b *testing.B, bench func(*testing.B, *wired)) {
	for _, w := range []wired{
		{name: "JSON", contentType: "application/x-amz-json-1.1", marshal: json.Marshal, unmarshal: json.Unmarshal},
		{name: "CBOR", contentType: "application/x-amz-cbor-1.1", marshal: cbor.Marshal, unmarshal: cbor.Unmarshal},
	} {
		b.Run(w.name, func(b *testing.B) {
			s, _, _ := newService(b, 8)
			w.handler = edgetest.Handler(b, wire.NewService(model.Model, model.Ops(s), s.Access))
			bench(b, &w)
		})
	}
}

// request gives one whose body may be read again after a rewind.
func (w *wired) request(b *testing.B, op string, in any) (*http.Request, *bytes.Reader) {
	body, err := w.marshal(in)
	if err != nil {
		b.Fatal(err)
	}
	source := bytes.NewReader(body)
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/", source)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", w.contentType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	keys := aws.Credentials{AccessKeyID: edgetest.AccessKeyID, SecretAccessKey: edgetest.SecretAccessKey}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, r, hex.EncodeToString(sum[:]), "kinesis", edgetest.Region, time.Now()); err != nil {
		b.Fatal(err)
	}
	return r, source
}

// call gives the body of an answer that is not measured.
func (w *wired) call(b *testing.B, op string, in any) []byte {
	r, _ := w.request(b, op, in)
	a := &answer{head: http.Header{}, body: &bytes.Buffer{}}
	if w.handler.ServeHTTP(a, r); a.status >= 300 {
		b.Fatalf("%s: status %d: %s", op, a.status, a.body)
	}
	return a.body.Bytes()
}

// run measures one request again and again. The answer goes nowhere, so that what is allocated is the service's.
func (w *wired) run(b *testing.B, records int, op string, in any) {
	r, source := w.request(b, op, in)
	b.ReportAllocs()
	a := &answer{head: http.Header{}}
	for b.Loop() {
		if _, err := source.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		r.Body = io.NopCloser(source)
		if w.handler.ServeHTTP(a, r); a.status >= 300 {
			b.Fatalf("%s: status %d", op, a.status)
		}
	}
	b.ReportMetric(float64(records), "records/op")
}

// answer takes what the handler writes.
type answer struct {
	head   http.Header
	status int
	body   *bytes.Buffer // nil: nowhere
}

func (a *answer) Header() http.Header    { return a.head }
func (a *answer) WriteHeader(status int) { a.status = status }
func (a *answer) Flush()                 {}

func (a *answer) SetReadDeadline(time.Time) error  { return nil }
func (a *answer) SetWriteDeadline(time.Time) error { return nil }

func (a *answer) Write(p []byte) (int, error) {
	if a.body != nil {
		return a.body.Write(p)
	}
	return len(p), nil
}
