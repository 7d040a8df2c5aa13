package orders;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;

/** What one window of one region came to. Optional members are null in the versions that do not know them. */
public class Summary {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
            .enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN)
            .build();

    public String version;
    public String region;
    /** End of the window, exclusive, in milliseconds since 1970. */
    public long windowEnd;
    /** Orders of this window. */
    public Sum window;
    /** Orders since the application began, this window included. */
    public Sum total;
    /** The worth of the best window so far, in cents (1.0). */
    public Long bestWindow;
    /** The worth of an average order of this window, in cents (2.0). */
    public Long average;

    /** For Flink's POJO serializer. */
    public Summary() {}

    public Summary(String region, long windowEnd, Sum window) {
        this.region = region;
        this.windowEnd = windowEnd;
        this.window = window;
    }

    /** The average order of the window, half a cent rounded to the even one. */
    long averageCents() {
        return BigDecimal.valueOf(window.cents)
                .divide(BigDecimal.valueOf(window.count), 0, RoundingMode.HALF_EVEN)
                .longValueExact();
    }

    public String toJson() {
        ObjectNode json = JSON.createObjectNode();
        json.put("version", version);
        json.put("region", region);
        json.put("windowEnd", Instant.ofEpochMilli(windowEnd).toString());
        json.put("count", window.count);
        json.put("amount", money(window.cents));
        json.put("totalCount", total.count);
        json.put("totalAmount", money(total.cents));
        if (bestWindow != null) {
            json.put("bestWindow", money(bestWindow));
        }
        if (average != null) {
            json.put("average", money(average));
        }
        return json.toString();
    }

    private static BigDecimal money(long cents) {
        return BigDecimal.valueOf(cents, 2);
    }
}
