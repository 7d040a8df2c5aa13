package orders;

import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Version 2.0: the totals go on where 1.0 left them; the average order is new, the best window is gone. A snapshot of 1.0 holds state
 * for an operator that is no longer there, so the update must allow non-restored state.
 */
public final class OrderProcessor2 {
    private OrderProcessor2() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        Settings settings = Settings.read();
        Pipeline.write(summaries(Pipeline.orders(env, settings), settings), settings);
        env.execute("Order totals 2.0");
    }

    static DataStream<Summary> summaries(DataStream<Order> orders, Settings settings) {
        return Pipeline.totals(orders, settings)
                .map(OrderProcessor2::withAverage).name("Average").uid("average");
    }

    private static Summary withAverage(Summary summary) {
        summary.version = "2.0";
        summary.average = summary.averageCents();
        return summary;
    }
}
