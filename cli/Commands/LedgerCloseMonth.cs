using System.CommandLine;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger close-month</c>.</summary>
internal static class LedgerCloseMonth
{
    public static Command Create()
    {
        Argument<string> month = new("month") { Description = "Month of the entries, yyyy-MM." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("close-month",
            "Close a month of entries for good, with its balances: nothing is posted into it any more.") { month, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            CloseMonthReply closed = await funding.CloseMonthAsync(
                new CloseMonthRequest { Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json)) Output.WriteJson(new { closed.ClosedThrough });
            else Output.Line($"Closed through {closed.ClosedThrough} 已结账至{closed.ClosedThrough}: nothing is posted into that month or an "
                + $"earlier one any more.");
            return ExitCodes.Done;
        }, cancel));
        return command;
    }
}
