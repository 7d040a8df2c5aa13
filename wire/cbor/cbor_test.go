package cbor_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	oracle "github.com/fxamacker/cbor/v2"

	"drey/model/cloudwatch"
	"drey/model/kinesis"
	"drey/wire"
	"drey/wire/cbor"
	"drey/wire/shape"
)

func TestDecodeWhatTheOracleWrites(t *testing.T) {
	at := time.UnixMilli(1636999825250).UTC()
	body, err := oracle.Marshal(map[string]any{
		"StreamName": "orders", "Unknown": []any{1, 2.5, map[string]any{"x": nil}, []byte{1}},
		"ShardId": "shardId-0", "ShardIteratorType": "AT_TIMESTAMP",
		"Timestamp": oracle.Tag{Number: 1, Content: at.UnixMilli()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var in kinesis.GetShardIteratorInput
	if err := cbor.Decode(body, &in, cbor.Millis); err != nil {
		t.Fatal(err)
	}
	if *in.StreamName != "orders" || in.ShardIteratorType != kinesis.ShardIteratorTypeAT_TIMESTAMP || !in.Timestamp.Equal(at) {
		t.Errorf("got %v %v %v", *in.StreamName, in.ShardIteratorType, in.Timestamp)
	}
}

func TestTheOracleReadsWhatEncodeWrites(t *testing.T) {
	in := cloudwatch.PutMetricDataInput{Namespace: new("N"), MetricData: []cloudwatch.MetricDatum{{
		MetricName: new("m"), Value: new(-1.5), Timestamp: new(time.Unix(1636999825, 0).UTC()), StorageResolution: new(int32(60)),
		Values: []float64{1, 2}, Dimensions: []cloudwatch.Dimension{{Name: new("a"), Value: new("ü")}},
	}}}
	var got map[string]any
	if err := oracle.Unmarshal(cbor.Encode(&in, cbor.Seconds), &got); err != nil {
		t.Fatal(err)
	}
	datum := got["MetricData"].([]any)[0].(map[any]any)
	for name, want := range map[string]any{"MetricName": "m", "Value": -1.5, "Values": []any{1.0, 2.0}, "StorageResolution": uint64(60)} {
		if !reflect.DeepEqual(datum[name], want) {
			t.Errorf("%s: got %#v, want %#v", name, datum[name], want)
		}
	}
	if ts, ok := datum["Timestamp"].(time.Time); !ok || ts.Unix() != 1636999825 {
		t.Errorf("Timestamp: got %#v", datum["Timestamp"])
	}
}

// TestIndefiniteLengths reads what the AWS SDK for Java writes: maps, lists and strings without a length.
func TestIndefiniteLengths(t *testing.T) {
	body, _ := hex.DecodeString("bf" + "6a53747265616d4e616d65" + "7f" + "636f7264" + "63657273" + "ff" + "ff")
	var in kinesis.DescribeStreamInput
	if err := cbor.Decode(body, &in, cbor.Millis); err != nil || *in.StreamName != "orders" {
		t.Fatalf("%v %v", in.StreamName, err)
	}
}

func TestMalformedBodies(t *testing.T) {
	for _, body := range []string{
		"a1", "80", "ff", "a1 61 61", "a16a53747265616d4e616d6501", "a16a53747265616d4e616d65 78ff 61", "bf", "a000", "1c",
		"a16a53747265616d4e616d659bffffffffffffffff",
	} {
		raw, err := hex.DecodeString(stripSpace(body))
		if err != nil {
			t.Fatal(err)
		}
		var in kinesis.DescribeStreamInput
		if err := cbor.Decode(raw, &in, cbor.Millis); !errors.Is(err, wire.SerializationException) {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

// sequence is a body whose one member is a list or map of so many items.
func sequence(member string, open byte, items int, item func(i int) []byte) []byte {
	body := append([]byte{0xa1, 0x60 | byte(len(member))}, member...)
	body = append(body, open)
	for i := range items {
		body = append(body, item(i)...)
	}
	return append(body, 0xff)
}

func emptyMap(int) []byte { return []byte{0xa0} }

// TestLongSequencesTakeLittle: what is beyond a legal length is not kept, and the refusal is that of the validation.
func TestLongSequencesTakeLittle(t *testing.T) {
	const many = 4 << 20
	for name, c := range map[string]struct {
		body []byte
		in   any
		want wire.ErrorCode
		says string
	}{
		"List": {sequence("Records", 0x9f, many, emptyMap), &kinesis.PutRecordsInput{}, wire.ValidationException, "at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"},
		"Map": {sequence("Tags", 0xbf, 1<<18, func(i int) []byte { return fmt.Appendf(nil, "\x66%06x\x60", i) }), &kinesis.CreateStreamInput{},
			wire.ValidationException, "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200"},
		"NoLimit": {sequence("MetricData", 0x9f, many, emptyMap), &cloudwatch.PutMetricDataInput{}, wire.SerializationException, "too many empty values"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := cbor.Decode(c.body, c.in, cbor.Millis)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > uint64(40*len(c.body)) || c.want == wire.ValidationException && took > 1<<20 {
				t.Errorf("%d bytes took %d", len(c.body), took)
			}
			if err == nil {
				err = shape.Validate(c.in, wire.ValidationException)
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	var in kinesis.PutRecordsInput
	body := append(sequence("Records", 0x9f, 600, emptyMap), 0)
	if err := cbor.Decode(body, &in, cbor.Millis); !errors.Is(err, wire.SerializationException) {
		t.Errorf("what is behind a long list is not read: %v", err)
	}
}

// TestManyValuesWithoutALimit: what says something has room, however much it is.
func TestManyValuesWithoutALimit(t *testing.T) {
	in := cloudwatch.PutMetricDataInput{Namespace: new("N"), MetricData: make([]cloudwatch.MetricDatum, 100_000)}
	for i := range in.MetricData {
		in.MetricData[i] = cloudwatch.MetricDatum{MetricName: new("m"), Value: new(1.0), Timestamp: new(time.Unix(1636999825, 0))}
	}
	var got cloudwatch.PutMetricDataInput
	if err := cbor.Decode(cbor.Encode(&in, cbor.Seconds), &got, cbor.Seconds); err != nil || len(got.MetricData) != len(in.MetricData) {
		t.Errorf("%d values: %v", len(got.MetricData), err)
	}
}

func stripSpace(s string) string {
	out := []byte{}
	for i := range len(s) {
		if s[i] != ' ' {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// FuzzDecode holds the decoder against the oracle: what is not well-formed must be refused.
func FuzzDecode(f *testing.F) {
	f.Add(cbor.Encode(&kinesis.PutRecordsInput{StreamName: new("s"), Records: []kinesis.PutRecordsRequestEntry{{Data: []byte("x"), PartitionKey: new("k")}}}, cbor.Millis))
	mode, err := oracle.DecOptions{MaxNestedLevels: 256}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in kinesis.PutRecordsInput
		if cbor.Decode(body, &in, cbor.Millis) == nil && len(body) > 0 && mode.Wellformed(body) != nil {
			t.Errorf("%x is not well-formed and was taken", body)
		}
	})
}
