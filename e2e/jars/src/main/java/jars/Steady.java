package jars;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.apache.flink.streaming.api.functions.source.SourceFunction;

/** Runs until it is cancelled, needs nothing, and asks AWS for nothing. */
public final class Steady {
    private Steady() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.addSource(new Ticks()).uid("ticks").addSink(new DiscardingSink<>()).uid("discard");
        env.execute("Steady");
    }

    /** One number each 100 ms. */
    public static final class Ticks implements SourceFunction<Long> {
        private static final long serialVersionUID = 1L;
        private volatile boolean running = true;

        @Override
        public void run(SourceContext<Long> out) throws Exception {
            for (long i = 0; running; i++) {
                synchronized (out.getCheckpointLock()) {
                    out.collect(i);
                }
                Thread.sleep(100);
            }
        }

        @Override
        public void cancel() {
            running = false;
        }
    }
}
