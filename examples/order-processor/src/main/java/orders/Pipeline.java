package orders;

import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.time.Time;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisProducer;
import org.apache.flink.streaming.connectors.kinesis.config.AWSConfigConstants;
import org.apache.flink.streaming.connectors.kinesis.config.ConsumerConfigConstants;

/** The parts that both versions share. Each operator has a uid: by it a snapshot finds its operator again. */
final class Pipeline {
    private Pipeline() {}

    /** Orders that arrive in the stream from now on. */
    static DataStream<Order> orders(StreamExecutionEnvironment env, Settings settings) {
        Properties consumer = new Properties();
        consumer.setProperty(AWSConfigConstants.AWS_REGION, settings.sourceRegion);
        consumer.setProperty(ConsumerConfigConstants.STREAM_INITIAL_POSITION, "LATEST");
        consumer.setProperty(ConsumerConfigConstants.RECORD_PUBLISHER_TYPE, "EFO");
        consumer.setProperty(ConsumerConfigConstants.EFO_CONSUMER_NAME, "flink-processor");
        return env.addSource(new FlinkKinesisConsumer<>(settings.sourceStream, new SimpleStringSchema(), consumer))
                .name("Orders").uid("orders")
                .flatMap(new OrderParser()).name("Parse").uid("parse")
                .filter(order -> order.cents > 0).name("Positive amounts").uid("positive-amounts");
    }

    /** One summary for each region and window, with the region's total so far. */
    static SingleOutputStreamOperator<Summary> totals(DataStream<Order> orders, Settings settings) {
        return orders
                .keyBy(order -> order.region)
                .window(TumblingProcessingTimeWindows.of(Time.milliseconds(settings.window.toMillis())))
                .aggregate(new OrderSum(), new WindowSummary()).name("Windows").uid("windows")
                .keyBy(summary -> summary.region)
                .map(new RunningTotal()).name("Running total").uid("running-total");
    }

    static void write(DataStream<Summary> summaries, Settings settings) {
        Properties producer = new Properties();
        producer.setProperty(AWSConfigConstants.AWS_REGION, settings.sinkRegion);
        producer.setProperty("AggregationEnabled", "false");
        FlinkKinesisProducer<String> sink = new FlinkKinesisProducer<>(new SimpleStringSchema(), producer);
        sink.setDefaultStream(settings.sinkStream);
        sink.setDefaultPartition("0");
        sink.setFailOnError(true);
        summaries
                .map(Summary::toJson).name("JSON").uid("json")
                .addSink(sink).name("Summaries").uid("summaries");
    }
}
