using System.CommandLine;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger deficit</c>: income less expense.</summary>
internal static class LedgerDeficit
{
    public static Command Create()
    {
        Option<DateOnly> from = CommonOptions.Day("--from", "First day, yyyy-MM-dd");
        Option<DateOnly> to = CommonOptions.Day("--to", "Last day, yyyy-MM-dd");
        Option<string> by = FundingOptions.By();
        Option<bool> json = CommonOptions.Json();
        Command command = new("deficit",
            "Income less expense, per county and for the fund; a deficit is reported, not divided") { from, to, by, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            FundResult result = await funding.GetResultAsync(new GetResultRequest
            {
                From = FundingOptions.Iso(parsed.GetRequiredValue(from)),
                To = FundingOptions.Iso(parsed.GetRequiredValue(to)),
                By = FundingOptions.DateKinds[parsed.GetRequiredValue(by)],
            }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { Counties = result.Counties.Select(Json), Fund = Json(result.Fund) });
                return ExitCodes.Done;
            }

            Output.Table(["county 县（市、区）", "", ">contributions 保费", ">subsidies 财政补贴", ">other 其他收入", ">expense 支出", ">result 结余"],
                result.Counties.Append(result.Fund).Select(county => new[]
                {
                    county.County.Length > 0 ? county.County : "fund 基金合计", county.Name, Output.Yuan(county.ContributionsFen),
                    Output.Yuan(county.SubsidiesFen),
                    Output.Yuan(county.OtherIncomeFen), Output.Yuan(county.ExpenseFen),
                    $"{Output.Yuan(county.ResultFen)}{(county.ResultFen < 0 ? " 缺口" : "")}",
                }));
            return ExitCodes.Done;
        }, cancel));
        return command;

        static object Json(CountyResult county) => new
        {
            county.County,
            county.Name,
            county.ContributionsFen,
            county.SubsidiesFen,
            county.OtherIncomeFen,
            county.ExpenseFen,
            county.ResultFen,
        };
    }
}
