package relay;

import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/** Carries every record of the stream "in", from its beginning, to the stream "out", with the version of Flink before it. */
public final class Relay {
    public static void main(String[] args) throws Exception {
        Properties region = new Properties();
        region.setProperty("aws.region", "us-east-1");
        Properties consumer = new Properties();
        consumer.putAll(region);
        consumer.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        consumer.setProperty("flink.stream.recordpublisher", "POLLING");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.addSource(new FlinkKinesisConsumer<>("in", new SimpleStringSchema(), consumer)).uid("in")
                .map(text -> EnvironmentInformation.getVersion() + " " + text).uid("version")
                .sinkTo(KinesisStreamsSink.<String>builder()
                        .setKinesisClientProperties(region)
                        .setStreamName("out")
                        .setSerializationSchema(new SimpleStringSchema())
                        .setPartitionKeyGenerator(text -> text)
                        .setFailOnError(true)
                        .setMaxTimeInBufferMS(500)
                        .build()).uid("out");
        env.execute("relay");
    }
}
