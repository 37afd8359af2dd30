using Adjudication.Tests.Store;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Store;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Rebuilding;

/// <summary>One insured put back while the shard serves.</summary>
public sealed class InsuredRestorationTests
{
    [Fact]
    public async Task Insured_who_is_gone_is_what_he_was_and_the_shard_serves_on()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        for (int number = 0; number < 120; number++) await store.DoAsync(number * 37 % 2_400, number);
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> before = await store.DumpAsync();
        string shard = await store.ShardAsync();
        string gone = store.InsuredOf(2);
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured(gone));

        RebuildReport told = await store.RestoreAsync(gone, dryRun: true);
        Assert.Equal((false, 1, 1), (told.Changed, told.MissingInsured, told.Insured));
        Assert.False(await store.Redis.KeyExistsAsync(store.Shard.Keys.Insured(gone)));
        RebuildReport report = await store.RestoreAsync(gone);

        Assert.True(report.Changed);
        Assert.Equal(before, await store.DumpAsync());
        Assert.Equal(shard, await store.ShardAsync());
        Assert.Equal(StoreFixture.Epoch, store.Shard.Status.Stamp);
        Assert.False((await store.RestoreAsync(gone)).Changed);
    }

    [Theory]
    [InlineData("a field is missing")]
    [InlineData("a value is another")]
    [InlineData("the set does not know him")]
    public async Task Insured_of_whom_a_part_is_lost_is_whole_again_with_what_is_not_booked_yet(string loss)
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> before = await store.DumpAsync();
        RedisKey key = store.Shard.Keys.Insured("P1");
        if (loss == "a value is another") await store.Redis.HashSetAsync(key, "fordinary.year:2024", 1);
        else await store.Redis.HashDeleteAsync(key, RequestField.Of("H1", "r1"));
        if (loss == "the set does not know him") await store.Redis.SetRemoveAsync(store.Shard.Keys.Known, (byte[])key!);

        RebuildReport report = await store.RestoreAsync("P1");

        Assert.Equal((true, 1), (report.Changed, report.DifferingInsured));
        Assert.Equal(before, await store.DumpAsync());
        Assert.True(await store.Redis.SetContainsAsync(store.Shard.Keys.Known, (byte[])key!));
        Assert.Equal(1, (int)await store.Redis.HashGetAsync(store.Shard.Keys.Shard, "people"));
    }

    [Fact]
    public async Task Insured_of_more_fields_than_one_call_of_Redis_takes_is_what_he_was()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await Task.WhenAll(Enumerable.Range(1, 600)
            .Select(number => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", $"r{number}"))));
        await store.Books.BookAsync(0);
        SortedDictionary<string, string> before = await store.DumpAsync();
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        await store.RestoreAsync("P1");

        Assert.Equal(before, await store.DumpAsync());
    }

    [Fact]
    public async Task Insured_who_is_gone_with_the_terms_of_his_records_is_restored_with_them()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        HashEntry[] terms = await store.Redis.HashGetAllAsync(store.Shard.Keys.Terms);
        await store.Redis.KeyDeleteAsync([store.Shard.Keys.Insured("P1"), store.Shard.Keys.Terms]);

        await store.RestoreAsync("P1");

        Assert.NotEmpty(terms);
        Assert.Equal(terms, await store.Redis.HashGetAllAsync(store.Shard.Keys.Terms));
    }

    [Fact]
    public async Task Insured_who_is_settled_for_while_he_is_restored_loses_nothing_of_it()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        await store.Redis.HashSetAsync(store.Shard.Keys.Insured("P1"), "fordinary.year:2024", 1);
        store.Books.WhenListed = () => store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r2")).GetAwaiter().GetResult();

        RebuildReport report = await store.RestoreAsync("P1");

        Assert.Equal((true, 1, 1), (report.Changed, report.DifferingInsured, report.UnbookedRecords));
        foreach (string request in (string[])["r1", "r2"])
            Assert.Equal(StepOutcome.Replay, (await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", request))).Outcome);
    }

    [Fact]
    public async Task Insured_whose_records_may_not_all_be_booked_is_not_restored()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r1"));
        await store.Books.BookAsync(0);
        await store.Fixture.RunAsync(StepMode.Settle, RebuiltStore.Visit("P1", "r2"));
        await store.Redis.KeyDeleteAsync(store.Shard.Keys.Insured("P1"));

        RebuildException refused = await Assert.ThrowsAsync<RebuildException>(() => store.RestoreAsync("P1"));

        Assert.Equal("the books are up to 1 and shard 0 is at 2: what was stored of the insured may be among the rest. Try again, or "
            + "rebuild the shard", refused.Message);
        Assert.False(await store.Redis.KeyExistsAsync(store.Shard.Keys.Insured("P1")));
    }

    [Fact]
    public async Task Insured_of_whom_neither_books_nor_store_have_what_was_stored_is_not_taken_for_new()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        await store.Redis.SetAddAsync(store.Shard.Keys.Known, (byte[])store.Shard.Keys.Insured("P1")!);

        RebuildException refused = await Assert.ThrowsAsync<RebuildException>(() => store.RestoreAsync("P1"));

        Assert.Equal("something was stored of the insured, and neither books nor store have it. Rebuild the shard", refused.Message);
        Assert.Equal(new RebuildReport(), await store.RestoreAsync("P2"));
    }

    [Fact]
    public async Task Insured_of_a_closed_shard_is_restored_with_the_shard()
    {
        await using RebuiltStore store = await RebuiltStore.StartAsync();
        store.Shard.Close("closed by the test.");

        RebuildException refused = await Assert.ThrowsAsync<RebuildException>(() => store.RestoreAsync("P1"));

        Assert.Equal("closed by the test. Rebuild the shard", refused.Message);
    }
}
