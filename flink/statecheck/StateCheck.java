import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.dag.Pipeline;
import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.client.program.PackagedProgramUtils;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.runtime.checkpoint.Checkpoints;
import org.apache.flink.runtime.checkpoint.OperatorState;
import org.apache.flink.runtime.checkpoint.metadata.CheckpointMetadata;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.streaming.api.graph.StreamGraphHasherV2;
import org.apache.flink.streaming.api.graph.StreamGraphUserHashHasher;
import org.apache.flink.streaming.api.graph.StreamNode;

/**
 * Tells which operators of a savepoint or checkpoint a program has no place for. It runs in the JobManager like a program
 * of its own, starts no job, and answers by an exception: VERDICT, then id,uid,name of each such operator, URL-encoded and
 * separated by semicolons, or "gone" where the state is not there: a running job drops its old checkpoints at any moment.
 *
 * <p>Arguments: the jar of the program, the _metadata file, the parallelism, and the jar of the program that wrote the state,
 * from which the names come.
 */
public final class StateCheck {
  public static void main(String[] args) throws Exception {
    CheckpointMetadata state;
    try (DataInputStream in = new DataInputStream(new FileInputStream(args[1]))) {
      state = Checkpoints.loadCheckpointMetadata(in, StateCheck.class.getClassLoader(), args[1]);
    } catch (FileNotFoundException e) {
      throw new Verdict("gone");
    }
    int parallelism = Integer.parseInt(args[2]);
    Map<OperatorID, StreamNode> wanted = operators(new File(args[0]), parallelism);
    if (wanted == null) {
      throw new Verdict("");
    }
    StringBuilder lost = new StringBuilder();
    Map<OperatorID, StreamNode> known = null;
    for (OperatorState operator : state.getOperatorStates()) {
      if (operator.getNumberCollectedStates() == 0 || wanted.containsKey(operator.getOperatorID())) {
        continue;
      }
      if (known == null) {
        known = named(new File(args[3]), parallelism);
      }
      StreamNode node = known.get(operator.getOperatorID());
      lost.append(lost.length() == 0 ? "" : ";").append(operator.getOperatorID()).append(',');
      lost.append(node == null ? "" : encode(node.getTransformationUID())).append(',');
      lost.append(node == null ? "" : encode(node.getOperatorName()));
    }
    throw new Verdict(lost.toString());
  }

  private static String encode(String s) {
    return s == null ? "" : URLEncoder.encode(s, StandardCharsets.UTF_8);
  }

  /** A program whose main() fails has no names to give. */
  private static Map<OperatorID, StreamNode> named(File jar, int parallelism) {
    try {
      Map<OperatorID, StreamNode> known = operators(jar, parallelism);
      return known == null ? Map.of() : known;
    } catch (Exception e) {
      return Map.of();
    }
  }

  /** The operators of a program by their ids, generated and user-defined ones; null if it is no streaming program. */
  private static Map<OperatorID, StreamNode> operators(File jar, int parallelism) throws Exception {
    Configuration configuration = GlobalConfiguration.loadConfiguration();
    try (PackagedProgram program = PackagedProgram.newBuilder().setJarFile(jar).setConfiguration(configuration).build()) {
      Pipeline pipeline = PackagedProgramUtils.getPipelineFromProgram(program, configuration, parallelism, false);
      if (!(pipeline instanceof StreamGraph)) {
        return null;
      }
      StreamGraph graph = (StreamGraph) pipeline;
      Map<OperatorID, StreamNode> operators = new HashMap<>();
      new StreamGraphHasherV2()
          .traverseStreamGraphAndGenerateHashes(graph)
          .forEach((id, hash) -> operators.put(new OperatorID(hash), graph.getStreamNode(id)));
      new StreamGraphUserHashHasher()
          .traverseStreamGraphAndGenerateHashes(graph)
          .forEach((id, hash) -> operators.put(new OperatorID(hash), graph.getStreamNode(id)));
      return operators;
    }
  }

  /** The answer. It carries no stack: it is no failure. */
  private static final class Verdict extends RuntimeException {
    Verdict(String lost) {
      super("VERDICT[" + lost + "]", null, false, false);
    }
  }
}
