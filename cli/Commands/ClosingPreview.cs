using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>What a month or year that is to be closed has in the books: shown before anybody is asked.</summary>
internal static class ClosingPreview
{
    public static Option<bool> YesOption() => new("--yes") { Description = "Do not ask. Without a terminal there is nobody to ask." };

    /// <param name="what">As the person types it: 2024, 2025-03.</param>
    /// <param name="kind">By posting for a month of entries, by business date for a year of visits.</param>
    public static async Task ShowAsync(
        Funding.FundingClient funding, CallOptions options, string what, DateOnly from, DateOnly to, DateKind kind)
    {
        FundResult result = await funding.GetResultAsync(
            new GetResultRequest { From = FundingOptions.Iso(from), To = FundingOptions.Iso(to), By = kind }, options);
        string by = kind == DateKind.ByPosting ? "posting date 按记账日" : "visit date 按就诊日";
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}, {from:yyyy-MM-dd} to {to:yyyy-MM-dd} by {by}:"));
        Console.Error.Write(TextTable.Render(["county 县（市、区）", "", ">income 收入", ">expense 支出", ">result 结余"],
            result.Counties.Append(result.Fund).Select(county => new[]
            {
                county.County.Length > 0 ? county.County : "fund 基金合计", county.Name,
                Output.Yuan(county.ContributionsFen + county.SubsidiesFen + county.OtherIncomeFen), Output.Yuan(county.ExpenseFen),
                Output.Yuan(county.ResultFen),
            })));
    }
}
