package orders;

/** How many orders, and their worth in cents. */
public class Sum {
    public long count;
    public long cents;

    /** For Flink's POJO serializer. */
    public Sum() {}

    public Sum(long count, long cents) {
        this.count = count;
        this.cents = cents;
    }

    public Sum plus(Sum other) {
        return new Sum(count + other.count, cents + other.cents);
    }
}
