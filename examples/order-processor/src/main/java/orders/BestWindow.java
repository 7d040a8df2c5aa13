package orders;

import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;

/** Remembers the best window of each region. Version 2.0 has no such operator: its state is what AllowNonRestoredState lets go. */
public class BestWindow extends RichMapFunction<Summary, Summary> {
    private static final long serialVersionUID = 1L;
    private transient ValueState<Long> best;

    @Override
    public void open(Configuration parameters) {
        best = getRuntimeContext().getState(new ValueStateDescriptor<>("best", Long.class));
    }

    @Override
    public Summary map(Summary summary) throws Exception {
        Long before = best.value();
        summary.bestWindow = before == null ? summary.window.cents : Math.max(before, summary.window.cents);
        best.update(summary.bestWindow);
        return summary;
    }
}
