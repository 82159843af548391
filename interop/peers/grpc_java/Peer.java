package io.grpc.testing.integration;

import com.google.gson.JsonObject;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Set;

/**
 * grpc-java's own interop programs, with the contract of the peers: a server that says its port, and a client that runs
 * many cases in one virtual machine. It stands in their package because their methods are not public.
 *
 * <p>{@code Peer server --port N [--tls yes]}, or {@code Peer client --addr host:port --suite official|negative --check
 * NAME,... [--tls-name NAME]}
 */
public final class Peer {
  private static final PrintStream REPORT = System.out;
  /** What the client for the negative cases does not have; the official client's case is to pass there. */
  private static final Set<String> LARGE_UNARY = Set.of("data_frame_padding", "no_df_padding_sanity_test");

  public static void main(String[] arguments) throws Exception {
    System.setOut(System.err); // The programs talk; standard output is for the report.
    if (arguments[0].equals("server")) {
      serve(option(arguments, "--port"), option(arguments, "--tls") != null);
      return;
    }
    String[] addresses = option(arguments, "--addr").split(",");
    boolean negative = option(arguments, "--suite").equals("negative");
    String[] names = option(arguments, "--check").split(",");
    boolean held = true;
    for (int i = 0; i < names.length; i++) {
      String[] address = addresses[negative ? i : 0].split(":");
      held &= report(names[i], negative && !LARGE_UNARY.contains(names[i]), address[0], address[1],
          option(arguments, "--tls-name"));
    }
    System.exit(held ? 0 : 1);
  }

  private static String option(String[] arguments, String name) {
    int index = Arrays.asList(arguments).indexOf(name);
    return index < 0 ? null : arguments[index + 1];
  }

  private static void serve(String port, boolean tls) throws Exception {
    TestServiceServer server = new TestServiceServer();
    server.parseArgs(new String[] {"--port=" + port, "--use_tls=" + tls});
    server.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        server.stop();
      } catch (Exception exception) {
        exception.printStackTrace();
        Runtime.getRuntime().halt(1);
      }
      Runtime.getRuntime().halt(0); // Else the exit status says that it was a signal.
    }));
    REPORT.println("LISTENING 127.0.0.1:" + server.getPort());
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  private static boolean report(String name, boolean negative, String host, String port, String tlsName) {
    JsonObject line = new JsonObject();
    line.addProperty("check", name);
    boolean ok = false;
    String detail = "completed";
    try {
      if (negative) {
        run(new Http2Client(), "shutdown", host, port, name);
      } else {
        run(new TestServiceClient(), "tearDown", host, port, LARGE_UNARY.contains(name) ? "large_unary" : name,
            "--soak_iterations=" + System.getProperty("soak_iterations"), "--use_tls=" + (tlsName != null),
            "--use_test_ca=" + (tlsName != null), "--server_host_override=" + (tlsName == null ? host : tlsName));
      }
      ok = true;
    } catch (InvocationTargetException exception) {
      detail = exception.getCause().toString();
    } catch (ReflectiveOperationException exception) {
      detail = exception.toString();
    }
    line.addProperty("ok", ok);
    line.addProperty("detail", detail);
    REPORT.println(line);
    return ok;
  }

  private static void run(Object client, String end, String host, String port, String name, String... more)
      throws ReflectiveOperationException {
    String[] first = {"--server_host=" + host, "--server_port=" + port, "--test_case=" + name};
    String[] options = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, options, first.length, more.length);
    Method parse = client.getClass().getDeclaredMethod("parseArgs", String[].class);
    parse.setAccessible(true);
    parse.invoke(client, (Object) options);
    call(client, "setUp");
    try {
      call(client, "run");
    } finally {
      call(client, end);
    }
  }

  private static void call(Object client, String name) throws ReflectiveOperationException {
    Method method = client.getClass().getDeclaredMethod(name);
    method.setAccessible(true);
    method.invoke(client);
  }
}
