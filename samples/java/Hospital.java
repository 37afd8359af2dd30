import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A hospital's day in Java alone, without a build tool or a library:
 * {@code java Hospital.java [GATEWAY [FACILITY [INSURED [VISIT_DATE]]]]}.
 *
 * <p>gRPC wants generated classes and a dozen archives, so this one speaks HTTP and JSON to the gateway, whose messages are the same.
 * There is no stream over HTTP: visits go one after another over a connection that is kept. With mutual TLS the client gets an SSLContext.
 */
public final class Hospital {
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private final HttpClient http = HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).build();
    // A request id is used once, for ever: this run's begin with the time.
    private final String run = "J" + Long.toHexString(System.currentTimeMillis());
    // What was answered is what stands in the hospital's own books: one JSON object a line.
    private final List<String> books = new ArrayList<>();
    private long count;
    private long totalFen;
    private long fundPayFen;

    private final String gateway;
    private final String who;
    private final String facility;
    private final String visitDate;

    private Hospital(String gateway, String facility, String insured, String visitDate) {
        this.gateway = gateway;
        this.facility = facility;
        this.visitDate = visitDate;
        who = "\"facilityCode\":\"%s\",\"insuredId\":\"%s\"".formatted(facility, insured);
    }

    public static void main(String[] given) throws Exception {
        String[] otherwise = {"http://127.0.0.1:5104", "H41010500001", "P0000001", "2025-06-18"};
        System.arraycopy(given, 0, otherwise, 0, Math.min(given.length, otherwise.length));
        new Hospital(otherwise[0], otherwise[1], otherwise[2], otherwise[3]).day();
    }

    private void day() throws Exception {
        // 1. One visit. A refusal is an answer too, status 200: reasonText is for the cashier.
        String first = post("settle", visit(1, 12000));
        enter(first);
        System.out.println("settle " + field(first, "decision") + " " + field(first, "totalFen") + " " + field(first, "fundPayFen"));

        // 2. Many, one after another.
        StringBuilder decisions = new StringBuilder("stream");
        for (int number = 2; number <= 4; number++) {
            String reply = post("settle", visit(number, 3000));
            enter(reply);
            decisions.append(' ').append(field(reply, "decision"));
        }
        System.out.println(decisions);

        // 3. The line breaks before the answer: nothing is known, so the same request again, under the same request id.
        CompletableFuture<?> broken = http.sendAsync(request("settle", visit(5, 4000)), HttpResponse.BodyHandlers.ofString());
        broken.cancel(true);
        String found = post("settle", visit(5, 4000));
        String again = post("settle", visit(5, 4000));
        enter(found);
        System.out.println("repeat " + field(again, "decision") + (field(again, "replayed").equals("true") ? " replayed" : " anew")
            + (field(again, "settlementId").equals(field(found, "settlementId")) ? " same" : " other"));

        // 4. The patient gives the visit back: a cancellation mirrors the settlement.
        String cancelled = post("cancel", "{%s,\"requestId\":\"%s-6\",\"settlementId\":\"%s\"}"
            .formatted(who, run, field(found, "settlementId")));
        enter(cancelled);
        System.out.println("cancel " + field(cancelled, "decision") + " " + field(cancelled, "totalFen"));

        // 5. No answer, and the patient is gone: undo whatever the request has done. The books have neither of the two.
        post("settle", visit(7, 5000));
        String undone = post("reverse", "{%s,\"requestId\":\"%s-8\",\"originalRequestId\":\"%s-7\"}".formatted(who, run, run));
        System.out.println("reverse " + field(undone, "outcome"));
        reconcile();
    }

    /** In earnest once, after midnight, for the day before. Here the books may be a moment behind the last answer. */
    private void reconcile() throws Exception {
        LocalDate today = LocalDate.now(ZoneOffset.ofHours(8));
        String scope = "\"facilityCode\":\"%s\",\"period\":{\"from\":\"%s\",\"to\":\"%s\"}".formatted(facility, today, today);
        String totals = "{%s,\"figures\":[{\"totals\":{\"count\":\"%d\",\"totalFen\":\"%d\",\"fundPayFen\":\"%d\"}}]}"
            .formatted(scope, count, totalFen, fundPayFen);
        long until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        String lines = "{\"scope\":{%s},\"lines\":[%s]}".formatted(scope, String.join(",", books));
        String outcome = totalsOutcome(totals);
        while (!outcome.equals("BALANCED") && System.nanoTime() < until) {
            Thread.sleep(200);
            outcome = totalsOutcome(totals);
        }
        System.out.println("totals " + outcome);
        // Totals balance too while a visit and its cancellation are both still on their way: only the lines tell that all is booked.
        String compared = post("reconcile-lines", lines);
        while (!field(compared, "reconciled").equals("true") && System.nanoTime() < until) {
            Thread.sleep(200);
            compared = post("reconcile-lines", lines);
        }
        Matcher text = Pattern.compile("\"(causeText|actionText)\"\\s*:\\s*\"([^\"]*)\"").matcher(compared);
        while (text.find()) System.out.println(text.group(2));
        System.out.println("lines " + (field(compared, "reconciled").equals("true") ? "reconciled" : "differ"));
    }

    /** Until its first settlement is booked, the books do not know the facility: 404. */
    private String totalsOutcome(String totals) throws Exception {
        HttpResponse<String> answer = http.send(request("reconcile-totals", totals), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() == 404) return "not in the books";
        if (answer.statusCode() != 200) throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        return field(answer.body(), "outcome");
    }

    /** Kept word for word until its answer is in: after a broken line the same request goes out again. */
    private String visit(int number, long fen) {
        return "{%s,\"requestId\":\"%s-%d\",\"visitDate\":\"%s\",\"visitType\":\"ORDINARY\",\"totalFen\":\"%d\",\"inScopeFen\":\"%d\"}"
            .formatted(who, run, number, visitDate, fen, fen);
    }

    private void enter(String reply) {
        boolean cancels = field(reply, "decision").equals("CANCELLED");
        count += cancels ? -1 : 1;
        totalFen += Long.parseLong(field(reply, "totalFen"));
        fundPayFen += Long.parseLong(field(reply, "fundPayFen"));
        StringBuilder line = new StringBuilder("{\"kind\":\"" + (cancels ? "CANCEL" : "SETTLE") + "\"");
        for (String name : List.of("settlementId", "requestId", "insuredId", "visitType", "totalFen", "fundPayFen"))
            line.append(",\"%s\":\"%s\"".formatted(name, field(reply, name)));
        books.add(line.append('}').toString());
    }

    /** Any other status than 200 says nothing of the visit: after 429, 503 or 504 the same request goes out again. */
    private String post(String name, String body) throws Exception {
        HttpResponse<String> answer = http.send(request(name, body), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        return answer.body();
    }

    private HttpRequest request(String name, String body) {
        return HttpRequest.newBuilder(URI.create(gateway + "/v1/" + name)).timeout(ANSWER).header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    }

    /** The first field of this name. A real system takes a JSON library; this one shows the calls and nothing else. */
    private static String field(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*(?:\"([^\"]*)\"|([^,}\\s]+))").matcher(json);
        if (!found.find()) throw new IllegalStateException("no " + name + " in " + json);
        return found.group(1) != null ? found.group(1) : found.group(2);
    }
}
