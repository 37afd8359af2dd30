using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Claims.Kafka;
using Claims.Ledger.Audit;
using Claims.Ledger.Closing;
using Claims.Ledger.Funding;
using Claims.V1;
using Grpc.Core;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

[Collection(MetricsDatabaseCollection.Name)]
public sealed class LedgerMetricsTests(LedgerDatabase databases)
{
    private const int Shards = 4;

    [Fact]
    public async Task Metrics_count_what_was_posted_dropped_set_aside_and_verified()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        string postgres = await databases.Postgres.CreateAsync();
        await using ServedLedger served = await ServedLedger.StartAsync(postgres, broker);
        using HttpClient http = new();
        string metrics = "";
        using KafkaPublisher kafka = new(broker);
        PublishedLog log = new PublishedLog(Shards).AddSettlements(10);
        SettledClaim cancelled = log.Shard(1)[0];
        log.AddMirror(cancelled, Kind.Cancellation);
        log.AddMirror(cancelled, Kind.Restoration);
        await served.Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = log.Epoch, Shards = Shards });
        await ShownAsync("""lag_records shard="0" 0""", """lag_records shard="1" 0""", """lag_records shard="2" 0""",
            """lag_records shard="3" 0""");
        kafka.Publish(log.Records);
        await ShownAsync(
            """posted_total kind="SETTLEMENT" 40""", """posted_total kind="CANCELLATION" 1""", """posted_total kind="RESTORATION" 1""",
            "batch_records_sum 42",
            "repeats_total 0", "gaps_total 0", "poison_total 0", "batch_retries_total absent", "own_shards 4", "unposted_shards 0",
            "stopped_shards 0");

        // A month that closes under way is not the records' fault: the batch is tried again, and no shard stops.
        await ExecuteAsync("""
            CREATE SEQUENCE tries; GRANT USAGE ON tries TO claims_ledger;
            CREATE FUNCTION closed_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('tries') = 1 THEN RAISE EXCEPTION 'closed' USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_open'; END IF; RETURN NULL; END $$;
            CREATE TRIGGER closed_once AFTER INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION closed_once()
            """);
        kafka.Publish([log.AddSettlement(2)]);
        await ShownAsync("""posted_total kind="SETTLEMENT" 41""", "batch_retries_total 1", "stopped_shards 0", "poison_total 0");

        SettledClaim[] behind = [log.AddSettlement(0), log.AddSettlement(0)];
        kafka.Publish([log.Shard(3)[9], log.Shard(3)[8], log.Shard(3)[9], behind[1]]);
        kafka.Publish(1, [0xff]);
        await ShownAsync("repeats_total 3", "gaps_total 1", "poison_total 1", "stopped_shards 1", """posted_total kind="SETTLEMENT" 41""");

        kafka.Publish(behind);
        await ShownAsync("""posted_total kind="SETTLEMENT" 43""", "batch_records_sum 45", "gaps_total 1");
        Assert.Equal(Value("batch_records_count"), Value("batch_duration_seconds_count"));

        await Eventually.HoldsAsync(
            async () => (await served.Audit.GetChainHeadAsync(new GetChainHeadRequest())) is { Link: > 0, WaitingBatches: 0 }, () =>
                "not all batches are chained");
        ChainHead head = await served.Audit.GetChainHeadAsync(new GetChainHeadRequest());
        await ShownAsync($"chain_links_total {head.Link}", "chain_lag_batches 0", "chain_broken 0",
            """verifications_total verdict="clean" 0""", """verifications_total verdict="bad" 0""");
        await VerifyAsync();
        await ShownAsync("""verifications_total verdict="clean" 1""", """verifications_total verdict="bad" 0""");
        await ExecuteAsync("UPDATE sub_ledger SET insured_id = 'x' WHERE shard = 0 AND sequence = 1");
        await VerifyAsync();
        await VerifyAsync();
        await ShownAsync("""verifications_total verdict="clean" 1""", """verifications_total verdict="bad" 2""");
        await ExecuteAsync("DELETE FROM chain_link");
        await ShownAsync("chain_broken 1");

        async Task ShownAsync(params string[] expected) => await Eventually.HoldsAsync(
            async () =>
            {
                metrics = await http.GetStringAsync(new Uri(served.Metrics, "/metrics"));
                return expected.All(one => Value(one[..one.LastIndexOf(' ')]) == one[(one.LastIndexOf(' ') + 1)..]);
            },
            () => $"{string.Join(", ", expected.Where(one => Value(one[..one.LastIndexOf(' ')]) != one[(one.LastIndexOf(' ') + 1)..]))} in {metrics}");

        // By name and the one label that it has, if any.
        string Value(string series)
        {
            string[] parts = series.Split(' ');
            string label = parts.Length > 1 ? $$"""\{[^}\n]*{{Regex.Escape(parts[1])}}[^}\n]*\}""" : """(?:\{[^}\n]*\})?""";
            Match match = Regex.Match(metrics, $"^claims_ledger_{parts[0]}{label} ([0-9.]+)", RegexOptions.Multiline,
                RunningLedger.Deadline);
            return match.Success ? match.Groups[1].Value : "absent";
        }

        // As someone who owns the database. Not through the audit of other tests: meters of one name in a process are one.
        async Task ExecuteAsync(string sql)
        {
            await using NpgsqlDataSource owner = NpgsqlDataSource.Create(postgres + ";Pooling=false");
            await using NpgsqlCommand command = owner.CreateCommand($"SET session_replication_role = replica; {sql}");
            await command.ExecuteNonQueryAsync();
        }

        async Task VerifyAsync() => await served.Audit.Verify(new VerifyRequest()).ResponseStream.ReadAllAsync().ToListAsync();
    }

    [Fact]
    public async Task Fund_accounts_are_shown_with_a_month_of_benefits_and_nothing_is_once_they_cannot_be_read()
    {
        string postgres = await databases.CreateAsync();
        // Thirty days before the last, which are a day too many, and the day after.
        StoppedClock clock = new(new DateTimeOffset(2025, 5, 31, 4, 0, 0, TimeSpan.Zero));
        await using RunningLedger ledger = RunningLedger.Create(postgres, clock: clock);
        PublishedLog log = new(1);
        await ledger.OpenAsync(log);
        log.AddSettlement(0, record => Visit(record, "410105", "2025-03-01", 700));
        await ledger.BookNewAsync(log);
        clock.Now = clock.Now.AddDays(1);
        log.AddSettlement(0, record => Visit(record, "410105", "2025-03-01", 850));
        await ledger.BookNewAsync(log);
        clock.Now = clock.Now.AddDays(29);
        log.AddSettlement(0, record => Visit(record, "410122", "2025-06-01", 250));
        log.AddSettlement(0, record =>
        {
            Visit(record, "410122", "2025-06-01", 9_000);
            record.Scheme = "employee";
        });
        await ledger.BookNewAsync(log);
        using FundWatch watch = new(ledger.Get<NpgsqlDataSource>(), clock,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<FundWatch>.Instance);
        List<string> shown = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Name == "Claims.Ledger.Fund") listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            shown.Add(string.Join(
                ' ', [instrument.Name["claims_ledger_".Length..], .. tags.ToArray().Select(tag => (string)tag.Value!), $"{value}"])));
        listener.Start();

        await watch.RefreshAsync(CancellationToken.None);
        listener.RecordObservableInstruments();
        // Payable to facilities and the expense of allowances; posted on the day that the clock shows.
        Assert.Equal(["account_balance_fen 2101 -1800", "account_balance_fen 5102 1800", "benefits_30_days_fen 1100"], shown);

        shown.Clear();
        await ledger.ExecuteAsync("REVOKE SELECT ON posting FROM claims_ledger");
        await watch.RefreshAsync(CancellationToken.None);
        listener.RecordObservableInstruments();
        Assert.Empty(shown);
    }

    [Fact]
    public async Task Plans_of_this_and_the_last_year_are_shown_and_nothing_is_once_they_cannot_be_read()
    {
        // The last hours of 2025 in UTC are 2026 in China.
        StoppedClock clock = new(new DateTimeOffset(2025, 12, 31, 16, 30, 0, TimeSpan.Zero));
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres, clock: clock);
        PublishedLog log = new(1);
        log.AddSettlement(0, record => Visit(record, "410105", "2025-03-01", 850));
        log.AddSettlement(0, record => Visit(record, "410122", "2026-01-01", 250));
        await ledger.OpenAsync(log);
        await ledger.BookNewAsync(log);
        Plans plans = ledger.Get<Plans>();
        foreach ((string scheme, string county, int year, long fen) in new[]
        {
            ("resident", "410105", 2024, 4_000L), ("resident", "410105", 2025, 1_000L), ("resident", "410105", 2026, 2_000L),
            ("resident", "410122", 2026, 200L), ("resident", "410122", 2027, 300L), ("employee", "410102", 2026, 5_000L),
        })
        {
            await plans.SetAsync(scheme, new SetPlanRequest { County = county, Year = year, PlanFen = fen, Revision = 1, Actor = "clerk" },
                RunningLedger.Caller, CancellationToken.None);
        }

        using PlanWatch watch = new(plans, clock, Microsoft.Extensions.Logging.Abstractions.NullLogger<PlanWatch>.Instance);
        List<string> shown = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Name == "Claims.Ledger.Funding") listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) => Show(instrument, value.ToString(CultureInfo.InvariantCulture), tags));
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) => Show(instrument, value.ToString(CultureInfo.InvariantCulture), tags));
        listener.SetMeasurementEventCallback<int>(
            (instrument, value, tags, _) => Show(instrument, value.ToString(CultureInfo.InvariantCulture), tags));
        listener.Start();

        await watch.RefreshAsync(CancellationToken.None);
        Assert.Equal(
            [
                "plan_fen county=410105 year=2025 1000", "plan_fen county=410105 year=2026 2000", "plan_fen county=410122 year=2026 200",
                "plan_spent_fen county=410105 year=2025 850", "plan_spent_fen county=410105 year=2026 0",
                "plan_spent_fen county=410122 year=2026 250",
                "plan_used_ratio county=410105 year=2025 0.85", "plan_used_ratio county=410105 year=2026 0",
                "plan_used_ratio county=410122 year=2026 1.25",
                "plan_warning_percent county=410105 year=2025 80", "plan_warning_percent county=410105 year=2026 0",
                "plan_warning_percent county=410122 year=2026 100",
            ],
            Shown());

        await ledger.ExecuteAsync("REVOKE SELECT ON plan_revision FROM claims_ledger");
        await watch.RefreshAsync(CancellationToken.None);
        Assert.Empty(Shown());
        await ledger.ExecuteAsync("GRANT SELECT ON plan_revision TO claims_ledger");
        await watch.RefreshAsync(CancellationToken.None);
        Assert.Equal(12, Shown().Length);

        string[] Shown()
        {
            shown.Clear();
            listener.RecordObservableInstruments();
            return [.. shown.Order(StringComparer.Ordinal)];
        }

        void Show(Instrument instrument, string value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => shown.Add(
            $"{instrument.Name["claims_ledger_".Length..]} {string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))} {value}");
    }

    [Fact]
    public async Task Years_that_are_proposed_to_be_closed_are_shown_with_their_time_and_none_is_once_they_cannot_be_read()
    {
        StoppedClock clock = new(new DateTimeOffset(2025, 1, 10, 1, 0, 0, TimeSpan.Zero));
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync(), clock: clock, yearCloseDelayHours: 72);
        YearProposals proposals = ledger.Get<YearProposals>();
        await proposals.ProposeAsync(2024, RunningLedger.Caller, CancellationToken.None);
        clock.Now = clock.Now.AddHours(1);
        await proposals.ProposeAsync(2023, RunningLedger.Caller, CancellationToken.None);
        using ClosingWatch watch = new(proposals, clock, Microsoft.Extensions.Logging.Abstractions.NullLogger<ClosingWatch>.Instance);
        List<string> shown = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Name == "Claims.Ledger.Closing") listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            shown.Add($"{instrument.Name["claims_ledger_".Length..]} {tags[0].Key}={tags[0].Value} {(long)value}"));
        listener.Start();

        await watch.RefreshAsync(CancellationToken.None);
        listener.RecordObservableInstruments();
        clock.Now = clock.Now.AddHours(71.5);
        listener.RecordObservableInstruments();
        Assert.Equal(
            [
                "year_closing_due_seconds year=2023 259200", "year_closing_due_seconds year=2024 255600",
                "year_closing_due_seconds year=2023 1800", "year_closing_due_seconds year=2024 -1800",
            ],
            shown);

        shown.Clear();
        await ledger.ExecuteAsync("REVOKE SELECT ON act FROM claims_ledger");
        await watch.RefreshAsync(CancellationToken.None);
        listener.RecordObservableInstruments();
        Assert.Empty(shown);
    }

    [Fact]
    public void Batches_that_wait_for_the_chain_are_shown()
    {
        using AuditMetrics metrics = new();
        List<long> shown = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Name == "claims_ledger_chain_lag_batches") listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => shown.Add(value));
        listener.Start();

        metrics.Observe(new ChainState(ChainEnd.Beginning(new string('0', 32)), 7, ""));
        listener.RecordObservableInstruments();

        Assert.Contains(7L, shown);
    }

    private static void Visit(SettledClaim record, string county, string visitDate, long fundPayFen)
    {
        (record.FacilityCounty, record.VisitDate, record.VisitType) = (county, visitDate, VisitType.DeliveryNatural);
        (record.RateBp, record.CapUsedAfterFen, record.FullSelfPayFen) = (0, 0, 0);
        record.TotalFen = record.InScopeFen = record.FundPayFen = fundPayFen;
    }
}
