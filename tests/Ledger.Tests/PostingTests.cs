using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Claims.Kafka;
using Claims.V1;
using Confluent.Kafka;
using Google.Protobuf;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

[Collection(PostingDatabaseCollection.Name)]
public sealed class PostingTests(LedgerDatabase databases)
{
    private const int Shards = 4;

    [Fact]
    public async Task Published_records_are_booked_once_and_balance()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(300);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Cancellations_and_restorations_are_booked_by_their_sums()
    {
        PublishedLog log = new(Shards);
        SettledClaim cancelled = log.AddSettlement(0);
        SettledClaim restored = log.AddSettlement(0);
        log.AddMirror(cancelled, Kind.Cancellation);
        log.AddMirror(restored, Kind.Cancellation);
        log.AddMirror(restored, Kind.Restoration);
        log.AddSettlement(0, record =>
        {
            record.Kind = Kind.RequestOnly;
            record.SettlementId = record.VisitDate = "";
            record.TotalFen = record.FullSelfPayFen = record.InScopeFen = record.FundPayFen = record.CapUsedAfterFen = 0;
        });
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        TrialBalance trial = await ledger.TrialBalanceAsync();
        Assert.Equal((true, 1L, restored.FundPayFen, restored.FundPayFen),
            (trial.Balanced, trial.StandingSettlements, trial.FundPaidFen, trial.DebitFen));
        Assert.Equal(6, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));
    }

    [Fact]
    public async Task Repeated_records_are_dropped()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(50);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger =
            await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log, batchRecords: 7);

        foreach (SettledClaim record in log.Records) kafka.Publish([record, record]);
        kafka.Publish(log.Records);
        await log.BookedAsync(ledger.Watermarks);
        SettledClaim last = log.AddSettlement(0);
        kafka.Publish(log.Shard(0));
        await log.BookedAsync(ledger.Watermarks);

        Assert.Equal(last.Sequence, ledger.Watermarks.Sequence(0));
        await Balanced.AssertAsync(ledger, log);
    }

    [Theory]
    [InlineData("request", true)]
    [InlineData("insured", true)]
    [InlineData("amount", true)]
    [InlineData("fingerprint", true)]
    [InlineData("nothing", false)]
    public async Task Number_that_was_given_out_twice_stops_its_shard_and_both_versions_are_shown(string differs, bool stops)
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(5);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        SettledClaim first = log.Shard(1)[2];
        SettledClaim second = first.Clone();
        switch (differs)
        {
            case "request": second.RequestId = "R1-other"; break;
            case "insured": second.InsuredId = "410101199001011234"; break;
            case "amount": second.FundPayFen--; break;
            case "fingerprint": second.RequestFingerprint = ByteString.CopyFrom([.. Enumerable.Repeat((byte)7, 16)]); break;
        }

        // In one batch with a repeat that is none of it, and with what comes next in that shard and in another.
        log.AddSettlement(1);
        log.AddSettlement(2);
        kafka.Publish([log.Shard(1)[1], second, log.Shard(1)[5], log.Shard(2)[5]]);

        await Eventually.HoldsAsync(() => ledger.Watermarks.Sequence(2) == 6, () => "the other shard does not go on");
        await Eventually.HoldsAsync(() => ledger.Watermarks.IsStopped(1) == stops && (stops || ledger.Watermarks.Sequence(1) == 6),
            () => $"stopped: {ledger.Watermarks.IsStopped(1)}, at {ledger.Watermarks.Sequence(1)}");
        List<string> reasons = await ledger.RowsAsync("SELECT reason FROM poison_record");
        if (!stops)
        {
            Assert.Empty(reasons);
            return;
        }

        Assert.Equal($"has a number that was given out twice, 3: booked is request {first.RequestId} of {first.FacilityCode} for "
            + $"***, {first.FundPayFen} fen; this is request {second.RequestId} of {second.FacilityCode} for "
            + $"{(differs == "insured" ? "***1234" : "***")}, {second.FundPayFen} fen", Assert.Single(reasons));
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM shard_stop WHERE shard = 1"));
        Assert.Equal([first.RequestId], await ledger.RowsAsync("SELECT request_id FROM sub_ledger WHERE shard = 1 AND sequence = 3"));
    }

    [Fact]
    public async Task Record_beyond_the_next_waits_until_the_hole_is_filled()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(3);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        await using IAsyncEnumerator<Claims.V1.Watermarks> watch = ledger.Watermarks.WatchAsync(CancellationToken.None)
            .GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());

        kafka.Publish([log.Shard(1)[0], log.Shard(1)[2]]);
        ShardWatermark announced = await NextOfAsync(watch, shard => shard is { Shard: 1, Gap: true });
        Assert.Equal(1, announced.Sequence);
        Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM sub_ledger"));

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Gap_that_lasts_is_announced_again()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(2);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        await using IAsyncEnumerator<Claims.V1.Watermarks> watch = ledger.Watermarks.WatchAsync(CancellationToken.None)
            .GetAsyncEnumerator();

        kafka.Publish([log.Shard(2)[1]]);

        for (int announcement = 0; announcement < 3; announcement++)
            Assert.Equal(0, (await NextOfAsync(watch, shard => shard is { Shard: 2, Gap: true })).Sequence);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Shuffled_lost_and_repeated_records_come_to_the_same_books(int seed)
    {
        PublishedLog log = new PublishedLog(Shards, seed).AddSettlements(200);
        Random random = new(seed);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger =
            await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log, batchRecords: 20);

        SettledClaim[] shuffled = [.. log.Records.Where(_ => random.Next(10) > 0), .. log.Records.Where(_ => random.Next(10) == 0)];
        random.Shuffle(shuffled);
        kafka.Publish(shuffled);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Broker_away_for_a_while_loses_nothing()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(100);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        broker.TakeDown();
        log.AddSettlements(100);
        kafka.Publish(log.Records);
        broker.BringUp();
        await log.BookedAsync(ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Broker_that_lost_everything_is_filled_again_from_the_watermark()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(100);
        string postgres = await databases.CreateAsync();
        using (EmbeddedBroker lost = EmbeddedBroker.Start(ClaimsTopic.Name, Shards))
        {
            using KafkaPublisher kafka = new(lost);
            await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, lost.BootstrapServers, log);
            kafka.Publish(log.Records.Where(record => record.Sequence <= 60));
            await Eventually.HoldsAsync(
                () => Enumerable.Range(0, Shards).All(shard => ledger.Watermarks.Sequence(shard) == 60), () => "60 records in every shard");
            kafka.Publish(log.Records.Where(record => record.Sequence > 90));
            kafka.Flush();
        }

        using EmbeddedBroker replaced = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher again = new(replaced);
        await using RunningLedger restarted = await RunningLedger.StartAsync(postgres, replaced.BootstrapServers, log);
        await log.PublishUntilBookedAsync(again, restarted.Watermarks);

        await Balanced.AssertAsync(restarted, log);
    }

    [Fact]
    public async Task Broker_that_is_not_there_at_the_start_is_waited_for()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(20);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        broker.TakeDown();
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync(), broker.BootstrapServers);
        string? before = ledger.FeedProblem;
        await ledger.OpenAsync(log);
        await ledger.StartPostingAsync();
        await Eventually.HoldsAsync(() => ledger.FeedProblem != before, () => ledger.FeedProblem ?? "");
        Assert.NotNull(ledger.FeedProblem);

        broker.BringUp();
        using KafkaPublisher kafka = new(broker);
        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);

        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Ledger_ended_at_any_moment_and_started_again_books_each_record_once()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(1_500);
        string postgres = await databases.CreateAsync();
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        for (int booked = 0; booked < log.Records.Count();)
        {
            await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log, batchRecords: 250);
            Task publishing = log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
            int next = booked + 500;
            await Eventually.HoldsAsync(() => Booked(ledger) >= next || publishing.IsCompleted, () => $"{booked} records");
            booked = Booked(ledger);
        }

        await using RunningLedger last = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log);
        await Balanced.AssertAsync(last, log);
    }

    [Fact]
    public async Task Connections_that_PostgreSQL_ends_in_mid_transaction_cost_nothing()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(1_500);
        string postgres = await databases.CreateAsync();
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log, batchRecords: 100);
        await using NpgsqlDataSource killer = NpgsqlDataSource.Create(postgres);

        Task publishing = log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        int kills = 0;
        while (!publishing.IsCompleted && kills < 5)
        {
            await using NpgsqlCommand kill = killer.CreateCommand("""
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
                """);
            if ((long)(await kill.ExecuteScalarAsync())! > 0) kills++;
        }

        await publishing;
        Assert.NotEqual(0, kills);
        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Same_log_in_other_batches_gives_the_same_books()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(150);
        for (int i = 0; i < 40; i++) log.AddSettlement(2, record => record.Scheme = "employee");
        foreach (SettledClaim original in log.Shard(0).Take(40).ToArray()) log.AddMirror(original, Kind.Cancellation);
        List<TrialBalance> books = [];
        foreach (int batchRecords in new[] { 5_000, 13, 1 })
        {
            using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
            using KafkaPublisher kafka = new(broker);
            await using RunningLedger ledger =
                await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log, batchRecords);
            await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
            await Balanced.AssertAsync(ledger, log);
            books.Add(await ledger.TrialBalanceAsync());
        }

        Assert.Equal(books[0], books[1]);
        Assert.Equal(books[0], books[2]);
    }

    /// <summary>It is refused by the books like a faulty record, and is not one: the batch is tried again and goes into the open
    /// month.</summary>
    [Fact]
    public async Task Month_that_closes_under_a_batch_stops_no_shard()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(3);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);
        await ledger.ExecuteAsync("""
            CREATE SEQUENCE tries; GRANT USAGE ON tries TO claims_ledger;
            CREATE FUNCTION closed_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'closed' USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_open'; END IF; RETURN NULL; END $$;
            CREATE TRIGGER closed_twice AFTER INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION closed_twice()
            """);

        kafka.Publish([log.Shard(0)[0]]);
        await Eventually.HoldsAsync(() => ledger.Watermarks.Sequence(0) == 1 || ledger.Watermarks.Stopped.Count > 0,
            () => "the record is neither booked nor set aside");
        kafka.Publish(log.Records);
        await log.BookedAsync(ledger.Watermarks);

        Assert.Empty(ledger.Watermarks.Stopped);
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM poison_record"));
        await Balanced.AssertAsync(ledger, log);
    }

    [Theory]
    [InlineData("epoch", "another store")]
    [InlineData("bytes", "not a SettledClaim")]
    [InlineData("partition", "came through partition")]
    [InlineData("amounts", "do not add up")]
    [InlineData("scheme", "account_scheme_fkey")]
    [InlineData("settlement_id", "sub_ledger_settlement_id_key")]
    [InlineData("control", "22021")]
    public async Task Record_that_cannot_be_booked_is_set_aside_and_stops_only_its_shard(string fault, string reason)
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(20);
        string postgres = await databases.CreateAsync();
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using (RunningLedger ledger = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log))
        {
            foreach (SettledClaim record in log.Records)
            {
                if (record is { Shard: 1, Sequence: 10 }) kafka.Publish(1, Broken(record, fault));
                else kafka.Publish([record]);
            }

            await Eventually.HoldsAsync(
                () => new[] { 0, 2, 3 }.All(shard => ledger.Watermarks.Sequence(shard) == 20) && ledger.Watermarks.Stopped.Count > 0,
                () => $"{Booked(ledger)} booked, {ledger.Watermarks.Stopped.Count} stopped");
            Assert.Equal(9, ledger.Watermarks.Sequence(1));
            (int shard, string why) = Assert.Single(ledger.Watermarks.Stopped);
            Assert.Equal(1, shard);
            Assert.Contains(reason, why, StringComparison.Ordinal);
            Assert.DoesNotContain("I1-", why, StringComparison.Ordinal);
            Assert.Equal(1, await ledger.CountAsync("SELECT count(*) FROM poison_record WHERE shard = 1"));
        }

        await using RunningLedger restarted = await RunningLedger.StartAsync(postgres, broker.BootstrapServers, log);
        Assert.Equal([1], restarted.Watermarks.Stopped.Select(stopped => stopped.Shard));
        Task publishing = log.PublishUntilBookedAsync(kafka, restarted.Watermarks);
        Assert.Equal(9, (await restarted.States.ResumeAsync(1, RunningLedger.Caller, CancellationToken.None))?.Sequence);
        await publishing;
        await Balanced.AssertAsync(restarted, log);
        Assert.Empty(restarted.Watermarks.Stopped);
        Assert.Equal(1, await restarted.CountAsync("SELECT count(*) FROM poison_record"));
    }

    [Fact]
    public async Task Records_that_cannot_be_posted_for_now_wait_in_the_broker_and_not_in_memory()
    {
        const int MostInMemory = 64;
        PublishedLog log = new PublishedLog(Shards).AddSettlements(5_000);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger =
            await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log, batchRecords: 500);
        int most = 0;
        await using (NpgsqlConnection blocker = await ledger.Database.OpenConnectionAsync())
        await using (NpgsqlTransaction standing = await blocker.BeginTransactionAsync())
        {
            await using NpgsqlCommand block = new("SELECT 1 FROM shard_watermark FOR UPDATE", blocker, standing);
            await block.ExecuteNonQueryAsync();
            kafka.Publish(log.Records);
            kafka.Flush();
            await Eventually.HoldsAsync(
                () =>
                {
                    most = Math.Max(most, ledger.Waiting);
                    return most >= MostInMemory;
                },
                () => $"{most} messages in memory");
        }

        await log.PublishUntilBookedAsync(kafka, ledger.Watermarks);
        Assert.Equal(MostInMemory, most);
        await Balanced.AssertAsync(ledger, log);
    }

    [Fact]
    public async Task Posting_of_a_batch_is_linked_to_the_traces_of_its_records()
    {
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        ConcurrentQueue<ActivityLink> links = new();
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "Claims.Ledger",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            // A visit's own span leads back to the batch; TracesTests looks at that.
            ActivityStopped = activity => (activity.OperationName == "ledger.book" ? [] : activity.Links.ToList()).ForEach(links.Enqueue),
        };
        ActivitySource.AddActivityListener(listener);
        PublishedLog log = new PublishedLog(Shards).AddSettlements(20);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
        using KafkaPublisher kafka = new(broker);
        await using RunningLedger ledger = await RunningLedger.StartAsync(await databases.CreateAsync(), broker.BootstrapServers, log);

        foreach (SettledClaim record in log.Records)
        {
            Headers headers = new() { { ClaimsTopic.TraceHeader, Encoding.ASCII.GetBytes(record.Sequence % 2 == 0 ? Trace : "no trace") } };
            kafka.Publish(record.Shard, record.ToByteArray(), headers);
        }

        // Half of them are traced, fewer than a batch is linked to at most.
        await log.BookedAsync(ledger.Watermarks);
        await Eventually.HoldsAsync(() => links.Count >= 40, () => $"{links.Count} links");
        Assert.Equal(40, links.Count);

        // The records of one message come in one batch, and exporters take 128 links.
        SettledMessage message = new();
        for (int i = 0; i < 140; i++) message.Add(log.AddSettlement(0).Clone());
        kafka.Publish(0, message.Take(), new Headers { { ClaimsTopic.TraceHeader, Encoding.ASCII.GetBytes(Trace) } });
        await log.BookedAsync(ledger.Watermarks);
        await Eventually.HoldsAsync(() => links.Count >= 40 + 128, () => $"{links.Count} links");
        Assert.Equal(40 + 128, links.Count);
        Assert.All(links, link => Assert.Equal(
            ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"), (link.Context.TraceId.ToString(), link.Context.SpanId.ToString())));
    }

    [Fact]
    public async Task Topic_with_another_number_of_partitions_is_not_read()
    {
        PublishedLog log = new PublishedLog(Shards).AddSettlements(1);
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards + 1);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync(), broker.BootstrapServers);
        await ledger.OpenAsync(log);

        await ledger.StartPostingAsync();

        await Eventually.HoldsAsync(() => ledger.FeedProblem?.Contains("5 partitions", StringComparison.Ordinal) == true,
            () => ledger.FeedProblem ?? "");
    }

    private static byte[] Broken(SettledClaim record, string fault)
    {
        if (fault == "bytes") return [0xff, 0xff, 0xff];
        SettledClaim broken = record.Clone();
        switch (fault)
        {
            case "epoch": broken.Epoch = new string('f', 32); break;
            case "partition": broken.Shard = 2; break;
            case "amounts": broken.TotalFen++; break;
            case "scheme": broken.Scheme = "unheard-of"; break;
            case "settlement_id": broken.SettlementId = "S01-3"; break;
            case "control": broken.PolicyId = "\0"; break;
            default: throw new ArgumentOutOfRangeException(nameof(fault), fault, null);
        }

        return broken.ToByteArray();
    }

    private static int Booked(RunningLedger ledger) => (int)Enumerable.Range(0, Shards).Sum(shard => ledger.Watermarks.Sequence(shard));

    private static async Task<ShardWatermark> NextOfAsync(IAsyncEnumerator<Claims.V1.Watermarks> watch, Func<ShardWatermark, bool> wanted)
    {
        while (await watch.MoveNextAsync().AsTask().WaitAsync(RunningLedger.Deadline))
        {
            if (watch.Current.Shards.FirstOrDefault(wanted) is { } found) return found;
        }

        throw new InvalidOperationException("the watch ended");
    }
}
