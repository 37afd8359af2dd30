using System.Text.RegularExpressions;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Grpc.Core;

namespace Claims.SystemTests;

/// <summary>What a whole system says and books of one set of operations, field by field; then what an operator does to it.</summary>
public sealed class BooksTests(SettledDay day) : IClassFixture<SettledDay>
{
    private const string YearClosed = "就诊年度已年终结账，不能再办理该年度的结算、撤销或冲正，请联系医保经办机构。";

    // Less than the minute for which coverage is held: only news of the import can be the reason.
    private static readonly TimeSpan SoonerThanTheCache = TimeSpan.FromSeconds(30);

    private readonly RunningSystem _system = day.System;

    [Fact]
    public void Every_field_of_every_answer_is_the_expected_one() =>
        AssertSame(
            day.Expected("expected.jsonl").TrimEnd('\n'),
            Regex.Replace(string.Join('\n', day.Answers), "\"settledAt\":\"(?<at>20[^\"]+)\"", TimeOf,
                RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10)));

    [Fact]
    public void Summary_of_what_was_sent_counts_each_outcome_and_what_the_fund_pays()
    {
        JsonObject sent = day.Sent.DeepClone().AsObject();
        Assert.True(sent.Remove("seconds") && sent.Remove("perSecond"));
        AssertSame(SettledDay.Normal(day.Expected("sent.json")), SettledDay.Normal(sent));
    }

    [Fact]
    public async Task Every_field_of_every_record_reaches_the_sub_ledger()
    {
        AssertSame(day.Expected("sub-ledger.csv"), day.SubLedger);
        string count = await day.CopyAsync($"""
            SELECT count(*), count(DISTINCT request_fingerprint) FROM sub_ledger WHERE request_id LIKE ANY (ARRAY['A%', 'B%'])
                AND settled_at BETWEEN '{day.Began.AddSeconds(-1):O}' AND '{day.Began.AddMinutes(2):O}'
            """);
        Assert.Equal("count,count\n16,16\n", count);
    }

    [Fact]
    public void Postings_stand_on_the_accounts_of_scheme_county_and_facility()
    {
        AssertSame(day.Expected("postings.csv"), day.Postings);
        AssertSame(SettledDay.Normal(day.Expected("trial-balance.json")), SettledDay.Normal(day.TrialBalance));
    }

    [Fact]
    public void Metrics_count_what_was_answered_paid_booked_and_imported()
    {
        string[] expected = day.Expected("metrics.txt").TrimEnd('\n').Split('\n');
        string[] names = [.. expected.Select(NameOf).Distinct()];

        AssertSame(string.Join('\n', expected), string.Join('\n', day.Metrics.Where(line => names.Contains(NameOf(line)))));

        static string NameOf(string sample) => sample[..sample.IndexOfAny(['{', ' '])];
    }

    [Fact]
    public async Task Refusals_of_every_operation_can_be_explained_afterwards()
    {
        List<(string Facility, string Request, string Reason)> refused = [];
        foreach (string line in day.Expected("expected.jsonl").TrimEnd('\n').Split('\n'))
        {
            (string operation, JsonNode? answer) = JsonNode.Parse(line)!.AsObject().First();
            // What was looked for and not found is no refused request; a request without a usable key cannot be asked for.
            if (operation is "getSettlement" or "getAccumulators" || (string?)answer!["decision"] != "REFUSED") continue;
            if ((string?)answer["reasonCode"] == "INVALID_REQUEST") continue;
            refused.Add(((string)answer["facilityCode"]!, (string)answer["requestId"]!, (string)answer["reasonCode"]!));
        }

        Assert.True(refused.Count > 10, $"{refused.Count} refusals");
        RefusalLog.RefusalLogClient ledger = new(_system.Connect(_system.PortBase + 3));
        foreach ((string facility, string request, string reason) in refused)
        {
            // A row comes within a second or two.
            await Eventually.HoldsAsync(async () => (await ledger.FindAsync(
                new FindRefusalsRequest { FacilityCode = facility, RequestId = request })).Refusals.Any(one => one.ReasonCode == reason));
        }

        CommandResult both = await _system.RunAsync("explain", "--facility", "HW2", "--request", "A2", "--insured", "PW1");
        CommandResult unknown = await _system.RunAsync("explain", "--facility", "HW1", "--request", "NONE");
        Assert.Equal((0, 1), (both.ExitCode, unknown.ExitCode));
        Assert.Contains("结算被拒：该请求编号已用于内容不同的请求", both.Output, StringComparison.Ordinal);
        Assert.Contains("该请求编号", both.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
        Assert.StartsWith("没有查到机构 HW1 请求编号 NONE", unknown.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statement_tells_every_line_group_and_account_of_a_facility()
    {
        CommandResult result = await _system.RunAsync("ledger", "statement", "HW3", Month(0), "--json");

        RunningSystem.AssertDone(result);
        JsonNode statement = JsonNode.Parse(result.Output)!;
        JsonNode[] lines = [.. statement["lines"]!.AsArray().Select(line => line!.DeepClone())];
        string[] times = [.. lines.Select(line => line["settledAt"]!.GetValue<string>())];
        Assert.Equal(times.Order(StringComparer.Ordinal), times);
        statement["lines"] = new JsonArray([.. lines.OrderBy(line => line["settlementId"]!.GetValue<string>(), StringComparer.Ordinal)]);
        DateTimeOffset now = SettledDay.Now();
        string expected = day.Expected("statement-HW3.json")
            .Replace("MONTH", Month(0), StringComparison.Ordinal)
            .Replace("FROM", $"{Month(0)}-01", StringComparison.Ordinal)
            .Replace("\"TO\"", $"\"{Month(0)}-{DateTime.DaysInMonth(now.Year, now.Month):00}\"", StringComparison.Ordinal);
        AssertSame(SettledDay.Normal(expected), SettledDay.Normal(statement));
    }

    [Fact]
    public async Task Statement_as_csv_tells_every_line()
    {
        string file = _system.FilePath("HW1.csv");

        RunningSystem.AssertDone(await _system.RunAsync("ledger", "statement", "HW1", Month(0), "--format", "csv", "--out", file));

        string[] lines = SettledDay.Timeless(await File.ReadAllTextAsync(file)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] ordered = [lines[0].TrimStart('\uFEFF'), .. lines[1..].OrderBy(line => line.Split(',')[3], StringComparer.Ordinal)];
        AssertSame(day.Expected("statement-HW1.csv").TrimEnd('\n'), string.Join('\n', ordered));
    }

    [Fact]
    public async Task Reconciliation_of_the_city_names_the_one_facility_and_line_that_differ()
    {
        string books = await File.ReadAllTextAsync(day.AnswersFile);
        string altered = _system.Write("altered.jsonl", ReplaceFirst(books, "\"fundPayFen\":3300", "\"fundPayFen\":3301"));
        string[] period = ["--from", "2024-12-01", "--to", "2025-11-30", "--by-visit-date"];

        CommandResult differs = await _system.RunAsync(["ledger", "reconcile", "all", altered, .. period, "--json"]);
        CommandResult agrees = await _system.RunAsync(["ledger", "reconcile", "all", day.AnswersFile, .. period, "--lines"]);

        Assert.Equal(1, differs.ExitCode);
        AssertSame(SettledDay.Normal(day.Expected("reconciliation.json")), SettledDay.Normal(differs.Output));
        RunningSystem.AssertDone(agrees);
        Assert.EndsWith("Reconciled 对账一致.\n", agrees.Output, StringComparison.Ordinal);
        Assert.Equal(3, agrees.Output.Split('\n').Count(line => line.Contains("agree 一致", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Send_ends_with_3_where_an_operation_has_no_answer_and_names_its_status()
    {
        string operations = _system.Write("some-fail.jsonl", """
            {"getAccumulators": {"insuredId": "PW1", "year": 20250}}
            {"getSettlement": {"facilityCode": "HW1", "insuredId": "PW2", "requestId": "B2"}}

            """);
        string answers = _system.FilePath("some-fail-answers.jsonl");

        CommandResult send = await _system.RunAsync("send", operations, "--out", answers, "--json");

        Assert.Equal(3, send.ExitCode);
        Assert.Equal("claims: 1 of 2 operations were left without an answer; sending the same file again is safe.\n", send.Errors);
        Assert.Equal((2, 1), (send.Json.GetProperty("operations").GetInt32(), send.Json.GetProperty("errors").GetInt32()));
        string settled = day.Answers.Single(line => line.StartsWith("{\"settle\":{\"requestId\":\"B2\"", StringComparison.Ordinal));
        Assert.Equal(
            [
                """{"getAccumulators":{"error":{"status":"INVALID_ARGUMENT","message":"请求字段 year 应为四位年份。"}}}""",
                settled.Replace("{\"settle\":", "{\"getSettlement\":", StringComparison.Ordinal),
            ],
            await File.ReadAllLinesAsync(answers));
    }

    [Fact]
    public async Task Import_is_followed_before_what_is_held_of_a_facility_runs_out()
    {
        Adjudication.AdjudicationClient adjudication = new(_system.Connect(_system.PortBase + 1));
        SettleRequest visit = Visit("I1", "HW4", "PW6", "2025-02-03");
        SettleReply before = await adjudication.PreSettleAsync(visit);
        string file = _system.Write("HW4.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            HW4,村卫生室,410183,village,none,clinic,2024-01-01,

            """);

        RunningSystem.AssertDone(await _system.RunAsync("import", "facilities", file));

        Assert.Equal("FACILITY_NOT_POOLED", before.ReasonCode);
        await Eventually.HoldsAsync(async () => (await adjudication.PreSettleAsync(visit)).Decision == Decision.Quoted, SoonerThanTheCache);
    }

    [Fact]
    public async Task Trace_of_a_call_to_one_instance_goes_with_the_record_and_the_other_instance_finds_its_answer()
    {
        const int Shard = 20;
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        string file = _system.Write("PW8.csv", """
            insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on
            PW8,庚,resident,410108,general,2025,2024-11-05,1988-08-08,

            """);
        RunningSystem.AssertDone(await _system.RunAsync("import", "insured", file));
        // Nothing listens there: what is recorded is not sent anywhere.
        using ServiceInstance second =
            await _system.StartSecondAsync("Claims.Adjudication", ("Claims__OtlpEndpoint", "http://127.0.0.1:1"));
        SettleRequest visit = Visit("T1", "HW2", "PW8", "2025-12-16");
        (visit.FullSelfPayFen, visit.InScopeFen) = (visit.InScopeFen, 0);
        Grpc.Core.Metadata headers = new() { { "traceparent", $"00-{Trace}-b7ad6b7169203331-01" } };

        SettleReply settled = await new Adjudication.AdjudicationClient(second.Calls).SettleAsync(visit, headers);

        Assert.Equal((Decision.Settled, "2025-20-0000000001"), (settled.Decision, settled.SettlementId));
        SettleReply again = await new Adjudication.AdjudicationClient(_system.Connect(_system.PortBase + 1)).SettleAsync(visit);
        Assert.Equal(new SettleReply(settled) { Replayed = true }, again);
        RunningSystem.AssertDone(await _system.RunAsync("ledger", "trial-balance", "--wait", "60"));
        ConsumeResult<Ignore, byte[]> published = await FirstOfAsync(Shard);
        Assert.Equal("T1", SettledMessage.Read(Keys.Open(Shard, published.Message.Value)!).Single().RequestId);
        Assert.Null(Keys.Open(Shard + 1, published.Message.Value));
        Assert.True(published.Message.Headers.TryGetLastBytes(ClaimsTopic.TraceHeader, out byte[] parent));
        Assert.StartsWith($"00-{Trace}-", Encoding.ASCII.GetString(parent), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shard_that_stopped_is_shown_holds_the_books_up_and_goes_on_when_told()
    {
        const int Shard = 30;
        const string Reason = "(sequence 1) lacks insured_id, facility_code or request_id";
        Adjudication.AdjudicationClient adjudication = new(_system.Connect(_system.PortBase + 1));
        AdjudicationOperations.AdjudicationOperationsClient operations = new(_system.Connect(_system.PortBase + 6));
        Outbox outbox = await operations.GetOutboxAsync(new GetOutboxRequest());
        Assert.Equal(32, outbox.Shards.Count);
        SettledClaim unbookable = new()
        {
            Format = SettledMessage.Format,
            Shard = Shard,
            Sequence = 1,
            Epoch = outbox.Epoch,
            Kind = SettledClaim.Types.Kind.Settlement,
        };
        byte[] poison = SettledMessageOf(unbookable);
        await PublishAsync(Shard, Keys.Sign(Shard, poison));
        LedgerShards.LedgerShardsClient ledger = new(_system.Connect(_system.PortBase + 3));
        await Eventually.HoldsAsync(async () => (await ledger.ListShardsAsync(new ListShardsRequest())).Shards[Shard].Stopped.Length > 0);

        SettleReply waiting = await adjudication.SettleAsync(Visit("S1", "HW2", "PW6", "2025-12-15"));
        CommandResult stopped = await _system.RunAsync("ledger", "shards", "--json");
        CommandResult behind = await _system.RunAsync("ledger", "trial-balance", "--wait", "0");
        string[] stoppedMetrics = await day.ScrapeAsync();
        CommandResult other = await _system.RunAsync("ledger", "resume", "29");
        CommandResult unknown = await _system.RunAsync("ledger", "resume", "99");
        CommandResult resumed = await _system.RunAsync("ledger", "resume", $"{Shard}", "--json");
        CommandResult booked = await _system.RunAsync("ledger", "trial-balance", "--json", "--wait", "60");
        CommandResult after = await _system.RunAsync("ledger", "shards", "--json");

        Assert.Equal((Decision.Settled, "2025-30-0000000001", 550), (waiting.Decision, waiting.SettlementId, waiting.FundPayFen));
        string instance = $"{Environment.MachineName}:{await _system.PidOfAsync("ledger")}";
        JsonElement[] shards = [.. stopped.Json.GetProperty("shards").EnumerateArray()];
        Assert.Equal((1, false), (stopped.ExitCode, stopped.Json.GetProperty("posting").GetBoolean()));
        Assert.Equal(Enumerable.Range(0, 32), shards.Select(NumberOf));
        Assert.Equal((5, 11, 0), (SequenceOf(shards[10]), SequenceOf(shards[31]), SequenceOf(shards[Shard])));
        Assert.All(shards, shard => Assert.Equal(instance, shard.GetProperty("instance").GetString()));
        Assert.Equal([Shard], shards.Where(shard => shard.GetProperty("lagRecords").GetInt32() != 0).Select(NumberOf));
        Assert.Equal(1, shards[Shard].GetProperty("lagRecords").GetInt32());
        Assert.Equal([Shard], shards.Where(shard => shard.GetProperty("stopped").ValueKind != JsonValueKind.Null).Select(NumberOf));
        Assert.Equal($"the record at offset 0 {Reason}", shards[Shard].GetProperty("stopped").GetString());
        JsonElement aside = Assert.Single(stopped.Json.GetProperty("poison").EnumerateArray());
        Assert.Equal(shards[Shard].GetProperty("poisonId").GetInt64(), aside.GetProperty("poisonId").GetInt64());
        Assert.Equal(
            (Shard, 0, Reason, poison.Length),
            (
                NumberOf(aside), aside.GetProperty("kafkaOffset").GetInt64(), aside.GetProperty("reason").GetString(),
                aside.GetProperty("recordBytes").GetInt32()));
        Assert.Contains("claims_ledger_stopped_shards 1", stoppedMetrics);
        Assert.Equal((3, "claims: After 0 s the ledger is still 1 records behind adjudication.\n"), (behind.ExitCode, behind.Errors));
        Assert.Equal(1, other.ExitCode);
        Assert.Equal("claims: Nothing to resume: shard 29 has not stopped; `claims ledger shards` shows which have.\n", other.Errors);
        Assert.Equal((1, "claims: There is no shard 99: they are 0 to 31.\n"), (unknown.ExitCode, unknown.Errors));
        RunningSystem.AssertDone(resumed);
        Assert.Equal(
            SettledDay.Normal($$"""{"shard":{{Shard}},"sequence":0,"stopped":"the record at offset 0 {{Reason}}"}"""),
            SettledDay.Normal(resumed.Output));
        RunningSystem.AssertDone(booked);
        Assert.Equal(302_375, booked.Json.GetProperty("fundPaidFen").GetInt64());
        RunningSystem.AssertDone(after);
        Assert.True(after.Json.GetProperty("posting").GetBoolean());
        Assert.Equal(1, SequenceOf(after.Json.GetProperty("shards")[Shard]));

        static int NumberOf(JsonElement shard) => shard.GetProperty("shard").GetInt32();

        static int SequenceOf(JsonElement shard) => shard.GetProperty("sequence").GetInt32();
    }

    [Fact]
    public async Task Closed_year_is_closed_at_the_counter_and_in_the_books_and_the_next_one_is_not()
    {
        Adjudication.AdjudicationClient adjudication = new(_system.Connect(_system.PortBase + 1));
        int thisYear = SettledDay.Now().Year;

        CommandResult early = await _system.RunAsync("ledger", "close-year", $"{thisYear}", "--yes", "--wait", "60");
        CommandResult closed = await _system.RunAsync("ledger", "close-year", "2024", "--yes", "--json", "--wait", "60");

        Assert.Equal(1, early.ExitCode);
        const string NothingClosed = "is not closed. Nothing has been closed by this run. The ledger service says: ";
        Assert.StartsWith($"claims: {thisYear} {NothingClosed}", early.Errors, StringComparison.Ordinal);
        RunningSystem.AssertDone(closed);
        Assert.Equal(2024, closed.Json.GetProperty("closedThrough").GetInt32());
        SettleReply visit = await adjudication.SettleAsync(Visit("Y1", "HW2", "PW2", "2024-12-31"));
        CancelRequest late = new() { RequestId = "Y2", FacilityCode = "HW2", InsuredId = "PW2", OriginalRequestId = "B1" };
        SettleReply cancellation = await adjudication.CancelAsync(late);
        SettleReply next = await adjudication.PreSettleAsync(Visit("Y3", "HW2", "PW2", "2025-01-01"));
        Assert.Equal((Decision.Refused, "YEAR_CLOSED", YearClosed), (visit.Decision, visit.ReasonCode, visit.ReasonText));
        Assert.Equal(
            (Decision.Refused, "YEAR_CLOSED", YearClosed), (cancellation.Decision, cancellation.ReasonCode, cancellation.ReasonText));
        Assert.Equal(Decision.Quoted, next.Decision);
        Assert.Equal("first_open_day\n2025-01-01\n", await day.CopyAsync("SELECT first_open_day()"));
    }

    [Fact]
    public async Task Past_month_is_closed_and_the_present_one_is_not()
    {
        CommandResult early = await _system.RunAsync("ledger", "close-month", Month(0), "--yes");
        CommandResult closed = await _system.RunAsync("ledger", "close-month", Month(-1), "--yes", "--json");

        Assert.Equal(1, early.ExitCode);
        Assert.StartsWith("claims: The ledger service says: ", early.Errors, StringComparison.Ordinal);
        RunningSystem.AssertDone(closed);
        Assert.Equal(Month(-1), closed.Json.GetProperty("closedThrough").GetString());
        Assert.Equal($"closed_through\n{Month(-1)}-01\n", await day.CopyAsync("SELECT closed_through FROM closed_month"));
    }

    private static SettleRequest Visit(string requestId, string facility, string insured, string date) => new()
    {
        RequestId = requestId,
        FacilityCode = facility,
        InsuredId = insured,
        VisitDate = date,
        VisitType = VisitType.Ordinary,
        TotalFen = 5_000,
        InScopeFen = 5_000,
    };

    private static string Month(int months) => SettledDay.Now().AddMonths(months).ToString("yyyy-MM", CultureInfo.InvariantCulture);

    /// <summary>Names every line that differs, whole.</summary>
    private static void AssertSame(string expected, string found)
    {
        string[] wanted = expected.Split('\n');
        string[] got = found.Split('\n');
        string[] differences =
        [
            .. Enumerable.Range(0, Math.Max(wanted.Length, got.Length))
                .Where(line => wanted.ElementAtOrDefault(line) != got.ElementAtOrDefault(line))
                .Select(line => $"line {line + 1}: expected\n{wanted.ElementAtOrDefault(line)}\nfound\n{got.ElementAtOrDefault(line)}"),
        ];
        Assert.True(differences.Length == 0, string.Join('\n', differences));
    }

    /// <summary>TIME for an instant since the day began, in China Standard Time to the millisecond; anything else as it is.</summary>
    private string TimeOf(Match match) =>
        DateTimeOffset.TryParseExact(match.Groups["at"].Value, "yyyy-MM-dd'T'HH:mm:ss.fff'+08:00'", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out DateTimeOffset local)
            && local.AddHours(-8) >= day.Began.AddSeconds(-1) && local.AddHours(-8) <= DateTimeOffset.UtcNow
            ? "\"settledAt\":\"TIME\""
            : match.Value;

    private static string ReplaceFirst(string text, string old, string by)
    {
        int at = text.IndexOf(old, StringComparison.Ordinal);
        return string.Concat(text.AsSpan(0, at), by, text.AsSpan(at + old.Length));
    }

    [Fact]
    public async Task Forged_message_books_nothing_and_stops_nothing()
    {
        const int Shard = 29;
        AdjudicationOperations.AdjudicationOperationsClient operations = new(_system.Connect(_system.PortBase + 6));
        SettledClaim forged = new()
        {
            Format = SettledMessage.Format,
            Shard = Shard,
            Sequence = 1,
            Epoch = (await operations.GetOutboxAsync(new GetOutboxRequest())).Epoch,
            Kind = SettledClaim.Types.Kind.Settlement,
        };
        byte[] foreign = MessageKeys.Load(_system.Write("foreign.key", MessageKeys.NewKey())).Sign(Shard, SettledMessageOf(forged));

        await PublishAsync(Shard, SettledMessageOf(forged));
        await PublishAsync(Shard, foreign);
        await PublishAsync(Shard, Keys.Sign(Shard + 1, SettledMessageOf(forged)));
        await PublishAsync(Shard, [0xff]);
        await Eventually.HoldsAsync(async () =>
            (await day.ScrapeAsync()).Contains("claims_ledger_unauthentic_messages_total 4", StringComparer.Ordinal));

        ListShardsReply shards =
            await new LedgerShards.LedgerShardsClient(_system.Connect(_system.PortBase + 3)).ListShardsAsync(new ListShardsRequest());
        Assert.Equal(("", 0), (shards.Shards[Shard].Stopped, shards.Shards[Shard].Sequence));
        Assert.DoesNotContain(shards.Poison, poison => poison.Shard == Shard);
    }

    private MessageKeys Keys => MessageKeys.Load(_system.FilePath(Path.Combine("data", "kafka.key")));

    private static byte[] SettledMessageOf(SettledClaim claim)
    {
        SettledMessage message = new();
        message.Add(claim);
        return message.Take();
    }

    private async Task<KafkaSettings> KafkaAsync() => new(new Dictionary<string, string>
    {
        ["bootstrap.servers"] = await File.ReadAllTextAsync(_system.FilePath(Path.Combine("data", "broker.address"))),
    });

    private async Task<ConsumeResult<Ignore, byte[]>> FirstOfAsync(int shard)
    {
        using IConsumer<Ignore, byte[]> consumer = new ConsumerBuilder<Ignore, byte[]>((await KafkaAsync()).Consumer()).Build();
        consumer.Assign(new TopicPartitionOffset(ClaimsTopic.Name, shard, Offset.Beginning));
        return consumer.Consume(TimeSpan.FromSeconds(30)) ?? throw new TimeoutException("no message within 30 s");
    }

    private async Task PublishAsync(int shard, byte[] message)
    {
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>((await KafkaAsync()).Producer()).Build();
        await producer.ProduceAsync(new TopicPartition(ClaimsTopic.Name, shard), new Message<Null, byte[]> { Value = message });
    }
}
