"""What boto3 sees of Kinesis: every record once and in order, in any bytes and any Unicode. The environment names the server."""

import base64
import os
import unittest

import boto3
from botocore.exceptions import ClientError

kinesis = boto3.client("kinesis")
SOON = {"Delay": 1, "MaxAttempts": 30}
KEYS = ["a", "schlüssel", "鍵", "😀" * 256, "\x00\t\"\\/\u2028", "e\u0301", "\U0010fffe"]


def make(name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=SOON)
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def shards_of(name):
    return [s["ShardId"] for page in kinesis.get_paginator("describe_stream").paginate(StreamName=name, PaginationConfig={"PageSize": 1})
            for s in page["StreamDescription"]["Shards"]]


def polled(name, shard, limit=100):
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    got = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator, Limit=limit)
        got += page["Records"]
        if page["MillisBehindLatest"] == 0:
            return got
        iterator = page["NextShardIterator"]


class Streams(unittest.TestCase):
    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_lists_and_waiters(self):
        names = [f"py-list-{i}" for i in range(5)]
        arns = [make(name, shards=3) for name in names]
        listed = [n for page in kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}) for n in page["StreamNames"]]
        self.assertEqual([n for n in listed if n.startswith("py-list-")], names)
        self.assertEqual(len(set(shards_of(names[0]))), 3)
        # Not by the paginator: it repeats StreamName beside NextToken, which Kinesis refuses ("ListShards" in the API reference).
        page = kinesis.list_shards(StreamName=names[0], MaxResults=2)
        listed = page["Shards"] + kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)["Shards"]
        self.assertEqual([s["ShardId"] for s in listed], shards_of(names[0]))
        for i in range(5):
            kinesis.register_stream_consumer(StreamARN=arns[0], ConsumerName=f"c-{i}")
        listed = [c["ConsumerName"] for page in kinesis.get_paginator("list_stream_consumers").paginate(StreamARN=arns[0], PaginationConfig={"PageSize": 2})
                  for c in page["Consumers"]]
        self.assertEqual(listed, [f"c-{i}" for i in range(5)])
        self.refused("ResourceInUseException", kinesis.delete_stream, StreamName=names[0])
        for name in names:
            kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        for name in names:
            kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=SOON)
        self.refused("ResourceNotFoundException", kinesis.describe_stream_summary, StreamName=names[0])

    def test_any_bytes_and_keys(self):
        make("py-bytes", shards=2)
        wanted = {}
        for i in range(4):
            records = [{"PartitionKey": k, "Data": os.urandom(n)} for n, k in enumerate(KEYS * 20, start=i * 3)]
            answer = kinesis.put_records(StreamName="py-bytes", Records=records)
            self.assertEqual(answer["FailedRecordCount"], 0)
            for told, r in zip(answer["Records"], records):
                wanted.setdefault(told["ShardId"], []).append((told["SequenceNumber"], r["PartitionKey"], r["Data"]))
        for shard in shards_of("py-bytes"):
            got = [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in polled("py-bytes", shard)]
            self.assertEqual(got, wanted[shard])
            self.assertEqual(got, sorted(got, key=lambda r: int(r[0])))
        for key in ("a" * 257, "😀" * 257):
            self.refused("ValidationException", kinesis.put_record, StreamName="py-bytes", PartitionKey=key, Data=b"x")
        self.refused("InvalidArgumentException", kinesis.get_records, ShardIterator=base64.b64encode(os.urandom(150)).decode())

    def test_largest_records(self):
        make("py-large")
        largest = os.urandom((1 << 20) - 1)  # one byte is the key's
        kinesis.put_record(StreamName="py-large", PartitionKey="k", Data=largest)
        self.assertEqual(kinesis.put_records(StreamName="py-large", Records=[{"PartitionKey": "k", "Data": largest}] * 4)["FailedRecordCount"], 0)
        self.assertTrue(all(r["Data"] == largest for r in polled("py-large", "shardId-000000000000", limit=3)))
        self.refused("ValidationException", kinesis.put_record, StreamName="py-large", PartitionKey="kk", Data=largest)
        self.refused("InvalidArgumentException", kinesis.put_records, StreamName="py-large", Records=[{"PartitionKey": "k", "Data": largest}] * 11)
        self.refused("RequestEntityTooLargeException", kinesis.put_records, StreamName="py-large", Records=[{"PartitionKey": "k", "Data": largest}] * 30)

    def test_enhanced_fan_out(self):
        arn = make("py-pushed")
        consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
        records = [{"PartitionKey": k, "Data": os.urandom(1000)} for k in KEYS * 10]
        told = [r["SequenceNumber"] for r in kinesis.put_records(StreamName="py-pushed", Records=records)["Records"]]
        while kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"] != "ACTIVE":
            pass
        events = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId="shardId-000000000000", StartingPosition={"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": told[3]})["EventStream"]
        got = []
        for event in events:
            got += event["SubscribeToShardEvent"]["Records"]
            if len(got) >= len(records) - 3:
                break
        events.close()
        self.assertEqual([(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in got],
                         [(n, r["PartitionKey"], r["Data"]) for n, r in zip(told, records)][3:])


if __name__ == "__main__":
    unittest.main()
