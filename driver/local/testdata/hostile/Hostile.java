import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * An application that means harm. Arguments: "main" or "task", which is where it acts; a file for its findings; the act;
 * what the act is about.
 */
public final class Hostile {
  private interface Act {
    String on(String target) throws Exception;
  }

  private static final Map<String, Act> ACTS = new LinkedHashMap<>();

  private static final List<ServerSocket> LISTENERS = new ArrayList<>();

  static {
    ACTS.put("read", Hostile::read);
    ACTS.put("write", Hostile::openForWriting);
    ACTS.put("link", Hostile::link);
    ACTS.put("run", Hostile::run);
    ACTS.put("connect", Hostile::connect);
    ACTS.put("listen", Hostile::listen);
    ACTS.put("processes", Hostile::processes);
    ACTS.put("exit", Hostile::exit);
    ACTS.put("heap", Hostile::exhaustHeap);
    ACTS.put("native", Hostile::exhaustMemory);
    ACTS.put("fill", Hostile::fill);
    ACTS.put("print", Hostile::print);
    ACTS.put("bomb", Hostile::bomb);
    ACTS.put("spin", Hostile::spin);
  }

  public static void main(String[] args) throws Exception {
    List<String> orders = Arrays.asList(args).subList(1, args.length);
    if (args[0].equals("main")) {
      obey(orders);
      return;
    }
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.setParallelism(1);
    env.fromSequence(1, 1).map(new Task(new ArrayList<>(orders))).print();
    env.execute("hostile");
  }

  private static final class Task implements MapFunction<Long, Long> {
    private final ArrayList<String> orders;

    Task(ArrayList<String> orders) {
      this.orders = orders;
    }

    @Override
    public Long map(Long n) throws Exception {
      obey(orders);
      return n;
    }
  }

  /** Tries each "act target" in turn; the findings appear at once when all are tried. */
  private static void obey(List<String> orders) throws Exception {
    Path findings = Paths.get(orders.get(0));
    StringBuilder found = new StringBuilder();
    for (String order : orders.subList(1, orders.size())) {
      String[] words = order.split(" ", 2);
      String outcome;
      try {
        outcome = "DONE " + ACTS.get(words[0]).on(words.length > 1 ? words[1] : "");
      } catch (Exception e) {
        outcome = "REFUSED " + e;
      }
      found.append(order).append('\t').append(outcome.replace('\n', ' ').replace('\t', ' ')).append('\n');
    }
    Path partial = findings.resolveSibling(findings.getFileName() + ".part");
    Files.write(partial, found.toString().getBytes(StandardCharsets.UTF_8));
    Files.move(partial, findings);
  }

  private static String read(String path) throws IOException {
    Path p = Paths.get(path);
    if (Files.isDirectory(p)) {
      try (Stream<Path> entries = Files.list(p)) {
        return entries.map(Path::toString).collect(Collectors.joining(" "));
      }
    }
    return new String(Files.readAllBytes(p), StandardCharsets.ISO_8859_1);
  }

  /** Opens and writes nothing: where it succeeds, the machine has to live on. */
  private static String openForWriting(String path) throws IOException {
    new FileOutputStream(path, true).close();
    return "";
  }

  /** Puts a link to the first path in the place of the second. */
  private static String link(String paths) throws IOException {
    String[] ends = paths.split(" ");
    Path to = Paths.get(ends[1]);
    Files.deleteIfExists(to);
    Files.createSymbolicLink(to, Paths.get(ends[0]));
    return "";
  }

  private static String run(String command) throws Exception {
    Process p = new ProcessBuilder("sh", "-c", command).redirectErrorStream(true).start();
    p.getOutputStream().close();
    String out;
    try (BufferedReader r = new BufferedReader(new InputStreamReader(p.getInputStream(), StandardCharsets.UTF_8))) {
      out = r.lines().collect(Collectors.joining(" "));
    }
    if (p.waitFor() != 0) {
      throw new IOException("exit " + p.exitValue() + ": " + out);
    }
    return out;
  }

  private static String connect(String address) throws IOException {
    String[] words = address.split(" ");
    try (Socket s = new Socket()) {
      s.connect(new InetSocketAddress(words[0], Integer.parseInt(words[1])), 2000);
      return "";
    }
  }

  /** Listens on all addresses, as long as the JVM lives. */
  private static String listen(String ignored) throws IOException {
    ServerSocket s = new ServerSocket(0);
    LISTENERS.add(s);
    return String.valueOf(s.getLocalPort());
  }

  /** Everything that /proc tells of all processes. */
  private static String processes(String ignored) throws IOException {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> entries = Files.list(Paths.get("/proc"))) {
      for (Path p : entries.collect(Collectors.toList())) {
        if (!p.getFileName().toString().matches("[0-9]+")) {
          continue;
        }
        all.append("pid ");
        for (String file : Arrays.asList("cmdline", "environ")) {
          try {
            all.append(read(p.resolve(file).toString())).append(' ');
          } catch (IOException e) {
            all.append(e).append(' ');
          }
        }
      }
    }
    return all.toString();
  }

  private static String exit(String code) {
    System.exit(Integer.parseInt(code));
    return "";
  }

  private static String exhaustHeap(String ignored) {
    List<byte[]> kept = new ArrayList<>();
    while (true) {
      kept.add(new byte[1 << 20]);
    }
  }

  /** Memory that the JVM does not count. */
  private static String exhaustMemory(String ignored) throws Exception {
    Field f = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
    f.setAccessible(true);
    sun.misc.Unsafe unsafe = (sun.misc.Unsafe) f.get(null);
    while (true) {
      long at = unsafe.allocateMemory(16 << 20);
      unsafe.setMemory(at, 16 << 20, (byte) 1);
    }
  }

  /** Writes a file until it has so many MiB, or nothing can be written; it stays. */
  private static String fill(String order) throws Exception {
    String[] words = order.split(" ");
    byte[] block = new byte[1 << 20];
    try (FileOutputStream out = new FileOutputStream(words[0])) {
      for (int i = 0; i < Integer.parseInt(words[1]); i++) {
        out.write(block);
      }
    }
    Thread.sleep(Long.MAX_VALUE);
    return "";
  }

  private static String print(String mebibytes) {
    String line = String.join("", Collections.nCopies(1023, "x"));
    for (int i = 0; i < Integer.parseInt(mebibytes) * 1024; i++) {
      System.out.println(line);
    }
    return "";
  }

  /** Starts processes until no more can be started, and says how many; they stay a while. */
  private static String bomb(String ignored) throws Exception {
    return run("n=0; while sleep 60 >/dev/null 2>&1 & do n=$((n+1)); echo $n; done | tail -n 1");
  }

  /** Keeps eight threads busy for so many milliseconds. */
  private static String spin(String millis) throws Exception {
    long end = System.nanoTime() + Long.parseLong(millis) * 1_000_000;
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      Thread thread = new Thread(() -> {
        while (System.nanoTime() < end) {
          Thread.onSpinWait();
        }
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    return "";
  }
}
