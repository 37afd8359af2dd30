using System.Collections.Immutable;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Funding;

/// <summary>An amount per head that someone owes the fund.</summary>
/// <param name="Payer">Unspecified: the tax bureau.</param>
/// <param name="Source">Document and clause.</param>
internal readonly record struct PerHead(Payer Payer, long Fen, string Source);

/// <summary>What the policy and the registry say of the fund's income, and whose account pays.</summary>
internal sealed class FundPolicy(PolicyPack pack, IServiceProvider services)
{
    // The registry counts one plan year of one scheme.
    private const string PolicyScheme = "resident";

    /// <summary>The code under which stands what is kept for the whole city.</summary>
    /// <exception cref="PolicyException">The city has no counties file, which is where it stands.</exception>
    public string WholeCity => pack.RequirePoolingArea().Code;

    /// <summary>The county, which is inside the pooling area.</summary>
    /// <exception cref="PolicyException">It is unknown or outside.</exception>
    public County County(string code) => pack.RequireCounty(code);

    /// <summary>Counties with an expenditure account of their own (郑政办〔2021〕24号 二(三), 三(三)2), ascending.</summary>
    public IEnumerable<County> CountiesWithAccounts => pack.Counties.Values.Where(county => county.Accounts == FundAccounts.County);

    /// <summary>The whole individual contribution of a plan year; the aided part is collected by the tax bureau too.</summary>
    /// <exception cref="PolicyException">It is not known.</exception>
    public ImmutableArray<PerHead> Contribution(string scheme, string county, int planYear)
    {
        RequirePolicyScheme(scheme);
        ContributionQuote quote = pack.QuoteContribution(planYear, "general", county);
        return [new PerHead(Payer.Unspecified, quote.StandardFen, string.Join("; ", quote.Sources))];
    }

    /// <summary>The fiscal subsidy of a year, by payer; the parts sum to the year's total.</summary>
    /// <exception cref="PolicyException">It, or a part of it, is not known.</exception>
    public ImmutableArray<PerHead> Subsidy(string scheme, string county, int year)
    {
        RequirePolicyScheme(scheme);
        County(county);
        Subsidy subsidy = pack.SubsidyFor(year, county);
        if (subsidy.Remainder is { } remainder)
            throw new PolicyException($"A part of the fiscal subsidy of {year} for '{county}' is not in hand: {remainder} "
            + $"({subsidy.Source}).");
        (Payer Payer, long? Fen)[] parts =
        [
            (Payer.CentralTreasury, subsidy.CentralFen), (Payer.ProvinceTreasury, subsidy.ProvinceFen),
            (Payer.CityTreasury, subsidy.CityFen), (Payer.CountyTreasury, subsidy.CountyFen),
        ];
        return [.. parts.Where(part => part.Fen > 0).Select(part => new PerHead(part.Payer, part.Fen!.Value, subsidy.Source))];
    }

    /// <summary>Those whose contribution for the plan year has been paid.</summary>
    /// <exception cref="FundingRefusedException">No Eligibility is configured.</exception>
    /// <exception cref="RpcException">Eligibility does not answer.</exception>
    public async Task<long> HeadsAsync(string scheme, string county, int planYear, CancellationToken cancellationToken)
    {
        Eligibility.EligibilityClient eligibility = services.GetService<Eligibility.EligibilityClient>()
            ?? throw new FundingRefusedException("the ledger cannot count heads: set Claims__EligibilityAddress");
        CountHeadsReply counted = await eligibility.CountHeadsAsync(
            new CountHeadsRequest { Scheme = scheme, PlanYear = planYear, County = county }, cancellationToken: cancellationToken);
        return counted.Counties.SingleOrDefault(row => row.County == county)?.Paid ?? 0;
    }

    private static void RequirePolicyScheme(string scheme)
    {
        if (scheme != PolicyScheme) throw new PolicyException($"The amounts per head of scheme '{scheme}' are not in hand.");
    }
}
