package jars;

/** Gives up before there is a job. */
public final class Throwing {
    private Throwing() {}

    public static void main(String[] args) {
        throw new IllegalStateException("this application has no orders to process");
    }
}
