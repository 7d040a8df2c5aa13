package jars;

/** Takes very long to make its job, so that the application stays in STARTING. */
public final class Sleeping {
    private Sleeping() {}

    public static void main(String[] args) throws Exception {
        Thread.sleep(600_000);
    }
}
