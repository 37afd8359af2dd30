using Claims.Adjudication.Store;
using Claims.Rules;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>Old answers are told in their old words: the citations must be in Redis before a settlement refers to them.</summary>
public sealed class CitationStoreTests
{
    private const uint Key = 0xF7DF1865;
    private const string Text = """{"PolicyId":"p1","PolicyHash":"h2","VisitType":"v3","Deductible":"d4","Rate":"r5","Cap":"c6"}""";
    private static readonly Citations Cited = new("p1", "h2", "v3", "d4", "r5", "c6");

    [Fact]
    public async Task KeyOf_writes_the_citations_once_into_each_shard_and_every_instance_reads_them()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        CitationStore citations = fixture.Store.Citations;

        Assert.Equal(Key, await citations.KeyOfAsync(fixture.Store.Shards[0], Cited));

        Assert.Equal([("f7df1865", Text)], await StoredAsync(fixture, 0));
        Assert.Empty(await StoredAsync(fixture, 1));
        Assert.False(citations.TryRead(fixture.Store.Shards[1], Key, out _));
        Assert.Equal(Key, await citations.KeyOfAsync(fixture.Store.Shards[1], Cited with { }));
        Assert.Equal([("f7df1865", Text)], await StoredAsync(fixture, 1));

        CitationStore other = new(fixture.Redis);
        Assert.False(other.TryRead(fixture.Store.Shards[1], Key, out _));
        Assert.Equal(Cited, await other.ReadAsync(fixture.Store.Shards[1], Key));
        Assert.True(other.TryRead(fixture.Store.Shards[1], Key, out Citations? read));
        Assert.Equal(Cited, read);
        Assert.NotEqual(Key, await citations.KeyOfAsync(fixture.Store.Shards[0], Cited with { Cap = "c7" }));
        StoreUnavailableException missing =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => other.ReadAsync(fixture.Store.Shards[1], Key + 1).AsTask());
        Assert.Equal("Shard 1: the citations of a stored settlement are missing.", missing.Message);
    }

    [Fact]
    public async Task KeyOf_citations_that_could_not_be_written_are_not_known()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];

        // Writing to a key of another type fails, and reading it does.
        await fixture.Redis.StringSetAsync(shard.Keys.Citations, "no hash");
        StoreUnavailableException refused =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.Store.Citations.KeyOfAsync(shard, Cited).AsTask());
        Assert.Equal("Shard 0: Redis did not answer.", refused.Message);
        Assert.False(fixture.Store.Citations.TryRead(shard, Key, out _));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.Store.Citations.ReadAsync(shard, Key).AsTask());

        await fixture.Redis.KeyDeleteAsync(shard.Keys.Citations);
        Assert.Equal(Key, await fixture.Store.Citations.KeyOfAsync(shard, Cited));
        Assert.Equal([("f7df1865", Text)], await StoredAsync(fixture, 0));
    }

    [Fact]
    public async Task Forget_is_about_one_shard_whose_citations_are_written_again()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        foreach (ShardQueue shard in fixture.Store.Shards)
        {
            await fixture.Store.Citations.KeyOfAsync(shard, Cited);
            await fixture.Redis.KeyDeleteAsync(shard.Keys.Citations);
        }

        fixture.Store.Citations.Forget(1);
        foreach (ShardQueue shard in fixture.Store.Shards) await fixture.Store.Citations.KeyOfAsync(shard, Cited);

        // What is known to be written is not written at every visit.
        Assert.Empty(await StoredAsync(fixture, 0));
        Assert.Equal([("f7df1865", Text)], await StoredAsync(fixture, 1));
    }

    private static async Task<IEnumerable<(string, string)>> StoredAsync(StoreFixture fixture, int shard) =>
        (await fixture.Redis.HashGetAllAsync(new RedisKey($"{{s0{shard}}}:citations")))
            .Select(entry => ((string)entry.Name!, (string)entry.Value!));
}
