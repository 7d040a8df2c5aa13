package streams;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** An application of the KCL that counts what it is given. */
final class Reader {
    private final String name;
    private final Map<String, String> numbers = new HashMap<>(); // by data
    private final Map<String, KinesisClientRecord> last = new HashMap<>(); // by partition key
    private final Map<String, List<String>> order = new HashMap<>(); // data by partition key
    private int got;
    private int inside; // of an aggregated record, behind its first
    private String wrong;

    Reader(String stream, boolean fanOut, KinesisAsyncClient kinesis, DynamoDbAsyncClient leases, CloudWatchAsyncClient metrics) {
        name = fanOut ? "pushed" : "polled";
        InitialPositionInStreamExtended start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        ConfigsBuilder c = new ConfigsBuilder(new SingleStreamTracker(stream, start), name, kinesis, leases, metrics, UUID.randomUUID().toString(), Processor::new);
        RetrievalSpecificConfig retrieval = fanOut
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(name)
                : new PollingConfig(stream, kinesis);
        Scheduler scheduler = new Scheduler(
                c.checkpointConfig(),
                c.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
                c.leaseManagementConfig().failoverTimeMillis(2000).shardSyncIntervalMillis(1000),
                c.lifecycleConfig(), c.metricsConfig(), c.processorConfig(), c.retrievalConfig().retrievalSpecificConfig(retrieval));
        Thread t = new Thread(scheduler, name);
        t.setDaemon(true);
        t.start();
    }

    synchronized void await(int records, int seconds) throws InterruptedException {
        for (long end = System.nanoTime() + seconds * 1_000_000_000L; got < records && wrong == null; ) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new IllegalStateException(name + ": " + got + " of " + records + " records after " + seconds + " s");
            }
            wait(left);
        }
    }

    synchronized void check(Map<String, String> told, Reader other) {
        if (wrong != null || got != told.size() || !numbers.equals(told)) {
            throw new IllegalStateException(name + ": " + got + " records, " + numbers.size() + " different; " + wrong);
        }
        if (!order.keySet().stream().allMatch(key -> order.get(key).equals(other.order.get(key)))) {
            throw new IllegalStateException(name + " and " + other.name + " got records in different orders");
        }
        if (inside < got / 10) {
            throw new IllegalStateException(name + ": of " + got + " records only " + inside + " came inside of others");
        }
    }

    private synchronized void take(KinesisClientRecord r) {
        numbers.put(data(r), r.sequenceNumber());
        order.computeIfAbsent(r.partitionKey(), k -> new ArrayList<>()).add(data(r));
        KinesisClientRecord before = last.put(r.partitionKey(), r);
        if (before != null && !inOrder(before, r)) {
            wrong = data(r) + " of " + r.sequenceNumber() + " comes after " + data(before) + " of " + before.sequenceNumber();
        }
        inside += r.subSequenceNumber() > 0 ? 1 : 0;
        got++;
        notifyAll();
    }

    private static boolean inOrder(KinesisClientRecord a, KinesisClientRecord b) {
        int byNumber = new BigInteger(a.sequenceNumber()).compareTo(new BigInteger(b.sequenceNumber()));
        return byNumber < 0 || byNumber == 0 && a.subSequenceNumber() < b.subSequenceNumber();
    }

    private static String data(KinesisClientRecord r) {
        return StandardCharsets.UTF_8.decode(r.data().duplicate()).toString();
    }

    private final class Processor implements ShardRecordProcessor {
        @Override
        public void initialize(InitializationInput in) {}

        @Override
        public void processRecords(ProcessRecordsInput in) {
            in.records().forEach(Reader.this::take);
        }

        @Override
        public void leaseLost(LeaseLostInput in) {}

        @Override
        public void shardEnded(ShardEndedInput in) {}

        @Override
        public void shutdownRequested(ShutdownRequestedInput in) {}
    }
}
