using System.Globalization;
using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Ledger.Tests.Impact;

/// <summary>Books as adjudication would have filled them, in one shard.</summary>
internal sealed class MadeUpBooks(PolicyPack pack)
{
    private readonly Dictionary<(string Insured, string Accumulator), long> _used = [];

    public List<SubLedgerEntry> Entries { get; } = [];

    public SubLedgerEntry Settle(string insured, string day, string facilityClass, long inScopeFen, VisitType type = VisitType.Ordinary)
    {
        DateOnly date = DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture);
        OutpatientPolicy policy = pack.OutpatientOn(date)!;
        FacilityClass facility = policy.FacilityClasses.Single(one => one.Name == facilityClass);
        Terms terms = TermsCompiler.Compile(pack, policy, facility, policy.PersonClasses[^1], type)!;
        SubLedgerEntry entry = new()
        {
            Shard = 1,
            Sequence = Entries.Count + 1,
            SettlementId = $"S1-{Entries.Count + 1}",
            FacilityCode = $"H-{facilityClass}",
            InsuredId = insured,
            RequestId = $"R{Entries.Count + 1}",
            VisitDate = day,
            Kind = "SETTLEMENT",
            VisitType = type,
            Tier = facilityClass,
            TotalFen = inScopeFen,
            InScopeFen = inScopeFen,
            InsuredCounty = "410105",
            PolicyId = policy.PolicyId,
        };
        string[] names = [.. terms.Limits.Select(limit => AccumulatorNames.NameOf(limit, date, entry.FacilityCode))];
        long[] before = [.. names.Select(name => _used.GetValueOrDefault((insured, name)))];
        long[] moved = new long[names.Length];
        Settlement settlement = Adjudicator.Adjudicate(terms, inScopeFen, inScopeFen, before, moved);
        entry.DeductibleFen = settlement.DeductibleFen;
        entry.FundPayFen = settlement.FundPayFen;
        entry.Limits = string.Join('\n', terms.Limits.Select((limit, index) =>
            $"{(char)limit.Kind} {limit.Limit} {before[index]} {moved[index]} {names[index]}"));
        Append(entry);
        return entry;
    }

    public void Cancel(SubLedgerEntry settlement) => Mirror(settlement, "CANCELLATION", -1);

    public void Restore(SubLedgerEntry settlement) => Mirror(settlement, "RESTORATION", 1);

    /// <summary>Few insured, facilities and days, so that caps and deductibles meet; some settlements are cancelled and some of these
    /// restored.</summary>
    public void AddRandom(Random random, int count)
    {
        VisitType[] types = [VisitType.Ordinary, VisitType.Ordinary, VisitType.PrenatalCheck, VisitType.DeliveryNatural];
        string[] classes = [.. pack.Outpatient[0].FacilityClasses.Select(one => one.Name)];
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

            standing.Add(Settle($"I{random.Next(3)}", $"2025-01-{random.Next(1, 5):00}", classes[random.Next(classes.Length)],
                random.Next(0, 12_000), types[random.Next(types.Length)]));
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
        mirror.Limits = string.Join('\n', BookedLimit.Read(settlement.Limits).Select(limit =>
            $"{limit.Kind} {limit.Limit} {_used.GetValueOrDefault((settlement.InsuredId, limit.Accumulator))} {sign * limit.Moved} "
            + limit.Accumulator));
        Append(mirror);
    }

    private void Append(SubLedgerEntry entry)
    {
        Entries.Add(entry);
        foreach (BookedLimit limit in BookedLimit.Read(entry.Limits))
        {
            (string, string) key = (entry.InsuredId, limit.Accumulator);
            _used[key] = _used.GetValueOrDefault(key) + limit.Moved;
        }
    }
}
