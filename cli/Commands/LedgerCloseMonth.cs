using System.CommandLine;
using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger close-month</c>.</summary>
internal static class LedgerCloseMonth
{
    public static Command Create()
    {
        Argument<string> month = CommonOptions.Month("month", "Month of the entries, yyyy-MM.");
        Option<bool> yes = ClosingPreview.YesOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("close-month",
            "Close a month of entries for good, with its balances: nothing is posted into it any more.") { month, yes, json };
        command.SetAction((parsed, cancel) =>
        {
            if (!parsed.GetValue(yes)) Confirmation.RequireTerminal(parsed.GetRequiredValue(month));
            return FundingCalls.CallAsync(parsed, async (funding, options) =>
            {
                string named = parsed.GetRequiredValue(month);
                if (!parsed.GetValue(yes))
                {
                    DateOnly first = DateOnly.ParseExact($"{named}-01", "yyyy-MM-dd", CultureInfo.InvariantCulture);
                    await ClosingPreview.ShowAsync(funding, options, named, first,
                        new DateOnly(first.Year, first.Month, DateTime.DaysInMonth(first.Year, first.Month)), DateKind.ByPosting);
                    await Confirmation.AskAsync(named, cancel);
                    // The person has had the time that the call had.
                    options = FundingCalls.Options(cancel);
                }

                CloseMonthReply closed = await funding.CloseMonthAsync(new CloseMonthRequest { Month = named }, options);
                if (parsed.GetValue(json)) Output.WriteJson(new { closed.ClosedThrough });
                else Output.Line($"Closed through {closed.ClosedThrough} 已结账至{closed.ClosedThrough}: nothing is posted into that month or "
                    + $"an earlier one any more.");
                return ExitCodes.Done;
            }, cancel);
        });
        return command;
    }
}
