package relay;

import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/** Carries every record of the stream "in", from its beginning, to the stream "out", with Flink's version and its reader before it. */
public final class Relay {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        write(consumed(env));
        env.execute("relay");
    }

    /** What Flink's older consumer reads, which polls. */
    static DataStream<String> consumed(StreamExecutionEnvironment env) {
        Properties consumer = region();
        consumer.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        consumer.setProperty("flink.stream.recordpublisher", "POLLING");
        consumer.setProperty("flink.shard.adaptivereads", "true"); // tells bytesRequestedPerFetch
        return env.addSource(new FlinkKinesisConsumer<>("in", new SimpleStringSchema(), consumer)).uid("in")
                .map(text -> EnvironmentInformation.getVersion() + " consumer " + text).uid("version");
    }

    static void write(DataStream<String> lines) {
        lines.sinkTo(KinesisStreamsSink.<String>builder()
                .setKinesisClientProperties(region())
                .setStreamName("out")
                .setSerializationSchema(new SimpleStringSchema())
                .setPartitionKeyGenerator(text -> text)
                .setFailOnError(true)
                .setMaxTimeInBufferMS(500)
                .build()).uid("out");
    }

    private static Properties region() {
        Properties region = new Properties();
        region.setProperty("aws.region", "us-east-1");
        return region;
    }
}
