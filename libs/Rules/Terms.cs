using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Claims.Policy;

namespace Claims.Rules;

/// <summary>
/// What a policy makes of a visit type for one class of facilities and one of people: every value chosen, with its words and clauses.
/// Compiled once (<see cref="TermsCompiler"/>) and kept beside the settlements that it decided, so that an old answer is given in its
/// old words whatever policy is loaded today.
/// </summary>
/// <param name="PolicyId"><c>zhengzhou-outpatient@2024-01-01</c>.</param>
/// <param name="PolicyHash">SHA-256 of the pack, 64 hexadecimal digits.</param>
/// <param name="VisitTypeSource">The clause that covers the visit type.</param>
/// <param name="FacilityClass">Name of the class: what the ledger calls the tier.</param>
/// <param name="EntryAtLeastFen">In-scope sum below which nothing is paid and nothing moves; 0 where there is none.</param>
/// <param name="FixedSumFen">Paid in place of a share, at most the total; null for a visit settled by rate.</param>
/// <param name="NotAgainWithinDays">Of a fixed sum: days within which no second one is paid; 0 where there is no such rule.</param>
/// <param name="Parts">The shares by band of cost, ascending; one where there are no bands, none for a fixed sum.</param>
/// <param name="RoundingFen">What each part is rounded to, half up: 1, 10 or 100 fen.</param>
/// <param name="Limits">In the order in which they are evaluated.</param>
public sealed record Terms(
    string PolicyId, string PolicyHash, string BenefitLabel, string VisitTypeSource, string FacilityClass, string FacilityClassLabel,
    string PersonClassLabel, long EntryAtLeastFen, string EntrySource, long? FixedSumFen, int NotAgainWithinDays,
    ImmutableArray<RatePart> Parts, int RoundingFen, string DeductibleSource, ImmutableArray<LimitTerms> Limits)
{
    /// <summary>The most limits that a visit can have; the loader refuses more.</summary>
    public const int MostLimits = 16;

    /// <summary>Basis points of the highest band; 0 for a fixed sum.</summary>
    [JsonIgnore]
    public int RateBasisPoints { get; } = Parts.IsEmpty ? 0 : Parts.Max(part => part.RateBasisPoints);

    /// <summary>Position of the annual cap on what the fund pays, or -1: the one that every reply names.</summary>
    [JsonIgnore]
    public int AnnualCap { get; } = IndexOf(Limits, limit => limit.IsAnnualCap);

    /// <summary>Whether what the fund pays counts against the annual cap.</summary>
    [JsonIgnore]
    public bool Capped => AnnualCap >= 0 && Limits[AnnualCap].Kind == LimitKind.FundPay;

    /// <summary>Whether the fund's payment has a bound and no cost is summed, so that a visit of any amount can be settled.</summary>
    [JsonIgnore]
    public bool BoundsEverySum { get; } = (FixedSumFen is not null || Limits.Any(limit => limit.Kind == LimitKind.FundPay))
        && !Limits.Any(limit => limit.Kind is LimitKind.Cost or LimitKind.Bands);

    private static int IndexOf(ImmutableArray<LimitTerms> limits, Func<LimitTerms, bool> wanted)
    {
        for (int index = 0; index < limits.Length; index++)
        {
            if (wanted(limits[index])) return index;
        }

        return -1;
    }
}

/// <param name="UpToFen">Cost of the period's visits up to which the rate holds; 0 for the last band, which has no end.</param>
public sealed record RatePart(long UpToFen, int RateBasisPoints, string Source);

/// <summary>One limit that a visit meets.</summary>
/// <param name="Name">Its key in the policy: <c>deductible</c>, <c>at_most</c>, <c>bands</c> or the cap's.</param>
/// <param name="Label">In Chinese, as an answer names it.</param>
/// <param name="Accumulator">Measure and group of the accumulator: <c>ffund.year</c>; empty where nothing accumulates.</param>
/// <param name="Limit">In fen, or in visits for <see cref="LimitKind.Count"/>; 0 for bands, which limit nothing.</param>
public sealed record LimitTerms(
    string Name, string Label, LimitKind Kind, Period Per, bool AtFacility, string Accumulator, long Limit, string Source,
    bool IsAnnualCap);

/// <summary>What a limit does; the letter is part of the stored format and of what settle.lua reads.</summary>
public enum LimitKind
{
    /// <summary>Cuts the cost that counts.</summary>
    Cost = 'c',

    /// <summary>What the deductibles of a longer period come to at most; stands before its deductible.</summary>
    AtMost = 'm',

    /// <summary>Deductible taken before the rate; whoever bore it is undone after those whom it spared.</summary>
    DeductibleInOrder = 'D',

    /// <summary>Deductible taken before the rate; undone in any order.</summary>
    Deductible = 'd',

    /// <summary>Says in which band a visit's cost lies; limits nothing.</summary>
    Bands = 'b',

    /// <summary>Deductible taken after the rate, undone in reverse order.</summary>
    DeductibleAfterInOrder = 'A',

    /// <summary>Deductible taken after the rate, undone in any order.</summary>
    DeductibleAfter = 'a',

    /// <summary>Visits that the fund paid for.</summary>
    Count = 'n',

    /// <summary>What the fund pays.</summary>
    FundPay = 'f',

    /// <summary>Shown with the answer; it neither binds nor moves.</summary>
    Shown = 's',
}

/// <summary>How a visit met one limit, in the limit's unit.</summary>
public readonly record struct LimitUse(long Limit, long UsedBefore, long Moved)
{
    /// <summary>What it had for the visit; 0 where more than the limit was used already.</summary>
    public long Left => Math.Max(Limit - UsedBefore, 0);
}
