using Adjudication.Tests.Outbox;
using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>A store that cannot be trusted pays nothing.</summary>
public sealed class FailClosedTests
{
    private static readonly ModelVisit Visit = new("P01", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);

    [Fact]
    public async Task Run_unopened_shard_refuses()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        ShardQueue shard = fixture.Store.ShardOf(Visit.Insured);
        shard.Close("closed by the test");

        StoreUnavailableException refused =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.RunAsync(StepMode.Settle, Visit));

        Assert.Equal("closed by the test", refused.Message);
        Assert.False(await fixture.Redis.KeyExistsAsync(shard.Keys.Insured(Visit.Insured)));
    }

    public static TheoryData<string> Damages => ["wiped", "foreign", "stale"];

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Run_damaged_store_refuses_and_closes_the_shard(string damage)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, Visit)).Outcome);
        ShardQueue shard = fixture.Store.ShardOf(Visit.Insured);
        await (damage switch
        {
            "wiped" => fixture.Redis.KeyDeleteAsync(shard.Keys.Shard),
            "foreign" => fixture.Redis.HashSetAsync(shard.Keys.Shard, "epoch", "ffffffffffffffffffffffffffffffff"),
            _ => fixture.Redis.HashSetAsync(shard.Keys.Shard, "seq", 0),
        });
        byte[]? before = await fixture.Redis.HashGetAsync(shard.Keys.Insured(Visit.Insured), "fordinary.year:2024");

        foreach (StepMode mode in (StepMode[])[StepMode.Settle, StepMode.Quote, StepMode.Look])
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.RunAsync(mode, Visit with { Request = "r2" }));
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => shard.ReadInsuredAsync(Visit.Insured));
        Assert.Null(shard.Status.Epoch);
        Assert.Equal(before, (byte[]?)await fixture.Redis.HashGetAsync(shard.Keys.Insured(Visit.Insured), "fordinary.year:2024"));
    }

    [Theory]
    [InlineData("settle")]
    [InlineData("look up")]
    [InlineData("read all")]
    [InlineData("ask whether it is ready")]
    public async Task Store_put_back_behind_what_one_instance_knows_is_used_by_no_instance_once_that_one_has_met_it(string met)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue knows = fixture.Store.Shards[0];
        await using SettlementStore other = new(fixture.Redis, shardCount: 1, longestOutbox: 1_000);
        ShardQueue unaware = other.Shards[0];
        unaware.Open(StoreFixture.Epoch, 0);
        foreach (int i in Enumerable.Range(1, 3))
            await fixture.RunAsync(StepMode.Settle, Visit with { Request = $"r{i}", Insured = $"P{i}" });

        // As an append-only file of the second record has it, before either instance has opened the shard anew.
        await fixture.Redis.HashSetAsync(knows.Keys.Shard, [new("seq", 2), new("people", 2)]);
        await fixture.Redis.KeyDeleteAsync(knows.Keys.Insured("P3"));
        await fixture.Redis.SetRemoveAsync(knows.Keys.Known, (byte[])knows.Keys.Insured("P3")!);
        Task meeting = met switch
        {
            "settle" => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r4" }),
            "look up" => knows.ReadInsuredAsync("P1"),
            "read all" => knows.ReadAllAsync(CancellationToken.None).GetAsyncEnumerator().MoveNextAsync().AsTask(),
            _ => knows.FindFaultAsync(TimeSpan.FromSeconds(5)),
        };
        if (met == "ask whether it is ready") await meeting;
        else await Assert.ThrowsAsync<StoreUnavailableException>(() => meeting);

        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
            await unaware.RunAsync(fixture.StepOf(StepMode.Settle, Visit with { Request = "r4", Insured = "P3" })));
        Assert.Equal("Shard 0: STALE the store is behind what was acknowledged.", refused.Message);
        Assert.False(await fixture.Redis.KeyExistsAsync(knows.Keys.Insured("P3")));
        Assert.Equal(3, (long)await fixture.Redis.HashGetAsync(knows.Keys.Shard, "lowest"));
    }

    [Fact]
    public async Task Run_outbox_at_its_bound_pushes_back_and_settles_again_once_trimmed()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1, longestOutbox: 3);
        ShardQueue shard = fixture.Store.Shards[0];
        foreach (int i in Enumerable.Range(1, 3)) await fixture.RunAsync(StepMode.Settle, Visit with { Request = $"r{i}" });

        await Assert.ThrowsAsync<StoreBusyException>(() => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r4" }));
        await fixture.Redis.HashSetAsync(shard.Keys.Shard, "committed", 3);

        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r4" })).Outcome);
    }

    [Fact]
    public async Task Run_redis_killed_in_between_keeps_every_acknowledged_answer()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        StepReply first = await fixture.RunAsync(StepMode.Settle, Visit);

        await fixture.Server.KillAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" }));
        await fixture.Server.RestartAsync();
        StepReply again = await EventuallyAsync(() => fixture.RunAsync(StepMode.Settle, Visit));

        Assert.Equal(StepOutcome.Replay, again.Outcome);
        Assert.Equal(first.Header, again.Header);
    }

    [Fact]
    public async Task Run_scripts_flushed_are_loaded_again()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.Redis.Multiplexer.GetServer("127.0.0.1", fixture.Server.Port).ScriptFlushAsync();

        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" })).Outcome);
    }

    [Fact]
    public async Task Run_sequences_are_given_once_and_without_a_gap()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);

        StepReply[] replies = await Task.WhenAll(Enumerable.Range(0, 2_000).Select(i =>
            fixture.RunAsync(StepMode.Settle, Visit with { Insured = $"P{i % 50}", Request = $"r{i % 700}" })));

        foreach (ShardQueue shard in fixture.Store.Shards)
        {
            var outbox = await OutboxReader.ReadAsync(shard, StoreFixture.Epoch);
            int sequence = (int)await fixture.Redis.HashGetAsync(shard.Keys.Shard, "seq");
            Assert.Equal(Enumerable.Range(1, sequence).Select(number => (long)number),
                outbox.Select(entry => entry.Record.Header.Sequence));
        }

        long given = fixture.Store.Shards.Sum(shard => shard.LowestSequence);
        Assert.Equal(given, replies.LongCount(reply => reply.Outcome is StepOutcome.New));
        Assert.Equal(2_000, replies.Length);
    }

    [Fact]
    public async Task Run_many_at_once_for_one_insured_never_passes_the_cap()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        ModelVisit township = Visit with { RateBasisPoints = 6500, TariffFen = 0 };

        StepReply[] replies = await Task.WhenAll(Enumerable.Range(0, 300)
            .Select(i => fixture.RunAsync(StepMode.Settle, township with { Request = $"r{i}", Facility = $"H{i % 7}" })));

        Assert.Equal(30_000, replies.Sum(reply => reply.Header.FundPayFen));
        Assert.Equal(4, replies.Count(reply => reply.Header.FundPayFen == 6_500));
        Assert.Equal(1, replies.Count(reply => reply.Header.FundPayFen == 4_000));
        Assert.Equal(295, replies.Count(reply => reply.Header.FundPayFen == 0));
    }

    [Theory]
    [InlineData("P01", 32, 18)]
    [InlineData("410101100000101", 32, 5)]
    [InlineData("参保人一", 32, 28)]
    [InlineData("", 32, 25)]
    public void ShardOf_insured_is_the_same_for_ever(string insuredId, int shards, int shard) =>
        Assert.Equal(shard, Shards.Of(insuredId, shards));

    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> attempt)
    {
        using CancellationTokenSource bound = new(TimeSpan.FromSeconds(20));
        while (true)
        {
            try
            {
                return await attempt();
            }
            catch (StoreUnavailableException) when (!bound.IsCancellationRequested)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            }
        }
    }
}
