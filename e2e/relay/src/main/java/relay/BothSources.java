package relay;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.connector.kinesis.source.config.KinesisStreamsSourceConfigConstants;
import org.apache.flink.connector.kinesis.source.config.KinesisStreamsSourceConfigConstants.InitialPosition;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Relay, and beside it the same by Flink's newer source, which Flink 1.15 does not have. */
public final class BothSources {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        Relay.write(Relay.consumed(env).union(sourced(env)));
        env.execute("relay");
    }

    private static DataStream<String> sourced(StreamExecutionEnvironment env) {
        Configuration config = new Configuration();
        config.setString("aws.region", "us-east-1");
        config.set(KinesisStreamsSourceConfigConstants.STREAM_INITIAL_POSITION, InitialPosition.TRIM_HORIZON);
        KinesisStreamsSource<String> source = KinesisStreamsSource.<String>builder()
                .setStreamArn("arn:aws:kinesis:us-east-1:123456789012:stream/in")
                .setSourceConfig(config)
                .setDeserializationSchema(new SimpleStringSchema())
                .build();
        return env.fromSource(source, WatermarkStrategy.noWatermarks(), "in by the newer source", Types.STRING).uid("newer-in")
                .map(text -> EnvironmentInformation.getVersion() + " source " + text).uid("newer-version");
    }
}
