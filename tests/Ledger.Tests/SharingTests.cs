using System.Diagnostics.Metrics;
using Claims.Kafka;
using Claims.Ledger.Posting;
using Claims.V1;
using Npgsql;

namespace Ledger.Tests;

/// <summary>Several instances on one database and one broker.</summary>
[Collection(PostingDatabaseCollection.Name)]
public sealed class SharingTests(LedgerDatabase databases) : IAsyncLifetime
{
    private const int Shards = 8;

    private readonly EmbeddedBroker _broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
    private readonly PublishedLog _log = new PublishedLog(Shards).AddSettlements(150);
    private KafkaPublisher _kafka = null!;
    private string _postgres = "";

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _kafka = new KafkaPublisher(_broker);
    }

    public Task DisposeAsync()
    {
        _kafka.Dispose();
        _broker.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Two_instances_post_half_of_the_shards_each_and_both_tell_of_all()
    {
        await using RunningLedger first = await JoinAsync();
        await using RunningLedger second = await JoinAsync();
        await SharedAsync(first, second);
        Assert.Equal(Enumerable.Range(0, Shards), first.Own.Shards.Concat(second.Own.Shards).Order());
        Assert.Equal(
            Enumerable.Range(0, Shards).Select(shard => shard.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            await first.RowsAsync($"""
                SELECT objid::text FROM pg_locks WHERE locktype = 'advisory' AND classid = {ShardSharing.ShardKey} AND granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY objid
                """));

        await _log.PublishUntilBookedAsync(_kafka, second.Watermarks);
        await _log.BookedAsync(first.Watermarks);

        await Balanced.AssertAsync(second, _log);
        Assert.All(await second.States.ReadAsync(CancellationToken.None),
            shard => Assert.Equal($"{Environment.MachineName}:{Environment.ProcessId}", shard.Instance));
    }

    [Fact]
    public async Task Shards_that_do_not_divide_evenly_are_all_posted()
    {
        await using RunningLedger first = await JoinAsync();
        await using RunningLedger second = await JoinAsync();
        await using RunningLedger third = await JoinAsync();
        RunningLedger[] all = [first, second, third];

        await Eventually.HoldsAsync(
            () => all.All(ledger => ledger.Own.Shards.Count is 2 or 3) && all.Sum(ledger => ledger.Own.Shards.Count) == Shards,
            () => string.Join(", ", all.Select(ledger => ledger.Own.Shards.Count)));

        Assert.Equal(Enumerable.Range(0, Shards), all.SelectMany(ledger => ledger.Own.Shards).Order());
    }

    /// <summary>It is alive, and does not take its half.</summary>
    [Fact]
    public async Task Shards_that_no_instance_takes_are_counted()
    {
        await using NpgsqlDataSource idle = NpgsqlDataSource.Create($"{_postgres};No Reset On Close=true;Minimum Pool Size=1");
        await using NpgsqlCommand alive = idle.CreateCommand($"SELECT pg_advisory_lock_shared({ShardSharing.AliveKey}, 0)");
        await alive.ExecuteNonQueryAsync();

        await using RunningLedger ledger = await JoinAsync();

        LedgerMetrics metrics = ledger.Get<LedgerMetrics>();
        await Eventually.HoldsAsync(() => metrics.Unposted == Shards / 2, () => $"{metrics.Unposted} shards are unposted");
        Assert.Equal(Shards / 2, ledger.Own.Shards.Count);
    }

    [Fact]
    public async Task Instance_that_joins_under_load_takes_its_share_and_one_that_leaves_gives_it_back()
    {
        await using RunningLedger stays = await JoinAsync(batchRecords: 20);
        Task publishing = _log.PublishUntilBookedAsync(_kafka, stays.Watermarks);
        await using (RunningLedger joins = await JoinAsync(batchRecords: 20))
        {
            await SharedAsync(stays, joins);
        }

        await Eventually.HoldsAsync(() => stays.Reading == Shards, () => $"{stays.Reading} partitions");
        await publishing;
        _log.AddSettlements(20);
        await _log.PublishUntilBookedAsync(_kafka, stays.Watermarks);

        await Balanced.AssertAsync(stays, _log);
    }

    [Fact]
    public async Task Instance_whose_session_is_cut_posts_nothing_until_it_has_another()
    {
        await using RunningLedger first = await JoinAsync();
        await using RunningLedger second = await JoinAsync();
        await SharedAsync(first, second);
        Task publishing = _log.PublishUntilBookedAsync(_kafka, first.Watermarks);

        for (int cut = 0; cut < 3; cut++)
        {
            Assert.NotEqual(0, await first.CountAsync(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name "
                + "LIKE 'claims-ledger %'"));
            await Eventually.HoldsAsync(() => first.Own.Shards.Count == 0 || second.Own.Shards.Count == 0, () => "both still hold shards");
            await SharedAsync(first, second);
        }

        await publishing;
        await Balanced.AssertAsync(first, _log);
    }

    [Fact]
    public async Task Instances_that_both_believe_to_own_every_shard_book_each_record_once()
    {
        await using RunningLedger first = await JoinAsync(batchRecords: 10);
        await using RunningLedger second = await JoinAsync(batchRecords: 10);
        await SharedAsync(first, second);
        long moved = 0;
        using MeterListener retries = new();
        retries.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "claims_ledger_batch_retries_total") listener.EnableMeasurementEvents(instrument);
        };
        retries.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref moved, count));
        retries.Start();
        using CancellationTokenSource booked = new();
        Task believing = Task.WhenAll(BelieveAsync(first, booked.Token), BelieveAsync(second, booked.Token));
        int rounds = 0;
        do
        {
            // Whether they meet at a watermark is up to the machine: it was seen that all was booked before they did.
            if (rounds > 0) _log.AddSettlements(150);
            await Task.WhenAll(_log.PublishUntilBookedAsync(_kafka, first.Watermarks),
                _log.PublishUntilBookedAsync(_kafka, second.Watermarks));
        }
        while (Interlocked.Read(ref moved) == 0 && ++rounds < 20);
        await booked.CancelAsync();
        await believing;

        Assert.NotEqual(0, moved);
        await Balanced.AssertAsync(second, _log);

        // Sharing would take half of the shards from each again within a second.
        static async Task BelieveAsync(RunningLedger ledger, CancellationToken booked)
        {
            using PeriodicTimer often = new(TimeSpan.FromMilliseconds(5));
            while (!booked.IsCancellationRequested)
            {
                if (ledger.Own.Shards.Count < Shards) ledger.Own.Set(Enumerable.Range(0, Shards));
                await often.WaitForNextTickAsync(CancellationToken.None);
            }
        }
    }

    [Fact]
    public async Task Watermarks_of_another_instance_arrive_even_when_no_notification_does()
    {
        await using RunningLedger first = await JoinAsync();
        await using RunningLedger second = await JoinAsync();
        await SharedAsync(first, second);
        await first.ExecuteAsync("DROP FUNCTION shard_changed() CASCADE");

        await _log.PublishUntilBookedAsync(_kafka, second.Watermarks);

        await Balanced.AssertAsync(second, _log);
    }

    [Fact]
    public async Task Gap_in_a_shard_is_announced_by_the_instance_that_does_not_post_it()
    {
        await using RunningLedger first = await JoinAsync();
        await using RunningLedger second = await JoinAsync();
        await SharedAsync(first, second);
        int shard = first.Own.Shards.First();
        await using IAsyncEnumerator<Claims.V1.Watermarks> watch = second.Watermarks.WatchAsync(CancellationToken.None)
            .GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());

        _kafka.Publish(_log.Shard(shard).Skip(1).Take(1));

        while (!watch.Current.Shards.Any(news => news.Shard == shard && news.Gap))
            Assert.True(await watch.MoveNextAsync().AsTask().WaitAsync(RunningLedger.Deadline));
        Assert.Equal(0, second.Watermarks.Sequence(shard));
    }

    [Fact]
    public async Task Stop_is_seen_by_every_instance_outlives_the_one_that_stopped_and_ends_when_a_person_says_so()
    {
        await using RunningLedger second = RunningLedger.Create(_postgres, _broker.BootstrapServers);
        int stopped;
        await using (RunningLedger first = await JoinAsync())
        {
            await second.OpenAsync(_log);
            await second.StartPostingAsync();
            await SharedAsync(first, second);
            stopped = first.Own.Shards.First();
            _kafka.Publish(stopped, [0xff]);
            await Eventually.HoldsAsync(() => second.Watermarks.IsStopped(stopped), () => "the stop is not seen");
        }

        await Eventually.HoldsAsync(() => second.Reading == Shards, () => $"{second.Reading} partitions");
        Task publishing = _log.PublishUntilBookedAsync(_kafka, second.Watermarks);
        await Eventually.HoldsAsync(() => Enumerable.Range(0, Shards).All(
            shard => shard == stopped || second.Watermarks.Sequence(shard) == 150), () => "the other shards do not go on");
        Assert.Equal(0, second.Watermarks.Sequence(stopped));
        ShardState state = (await second.States.ReadAsync(CancellationToken.None))[stopped];
        PoisonRow poison = Assert.Single(await second.States.ReadPoisonAsync(CancellationToken.None));
        Assert.Equal((poison.PoisonId, stopped, 1), (state.Stop!.PoisonId, poison.Shard, poison.RecordBytes));
        Assert.Contains("not a SettledClaim", state.Stop.Reason, StringComparison.Ordinal);

        Assert.Equal((0L, state.Stop.Reason), await second.States.ResumeAsync(stopped, RunningLedger.Caller, CancellationToken.None));
        Assert.Null(await second.States.ResumeAsync(stopped, RunningLedger.Caller, CancellationToken.None));

        await publishing;
        await Balanced.AssertAsync(second, _log);
        Assert.Equal(1, await second.CountAsync("SELECT count(*) FROM shard_stop WHERE resumed_at >= stopped_at"));
    }

    private Task<RunningLedger> JoinAsync(int batchRecords = 5_000) =>
        RunningLedger.JoinAsync(_postgres, _broker.BootstrapServers, _log, batchRecords);

    private static Task SharedAsync(RunningLedger first, RunningLedger second) => Eventually.HoldsAsync(
        () =>
            first.Own.Shards.Count == Shards / 2 && second.Own.Shards.Count == Shards / 2 && first.Reading == Shards / 2
            && second.Reading == Shards / 2,
        () => $"{first.Own.Shards.Count} and {second.Own.Shards.Count} shards, {first.Reading} and {second.Reading} read");
}
