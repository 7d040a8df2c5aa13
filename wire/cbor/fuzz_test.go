package cbor_test

import (
	"reflect"
	"testing"
	"time"

	oracle "github.com/fxamacker/cbor/v2"

	"drey/model/kinesis"
	"drey/wire/cbor"
)

// FuzzEncode: what we write is well-formed to the oracle, and means the same when it comes back.
func FuzzEncode(f *testing.F) {
	f.Add("key", []byte("data"), "495", int64(1636999825250), int64(-3))
	f.Add("\u00fc\U0001f600", []byte{}, "", int64(-1), int64(1<<62))
	f.Fuzz(func(t *testing.T, key string, data []byte, number string, at, behind int64) {
		for _, times := range []cbor.Times{cbor.Millis, cbor.Seconds} {
			out := kinesis.GetRecordsOutput{MillisBehindLatest: &behind, Records: []kinesis.Record{{
				PartitionKey: &key, Data: append([]byte{}, data...), SequenceNumber: &number,
				ApproximateArrivalTimestamp: new(time.UnixMilli(at % 253402300799999).UTC()),
			}}}
			body := cbor.Encode(&out, times)
			var tree map[string]any
			err := oracle.Unmarshal(body, &tree)
			var back kinesis.GetRecordsOutput
			refused := cbor.Decode(body, &back, times)
			if (err == nil) != (refused == nil) {
				t.Fatalf("%x: the oracle says %v, we say %v", body, err, refused)
			}
			if err == nil && !reflect.DeepEqual(out, back) {
				t.Fatalf("%+v became %+v", out.Records[0], back.Records[0])
			}
		}
	})
}
