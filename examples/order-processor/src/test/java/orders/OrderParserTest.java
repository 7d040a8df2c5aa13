package orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OrderParserTest {
    @ParameterizedTest
    @CsvSource({"12.34, 1234", "12.3, 1230", "12, 1200", "0.29, 29", "1.10, 110", "4.35, 435", "-3.50, -350", "1e2, 10000"})
    void amountsAreExactCents(String amount, long cents) {
        Order order = OrderParser.parse("{\"id\":\"o-1\",\"region\":\"north\",\"amount\":" + amount + "}");
        assertEquals("o-1", order.id);
        assertEquals("north", order.region);
        assertEquals(cents, order.cents);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "nonsense", "[]", "{}",
        "{\"id\":\"o-1\",\"region\":\"north\"}",
        "{\"id\":\"o-1\",\"amount\":1}",
        "{\"region\":\"north\",\"amount\":1}",
        "{\"id\":\"o-1\",\"region\":\"\",\"amount\":1}",
        "{\"id\":\"o-1\",\"region\":\"north\",\"amount\":\"1.00\"}",
        "{\"id\":\"o-1\",\"region\":\"north\",\"amount\":1.005}",
        "{\"id\":\"o-1\",\"region\":\"north\",\"amount\":1e30}",
    })
    void refusesWhatIsNoOrder(String json) {
        assertThrows(IllegalArgumentException.class, () -> OrderParser.parse(json));
    }

    @Test
    void leavesOutBadRecordsAndGoesOn() {
        List<Order> orders = new ArrayList<>();
        OrderParser parser = new OrderParser();
        parser.flatMap("nonsense", new ListCollector<>(orders));
        parser.flatMap("{\"id\":\"o-2\",\"region\":\"south\",\"amount\":0.01}", new ListCollector<>(orders));
        assertEquals(1, orders.size());
        assertEquals("o-2", orders.get(0).id);
    }
}
