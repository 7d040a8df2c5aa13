package streams;

import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Puts numbered records with the KPL, aggregated, and reads them twice with the KCL: by polling and by enhanced fan-out. Each
 * reader must get every record once, under the number that the KPL was told, and those of a partition key in the order of their
 * numbers. (The KPL itself keeps no order, not even inside of an aggregated record.) Arguments: the stream, and the server's private address.
 */
public final class Libraries {
    static final int KEYS = 40;
    static final int EACH = 100;

    public static void main(String[] args) {
        int status = 1;
        try {
            run(args[0], args[1]);
            status = 0;
        } catch (Exception | LinkageError e) {
            e.printStackTrace();
        }
        Runtime.getRuntime().halt(status); // the leases are nobody's business any more
    }

    static void run(String stream, String address) throws Exception {
        Map<String, String> told = produce(stream, address);
        URI dynamo = startDynamo();
        URI server = URI.create(System.getenv("AWS_ENDPOINT_URL"));
        KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder().endpointOverride(server));
        DynamoDbAsyncClient leases = DynamoDbAsyncClient.builder().endpointOverride(dynamo).httpClientBuilder(NettyNioAsyncHttpClient.builder()).build();
        CloudWatchAsyncClient metrics = CloudWatchAsyncClient.builder().endpointOverride(server).build();
        List<Reader> readers = new ArrayList<>();
        for (boolean fanOut : new boolean[] {false, true}) {
            readers.add(new Reader(stream, fanOut, kinesis, leases, metrics));
        }
        for (Reader r : readers) {
            r.await(told.size(), 180);
        }
        readers.get(0).check(told, readers.get(1));
        readers.get(1).check(told, readers.get(0));
    }

    /** Gives the sequence number under which each record was put. */
    static Map<String, String> produce(String stream, String address) throws Exception {
        KinesisProducer producer = new KinesisProducer(new KinesisProducerConfiguration()
                .setRegion(System.getenv("AWS_REGION")).setKinesisEndpoint(address).setCloudwatchEndpoint(address).setStsEndpoint(address)
                .setVerifyCertificate(false) // the address is an IP address
                .setTempDirectory(System.getProperty("java.io.tmpdir")).setRecordMaxBufferedTime(200).setLogLevel("warning"));
        Map<String, Future<UserRecordResult>> results = new HashMap<>();
        for (int i = 0; i < EACH; i++) {
            for (int k = 0; k < KEYS; k++) {
                String data = key(k) + " " + i;
                results.put(data, producer.addUserRecord(stream, key(k), ByteBuffer.wrap(data.getBytes(StandardCharsets.UTF_8))));
            }
        }
        Map<String, String> told = new HashMap<>();
        for (Map.Entry<String, Future<UserRecordResult>> f : results.entrySet()) {
            UserRecordResult r = f.getValue().get(60, TimeUnit.SECONDS);
            if (!r.isSuccessful()) {
                throw new IllegalStateException("not put: " + r.getAttempts());
            }
            told.put(f.getKey(), r.getSequenceNumber());
        }
        producer.destroy();
        return told;
    }

    static String key(int k) {
        return "ключ-" + k;
    }

    static URI startDynamo() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        } catch (IOException e) {
            throw new IllegalStateException("no port", e);
        }
        ServerRunner.createServerFromCommandLineArgs(new String[] {"-inMemory", "-sharedDb", "-disableTelemetry", "-port", "" + port}).start();
        return URI.create("http://127.0.0.1:" + port);
    }
}
