package streams;

import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.kinesis.AmazonKinesis;
import com.amazonaws.services.kinesis.AmazonKinesisClientBuilder;
import com.amazonaws.services.kinesis.model.GetRecordsRequest;
import com.amazonaws.services.kinesis.model.GetRecordsResult;
import com.amazonaws.services.kinesis.model.GetShardIteratorRequest;
import com.amazonaws.services.kinesis.model.PutRecordRequest;
import com.amazonaws.services.kinesis.model.PutRecordResult;
import com.amazonaws.services.kinesis.model.PutRecordsRequest;
import com.amazonaws.services.kinesis.model.PutRecordsRequestEntry;
import com.amazonaws.services.kinesis.model.PutRecordsResultEntry;
import com.amazonaws.services.kinesis.model.Record;
import com.amazonaws.services.kinesis.model.ResourceNotFoundException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Random;

/**
 * Puts and gets all kinds of bytes with version 1 of the AWS SDK for Java, whose requests and answers are CBOR 1.1. Argument: a
 * stream of one shard, without records.
 */
public final class Binary {
    public static void main(String[] args) {
        String stream = args[0];
        AmazonKinesis client = AmazonKinesisClientBuilder.standard()
                .withEndpointConfiguration(new EndpointConfiguration(System.getenv("AWS_ENDPOINT_URL"), System.getenv("AWS_REGION"))).build();
        Random random = new Random(1);
        List<PutRecordsRequestEntry> records = new ArrayList<>();
        for (int size : new int[] {0, 1, 23, 24, 255, 256, 65535, 65536, 500_000}) { // CBOR's lengths
            byte[] data = new byte[size];
            random.nextBytes(data);
            records.add(new PutRecordsRequestEntry().withPartitionKey("ключ 😀 " + size).withData(ByteBuffer.wrap(data)));
        }
        List<String> numbers = new ArrayList<>();
        for (PutRecordsResultEntry r : client.putRecords(new PutRecordsRequest().withStreamName(stream).withRecords(records)).getRecords()) {
            numbers.add(r.getSequenceNumber());
        }
        PutRecordResult last = client.putRecord(new PutRecordRequest().withStreamName(stream).withPartitionKey("last")
                .withData(ByteBuffer.wrap(new byte[] {-1, 0, -65})).withExplicitHashKey("7").withSequenceNumberForOrdering(numbers.get(0)));
        numbers.add(last.getSequenceNumber());
        records.add(new PutRecordsRequestEntry().withPartitionKey("last").withData(ByteBuffer.wrap(new byte[] {-1, 0, -65})));

        GetShardIteratorRequest start = new GetShardIteratorRequest().withStreamName(stream).withShardId(last.getShardId());
        check(records, numbers, read(client, start.withShardIteratorType("TRIM_HORIZON")));
        check(records, numbers, read(client, start.withShardIteratorType("AT_TIMESTAMP").withTimestamp(new Date(System.currentTimeMillis() - 60_000))));
        try {
            client.describeStream(stream + "-none");
            throw new IllegalStateException("a stream that is not there is described");
        } catch (ResourceNotFoundException e) {
            if (!e.getErrorMessage().contains(stream + "-none")) {
                throw e;
            }
        }
    }

    private static List<Record> read(AmazonKinesis client, GetShardIteratorRequest start) {
        List<Record> got = new ArrayList<>();
        GetRecordsResult page;
        String iterator = client.getShardIterator(start).getShardIterator();
        do {
            page = client.getRecords(new GetRecordsRequest().withShardIterator(iterator).withLimit(4));
            got.addAll(page.getRecords());
            iterator = page.getNextShardIterator();
        } while (page.getMillisBehindLatest() > 0);
        return got;
    }

    private static void check(List<PutRecordsRequestEntry> put, List<String> numbers, List<Record> got) {
        for (int i = 0; i < put.size(); i++) {
            Record r = got.get(i);
            if (!r.getData().equals(put.get(i).getData()) || !r.getPartitionKey().equals(put.get(i).getPartitionKey()) || !r.getSequenceNumber().equals(numbers.get(i))
                    || Math.abs(r.getApproximateArrivalTimestamp().getTime() - System.currentTimeMillis()) > 600_000) {
                throw new IllegalStateException("record " + i + " became " + r);
            }
        }
        if (got.size() != put.size()) {
            throw new IllegalStateException(got.size() + " records");
        }
    }
}
