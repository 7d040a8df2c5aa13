package paced;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import java.util.Properties;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/**
 * Counts the records of a stream, from its beginning. Each task of the worker takes work.micros for a record, of which it computes for
 * burn.micros and waits otherwise: what a job can take depends on its parallelism, and hardly on the machine.
 *
 * <p>A record is its key, a blank, and whatever. A second after a record of a key came, "key count" goes to the other stream.
 */
public final class Paced {
    private Paced() {}

    public static void main(String[] args) throws Exception {
        Properties settings = KinesisAnalyticsRuntime.getApplicationProperties().get("Paced");
        Properties region = new Properties();
        region.setProperty("aws.region", "us-east-1");
        Properties consumer = new Properties();
        consumer.putAll(region);
        consumer.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        consumer.setProperty("flink.shard.getrecords.maxrecordcount", "40"); // some seconds' work, as 10,000 are where more comes in
        consumer.setProperty("flink.shard.getrecords.intervalmillis", "100");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.addSource(new FlinkKinesisConsumer<>(settings.getProperty("in"), new SimpleStringSchema(), consumer)).uid("in").name("In")
                .rebalance()
                .map(new Work(nanos(settings, "work.micros"), nanos(settings, "burn.micros"))).uid("worker").name("Worker")
                .keyBy(key -> key)
                .process(new Count()).uid("count").name("Count")
                .sinkTo(KinesisStreamsSink.<String>builder()
                        .setKinesisClientProperties(region)
                        .setStreamName(settings.getProperty("out"))
                        .setSerializationSchema(new SimpleStringSchema())
                        .setPartitionKeyGenerator(text -> text.substring(0, text.indexOf(' ')))
                        .setFailOnError(true)
                        .setMaxTimeInBufferMS(200)
                        .build()).uid("out").name("Out");
        env.execute("paced");
    }

    private static long nanos(Properties settings, String micros) {
        return 1000 * Long.parseLong(settings.getProperty(micros, "0"));
    }

    /** Gives the key of a record, after a while. */
    static final class Work implements MapFunction<String, String> {
        private static final long serialVersionUID = 1L;
        private final long work;
        private final long burn;
        private transient long free; // when this task is done with what it has

        Work(long work, long burn) {
            this.work = work;
            this.burn = burn;
        }

        @Override
        public String map(String record) throws InterruptedException {
            long began = System.nanoTime();
            while (System.nanoTime() - began < burn) {
                Thread.onSpinWait();
            }
            free = Math.max(free, began) + work;
            long wait = free - System.nanoTime();
            if (wait > 0) {
                Thread.sleep(wait / 1_000_000, (int) (wait % 1_000_000));
            }
            return record.substring(0, record.indexOf(' '));
        }
    }
}
