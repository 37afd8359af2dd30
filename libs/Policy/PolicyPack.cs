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

    /// <summary>Why the city's outpatient visits cannot be settled, in Chinese, or null: then <see cref="Outpatient"/> is not
    /// empty.</summary>
    public string? OutpatientIncomplete { get; init; }

    /// <summary>The newest rules of coverage, in force for every plan year from <see cref="CoverageRules.FromPlanYear"/> on.</summary>
    public required CoverageRules Coverage { get; init; }

    /// <summary>Rules of coverage for plan years before those of <see cref="Coverage"/>, ascending.</summary>
    public ImmutableArray<CoverageRules> EarlierCoverage { get; init; } = [];

    /// <summary>Counties whose residents are outside the pooling area, with the citation.</summary>
    public required ImmutableDictionary<string, string> CountiesOutsidePooling { get; init; }

    /// <summary>Null where the city has no counties file, which is where it stands.</summary>
    public PoolingArea? PoolingArea { get; init; }

    /// <summary>Counties and development zones by 6-digit administrative code; empty where no known document names them.</summary>
    public ImmutableSortedDictionary<string, County> Counties { get; init; } = ImmutableSortedDictionary<string, County>.Empty;

    public Contributions Contributions { get; init; } = Contributions.None;

    /// <summary>Fiscal subsidies by calendar year.</summary>
    public ImmutableSortedDictionary<int, SubsidyYear> Subsidies { get; init; } = ImmutableSortedDictionary<int, SubsidyYear>.Empty;

    /// <summary>What the province asks of every city's pack, or null where it is not known.</summary>
    public ProvincialFloors? Floors { get; init; }

    /// <summary>The project's own decisions where the documents are silent, by id.</summary>
    public ImmutableSortedDictionary<string, Ruling> Rulings { get; init; } = ImmutableSortedDictionary<string, Ruling>.Empty;

    /// <summary>The parameters in force on the visit date, or null: NO_POLICY_IN_FORCE.</summary>
    public OutpatientPolicy? OutpatientOn(DateOnly visitDate)
    {
        foreach (OutpatientPolicy policy in Outpatient)
        {
            if (policy.From <= visitDate && (policy.To is null || visitDate <= policy.To)) return policy;
        }

        return null;
    }

    /// <summary>The rules of coverage of a plan year, or null where none are known.</summary>
    public CoverageRules? CoverageFor(int planYear)
    {
        if (planYear >= Coverage.FromPlanYear) return Coverage;
        for (int index = EarlierCoverage.Length - 1; index >= 0; index--)
        {
            if (planYear >= EarlierCoverage[index].FromPlanYear) return EarlierCoverage[index];
        }

        return null;
    }
}

/// <param name="Value">In the unit that the property's name ends with.</param>
/// <param name="Source">Document number and clause: <c>郑医保〔2023〕6号 三</c>.</param>
/// <param name="Ruling">Id of the ruling by which the value follows from the source, or null where the source says it in words.</param>
public readonly record struct Cited<T>(T Value, string Source, string? Ruling = null);

/// <summary>When an enrolment takes effect.</summary>
public sealed record CoverageRules
{
    /// <summary>First plan year that these rules decide; 0 where they decide every earlier year too.</summary>
    public int FromPlanYear { get; init; }

    /// <summary>Days from payment to the first covered day for a payment within the plan year; null where the city provides for no such
    /// payment.</summary>
    public required Cited<int>? WaitingDays { get; init; }

    /// <summary>Months within which the previous cover must have ended for a transfer without waiting.</summary>
    public required Cited<int> TransferMonths { get; init; }

    /// <summary>Days from payment to the first covered day for a transfer: 0 in Zhengzhou, 1 in Xinzhou.</summary>
    public required Cited<int> TransferCoveredAfterDays { get; init; }

    /// <summary>Categories without waiting, each with its citation.</summary>
    public required ImmutableDictionary<string, string> ExemptCategories { get; init; }

    /// <summary>Every other category that an enrolment may have.</summary>
    public ImmutableSortedSet<string> OtherCategories { get; init; } = [];

    /// <summary>Citation of the rule that a newborn is covered from birth.</summary>
    public required string NewbornSource { get; init; }
}

/// <summary>A decision of this project where the documents are silent; docs/policy.md gives the reasons.</summary>
/// <param name="Says">The decision in one Chinese sentence.</param>
/// <param name="SilentSource">The document and clause that leaves it open.</param>
public sealed record Ruling(string Id, string Says, string SilentSource);

/// <summary>What went wrong in reading or asking a policy pack. The message has one sentence a line, <c>file:line: sentence</c> where it is
/// about a file.</summary>
public sealed class PolicyException : Exception
{
    public PolicyException(string message) : base(message) => Faults = [message];

    public PolicyException(IReadOnlyList<string> faults) : base(string.Join('\n', faults)) => Faults = faults;

    public IReadOnlyList<string> Faults { get; }
}
