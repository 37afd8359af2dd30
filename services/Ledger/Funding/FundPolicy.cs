using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Funding;

/// <summary>What the policy and the registry say of the fund's income, and whose account pays.</summary>
internal sealed class FundPolicy(PolicyPack pack, IServiceProvider services)
{
    // The registry counts one plan year of one scheme.
    private const string PolicyScheme = "resident";
    private const string Student = "student";

    /// <summary>The code under which stands what is kept for the whole city.</summary>
    /// <exception cref="PolicyException">The city has no counties file, which is where it stands.</exception>
    public string WholeCity => pack.RequirePoolingArea().Code;

    /// <summary>The county, which is inside the pooling area.</summary>
    /// <exception cref="PolicyException">It is unknown or outside.</exception>
    public County County(string code) => pack.RequireCounty(code);

    /// <summary>Counties with an expenditure account of their own (郑政办〔2021〕24号 二(三), 三(三)2), ascending.</summary>
    public IEnumerable<County> CountiesWithAccounts => pack.Counties.Values.Where(county => county.Accounts == FundAccounts.County);

    /// <summary>What is owed for a year by heads of the registry, and of whom it is not known.</summary>
    /// <exception cref="PolicyException">The county is unknown or outside, or of nobody's amount anything is known.</exception>
    /// <exception cref="FundingRefusedException">No Eligibility is configured, or it does not tell categories yet.</exception>
    /// <exception cref="RpcException">Eligibility does not answer.</exception>
    public async Task<OwedHeads> OwedAsync(
        AssessmentKind kind, string scheme, string county, int year, CancellationToken cancellationToken)
    {
        if (scheme != PolicyScheme) throw new PolicyException($"The amounts per head of scheme '{scheme}' are not in hand.");
        County(county);
        OwedHeads owed = new([], []);
        PolicyException? unknown = null;
        foreach (HeadsOf heads in await HeadsAsync(scheme, county, year, cancellationToken))
        {
            try
            {
                if (kind == AssessmentKind.Contribution) AddContribution(owed, heads, county, year);
                else AddSubsidy(owed, heads, county, year);
            }
            catch (PolicyException notInHand)
            {
                unknown ??= notInHand;
                string of = kind == AssessmentKind.Contribution || IsOfUnknownCollege(heads, year) ? heads.Category : heads.College;
                owed.AddUnknown(of, heads.Paid, 0, notInHand.Message);
            }
        }

        return owed.Lines.Count == 0 && unknown is not null ? throw unknown : owed;
    }

    /// <summary>What a person pays is owed by the tax bureau, what is aided by those who bear the aid.</summary>
    private void AddContribution(OwedHeads owed, HeadsOf heads, string county, int planYear)
    {
        ContributionQuote quote = pack.QuoteContribution(planYear, heads.Category, county, heads.College.Length > 0);
        if (quote.PayersNotInHand is { } reason) throw new PolicyException(reason);
        string of = quote is { AidFen: 0, SetApart: false } ? "" : heads.Category;
        if (quote.SetApart && heads.College.Length > 0 && heads.Category != Student) of += $",{Student}";
        string source = string.Join("; ", quote.Sources);
        foreach ((Payer payer, long fen) in new[]
        {
            (Payer.Unspecified, quote.SelfFen), (Payer.CityTreasury, quote.CityAidFen!.Value),
            (Payer.CountyTreasury, quote.CountyAidFen!.Value),
        })
            owed.Add(payer, of, heads.Paid, fen, source);
    }

    /// <summary>By payer; the parts sum to the year's total where the documents say whose each is.</summary>
    private void AddSubsidy(OwedHeads owed, HeadsOf heads, string county, int year)
    {
        if (IsOfUnknownCollege(heads, year))
            throw new PolicyException("the registry does not say of which college they are students 登记未写明就读院校的隶属关系");
        Subsidy subsidy = pack.SubsidyFor(year, heads.College.Length > 0 ? heads.College : county);
        foreach ((Payer payer, long? fen) in new[]
        {
            (Payer.CentralTreasury, subsidy.CentralFen), (Payer.ProvinceTreasury, subsidy.ProvinceFen),
            (Payer.CityTreasury, subsidy.CityFen), (Payer.CountyTreasury, subsidy.CountyFen),
        })
            owed.Add(payer, heads.College, heads.Paid, fen ?? 0, subsidy.Source);
        if (subsidy.Remainder is { } remainder)
        {
            long unknownFen = pack.Subsidies[year].TotalFen!.Value.Value - subsidy.KnownFen;
            owed.AddUnknown(heads.College, heads.Paid, unknownFen, $"{remainder} ({subsidy.Source})");
        }
    }

    /// <summary>A student whose college decides who pays, and the registry does not have it.</summary>
    private bool IsOfUnknownCollege(HeadsOf heads, int year) =>
        heads is { College: "", Category: Student } && pack.HasCollegeSubsidies(year);

    /// <summary>Those whose contribution for the plan year has been paid, by category and college.</summary>
    private async Task<IReadOnlyCollection<HeadsOf>> HeadsAsync(
        string scheme, string county, int planYear, CancellationToken cancellationToken)
    {
        Eligibility.EligibilityClient eligibility = services.GetService<Eligibility.EligibilityClient>()
            ?? throw new FundingRefusedException("the ledger cannot count heads: set Claims__EligibilityAddress");
        CountHeadsReply counted = await eligibility.CountHeadsAsync(
            new CountHeadsRequest { Scheme = scheme, PlanYear = planYear, County = county }, cancellationToken: cancellationToken);
        if (counted.Counties.SingleOrDefault(row => row.County == county) is not { } heads) return [];
        return heads.Of.Sum(of => of.Paid) == heads.Paid
            ? heads.Of
            : throw new FundingRefusedException("Eligibility does not tell heads by category: update it first");
    }
}

/// <summary>What somebody owes for heads of one kind.</summary>
/// <param name="Payer">Unspecified: the tax bureau.</param>
/// <param name="Of">A college, a category, or empty.</param>
/// <param name="Source">Document and clause.</param>
internal readonly record struct OwedLine(Payer Payer, string Of, long Heads, long Fen, string Source);

/// <param name="Lines">One for each payer and kind of heads.</param>
internal sealed record OwedHeads(List<OwedLine> Lines, List<UnassessedHeads> Unknown)
{
    public void Add(Payer payer, string of, long heads, long fen, string source)
    {
        if (fen == 0) return;
        // Categories that nothing sets apart are one.
        int same = Lines.FindIndex(line => line.Payer == payer && line.Of == of);
        if (same < 0) Lines.Add(new OwedLine(payer, of, heads, fen, source));
        else if (Lines[same].Fen == fen) Lines[same] = Lines[same] with { Heads = Lines[same].Heads + heads };
        else throw new PolicyException($"Heads of '{of}' are owed {Lines[same].Fen} and {fen} fen each by one payer.");
    }

    public void AddUnknown(string of, long heads, long perHeadFen, string reason)
    {
        if (Unknown.Find(line => line.Of == of) is { } same) same.Heads += heads;
        else Unknown.Add(new UnassessedHeads { Of = of, Heads = heads, PerHeadFen = perHeadFen, Reason = reason });
    }
}
