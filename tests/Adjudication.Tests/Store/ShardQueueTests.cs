using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>The bounds of a shard's queue, and what it makes of a Redis that refuses.</summary>
public sealed class ShardQueueTests
{
    private const string FirstLine = "local shard = redis.call('HMGET', KEYS[1],";
    private static readonly ModelVisit Visit = new("P01", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);

    [Fact]
    public async Task Run_more_than_the_queue_holds_is_turned_away_and_the_rest_goes_out_64_at_a_time()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];

        // Loaded before, so that the one call that waits is the script's.
        await fixture.RunAsync(StepMode.Settle, Visit);
        await using ConnectionMultiplexer operators =
            await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(fixture.Server.Configuration));
        await operators.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "60000", "WRITE");
        Task<StepReply>[] away = [.. Enumerable.Range(2, 4_097)
            .Select(number => fixture.RunAsync(StepMode.Settle, Visit with { Request = $"r{number}" }))];
        Assert.Equal(4_096, shard.Waiting);
        Assert.True(fixture.Store.IsOverloaded);

        StoreBusyException busy = await Assert.ThrowsAsync<StoreBusyException>(
            () => fixture.RunAsync(StepMode.Settle, Visit with { Request = "too many" }));

        Assert.Equal("Shard 0 already has 4096 requests waiting.", busy.Message);
        await operators.GetDatabase().ExecuteAsync("CLIENT", "UNPAUSE");
        Assert.Equal(Enumerable.Range(2, 4_097).Select(number => (long)number), (await Task.WhenAll(away)).Select(reply => reply.Sequence));
        StreamEntry[] batches = await fixture.Redis.StreamRangeAsync(shard.Keys.Outbox);
        Assert.Equal([1, 2, .. Enumerable.Range(1, 64).Select(batch => 2 + (64 * batch))],
            batches.Select(batch => int.Parse(((string)batch.Id!).Split('-')[0], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(0, shard.Waiting);
        Assert.False(fixture.Store.IsOverloaded);
    }

    [Fact]
    public async Task Dispose_answers_what_waits_and_takes_nothing_more()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        await using ConnectionMultiplexer operators =
            await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(fixture.Server.Configuration));
        await operators.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "60000", "WRITE");
        Task<StepReply>[] away = [.. Enumerable.Range(2, 100)
            .Select(number => fixture.RunAsync(StepMode.Settle, Visit with { Request = $"r{number}" }))];

        Task disposed = shard.DisposeAsync().AsTask();

        StoreUnavailableException stopping =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.RunAsync(StepMode.Settle, Visit));
        Assert.Equal("Shard 0: the service is stopping.", stopping.Message);
        Assert.False(disposed.IsCompleted);
        await operators.GetDatabase().ExecuteAsync("CLIENT", "UNPAUSE");
        await disposed;
        Assert.Equal(101, (await Task.WhenAll(away))[^1].Sequence);
    }

    [Theory]
    [InlineData("the service stops")]
    [InlineData("the queue is full")]
    public async Task Insured_who_is_put_back_too_late_for_another_turn_is_answered_that_he_was_gone(string meanwhile)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        byte[] stored = (await fixture.Redis.KeyDumpAsync(shard.Keys.Insured(Visit.Insured)))!;
        await fixture.Redis.KeyDeleteAsync(shard.Keys.Insured(Visit.Insured));
        TaskCompletionSource<bool> restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        shard.Restore = _ =>
        {
            asked.SetResult();
            return restored.Task;
        };
        Task<StepReply> gone = fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" });
        await asked.Task;
        await fixture.Redis.KeyRestoreAsync(shard.Keys.Insured(Visit.Insured), stored);
        await using ConnectionMultiplexer operators =
            await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(fixture.Server.Configuration));
        Task<StepReply>[] away = [];
        if (meanwhile == "the service stops")
        {
            await shard.DisposeAsync();
        }
        else
        {
            await operators.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "60000", "WRITE");
            away = [.. Enumerable.Range(1, 4_097)
                .Select(number => fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P02", Request = $"r{number}" }))];
            Assert.Equal(4_096, shard.Waiting);
        }

        restored.SetResult(true);

        Assert.Equal(StepOutcome.Gone, (await gone.WaitAsync(TimeSpan.FromSeconds(30))).Outcome);
        Assert.Equal(Math.Max(away.Length - 1, 0), shard.Waiting);
        await operators.GetDatabase().ExecuteAsync("CLIENT", "UNPAUSE");
        Assert.All(await Task.WhenAll(away), reply => Assert.Equal(StepOutcome.New, reply.Outcome));
    }

    private static readonly (string Refusal, string Sentence, bool StaysOpen)[] Refusals =
    [
        ("OOM a", "Shard 1: Redis answers OOM; nothing happened.", true),
        ("NOREPLICAS b", "Shard 1: Redis answers NOREPLICAS; nothing happened.", true),
        ("MISCONF c", "Shard 1: Redis answers MISCONF; nothing happened.", true),
        ("BUSY d", "Shard 1: Redis answers BUSY; nothing happened.", true),
        ("NOPERM e", "Shard 1: Redis answers NOPERM; nothing happened.", true),
        ("NOAUTH f", "Shard 1: Redis answers NOAUTH; nothing happened.", true),
        ("TRYAGAIN halfway", "Shard 1 is being moved to another Redis node; nothing happened.", true),
        ("CLUSTERDOWN a", "Shard 1: Redis answers CLUSTERDOWN; nothing happened.", true),
        ("LOADING b", "Shard 1: Redis answers LOADING; nothing happened.", true),
        ("MASTERDOWN c", "Shard 1: Redis answers MASTERDOWN; nothing happened.", true),
        ("READONLY d", "Shard 1: Redis answers READONLY; nothing happened.", true),
        ("FAILED e", "Shard 1: Redis did not answer; the outcome is unknown.", true),
        ("NOSHARD the shard key is missing", "Shard 1: NOSHARD the shard key is missing.", false),
        ("EPOCH the store belongs to another ledger", "Shard 1: EPOCH the store belongs to another ledger.", false),
        ("STALE the store is behind what was acknowledged", "Shard 1: STALE the store is behind what was acknowledged.", false),
    ];

    [Fact]
    public async Task Run_refused_by_Redis_says_what_is_known_and_closes_the_shard_only_where_the_store_cannot_be_trusted()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        foreach ((string refusal, string sentence, bool staysOpen) in Refusals)
        {
            Script refusing = Script.FromResource("settle.lua")
                .Mutated(FirstLine, $"do return redis.error_reply('{refusal}') end {FirstLine}");
            await using SettlementStore store = new(fixture.Redis, shardCount: 2, longestOutbox: 10, refusing);
            store.Shards[1].Open(StoreFixture.Epoch, 0);

            StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(() =>
                store.Shards[1].RunAsync(fixture.StepOf(StepMode.Settle, Visit)).AsTask());

            Assert.Equal((sentence, staysOpen ? new ShardStatus(StoreFixture.Epoch, "") : new ShardStatus(null, sentence)),
                (refused.Message, store.Shards[1].Status));
            Assert.Equal(
                refusal.StartsWith("FAILED", StringComparison.Ordinal) ? Unanswered.Unknown : Unanswered.NothingHappened, refused.Why);
        }
    }

    [Fact]
    public async Task Run_full_outbox_says_how_many_the_ledger_has_not_committed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1, longestOutbox: 7);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[0].Keys.Shard, [new("seq", 107), new("committed", 101)]);
        Assert.Equal(108, (await fixture.RunAsync(StepMode.Settle, Visit)).Sequence);

        StoreBusyException busy = await Assert.ThrowsAsync<StoreBusyException>(
            () => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" }));

        Assert.Equal("Shard 0 has 7 records that the ledger has not committed.", busy.Message);
        Assert.Equal(StoreFixture.Epoch, fixture.Store.Shards[0].Status.Epoch);
        Assert.Equal(108, (long)await fixture.Redis.HashGetAsync(fixture.Store.Shards[0].Keys.Shard, "seq"));
    }

    public static TheoryData<string, string> Damages => new()
    {
        { "wiped", "Shard 0: NOSHARD the shard key is missing." },
        { "foreign", "Shard 0: EPOCH the store belongs to another ledger." },
        { "stale", "Shard 0: STALE the store is behind what was acknowledged." },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Each_way_into_a_damaged_store_refuses_by_itself(string damage, string sentence)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" });
        await (damage switch
        {
            "wiped" => fixture.Redis.KeyDeleteAsync(shard.Keys.Shard),
            "foreign" => fixture.Redis.HashSetAsync(shard.Keys.Shard, "epoch", "ffffffffffffffffffffffffffffffff"),
            _ => fixture.Redis.HashSetAsync(shard.Keys.Shard, "seq", 1),
        });
        List<Func<Task>> ways =
        [
            () => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r3" }),
            () => fixture.RunAsync(StepMode.Look, Visit),
            () => fixture.UndoAsync(StepMode.Cancel, Visit.Insured, Visit.Facility, "c1", RequestField.Of(Visit.Facility, "r1")),
            () => shard.ReadInsuredAsync(Visit.Insured),
            async () =>
            {
                await foreach (ShardPage page in shard.ReadAllAsync(CancellationToken.None))
                    Assert.Fail($"A page of a damaged store: {page}");
            },
        ];

        // A year is closed for good by the ledger's word alone: a store that is behind keeps it.
        if (damage != "stale") ways.Add(() => shard.CloseYearAsync(2024));
        foreach (Func<Task> way in ways)
        {
            // As the opener does; what is known to have been given out stays known.
            shard.Open(StoreFixture.Epoch, 0);
            StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(way);
            Assert.Equal((sentence, null), (refused.Message, shard.Status.Epoch));
            Assert.Equal(sentence, (await Assert.ThrowsAsync<StoreUnavailableException>(way)).Message);
        }

        Assert.False(await fixture.Redis.HashExistsAsync(shard.Keys.Shard, "closed"));
    }

    [Fact]
    public async Task LowestSequence_only_rises()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];

        shard.Open(StoreFixture.Epoch, 5);
        shard.RaiseLowestSequence(3);
        shard.Open(StoreFixture.Epoch, 4);

        Assert.Equal(5, shard.LowestSequence);
        StoreUnavailableException stale =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.RunAsync(StepMode.Settle, Visit));
        Assert.Contains("STALE", stale.Message, StringComparison.Ordinal);
        await fixture.Redis.HashSetAsync(shard.Keys.Shard, "seq", 5);
        shard.Open(StoreFixture.Epoch, 0);
        Assert.Equal((6, "2024-00-0000000006"),
            ((await fixture.RunAsync(StepMode.Settle, Visit)).Sequence, SettlementIds.Format(2024, 0, shard.LowestSequence)));
    }

    [Fact]
    public async Task Run_new_settlement_is_told_with_its_id_and_nothing_else_is()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 4);
        ShardQueue shard = fixture.Store.ShardOf(Visit.Insured);
        int woken = 0;
        shard.Appended = () => woken++;
        string expected = SettlementIds.Format(2024, Shards.Of(Visit.Insured, 4), 1);

        Assert.Equal("", (await fixture.RunAsync(StepMode.Quote, Visit)).SettlementId);
        Assert.Equal("", (await fixture.RunAsync(StepMode.Look, Visit)).SettlementId);
        Assert.Equal(0, woken);
        Assert.Equal(expected, (await fixture.RunAsync(StepMode.Settle, Visit)).SettlementId);
        Assert.Equal("", (await fixture.RunAsync(StepMode.Settle, Visit)).SettlementId);
        Assert.Equal("", (await fixture.UndoAsync(StepMode.Cancel, Visit.Insured, "H1", "c1", RequestField.Of("H1", "r1"))).SettlementId);

        Assert.Equal(2, woken);
        Assert.Equal((true, true, false), (shard.Recent.Has(1), shard.Recent.Has(2), shard.Recent.Has(3)));
    }
}
