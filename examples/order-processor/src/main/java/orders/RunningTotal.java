package orders;

import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;

/** Keeps, for each region, the sum of all its windows: the state that version 2.0 takes over from 1.0. */
public class RunningTotal extends RichMapFunction<Summary, Summary> {
    private static final long serialVersionUID = 1L;
    private transient ValueState<Sum> total;

    @Override
    public void open(Configuration parameters) {
        total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Sum.class));
    }

    @Override
    public Summary map(Summary summary) throws Exception {
        Sum before = total.value();
        summary.total = before == null ? summary.window : before.plus(summary.window);
        total.update(summary.total);
        return summary;
    }
}
