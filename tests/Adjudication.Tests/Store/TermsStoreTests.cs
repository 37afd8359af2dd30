using System.Text.Json;
using Claims.Adjudication.Store;
using Claims.Rules;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>Old answers are told in their old words: the terms must be in Redis before a settlement refers to them.</summary>
public sealed class TermsStoreTests
{
    private const uint Key = 0xD7C3A08B;
    private static readonly Terms Cited = SampleTerms.Of(5_500, 4_000, 30_000);
    private static readonly string Text = JsonSerializer.Serialize(Cited);

    [Fact]
    public async Task KeyOf_writes_the_terms_once_into_each_shard_and_every_instance_reads_them()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        TermsStore terms = fixture.Store.Terms;

        Assert.Equal(Key, await terms.KeyOfAsync(fixture.Store.Shards[0], Cited));

        Assert.Equal([("d7c3a08b", Text)], await StoredAsync(fixture, 0));
        Assert.Empty(await StoredAsync(fixture, 1));
        Assert.False(terms.TryRead(fixture.Store.Shards[1], Key, out _));
        Assert.Equal(Key, await terms.KeyOfAsync(fixture.Store.Shards[1], Cited with { }));
        Assert.Equal([("d7c3a08b", Text)], await StoredAsync(fixture, 1));

        TermsStore other = new(fixture.Redis);
        Assert.False(other.TryRead(fixture.Store.Shards[1], Key, out _));
        Assert.Equal(Text, JsonSerializer.Serialize(await other.ReadAsync(fixture.Store.Shards[1], Key)));
        Assert.True(other.TryRead(fixture.Store.Shards[1], Key, out KeptTerms? read));
        Assert.Equal((Text, Text), (JsonSerializer.Serialize(read.Terms), System.Text.Encoding.UTF8.GetString(read.Text.Span)));
        Assert.NotEqual(Key, await terms.KeyOfAsync(fixture.Store.Shards[0], Cited with { PolicyId = "p7" }));
        StoreUnavailableException missing =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => other.ReadAsync(fixture.Store.Shards[1], Key + 1).AsTask());
        Assert.Equal("Shard 1: the terms of a stored settlement are missing.", missing.Message);
    }

    [Fact]
    public async Task KeyOf_terms_that_could_not_be_written_are_not_known()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];

        // Writing to a key of another type fails, and reading it does.
        await fixture.Redis.StringSetAsync(shard.Keys.Terms, "no hash");
        StoreUnavailableException refused =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.Store.Terms.KeyOfAsync(shard, Cited).AsTask());
        Assert.Equal(("Shard 0: Redis did not answer.", Unanswered.NothingHappened), (refused.Message, refused.Why));
        Assert.False(fixture.Store.Terms.TryRead(shard, Key, out _));
        StoreUnavailableException unread =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.Store.Terms.ReadAsync(shard, Key).AsTask());
        Assert.Equal(Unanswered.Unknown, unread.Why);

        await fixture.Redis.KeyDeleteAsync(shard.Keys.Terms);
        Assert.Equal(Key, await fixture.Store.Terms.KeyOfAsync(shard, Cited));
        Assert.Equal([("d7c3a08b", Text)], await StoredAsync(fixture, 0));
    }

    [Fact]
    public async Task Forget_is_about_one_shard_whose_terms_are_written_again()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        foreach (ShardQueue shard in fixture.Store.Shards)
        {
            await fixture.Store.Terms.KeyOfAsync(shard, Cited);
            await fixture.Redis.KeyDeleteAsync(shard.Keys.Terms);
        }

        fixture.Store.Terms.Forget(1);
        foreach (ShardQueue shard in fixture.Store.Shards) await fixture.Store.Terms.KeyOfAsync(shard, Cited);

        // What is known to be written is not written at every visit.
        Assert.Empty(await StoredAsync(fixture, 0));
        Assert.Equal([("d7c3a08b", Text)], await StoredAsync(fixture, 1));
    }

    private static async Task<IEnumerable<(string, string)>> StoredAsync(StoreFixture fixture, int shard) =>
        (await fixture.Redis.HashGetAllAsync(new RedisKey($"{{s0{shard}}}:terms")))
            .Select(entry => ((string)entry.Name!, (string)entry.Value!));
}
