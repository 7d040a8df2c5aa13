package awsjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"drey/model/cloudwatch"
	"drey/model/kinesis"
	"drey/model/kinesisanalyticsv2"
	"drey/wire"
	"drey/wire/awsjson"
	"drey/wire/shape"
)

func TestDecodeThenEncodeKeepsEverything(t *testing.T) {
	const doc = `{"StreamName":"orders","ShardId":"shardId-0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1636999825.25}`
	var in kinesis.GetShardIteratorInput
	if err := awsjson.Decode([]byte(`{"Unknown":{"a":[1,{"b":null}]},`+doc[1:]), &in); err != nil {
		t.Fatal(err)
	}
	if want := time.UnixMilli(1636999825250).UTC(); !in.Timestamp.Equal(want) {
		t.Errorf("timestamp %v, want %v", in.Timestamp, want)
	}
	var got, want map[string]any
	if err := json.Unmarshal(awsjson.Encode(&in), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(doc), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBooleansAsText(t *testing.T) {
	var in kinesisanalyticsv2.StopApplicationInput
	if err := awsjson.Decode([]byte(`{"ApplicationName":"a","Force":"true"}`), &in); err != nil || !*in.Force {
		t.Errorf("%v %v", in.Force, err)
	}
}

func TestMalformedBodies(t *testing.T) {
	for _, body := range []string{
		`{`, `[]`, `"x"`, `{"StreamName":1}`, `{"StreamName":{}}`, `{"Data":"***"}`, `{"Data":7}`, `{} {}`, `{"StreamName":"a"`, "\x00",
	} {
		var in kinesis.PutRecordInput
		if err := awsjson.Decode([]byte(body), &in); !errors.Is(err, wire.SerializationException) {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Records":[{"Data":"aGVsbG8=","PartitionKey":"k","ExplicitHashKey":"1"}],"StreamName":"s"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in, again kinesis.PutRecordsInput
		if awsjson.Decode(body, &in) != nil {
			return
		}
		if err := awsjson.Decode(awsjson.Encode(&in), &again); err != nil {
			t.Errorf("own encoding refused: %v", err)
		}
		if len(in.Records) != len(again.Records) {
			t.Errorf("%d records became %d", len(in.Records), len(again.Records))
		}
	})
}

// TestLongSequencesTakeLittle: what is beyond a legal length is not kept, and the refusal is that of the validation.
func TestLongSequencesTakeLittle(t *testing.T) {
	var tags strings.Builder
	for i := range 1 << 17 {
		fmt.Fprintf(&tags, `"%d":"",`, i)
	}
	const many = 1 << 20
	for name, c := range map[string]struct {
		body string
		in   any
		want wire.ErrorCode
		says string
	}{
		"List": {`{"Records":[` + strings.Repeat("{},", many) + `{}]}`, &kinesis.PutRecordsInput{},
			wire.ValidationException, "at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"},
		"Map": {`{"Tags":{` + tags.String() + `"x":""}}`, &kinesis.CreateStreamInput{},
			wire.ValidationException, "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200"},
		"NoLimit": {`{"MetricData":[` + strings.Repeat("{},", many) + `{}]}`, &cloudwatch.PutMetricDataInput{}, wire.SerializationException, "too many empty values"},
		"Behind":  {`{"Records":[` + strings.Repeat("{},", 600) + `{]}`, &kinesis.PutRecordsInput{}, wire.SerializationException, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte(c.body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := awsjson.Decode(body, c.in)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > uint64(1<<20+40*len(body)) || c.want == wire.ValidationException && took > 1<<20 {
				t.Errorf("%d bytes took %d", len(body), took)
			}
			if err == nil {
				err = shape.Validate(c.in, wire.ValidationException)
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
