using Adjudication.Tests.Store;
using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Adjudication.Tests.Outbox;

/// <summary>The relay's one step in Redis: lease, trimming, reading.</summary>
public sealed class OutboxScriptTests
{
    private static readonly Script Script = Script.FromResource("outbox.lua");
    private static readonly ModelVisit Visit = new("P1", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 0, 30_000, null);

    [Fact]
    public async Task Lease_is_one_relays_until_it_runs_out_and_is_renewed_in_its_second_half()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        RedisKey lease = fixture.Store.Shards[0].Keys.Lease;

        Assert.Equal("0", await StepAsync(fixture, "one", leaseMs: 60_000));
        Assert.InRange((await fixture.Redis.KeyTimeToLiveAsync(lease))!.Value.TotalSeconds, 30, 60);
        Assert.Equal("LEASED", await StepAsync(fixture, "other", leaseMs: 900_000, committed: 1));
        Assert.InRange((await fixture.Redis.KeyTimeToLiveAsync(lease))!.Value.TotalSeconds, 1, 60);
        Assert.Equal(("one", "0"), ((string?)await fixture.Redis.StringGetAsync(lease),
            (string?)await fixture.Redis.HashGetAsync(fixture.Store.Shards[0].Keys.Shard, "committed")));

        // In its first half it is left alone, for the sake of the write; in its second it gets its whole time again.
        Assert.Equal("0", await StepAsync(fixture, "one", leaseMs: 70_000));
        Assert.InRange((await fixture.Redis.KeyTimeToLiveAsync(lease))!.Value.TotalSeconds, 1, 60);
        Assert.Equal("0", await StepAsync(fixture, "one", leaseMs: 600_000));
        Assert.InRange((await fixture.Redis.KeyTimeToLiveAsync(lease))!.Value.TotalSeconds, 300, 600);

        await fixture.Redis.KeyDeleteAsync(lease);
        Assert.Equal("0", await StepAsync(fixture, "other", leaseMs: 60_000));
        Assert.Equal("other", (string?)await fixture.Redis.StringGetAsync(lease));
    }

    [Fact]
    public async Task Batch_is_trimmed_once_all_of_it_is_committed_and_the_watermark_only_rises()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await SettleBatchesAsync(fixture, [3, 2, 1]);

        foreach ((long committed, string left,
            string kept) in new[] { (2L, "3,5,6", "2"), (3, "5,6", "3"), (1, "5,6", "3"), (4, "5,6", "4"), (6, "", "6"), (0, "", "6") })
        {
            await StepAsync(fixture, "one", committed: committed);
            Assert.Equal(
                (left, kept),
                (string.Join(',', (await fixture.Redis.StreamRangeAsync(shard.Keys.Outbox))
                    .Select(entry => ((string)entry.Id!).Split('-')[0])),
                    (string?)await fixture.Redis.HashGetAsync(shard.Keys.Shard, "committed")));
        }
    }

    [Fact]
    public async Task Records_are_read_from_the_sequence_that_is_wanted_and_no_more_than_are_wanted()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await SettleBatchesAsync(fixture, [3, 2, .. Enumerable.Repeat(1, 20)]);

        foreach ((int from, int count, int[] expected) in new[]
        {
            (1, 2, [1, 2]), (2, 3, [2, 3, 4]), (5, 1, [5]), (24, 9, [24, 25]), (26, 9, []), (1, 0, []),
            (4, 99, (int[])[.. Enumerable.Range(4, 22)]),
        })
            Assert.Equal(expected, await ReadAsync(fixture, from, count));
    }

    [Fact]
    public async Task Record_that_is_not_there_or_a_store_that_is_anothers_is_an_error()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await SettleBatchesAsync(fixture, [2]);
        await fixture.Redis.HashDeleteAsync(shard.Keys.Insured("P1"), RequestField.Of("H1", "b0i1"));
        Assert.Equal([1], await ReadAsync(fixture, 1, 1));
        Assert.Contains("NORECORD the record of sequence 2",
            (await Assert.ThrowsAsync<RedisServerException>(() => ReadAsync(fixture, 1, 2))).Message, StringComparison.Ordinal);

        await fixture.Redis.HashSetAsync(shard.Keys.Shard, "epoch", "another");
        Assert.StartsWith("EPOCH", (await Assert.ThrowsAsync<RedisServerException>(() => StepAsync(fixture, "one"))).Message,
            StringComparison.Ordinal);
        await fixture.Redis.KeyDeleteAsync(shard.Keys.Shard);
        Assert.StartsWith("NOSHARD", (await Assert.ThrowsAsync<RedisServerException>(() => StepAsync(fixture, "one"))).Message,
            StringComparison.Ordinal);
    }

    /// <returns>The shard's sequence, or LEASED.</returns>
    private static async Task<string?> StepAsync(StoreFixture fixture, string relay, long leaseMs = 60_000, long committed = 0) =>
        (string?)(await CallAsync(fixture, relay, leaseMs, committed, 1, 0))[0];

    private static async Task<IEnumerable<int>> ReadAsync(StoreFixture fixture, int from, int count)
    {
        ReadOnlyMemory<byte> rest = (byte[])(await CallAsync(fixture, "one", 60_000, 0, from, count))[1]!;
        List<int> read = [];
        while (!rest.IsEmpty) read.Add((int)OutboxEntry.Take(ref rest, new ShardKeys(0), new StoredRequest()).Record.Header.Sequence);
        return read;
    }

    private static async Task<RedisValue[]> CallAsync(StoreFixture fixture, string relay, long leaseMs, long committed, int from, int count)
    {
        ShardQueue shard = fixture.Store.Shards[0];
        return (RedisValue[])(await shard.Scripts.CallAsync(
            Script, [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.Lease],
            [StoreFixture.Epoch, relay, leaseMs, committed, from, count]))!;
    }

    /// <summary>Calls of the script with so many visits each.</summary>
    private static async Task SettleBatchesAsync(StoreFixture fixture, int[] sizes)
    {
        ShardQueue shard = fixture.Store.Shards[0];
        Script settle = Script.FromResource("settle.lua");
        foreach ((int batch, int size) in sizes.Index())
        {
            Step[] steps = [.. Enumerable.Range(0, size)
                .Select(item => fixture.StepOf(StepMode.Settle, Visit with { Request = $"b{batch}i{item}" }))];
            await shard.Scripts.CallAsync(
                settle,
                [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.Known, .. steps.Select(step => shard.Keys.Insured(step.InsuredId))],
                [StoreFixture.Epoch, 0, 1_000, .. steps.Select(step => (RedisValue)step.Item)]);
        }
    }
}
