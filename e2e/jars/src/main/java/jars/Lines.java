package jars;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import java.util.Properties;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.apache.flink.streaming.api.functions.source.SourceFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs a numbered line for each record: so many records (lines) at so many a second (per.second), then none. Without a pace the job is
 * as fast as it can, and computes for work.micros on each record.
 */
public final class Lines {
    private Lines() {}

    public static void main(String[] args) throws Exception {
        Properties settings = KinesisAnalyticsRuntime.getApplicationProperties().get("lines");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.addSource(new Numbers(number(settings, "lines", Long.MAX_VALUE), number(settings, "per.second", 0))).uid("numbers").name("Numbers")
                .map(new Write(1000 * number(settings, "work.micros", 0))).uid("write").name("Write")
                .addSink(new DiscardingSink<>()).uid("discard");
        env.execute("Lines");
    }

    private static long number(Properties settings, String key, long otherwise) {
        String value = settings.getProperty(key);
        return value == null ? otherwise : Long.parseLong(value);
    }

    /** The numbers from zero on, at a pace that makes up for pauses; after the last one it stays. */
    public static final class Numbers implements SourceFunction<Long> {
        private static final long serialVersionUID = 1L;
        private final long end;
        private final long perSecond;
        private volatile boolean running = true;

        Numbers(long end, long perSecond) {
            this.end = end;
            this.perSecond = perSecond;
        }

        @Override
        public void run(SourceContext<Long> out) throws Exception {
            long began = System.nanoTime();
            long next = 0;
            while (running) {
                long due = perSecond == 0 ? next + 100 : (System.nanoTime() - began) / 1000 * perSecond / 1_000_000;
                synchronized (out.getCheckpointLock()) {
                    for (; next < Math.min(due, end) && running; next++) {
                        out.collect(next);
                    }
                }
                if (perSecond > 0 || next == end) {
                    Thread.sleep(5);
                }
            }
        }

        @Override
        public void cancel() {
            running = false;
        }
    }

    /** Works on a record, and logs it. */
    public static final class Write implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private static final Logger LOG = LoggerFactory.getLogger(Lines.class);
        private final long nanos;

        Write(long nanos) {
            this.nanos = nanos;
        }

        @Override
        public Long map(Long n) {
            for (long began = System.nanoTime(); System.nanoTime() - began < nanos; ) {
                Thread.onSpinWait();
            }
            LOG.info("line {} is about an order of three books and a lamp, to be sent to Europe before the end of the week", n);
            return n;
        }
    }
}
