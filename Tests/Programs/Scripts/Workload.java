// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Work for a Java runtime. What it writes depends neither on time nor on the machine. */
public class Workload {
  static volatile Object sink;

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "threads": threads(); break;
      case "garbage": garbage(); break;
      case "exceptions": exceptions(); break;
    }
  }

  static void threads() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(4);
    List<Future<Integer>> results = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      int limit = i * 100_000;
      results.add(executor.submit(() -> sieve(limit)));
    }
    for (Future<Integer> result : results) System.out.println(result.get() + " primes");
    executor.shutdown();
    System.out.println(executor.awaitTermination(60, TimeUnit.SECONDS) ? "all ended" : "some go on");

    AtomicLong sum = new AtomicLong();
    Object lock = new Object();
    long[] guarded = new long[1];
    Thread[] adders = new Thread[4];
    for (int i = 0; i < adders.length; i++) {
      adders[i] = new Thread(() -> {
        for (int j = 0; j < 10_000; j++) {
          sum.addAndGet(j);
          synchronized (lock) { guarded[0] += j; }
          if (j % 1000 == 0) Thread.yield();
        }
      });
      adders[i].start();
    }
    for (Thread adder : adders) adder.join();
    System.out.println(sum + " = " + guarded[0]);
  }

  static int sieve(int limit) {
    boolean[] composite = new boolean[limit + 1];
    int count = 0;
    for (int i = 2; i <= limit; i++) {
      if (composite[i]) continue;
      count++;
      for (long j = (long) i * i; j <= limit; j += i) composite[(int) j] = true;
    }
    return count;
  }

  /** Some 400 MB, in a heap that is to be 64 MB at most. */
  static void garbage() {
    Map<Integer, byte[]> kept = new LinkedHashMap<>();
    for (int i = 0; i < 4000; i++) {
      sink = new byte[100_000];
      kept.put(i % 100, new byte[1000]);
    }
    System.out.println(kept.size() + " kept in " + (Runtime.getRuntime().maxMemory() <= 64 << 20 ? "64 MB" : "more"));
    try {
      List<byte[]> all = new ArrayList<>();
      while (true) all.add(new byte[1 << 20]);
    } catch (OutOfMemoryError e) {
      System.out.println(e);
    }
  }

  /** Faults of compiled code, which the runtime turns into exceptions, and one that nobody catches. */
  static void exceptions() {
    int caught = 0;
    for (int i = 0; i < 20_000; i++) {
      try {
        length(i % 100 == 99 ? null : "text");
      } catch (NullPointerException e) {
        caught++;
      }
    }
    System.out.println(caught + " caught");
    try {
      System.out.println(1 / (caught - 200));
    } catch (ArithmeticException e) {
      System.out.println(e);
    }
    try {
      depth(0);
    } catch (StackOverflowError e) {
      System.out.println(e);
    }
    String text = arguments();
    System.out.println(text.length());
  }

  static int length(String text) { return text.length(); }

  static int depth(int depth) { return depth(depth + 1) + 1; }

  static String arguments() { return null; }
}
