using System.Collections.Immutable;
using System.Globalization;
using Claims.Rules;
using Claims.Cli.PolicyImpact;
using Claims.Policy;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>Made-up books, lived through again under another policy.</summary>
public sealed class PolicyImpactTests : IDisposable
{
    private static readonly PolicyPack Present = PolicyLoader.Load(Repository.PolicyDirectory, "zhengzhou");
    private static readonly DateOnly NewYear = new(2025, 1, 1);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims impact ");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Present_policy_differs_in_nothing_whatever_was_undone()
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            MadeUpBooks books = new(Present);
            books.AddRandom(new Random(seed), 300);

            Impact impact = await OfAsync(Present, new DateOnly(2024, 1, 1), books);

            Assert.True(impact.Settlements.Count == 0, $"seed {seed}: {string.Join(' ', impact.Settlements.Take(1))}");
            Assert.Equal(books.Entries.Sum(entry => entry.FundPayFen), impact.Total.FundPaidBeforeFen);
            Assert.Equal(impact.Total.FundPaidBeforeFen, impact.Total.FundPaidAfterFen);
            Assert.Equal(books.Entries.Sum(entry => entry.Kind == "CANCELLATION" ? -1 : 1), impact.Total.Settlements);
        }
    }

    [Fact]
    public async Task Higher_rate_pays_more_from_the_first_day_on_only()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2024-12-31", Tier.Grassroots, 10_000);
        SubLedgerEntry changed = books.Settle("I1", "2025-01-01", Tier.Grassroots, 10_000);
        books.Settle("I1", "2025-01-02", Tier.Other, 10_000);

        Impact impact = await OfAsync(With(grassrootsRate: 7_000), NewYear, books);

        DifferingSettlement one = Assert.Single(impact.Settlements);
        Assert.Equal((changed.SettlementId, 6_500, 7_000, 500L), (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen, one.DifferenceFen));
        Assert.Equal(new ImpactTotals("", 2, 1, 9_800, 10_300), impact.Total);
        Assert.Equal([impact.Total with { PolicyId = Present.OutpatientOn(NewYear)!.PolicyId }], impact.Policies);
    }

    [Fact]
    public async Task More_paid_early_leaves_less_of_the_cap_for_later()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", Tier.Grassroots, 20_000);
        books.Settle("I2", "2025-01-01", Tier.Grassroots, 10_000);
        SubLedgerEntry last = books.Settle("I1", "2025-02-01", Tier.Grassroots, 30_000);
        Assert.Equal(17_000, last.FundPayFen);

        Impact impact = await OfAsync(With(grassrootsRate: 9_000), NewYear, books);

        Assert.Equal([(18_000L, ""), (9_000L, ""), (12_000L, Reasons.CapReached)], impact.Settlements.Select(settlement => (settlement.FundPaidAfterFen, settlement.ReasonCode)));
        Assert.Equal(18_000 - 13_000 + 9_000 - 6_500 + 12_000 - 17_000, impact.Total.DifferenceFen);
    }

    [Fact]
    public async Task What_visits_before_the_first_day_used_of_the_cap_counts_as_it_was_paid()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", Tier.Grassroots, 40_000);
        books.Settle("I1", "2025-07-01", Tier.Grassroots, 40_000);

        Impact impact = await OfAsync(With(cap: 50_000), new DateOnly(2025, 7, 1), books);

        DifferingSettlement one = Assert.Single(impact.Settlements);
        Assert.Equal((4_000, 24_000), (one.FundPaidBeforeFen, one.FundPaidAfterFen));
    }

    [Fact]
    public async Task Deductible_of_the_day_is_carried_to_the_next_visit_at_that_facility()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-01-01", Tier.Other, 3_000);
        books.Settle("I1", "2025-01-01", Tier.Other, 10_000);
        books.Settle("I1", "2025-01-02", Tier.Other, 10_000);

        Impact impact = await OfAsync(With(otherDeductible: 5_000), NewYear, books);

        Assert.Equal([(1_000L, 2_000L), (4_000L, 5_000L)], impact.Settlements.Select(settlement => (settlement.DeductibleBeforeFen, settlement.DeductibleAfterFen)));
        Assert.Equal(2 * -550, impact.Total.DifferenceFen);
    }

    [Fact]
    public async Task Undone_settlements_are_left_out_but_stood_while_they_stood()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry cancelled = books.Settle("I1", "2025-01-01", Tier.Grassroots, 40_000);
        SubLedgerEntry starved = books.Settle("I1", "2025-01-02", Tier.Grassroots, 10_000);
        books.Cancel(cancelled);
        SubLedgerEntry after = books.Settle("I1", "2025-01-03", Tier.Grassroots, 20_000);
        Assert.Equal((4_000, 13_000), (starved.FundPayFen, after.FundPayFen));

        Impact impact = await OfAsync(With(grassrootsRate: 7_000), NewYear, books);

        Assert.Equal([(starved.SettlementId, 2_000L), (after.SettlementId, 14_000L)], impact.Settlements.Select(settlement => (settlement.SettlementId, settlement.FundPaidAfterFen)));
        Assert.Equal(2, impact.Total.Settlements);
    }

    [Fact]
    public async Task Restored_settlement_stands_again_as_far_as_the_cap_leaves()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry first = books.Settle("I1", "2025-01-01", Tier.Grassroots, 20_000);
        books.Cancel(first);
        books.Settle("I1", "2025-01-02", Tier.Grassroots, 20_000);
        books.Restore(first);

        Impact impact = await OfAsync(With(grassrootsRate: 8_000), NewYear, books);

        Assert.Equal([(first.SettlementId, 14_000L), ("S1-3", 16_000L)], impact.Settlements.Select(settlement => (settlement.SettlementId, settlement.FundPaidAfterFen)));
    }

    [Fact]
    public async Task Visit_that_the_other_policy_does_not_cover_pays_nothing_and_says_why()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-03-01", Tier.Grassroots, 10_000, VisitType.PrenatalCheck);
        books.Settle("I1", "2025-03-02", Tier.Grassroots, 10_000);
        books.Settle("I2", "2025-03-02", Tier.Other, 500_000, VisitType.DeliveryNatural);
        PolicyPack other = With(policy => policy with
        {
            PooledVisitTypes = policy.PooledVisitTypes.Remove("PRENATAL_CHECK"),
            FixedAllowanceFen = policy.FixedAllowanceFen.SetItem("DELIVERY_NATURAL", new Cited<long>(150_000, "made up")),
        });

        Impact impact = await OfAsync(other, NewYear, books);

        Assert.Equal([(0L, Reasons.VisitTypeNotCovered), (150_000L, "")], impact.Settlements.Select(settlement => (settlement.FundPaidAfterFen, settlement.ReasonCode)));
    }

    [Fact]
    public async Task Visit_without_a_policy_in_force_is_summed_apart()
    {
        MadeUpBooks books = new(Present);
        books.Settle("I1", "2025-03-01", Tier.Grassroots, 10_000);
        books.Settle("I1", "2025-07-01", Tier.Grassroots, 10_000);
        PolicyPack other = With(policy => policy with { To = policy.To ?? new DateOnly(2025, 6, 30) });

        Impact impact = await OfAsync(other, NewYear, books);

        Assert.Equal(["", Present.OutpatientOn(NewYear)!.PolicyId], impact.Policies.Select(policy => policy.PolicyId));
        Assert.Equal([-6_500L, 0L], impact.Policies.Select(policy => policy.DifferenceFen));
        Assert.Equal(Reasons.NoPolicyInForce, Assert.Single(impact.Settlements).ReasonCode);
    }

    [Fact]
    public async Task Books_that_undo_what_does_not_stand_are_refused()
    {
        MadeUpBooks books = new(Present);
        SubLedgerEntry settled = books.Settle("I1", "2025-01-01", Tier.Grassroots, 20_000);
        books.Cancel(settled);
        SubLedgerEntry again = books.Entries[^1].Clone();
        again.Sequence++;
        books.Entries.Add(again);

        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => OfAsync(Present, NewYear, books));

        Assert.Contains("entry 3 of shard 1 undoes S1-1, which does not stand", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_outpatient_file_stands_in_for_the_citys()
    {
        string text = File.ReadAllText(Path.Combine(Repository.PolicyDirectory, "zhengzhou-outpatient.yaml"));
        string file = Path.Combine(_directory.FullName, "NEW.yaml");
        File.WriteAllText(file, text.Replace("value: 300", "value: 400", StringComparison.Ordinal));

        PolicyPack pack = ImpactPack.Load(file, Repository.PolicyDirectory, "zhengzhou");

        Assert.Equal(40_000, pack.OutpatientOn(NewYear)!.AnnualCapFen.Value);
        Assert.NotEqual(Present.Hash, pack.Hash);
        Assert.Equal(Present.Hash, ImpactPack.Load(Repository.PolicyDirectory, "elsewhere", "zhengzhou").Hash);
    }

    [Fact]
    public void Fault_in_the_file_is_named_by_the_files_own_name()
    {
        string file = Path.Combine(_directory.FullName, "NEW.yaml");
        File.WriteAllText(file, "city: zhengzhou\ninstrument: outpatient\nfavourite_colour: green\n");

        PolicyException refused = Assert.Throws<PolicyException>(() => ImpactPack.Load(file, Repository.PolicyDirectory, "zhengzhou"));

        Assert.All(refused.Faults, fault => Assert.StartsWith("NEW.yaml:", fault, StringComparison.Ordinal));
        Assert.Contains("neither", Assert.Throws<PolicyException>(() => ImpactPack.Load(file + ".not", Repository.PolicyDirectory, "zhengzhou")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void City_whose_visits_cannot_be_settled_is_refused() =>
        Assert.StartsWith("xinzhou: ", Assert.Throws<PolicyException>(() => ImpactPack.Load(Repository.PolicyDirectory, Repository.PolicyDirectory, "xinzhou")).Message, StringComparison.Ordinal);

    private static Task<Impact> OfAsync(PolicyPack pack, DateOnly from, MadeUpBooks books) => ImpactCalculation.OfAsync(pack, from, books.Entries.ToAsyncEnumerable());

    private static PolicyPack With(int? grassrootsRate = null, long? cap = null, long? otherDeductible = null) => With(policy => policy with
    {
        AnnualCapFen = new Cited<long>(cap ?? policy.AnnualCapFen.Value, "made up"),
        Grassroots = policy.Grassroots with { RateBasisPoints = new Cited<int>(grassrootsRate ?? policy.Grassroots.RateBasisPoints.Value, "made up") },
        Other = policy.Other with { DeductibleFen = new Cited<long>(otherDeductible ?? policy.Other.DeductibleFen.Value, "made up") },
    });

    private static PolicyPack With(Func<OutpatientPolicy, OutpatientPolicy> change) => Present with { Outpatient = [.. Present.Outpatient.Select(change)] };

    /// <summary>Books as adjudication would have filled them, in one shard.</summary>
    private sealed class MadeUpBooks(PolicyPack pack)
    {
        private readonly Dictionary<(string, int), long> _usedFen = [];
        private readonly Dictionary<(string, string, string), long> _borneFen = [];

        public List<SubLedgerEntry> Entries { get; } = [];

        public SubLedgerEntry Settle(string insured, string day, Tier tier, long inScopeFen, VisitType type = VisitType.Ordinary)
        {
            DateOnly date = DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture);
            OutpatientPolicy policy = pack.OutpatientOn(date)!;
            Terms terms = CoverageChecks.TermsOf(policy, tier, type)!.Value;
            SubLedgerEntry entry = new()
            {
                Shard = 1,
                Sequence = Entries.Count + 1,
                SettlementId = $"S1-{Entries.Count + 1}",
                FacilityCode = $"H{(int)tier}",
                InsuredId = insured,
                RequestId = $"R{Entries.Count + 1}",
                VisitDate = day,
                Kind = "SETTLEMENT",
                VisitType = type,
                Tier = tier.WireName(),
                TotalFen = inScopeFen,
                InScopeFen = inScopeFen,
                InsuredCounty = "410105",
                PolicyId = policy.PolicyId,
                CapUsedBeforeFen = _usedFen.GetValueOrDefault((insured, date.Year)),
            };
            Settlement settlement = Adjudicator.Adjudicate(terms, inScopeFen, inScopeFen, new Standing(entry.CapUsedBeforeFen, _borneFen.GetValueOrDefault((insured, entry.FacilityCode, day))));
            entry.DeductibleFen = settlement.DeductibleFen;
            entry.FundPayFen = settlement.FundPayFen;
            entry.CapUsedAfterFen = entry.CapUsedBeforeFen + (terms.Capped ? settlement.FundPayFen : 0);
            Append(entry);
            return entry;
        }

        public void Cancel(SubLedgerEntry settlement) => Mirror(settlement, "CANCELLATION", -1);

        public void Restore(SubLedgerEntry settlement) => Mirror(settlement, "RESTORATION", 1);

        /// <summary>Few insured, facilities and days, so that caps and deductibles meet; some settlements are cancelled and some of these restored.</summary>
        public void AddRandom(Random random, int count)
        {
            VisitType[] types = [VisitType.Ordinary, VisitType.Ordinary, VisitType.PrenatalCheck, VisitType.DeliveryNatural];
            List<SubLedgerEntry> standing = [];
            while (Entries.Count < count)
            {
                if (standing.Count > 0 && random.Next(4) == 0)
                {
                    SubLedgerEntry undone = standing[random.Next(standing.Count)];
                    Cancel(undone);
                    if (random.Next(2) == 0) Restore(undone);
                    else standing.Remove(undone);
                    continue;
                }

                standing.Add(Settle($"I{random.Next(3)}", $"2025-01-{random.Next(1, 5):00}", (Tier)random.Next(1, 4), random.Next(0, 12_000), types[random.Next(types.Length)]));
            }
        }

        private void Mirror(SubLedgerEntry settlement, string kind, int sign)
        {
            SubLedgerEntry mirror = settlement.Clone();
            mirror.Kind = kind;
            mirror.Sequence = Entries.Count + 1;
            mirror.SettlementId = $"S1-{mirror.Sequence}";
            mirror.OriginalSettlementId = settlement.SettlementId;
            mirror.TotalFen *= sign;
            mirror.InScopeFen *= sign;
            mirror.DeductibleFen *= sign;
            mirror.FundPayFen *= sign;
            mirror.CapUsedBeforeFen = _usedFen.GetValueOrDefault((settlement.InsuredId, int.Parse(settlement.VisitDate.AsSpan(0, 4), CultureInfo.InvariantCulture)));
            mirror.CapUsedAfterFen = mirror.CapUsedBeforeFen + (sign * (settlement.CapUsedAfterFen - settlement.CapUsedBeforeFen));
            Append(mirror);
        }

        private void Append(SubLedgerEntry entry)
        {
            Entries.Add(entry);
            (string, int) year = (entry.InsuredId, int.Parse(entry.VisitDate.AsSpan(0, 4), CultureInfo.InvariantCulture));
            (string, string, string) day = (entry.InsuredId, entry.FacilityCode, entry.VisitDate);
            _usedFen[year] = _usedFen.GetValueOrDefault(year) + entry.CapUsedAfterFen - entry.CapUsedBeforeFen;
            _borneFen[day] = _borneFen.GetValueOrDefault(day) + entry.DeductibleFen;
        }
    }
}
