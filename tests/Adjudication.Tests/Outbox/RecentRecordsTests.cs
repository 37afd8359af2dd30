using Adjudication.Tests.Accumulators;
using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Outbox;
using Claims.Adjudication.Rules;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Outbox;

public sealed class RecentRecordsTests
{
    private static readonly Citations Cited = new("p", new string('0', 64), "v", "d", "r", "c");

    [Fact]
    public async Task Record_at_hand_says_what_the_outbox_says()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await SettleAsync(fixture, "r1");
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v2", RequestField.Of("H1", "never"));
        ShardQueue shard = fixture.Store.Shards[0];

        RedisResult[] entries = (RedisResult[])(await fixture.Redis.ExecuteAsync("XRANGE", shard.Keys.Outbox, "-", "+"))!;

        Assert.Equal(4, entries.Length);
        foreach ((int index, RedisResult entry) in entries.Index())
        {
            RedisValue[] fields = (RedisValue[])((RedisResult[])entry!)[1]!;
            RecentRecord atHand = Assert.NotNull(shard.Recent.Take(index + 1));
            Assert.Equal(
                Claim(shard.Keys.InsuredIdOf((string)fields[1]!), (string)fields[3]!, OutboxRecord.Read((byte[])fields[5]!)),
                Claim(atHand.Step.InsuredId, atHand.Step.RequestField, atHand.Record));
        }
    }

    [Fact]
    public async Task Take_gives_a_record_once_and_none_that_was_overwritten()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        for (int i = 1; i <= 300; i++) await SettleAsync(fixture, $"r{i}");
        RecentRecords recent = fixture.Store.Shards[0].Recent;

        Assert.False(recent.Has(1));
        Assert.Null(recent.Take(1));
        Assert.True(recent.Has(300));
        Assert.Equal(300, recent.Take(300)?.Sequence);
        Assert.Null(recent.Take(300));
    }

    [Fact]
    public async Task Opening_a_shard_anew_forgets_what_was_at_hand()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await SettleAsync(fixture, "r1");
        ShardQueue shard = fixture.Store.Shards[0];
        Assert.True(shard.Recent.Has(1));

        shard.Open(StoreFixture.Epoch, 0);

        Assert.False(shard.Recent.Has(1));
    }

    private static Task<StepReply> SettleAsync(StoreFixture fixture, string request) =>
        fixture.RunAsync(StepMode.Settle, new ModelVisit("P1", "H1", request, new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 0, 30_000, null));

    private static SettledClaim Claim(string insuredId, string field, in OutboxRecord record) => SettledClaims.Of(0, StoreFixture.Epoch, insuredId, field, record, Cited);
}
