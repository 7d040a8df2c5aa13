package orders;

/** An order as it arrives: who sells it where, and for how much. Amounts are whole cents, so sums are exact. */
public class Order {
    public String id;
    public String region;
    public long cents;

    /** For Flink's POJO serializer. */
    public Order() {}

    public Order(String id, String region, long cents) {
        this.id = id;
        this.region = region;
        this.cents = cents;
    }
}
