import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.apache.flink.streaming.api.functions.source.RichParallelSourceFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.time.Time;
import org.apache.flink.util.Collector;

/** A job that makes JVMs load what most applications load: a source with state, keyed state, timers, windows, checkpoints. */
public final class Training {
  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.addSource(new Counter())
        .returns(Types.LONG)
        .assignTimestampsAndWatermarks(
            WatermarkStrategy.<Long>forBoundedOutOfOrderness(Duration.ofMillis(10)).withTimestampAssigner((n, at) -> n))
        .keyBy(n -> n % 7)
        .process(new Sum())
        .keyBy(n -> n % 3)
        .window(TumblingEventTimeWindows.of(Time.milliseconds(100)))
        .reduce(Long::sum)
        .addSink(new DiscardingSink<>());
    env.execute("training");
  }

  private static final class Counter extends RichParallelSourceFunction<Long> implements CheckpointedFunction {
    private volatile boolean running = true;
    private long next;
    private transient ListState<Long> position;

    @Override
    public void run(SourceContext<Long> out) throws Exception {
      while (running) {
        synchronized (out.getCheckpointLock()) {
          out.collect(next++);
        }
        Thread.sleep(1);
      }
    }

    @Override
    public void cancel() {
      running = false;
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
      position.clear();
      position.add(next);
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
      position = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("position", Long.class));
      for (Long known : position.get()) {
        next = known;
      }
    }
  }

  private static final class Sum extends KeyedProcessFunction<Long, Long, Long> {
    private transient ValueState<Long> sum;

    @Override
    public void open(Configuration parameters) {
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
