package cbor_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	oracle "github.com/fxamacker/cbor/v2"

	"drey/model/cloudwatch"
	"drey/model/kinesis"
	"drey/wire"
	"drey/wire/cbor"
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
