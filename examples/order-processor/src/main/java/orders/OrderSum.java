package orders;

import org.apache.flink.api.common.functions.AggregateFunction;

/** Counts and adds up the orders of a window. */
public class OrderSum implements AggregateFunction<Order, Sum, Sum> {
    private static final long serialVersionUID = 1L;

    @Override
    public Sum createAccumulator() {
        return new Sum();
    }

    @Override
    public Sum add(Order order, Sum sum) {
        return sum.plus(new Sum(1, order.cents));
    }

    @Override
    public Sum getResult(Sum sum) {
        return sum;
    }

    @Override
    public Sum merge(Sum a, Sum b) {
        return a.plus(b);
    }
}
