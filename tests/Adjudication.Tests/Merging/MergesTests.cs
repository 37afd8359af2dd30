using System.Globalization;
using Adjudication.Tests.Rebuilding;
using Adjudication.Tests.Store;
using Claims.Adjudication.Merging;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Store;
using Claims.V1;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using StackExchange.Redis;

namespace Adjudication.Tests.Merging;

/// <summary>Two ids that are one person, in one shard and in two, with the merge and its undoing broken off at any step.</summary>
public sealed class MergesTests
{
    private const int ShardCount = 4;
    private const int Histories = 60;
    private const int LongestHistory = 40;
    private static readonly DateOnly Day = new(2024, 3, 5);

    [Fact]
    public async Task Any_history_of_two_ids_gives_what_a_plain_model_gives_and_the_books_give_it_back()
    {
        await using RebuiltStore store = await StartAsync();
        int run = 0;

        // A failure names the seed: "(a,b)", to be given to Config.WithReplay.
        await Task.Factory.StartNew(
            () => Prop.ForAll(Arb.From(Gen.Choose(0, 99_999).ArrayOf()),
                    history => LivesAsync(store, run++, history).GetAwaiter().GetResult())
                .Check(Config.QuickThrowOnFailure.WithMaxTest(Histories).WithEndSize(LongestHistory)),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Merged_ids_have_one_cap_one_deductible_a_day_and_one_list(bool oneShard)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard, 1));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000, "v1");
        await pair.SettleAsync(pair.New, "r1", Day, 3_000);
        Assert.Equal("new 1000 15950", await pair.SettleAsync(pair.New, "r2", Day, 30_000));

        MergeOutcome outcome = await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "新生儿临时编号");

        Assert.True(outcome.IsNew);
        Assert.Equal(["bordinary:20240305:H1 8000 of 4000"], outcome.Overdrawn.Select(over => over.ToString()));
        foreach (string id in (string[])[pair.Old, pair.New])
        {
            Assert.Equal("new 0 " + (id == pair.Old ? "5500" : "5250"), await pair.SettleAsync(id, "r3", Day, 10_000));
            Assert.Equal("VISIT_ALREADY_SETTLED", await pair.SettleAsync(id, $"again {id}", Day, 10_000, "v1"));
        }

        Assert.Equal("replay 4000 3300", await pair.SettleAsync(pair.Old, "r1", Day, 10_000, "v1"));
        Assert.Equal("replay 3000 0", await pair.SettleAsync(pair.New, "r1", Day, 3_000));
        Assert.Equal(5, StoredAnswer.AllOf((await pair.Merges.ReadAsync(pair.Old)).Fields).Count);
        Assert.Equal(pair.New, (await pair.Merges.ReadAsync(pair.Old)).InsuredId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Settlement_of_a_merged_id_is_cancelled_and_restored_under_either_and_found_by_its_id(bool oneShard)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard, 2));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.SettleAsync(pair.Old, "r2", Day.AddDays(1), 10_000);
        Assert.Equal("new 4000 3300", await pair.UndoAsync(StepMode.Cancel, pair.Old, "c2", "r2"));
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");

        Assert.Equal("replay 4000 3300", await pair.UndoAsync(StepMode.Cancel, pair.Old, "c2", "r2"));
        Assert.Equal("new 4000 3300", await pair.UndoAsync(StepMode.Cancel, pair.New, "c1", "r1"));
        Assert.Equal("REQUEST_CANCELLED", await pair.SettleAsync(pair.Old, "r1", Day, 10_000));
        Assert.Equal("new 4000 3300", await pair.UndoAsync(StepMode.Reverse, pair.New, "u1", "c1"));
        Assert.Equal("new 4000 3300", await pair.UndoAsync(StepMode.Reverse, pair.Old, "u2", "c2"));
        Assert.Equal("replay 4000 3300", await pair.SettleAsync(pair.Old, "r2", Day.AddDays(1), 10_000));
        int oldShard = store.Fixture.Store.ShardOf(pair.Old).Shard;
        StepReply byId = await pair.RunAsync(pair.New, (holder, shard) => shard.RunAsync(Step.Undoing(
            StepMode.Cancel, holder, "H1", "c9", Step.TargetOf(2024, oldShard, 1, shard.Shard), Step.TargetOf(2024, 1),
            new StoredUndoing())));
        Assert.Equal(StepOutcome.New, byId.Outcome);
        UndoingRecord record = UndoingRecord.Read(byId.Bytes);
        Assert.Equal(SettlementIds.Format(2024, oldShard, 1), SettlementIds.Format(2024, 3, record.TargetSequence));
        await store.BookAndCompareAsync(pair.Ids);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Undoing_parts_both_as_they_were_and_is_refused_once_something_was_settled(bool oneShard)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard, 3));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.SettleAsync(pair.New, "r1", Day, 20_000);
        (string, string)[] before = await pair.AccumulatorsAsync();
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
        Assert.NotEqual(before, await pair.AccumulatorsAsync());

        await pair.Merges.PartAsync(pair.Old, pair.New, "乙", "合并有误");

        Assert.Equal(before, await pair.AccumulatorsAsync());
        Assert.Equal([("甲", "因由"), ("乙", "合并有误")], await pair.WrittenAsync(pair.Old, "merge-out", "unmerge-out"));
        Assert.Equal([("甲", "因由"), ("乙", "合并有误")], await pair.WrittenAsync(pair.New, "merge-in", "unmerge-in"));
        Assert.Equal("replay 4000 3300", await pair.SettleAsync(pair.Old, "r1", Day, 10_000));
        await store.BookAndCompareAsync(pair.Ids);
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
        await pair.SettleAsync(pair.Old, "r2", Day, 1_000);
        MergeException refused = await Assert.ThrowsAsync<MergeException>(
            () => pair.Merges.PartAsync(pair.Old, pair.New, "乙", "合并有误"));
        Assert.Contains("since the two were merged", refused.Message, StringComparison.Ordinal);
        await store.BookAndCompareAsync(pair.Ids);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Visits_that_a_settlement_stands_for_under_either_id_are_told(bool oneShard)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard, 12));
        await pair.SettleAsync(pair.Old, "r1", Day, 5_000, "v1");
        await pair.SettleAsync(pair.Old, "r2", Day, 5_000, "v2");
        await pair.SettleAsync(pair.Old, "r3", Day, 5_000, "v3");
        await pair.SettleAsync(pair.New, "r1", Day, 5_000, "v1");
        await pair.SettleAsync(pair.New, "r2", Day, 5_000, "v3");
        await pair.UndoAsync(StepMode.Cancel, pair.New, "c2", "r2");
        await pair.SettleAsync(pair.New, "r3", Day, 5_000, "v4");

        MergeOutcome outcome = await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");

        Assert.Equal(["H1 v1"], outcome.SettledTwice);
        Assert.Equal(["H1 v1"], (await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由")).SettledTwice);
    }

    [Theory]
    [InlineData(30_000, 21_999, "fordinary.year:2024 22000 of 21999")]
    [InlineData(30_000, 22_000, "")]
    [InlineData(21_999, 30_000, "")]
    public async Task Overdrawn_is_what_passes_the_limit_that_bound_the_newest_record(long limitOfNew, long limitOfOld, string told)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        ModelVisit visit = new("P-new", "H1", "r1", Day, 20_000, 20_000, 5_500, 0, limitOfNew, null);
        await store.Fixture.RunAsync(StepMode.Settle, visit);
        await store.Fixture.RunAsync(StepMode.Settle, visit with { Insured = "P-old", CapFen = limitOfOld });

        // An allowance shows the cap, and the cap does not bind it.
        await store.Fixture.RunAsync(StepMode.Settle, visit with { Insured = "P-old", Request = "r2", CapFen = 1, AllowanceFen = 100 });

        MergeOutcome outcome = await new Merges(store.Fixture.Store, TimeProvider.System).MergeAsync("P-old", "P-new", "甲", "因由");

        Assert.Equal(told, string.Join("; ", outcome.Overdrawn));
    }

    [Fact]
    public async Task Merge_and_its_undoing_move_more_fields_than_one_call_of_Redis_takes()
    {
        const int Records = 1_100;
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ShardQueue shard = fixture.Store.Shards[0];
        ModelVisit visit = new("P-old", "H1", "r1", Day, 100, 100, 5_500, 0, 30_000, null);
        await Task.WhenAll(Enumerable.Range(1, Records)
            .Select(number => fixture.RunAsync(StepMode.Settle, visit with { Request = $"r{number}" })));
        await fixture.RunAsync(StepMode.Settle, visit with { Insured = "P-new" });
        Merges merges = new(fixture.Store, TimeProvider.System);

        await merges.MergeAsync("P-old", "P-new", "甲", "因由");
        Assert.Equal(Records + 1, StoredAnswer.AllOf(await shard.ReadInsuredAsync("P-new")).Count);
        await merges.PartAsync("P-old", "P-new", "乙", "有误");

        Assert.Single(StoredAnswer.AllOf(await shard.ReadInsuredAsync("P-new")));
        Assert.Equal(Records, StoredAnswer.AllOf(await shard.ReadInsuredAsync("P-old")).Count);
        foreach (string insured in (string[])["P-old", "P-new"])
            Assert.Equal(StepOutcome.Replay, (await fixture.RunAsync(StepMode.Settle, visit with { Insured = insured })).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Visit_that_is_settled_between_reading_and_merging_is_brought_too(bool oneShard)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard, 17));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.SettleAsync(pair.New, "r1", Day, 10_000);
        Merges merges = new(store.Fixture.Store, new Meanwhile(
            () => Assert.Equal("new 0 1100", pair.SettleAsync(pair.Old, "r2", Day, 2_000).GetAwaiter().GetResult())));

        Assert.True((await merges.MergeAsync(pair.Old, pair.New, "甲", "因由")).IsNew);

        Assert.Equal("replay 0 1100", await pair.SettleAsync(pair.Old, "r2", Day, 2_000));
        Assert.Equal(3, StoredAnswer.AllOf((await pair.Merges.ReadAsync(pair.New)).Fields).Count);
        await store.BookAndCompareAsync(pair.Ids);
    }

    [Fact]
    public async Task Id_that_was_merged_is_neither_merged_into_another_one_nor_parted_from_it()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 13));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");

        Assert.EndsWith("已合并入另一编号", (await Assert.ThrowsAsync<MergeException>(
            () => pair.Merges.MergeAsync(pair.Old, "N13", "甲", "因由"))).Message, StringComparison.Ordinal);
        Assert.EndsWith("未合并入该编号", (await Assert.ThrowsAsync<MergeException>(
            () => pair.Merges.PartAsync(pair.Old, "N13", "乙", "有误"))).Message, StringComparison.Ordinal);
        Assert.Equal(pair.New, (await pair.Merges.ReadAsync(pair.Old)).InsuredId);
    }

    [Fact]
    public async Task Terms_of_records_that_are_brought_to_another_shard_come_with_them()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 14));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        ShardQueue from = store.Fixture.Store.ShardOf(pair.Old), to = store.Fixture.Store.ShardOf(pair.New);
        HashEntry[] terms = await store.Redis.HashGetAllAsync(from.Keys.Terms);
        await store.Redis.KeyDeleteAsync(to.Keys.Terms);
        store.Fixture.Store.Terms.Forget(to.Shard);

        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");

        Assert.Equal(terms, await store.Redis.HashGetAllAsync(to.Keys.Terms));
    }

    [Fact]
    public async Task Terms_of_records_that_a_merge_has_brought_come_back_with_a_rebuild()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 16));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
        await store.BookAndCompareAsync(pair.Ids);
        Assert.Equal(store.Fixture.Store.ShardOf(pair.New).Shard, store.Shard.Shard);
        HashEntry[] terms = await store.Redis.HashGetAllAsync(store.Shard.Keys.Terms);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Terms);

        Assert.True((await store.RebuildAsync(dryRun: true)).RestDiffers);
        await store.RebuildAsync();

        Assert.Equal(terms, await store.Redis.HashGetAllAsync(store.Shard.Keys.Terms));
    }

    [Fact]
    public async Task Merge_of_more_than_one_message_takes_is_refused_and_the_id_is_settled_for_as_before()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 15));
        for (int number = 0; number < 9; number++) await pair.SettleAsync(pair.Old, $"r{number}", Day, 1_000, storedBytes: 50_000);

        MergeException refused = await Assert.ThrowsAsync<MergeException>(
            () => pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由"));

        Assert.Contains("at most 400000 can be merged", refused.Message, StringComparison.Ordinal);
        Assert.Equal(pair.Old, (await pair.Merges.ReadAsync(pair.Old)).InsuredId);
        Assert.Equal("replay 1000 0", await pair.SettleAsync(pair.Old, "r0", Day, 1_000));
    }

    [Fact]
    public async Task Ids_that_were_merged_one_into_the_next_are_followed_to_the_last()
    {
        await using RebuiltStore store = await StartAsync();
        Pair first = new(store, Ids(oneShard: false, 4));
        Pair second = new(store, [first.New, Ids(oneShard: false, 5)[1]]);
        await first.SettleAsync(first.Old, "r1", Day, 10_000);
        await first.SettleAsync(first.New, "r1", Day, 20_000);
        await first.Merges.MergeAsync(first.Old, first.New, "甲", "因由");
        await second.Merges.MergeAsync(second.Old, second.New, "甲", "因由");

        Assert.Equal("replay 4000 3300", await first.SettleAsync(first.Old, "r1", Day, 10_000));
        Assert.Equal("replay 4000 8800", await first.SettleAsync(first.New, "r1", Day, 20_000));
        Assert.Equal("new 0 5500", await first.SettleAsync(first.Old, "r2", Day, 10_000));
        Assert.Equal("new 0 0", (await second.SettleAsync(second.New, "r2", Day, 0)));
        Assert.Contains("was itself merged", (await Assert.ThrowsAsync<MergeException>(
            () => first.Merges.MergeAsync("Z9", first.New, "甲", "因由"))).Message, StringComparison.Ordinal);
        Assert.Contains("undo that first", (await Assert.ThrowsAsync<MergeException>(
            () => first.Merges.PartAsync(first.Old, first.New, "甲", "因由"))).Message, StringComparison.Ordinal);
        await store.BookAndCompareAsync([first.Old, first.New, second.New]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rebuilding_from_the_books_gives_back_every_field_of_merged_ids(bool booked)
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 6));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000, "v1");
        await pair.SettleAsync(pair.New, "r1", Day, 20_000, "v2");
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
        await pair.SettleAsync(pair.Old, "r2", Day, 2_000);
        await pair.UndoAsync(StepMode.Cancel, pair.New, "c1", "r2");
        foreach (string id in pair.Ids)
        {
            await store.TurnToAsync(store.Fixture.Store.ShardOf(id).Shard);
            SortedDictionary<string, string> before = await store.DumpAsync();
            if (booked)
            {
                await store.BookAllAsync();
                await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured(id));
            }
            else
            {
                await store.Redis.HashSetAsync(store.Shard.Keys.Insured(id), "fordinary.year:2024", "7");
            }

            RebuildReport report = await store.RebuildAsync();

            Assert.True(report.Changed);
            Assert.Empty(report.LostNumbers);
            Assert.Equal(before, await store.DumpAsync());
        }

        Assert.Equal("new 0 550", await pair.SettleAsync(pair.Old, "r4", Day, 1_000));
    }

    [Fact]
    public async Task Merge_that_was_broken_off_is_gone_through_with_by_the_next_visit_or_the_next_run()
    {
        await using RebuiltStore store = await StartAsync();
        foreach (bool byVisit in (bool[])[true, false])
        {
            Pair pair = new(store, Ids(oneShard: false, byVisit ? 7 : 8));
            await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
            await pair.SettleAsync(pair.New, "r1", Day, 10_000);
            pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
            await Assert.ThrowsAsync<IOException>(() => pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由"));
            await store.BookAndCompareAsync(pair.Ids);
            Assert.Equal("new 0 1100", await pair.SettleAsync(pair.New, "r2", Day, 2_000));

            // Another instance, which knows nothing of it.
            Pair other = new(store, pair.Ids);
            if (!byVisit) Assert.False((await other.Merges.MergeAsync(pair.Old, pair.New, "乙", "另一事由")).IsNew);
            Assert.Equal("new 0 550", await other.SettleAsync(pair.Old, "r2", Day, 1_000));
            Assert.Equal([("甲", "因由")], await other.WrittenAsync(pair.New, "merge-in"));
            Assert.Equal(4, StoredAnswer.AllOf((await other.Merges.ReadAsync(pair.New)).Fields).Count);
            await store.BookAndCompareAsync(pair.Ids);
        }
    }

    [Fact]
    public async Task Undoing_that_was_broken_off_is_gone_through_with_by_the_next_visit()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 9));
        await pair.SettleAsync(pair.Old, "r1", Day, 10_000);
        await pair.SettleAsync(pair.New, "r1", Day, 10_000);
        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
        pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
        await Assert.ThrowsAsync<IOException>(() => pair.Merges.PartAsync(pair.Old, pair.New, "甲", "有误"));
        await store.BookAndCompareAsync(pair.Ids);

        Assert.Equal("new 0 1100", await pair.SettleAsync(pair.New, "r2", Day, 2_000));
        Assert.Equal("new 0 550", await pair.SettleAsync(pair.Old, "r2", Day, 1_000));

        Assert.Equal([(3_300L + 1_100, 2), (3_300L + 550, 2)],
            [await PaidAsync(pair.New), await PaidAsync(pair.Old)]);
        await store.BookAndCompareAsync(pair.Ids);

        async Task<(long, int)> PaidAsync(string id)
        {
            IReadOnlyList<(string Field, byte[] Value)> fields = (await pair.Merges.ReadAsync(id)).Fields;
            return (
                fields.Select(field => AccumulatorField.Read(field.Field, field.Value)).OfType<AccumulatorField>()
                    .Single(field => field.Day is null).Amount,
                StoredAnswer.AllOf(fields).Count);
        }
    }

    [Fact]
    public async Task Merge_after_an_undoing_that_was_broken_off_makes_them_one_again()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 11));
        await pair.SettleAsync(pair.Old, "r1", Day, 60_000);
        string first = (await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由")).Merge;
        pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
        await Assert.ThrowsAsync<IOException>(() => pair.Merges.PartAsync(pair.Old, pair.New, "乙", "有误"));
        pair.Merges.BetweenSteps = _ => Task.CompletedTask;

        MergeOutcome again = await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "确为一人");

        Assert.True(again.IsNew);
        Assert.NotEqual(first, again.Merge);
        Assert.Equal("new 0 0", await pair.SettleAsync(pair.New, "r2", Day, 2_500));
        await store.BookAndCompareAsync(pair.Ids);
    }

    [Fact]
    public async Task Visit_of_a_half_merged_id_is_told_to_try_again_while_the_other_shard_is_away()
    {
        await using RebuiltStore store = await StartAsync();
        Pair pair = new(store, Ids(oneShard: false, 10));
        pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
        await Assert.ThrowsAsync<IOException>(() => pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由"));
        ShardQueue away = store.Fixture.Store.ShardOf(pair.New);
        ShardStatus status = away.Status;
        await store.StopOpeningAsync();
        away.Close("its node is away");

        StoreUnavailableException refused =
            await Assert.ThrowsAsync<StoreUnavailableException>(() => pair.SettleAsync(pair.Old, "r1", Day, 10_000));

        Assert.Equal(Unanswered.NothingHappened, refused.Why);
        away.Open(status.Stamp!, away.LowestSequence);
        Assert.Equal("new 4000 3300", await pair.SettleAsync(pair.Old, "r1", Day, 10_000));
    }

    /// <summary>The system's clock; something happens when it is first looked at.</summary>
    private sealed class Meanwhile(Action happens) : TimeProvider
    {
        private Action? _happens = happens;

        public override DateTimeOffset GetUtcNow()
        {
            Interlocked.Exchange(ref _happens, null)?.Invoke();
            return base.GetUtcNow();
        }
    }

    private static Task<RebuiltStore> StartAsync() => RebuiltStore.StartAsync(ShardCount);

    /// <summary>Two ids of one shard, or of two.</summary>
    private static string[] Ids(bool oneShard, int salt)
    {
        string old = $"新生儿{salt}";
        return
        [
            old,
            Enumerable.Range(0, int.MaxValue).Select(attempt => $"N{salt}-{attempt}")
                .First(id => Shards.Of(id, ShardCount) == Shards.Of(old, ShardCount) == oneShard),
        ];
    }

    private static async Task LivesAsync(RebuiltStore store, int run, int[] history)
    {
        Pair pair = new(store, Ids(run % 2 == 0, 1_000 + run));
        MergeModel model = new(pair.Old, pair.New);
        bool isHalfDone = false;
        foreach ((int number, int what) in history.Index())
        {
            string id = pair.Ids[what % 2];
            string request = $"r{number}";
            string earlier = $"r{what / 2 % 25}";
            DateOnly day = new(2024 + (what / 50 % 2), 3, 1 + (what / 100 % 3));

            // A visit under the merged id goes through with what is half done; one under the other does not wait for it.
            if (isHalfDone && id == pair.Old)
            {
                model.Merge();
                isHalfDone = false;
            }

            switch (what / 300 % 10)
            {
                case 0:
                    bool breaks = what / 3_000 % 2 == 0;
                    if (breaks) pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
                    bool wasMerged = model.IsMerged || isHalfDone;
                    try
                    {
                        await pair.Merges.MergeAsync(pair.Old, pair.New, "甲", "因由");
                        model.Merge();
                        isHalfDone = false;
                    }
                    catch (IOException)
                    {
                        Assert.False(wasMerged);
                        if (pair.IsOneShard) model.Merge();
                        else isHalfDone = true;
                    }

                    pair.Merges.BetweenSteps = _ => Task.CompletedTask;
                    break;
                case 1 when model.IsMerged:
                    bool breaksOff = what / 3_000 % 2 == 0;
                    if (breaksOff) pair.Merges.BetweenSteps = _ => throw new IOException("broken off");
                    try
                    {
                        await pair.Merges.PartAsync(pair.Old, pair.New, "乙", "有误");
                        Assert.True(model.Part());
                    }
                    catch (IOException)
                    {
                        Assert.True(model.Part());
                    }
                    catch (MergeException)
                    {
                        Assert.False(model.Part());
                    }

                    pair.Merges.BetweenSteps = _ => Task.CompletedTask;
                    break;
                case 2 or 3:
                    Assert.Equal(model.Cancel(id, $"c{number}", earlier), await pair.UndoAsync(StepMode.Cancel, id, $"c{number}", earlier));
                    break;
                case 4:
                    Assert.Equal(model.Settle(id, earlier, day, 7_000), await pair.SettleAsync(id, earlier, day, 7_000));
                    break;
                default:
                    string visit = what % 7 == 0 ? $"v{what / 7 % 5}" : "";
                    long fen = 1_000 + (what / 10 % 200 * 100);
                    Assert.Equal(model.Settle(id, request, day, fen, visit), await pair.SettleAsync(id, request, day, fen, visit));
                    break;
            }
        }

        if (isHalfDone)
        {
            await pair.Merges.FinishAsync(pair.Old);
            model.Merge();
        }

        foreach (string id in pair.Ids)
        {
            Found found = await pair.Merges.ReadAsync(id);
            foreach (AccumulatorField held in found.Fields.Select(field => AccumulatorField.Read(field.Field, field.Value))
                .OfType<AccumulatorField>())
            {
                Assert.Equal(held.Day is { } day ? model.BorneFen(id, day) : model.PaidFen(id, held.Year), held.Amount);
            }

            Assert.Equal(model.StandingOf(id), StoredAnswer.AllOf(found.Fields).Count(answer => MovedRecords.Stands(answer.Bytes.Span)));
        }

        await store.BookAndCompareAsync(pair.Ids);
    }
}

/// <summary>Two ids of a store, and what is asked for under them.</summary>
internal sealed class Pair
{
    private readonly RebuiltStore _store;

    public Pair(RebuiltStore store, string[] ids)
    {
        _store = store;
        Ids = ids;
        Merges = new Merges(store.Fixture.Store, TimeProvider.System);
    }

    public string[] Ids { get; }

    public string Old => Ids[0];

    public string New => Ids[1];

    public Merges Merges { get; }

    public bool IsOneShard => _store.Fixture.Store.ShardOf(Old) == _store.Fixture.Store.ShardOf(New);

    public async Task<StepReply> RunAsync(string id, Func<Holder, ShardQueue, ValueTask<StepReply>> run)
    {
        StepReply reply = await run(new Holder(id), _store.Fixture.Store.ShardOf(id));
        return (await Merges.FollowAsync(id, reply, run)).Reply;
    }

    /// <param name="storedBytes">How much more than usual is kept of the request.</param>
    public async Task<string> SettleAsync(
        string id, string request, DateOnly day, long fen, string visitId = "", int storedBytes = 0)
    {
        SettleRequest asked = new()
        {
            RequestId = request,
            FacilityCode = "H1",
            InsuredId = id,
            VisitDate = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            VisitType = VisitType.Ordinary,
            TotalFen = fen,
            InScopeFen = fen,
            VisitId = visitId,
        };
        Claims.Rules.Terms terms = SampleTerms.Of(5_500, MergeModel.TariffFen, MergeModel.CapFen);
        return Said(await RunAsync(id, async (holder, shard) => await shard.RunAsync(Step.Visit(
            StepMode.Settle, holder, asked, day, terms, fen, fen,
            new StoredRequest
            {
                TotalFen = fen,
                InScopeFen = fen,
                Terms = await _store.Fixture.Store.Terms.KeyOfAsync(shard, terms),
                Trace = ByteString.CopyFrom(new byte[storedBytes]),
            }))));
    }

    public async Task<string> UndoAsync(StepMode mode, string id, string request, string target) =>
        Said(await RunAsync(id, (holder, shard) => shard.RunAsync(Step.Undoing(
            mode, holder, "H1", request, RequestField.Of("H1", target, holder.StatedId), RequestField.Of("H1", target),
            new StoredUndoing()))));

    /// <summary>Who did it and why, of each of these records of the id's only merge.</summary>
    public async Task<(string Actor, string Reason)[]> WrittenAsync(string id, params string[] kinds)
    {
        IReadOnlyList<(string Field, byte[] Value)> fields = await _store.Fixture.Store.ShardOf(id).ReadInsuredAsync(id);
        return [.. kinds
            .Select(kind => MergeRecord.Read(
                fields.Single(field => field.Field.StartsWith($"q\n{kind}-", StringComparison.Ordinal)).Value).Content)
            .Select(merge => (merge.Actor, merge.Reason))];
    }

    /// <summary>Of both, as an auditor is told them.</summary>
    public async Task<(string, string)[]> AccumulatorsAsync()
    {
        List<(string, string)> held = [];
        foreach (string id in Ids)
        {
            HashEntry[] entries = await _store.Redis.HashGetAllAsync(_store.Fixture.Store.ShardOf(id).Keys.Insured(id));
            InsuredAccumulators found = StoredAccumulators.Of(
                id, [.. entries.SelectMany(entry => (RedisValue[])[entry.Name, entry.Value])]);
            held.Add(($"{id} {found.StandingSettlements}",
                string.Join(' ', found.Accumulators.Select(accumulator => $"{accumulator.Name}={accumulator.Amount}"))));
        }

        return [.. held];
    }

    private static string Said(in StepReply reply) => reply.Outcome switch
    {
        StepOutcome.Refused => reply.ReasonCode,
        StepOutcome.New or StepOutcome.Replay =>
            $"{reply.Outcome.ToString().ToLowerInvariant()} {reply.Header.DeductibleFen} {reply.Header.FundPayFen}",
        StepOutcome other => other.ToString(),
    };
}

internal static class ComparedWithBooks
{
    /// <summary>The ledger books all, and every shard of these ids is what its books say.</summary>
    public static async Task BookAndCompareAsync(this RebuiltStore store, string[] ids)
    {
        foreach (int shard in ids.Select(id => store.Fixture.Store.ShardOf(id).Shard).Distinct())
        {
            await store.TurnToAsync(shard);
            await store.BookAllAsync();
            RebuildReport report = await store.RebuildAsync(dryRun: true);
            Assert.Equal((0, 0, 0, false, 0), (report.MissingInsured, report.DifferingInsured, report.UnknownInsured, report.RestDiffers,
                report.LostRecords.Count));
        }
    }
}
