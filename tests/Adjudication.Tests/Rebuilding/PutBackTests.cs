using Adjudication.Tests.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Store;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Rebuilding;

/// <summary>An insured who is gone is put back before his visit is answered, where the books have all of him; and a shard is rebuilt by one
/// at a time.</summary>
public sealed class PutBackTests
{
    [Fact]
    public async Task Visits_of_an_insured_who_is_gone_are_answered_from_what_he_was_and_he_is_put_back_once()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        LogLines<Rebuilds> log = await RebuildsAsync(store);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P2", "r1"));
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> before = await store.DumpAsync();
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        StepReply[] replies = await Task.WhenAll(Enumerable.Range(0, 30).Select(number =>
            store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit(number % 3 == 2 ? "P2" : "P1", "r1"))));

        Assert.All(replies, reply => Assert.Equal(StepOutcome.Replay, reply.Outcome));
        Assert.Equal(before, await store.DumpAsync());
        Assert.Equal(
            [(LogLevel.Warning, "Insured *** was gone from shard 0, or not whole, and is restored from 1 booked records")], log.Lines);
    }

    [Fact]
    public async Task Insured_who_is_gone_again_later_is_put_back_each_time()
    {
        // More often than are put back at a time.
        const int Losses = 5;
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        LogLines<Rebuilds> log = await RebuildsAsync(store);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        List<StepOutcome> outcomes = [];

        for (int loss = 0; loss < Losses; loss++)
        {
            await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
            outcomes.Add((await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"))).Outcome);
        }

        Assert.Equal(Enumerable.Repeat(StepOutcome.Replay, Losses), outcomes);
        Assert.Equal(Enumerable.Repeat(LogLevel.Warning, Losses), log.Lines.Select(line => line.Level));
    }

    [Fact]
    public async Task Shard_is_rebuilt_once_at_a_time_and_again_afterwards()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        Rebuilds rebuilds = RebuildsOf(store, new LogLines<Rebuilds>());
        List<RebuildException> refused = [];

        for (int turn = 0; turn < 2; turn++)
        {
            RebuildReport report = await rebuilds.RebuildAsync(0, dryRun: true, async _ =>
                refused.Add(await Assert.ThrowsAsync<RebuildException>(() => rebuilds.RebuildAsync(0, true, _ => Task.CompletedTask))));
            Assert.Equal(new RebuildReport(), report);
        }

        Assert.Equal(Enumerable.Repeat("shard 0 is being rebuilt already", 2), refused.Select(one => one.Message));
    }

    [Fact]
    public async Task Look_up_of_an_insured_who_is_gone_finds_what_he_was()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await RebuildsAsync(store);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        IReadOnlyList<(string Field, byte[] Value)> before = await store.Shard.ReadInsuredAsync("P1");
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        IReadOnlyList<(string Field, byte[] Value)> found = await store.Shard.ReadInsuredAsync("P1");

        Assert.Equal(
            before.Select(field => (field.Field, Convert.ToHexString(field.Value))).Order(),
            found.Select(field => (field.Field, Convert.ToHexString(field.Value))).Order());
    }

    [Fact]
    public async Task Insured_who_cannot_be_put_back_is_answered_that_he_is_gone_and_others_go_on()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        LogLines<Rebuilds> log = await RebuildsAsync(store);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        StepReply gone = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        StepReply other = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P2", "r1"));

        Assert.Equal((StepOutcome.Gone, StepOutcome.New), (gone.Outcome, other.Outcome));
        (LogLevel level, string sentence) = Assert.Single(log.Lines);
        Assert.Equal(LogLevel.Error, level);
        Assert.EndsWith("the books are up to 0 and shard 0 is at 1: what was stored of the insured may be among the rest. Try again, or "
            + "rebuild the shard", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Insured_who_is_gone_again_at_once_is_not_waited_for_twice()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
        int asked = 0;
        store.Shard.Restore = _ =>
        {
            asked++;
            return Task.FromResult(true);
        };

        StepReply gone = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        StepReply later = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));

        Assert.Equal((StepOutcome.Gone, StepOutcome.Gone, 2), (gone.Outcome, later.Outcome, asked));
    }

    [Theory]
    [InlineData("", ActKind.ShardRebuilt, "0")]
    [InlineData("P1-2345", ActKind.InsuredRestored, "***2345")]
    public async Task Dry_run_of_a_rebuild_is_told_and_a_rebuild_alone_is_written_down(string insured, ActKind kind, string subject)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1-2345", "r1"));
        await store.Books.BookAsync(0);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1-2345"));
        WrittenActs acts = new();
        OperationsApi api = ApiOf(store, acts);
        Told<RebuildNews> told = new();

        await api.RebuildShard(new RebuildShardRequest { InsuredId = insured, DryRun = true }, told, new TestCall());
        Assert.Equal((false, 1), (told.Messages[^1].Report.Changed, told.Messages[^1].Report.MissingInsured));
        Assert.Empty(acts.Acts);
        await api.RebuildShard(new RebuildShardRequest { InsuredId = insured }, told, new TestCall());

        Assert.True(told.Messages[^1].Report.Changed);
        Assert.Equal([new RecordActRequest { Kind = kind, Subject = subject, Caller = "claims://role/local" }], acts.Acts);
    }

    [Theory]
    [InlineData(-1, StatusCode.InvalidArgument, "shard is not between 0 and 0")]
    [InlineData(1, StatusCode.InvalidArgument, "shard is not between 0 and 0")]
    [InlineData(0, StatusCode.FailedPrecondition, "the store has not been opened for the first time: there is nothing to rebuild")]
    public async Task Rebuild_that_cannot_be_is_told_with_why(int shard, StatusCode code, string why)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        store.Books.Initialised = false;

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ApiOf(store, new WrittenActs()).RebuildShard(
            new RebuildShardRequest { Shard = shard, DryRun = true }, new Told<RebuildNews>(), new TestCall()));

        Assert.Equal(new Status(code, why), refused.Status);
    }

    private static OperationsApi ApiOf(RebuiltStore store, WrittenActs acts) => new(
        store.Fixture.Store, null!, null!, RebuildsOf(store, new LogLines<Rebuilds>()), null!, new Acts.ActsClient(acts),
        HastyTime.Provider, NullLogger<OperationsApi>.Instance);

    private static async Task<LogLines<Rebuilds>> RebuildsAsync(RebuiltStore store)
    {
        LogLines<Rebuilds> log = new();
        await RebuildsOf(store, log).StartAsync(CancellationToken.None);
        return log;
    }

    private static Rebuilds RebuildsOf(RebuiltStore store, LogLines<Rebuilds> log) =>
        new(store.Fixture.Store, store.Books, HastyTime.Provider, new Lifetime(), log);

    private sealed class Lifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => throw new NotSupportedException("Nothing here stops the service.");
    }
}
