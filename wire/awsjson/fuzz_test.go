package awsjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"drey/model/kinesis"
	"drey/wire/awsjson"
)

// FuzzOracle: what is no JSON to encoding/json is refused, and what both take means the same to both.
func FuzzOracle(f *testing.F) {
	for _, body := range []string{
		`{"Records":[{"Data":"aGVsbG8=","PartitionKey":"k","ExplicitHashKey":"1"}],"StreamName":"s"}`,
		`{"Records":[{"Data":"","PartitionKey":"\ud83d\ude00\u0000\/"},{"PartitionKey":null}],"X":[1e400,{"a":{}}]}`,
		`{"StreamName":"\ud800"}`, `{"StreamName":"a","StreamName":"b"}`, "{\"StreamName\":\"\xff\"}", `{"Records":[{"Data":"aGVsbG8"}]}`, " {} ",
	} {
		f.Add([]byte(body))
	}
	type plain struct {
		StreamName *string
		Records    []struct {
			Data                          []byte
			PartitionKey, ExplicitHashKey *string
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in kinesis.PutRecordsInput
		if awsjson.Decode(bytes.Clone(body), &in) != nil || len(bytes.TrimSpace(body)) == 0 {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q is no JSON and was taken", body)
		}
		var want, got plain
		if json.Unmarshal(body, &want) != nil {
			return // it matches names in any case, and minds more types
		}
		if err := json.Unmarshal(awsjson.Encode(&in), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Records) == len(want.Records) && in.StreamName != nil && !reflect.DeepEqual(got.StreamName, want.StreamName) {
			t.Fatalf("%q was read as %q", body, *got.StreamName)
		}
	})
}

// FuzzBlob: base64 means what it means to encoding/base64, though it is undone in place and by other code.
func FuzzBlob(f *testing.F) {
	f.Add("aGVsbG8=")
	f.Add(strings.Repeat("QUJD", 30) + "QQ==")
	f.Add(strings.Repeat("QUJD", 30) + "Q.==")
	f.Add(strings.Repeat("QUJD", 12) + "\n" + strings.Repeat("QUJD", 12))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		want, wrong := base64.StdEncoding.DecodeString(text)
		var in kinesis.PutRecordInput
		switch err := awsjson.Decode(slices.Concat([]byte(`{"Data":`), quoted, []byte(`,"PartitionKey":"k"}`)), &in); {
		case (err != nil) != (wrong != nil):
			t.Fatalf("%q: %v, and encoding/base64 says %v", text, err, wrong)
		case err == nil && (!bytes.Equal(in.Data, want) || *in.PartitionKey != "k"):
			t.Fatalf("%q was read as %q with key %q", text, in.Data, *in.PartitionKey)
		}
	})
}

// FuzzText: any text and bytes that we write are read back by encoding/json as they were.
func FuzzText(f *testing.F) {
	f.Add("key", []byte("data"))
	f.Add("\u2028\u2029<>&\x00\x1f\x7f\"\\/\U0001f600\ufffd", []byte{0xff, 0})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		if !utf8.ValidString(key) {
			return
		}
		out := kinesis.GetRecordsOutput{Records: []kinesis.Record{{PartitionKey: &key, Data: append([]byte{}, data...)}}}
		var got struct {
			Records []struct {
				PartitionKey string
				Data         []byte
			}
		}
		if err := json.Unmarshal(awsjson.Encode(&out), &got); err != nil {
			t.Fatal(err)
		}
		if r := got.Records[0]; r.PartitionKey != key || string(r.Data) != string(data) {
			t.Fatalf("%q %x became %q %x", key, data, r.PartitionKey, r.Data)
		}
	})
}
