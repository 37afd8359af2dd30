using Claims.Adjudication.Merging;
using Claims.Adjudication.Store;
using Claims.V1;

namespace Adjudication.Tests.Store;

/// <summary>What an auditor is told of a shard.</summary>
public sealed class ListingTests
{
    private static readonly ModelVisit Visit = new("P01", "H1", "r1", new DateOnly(2024, 3, 5), 10_000, 10_000, 5500, 4000, 30_000, null);

    [Fact]
    public async Task ReadAll_tells_what_is_used_borne_and_standing()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2", Facility = "H2", Day = new DateOnly(2024, 3, 4) });
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r3", Day = new DateOnly(2025, 1, 5) });
        await fixture.UndoAsync(StepMode.Cancel, "P01", "H1", "c3", RequestField.Of("H1", "r3"));
        await fixture.UndoAsync(StepMode.Reverse, "P02", "H1", "v1", RequestField.Of("H1", "never came"));

        List<ShardPage> pages = await ReadAsync(fixture);

        Assert.All(pages, page => Assert.Equal(5, page.Sequence));
        Assert.Equal(
            [
                new InsuredAccumulators
                {
                    InsuredId = "P01",
                    Records = 4,
                    StandingSettlements = 2,
                    Accumulators =
                    {
                        new HeldAccumulator { Name = "bordinary:20240304:H2", Amount = 4_000 },
                        new HeldAccumulator { Name = "bordinary:20240305:H1", Amount = 4_000 },
                        new HeldAccumulator { Name = "fordinary.year:2024", Amount = 6_600 },
                    },
                },
                new InsuredAccumulators { InsuredId = "P02", Records = 1 },
            ],
            pages.SelectMany(page => page.Insured).OrderBy(insured => insured.InsuredId, StringComparer.Ordinal));
    }

    [Fact]
    public async Task ReadAll_tells_records_where_they_were_made_and_what_is_used_where_it_was_merged_to()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.RunAsync(StepMode.Settle, Visit with { Request = "r2", TariffFen = 0 });
        await fixture.RunAsync(StepMode.Settle, Visit with { Insured = "P02", TariffFen = 0 });
        await new Merges(fixture.Store, TimeProvider.System).MergeAsync("P01", "P02", "甲", "因由");

        List<ShardPage> pages = await ReadAsync(fixture);

        // The merge is a record of either.
        Assert.Equal(
            [
                new InsuredAccumulators { InsuredId = "P01", Records = 3 },
                new InsuredAccumulators
                {
                    InsuredId = "P02",
                    Records = 2,
                    StandingSettlements = 3,
                    Accumulators =
                    {
                        new HeldAccumulator { Name = "bordinary:20240305:H1", Amount = 4_000 },
                        new HeldAccumulator { Name = "fordinary.year:2024", Amount = 14_300 },
                    },
                },
            ],
            pages.SelectMany(page => page.Insured).OrderBy(insured => insured.InsuredId, StringComparer.Ordinal));
    }

    [Fact]
    public async Task ReadAll_goes_through_more_insured_than_a_page_has_and_leaves_other_shards_out()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        string[] insured = [.. Enumerable.Range(0, 3_000).Select(i => $"P{i}")];
        await Task.WhenAll(insured.Select(id => fixture.RunAsync(StepMode.Settle, Visit with { Insured = id })));

        List<ShardPage> pages = await ReadAsync(fixture);

        Assert.True(pages.Count > 2);
        Assert.Equal(
            insured.Where(id => Shards.Of(id, 2) == 0).Order(StringComparer.Ordinal),
            pages.SelectMany(page => page.Insured).Select(accumulators => accumulators.InsuredId).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ReadAll_of_a_store_that_has_lost_answers_tells_nothing()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[0].Keys.Shard, "seq", 0);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => ReadAsync(fixture));

        // What this instance has missed is known to every other from now on.
        await using SettlementStore other = new(fixture.Redis, shardCount: 1, longestOutbox: 1_000);
        other.Shards[0].Open(StoreFixture.Epoch, 0);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => ReadAsync(other.Shards[0]));
    }

    [Fact]
    public async Task ReadAll_of_another_ledgers_store_tells_nothing()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        await fixture.RunAsync(StepMode.Settle, Visit);
        await fixture.Redis.HashSetAsync(fixture.Store.Shards[0].Keys.Shard, "epoch", new string('f', 32));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => ReadAsync(fixture));
    }

    private static Task<List<ShardPage>> ReadAsync(StoreFixture fixture) => ReadAsync(fixture.Store.Shards[0]);

    private static async Task<List<ShardPage>> ReadAsync(ShardQueue shard)
    {
        List<ShardPage> pages = [];
        await foreach (ShardPage page in shard.ReadAllAsync(CancellationToken.None)) pages.Add(page);
        return pages;
    }
}
