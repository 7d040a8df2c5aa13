import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.Collector;

/** The training job for Flink 2: a source, keyed state, timers, windows, checkpoints, a sink. */
public final class Training {
  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.fromSequence(0, Long.MAX_VALUE)
        .map(
            n -> {
              Thread.sleep(1);
              return n;
            })
        .assignTimestampsAndWatermarks(
            WatermarkStrategy.<Long>forBoundedOutOfOrderness(Duration.ofMillis(10)).withTimestampAssigner((n, at) -> n))
        .keyBy(n -> n % 7)
        .process(new Sum())
        .keyBy(n -> n % 3)
        .window(TumblingEventTimeWindows.of(Duration.ofMillis(100)))
        .reduce(Long::sum)
        .sinkTo(new DiscardingSink<>());
    env.execute("training");
  }

  private static final class Sum extends KeyedProcessFunction<Long, Long, Long> {
    private transient ValueState<Long> sum;

    @Override
    public void open(OpenContext context) {
      sum = getRuntimeContext().getState(new ValueStateDescriptor<>("sum", Long.class));
    }

    @Override
    public void processElement(Long n, Context context, Collector<Long> out) throws Exception {
      Long known = sum.value();
      long now = (known == null ? 0 : known) + n;
      sum.update(now);
      context.timerService().registerEventTimeTimer(n + 10);
      out.collect(now);
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<Long> out) {}
  }
}
