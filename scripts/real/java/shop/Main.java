package shop;

import java.io.FileWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CyclicBarrier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A shop whose threads all fail at once. It writes down what it provokes while it does. */
public class Main {
    static final Logger log = LoggerFactory.getLogger(Main.class);
    static String told;
    static boolean shortened;

    static class OrderException extends RuntimeException {
        OrderException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    static synchronized void tell(String kind, boolean problem, String more, String... holds) {
        StringBuilder b = new StringBuilder("{\"kind\":\"" + kind + "\",\"problem\":" + problem + more + ",\"holds\":[");
        for (int i = 0; i < holds.length; i++) {
            b.append(i > 0 ? "," : "").append('"').append(holds[i].replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "\\t").replace("\n", "\\n")).append('"');
        }
        try (FileWriter w = new FileWriter(told, true)) {
            w.write(b.append("]}\n").toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static int price(String ref) {
        return Map.<String, Integer>of().get(ref);
    }

    static void save(String ref) {
        try {
            price(ref);
        } catch (NullPointerException e) {
            OrderException o = new OrderException("cannot save " + ref, new IllegalStateException("no price for " + ref, e));
            o.addSuppressed(new IOException("closing " + ref));
            throw o;
        }
    }

    static void work(int worker) {
        String by = shortened ? "Wrapped by: " : "Caused by: ";
        for (int n = 0; n < 3; n++) {
            String ref = "order-" + worker + "0" + n;
            String where = shortened ? "" : ",\"logger\":\"shop.Main|s.Main\",\"thread\":\"worker-" + worker + "\"";
            log.info("{} checked, 0 errors, error=null, ErrorHandler ready", ref);
            tell("harmless", false, where, ref + " checked, 0 errors");
            try {
                save(ref);
            } catch (OrderException e) {
                log.error("order {} failed", ref, e);
                tell("chained causes", true, where + ",\"message\":\"order " + ref + " failed\",\"severity\":\"error\",\"exception\":\"java.lang.NullPointerException\",\"frame\":\"price\"",
                    "order " + ref + " failed", "cannot save " + ref, "Suppressed: java.io.IOException: closing " + ref,
                    by + "java.lang.IllegalStateException: no price for " + ref, shortened ? "java.lang.NullPointerException: " : "Caused by: java.lang.NullPointerException");
            }
            if (n == 1) {
                log.warn("stock of {} is low", ref);
                tell("warning", false, where + ",\"severity\":\"warning\"", "stock of " + ref + " is low");
            }
            if (n == 2) {
                log.error("order {} has no customer", ref);
                tell("error without a trace", true, where + ",\"severity\":\"error\",\"message\":\"order " + ref + " has no customer\"", "order " + ref + " has no customer");
            }
        }
    }

    public static void main(String[] args) throws Exception {
        told = args[0];
        shortened = args[1].equals("logback-short"); // which says the root cause first
        int workers = 3;
        CyclicBarrier gate = new CyclicBarrier(workers);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < workers; i++) {
            int worker = i;
            Thread t = new Thread(() -> {
                try {
                    gate.await();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
                work(worker);
            }, "worker-" + i);
            threads.add(t);
            t.start();
        }
        for (Thread t : threads) {
            t.join();
        }
        try {
            CompletableFuture.supplyAsync(() -> price("order-future")).join();
        } catch (CompletionException e) {
            log.error("order-future was not priced", e);
            tell("future", true, ",\"exception\":\"java.lang.NullPointerException\",\"frame\":\"price\"", "order-future was not priced", "java.util.concurrent.CompletionException: ", shortened ? "Wrapped by: " : "Caused by: java.lang.NullPointerException");
        }
        try {
            List<byte[]> all = new ArrayList<>();
            while (true) {
                all.add(new byte[4 << 20]);
            }
        } catch (OutOfMemoryError e) {
            log.error("report-1 needs too much memory", e);
            tell("out of memory", true, ",\"exception\":\"java.lang.OutOfMemoryError\",\"text\":\"Java heap space\",\"frame\":\"main\"", "report-1 needs too much memory", "java.lang.OutOfMemoryError: Java heap space", "at shop.Main.main(");
        }
        log.info("shop ends: 0 errors left");
        tell("harmless", false, "", "shop ends: 0 errors left");
        Thread.sleep(300); // the async appender writes what it has
        tell("uncaught", true, ",\"untimed\":true,\"exception\":\"java.lang.NullPointerException\",\"frame\":\"price\"", "Exception in thread \"main\" ", "cannot save order-last", "Caused by: java.lang.IllegalStateException: no price for order-last", "Caused by: java.lang.NullPointerException");
        save("order-last");
    }
}
