package jars;

import java.util.Collection;
import java.util.Collections;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.functions.ReduceFunction;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MeterView;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.co.CoMapFunction;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.EventTimeTrigger;
import org.apache.flink.streaming.api.windowing.triggers.Trigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Comes to a standstill in which each kind of Flink's metrics has a value of its own that no longer changes, on Flink 1.15 as on
 * 2.3: it fails once, and after the first checkpoint from then on the Gate lets nothing through. So the source before it is
 * back-pressured, the Gate busy, and what follows idle. Beside it the Steady part goes on, for what is told as a rate.
 */
public final class Measured {
    private Measured() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        SingleOutputStreamOperator<Long> gate = env.fromSequence(1, Long.MAX_VALUE).uid("numbers").name("Numbers").map(new Pace()).uid("pace").name("Pace").rebalance()
                .map(new Gate()).uid("gate").name("Gate")
                .assignTimestampsAndWatermarks(WatermarkStrategy.<Long>forGenerator(c -> new Each()).withTimestampAssigner((n, t) -> time(n)))
                .uid("times").name("Times");
        DataStream<Long> sums = gate.keyBy(new OneKey()).window(new Seconds()).reduce(new Sum()).uid("window").name("Window")
                .map(new Custom()).uid("custom").name("Custom");
        sums.rebalance().connect(gate.rebalance()).map(new Either()).uid("two").name("Two");
        env.fromSequence(1, Long.MAX_VALUE).uid("ticks").name("Ticks").map(new Slowly()).uid("slowly").name("Slowly").rebalance()
                .map(new Same()).uid("steady").name("Steady");
        env.execute("Measured");
    }

    /** Each tenth number comes too late. */
    private static long time(long n) {
        return n % 10 == 0 ? 1 : n * 1000;
    }

    /** Holds back the first numbers, so that a checkpoint's barrier is not behind a queue of them. */
    public static final class Pace implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(Long n) throws Exception {
            if (n < 2000) {
                Thread.sleep(1);
            }
            return n;
        }
    }

    /** Fails at its first record in a JVM, and stays at its first record after a checkpoint. */
    public static final class Gate extends RichMapFunction<Long, Long> implements CheckpointListener {
        private static final long serialVersionUID = 1L;
        private static final Logger LOG = LoggerFactory.getLogger(Measured.class);
        private static final String FAILED = "measured.failed";
        private transient boolean shut;

        @Override
        public Long map(Long n) throws Exception {
            if (System.setProperty(FAILED, "yes") == null) {
                throw new IllegalStateException("the gate fails once");
            }
            if (shut && n > 20) {
                LOG.info("the gate is shut");
                Thread.sleep(Long.MAX_VALUE);
            }
            return n;
        }

        @Override
        public void notifyCheckpointComplete(long id) {
            shut = true;
        }
    }

    /** A watermark after each record. */
    public static final class Each implements WatermarkGenerator<Long> {
        @Override
        public void onEvent(Long n, long time, WatermarkOutput out) {
            if (time > 1) {
                out.emitWatermark(new Watermark(time));
            }
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput out) {}
    }

    /** Windows of a second. Flink's own have one way to be made in Flink 1, and another in Flink 2. */
    public static final class Seconds extends WindowAssigner<Object, TimeWindow> {
        private static final long serialVersionUID = 1L;

        @Override
        public Collection<TimeWindow> assignWindows(Object record, long time, WindowAssignerContext context) {
            return Collections.singletonList(new TimeWindow(time - time % 1000, time - time % 1000 + 1000));
        }

        @Override
        @SuppressWarnings("deprecation")
        public Trigger<Object, TimeWindow> getDefaultTrigger(StreamExecutionEnvironment env) {
            return getDefaultTrigger();
        }

        /** Of Flink 2. */
        public Trigger<Object, TimeWindow> getDefaultTrigger() {
            return EventTimeTrigger.create();
        }

        @Override
        public TypeSerializer<TimeWindow> getWindowSerializer(ExecutionConfig config) {
            return new TimeWindow.Serializer();
        }

        @Override
        public boolean isEventTime() {
            return true;
        }
    }

    /**
     * Has custom metrics of each kind, as the developer guide shows them ("Use custom metrics"), and one that is nobody's
     * business. It registers them with the first record, for Flink 2 opens functions in another way.
     */
    public static final class Custom extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private transient Counter counter;
        private transient MeterView meter;
        private transient DescriptiveStatisticsHistogram histogram;
        private transient AtomicLong last;

        @Override
        public Long map(Long n) {
            if (counter == null) {
                register();
            }
            counter.inc();
            meter.markEvent();
            histogram.update(n);
            last.set(n);
            return n;
        }

        private void register() {
            MetricGroup own = getRuntimeContext().getMetricGroup();
            MetricGroup group = own.addGroup("kinesisanalytics");
            last = new AtomicLong();
            counter = group.addGroup("Service", "Shop of Measures").addGroup("Custom").counter("WindowsTotal");
            meter = group.meter("WindowRate", new MeterView(own.addGroup("hidden").counter("hiddenTotal")));
            histogram = group.histogram("WindowSizes", new DescriptiveStatisticsHistogram(100));
            group.gauge("LastSum", (Gauge<Long>) last::get);
            group.gauge("Mood", (Gauge<String>) () -> "good");
        }
    }

    /** All records have it. */
    public static final class OneKey implements KeySelector<Long, Integer> {
        private static final long serialVersionUID = 1L;

        @Override
        public Integer getKey(Long n) {
            return 0;
        }
    }

    /** Adds. */
    public static final class Sum implements ReduceFunction<Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long reduce(Long a, Long b) {
            return a + b;
        }
    }

    /** Passes on what comes from either side. */
    public static final class Either implements CoMapFunction<Long, Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map1(Long n) {
            return n;
        }

        @Override
        public Long map2(Long n) {
            return n;
        }
    }

    /** Passes on what comes. */
    public static final class Same implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(Long n) {
            return n;
        }
    }

    /** One record in 20 ms, a fifth of which it computes. */
    public static final class Slowly implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(Long n) throws Exception {
            long end = System.nanoTime() + 4_000_000;
            while (System.nanoTime() < end) {
                Thread.onSpinWait();
            }
            Thread.sleep(16);
            return n;
        }
    }
}
