"""Makes orders, sends them, and reads the summaries that the application answers with. Money is whole cents throughout."""

import collections
import json
import random
import time
from decimal import Decimal

REGIONS = ["Africa", "Asia", "Europe", "North America", "Oceania", "South America"]
BATCH = 500


def money(cents):
    return f"{cents // 100:,}.{cents % 100:02d}"


class Totals(collections.defaultdict):
    """Region → [number of orders, cents]."""

    def __init__(self):
        super().__init__(lambda: [0, 0])

    def add(self, region, count, cents):
        self[region][0] += count
        self[region][1] += cents


class Producer:
    """Sends random orders, the same ones for the same seed, and knows what they come to."""

    def __init__(self, kinesis, stream, seed):
        self.kinesis, self.stream, self.random = kinesis, stream, random.Random(seed)
        self.sent, self.expected = 0, Totals()

    def send(self, number, told=lambda sent: None):
        batch = []
        for i in range(number):
            batch.append(self._order())
            if len(batch) == BATCH or i == number - 1:
                self._put(batch)
                batch = []
                told(i + 1)

    def _order(self):
        self.sent += 1
        region = self.random.choice(REGIONS)
        # One order in fifty is worth nothing, or is a refund: the application leaves these out.
        cents = -self.random.randrange(10_000) if self.random.randrange(50) == 0 else self.random.randrange(1, 50_000)
        if cents > 0:
            self.expected.add(region, 1, cents)
        amount = Decimal(cents) / 100
        body = f'{{"id": "order-{self.sent}", "region": "{region}", "amount": {amount:.2f}}}'
        return {"Data": body.encode(), "PartitionKey": f"order-{self.sent}"}

    def _put(self, records):
        while records:
            answer = self.kinesis.put_records(StreamName=self.stream, Records=records)
            records = [r for r, a in zip(records, answer["Records"]) if a.get("ErrorCode")]
            if records:
                time.sleep(0.1)  # a shard takes 1,000 records in a second


class Probe:
    """Finds out when the application reads every shard. It reads from LATEST on, so what was sent earlier never counts."""

    def __init__(self, kinesis, stream):
        self.kinesis, self.stream = kinesis, stream
        shards = kinesis.list_shards(StreamName=stream)["Shards"]
        self.shards = {f"probe {s['ShardId']}": s["HashKeyRange"]["StartingHashKey"] for s in shards}

    def send(self):
        for region, hash_key in self.shards.items():
            body = json.dumps({"id": "probe", "region": region, "amount": 0.01})
            self.kinesis.put_record(StreamName=self.stream, Data=body.encode(), PartitionKey="probe", ExplicitHashKey=hash_key)


class Reader:
    """Reads all summaries of a stream from its beginning."""

    def __init__(self, kinesis, stream):
        self.kinesis, self.summaries = kinesis, []
        self.iterators = [
            kinesis.get_shard_iterator(StreamName=stream, ShardId=s["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            for s in kinesis.list_shards(StreamName=stream)["Shards"]
        ]

    def poll(self):
        for i, iterator in enumerate(self.iterators):
            answer = self.kinesis.get_records(ShardIterator=iterator, Limit=1000)
            self.iterators[i] = answer["NextShardIterator"]
            self.summaries += [json.loads(r["Data"], parse_float=Decimal) for r in answer["Records"]]

    def regions(self):
        return {s["region"] for s in self.summaries}

    def totals(self):
        """The sum of all windows, by region, without the probes."""
        totals = Totals()
        for s in self.summaries:
            if not s["region"].startswith("probe "):
                totals.add(s["region"], s["count"], int(s["amount"] * 100))
        return totals

    def last(self):
        """The newest summary of each region: its running total is the application's state."""
        return {s["region"]: s for s in self.summaries if not s["region"].startswith("probe ")}
