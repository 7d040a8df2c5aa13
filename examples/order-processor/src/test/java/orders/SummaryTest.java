package orders;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SummaryTest {
    @Test
    void moneyIsWrittenWithItsCents() {
        Summary summary = new Summary("north", 1_700_000_000_000L, new Sum(2, 1050));
        summary.version = "1.0";
        summary.total = new Sum(5, 100_000_000_001L);
        summary.bestWindow = 2000L;
        assertEquals(
                "{\"version\":\"1.0\",\"region\":\"north\",\"windowEnd\":\"2023-11-14T22:13:20Z\",\"count\":2,\"amount\":10.50,"
                        + "\"totalCount\":5,\"totalAmount\":1000000000.01,\"bestWindow\":20.00}",
                summary.toJson());
    }

    @ParameterizedTest
    @CsvSource({"3, 100, 33", "3, 200, 67", "2, 5, 2", "2, 7, 4", "1, 99, 99"})
    void averagesRoundHalfToEven(long count, long cents, long average) {
        assertEquals(average, new Summary("north", 0, new Sum(count, cents)).averageCents());
    }
}
