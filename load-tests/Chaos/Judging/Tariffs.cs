using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Chaos.Calls;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>What the policy says of an ordinary visit at a facility.</summary>
/// <param name="DeductibleFen">Per day and facility.</param>
/// <param name="CapFen">Per year.</param>
public sealed record Tariff(int RateBasisPoints, long DeductibleFen, long CapFen);

/// <summary>Values of the shipped policy; what is made of them is the model's own.</summary>
public sealed class Tariffs
{
    private readonly Dictionary<(string Facility, int Year), Tariff> _tariffs = [];

    public static Tariffs Shipped { get; } = new();

    private Tariffs()
    {
        PolicyPack pack = PolicyLoader.Load(Repository.PolicyDirectory, CityPolicy.DefaultCity);
        TermsCatalogue catalogue = new(pack);
        foreach (int year in City.Years)
        {
            OutpatientPolicy policy = pack.OutpatientOn(new DateOnly(year, 6, 1))!;
            for (int facility = 0; facility < City.Facilities; facility++)
            {
                (string level, string grade) = City.ClassOf(facility);
                Terms terms = catalogue.Find(policy, level, grade, policy.PersonClassOf(44, "general"), VisitType.Ordinary)!;
                LimitTerms? deductible = terms.Limits.FirstOrDefault(limit => limit.Kind == LimitKind.DeductibleInOrder);
                _tariffs.Add((City.FacilityCode(facility), year),
                    new Tariff(terms.Parts.Single().RateBasisPoints, deductible?.Limit ?? 0, terms.Limits[terms.AnnualCap].Limit));
            }
        }
    }

    /// <summary>Null where there is no such facility.</summary>
    public Tariff? Of(string facilityCode, DateOnly date) => _tariffs.GetValueOrDefault((facilityCode, date.Year));
}
