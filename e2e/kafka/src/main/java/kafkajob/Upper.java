package kafkajob;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Carries the lines of the topic "in" in capitals to the topic "out", each once. */
public final class Upper {
    private Upper() {}

    public static void main(String[] args) throws Exception {
        String brokers = KinesisAnalyticsRuntime.getApplicationProperties().get("kafka").getProperty("brokers");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        KafkaSource<String> in = KafkaSource.<String>builder()
                .setBootstrapServers(brokers).setTopics("in").setGroupId("upper")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setValueOnlyDeserializer(new SimpleStringSchema()).build();
        KafkaSink<String> out = KafkaSink.<String>builder()
                .setBootstrapServers(brokers)
                .setRecordSerializer(KafkaRecordSerializationSchema.builder().setTopic("out").setValueSerializationSchema(new SimpleStringSchema()).build())
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix("upper")
                .setProperty("transaction.timeout.ms", "600000").build();
        env.fromSource(in, WatermarkStrategy.noWatermarks(), "in").uid("in")
                .map(line -> line.toUpperCase(java.util.Locale.ROOT)).uid("upper")
                .sinkTo(out).uid("out");
        env.execute("Upper");
    }
}
