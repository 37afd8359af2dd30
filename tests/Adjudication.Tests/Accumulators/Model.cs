namespace Adjudication.Tests.Accumulators;

/// <summary>
/// The rules of a settlement once more, written from the documents and sharing nothing with the service: decimal arithmetic
/// in yuan, plain dictionaries.
/// </summary>
internal sealed class Model
{
    private readonly Dictionary<(string Insured, int Year), decimal> _paid = [];
    private readonly Dictionary<(string Insured, string Facility, DateOnly Day), decimal> _borne = [];
    private readonly Dictionary<(string Insured, string Facility, string Request), (string Content, ModelAnswer Answer)> _answered = [];

    public ModelAnswer Settle(ModelVisit visit)
    {
        var key = (visit.Insured, visit.Facility, visit.Request);
        if (_answered.TryGetValue(key, out var earlier))
        {
            return earlier.Content == visit.Content ? earlier.Answer with { Outcome = "replay" } : new ModelAnswer("conflict", 0, 0, 0);
        }

        ModelAnswer answer = Compute(visit) with { Outcome = "new" };
        if (visit.AllowanceFen is null)
        {
            _paid[(visit.Insured, visit.Day.Year)] = Paid(visit) + (answer.FundPayFen / 100m);
            _borne[(visit.Insured, visit.Facility, visit.Day)] = Borne(visit) + (answer.DeductibleFen / 100m);
        }

        _answered[key] = (visit.Content, answer);
        return answer;
    }

    public ModelAnswer Quote(ModelVisit visit) => Compute(visit) with { Outcome = "quoted" };

    public long PaidFen(string insured, int year) => (long)(_paid.GetValueOrDefault((insured, year)) * 100m);

    private ModelAnswer Compute(ModelVisit visit)
    {
        long usedFen = (long)(Paid(visit) * 100m);
        if (visit.AllowanceFen is { } allowance) return new ModelAnswer("", 0, Math.Min(allowance, visit.TotalFen), usedFen);

        decimal scope = visit.InScopeFen / 100m;
        decimal left = Math.Max(0m, (visit.TariffFen / 100m) - Borne(visit));
        decimal deductible = Math.Min(scope, left);
        decimal share = Math.Round((scope - deductible) * visit.RateBasisPoints / 10_000m, 2, MidpointRounding.AwayFromZero);
        decimal fund = Math.Min(share, Math.Max(0m, (visit.CapFen / 100m) - Paid(visit)));
        return new ModelAnswer("", (long)(deductible * 100m), (long)(fund * 100m), usedFen);
    }

    private decimal Paid(ModelVisit visit) => _paid.GetValueOrDefault((visit.Insured, visit.Day.Year));

    private decimal Borne(ModelVisit visit) => _borne.GetValueOrDefault((visit.Insured, visit.Facility, visit.Day));
}

internal sealed record ModelVisit(string Insured, string Facility, string Request, DateOnly Day, long TotalFen, long InScopeFen, int RateBasisPoints, long TariffFen, long CapFen, long? AllowanceFen)
{
    public string Content => $"{Day}|{TotalFen}|{InScopeFen}|{AllowanceFen}";
}

internal sealed record ModelAnswer(string Outcome, long DeductibleFen, long FundPayFen, long CapUsedBeforeFen);
