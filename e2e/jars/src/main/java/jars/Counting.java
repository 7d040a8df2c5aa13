package jars;

import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts in keyed state and logs the count. Its variants differ in what an update can break. */
public final class Counting {
    private Counting() {}

    public static void main(String[] args) throws Exception {
        run("counter", new Counter());
    }

    /** The counter has another uid: its state has no place. */
    public static final class Renamed {
        private Renamed() {}

        public static void main(String[] args) throws Exception {
            run("renamed", new Counter());
        }
    }

    /** main() fails. */
    public static final class Broken {
        private Broken() {}

        public static void main(String[] args) {
            throw new IllegalStateException("no such table");
        }
    }

    /** The job starts, and its tasks fail at once and again. */
    public static final class Failing {
        private Failing() {}

        public static void main(String[] args) throws Exception {
            run("counter", new FailingCounter());
        }
    }

    /** The job is up for longer than a start is watched, and fails at the same record from then on. */
    public static final class Late {
        private Late() {}

        public static void main(String[] args) throws Exception {
            run("counter", new LateCounter());
        }
    }

    /** Sets its own checkpointing, which the application's configuration overrules. */
    public static final class Stubborn {
        private Stubborn() {}

        public static void main(String[] args) throws Exception {
            StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
            env.enableCheckpointing(3_600_000);
            run(env, "counter", new Counter());
        }
    }

    private static void run(String uid, RichMapFunction<Long, Long> counter) throws Exception {
        run(StreamExecutionEnvironment.getExecutionEnvironment(), uid, counter);
    }

    private static void run(StreamExecutionEnvironment env, String uid, RichMapFunction<Long, Long> counter) throws Exception {
        env.addSource(new Steady.Ticks()).uid("ticks").name("Ticks")
                .keyBy(n -> 0).map(counter).uid(uid).name("Counter")
                .addSink(new DiscardingSink<>()).uid("discard");
        env.execute("Counting");
    }

    /** Logs each tenth count. */
    public static class Counter extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private static final Logger LOG = LoggerFactory.getLogger(Counting.class);
        private transient ValueState<Long> count;

        @Override
        public void open(Configuration parameters) {
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Long.class));
        }

        @Override
        public Long map(Long ignored) throws Exception {
            long n = count.value() == null ? 1 : count.value() + 1;
            count.update(n);
            if (n % 10 == 0) {
                LOG.info("counted {}", n);
            }
            return n;
        }
    }

    /** Cannot be opened. */
    public static final class FailingCounter extends Counter {
        private static final long serialVersionUID = 1L;

        @Override
        public void open(Configuration parameters) {
            throw new IllegalStateException("the counter does not open");
        }
    }

    /** Cannot count further than 200, which takes twenty seconds. */
    public static final class LateCounter extends Counter {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(Long ignored) throws Exception {
            long n = super.map(ignored);
            if (n > 200) {
                throw new IllegalArgumentException("nobody has " + n + " bones");
            }
            return n;
        }
    }
}
