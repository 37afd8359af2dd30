using System.Collections.Immutable;

namespace Claims.Policy;

/// <summary>What a city's notices say of outpatient visits in one period, constant from its first to its last day.</summary>
public sealed record OutpatientPolicy
{
    /// <summary><c>zhengzhou-outpatient@2024-01-01</c>: stable, and shown on every settlement.</summary>
    public required string PolicyId { get; init; }

    public required DateOnly From { get; init; }

    /// <summary>Last day, or null while open.</summary>
    public required DateOnly? To { get; init; }

    /// <summary>In the order in which they are tried; the last one matches every facility.</summary>
    public required ImmutableArray<FacilityClass> FacilityClasses { get; init; }

    /// <summary>In the order in which they are tried; the last one matches everybody. One, <c>all</c>, where the city makes no
    /// difference.</summary>
    public required ImmutableArray<PersonClass> PersonClasses { get; init; }

    /// <summary>In the order of the file; no visit type belongs to two.</summary>
    public required ImmutableArray<Benefit> Benefits { get; init; }

    public required Rounding Rounding { get; init; }

    /// <param name="adminLevel">The registry's word: <c>province</c> to <c>village</c>.</param>
    public FacilityClass FacilityClassOf(string adminLevel, string grade)
    {
        foreach (FacilityClass one in FacilityClasses)
        {
            if (one.Holds(adminLevel, grade)) return one;
        }

        throw new InvalidOperationException("The last class of facilities holds every one.");
    }

    /// <param name="ageYears">Completed years on the visit's date; null where the date of birth is not known: then no class by age
    /// holds.</param>
    public PersonClass PersonClassOf(int? ageYears, string category)
    {
        // Asked of every visit: a predicate would be an object each time.
        foreach (PersonClass one in PersonClasses)
        {
            if (one.Holds(ageYears, category)) return one;
        }

        throw new InvalidOperationException("The last class of people holds everybody.");
    }

    /// <summary>Null where the visit type is not covered.</summary>
    public Benefit? BenefitFor(string visitType) => Benefits.FirstOrDefault(benefit => benefit.VisitTypes.ContainsKey(visitType));
}

/// <summary>What a facility counts as (机构类别).</summary>
/// <param name="Number">Stored with every settlement, never used again for another class.</param>
/// <param name="AdminLevels">Empty where every level is meant.</param>
/// <param name="Grades">Empty where every grade is meant.</param>
public sealed record FacilityClass(
    string Name, int Number, string Label, ImmutableSortedSet<string> AdminLevels, ImmutableSortedSet<string> Grades)
{
    public bool Holds(string adminLevel, string grade) =>
        (AdminLevels.IsEmpty || AdminLevels.Contains(adminLevel)) && (Grades.IsEmpty || Grades.Contains(grade));
}

/// <summary>What an insured counts as (人员类别) on the visit's date.</summary>
/// <param name="AgeBelow">In completed years; null where age does not matter.</param>
/// <param name="AgeFrom">In completed years; null where age does not matter.</param>
/// <param name="Categories">Categories of the enrolment; empty where every one is meant.</param>
public sealed record PersonClass(
    string Name, int Number, string Label, int? AgeBelow, int? AgeFrom, ImmutableSortedSet<string> Categories)
{
    public bool Holds(int? ageYears, string category) =>
        (AgeBelow is null || ageYears < AgeBelow) && (AgeFrom is null || ageYears >= AgeFrom)
        && (Categories.IsEmpty || Categories.Contains(category));
}

/// <summary>One benefit: its visits, and how the fund pays for them.</summary>
public sealed record Benefit
{
    public required string Name { get; init; }

    public required string Label { get; init; }

    /// <summary>The clause that covers each visit type, by the type's name.</summary>
    public required ImmutableSortedDictionary<string, string> VisitTypes { get; init; }

    /// <summary>In-scope sum in fen below which a visit is not paid for; null where there is none.</summary>
    public Cited<long>? EntryAtLeastFen { get; init; }

    public Deductible? Deductible { get; init; }

    /// <summary>In basis points; null exactly where <see cref="FixedSum"/> stands.</summary>
    public ValueTable? RateBasisPoints { get; init; }

    public Bands? Bands { get; init; }

    /// <summary>In the order of the file.</summary>
    public ImmutableArray<Cap> Caps { get; init; } = [];

    public FixedSum? FixedSum { get; init; }
}

/// <summary>起付标准.</summary>
/// <param name="Group">Name of the accumulator: the benefit's, or those of all that share it, joined by <c>+</c> in the order of the
/// file.</param>
/// <param name="AtFacility">Borne at each facility anew, or once anywhere.</param>
/// <param name="AfterRate">Taken from what the fund would pay, or from what counts.</param>
/// <param name="ReverseOrder">Whether a visit that bore it can be cancelled only once the later ones that it spared are.</param>
/// <param name="Fen">In fen.</param>
/// <param name="AtMost">What is borne in a longer period at most; null where there is no such limit.</param>
public sealed record Deductible(
    string Group, Period Per, bool AtFacility, bool AfterRate, bool ReverseOrder, ValueTable Fen, AtMost? AtMost);

/// <param name="Fen">In fen.</param>
public sealed record AtMost(Period Per, ValueTable Fen);

/// <summary>费用分段: the rate depends on what the visits of a period have cost.</summary>
/// <param name="Group">Name of the accumulator: the benefit's.</param>
/// <param name="EdgesFen">Ascending, above 0; a cost up to and including the first edge is in band 1.</param>
public sealed record Bands(string Group, Period Per, Cited<ImmutableArray<long>> EdgesFen);

/// <summary>支付限额.</summary>
/// <param name="Name">Its key in the file: <c>year</c>.</param>
/// <param name="Group">Name of the accumulator: <c>ordinary.year</c>, or <c>ordinary+delivery.year</c> where it is shared.</param>
/// <param name="FacilityClasses">Names of the classes for which it holds; empty where it holds for all.</param>
/// <param name="PersonClasses">Names of the classes for which it holds; empty where it holds for all.</param>
/// <param name="Limit">In fen, or in visits where <paramref name="Of"/> is <see cref="Measure.Count"/>.</param>
public sealed record Cap(
    string Name, string Group, Measure Of, Period Per, ImmutableSortedSet<string> FacilityClasses,
    ImmutableSortedSet<string> PersonClasses, ValueTable Limit);

/// <summary>A sum in fen paid instead of a share of the cost.</summary>
/// <param name="NotAgainWithinDays">Days within which no second one is paid, before or after; null where there is no such rule.</param>
public sealed record FixedSum(ValueTable Fen, Cited<int>? NotAgainWithinDays);

/// <summary>Each part of what the fund pays, half up.</summary>
/// <param name="UnitFen">What a part is rounded to: 1, 10 or 100 fen.</param>
/// <param name="Source">The clause; null where a ruling says it, or nothing.</param>
public sealed record Rounding(int UnitFen, string? Source, string? Ruling)
{
    /// <summary>Where the file says nothing.</summary>
    public static Rounding ToTheFen { get; } = new(1, null, null);
}

/// <summary>The natural periods of China Standard Time that an accumulator can have.</summary>
public enum Period
{
    /// <summary>One visit: nothing is accumulated.</summary>
    Visit,
    Day,
    Month,
    Quarter,
    Year,
}

public enum Measure
{
    /// <summary>What the visit costs, of what the policy takes into account.</summary>
    Cost,

    /// <summary>What the fund pays.</summary>
    FundPay,

    /// <summary>Visits that the fund paid for.</summary>
    Count,
}

/// <summary>A value for every combination of classes.</summary>
public sealed record ValueTable(ImmutableDictionary<ValueKey, Cited<long>> Rows)
{
    /// <param name="band">1 where there are no bands.</param>
    public Cited<long> For(FacilityClass facility, PersonClass person, string visitType, int band = 1) =>
        Rows[new ValueKey(facility.Name, person.Name, visitType, band)];
}

/// <summary>One combination; the loader writes one row for each that can occur, whatever the file's <c>by</c> leaves out.</summary>
public readonly record struct ValueKey(string FacilityClass, string PersonClass, string VisitType, int Band);
