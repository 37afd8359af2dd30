using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;

namespace Claims.LoadTests.Limit;

/// <summary>What the shipped policy makes of an ordinary visit on the day of the sample.</summary>
public static class SampleTerms
{
    public static IEnumerable<Terms> OfEveryFacilityClass()
    {
        PolicyPack pack = PolicyLoader.Load(Repository.PolicyDirectory, CityPolicy.DefaultCity);
        OutpatientPolicy policy = pack.OutpatientOn(new DateOnly(2025, 6, 18))!;
        return policy.FacilityClasses.OrderBy(one => one.Number)
            .Select(one => TermsCompiler.Compile(pack, policy, one, policy.PersonClasses[^1], VisitType.Ordinary)!);
    }
}
