// What AWS's SDK for JavaScript sees of Kinesis: every record once and in order, by iterators and by enhanced fan-out over HTTP/2.
// The environment names the server.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamConsumerCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand,
  KinesisClient, ListShardsCommand, PutRecordsCommand, RegisterStreamConsumerCommand, ResourceInUseException, ResourceNotFoundException,
  SubscribeToShardCommand, paginateListStreamConsumers, paginateListStreams, waitUntilStreamExists, waitUntilStreamNotExists,
} from "@aws-sdk/client-kinesis";

const client = new KinesisClient({ maxAttempts: 1 }); // its default handler speaks HTTP/2
const wait = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
const names = ["js-a", "js-b", "js-c"];
const keys = ["a", "schlüssel", "鍵", "😀".repeat(256)];
const total = 600;

for (const StreamName of names) await client.send(new CreateStreamCommand({ StreamName, ShardCount: 3 }));
await assert.rejects(client.send(new CreateStreamCommand({ StreamName: names[0], ShardCount: 3 })), ResourceInUseException);
for (const StreamName of names) await waitUntilStreamExists(wait, { StreamName });
const listed = [];
for await (const page of paginateListStreams({ client, pageSize: 2 }, {})) listed.push(...page.StreamNames);
assert.deepEqual(listed.filter((n) => n.startsWith("js-")), names);

const StreamName = names[0];
const shards = [];
for (let NextToken; ;) {
  const page = await client.send(new ListShardsCommand(NextToken ? { NextToken, MaxResults: 2 } : { StreamName, MaxResults: 2 }));
  shards.push(...page.Shards.map((s) => s.ShardId));
  if (!(NextToken = page.NextToken)) break;
}
assert.equal(new Set(shards).size, 3);

// What each shard holds, as the answers tell.
const wanted = new Map(shards.map((s) => [s, []]));
for (let at = 0; at < total; at += 200) {
  const Records = Array.from({ length: 200 }, (_, i) => ({
    PartitionKey: keys[(at + i) % keys.length], Data: Uint8Array.from({ length: 64 }, (_, j) => (j < 2 ? (at + i) >> (8 * j) : i * j)),
  }));
  const answer = await client.send(new PutRecordsCommand({ StreamName, Records }));
  assert.equal(answer.FailedRecordCount, 0);
  answer.Records.forEach((r, i) => wanted.get(r.ShardId).push([r.SequenceNumber, Records[i].PartitionKey, Buffer.from(Records[i].Data).toString("hex")]));
}
const seen = (r) => [r.SequenceNumber, r.PartitionKey, Buffer.from(r.Data).toString("hex")];

async function poll(ShardId) {
  const got = [];
  let { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  for (; ;) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 70 }));
    got.push(...page.Records.map(seen));
    if (page.MillisBehindLatest === 0) return got;
    ShardIterator = page.NextShardIterator;
  }
}

const { StreamDescriptionSummary: { StreamARN } } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
for (const ConsumerName of ["one", "three", "two"]) await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
const consumers = [];
for await (const page of paginateListStreamConsumers({ client, pageSize: 2 }, { StreamARN })) consumers.push(...page.Consumers);
assert.deepEqual(consumers.map((c) => c.ConsumerName), ["one", "three", "two"]);
const { ConsumerARN } = consumers[0];
for (let status; status !== "ACTIVE"; await sleep(100)) {
  ({ ConsumerDescription: { ConsumerStatus: status } } = await client.send(new DescribeStreamConsumerCommand({ ConsumerARN })));
}

async function subscribe(ShardId) {
  const { EventStream } = await client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition: { Type: "TRIM_HORIZON" } }));
  const got = [];
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    assert.ok(event.ContinuationSequenceNumber);
    got.push(...event.Records.map(seen));
    if (got.length >= wanted.get(ShardId).length) break;
  }
  return got;
}

const inOrder = (numbers) => numbers.every((n, i) => i === 0 || BigInt(n) > BigInt(numbers[i - 1]));
for (const [i, got] of (await Promise.all([...shards.map(poll), ...shards.map(subscribe)])).entries()) {
  const want = wanted.get(shards[i % shards.length]);
  assert.ok(inOrder(want.map(([number]) => number)));
  assert.deepEqual(got, want);
}
assert.equal(shards.reduce((n, s) => n + wanted.get(s).length, 0), total);

await client.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
await waitUntilStreamNotExists(wait, { StreamName });
await assert.rejects(client.send(new DescribeStreamSummaryCommand({ StreamName })), ResourceNotFoundException);
console.log("ok");
process.exit(0); // a subscription that was left keeps its connection
