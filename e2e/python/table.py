"""A Table API job: orders of a Kinesis stream through a Python function into files of a bucket."""
import json

from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf


@udf(result_type=DataTypes.STRING())
def shout(name):
    return name.upper() + "!"


def main():
    with open("/etc/flink/application_properties.json") as f:
        p = next(g["PropertyMap"] for g in json.load(f) if g["PropertyGroupId"] == "orders")
    t = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    t.create_temporary_function("shout", shout)
    t.execute_sql(f"""CREATE TABLE orders (id INT, customer STRING) WITH (
        'connector' = 'kinesis', 'stream' = '{p["stream"]}', 'aws.region' = 'us-east-1',
        'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json')""")
    t.execute_sql(f"""CREATE TABLE files (id INT, customer STRING) WITH (
        'connector' = 'filesystem', 'path' = '{p["path"]}', 'format' = 'json',
        'sink.rolling-policy.rollover-interval' = '1 s', 'sink.rolling-policy.check-interval' = '1 s')""")
    t.execute_sql("INSERT INTO files SELECT id, shout(customer) FROM orders")


if __name__ == "__main__":
    main()
