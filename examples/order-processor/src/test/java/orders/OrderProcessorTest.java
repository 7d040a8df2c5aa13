package orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.operators.StreamMap;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;

class OrderProcessorTest {
    private static final KeySelector<Summary, String> REGION = summary -> summary.region;

    private static KeyedOneInputStreamOperatorTestHarness<String, Summary, Summary> harness(
            MapFunction<Summary, Summary> function) throws Exception {
        return new KeyedOneInputStreamOperatorTestHarness<>(new StreamMap<>(function), REGION, Types.STRING);
    }

    private static Summary window(String region, long count, long cents) {
        Summary summary = new Summary(region, 0, new Sum(count, cents));
        summary.total = summary.window;
        return summary;
    }

    @Test
    void aWindowCountsAndAddsUpItsOrders() {
        OrderSum sum = new OrderSum();
        Sum a = sum.add(new Order("1", "north", 10), sum.add(new Order("2", "north", 5), sum.createAccumulator()));
        Sum b = sum.add(new Order("3", "north", 7), sum.createAccumulator());
        Sum merged = sum.getResult(sum.merge(a, b));
        assertEquals(3, merged.count);
        assertEquals(22, merged.cents);
    }

    @Test
    void totalsAreKeptByRegionAndSurviveASnapshot() throws Exception {
        OperatorSubtaskState snapshot;
        try (var before = harness(new RunningTotal())) {
            before.open();
            before.processElement(window("north", 2, 150), 0);
            before.processElement(window("south", 1, 5), 0);
            snapshot = before.snapshot(1, 1);
        }
        try (var after = harness(new RunningTotal())) {
            after.initializeState(snapshot);
            after.open();
            after.processElement(window("north", 1, 50), 0);
            after.processElement(window("west", 1, 1), 0);
            List<Summary> out = after.extractOutputValues();
            assertEquals(List.of(200L, 1L), out.stream().map(s -> s.total.cents).collect(Collectors.toList()));
            assertEquals(List.of(3L, 1L), out.stream().map(s -> s.total.count).collect(Collectors.toList()));
        }
    }

    @Test
    void theBestWindowIsTheDearest() throws Exception {
        try (var best = harness(new BestWindow())) {
            best.open();
            for (long cents : new long[] {10, 30, 20}) {
                best.processElement(window("north", 1, cents), 0);
            }
            best.processElement(window("south", 1, 1), 0);
            assertEquals(
                    List.of(10L, 30L, 30L, 1L),
                    best.extractOutputValues().stream().map(s -> s.bestWindow).collect(Collectors.toList()));
        }
    }

    @Test
    void windowsLastAMinuteUnlessTheRuntimePropertiesSayOtherwise() {
        Properties stream = new Properties();
        stream.setProperty("stream.name", "orders-stream");
        stream.setProperty("aws.region", "us-east-1");
        Map<String, Properties> groups = Map.of("KinesisSource", stream, "KinesisSink", stream);
        assertEquals(60, Settings.of(groups).window.getSeconds());

        Properties own = new Properties();
        own.setProperty("window.seconds", "10");
        groups = Map.of("KinesisSource", stream, "KinesisSink", stream, "OrderProcessor", own);
        assertEquals(10, Settings.of(groups).window.getSeconds());
    }

    @Test
    void aMissingPropertyIsNamed() {
        Exception e = assertThrows(IllegalArgumentException.class, () -> Settings.of(Map.of()));
        assertEquals("The runtime property stream.name of the group KinesisSource is missing", e.getMessage());
    }
}
