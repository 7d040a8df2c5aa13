package paced;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Counts each key in state, and tells the count within a second. */
final class Count extends KeyedProcessFunction<String, String, String> {
    private static final long serialVersionUID = 1L;
    private transient ValueState<Long> count;
    private transient ValueState<Boolean> due;

    @Override
    public void open(Configuration parameters) {
        count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Long.class));
        due = getRuntimeContext().getState(new ValueStateDescriptor<>("due", Boolean.class));
    }

    @Override
    public void processElement(String key, Context context, Collector<String> out) throws Exception {
        count.update(count.value() == null ? 1 : count.value() + 1);
        if (due.value() == null) {
            due.update(true);
            long second = context.timerService().currentProcessingTime() / 1000 + 1;
            context.timerService().registerProcessingTimeTimer(1000 * second);
        }
    }

    @Override
    public void onTimer(long at, OnTimerContext context, Collector<String> out) throws Exception {
        due.clear();
        out.collect(context.getCurrentKey() + " " + count.value());
    }
}
