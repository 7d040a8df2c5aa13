package orders;

import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Puts the region and the end of the window beside the window's sum. */
public class WindowSummary extends ProcessWindowFunction<Sum, Summary, String, TimeWindow> {
    private static final long serialVersionUID = 1L;

    @Override
    public void process(String region, Context context, Iterable<Sum> sums, Collector<Summary> out) {
        out.collect(new Summary(region, context.window().getEnd(), sums.iterator().next()));
    }
}
