using System.CommandLine;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger income</c>: what the fund is owed, and what has come in.</summary>
internal static class LedgerIncome
{
    private static readonly Dictionary<string, Payer> Payers = new(StringComparer.Ordinal)
    {
        ["central"] = Payer.CentralTreasury,
        ["province"] = Payer.ProvinceTreasury,
        ["city"] = Payer.CityTreasury,
        ["county"] = Payer.CountyTreasury,
    };

    private static readonly Dictionary<string, IncomeKind> IncomeKinds = new(StringComparer.Ordinal)
    {
        ["contribution"] = IncomeKind.IncomeContribution,
        ["subsidy"] = IncomeKind.IncomeSubsidy,
        ["aid"] = IncomeKind.IncomeAid,
        ["transfer"] = IncomeKind.IncomeTransfer,
        ["interest"] = IncomeKind.IncomeInterest,
        ["other"] = IncomeKind.IncomeOther,
    };

    private static readonly Dictionary<string, AssessmentKind> AssessmentKinds = new(StringComparer.Ordinal)
    {
        ["contribution"] = AssessmentKind.Contribution,
        ["subsidy"] = AssessmentKind.Subsidy,
    };

    public static Command Create() =>
        new("income", "Book what the fund is owed, and what has come in.") { Assess(), Receive() };

    private static Command Assess()
    {
        Option<string> kind = FundingOptions.OneOf("--kind", "What is owed", AssessmentKinds.Keys);
        Option<string> county = FundingOptions.County(required: true);
        Option<int> year = FundingOptions.Year("Plan year of contributions, calendar year of subsidies");
        return VoucherEntry.Enter("assess",
            "Book what is owed for a county and year: heads × the amount per head of the policy, less what was booked before",
            [kind, county, year], (parsed, funding, header, options) =>
            funding.AssessAsync(new AssessRequest
            {
                Header = header,
                Kind = AssessmentKinds[parsed.GetRequiredValue(kind)],
                County = parsed.GetRequiredValue(county),
                Year = parsed.GetRequiredValue(year),
            }, options));
    }

    private static Command Receive()
    {
        Option<string> kind = FundingOptions.OneOf("--kind", "What has come in", IncomeKinds.Keys);
        Option<string> county = FundingOptions.County(required: false);
        Option<string> payer = FundingOptions.OneOf("--payer", "Whose subsidy or aid", Payers.Keys, required: false);
        Option<long> amount = FundingOptions.AmountFen();
        return VoucherEntry.Enter("receive", "Book money that has come in on the fiscal special account", [kind, county, payer, amount],
            (parsed, funding, header, options) =>
            funding.ReceiveAsync(new ReceiveRequest
            {
                Header = header,
                Kind = IncomeKinds[parsed.GetRequiredValue(kind)],
                County = parsed.GetValue(county) ?? "",
                Payer = parsed.GetValue(payer) is { } named ? Payers[named] : Payer.Unspecified,
                AmountFen = parsed.GetRequiredValue(amount),
            }, options));
    }
}
