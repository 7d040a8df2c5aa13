package carrier;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/**
 * Carries each record from one stream to another at once, with the reader that the property "reader" names. Properties that begin with
 * "flink." are FlinkKinesisConsumer's.
 */
public final class Carrier {
    private Carrier() {}

    public static void main(String[] args) throws Exception {
        Properties settings = KinesisAnalyticsRuntime.getApplicationProperties().get("Carrier");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        DataStream<String> records = settings.getProperty("reader").equals("KinesisStreamsSource") ? sourced(env, settings) : consumed(env, settings);
        records.sinkTo(KinesisStreamsSink.<String>builder()
                .setKinesisClientProperties(region())
                .setStreamName(settings.getProperty("out"))
                .setSerializationSchema(new SimpleStringSchema())
                .setPartitionKeyGenerator(text -> text)
                .setFailOnError(false)
                .setMaxTimeInBufferMS(50)
                .build()).uid("out").name("Out");
        env.execute("carrier");
    }

    private static DataStream<String> sourced(StreamExecutionEnvironment env, Properties settings) {
        Configuration config = new Configuration();
        config.setString("aws.region", "us-east-1");
        KinesisStreamsSource<String> source = KinesisStreamsSource.<String>builder()
                .setStreamArn(settings.getProperty("in.arn"))
                .setSourceConfig(config)
                .setDeserializationSchema(new SimpleStringSchema())
                .build();
        return env.fromSource(source, WatermarkStrategy.noWatermarks(), "In", Types.STRING).uid("in");
    }

    private static DataStream<String> consumed(StreamExecutionEnvironment env, Properties settings) {
        Properties consumer = region();
        settings.stringPropertyNames().stream().filter(name -> name.startsWith("flink."))
                .forEach(name -> consumer.setProperty(name, settings.getProperty(name)));
        return env.addSource(new FlinkKinesisConsumer<>(settings.getProperty("in"), new SimpleStringSchema(), consumer)).uid("in").name("In");
    }

    private static Properties region() {
        Properties region = new Properties();
        region.setProperty("aws.region", "us-east-1");
        return region;
    }
}
