using Adjudication.Tests.Store;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Store;
using Claims.V1;
using FsCheck;
using FsCheck.Fluent;
using Grpc.Core;
using StackExchange.Redis;

namespace Adjudication.Tests.Rebuilding;

/// <summary>A store that has lost a part, or all of itself, made whole again from the books: byte for byte what it was.</summary>
public sealed class ShardRebuildTests
{
    private const int Histories = 60;
    private const int LongestHistory = 90;

    private static readonly Gen<History> AnyHistory =
        from acts in Gen.Choose(0, 2_399).ArrayOf()
        from booked in Gen.Choose(0, 100)
        from fault in Gen.Elements("none", "hash", "field", "value", "known", "stranger", "shard", "all", "terms")
        select new History(acts, fault is "none" or "known" or "stranger" ? booked : 100, fault);

    [Fact]
    public async Task Rebuild_after_any_history_and_loss_gives_back_every_byte()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync(Histories);
        int shard = 0;
        await Task.Factory.StartNew(() =>
            Prop.ForAll(Arb.From(AnyHistory), history => GivesBackAsync(store, shard++, history).GetAwaiter().GetResult())
                .Check(Config.QuickThrowOnFailure.WithMaxTest(Histories).WithEndSize(LongestHistory)),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [Fact]
    public async Task Shard_that_is_whole_is_compared_and_left_in_service()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 5);
        await store.Books.BookAsync(0, upTo: 3);
        string before = await store.ShardAsync();

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal(
            new RebuildReport { Sequence = 5, Records = 3, UnbookedRecords = 2, Insured = 5 }, report);
        Assert.Equal(StoreFixture.Epoch, store.Shard.Status.Stamp);
        Assert.Equal(before, await store.ShardAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Hash_that_is_gone_is_told_by_a_dry_run_and_restored_by_a_rebuild(bool dryRun)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 4);
        await store.Books.BookAsync(0);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P2"));

        RebuildReport report = await store.RebuildAsync(dryRun);

        Assert.Equal(
            new RebuildReport { Changed = !dryRun, Sequence = 4, Records = 4, Insured = 4, MissingInsured = 1 }, report);
        Assert.Equal(!dryRun, await store.Redis.KeyExistsAsync(store.Shard.Keys.Insured("P2")));
        StepOutcome outcome = (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P2", "r2"))).Outcome;
        Assert.Equal(dryRun ? StepOutcome.Gone : StepOutcome.Replay, outcome);
        Assert.Equal(dryRun, store.Shard.Status.Stamp == StoreFixture.Epoch);
    }

    [Fact]
    public async Task Shard_is_not_opened_by_a_look_at_the_store_from_before_its_rebuild()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 4);
        await store.Books.BookAsync(0);
        TaskCompletionSource<Task<RebuildReport>> begun = new();
        store.Looked = () =>
        {
            Task<RebuildReport> rebuild = store.RebuildAsync();
            Assert.True(SpinWait.SpinUntil(() => rebuild.IsCompleted
                || store.Redis.HashGet(store.Shard.Keys.Shard, "epoch") != StoreFixture.Epoch, TimeSpan.FromSeconds(30)));
            begun.SetResult(rebuild);
        };

        store.Shard.Close("the test has closed it");

        RebuildReport report = await await begun.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((true, 4, 4), (report.Changed, report.Records, report.Insured));
        Assert.Equal((string?)store.Redis.HashGet(store.Shard.Keys.Shard, "epoch"), store.Shard.Status.Stamp);
        Assert.NotEqual(StoreFixture.Epoch, store.Shard.Status.Stamp);
    }

    [Fact]
    public async Task Records_that_are_not_booked_yet_are_kept_and_go_out_in_their_order()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 90);
        await store.Books.BookAsync(0, upTo: 10);
        IReadOnlyList<OutboxEntry> before = await FakeBooks.ReadAsync(store.Shard, 11);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P5"));

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal((80, 1, 0), (report.UnbookedRecords, report.MissingInsured, report.LostNumbers.Count));
        IReadOnlyList<OutboxEntry> after = await FakeBooks.ReadAsync(store.Shard, 11);
        Assert.Equal(Enumerable.Range(11, 80).Select(number => (long)number), after.Select(entry => entry.Record.FirstSequence));
        Assert.Equal(
            before.Select(entry => (entry.InsuredId, entry.RequestId, Convert.ToHexString(entry.Stored.Span))),
            after.Select(entry => (entry.InsuredId, entry.RequestId, Convert.ToHexString(entry.Stored.Span))));
        Assert.Equal($"closed=0 committed=10 epoch={StoreFixture.Epoch} people=90 seq=90", await store.ShardAsync());
    }

    [Theory]
    [InlineData(new[] { 3 })]
    [InlineData(new[] { 5 })]
    [InlineData(new[] { 3, 4, 5 })]
    public async Task Outbox_that_lacks_a_record_is_told_by_a_dry_run_and_filled_by_a_rebuild(int[] gone)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 5);
        await store.Books.BookAsync(0, upTo: 2);
        IReadOnlyList<OutboxEntry> before = await FakeBooks.ReadAsync(store.Shard, 3);
        foreach (int number in gone) await store.Redis.StreamDeleteAsync(store.Shard.Keys.Outbox, [$"{number}-0"]);
        Assert.True((await store.RebuildAsync(dryRun: true)).RestDiffers);

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal((true, 3, 0), (report.Changed, report.UnbookedRecords, report.LostNumbers.Count));
        Assert.Equal(before.Select(entry => entry.Record.FirstSequence),
            (await FakeBooks.ReadAsync(store.Shard, 3)).Select(entry => entry.Record.FirstSequence));
        Assert.False((await store.RebuildAsync(dryRun: true)).RestDiffers);
    }

    [Fact]
    public async Task Records_that_reached_nobody_are_named_and_their_numbers_are_given_up_for_good()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 7);
        await store.Books.BookAsync(0, upTo: 2);
        foreach (int lost in (int[])[3, 4, 6, 7]) await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured($"P{lost}"));

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal(
            [
                new LostRecord { Sequence = 3, InsuredId = "P3", FacilityCode = "H1", RequestId = "r3" },
                new LostRecord { Sequence = 4, InsuredId = "P4", FacilityCode = "H1", RequestId = "r4" },
                new LostRecord { Sequence = 6, InsuredId = "P6", FacilityCode = "H1", RequestId = "r6" },
                new LostRecord { Sequence = 7, InsuredId = "P7", FacilityCode = "H1", RequestId = "r7" },
            ],
            report.LostRecords);
        Assert.Equal(
            [new LostNumbers { FirstSequence = 3, LastSequence = 4 }, new LostNumbers { FirstSequence = 6, LastSequence = 7 }],
            report.LostNumbers);
        (RecordKind, long, long, string)[] kept =
            [(RecordKind.NumbersLost, 3, 4, ""), (RecordKind.Settlement, 5, 5, "P5"), (RecordKind.NumbersLost, 6, 7, "")];
        foreach ((int from, (RecordKind, long, long, string)[] expected) in
            ((int, (RecordKind, long, long, string)[])[])[(3, kept), (5, kept[1..]), (6, kept[2..])])
        {
            Assert.Equal(expected, (await FakeBooks.ReadAsync(store.Shard, from)).Select(entry =>
                (entry.Record.Header.Kind, entry.Record.FirstSequence, entry.Record.Header.Sequence, entry.InsuredId)));
        }

        Assert.False((await store.RebuildAsync(dryRun: true)).RestDiffers);

        // Who repeats is settled, under a number that nobody has had.
        StepReply again = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P3", "r3"));
        Assert.Equal((StepOutcome.New, 8), (again.Outcome, again.Sequence));

        // Once they are booked, the numbers are part of what the next rebuild finds.
        await store.Books.BookAsync(0);
        Assert.Equal(
            new RebuildReport { Sequence = 8, Records = 6, Insured = 5 }, await store.RebuildAsync());
    }

    [Fact]
    public async Task Outbox_of_more_entries_than_are_read_at_a_time_is_compared_to_its_end()
    {
        const int Entries = 502;
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, Entries);
        Assert.Equal(Entries, await store.Redis.StreamLengthAsync(store.Shard.Keys.Outbox));
        RebuildReport whole = await store.RebuildAsync(dryRun: true);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured($"P{Entries}"));

        RebuildReport lacking = await store.RebuildAsync(dryRun: true);

        Assert.Equal(new RebuildReport { Sequence = Entries, UnbookedRecords = Entries, Insured = Entries }, whole);
        Assert.Equal(
            [new LostRecord { Sequence = Entries, InsuredId = $"P{Entries}", FacilityCode = "H1", RequestId = $"r{Entries}" }],
            lacking.LostRecords);
    }

    [Fact]
    public async Task Cancellation_of_a_settlement_that_is_nowhere_is_lost_with_it()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 1);
        await store.Books.BookAsync(0);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "late"));
        await store.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c", RequestField.Of("H1", "late"));
        await store.Redis.HashDeleteAsync(store.Shard.Keys.Insured("P1"), RequestField.Of("H1", "late"));

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal([2L, 3L], report.LostRecords.Select(lost => lost.Sequence));
        Assert.Equal([new LostNumbers { FirstSequence = 2, LastSequence = 3 }], report.LostNumbers);
        Assert.False(await store.Redis.HashExistsAsync(store.Shard.Keys.Insured("P1"), RequestField.Of("H1", "c")));
    }

    [Fact]
    public async Task Record_that_is_not_booked_and_whose_terms_are_nowhere_is_lost_with_them()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 1);
        await store.Books.BookAsync(0);
        store.Fixture.Terms = await store.Fixture.Store.Terms.KeyOfAsync(store.Shard, SampleTerms.Of(6_500, 0, 30_000));
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P2", "r2"));
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Terms);

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal([new LostRecord { Sequence = 2, InsuredId = "P2", FacilityCode = "H1", RequestId = "r2" }], report.LostRecords);
        Assert.Equal([new LostNumbers { FirstSequence = 2, LastSequence = 2 }], report.LostNumbers);
        Assert.Equal(StepOutcome.Replay, (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"))).Outcome);
    }

    [Fact]
    public async Task Settlement_that_was_cancelled_and_stands_again_comes_back_so()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        ModelVisit visit = RebuiltStore.Visit("P1", "r1") with { VisitId = "v" };
        await store.Fixture.RunAsync(StepMode.Settle, visit);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r2") with { Day = new DateOnly(2024, 4, 5) });
        await store.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await store.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> before = await store.DumpAsync();
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        await store.RebuildAsync();

        Assert.Equal(before, await store.DumpAsync());
        Assert.Equal(StepOutcome.Replay, (await store.Fixture.RunAsync(StepMode.Settle, visit)).Outcome);
    }

    [Fact]
    public async Task Settlement_whose_cancellation_was_undone_before_either_was_booked_comes_back_standing()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        ModelVisit visit = RebuiltStore.Visit("P1", "r1");
        await store.Fixture.RunAsync(StepMode.Settle, visit);
        await store.Fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c1", RequestField.Of("H1", "r1"));
        await store.Fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "c1"));
        await store.Books.BookAsync(0, upTo: 1);
        SortedDictionary<string, string> before = await store.DumpAsync();
        await store.Redis.HashSetAsync(store.Shard.Keys.Insured("P1"), "fordinary.year:2024", 7);

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal((2, 0, 0), (report.UnbookedRecords, report.LostRecords.Count, report.LostNumbers.Count));
        Assert.Equal(before, await store.DumpAsync());
        Assert.Equal(StepOutcome.Replay, (await store.Fixture.RunAsync(StepMode.Settle, visit)).Outcome);
    }

    [Fact]
    public async Task Insured_of_whom_nothing_is_left_is_settled_for_as_new_once_his_shard_was_rebuilt()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Redis.SetAddAsync(store.Shard.Keys.Known, (byte[])store.Shard.Keys.Insured("P1")!);
        ModelVisit visit = RebuiltStore.Visit("P1", "r1");
        Assert.Equal(StepOutcome.Gone, (await store.Fixture.RunAsync(StepMode.Settle, visit)).Outcome);

        RebuildReport report = await store.RebuildAsync();

        Assert.True(report.Changed);
        Assert.Equal(StepOutcome.New, (await store.Fixture.RunAsync(StepMode.Settle, visit)).Outcome);
    }

    [Fact]
    public async Task Relay_that_had_the_shard_before_its_rebuild_has_it_no_more()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 2);
        await store.Books.BookAsync(0, upTo: 1);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
        await store.Redis.StringSetAsync(store.Shard.Keys.Lease, "a relay that has published both");

        await store.RebuildAsync();

        Assert.False(await store.Redis.KeyExistsAsync(store.Shard.Keys.Lease));
    }

    [Theory]
    [InlineData("wiped")]
    [InlineData("an older copy")]
    public async Task Store_that_is_behind_gives_up_every_number_that_it_may_have_given_out(string loss)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 3);
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> booked = await store.DumpAsync();
        await SettleAsync(store, 5);
        if (loss == "wiped")
        {
            await store.Redis.ExecuteAsync("FLUSHALL");
        }
        else
        {
            ShardKeys keys = store.Shard.Keys;
            await store.Redis.HashSetAsync(keys.Shard, "seq", 2);
            await store.Redis.KeyDeleteAsync([keys.Outbox, keys.Insured("P4"), keys.Insured("P5")]);
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r")));
        await store.ClosedAsync("claims rebuild restores it from the books");

        RebuildReport report = await store.RebuildAsync();

        long last = report.Sequence;
        Assert.InRange(last, 3 + ShardRebuild.NumbersGivenUp, 9_999_999_998);
        Assert.Equal([new LostNumbers { FirstSequence = 4, LastSequence = last }], report.LostNumbers);
        Assert.Contains("claims rebuild restores it from the books", report.Closed, StringComparison.Ordinal);
        Assert.Equal(booked, Without(await store.DumpAsync(), store));
        // The lost numbers count among what is not booked, until they are.
        await Assert.ThrowsAsync<StoreBusyException>(() => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P4", "r4")));
        await store.BookAllAsync();
        Assert.Equal(StepOutcome.Replay, (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"))).Outcome);
        StepReply again = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P4", "r4"));
        Assert.Equal((StepOutcome.New, last + 1), (again.Outcome, again.Sequence));
    }

    [Fact]
    public async Task Store_that_is_lost_again_with_the_books_put_back_to_the_same_gives_no_number_out_twice()
    {
        List<long> given = [];
        for (int loss = 0; loss < 2; loss++)
        {
            // Of an instance that has heard nothing of the first loss.
            await using RebuiltStore store = await RebuiltStore.StartAsync();
            await SettleAsync(store, 3);
            await store.Books.BookAsync(0);
            await store.Redis.ExecuteAsync("FLUSHALL");
            await Assert.ThrowsAsync<StoreUnavailableException>(
                () => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r")));
            await store.ClosedAsync("claims rebuild restores it from the books");
            await store.RebuildAsync(time: new LaterTime(TimeSpan.FromDays(loss)));
            RedisKey shard = store.Shard.Keys.Shard;
            await store.Redis.HashSetAsync(shard, "committed", await store.Redis.HashGetAsync(shard, "seq"));
            for (int number = 0; number < 3; number++)
                given.Add((await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit($"N{number}", "new"))).Sequence);
        }

        Assert.Equal(given.Count, given.Distinct().Count());
        Assert.All(given, number => Assert.True(number > 3 + ShardRebuild.NumbersGivenUp));
    }

    [Fact]
    public async Task Books_that_were_put_back_to_before_the_outbox_get_from_the_store_what_they_lack()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 90);
        IReadOnlyList<OutboxEntry> all = await FakeBooks.ReadAsync(store.Shard, 1);
        await store.Books.BookAsync(0, upTo: 10);
        // What had been booked before the books were put back is gone from the outbox, and nothing is gone from the store.
        await store.Redis.StreamTrimByMinIdAsync(store.Shard.Keys.Outbox, "61-0");
        SortedDictionary<string, string> before = await store.DumpAsync();

        RebuildReport compared = await store.RebuildAsync(dryRun: true);
        RebuildReport report = await store.RebuildAsync();

        Assert.Equal((true, 0, 0), (compared.RestDiffers, compared.MissingInsured, compared.DifferingInsured));
        Assert.Equal((true, 80, 0), (report.Changed, report.UnbookedRecords, report.LostNumbers.Count));
        Assert.Equal(
            all.Skip(10).Select(entry => (entry.InsuredId, entry.RequestId, Convert.ToHexString(entry.Stored.Span))),
            (await FakeBooks.ReadAsync(store.Shard, 11)).Select(
                entry => (entry.InsuredId, entry.RequestId, Convert.ToHexString(entry.Stored.Span))));
        Assert.Equal(before, await store.DumpAsync());
        Assert.False((await store.RebuildAsync()).Changed);
    }

    [Fact]
    public async Task Lost_numbers_that_are_not_booked_yet_are_no_difference()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 3);
        await store.Books.BookAsync(0);
        await store.Redis.ExecuteAsync("FLUSHALL");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r")));
        await store.ClosedAsync("claims rebuild restores it from the books");
        await store.RebuildAsync();

        Assert.False((await store.RebuildAsync(dryRun: true)).RestDiffers);
    }

    [Fact]
    public async Task Store_that_another_instance_has_found_behind_gives_up_what_that_one_knew_of()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 3);
        await store.Books.BookAsync(0);
        await store.Redis.HashSetAsync(store.Shard.Keys.Shard, "lowest", 5);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r")));
        await store.ClosedAsync("Redis is behind what was acknowledged");

        RebuildReport report = await store.RebuildAsync();

        LostNumbers lost = Assert.Single(report.LostNumbers);
        Assert.Equal(4, lost.FirstSequence);
        Assert.InRange(lost.LastSequence, 3 + ShardRebuild.NumbersGivenUp, 9_999_999_998);
        await store.BookAllAsync();
        Assert.Equal(lost.LastSequence + 1, (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r"))).Sequence);
    }

    [Fact]
    public async Task Store_that_was_put_back_to_where_the_books_are_gives_up_what_this_instance_knew_of()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 3);
        await store.Books.BookAsync(0);
        await SettleAsync(store, 5);
        ShardKeys keys = store.Shard.Keys;
        await store.Redis.HashSetAsync(keys.Shard, [new("seq", 3), new("people", 3)]);
        await store.Redis.SetRemoveAsync(keys.Known, [(byte[])keys.Insured("P4")!, (byte[])keys.Insured("P5")!]);
        await store.Redis.KeyDeleteAsync([keys.Outbox, keys.Insured("P1"), keys.Insured("P4"), keys.Insured("P5")]);

        RebuildReport report = await store.RebuildAsync();

        Assert.InRange(report.Sequence, 3 + ShardRebuild.NumbersGivenUp, 9_999_999_998);
    }

    [Fact]
    public async Task Known_insured_who_are_as_many_but_not_those_who_are_stored_are_told_by_a_dry_run()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 2);
        await store.Books.BookAsync(0);
        ShardKeys keys = store.Shard.Keys;
        await store.Redis.SetRemoveAsync(keys.Known, (byte[])keys.Insured("P1")!);
        await store.Redis.SetAddAsync(keys.Known, (byte[])keys.Insured("P9")!);

        Assert.True((await store.RebuildAsync(dryRun: true)).RestDiffers);
        await store.RebuildAsync();

        Assert.Equal(StepOutcome.New, (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P9", "r9"))).Outcome);
    }

    [Fact]
    public async Task Rebuild_that_is_interrupted_leaves_a_closed_shard_and_the_next_is_right()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 200);
        await store.Books.BookAsync(0, upTo: 180);
        SortedDictionary<string, string> before = await store.DumpAsync();
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P7"));

        // Of a shard that serves, a comparison comes first.
        store.Books.Breaks.Enqueue(int.MaxValue);
        foreach (int messages in (int[])[0, 1, 70, 150])
        {
            store.Books.Breaks.Enqueue(messages);
            await Assert.ThrowsAsync<RpcException>(() => store.RebuildAsync());

            await store.ClosedAsync(
                "Shard 0 stays closed: it is being rebuilt; where that was interrupted, claims rebuild --shard 0 ends it.");
            Assert.Null(store.Shard.Status.Epoch);
            SettlementStore other = new(store.Redis, 1, 1_000);
            other.Shards[0].Open(StoreFixture.Epoch, 0);
            StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => other.Shards[0].RunAsync(store.Fixture.StepOf(StepMode.Settle, RebuiltStore.Visit("P1", "new"))).AsTask());
            Assert.Equal(Unanswered.NothingHappened, refused.Why);
        }

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal((true, 200, 20, 0), (report.Changed, report.Insured, report.UnbookedRecords, report.LostNumbers.Count));
        Assert.Equal(before, await store.DumpAsync());
        Assert.Equal(200, await store.Redis.SetLengthAsync(store.Shard.Keys.Known));
        Assert.Equal(20, (await FakeBooks.ReadAsync(store.Shard, 181)).Count);
        Assert.False(await store.Redis.KeyExistsAsync(store.Shard.Keys.RebuiltKnown));
    }

    [Fact]
    public async Task Instance_that_has_not_heard_of_a_rebuild_is_refused_until_it_opens_the_shard_anew()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        SettlementStore other = new(store.Redis, 1, 1_000);
        other.Shards[0].Open(StoreFixture.Epoch, 0);
        await SettleAsync(store, 2);
        await store.Books.BookAsync(0);
        await store.Redis.ExecuteAsync("FLUSHALL");
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Shard);
        store.Shard.Close("the test has wiped it");

        await store.RebuildAsync();

        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => other.Shards[0].RunAsync(store.Fixture.StepOf(StepMode.Settle, RebuiltStore.Visit("P1", "new"))).AsTask());
        Assert.Equal("Shard 0: EPOCH the store belongs to another ledger.", refused.Message);
    }

    [Fact]
    public async Task Closed_year_is_the_later_of_what_books_and_store_know()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 1);
        await store.Books.BookAsync(0);
        store.Books.ClosedThrough = 2022;
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
        await store.RebuildAsync();
        Assert.Equal(2022, (int)await store.Redis.HashGetAsync(store.Shard.Keys.Shard, "closed"));

        await store.Shard.CloseYearAsync(2023);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
        await store.RebuildAsync();

        Assert.Equal(2023, (int)await store.Redis.HashGetAsync(store.Shard.Keys.Shard, "closed"));
    }

    [Fact]
    public async Task Store_of_another_ledger_is_left_as_it_is()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Redis.HashSetAsync(store.Shard.Keys.Shard, "epoch", new string('f', 32));
        store.Shard.Close("foreign");
        string before = await store.ShardAsync();

        RedisServerException refused = await Assert.ThrowsAsync<RedisServerException>(() => store.RebuildAsync());

        Assert.StartsWith("EPOCH", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await store.ShardAsync());
    }

    [Fact]
    public async Task Shard_that_the_ledger_has_stopped_and_a_store_that_was_never_opened_are_not_rebuilt()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await SettleAsync(store, 1);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));
        store.Books.Stopped = "the record at offset 3 is poison";
        RebuildException stopped = await Assert.ThrowsAsync<RebuildException>(() => store.RebuildAsync());
        store.Books.Initialised = false;
        RebuildException unopened = await Assert.ThrowsAsync<RebuildException>(() => store.RebuildAsync());

        Assert.Equal("the ledger has stopped shard 0: the record at offset 3 is poison; claims ledger resume first", stopped.Message);
        Assert.Equal("the store has not been opened for the first time: there is nothing to rebuild", unopened.Message);
        Assert.Equal(StoreFixture.Epoch, (string?)await store.Redis.HashGetAsync(store.Shard.Keys.Shard, "epoch"));
    }

    private static async Task GivesBackAsync(RebuiltStore store, int shard, History history)
    {
        await store.TurnToAsync(shard);
        for (int number = 0; number < history.Acts.Length; number++) await store.DoAsync(history.Acts[number], number);
        long last = store.Shard.LowestSequence;
        long booked = last * history.BookedPercent / 100;
        await store.Books.BookAsync(shard, booked);
        SortedDictionary<string, string> before = await store.DumpAsync();
        RedisValue[] known = await store.Redis.SetMembersAsync(store.Shard.Keys.Known);
        await LoseAsync(store, history.Fault);

        RebuildReport report = await store.RebuildAsync();

        Assert.Equal(before, Without(await store.DumpAsync(), store));
        Assert.Equal(known.Order(), (await store.Redis.SetMembersAsync(store.Shard.Keys.Known))
            .Where(key => key != (string)store.Shard.Keys.NoOne!).Order());
        Assert.Equal(last - booked, report.UnbookedRecords);
        Assert.Empty(report.LostRecords);

        // It goes on where it was, under a number that nobody has had. Terms that nothing refers to are not in the books.
        await store.BookAllAsync();
        await store.WriteTermsAsync();
        StepReply next = await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit(store.InsuredOf(8), "next"));
        Assert.Equal((StepOutcome.New, report.Sequence + 1), (next.Outcome, next.Sequence));
        await store.BookAllAsync();
        Assert.Equal(next.Sequence, store.Books.Position(shard));
        RebuildReport again = await store.RebuildAsync(dryRun: true);
        Assert.Equal((0, 0, 0, 0),
            (again.MissingInsured, again.DifferingInsured, again.UnknownInsured, again.UnbookedRecords));
    }

    private static async Task LoseAsync(RebuiltStore store, string fault)
    {
        ShardKeys keys = store.Shard.Keys;
        RedisKey insured = keys.Insured(store.InsuredOf(1));
        HashEntry[] fields = await store.Redis.HashGetAllAsync(insured);
        switch (fault)
        {
            case "hash": await store.Redis.KeyDeleteAsync(insured); break;
            case "field" when fields.Length > 0: await store.Redis.HashDeleteAsync(insured, fields[^1].Name); break;
            case "value" when fields.Length > 0: await store.Redis.HashSetAsync(insured, fields[0].Name, "7"); break;
            case "known": await store.Redis.KeyDeleteAsync(keys.Known); break;
            case "stranger": await store.Redis.HashSetAsync(keys.Insured(store.InsuredOf(7)), "fordinary.year:2024", 5); break;
            case "shard": await store.Redis.KeyDeleteAsync(keys.Shard); store.Shard.Close("gone"); break;
            case "all":
                await foreach (RedisKey key in store.Redis.Multiplexer.GetServers()[0].KeysAsync(pattern: $"{{s{store.Shard.Shard:00}}}:*"))
                    await store.Redis.KeyDeleteAsync(key);
                store.Shard.Close("gone");
                break;
            case "terms":
                await store.Redis.KeyDeleteAsync(keys.Terms);
                store.Fixture.Store.Terms.Forget(store.Shard.Shard);
                break;
        }
    }

    private static SortedDictionary<string, string> Without(SortedDictionary<string, string> dump, RebuiltStore store)
    {
        foreach (string key in dump.Keys.Where(key => key.StartsWith($"{store.Shard.Keys.NoOne} ", StringComparison.Ordinal)).ToArray())
            dump.Remove(key);
        return dump;
    }

    private static async Task SettleAsync(RebuiltStore store, int count)
    {
        for (int number = 1; number <= count; number++)
            await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit($"P{number}", $"r{number}"));
    }

    /// <param name="Acts">What was asked for (<see cref="RebuiltStore.DoAsync"/>).</param>
    /// <param name="BookedPercent">How much of it the ledger has when something is lost.</param>
    private sealed record History(int[] Acts, int BookedPercent, string Fault)
    {
        public override string ToString() => $"{Fault}, {BookedPercent} % of [{string.Join(',', Acts)}]";
    }
}
