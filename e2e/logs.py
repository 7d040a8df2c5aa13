"""What boto3 wants of CloudWatch Logs beyond the AWS CLI: a Live Tail session, and the records of a subscription.

logs.py tail GROUP_ARN PATTERN   prints "open" and then each message, until one is "end"
logs.py records STREAM           prints the messages of all records of a Kinesis stream
"""

import gzip
import json
import sys

import boto3


def tail(group, pattern):
    session = boto3.client("logs").start_live_tail(logGroupIdentifiers=[group], logEventFilterPattern=pattern)
    for event in session["responseStream"]:
        if "sessionStart" in event:
            print("open", flush=True)
        for result in event.get("sessionUpdate", {}).get("sessionResults", []):
            print(result["message"], flush=True)
            if result["message"].endswith("end"):
                return


def records(stream):
    kinesis = boto3.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            page = kinesis.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                payload = json.loads(gzip.decompress(record["Data"]))
                if payload["messageType"] == "DATA_MESSAGE":
                    for event in payload["logEvents"]:
                        print(event["message"])
            iterator = page["NextShardIterator"]
            if page["MillisBehindLatest"] == 0 and not page["Records"]:
                break


if __name__ == "__main__":
    {"tail": tail, "records": records}[sys.argv[1]](*sys.argv[2:])
