package orders;

import com.amazonaws.services.kinesisanalytics.runtime.KinesisAnalyticsRuntime;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;

/** What the application's runtime properties say. */
public final class Settings {
    final String sourceStream;
    final String sourceRegion;
    final String sinkStream;
    final String sinkRegion;
    final Duration window;

    private Settings(Map<String, Properties> groups) {
        sourceStream = required(groups, "KinesisSource", "stream.name");
        sourceRegion = required(groups, "KinesisSource", "aws.region");
        sinkStream = required(groups, "KinesisSink", "stream.name");
        sinkRegion = required(groups, "KinesisSink", "aws.region");
        window = Duration.ofSeconds(Long.parseLong(group(groups, "OrderProcessor").getProperty("window.seconds", "60")));
    }

    static Settings read() throws IOException {
        return of(KinesisAnalyticsRuntime.getApplicationProperties());
    }

    static Settings of(Map<String, Properties> groups) {
        return new Settings(groups);
    }

    private static Properties group(Map<String, Properties> groups, String id) {
        return groups.getOrDefault(id, new Properties());
    }

    private static String required(Map<String, Properties> groups, String id, String key) {
        String value = group(groups, id).getProperty(key);
        if (value == null) {
            throw new IllegalArgumentException("The runtime property " + key + " of the group " + id + " is missing");
        }
        return value;
    }
}
