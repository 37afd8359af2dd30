using System.Globalization;
using Claims.Adjudication.Store;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>A Redis that answers and takes nothing: visits are refused at once, readiness says so, and both end by themselves.</summary>
public sealed class RefusedWritesTests
{
    private const string FirstLine = "local shard = redis.call('HMGET', KEYS[1],";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly ModelVisit Visit = new("P1", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);
    private static readonly (HealthStatus, string?) Ready = (HealthStatus.Healthy, null);

    [Fact]
    public async Task Redis_without_memory_lets_nobody_in_but_the_relay_until_it_has_some()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        Assert.Equal(Ready, await ReadinessAsync(fixture.Store));
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");

        Assert.Equal(
            (HealthStatus.Unhealthy, "1 of 1 shards are closed or cannot be written: Shard 0: Redis answers OOM; nothing happened."),
            await ReadinessAsync(fixture.Store));
        StoreUnavailableException refused = await UntilRefusedAtOnceAsync(shard);
        Assert.StartsWith(
            "Redis has failed repeatedly and is not called for a moment. OOM ", refused.InnerException!.Message, StringComparison.Ordinal);
        Assert.Equal(HealthStatus.Unhealthy, (await ReadinessAsync(fixture.Store)).Status);
        Assert.Equal(1, await TrimAsync(shard, committed: 1));
        Assert.Equal(0, await fixture.Redis.StreamLengthAsync(shard.Keys.Outbox));

        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        await Eventually.HoldsAsync(Limit, async () => await ReadinessAsync(fixture.Store) == Ready);
        Assert.Equal(2, (await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" })).Sequence);
        Assert.Equal(StepOutcome.Replay, (await fixture.RunAsync(StepMode.Settle, Visit)).Outcome);
    }

    [Fact]
    public async Task Redis_that_lacks_replicas_to_write_to_is_not_ready_although_it_can_be_read()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "min-replicas-to-write", "1");

        Assert.Equal(
            (HealthStatus.Unhealthy, "2 of 2 shards are closed or cannot be written: Shard 0: Redis answers NOREPLICAS; nothing happened."),
            await ReadinessAsync(fixture.Store));

        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "min-replicas-to-write", "0");
        Assert.Equal(Ready, await ReadinessAsync(fixture.Store));
    }

    [Theory]
    [InlineData("wiped", "Shard 1: NOSHARD the shard key is missing.")]
    [InlineData("foreign", "Shard 1: EPOCH the store belongs to another ledger.")]
    [InlineData("stale", "Shard 1: STALE the store is behind what was acknowledged.")]
    public async Task Damaged_shard_is_found_and_closed_although_nobody_sends_and_the_others_stay_ready(string damage, string sentence)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        ShardQueue shard = fixture.Store.Shards[1];
        shard.RaiseLowestSequence(1);
        await fixture.Redis.HashSetAsync(shard.Keys.Shard, "seq", damage == "stale" ? 0 : 1);
        if (damage == "foreign") await fixture.Redis.HashSetAsync(shard.Keys.Shard, "epoch", new string('f', 32));
        if (damage == "wiped") await fixture.Redis.KeyDeleteAsync(shard.Keys.Shard);

        Assert.Equal(
            (HealthStatus.Degraded, $"1 of 2 shards are closed or cannot be written: {sentence}"), await ReadinessAsync(fixture.Store));
        Assert.Equal((null, sentence), (shard.Status.Epoch, shard.Status.Reason));
        Assert.Equal(
            (HealthStatus.Degraded, $"1 of 2 shards are closed or cannot be written: {sentence}"), await ReadinessAsync(fixture.Store));
    }

    [Fact]
    public async Task Redis_that_does_not_answer_in_time_is_not_ready()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await fixture.RunAsync(StepMode.Settle, Visit);
        Assert.Equal(Ready, await ReadinessAsync(fixture.Store));
        await using ConnectionMultiplexer operators =
            await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(fixture.Server.Configuration));
        await operators.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "60000", "WRITE");

        Assert.Equal(
            (HealthStatus.Unhealthy,
                "2 of 2 shards are closed or cannot be written: Shard 0: Redis did not answer; the outcome is unknown."),
            await ReadinessAsync(fixture.Store));

        await operators.GetDatabase().ExecuteAsync("CLIENT", "UNPAUSE");
        await Eventually.HoldsAsync(Limit, async () => await ReadinessAsync(fixture.Store) == Ready);
    }

    [Theory]
    [InlineData("OOM")]
    [InlineData("NOREPLICAS")]
    [InlineData("READONLY")]
    [InlineData("MISCONF")]
    [InlineData("BUSY")]
    [InlineData("LOADING")]
    [InlineData("CLUSTERDOWN")]
    [InlineData("MASTERDOWN")]
    public async Task Shard_whose_every_write_is_refused_is_not_called_and_others_are(string code)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        await using SettlementStore store = new(fixture.Redis, shardCount: 2, longestOutbox: 10, Answering(code, inShard: 0));
        foreach (ShardQueue shard in store.Shards) shard.Open(StoreFixture.Epoch, 0);

        await UntilRefusedAtOnceAsync(store.Shards[0]);

        Assert.Equal(HealthStatus.Degraded, (await ReadinessAsync(store)).Status);
        Assert.Equal(StepOutcome.New, (await store.Shards[1].RunAsync(fixture.StepOf(StepMode.Settle, Visit))).Outcome);
        Assert.Equal(StoreFixture.Epoch, store.Shards[0].Status.Epoch);
    }

    [Theory]
    [InlineData("OUTBOXFULL")]
    [InlineData("TRYAGAIN")]
    [InlineData("NORECORD")]
    [InlineData("NOSHARD")]
    [InlineData("EPOCH")]
    [InlineData("STALE")]
    public async Task Answer_of_the_script_itself_is_no_failure_however_often_it_comes(string code)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await using SettlementStore store = new(fixture.Redis, shardCount: 1, longestOutbox: 10, Answering(code, inShard: 0));
        ShardQueue shard = store.Shards[0];

        for (int call = 0; call < 30; call++)
        {
            // As the opener does.
            shard.Open(StoreFixture.Epoch, 0);
            Exception refused = (await Record.ExceptionAsync(() => shard.RunAsync(fixture.StepOf(StepMode.Settle, Visit)).AsTask()))!;
            Assert.IsNotType<BrokenCircuitException>(refused.InnerException?.InnerException);
        }

        shard.Open(StoreFixture.Epoch, 0);
        Assert.Equal(Ready, await ReadinessAsync(store));
    }

    /// <summary>Sends visits until one is refused without a call; each of them knows that nothing happened.</summary>
    private static async Task<StoreUnavailableException> UntilRefusedAtOnceAsync(ShardQueue shard)
    {
        StoreUnavailableException? refused = null;
        int sent = 0;
        await Eventually.HoldsAsync(Limit, async () =>
        {
            ModelVisit visit = Visit with { Request = string.Create(CultureInfo.InvariantCulture, $"refused {sent++}") };
            refused = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => shard.RunAsync(StoreFixture.StepOf(StepMode.Settle, visit, 0)).AsTask());
            Assert.Equal(Unanswered.NothingHappened, refused.Why);
            return refused.InnerException?.InnerException is BrokenCircuitException;
        });
        Assert.Equal(
            $"Shard {shard.Shard}: Redis has failed repeatedly and is not called for a moment; nothing happened.", refused!.Message);
        return refused;
    }

    /// <summary>As the relay does.</summary>
    /// <returns>The shard's sequence.</returns>
    private static async Task<long> TrimAsync(ShardQueue shard, long committed)
    {
        RedisResult[] read = (RedisResult[])(await shard.OutboxScripts.CallAsync(
            Script.FromResource("outbox.lua"), [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.Lease],
            [StoreFixture.Epoch, "relay", 5_000, committed, committed + 1, 10]))!;
        return (long)read[0];
    }

    private static Script Answering(string code, int inShard) => Script.FromResource("settle.lua").Mutated(
        FirstLine, $"if KEYS[1] == '{{s0{inShard}}}:shard' then return redis.error_reply('{code} said by the test') end {FirstLine}");

    private static async Task<(HealthStatus Status, string? Reason)> ReadinessAsync(SettlementStore store)
    {
        HealthCheckResult result = await new ShardHealth(store).CheckHealthAsync(new HealthCheckContext());
        return (result.Status, result.Description);
    }
}
