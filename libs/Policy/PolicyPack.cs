using System.Collections.Immutable;

namespace Claims.Policy;

/// <summary>The dated parameters of one city, every value with its citation (document number and clause).</summary>
/// <remarks>Read from YAML by <see cref="PolicyLoader"/>; immutable and safe to share.</remarks>
public sealed record PolicyPack
{
    /// <summary>Name of the city as the file states it: <c>zhengzhou</c>.</summary>
    public required string City { get; init; }

    /// <summary>SHA-256 over the pack's files, 64 lower-case hexadecimal digits.</summary>
    public required string Hash { get; init; }

    /// <summary>Periods of outpatient pooling, ascending, without overlap.</summary>
    public required ImmutableArray<OutpatientPolicy> Outpatient { get; init; }

    public required CoverageRules Coverage { get; init; }

    /// <summary>Counties whose residents are outside the pooling area, with the citation.</summary>
    public required ImmutableDictionary<string, string> CountiesOutsidePooling { get; init; }

    /// <summary>The parameters in force on the visit date, or null: NO_POLICY_IN_FORCE.</summary>
    public OutpatientPolicy? OutpatientOn(DateOnly visitDate)
    {
        foreach (OutpatientPolicy policy in Outpatient)
        {
            if (policy.From <= visitDate && (policy.To is null || visitDate <= policy.To)) return policy;
        }

        return null;
    }
}

/// <summary>The outpatient-pooling parameters of one period, constant from its first to its last day.</summary>
public sealed record OutpatientPolicy
{
    /// <summary><c>zhengzhou-outpatient@2024-01-01</c>: stable, and shown on every settlement.</summary>
    public required string PolicyId { get; init; }

    public required DateOnly From { get; init; }

    /// <summary>Last day, or null while open.</summary>
    public required DateOnly? To { get; init; }

    /// <summary>What the fund pays at most per insured and calendar year of the visit, in fen (at most 1 000 000 000).</summary>
    public required Cited<long> AnnualCapFen { get; init; }

    public required TierTerms Province3A { get; init; }

    public required TierTerms Other { get; init; }

    public required TierTerms Grassroots { get; init; }

    /// <summary>Visit types settled by rate, deductible and cap, each with the citation that covers it.</summary>
    public required ImmutableDictionary<string, string> PooledVisitTypes { get; init; }

    /// <summary>Visit types paid as a fixed sum in fen, outside the cap.</summary>
    public required ImmutableDictionary<string, Cited<long>> FixedAllowanceFen { get; init; }
}

/// <param name="Value">In the unit that the property's name ends with.</param>
/// <param name="Source">Document number and clause: <c>郑医保〔2023〕6号 三</c>.</param>
public readonly record struct Cited<T>(T Value, string Source);

/// <summary>What one tier of facility means for a visit.</summary>
/// <param name="DeductibleFen">Per facility and day; 0 where the tier has none.</param>
public sealed record TierTerms(Cited<int> RateBasisPoints, Cited<long> DeductibleFen);

/// <summary>When an enrolment takes effect.</summary>
public sealed record CoverageRules
{
    /// <summary>Days from payment to the first covered day for a payment within the plan year.</summary>
    public required Cited<int> WaitingDays { get; init; }

    /// <summary>Months within which the previous cover must have ended for a transfer without waiting.</summary>
    public required Cited<int> TransferMonths { get; init; }

    /// <summary>Days from payment to the first covered day for a transfer: 0 in Zhengzhou, 1 in Xinzhou.</summary>
    public required Cited<int> TransferCoveredAfterDays { get; init; }

    /// <summary>Categories without waiting, each with its citation.</summary>
    public required ImmutableDictionary<string, string> ExemptCategories { get; init; }

    /// <summary>Citation of the rule that a newborn is covered from birth.</summary>
    public required string NewbornSource { get; init; }
}
