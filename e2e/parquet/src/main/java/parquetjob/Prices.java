package parquetjob;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.core.fs.Path;
import org.apache.flink.formats.parquet.avro.AvroParquetReaders;
import org.apache.flink.formats.parquet.avro.AvroParquetWriters;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.OutputFileConfig;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** A bounded job: prices into Parquet files on S3, or, if its properties name those, from there into lines of text; or statements of SQL. */
public final class Prices {
    private Prices() {}

    public static void main(String[] args) throws Exception {
        Properties properties = KinesisAnalyticsRuntime.getApplicationProperties().get("prices");
        if (properties.containsKey("sql")) {
            TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inBatchMode());
            for (String statement : properties.getProperty("sql").split(";")) {
                tables.executeSql(statement);
            }
            return;
        }
        String from = properties.getProperty("from");
        Path to = new Path(properties.getProperty("to"));
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        if (from == null) {
            env.fromSequence(1, 100).uid("numbers")
                    .map(Price::new).uid("prices")
                    .sinkTo(FileSink.forBulkFormat(to, AvroParquetWriters.forReflectRecord(Price.class))
                            .withOutputFileConfig(OutputFileConfig.builder().withPartSuffix(".parquet").build()).build())
                    .uid("parquet");
        } else {
            env.fromSource(FileSource.forRecordStreamFormat(AvroParquetReaders.forReflectRecord(Price.class), new Path(from)).build(),
                            WatermarkStrategy.noWatermarks(), "parquet").uid("parquet")
                    .map(p -> p.symbol + "," + p.cents).uid("lines")
                    .sinkTo(FileSink.forRowFormat(to, new SimpleStringEncoder<String>()).build()).uid("text");
        }
        env.execute("Prices");
    }

    /** What a row holds. */
    public static final class Price {
        public String symbol;
        public long cents;

        public Price() {}

        Price(long n) {
            symbol = "S" + n;
            cents = n * n;
        }
    }
}
