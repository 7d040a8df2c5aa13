import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.runtime.jobgraph.JobType;
import org.apache.flink.shaded.asm9.org.objectweb.asm.ClassReader;
import org.apache.flink.shaded.asm9.org.objectweb.asm.ClassVisitor;
import org.apache.flink.shaded.asm9.org.objectweb.asm.ClassWriter;
import org.apache.flink.shaded.asm9.org.objectweb.asm.MethodVisitor;
import org.apache.flink.shaded.asm9.org.objectweb.asm.Opcodes;
import org.apache.flink.streaming.api.environment.CheckpointConfig;
import org.apache.flink.streaming.api.graph.StreamGraph;

/**
 * Makes the cluster's checkpointing win over what a program sets in its code, as on AWS.
 *
 * <p>Run once, with a directory as its argument, it writes Flink's StreamGraphGenerator there with one call more: what
 * generate() returns goes through {@link #apply}. That directory has to stand before Flink on the class path, with this class.
 */
public final class MasterSwitch {
  private static final String GENERATOR = "org/apache/flink/streaming/api/graph/StreamGraphGenerator";
  private static final String GENERATE = "()Lorg/apache/flink/streaming/api/graph/StreamGraph;";

  private static Configuration cluster;

  /** Called with each graph that a program makes. Bounded jobs in batch mode have no checkpoints. */
  public static synchronized StreamGraph apply(StreamGraph graph) {
    if (graph.getJobType() != JobType.STREAMING) {
      return graph;
    }
    if (cluster == null) {
      cluster = GlobalConfiguration.loadConfiguration();
    }
    CheckpointConfig checkpoints = graph.getCheckpointConfig();
    checkpoints.disableCheckpointing();
    checkpoints.configure(cluster);
    return graph;
  }

  public static void main(String[] args) throws IOException {
    boolean[] found = {false};
    ClassWriter out = new ClassWriter(0);
    try (InputStream in = MasterSwitch.class.getClassLoader().getResourceAsStream(GENERATOR + ".class")) {
      new ClassReader(in).accept(new ClassVisitor(Opcodes.ASM9, out) {
        @Override
        public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] exceptions) {
          MethodVisitor method = super.visitMethod(access, name, descriptor, signature, exceptions);
          if (!name.equals("generate") || !descriptor.equals(GENERATE)) {
            return method;
          }
          return new MethodVisitor(Opcodes.ASM9, method) {
            @Override
            public void visitInsn(int opcode) {
              if (opcode == Opcodes.ARETURN) {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, "MasterSwitch", "apply",
                    "(Lorg/apache/flink/streaming/api/graph/StreamGraph;)Lorg/apache/flink/streaming/api/graph/StreamGraph;", false);
                found[0] = true;
              }
              super.visitInsn(opcode);
            }
          };
        }
      }, 0);
    }
    if (!found[0]) {
      throw new IOException("StreamGraphGenerator has no generate() that returns a StreamGraph");
    }
    Path to = Paths.get(args[0]).resolve(GENERATOR + ".class");
    Files.createDirectories(to.getParent());
    Files.write(to, out.toByteArray());
  }
}
