using System.Buffers;
using Adjudication.Tests.Store;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Rules;
using StackExchange.Redis;

namespace Adjudication.Tests.Outbox;

public sealed class RecentRecordsTests
{
    private static readonly Terms Cited = SampleTerms.Of(5_500, 0, 30_000);

    [Fact]
    public async Task Record_at_hand_says_what_the_outbox_says()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await SettleAsync(fixture, "r1");
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v2", RequestField.Of("H1", "never"));
        ShardQueue shard = fixture.Store.Shards[0];

        var entries = await OutboxReader.ReadAsync(shard, StoreFixture.Epoch);

        Assert.Equal(4, entries.Count);
        StoredRequest scratch = Used.Message<StoredRequest>();
        ArrayBufferWriter<byte> stored = new();
        foreach ((int index, OutboxEntry entry) in entries.Index())
        {
            RecentRecord atHand = Assert.NotNull(shard.Recent.Take(index + 1));
            Assert.Equal(
                SettledClaims.Of(0, StoreFixture.Epoch, new Holder(entry.InsuredId), entry.FacilityCode, entry.RequestId,
                    entry.Record, Cited),
                SettledClaims.Of(0, StoreFixture.Epoch, atHand.Step.Holder, atHand.Step.FacilityCode, atHand.Step.RequestId,
                    atHand.Read(scratch), Cited));
            Assert.Equal(entry.Stored.ToArray(), atHand.Stored(stored).ToArray());
        }
    }

    [Fact]
    public async Task Outbox_gives_each_record_of_a_batch_from_any_sequence_on_as_it_was_appended()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await Task.WhenAll(Enumerable.Range(1, 700).Select(i => SettleAsync(fixture, $"r{i}")));
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r700"));
        ShardQueue shard = fixture.Store.Shards[0];

        var all = await OutboxReader.ReadAsync(shard, StoreFixture.Epoch);

        Assert.True((long)await fixture.Redis.ExecuteAsync("XLEN", shard.Keys.Outbox) < 100, "The batches are not kept as batches.");
        Assert.Equal(Enumerable.Range(1, 701).Select(sequence => (long)sequence), all.Select(entry => entry.Record.Header.Sequence));
        Assert.All(all, entry => Assert.Equal(
            (RecordState.Active, entry.Record.Header.Sequence), (entry.Record.Header.State, entry.Record.Header.Order)));
        foreach (int from in new[] { 2, 63, 64, 65, 130, 501, 701 })
            Assert.Equal(all.Skip(from - 1).Select(entry => entry.RequestId),
                (await OutboxReader.ReadAsync(shard, StoreFixture.Epoch, from)).Select(entry => entry.RequestId));
    }

    [Fact]
    public async Task Take_gives_a_record_once_and_none_that_was_overwritten()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        for (int i = 1; i <= 1_100; i++) await SettleAsync(fixture, $"r{i}");
        RecentRecords recent = fixture.Store.Shards[0].Recent;

        Assert.False(recent.Has(1));
        Assert.Null(recent.Take(1));
        Assert.True(recent.Has(1_100));
        Assert.Equal(1_100, recent.Take(1_100)?.Sequence);
        Assert.Null(recent.Take(1_100));
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
        fixture.RunAsync(StepMode.Settle,
            new ModelVisit("P1", "H1", request, new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 0, 30_000, null));
}
