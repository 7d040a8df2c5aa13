package orders;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.util.Collector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads {"id": "…", "region": "…", "amount": 12.34}. A record that is no order is logged and left out: one bad producer must not
 * stop everybody's totals.
 */
public class OrderParser implements FlatMapFunction<String, Order> {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(OrderParser.class);
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    @Override
    public void flatMap(String json, Collector<Order> out) {
        try {
            out.collect(parse(json));
        } catch (IllegalArgumentException e) {
            LOG.warn("Left out a record that is no order: {}", e.getMessage());
        }
    }

    /** Throws IllegalArgumentException when a member is missing or the amount has fractions of a cent. */
    static Order parse(String json) {
        JsonNode order;
        try {
            order = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not JSON: " + e.getOriginalMessage(), e);
        }
        return new Order(text(order, "id"), text(order, "region"), cents(order.path("amount")));
    }

    private static String text(JsonNode order, String member) {
        JsonNode value = order.path(member);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw new IllegalArgumentException("no " + member);
        }
        return value.textValue();
    }

    private static long cents(JsonNode amount) {
        if (!amount.isNumber()) {
            throw new IllegalArgumentException("no amount");
        }
        BigDecimal value = amount.decimalValue();
        try {
            return value.movePointRight(2).longValueExact();
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("amount " + value + " is not a number of whole cents", e);
        }
    }
}
