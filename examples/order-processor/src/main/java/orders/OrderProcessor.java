package orders;

import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Version 1.0: order totals by region, with the best window of each. */
public final class OrderProcessor {
    private OrderProcessor() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        Settings settings = Settings.read();
        Pipeline.write(summaries(Pipeline.orders(env, settings), settings), settings);
        env.execute("Order totals 1.0");
    }

    static DataStream<Summary> summaries(DataStream<Order> orders, Settings settings) {
        return Pipeline.totals(orders, settings)
                .keyBy(summary -> summary.region)
                .map(new BestWindow()).name("Best window").uid("best-window")
                .map(OrderProcessor::sign).name("Version").uid("version");
    }

    private static Summary sign(Summary summary) {
        summary.version = "1.0";
        return summary;
    }
}
