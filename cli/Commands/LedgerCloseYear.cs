using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger close-year</c>: Adjudication first, then the books, then the registry.</summary>
public static class LedgerCloseYear
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    // The ledger reads its sub-ledger once, and waits for the posting that is under way.
    private static readonly TimeSpan CloseBound = TimeSpan.FromMinutes(5);

    public static Command Create()
    {
        Argument<int> year = CommonOptions.Year("year", "Year of the visits.");
        Option<bool> yes = ClosingPreview.YesOption();
        Option<int> wait = PostedBooks.WaitOption();
        Option<bool> takeBack = new("--take-back") { Description = "Take back what was proposed: the year stays open." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("close-year",
            "Close a year of visits for good: nothing of it is settled, cancelled or booked any more. Where the ledger waits between the "
            + "proposal and the closing, the first run proposes and one after that closes.") { year, wait, yes, takeBack, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            if (result.GetValue(takeBack)) return await TakeBackAsync(services, result.GetValue(year), result.GetValue(json), cancel);
            if (!result.GetValue(yes)) await AskAsync(services, result.GetValue(year), TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            YearProposal proposal = await ProposeAsync(services, result.GetValue(year), cancel);
            if (!proposal.MayClose)
            {
                DateTimeOffset from = DateTimeOffset.FromUnixTimeMilliseconds(proposal.MayCloseAtUnixMs);
                if (result.GetValue(json)) Output.WriteJson(new { proposal.Year, proposal.ProposedBy, MayCloseAt = from });
                else Output.Line(string.Create(CultureInfo.InvariantCulture,
                    $"Proposed 已提议结账: {proposal.Year} may be closed from {ChinaTime.Text(from)} China Standard Time on, by this command "
                    + $"again; until then --take-back keeps it open. Proposed by {proposal.ProposedBy}."));
                return ExitCodes.Unavailable;
            }

            int closedThrough = await CloseAsync(
                services.Connect(services.Layout.AdjudicationOperatorsAddress), services.Connect(services.Layout.LedgerAddress),
                services.Connect(services.Layout.EligibilityAddress), services.Layout, result.GetValue(year),
                TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            if (result.GetValue(json))
                Output.WriteJson(new { ClosedThrough = closedThrough });
            else
                Output.Line(string.Create(CultureInfo.InvariantCulture,
                    $"Closed through {closedThrough} 已结账至{closedThrough}年: no visit of that year or an earlier one is settled or "
                    + $"booked any more."));
            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<YearProposal> ProposeAsync(Services services, int year, CancellationToken cancellationToken)
    {
        try
        {
            return await new Acts.ActsClient(services.Connect(services.Layout.LedgerAddress)).ProposeYearAsync(
                new ProposeYearRequest { Year = year }, null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw NotClosed(year, "Nothing has been closed by this run.", Services.Refusal("ledger", services.Layout.LedgerAddress, e));
        }
    }

    private static async Task<int> TakeBackAsync(Services services, int year, bool json, CancellationToken cancellationToken)
    {
        try
        {
            Act act = await new Acts.ActsClient(services.Connect(services.Layout.LedgerAddress)).TakeBackYearAsync(
                new TakeBackYearRequest { Year = year }, null, DateTime.UtcNow + CallBound, cancellationToken);
            if (json) Output.WriteJson(new { Year = year, TakenBackBy = act.Caller });
            else Output.Line(string.Create(CultureInfo.InvariantCulture, $"Taken back 已撤回: {year} stays open."));
            return ExitCodes.Done;
        }
        catch (RpcException e)
        {
            throw Services.Refusal("ledger", services.Layout.LedgerAddress, e);
        }
    }

    private static async Task AskAsync(Services services, int year, TimeSpan bound, CancellationToken cancellationToken)
    {
        string named = year.ToString(CultureInfo.InvariantCulture);
        Confirmation.RequireTerminal(named);
        await PostedBooks.WaitAsync(services, bound, cancellationToken);
        try
        {
            Funding.FundingClient funding = new(services.Connect(services.Layout.LedgerAddress));
            await ClosingPreview.ShowAsync(funding, FundingCalls.Options(cancellationToken), named, new DateOnly(year, 1, 1),
                new DateOnly(year, 12, 31), DateKind.ByBusiness);
        }
        catch (RpcException e)
        {
            throw NotClosed(year, "Nothing has been closed by this run.", Services.Refusal("ledger", services.Layout.LedgerAddress, e));
        }

        await Confirmation.AskAsync(named, cancellationToken);
    }

    /// <summary>Adjudication first, then the outbox to its end, then the books, then the registry. Run again after an
    /// interruption, it goes through with what
    /// was left.</summary>
    /// <returns>The latest year that the books have closed.</returns>
    /// <exception cref="CommandException">A service refused or did not answer, or the outbox was not emptied within
    /// <paramref name="bound"/>; the sentence says how far it came.</exception>
    public static async Task<int> CloseAsync(
        CallInvoker adjudication, CallInvoker ledger, CallInvoker eligibility, SystemLayout layout, int year, TimeSpan bound,
        CancellationToken cancellationToken)
    {
        try
        {
            await new AdjudicationOperations.AdjudicationOperationsClient(adjudication)
                .CloseYearAsync(new CloseYearRequest { Year = year }, null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw NotClosed(
                year, "Nothing has been closed by this run.", Services.Refusal("adjudication", layout.AdjudicationOperatorsAddress, e));
        }

        CloseLedgerYearReply reply;
        const string HalfWay = "Adjudication has closed it, the books have not: run the command again to complete it.";
        try
        {
            await PostedBooks.WaitAsync(adjudication, layout.AdjudicationOperatorsAddress, bound, cancellationToken);
            reply = await new Ledger.LedgerClient(ledger)
                .CloseYearAsync(new CloseLedgerYearRequest { Year = year }, null, DateTime.UtcNow + CloseBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw NotClosed(year, HalfWay, Services.Refusal("ledger", layout.LedgerAddress, e));
        }
        catch (CommandException e)
        {
            throw NotClosed(year, HalfWay, e);
        }

        try
        {
            await new RegistryOffice.RegistryOfficeClient(eligibility).CloseYearAsync(
                new CloseRegistryYearRequest { Year = reply.ClosedThrough }, null, DateTime.UtcNow + CallBound, cancellationToken);
            return reply.ClosedThrough;
        }
        catch (RpcException e)
        {
            throw NotClosed(year, "Adjudication and the books have closed it, the registry has not: run the command again to complete it.",
                Services.Refusal("eligibility", layout.EligibilityAddress, e));
        }
    }

    private static CommandException NotClosed(int year, string howFar, CommandException cause) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{year} is not closed. {howFar} {cause.Message}"), cause.ExitCode);
}
