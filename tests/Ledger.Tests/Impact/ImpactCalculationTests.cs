using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Ledger.Tests.Impact;

/// <summary>Made-up books, lived through again under another policy.</summary>
public sealed class ImpactCalculationTests
{
    private static readonly PolicyPack Present = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");
    private static readonly DateOnly NewYear = new(2025, 1, 1);

    [Fact]
    public void Present_policy_differs_in_nothing_whatever_was_undone()
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            MadeUpBooks books = new(Present);
            books.AddRandom(new Random(seed), 300);

            (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(Present, new DateOnly(2024, 1, 1), books);

            Assert.True(settlements.Count == 0, $"seed {seed}: {string.Join(' ', settlements.Take(1))}");
            Assert.Equal(books.Entries.Sum(entry => entry.FundPayFen), totals.Total.FundPaidBeforeFen);
            Assert.Equal(totals.Total.FundPaidBeforeFen, totals.Total.FundPaidAfterFen);
            Assert.Equal(books.Entries.Sum(entry => entry.Kind == "CANCELLATION" ? -1 : 1), totals.Total.Settlements);
        }
    }

    [Fact]
    public void Higher_rate_pays_more_from_the_first_day_on_only()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2024-12-31", "grassroots", 10_000);
        SubLedgerEntry changed = books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        books.Settle("I1", "2025-01-02", "other", 10_000);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(grassrootsRate: 7_000), NewYear, books);

        DifferingSettlement one = Assert.Single(settlements);
        Assert.Equal((changed.SettlementId, 6_500, 7_000, 500L),
            (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen, one.FundPaidAfterFen - one.FundPaidBeforeFen));
        Assert.Equal(new ImpactSum { Settlements = 2, Differing = 1, FundPaidBeforeFen = 9_800, FundPaidAfterFen = 10_300 }, totals.Total);
        ImpactSum whole = totals.Total.Clone();
        whole.PolicyId = Present.OutpatientOn(NewYear)!.PolicyId;
        Assert.Equal([whole], totals.Policies);
    }

    [Fact]
    public void More_paid_early_leaves_less_of_the_cap_for_later()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", "grassroots", 20_000);
        books.Settle("I2", "2025-01-01", "grassroots", 10_000);
        SubLedgerEntry last = books.Settle("I1", "2025-02-01", "grassroots", 30_000);
        Assert.Equal(17_000, last.FundPayFen);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(grassrootsRate: 9_000), NewYear, books);

        Assert.Equal([(18_000L, ""), (9_000L, ""), (12_000L, Reasons.CapReached)],
            settlements.Select(settlement => (settlement.FundPaidAfterFen, settlement.ReasonCode)));
        Assert.Equal(18_000 - 13_000 + 9_000 - 6_500 + 12_000 - 17_000, Difference(totals.Total));
    }

    [Fact]
    public void What_visits_before_the_first_day_used_of_the_cap_counts_as_it_was_paid()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", "grassroots", 40_000);
        books.Settle("I1", "2025-07-01", "grassroots", 40_000);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(cap: 50_000), new DateOnly(2025, 7, 1), books);

        DifferingSettlement one = Assert.Single(settlements);
        Assert.Equal((4_000, 24_000), (one.FundPaidBeforeFen, one.FundPaidAfterFen));
    }

    [Fact]
    public void Deductible_of_the_day_is_carried_to_the_next_visit_at_that_facility()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", "other", 3_000);
        books.Settle("I1", "2025-01-01", "other", 10_000);
        books.Settle("I1", "2025-01-02", "other", 10_000);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(otherDeductible: 5_000), NewYear, books);

        Assert.Equal([(1_000L, 2_000L), (4_000L, 5_000L)],
            settlements.Select(settlement => (settlement.DeductibleBeforeFen, settlement.DeductibleAfterFen)));
        Assert.Equal(2 * -550, Difference(totals.Total));
    }

    [Fact]
    public void Undone_settlements_are_left_out_but_stood_while_they_stood()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry cancelled = books.Settle("I1", "2025-01-01", "grassroots", 40_000);
        SubLedgerEntry starved = books.Settle("I1", "2025-01-02", "grassroots", 10_000);
        books.Cancel(cancelled);
        SubLedgerEntry after = books.Settle("I1", "2025-01-03", "grassroots", 20_000);
        Assert.Equal((4_000, 13_000), (starved.FundPayFen, after.FundPayFen));

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(grassrootsRate: 7_000), NewYear, books);

        Assert.Equal([(starved.SettlementId, 2_000L), (after.SettlementId, 14_000L)],
            settlements.Select(settlement => (settlement.SettlementId, settlement.FundPaidAfterFen)));
        Assert.Equal(2, totals.Total.Settlements);
    }

    [Fact]
    public void Restored_settlement_stands_again_as_far_as_the_cap_leaves()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry first = books.Settle("I1", "2025-01-01", "grassroots", 20_000);
        books.Cancel(first);
        books.Settle("I1", "2025-01-02", "grassroots", 20_000);
        books.Restore(first);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(With(grassrootsRate: 8_000), NewYear, books);

        Assert.Equal([(first.SettlementId, 14_000L), ("S1-3", 16_000L)],
            settlements.Select(settlement => (settlement.SettlementId, settlement.FundPaidAfterFen)));
    }

    [Fact]
    public void Visit_that_the_other_policy_does_not_cover_pays_nothing_and_says_why()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-03-01", "grassroots", 10_000, VisitType.PrenatalCheck);
        books.Settle("I1", "2025-03-02", "grassroots", 10_000);
        books.Settle("I2", "2025-03-02", "other", 500_000, VisitType.DeliveryNatural);
        PolicyPack other = With(benefit => benefit with
        {
            VisitTypes = benefit.VisitTypes.Remove("PRENATAL_CHECK"),
            FixedSum = benefit.FixedSum is { } sum ? sum with { Fen = Changed(sum.Fen, 150_000, "DELIVERY_NATURAL") } : null,
        });

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(other, NewYear, books);

        Assert.Equal([(0L, Reasons.VisitTypeNotCovered), (150_000L, "")],
            settlements.Select(settlement => (settlement.FundPaidAfterFen, settlement.ReasonCode)));
    }

    [Fact]
    public void Insured_of_a_county_that_the_other_policy_does_not_pool_is_paid_nothing_and_it_says_why()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry outside = books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        outside.InsuredCounty = "410181";
        books.Settle("I2", "2025-01-01", "grassroots", 10_000);

        DifferingSettlement one = Assert.Single(Of(Present, NewYear, books).Settlements);

        Assert.Equal((outside.SettlementId, 6_500L, 0L, Reasons.OutsidePoolingArea),
            (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen, one.ReasonCode));
    }

    [Fact]
    public void Cap_by_month_of_the_other_policy_cuts_each_month_by_itself()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        books.Settle("I1", "2025-01-31", "grassroots", 10_000);
        books.Settle("I1", "2025-02-01", "grassroots", 10_000);
        books.Settle("I2", "2025-01-31", "grassroots", 10_000);

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(WithMonthCap(8_000), NewYear, books);

        DifferingSettlement one = Assert.Single(settlements);
        Assert.Equal(("S1-2", 6_500L, 1_500L, Reasons.CapReached),
            (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen, one.ReasonCode));
        Assert.Equal(-5_000, Difference(totals.Total));
    }

    [Fact]
    public void Restored_settlement_stands_again_as_far_as_the_tightest_cap_leaves()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry first = books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        books.Cancel(first);
        books.Settle("I1", "2025-01-02", "grassroots", 10_000);
        books.Restore(first);
        books.Settle("I1", "2025-01-03", "grassroots", 10_000);

        (IReadOnlyList<DifferingSettlement> settlements, _) = Of(WithMonthCap(8_000), NewYear, books);

        Assert.Equal([(first.SettlementId, 1_500L), ("S1-5", 0L)],
            settlements.Select(settlement => (settlement.SettlementId, settlement.FundPaidAfterFen)));
    }

    [Theory]
    [InlineData(Measure.Count, 1, 0)]
    [InlineData(Measure.Cost, 15_000, 3_250)]
    public void Restored_settlement_stands_again_as_far_as_a_cap_on_cost_or_on_visits_leaves(Measure of, long limit, long paidFen)
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry first = books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        books.Cancel(first);
        books.Settle("I1", "2025-01-02", "grassroots", 10_000);
        books.Restore(first);

        (IReadOnlyList<DifferingSettlement> settlements, _) = Of(WithMonthCap(limit, of), NewYear, books);

        DifferingSettlement one = Assert.Single(settlements);
        Assert.Equal((first.SettlementId, paidFen), (one.SettlementId, one.FundPaidAfterFen));
    }

    [Theory]
    [InlineData(Measure.FundPay, 8_000)]
    [InlineData(Measure.Count, 3)]
    [InlineData(Measure.Cost, 20_000)]
    public void Present_policy_of_another_shape_differs_in_nothing_whatever_was_undone(Measure of, long limit)
    {
        PolicyPack present = WithMonthCap(limit, of);
        MadeUpBooks books = new(present);
        books.AddRandom(new Random(1), 300);

        (IReadOnlyList<DifferingSettlement> settlements, _) = Of(present, new DateOnly(2024, 1, 1), books);

        Assert.Empty(settlements);
    }

    [Fact]
    public void Class_of_people_is_the_one_that_the_registry_makes_it_on_the_day()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry ofMinor = books.Settle("I1", "2025-06-01", "grassroots", 10_000);
        books.Settle("I1", "2025-06-02", "grassroots", 10_000);
        books.Settle("I2", "2025-06-01", "grassroots", 10_000);
        books.Settle("I3", "2025-06-01", "grassroots", 10_000);
        InsuredTerms Born(string id, DateOnly? birth) => new(id,
            [new EnrolmentTerms(2025, "resident", "410105", true, NewYear, NewYear, new DateOnly(2025, 12, 31), BirthDate: birth)]);

        (IReadOnlyList<DifferingSettlement> settlements, _) = Of(WithMinors(9_000), NewYear, books,
            id => id switch { "I1" => Born(id, new DateOnly(2007, 6, 2)), "I2" => Born(id, null), _ => null });

        DifferingSettlement one = Assert.Single(settlements);
        Assert.Equal((ofMinor.SettlementId, 6_500L, 9_000L), (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen));
    }

    [Fact]
    public void Class_of_facilities_that_the_other_policy_does_not_have_is_named()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", "grassroots", 10_000);
        PolicyPack other = WithPolicy(policy => policy with
        {
            FacilityClasses = [.. policy.FacilityClasses.Where(one => one.Name != "grassroots")],
        });

        BooksDisagreeException refused = Assert.Throws<BooksDisagreeException>(() => Of(other, NewYear, books));

        Assert.Contains($"the facility class 'grassroots', which {other.OutpatientOn(NewYear)!.PolicyId} does not have", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Visit_without_a_policy_in_force_is_summed_apart()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-03-01", "grassroots", 10_000);
        books.Settle("I1", "2025-07-01", "grassroots", 10_000);
        PolicyPack other = WithPolicy(policy => policy with { To = policy.To ?? new DateOnly(2025, 6, 30) });

        (IReadOnlyList<DifferingSettlement> settlements, ImpactTotals totals) = Of(other, NewYear, books);

        Assert.Equal(["", Present.OutpatientOn(NewYear)!.PolicyId], totals.Policies.Select(policy => policy.PolicyId));
        Assert.Equal([-6_500L, 0L], totals.Policies.Select(policy => Difference(policy)));
        Assert.Equal(Reasons.NoPolicyInForce, Assert.Single(settlements).ReasonCode);
    }

    [Fact]
    public void Books_that_undo_what_does_not_stand_are_refused()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry settled = books.Settle("I1", "2025-01-01", "grassroots", 20_000);
        books.Cancel(settled);
        SubLedgerEntry again = books.Entries[^1].Clone();
        again.Sequence++;
        books.Entries.Add(again);

        BooksDisagreeException refused = Assert.Throws<BooksDisagreeException>(() => Of(Present, NewYear, books));

        Assert.Contains("entry 3 of shard 1 undoes S1-1, which does not stand", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merged_ids_are_one_from_the_merge_on_and_two_again_once_it_is_undone()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry old = books.Settle("T", "2025-01-01", "grassroots", 40_000);
        SubLedgerEntry merged = books.Settle("N", "2025-01-02", "grassroots", 30_000).Clone();
        SubLedgerEntry parted = merged.Clone();
        Assert.Equal((26_000, 19_500), (old.FundPayFen, merged.FundPayFen));
        merged.FundPayFen = 30_000 - 26_000;
        (parted.SettlementId, parted.Sequence) = ("after", merged.Sequence + 1);

        ImpactCalculation together = new(Present, NewYear, Nobody);
        together.Add(old, ofMerged: true);
        together.Add(Merge("MERGE_IN"), ofMerged: true);
        together.Add(merged, ofMerged: true);
        ImpactCalculation apart = new(Present, NewYear, Nobody);
        apart.Add(old, ofMerged: true);
        apart.Add(Merge("MERGE_IN"), ofMerged: true);
        apart.Add(Merge("UNMERGE_IN"), ofMerged: true);
        apart.Add(parted, ofMerged: true);

        Assert.Empty(together.Finish().Differing);
        Assert.Empty(apart.Finish().Differing);

        static SubLedgerEntry Merge(string kind) => new() { Kind = kind, InsuredId = "N", Note = "T\n甲\n因由" };
    }

    [Fact]
    public void What_is_settled_under_a_merged_id_counts_for_the_other()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry first = books.Settle("T", "2025-01-01", "grassroots", 40_000);
        SubLedgerEntry second = books.Settle("N", "2025-01-02", "grassroots", 30_000).Clone();
        first.PersonId = "N";
        second.FundPayFen = 4_000;
        ImpactCalculation calculation = new(Present, NewYear, Nobody);
        calculation.Add(first, ofMerged: true);
        calculation.Add(second, ofMerged: true);

        Assert.Empty(calculation.Finish().Differing);
    }

    private static (IReadOnlyList<DifferingSettlement> Settlements, ImpactTotals Totals) Of(
        PolicyPack pack, DateOnly from, MadeUpBooks books, Func<string, InsuredTerms?>? insured = null)
    {
        ImpactCalculation calculation = new(pack, from, insured ?? Nobody);
        foreach (SubLedgerEntry entry in books.Entries) calculation.Add(entry);
        return calculation.Finish();
    }

    private static long Difference(ImpactSum sum) => sum.FundPaidAfterFen - sum.FundPaidBeforeFen;

    /// <summary>The present policy with other values, for all of its days.</summary>
    internal static PolicyPack With(int? grassrootsRate = null, long? cap = null, long? otherDeductible = null) => With(
        benefit => benefit with
        {
            RateBasisPoints = Changed(benefit.RateBasisPoints, grassrootsRate, "grassroots"),
            Caps = [.. benefit.Caps.Select(one => one with { Limit = Changed(one.Limit, cap) })],
            Deductible = benefit.Deductible is { } deductible
                ? deductible with { Fen = Changed(deductible.Fen, otherDeductible, "other") }
                : null,
        });

    private static InsuredTerms? Nobody(string insuredId) => null;

    /// <summary>A higher rate for whoever is below eighteen.</summary>
    private static PolicyPack WithMinors(int rateBasisPoints)
    {
        PersonClass minor = new("minor", 1, "未成年人", AgeBelow: 18, AgeFrom: null, ImmutableSortedSet<string>.Empty);
        return WithPolicy(policy => policy with
        {
            PersonClasses = [minor, .. policy.PersonClasses],
            Benefits = [.. policy.Benefits.Select(benefit => benefit with
            {
                RateBasisPoints = OfMinors(benefit.RateBasisPoints, rateBasisPoints),
                Caps = [.. benefit.Caps.Select(cap => cap with { Limit = OfMinors(cap.Limit) })],
                Deductible = benefit.Deductible is { } deductible ? deductible with { Fen = OfMinors(deductible.Fen) } : null,
            })],
        });

        [return: NotNullIfNotNull(nameof(table))]
        ValueTable? OfMinors(ValueTable? table, long? value = null) => table is null
            ? null
            : new ValueTable(table.Rows.SetItems(table.Rows.Select(row => KeyValuePair.Create(
                row.Key with { PersonClass = minor.Name }, value is { } other ? new Cited<long>(other, "made up") : row.Value))));
    }

    private static PolicyPack WithMonthCap(long limit, Measure of = Measure.FundPay) => With(
        benefit => benefit.Name != "ordinary" ? benefit : benefit with
        {
            Caps = benefit.Caps.Add(benefit.Caps[0] with
            {
                Name = "month",
                Group = "ordinary.month",
                Of = of,
                Per = Period.Month,
                Limit = Changed(benefit.Caps[0].Limit, limit),
            }),
        });

    private static PolicyPack With(Func<Benefit, Benefit> change) =>
        WithPolicy(policy => policy with { Benefits = [.. policy.Benefits.Select(change)] });

    private static PolicyPack WithPolicy(Func<OutpatientPolicy, OutpatientPolicy> change) =>
        Present with { Outpatient = [.. Present.Outpatient.Select(change)] };

    /// <param name="only">Class of facilities or visit type whose value changes; null for all.</param>
    [return: NotNullIfNotNull(nameof(table))]
    private static ValueTable? Changed(ValueTable? table, long? value, string? only = null) => table is null || value is null
        ? table
        : new ValueTable(table.Rows.ToImmutableDictionary(row => row.Key, row =>
            only is null || row.Key.FacilityClass == only || row.Key.VisitType == only
                ? new Cited<long>(value.Value, "made up")
                : row.Value));
}
