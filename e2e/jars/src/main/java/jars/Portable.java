package jars;

import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.functions.ReduceFunction;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts in keyed state and logs each tenth count, with nothing but what Flink 1.15 and 2.3 both have: one jar for all. */
public final class Portable {
    private Portable() {}

    public static void main(String[] args) throws Exception {
        run(StreamExecutionEnvironment.getExecutionEnvironment(), "counter");
    }

    /** Sets checkpointing in its code, which the runtimes from 2.2 on refuse. */
    public static final class Configuring {
        private Configuring() {}

        public static void main(String[] args) throws Exception {
            StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
            env.enableCheckpointing(3_600_000);
            run(env, "counter");
        }
    }

    /** The counter has another uid: its state has no place. */
    public static final class Moved {
        private Moved() {}

        public static void main(String[] args) throws Exception {
            run(StreamExecutionEnvironment.getExecutionEnvironment(), "moved");
        }
    }

    private static void run(StreamExecutionEnvironment env, String uid) throws Exception {
        env.fromSequence(1, Long.MAX_VALUE).uid("numbers")
                .map(new Slowly()).uid("slowly")
                .keyBy(new OneKey()).reduce(new Count()).uid(uid).name("Counter")
                .map(new Log()).uid("log");
        env.execute("Portable");
    }

    /** One record in 20 ms, each a one. */
    public static final class Slowly implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(Long n) throws Exception {
            Thread.sleep(20);
            return 1L;
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

    /** The sum of the ones. */
    public static final class Count implements ReduceFunction<Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long reduce(Long count, Long one) {
            return count + one;
        }
    }

    /** Logs as the Counting job does. */
    public static final class Log implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private static final Logger LOG = LoggerFactory.getLogger(Portable.class);

        @Override
        public Long map(Long n) {
            if (n % 10 == 0) {
                LOG.info("counted {}", n);
            }
            return n;
        }
    }
}
