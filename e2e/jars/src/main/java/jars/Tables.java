package jars;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableEnvironment;

/** A bounded SQL job: numbers into two JSON tables on S3 by one StatementSet. */
public final class Tables {
    private Tables() {}

    public static void main(String[] args) throws Exception {
        String bucket = KinesisAnalyticsRuntime.getApplicationProperties().get("tables").getProperty("bucket");
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.executeSql("CREATE TABLE numbers (n BIGINT) WITH ('connector'='datagen', 'number-of-rows'='100', 'fields.n.kind'='sequence', 'fields.n.start'='1', 'fields.n.end'='100')");
        tables.executeSql("CREATE TABLE even (n BIGINT, half BIGINT) WITH ('connector'='filesystem', 'path'='s3://" + bucket + "/even', 'format'='json')");
        tables.executeSql("CREATE TABLE odd (n BIGINT) WITH ('connector'='filesystem', 'path'='s3://" + bucket + "/odd', 'format'='json')");
        StatementSet all = tables.createStatementSet();
        all.addInsertSql("INSERT INTO even SELECT n, n / 2 FROM numbers WHERE MOD(n, 2) = 0");
        all.addInsertSql("INSERT INTO odd SELECT n FROM numbers WHERE MOD(n, 2) = 1");
        all.execute();
    }

    /** Reads both tables back and adds them up in a third one, of CSV. */
    public static final class Sums {
        private Sums() {}

        public static void main(String[] args) throws Exception {
            String bucket = KinesisAnalyticsRuntime.getApplicationProperties().get("tables").getProperty("bucket");
            TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inBatchMode());
            tables.executeSql("CREATE TABLE even (n BIGINT, half BIGINT) WITH ('connector'='filesystem', 'path'='s3://" + bucket + "/even', 'format'='json')");
            tables.executeSql("CREATE TABLE odd (n BIGINT) WITH ('connector'='filesystem', 'path'='s3://" + bucket + "/odd', 'format'='json')");
            tables.executeSql("CREATE TABLE sums (kind STRING, n BIGINT) WITH ('connector'='filesystem', 'path'='s3://" + bucket + "/sums', 'format'='csv')");
            tables.executeSql("INSERT INTO sums SELECT 'even', SUM(n + half) FROM even UNION ALL SELECT 'odd', SUM(n) FROM odd");
        }
    }

    /** Calls execute twice, which a submission over the web does not allow. */
    public static final class Twice {
        private Twice() {}

        public static void main(String[] args) throws Exception {
            StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
            env.addSource(new Steady.Ticks()).addSink(new DiscardingSink<>());
            env.execute("once");
            env.addSource(new Steady.Ticks()).addSink(new DiscardingSink<>());
            env.execute("twice");
        }
    }
}
