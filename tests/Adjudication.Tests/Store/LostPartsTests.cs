using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>A store that has lost a part of itself pays nothing to whom it may have paid before.</summary>
public sealed class LostPartsTests
{
    private static readonly ModelVisit Visit = new("P1", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);

    [Fact]
    public async Task Insured_whose_hash_is_gone_is_answered_nothing_in_any_way_and_others_are()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P2" });
        await fixture.Redis.KeyDeleteAsync(shard.Keys.Insured("P1"));

        ModelVisit later = Visit with { Request = "r2" };
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Settle, Visit)).Outcome);
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Settle, later)).Outcome);
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Quote, later)).Outcome);
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Look, Visit)).Outcome);
        foreach (string target in (string[])[RequestField.Of("H1", "r1"), Step.TargetOf(2024, 1)])
            Assert.Equal(StepOutcome.Gone, (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", target)).Outcome);
        Assert.Equal(
            StepOutcome.Gone, (await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "r1"))).Outcome);
        StoreUnavailableException unread = await Assert.ThrowsAsync<StoreUnavailableException>(() => shard.ReadInsuredAsync("P1"));
        Assert.Equal(Unanswered.Lost, unread.Why);

        Assert.False(await fixture.Redis.KeyExistsAsync(shard.Keys.Insured("P1")));
        Assert.Equal(2, (long)await fixture.Redis.HashGetAsync(shard.Keys.Shard, "seq"));
        Assert.Equal(StepOutcome.Replay, (await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P2" })).Outcome);
        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, later with { Insured = "P2" })).Outcome);
        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P3" })).Outcome);
        Assert.Equal(StoreFixture.Epoch, shard.Status.Epoch);
    }

    [Theory]
    [InlineData("qH1\nr1")]
    [InlineData("qH1\nc0")]
    [InlineData("vH1\nV1")]
    [InlineData("bordinary:20240305:H1")]
    [InlineData("fordinary.year:2024")]
    [InlineData("#")]
    public async Task Insured_of_whom_one_field_is_lost_is_answered_what_is_still_there_and_nothing_else(string lost)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit with { VisitId = "V1" });
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r0", Facility = "H2" });
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "x0" });
        Assert.Equal(StepOutcome.New,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c0", RequestField.Of("H1", "x0"))).Outcome);
        Assert.Equal(StepOutcome.New, (await fixture.RunAsync(StepMode.Quote, Visit with { Request = "r2" })).Outcome);
        Assert.True(await fixture.Redis.HashDeleteAsync(shard.Keys.Insured("P1"), lost));

        ModelVisit later = Visit with { Request = "r2", Day = new DateOnly(2025, 1, 7), Facility = "H3" };
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Settle, later)).Outcome);
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Quote, later)).Outcome);
        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Look, later)).Outcome);
        Assert.Equal(StepOutcome.Gone,
            (await fixture.UndoAsync(StepMode.Cancel, "P1", "H2", "c1", RequestField.Of("H2", "r0"))).Outcome);
        Assert.Equal(StepOutcome.Gone,
            (await fixture.UndoAsync(StepMode.Reverse, "P1", "H2", "v1", RequestField.Of("H2", "r0"))).Outcome);
        Assert.Equal(StepOutcome.Gone,
            (await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v2", RequestField.Of("H1", "c0"))).Outcome);
        Assert.Equal(Unanswered.Lost,
            (await Assert.ThrowsAsync<StoreUnavailableException>(() => shard.ReadInsuredAsync("P1"))).Why);
        Assert.Equal(4, (long)await fixture.Redis.HashGetAsync(shard.Keys.Shard, "seq"));

        Assert.Equal(lost == "qH1\nr1" ? StepOutcome.Gone : StepOutcome.Replay,
            (await fixture.RunAsync(StepMode.Settle, Visit with { VisitId = "V1" })).Outcome);
        Assert.Equal(StepOutcome.Replay, (await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r0", Facility = "H2" })).Outcome);
    }

    [Fact]
    public async Task Insured_who_is_gone_does_not_keep_the_rest_of_a_batch()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardKeys keys = fixture.Store.Shards[0].Keys;
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P2" });
        await fixture.Redis.KeyDeleteAsync(keys.Insured("P1"));

        StepReply[] replies = await Task.WhenAll(Enumerable.Range(0, 40).Select(number => fixture.RunAsync(StepMode.Settle,
            Visit with { Insured = (number % 5) switch { 2 => "P1", 4 => "P2", _ => $"N{number}" }, Request = $"b{number}" })));

        Assert.Equal(
            Enumerable.Range(0, 40).Select(number => number % 5 == 2 ? StepOutcome.Gone : StepOutcome.New),
            replies.Select(reply => reply.Outcome));
        Assert.Equal(34, (long)await fixture.Redis.HashGetAsync(keys.Shard, "seq"));
        Assert.Equal(26, (long)await fixture.Redis.HashGetAsync(keys.Shard, "people"));
        Assert.Equal(26, await fixture.Redis.SetLengthAsync(keys.Known));
    }

    [Fact]
    public async Task First_records_of_every_kind_make_an_insured_known_once()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardKeys keys = fixture.Store.Shards[0].Keys;
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2", Day = new DateOnly(2025, 1, 2) });
        await fixture.UndoAsync(StepMode.Reverse, "P2", "H1", "v1", RequestField.Of("H1", "never came"));
        await fixture.RunAsync(StepMode.Quote, Visit with { Insured = "P3" });
        await fixture.RunAsync(StepMode.Look, Visit with { Insured = "P4" });

        Assert.Equal(
            new RedisValue[] { keys.Insured("P1").ToString(), keys.Insured("P2").ToString() },
            (await fixture.Redis.SetMembersAsync(keys.Known)).Order());
        Assert.Equal(2, (long)await fixture.Redis.HashGetAsync(keys.Shard, "people"));
    }

    [Theory]
    [InlineData("all")]
    [InlineData("another")]
    public async Task Set_of_the_known_that_is_not_whole_lets_nobody_in_as_new(string lost)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardKeys keys = fixture.Store.Shards[0].Keys;
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P2" });
        await (lost == "all"
            ? fixture.Redis.KeyDeleteAsync(keys.Known)
            : fixture.Redis.SetRemoveAsync(keys.Known, keys.Insured("P2").ToString()));

        Assert.Equal(StepOutcome.Gone, (await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P3" })).Outcome);
        Assert.Equal(
            Unanswered.Lost,
            (await Assert.ThrowsAsync<StoreUnavailableException>(() => fixture.Store.Shards[0].ReadInsuredAsync("P3"))).Why);
        Assert.Equal(StepOutcome.Replay, (await fixture.RunAsync(StepMode.Settle, Visit)).Outcome);
        Assert.False(await fixture.Redis.KeyExistsAsync(keys.Insured("P3")));
    }

    [Fact]
    public async Task Redis_without_memory_settles_nothing_and_its_outbox_is_read_and_trimmed_all_the_same()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");

        StoreUnavailableException full = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" }));
        Assert.Equal(("Shard 0: Redis answers OOM; nothing happened.", Unanswered.NothingHappened), (full.Message, full.Why));
        RedisResult[] read = (RedisResult[])(await shard.Scripts.CallAsync(
            Script.FromResource("outbox.lua"), [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.Lease],
            [StoreFixture.Epoch, "relay", 5_000, 1, 2, 10]))!;
        Assert.Equal(1, (long)read[0]);
        Assert.Equal(0, await fixture.Redis.StreamLengthAsync(shard.Keys.Outbox));

        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        Assert.Equal(2, (await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2" })).Sequence);
    }
}
