package shape_test

import (
	"strings"
	"testing"

	"drey/model/kinesis"
	"drey/model/kinesisanalyticsv2"
	"drey/wire"
	"drey/wire/shape"
)

func TestMessagesAreAWSs(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{&kinesis.CreateStreamInput{}, "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"},
		{&kinesis.CreateStreamInput{StreamName: new("a b"), ShardCount: new(int32(0))},
			"2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; " +
				"Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{&kinesis.GetShardIteratorInput{StreamName: new("s"), ShardId: new("x"), ShardIteratorType: "NEWEST"},
			"1 validation error detected: Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP]"},
		{&kinesis.PutRecordsInput{StreamName: new("s"), Records: []kinesis.PutRecordsRequestEntry{{Data: []byte{}, PartitionKey: new("")}}},
			"1 validation error detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{&kinesis.PutRecordsInput{StreamName: new("s"), Records: []kinesis.PutRecordsRequestEntry{}},
			"1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{&kinesisanalyticsv2.StartApplicationInput{ApplicationName: new(strings.Repeat("a", 128))}, ""},
	} {
		got := ""
		if err := shape.Validate(c.in, wire.ValidationException); err != nil {
			e, _ := wire.AsError(err)
			got = e.Message
		}
		if got != c.want {
			t.Errorf("%T\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}
