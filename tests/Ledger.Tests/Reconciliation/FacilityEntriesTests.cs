using Claims.Ledger.Reconciliation;
using Claims.V1;
using static Ledger.Tests.Reconciliation.LineReconciliationTests;
using Kind = Claims.V1.SettledClaim.Types.Kind;
using State = Claims.V1.FacilityEntry.Types.State;

namespace Ledger.Tests.Reconciliation;

/// <summary>A facility's list of a day from the books in PostgreSQL.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class FacilityEntriesTests(LedgerDatabase databases)
{
    private const string Own = LineReconciliationTests.Facility;

    private static readonly Period Tenth = new(new DateOnly(2024, 3, 10), new DateOnly(2024, 3, 10), DayBasis.SettlementDay);

    [Fact]
    public async Task Day_has_the_facilitys_own_entries_with_what_became_of_them_since()
    {
        PublishedLog log = new(Shards);
        SettledClaim before = Settled(log, 9);
        SettledClaim standing = Settled(log, 10, at: new TimeOnly(8, 0));
        SettledClaim undoneLater = Settled(log, 10, at: new TimeOnly(9, 0));
        SettledClaim restored = Settled(log, 10, at: new TimeOnly(10, 0));
        Settled(log, 10, facility: "H2");
        SettledClaim cancelsEarlier = Cancelled(log, before, 10);
        Cancelled(log, undoneLater, 12);
        Cancelled(log, restored, 11);
        log.AddMirror(restored, Kind.Restoration).SettledAtUnixMs = Cancelled(log, Settled(log, 13), 13).SettledAtUnixMs;
        await using RunningLedger ledger = await BookedAsync(databases, log);

        FacilityEntries day = await ledger.FacilityEntries.ReadAsync(Own, Tenth, "", "", 100, default);

        Assert.Equal(
            [(standing.SettlementId, State.Standing), (undoneLater.SettlementId, State.Undone), (restored.SettlementId, State.Standing),
                (cancelsEarlier.SettlementId, State.Undoing)],
            day.Entries.Select(entry => (entry.SettlementId, entry.State)));
        Assert.Equal(day.Entries.Sum(entry => entry.FundPayFen), day.Totals.FundPayFen);
        Assert.Equal((2L, false), (day.Totals.Count, day.More));
        Assert.All(day.Entries, entry => Assert.Equal(entry.TotalFen, entry.FundPayFen + entry.SelfPayFen));
    }

    [Fact]
    public async Task Request_is_found_with_what_undid_it_and_insured_with_all_of_theirs()
    {
        PublishedLog log = new(Shards);
        SettledClaim one = Settled(log, 10);
        SettledClaim other = Settled(log, 10);
        SettledClaim undoing = Cancelled(log, one, 11);
        await using RunningLedger ledger = await BookedAsync(databases, log);

        Assert.Equal([one.RequestId, undoing.RequestId], await RequestsAsync(one.RequestId, ""));
        Assert.Equal([one.RequestId, undoing.RequestId], await RequestsAsync(undoing.RequestId, ""));
        Assert.Equal([other.RequestId], await RequestsAsync("", other.InsuredId));
        // The days of what undid it, which do not have the request itself.
        Period eleventh = new(new DateOnly(2024, 3, 11), new DateOnly(2024, 3, 11), DayBasis.SettlementDay);
        Assert.Equal(undoing.RequestId, Assert.Single(
            (await ledger.FacilityEntries.ReadAsync(Own, eleventh, one.RequestId, "", 100, default)).Entries).RequestId);
        Assert.Empty(await RequestsAsync("R-none", ""));
        Assert.Empty((await ledger.FacilityEntries.ReadAsync("H2", Days, one.RequestId, "", 100, default)).Entries);

        async Task<IEnumerable<string>> RequestsAsync(string request, string insured) =>
            (await ledger.FacilityEntries.ReadAsync(Own, Days, request, insured, 100, default)).Entries
            .Select(entry => entry.RequestId);
    }

    [Fact]
    public async Task Of_more_entries_than_asked_for_the_latest_are_told()
    {
        PublishedLog log = new(Shards);
        SettledClaim[] claims = [.. Enumerable.Range(8, 4).Select(hour => Settled(log, 10, at: new TimeOnly(hour, 0)))];
        await using RunningLedger ledger = await BookedAsync(databases, log);

        FacilityEntries latest = await ledger.FacilityEntries.ReadAsync(Own, Tenth, "", "", 3, default);
        FacilityEntries all = await ledger.FacilityEntries.ReadAsync(Own, Tenth, "", "", 4, default);

        Assert.True(latest.More);
        Assert.False(all.More);
        Assert.Equal(claims[1..].Select(claim => claim.SettlementId), latest.Entries.Select(entry => entry.SettlementId));
    }
}
