"""What boto3 wants of channels, which the AWS CLI of these tests does not know.

channels.py make       makes the bucket "lake", the role "carrier", the stream "orders" and the channel "to-lake"; prints when it is ACTIVE
channels.py put FROM   puts as many records as fill an object, numbered from FROM on
channels.py read       prints the name of each object and the numbers of its records
channels.py log        prints the messages in the channel's log stream
channels.py allow|deny gives the role its rights, or takes the right to write from it
channels.py refused    prints the codes of what is refused
channels.py end        deletes the channel, and then the stream
"""

import gzip
import json
import sys
import time

import boto3
from botocore.exceptions import ClientError

kinesis, s3, iam, logs = (boto3.client(name) for name in ("kinesis", "s3", "iam", "logs"))

FULL = 17  # records of a million bytes are more than 16 MiB
SIZE = 1_000_000


def account():
    return boto3.client("sts").get_caller_identity()["Account"]


def statement(action):
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


def allow(actions=("s3:PutObject", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")):
    policy = {"Version": "2012-10-17", "Statement": [statement(list(actions))]}
    iam.put_role_policy(RoleName="carrier", PolicyName="p", PolicyDocument=json.dumps(policy))


def deny():
    allow(("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"))


def request(**other):
    stream = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    return {
        "ChannelName": "to-lake",
        "ServiceExecutionRoleARN": f"arn:aws:iam::{account()}:role/carrier",
        "StreamConfigurationList": [{"StreamARN": stream["StreamARN"], "RecordConfiguration": {"RecordFormatType": "JSON"}}],
        "S3DestinationConfiguration": {
            "StorageConfiguration": {
                "BucketARN": "arn:aws:s3:::lake",
                "ExpectedBucketOwner": account(),
                "OutputKeyTemplate": "orders/!{channel-name}/year=!{yyyy}/part!{extension:.json.gz}",
                "CompressionType": "GZIP",
            }
        },
        "LoggingConfiguration": {"CloudWatchLogs": {"Enabled": True, "LogGroupName": "carried"}},
        **other,
    }


def channel():
    return kinesis.list_channels()["ChannelSummaries"][0]


def make():
    s3.create_bucket(Bucket="lake")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "kinesis.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account()}, "ArnLike": {"aws:SourceArn": f"arn:aws:kinesis:*:{account()}:channel/*"}},
    }
    iam.create_role(RoleName="carrier", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allow()
    kinesis.create_stream(StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    made = kinesis.create_channel(**request())["ChannelDescription"]
    while made["ChannelStatus"] == "CREATING":
        time.sleep(0.3)
        made = kinesis.describe_channel(ChannelARN=made["ChannelARN"])["ChannelDescription"]
    print(made["ChannelStatus"], made.get("ChannelStatusReason", ""))


def put(first):
    for n in range(int(first), int(first) + FULL):
        key = f"key-{n}"
        record = json.dumps({"n": n, "pad": ""})
        record = json.dumps({"n": n, "pad": "x" * (SIZE - len(record) - len(key))})
        kinesis.put_record(StreamName="orders", PartitionKey=key, Data=record)


def read():
    for entry in s3.list_objects_v2(Bucket="lake").get("Contents", []):
        body = gzip.decompress(s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read())
        print(entry["Key"], *(json.loads(line)["n"] for line in body.splitlines()))


def log():
    try:
        for event in logs.get_log_events(logGroupName="carried", logStreamName="DestinationDelivery")["events"]:
            print(event["message"])
    except logs.exceptions.ResourceNotFoundException:
        pass


def refused():
    tables = {
        "DeadLetterQueueS3Configuration": {"BucketARN": "arn:aws:s3:::lake", "ExpectedBucketOwner": account()},
        "S3TablesConfigurationList": [
            {
                "TableBucketARN": f"arn:aws:s3tables:us-east-1:{account()}:bucket/tables",
                "Namespace": "n",
                "TableName": "t",
                "CompressionType": "NONE",
            }
        ],
    }
    iceberg = request(S3TablesDestinationConfiguration=tables)
    del iceberg["S3DestinationConfiguration"]
    for call, arguments in (
        (kinesis.create_channel, iceberg),
        (kinesis.create_channel, request(EncryptionConfiguration={"EncryptionType": "KMS", "KeyId": "alias/mine"})),
        (kinesis.create_channel, request()),
        (kinesis.update_channel, {"ChannelARN": channel()["ChannelARN"], "S3DestinationConfiguration": {"DataFreshnessInSeconds": 60}}),
        (kinesis.delete_stream, {"StreamName": "orders"}),
    ):
        try:
            call(**arguments)
            print("nothing")
        except ClientError as e:
            print(e.response["Error"]["Code"])


def end():
    kinesis.delete_channel(ChannelARN=channel()["ChannelARN"])
    while kinesis.list_channels()["ChannelSummaries"]:
        time.sleep(0.3)
    kinesis.delete_stream(StreamName="orders")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
