using System.Collections.Immutable;
using Claims.Policy;
using Claims.Rules;

namespace Claims.Cli.PolicyTrial;

/// <summary>A visit as it would be settled.</summary>
/// <param name="Uses">How it met each of the terms' limits; empty where it is refused.</param>
/// <param name="Trace">The calculation in Chinese; where it is refused, why.</param>
public sealed record TriedVisit(
    TrialVisit Visit, Terms Terms, Settlement Settlement, ImmutableArray<LimitUse> Uses, string Trace, bool Refused);

/// <summary>A row of visits of one person at one facility, settled by the rules alone: no system is asked, and nothing is kept.</summary>
public static class Trial
{
    // Accumulators by facility need one, and which it is makes no difference.
    private const string Facility = "TRIAL";

    /// <param name="facilityClass">Name of the class in the city's file.</param>
    /// <param name="personClass">Likewise; null where the city has one.</param>
    /// <exception cref="PolicyException">The policy has no such class, covers no such visit, or is not in force.</exception>
    public static IReadOnlyList<TriedVisit> Run(
        PolicyPack pack, string facilityClass, string? personClass, V1.VisitType visitType, IReadOnlyList<TrialVisit> visits)
    {
        ArgumentNullException.ThrowIfNull(pack);
        ArgumentNullException.ThrowIfNull(visits);
        if (pack.OutpatientIncomplete is { } reason) throw new PolicyException($"{pack.City}: {reason}.");
        Dictionary<string, long> accumulators = new(StringComparer.Ordinal);
        List<TriedVisit> tried = [];
        foreach (TrialVisit visit in visits)
        {
            Terms terms = TermsOf(pack, facilityClass, personClass, visitType, visit.Date);
            if (terms.NotAgainWithinDays > 0 && tried.Exists(
                earlier => !earlier.Refused && Math.Abs(earlier.Visit.Date.DayNumber - visit.Date.DayNumber) < terms.NotAgainWithinDays))
            {
                tried.Add(new(visit, terms, default, [], $"与另一次补助的就诊日期相隔不足{terms.NotAgainWithinDays}天，不予结算。", Refused: true));
                continue;
            }

            string[] names = [.. terms.Limits.Select(limit => AccumulatorNames.NameOf(limit, visit.Date, Facility))];
            long[] before = [.. names.Select(name => accumulators.GetValueOrDefault(name))];
            long[] moved = new long[names.Length];
            Settlement settlement = Adjudicator.Adjudicate(terms, visit.InScopeFen, visit.InScopeFen, before, moved);
            for (int index = 0; index < names.Length; index++)
            {
                if (names[index].Length > 0) accumulators[names[index]] = before[index] + moved[index];
            }

            ImmutableArray<LimitUse> uses =
                [.. terms.Limits.Select((limit, index) => new LimitUse(limit.Limit, before[index], moved[index]))];
            Calculation calculation = new(terms, new FeeParts(0, 0, 0, visit.InScopeFen), uses.AsMemory(), settlement, visit.Date);
            tried.Add(new(visit, terms, settlement, uses, Trace.Of(calculation), Refused: false));
        }

        return tried;
    }

    private static Terms TermsOf(PolicyPack pack, string facilityClass, string? personClass, V1.VisitType visitType, DateOnly day)
    {
        OutpatientPolicy policy = pack.OutpatientOn(day)
            ?? throw new PolicyException($"No outpatient policy of {pack.City} is in force on {day:yyyy-MM-dd}.");
        FacilityClass facility = policy.FacilityClasses.FirstOrDefault(one => one.Name == facilityClass)
            ?? throw Unknown("facility", facilityClass, policy.FacilityClasses.Select(one => one.Name));
        if (personClass is null && policy.PersonClasses.Length > 1)
        {
            throw new PolicyException(
                $"{pack.City} has several classes of people: name one by --person-class, "
                + $"{string.Join(", ", policy.PersonClasses.Select(one => one.Name))}.");
        }

        PersonClass person = policy.PersonClasses.FirstOrDefault(one => personClass is null || one.Name == personClass)
            ?? throw Unknown("person", personClass!, policy.PersonClasses.Select(one => one.Name));
        return TermsCompiler.Compile(pack, policy, facility, person, visitType)
            ?? throw new PolicyException($"{pack.City} does not cover {VisitTypes.WireName(visitType)} on {day:yyyy-MM-dd}.");

        PolicyException Unknown(string what, string name, IEnumerable<string> known) =>
            new($"{pack.City} has no {what} class '{name}': use one of {string.Join(", ", known)}.");
    }
}
