using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class LedgerCommand
{
    private const int DefaultWaitSeconds = 30;
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    // The ledger reads its sub-ledger once, and waits for the posting that is under way.
    private static readonly TimeSpan CloseBound = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        Command command = new("ledger", "Read the books, reconcile hospitals with them, move the fund's money, close months and years.")
        {
            TrialBalanceCommand(),
            CloseYearCommand(),
            LedgerPosting.ShardsCommand(),
            LedgerPosting.ResumeCommand(),
            LedgerVerify.Create(),
            LedgerReconciliation.Create(),
            LedgerStatement.Create(),
        };
        foreach (Command funding in LedgerFunding.Commands()) command.Add(funding);
        return command;
    }

    private static Command TrialBalanceCommand()
    {
        Option<int> wait = WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("trial-balance", "Every account's balance; exit code 0 only when debit equals credit.") { wait, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = new(SystemLayout.FromEnvironment());
            await WaitUntilPostedAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            TrialBalance balance = await ReadTrialBalanceAsync(services, cancel);
            if (result.GetValue(json))
                PrintJson(balance);
            else
                Print(balance);
            return balance.Balanced ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static Command CloseYearCommand()
    {
        Argument<int> year = new("year") { Description = "Year of the visits." };
        Option<int> wait = WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("close-year", "Close a year of visits for good: nothing of it is settled, cancelled or booked any more.") { year, wait, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = new(SystemLayout.FromEnvironment());
            int closedThrough = await CloseYearAsync(
                services.Connect(services.Layout.AdjudicationAddress), services.Connect(services.Layout.LedgerAddress), services.Layout,
                result.GetValue(year), TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            if (result.GetValue(json))
                Output.WriteJson(new { ClosedThrough = closedThrough });
            else
                Output.Line(string.Create(CultureInfo.InvariantCulture, $"Closed through {closedThrough} 已结账至{closedThrough}年: no visit of that year or an earlier one is settled or booked any more."));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Adjudication first, then the outbox to its end, then the books. Run again after an interruption, it goes through with what was left.</summary>
    /// <returns>The latest year that the books have closed.</returns>
    /// <exception cref="CommandException">A service refused or did not answer, or the outbox was not emptied within <paramref name="bound"/>; the sentence says how far it came.</exception>
    public static async Task<int> CloseYearAsync(
        CallInvoker adjudication, CallInvoker ledger, SystemLayout layout, int year, TimeSpan bound, CancellationToken cancellationToken)
    {
        try
        {
            await new AdjudicationOperations.AdjudicationOperationsClient(adjudication)
                .CloseYearAsync(new CloseYearRequest { Year = year }, null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw NotClosed(year, "Nothing has been closed by this run.", Refusal("adjudication", layout.AdjudicationAddress, e));
        }

        const string HalfWay = "Adjudication has closed it, the books have not: run the command again to complete it.";
        try
        {
            await WaitUntilPostedAsync(adjudication, layout.AdjudicationAddress, bound, cancellationToken);
            CloseLedgerYearReply reply = await new Ledger.LedgerClient(ledger)
                .CloseYearAsync(new CloseLedgerYearRequest { Year = year }, null, DateTime.UtcNow + CloseBound, cancellationToken);
            return reply.ClosedThrough;
        }
        catch (RpcException e)
        {
            throw NotClosed(year, HalfWay, Refusal("ledger", layout.LedgerAddress, e));
        }
        catch (CommandException e)
        {
            throw NotClosed(year, HalfWay, e);
        }
    }

    private static CommandException NotClosed(int year, string howFar, CommandException cause) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{year} is not closed. {howFar} {cause.Message}"), cause.ExitCode);

    /// <summary>What a service refused, in its own words; or that it did not answer.</summary>
    internal static CommandException Refusal(string service, string address, RpcException e) =>
        e.StatusCode is StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.NotFound
        ? new($"The {service} service says: {e.Status.Detail.TrimEnd('.')}.", ExitCodes.Failed)
        : Services.Failure(service, address, e);

    internal static Option<int> WaitOption() => new("--wait")
    {
        Description = "Seconds to wait at most until all that was settled is in the books.",
        DefaultValueFactory = _ => DefaultWaitSeconds,
    };

    /// <summary>Until the ledger has committed every record that adjudication had numbered when this was called; what comes later is not waited for.</summary>
    /// <returns>How far that was.</returns>
    /// <exception cref="CommandException">It has not within the bound, or adjudication does not answer.</exception>
    public static Task<BooksReached> WaitUntilPostedAsync(Services services, TimeSpan bound, CancellationToken cancellationToken) =>
        WaitUntilPostedAsync(services.Connect(services.Layout.AdjudicationAddress), services.Layout.AdjudicationAddress, bound, cancellationToken);

    /// <inheritdoc cref="WaitUntilPostedAsync(Services, TimeSpan, CancellationToken)"/>
    public static async Task<BooksReached> WaitUntilPostedAsync(CallInvoker adjudication, string address, TimeSpan bound, CancellationToken cancellationToken)
    {
        AdjudicationOperations.AdjudicationOperationsClient client = new(adjudication);
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        SortedDictionary<int, long> wanted = [];
        try
        {
            while (true)
            {
                Outbox outbox = await client.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
                // A shard that is not ready has told no number yet.
                foreach (OutboxShard shard in outbox.Shards.Where(shard => shard.Ready)) wanted.TryAdd(shard.Shard, shard.Sequence);
                if (outbox.Shards.All(shard => shard.Ready && shard.Committed >= wanted[shard.Shard]))
                    return new BooksReached { Epoch = outbox.Epoch, Shards = { wanted.Select(shard => new ReachedShard { Shard = shard.Key, Sequence = shard.Value }) } };
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException(SentenceOf(outbox, wanted, bound), ExitCodes.Unavailable);
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", address, e);
        }
    }

    /// <exception cref="CommandException">The ledger does not answer.</exception>
    public static async Task<TrialBalance> ReadTrialBalanceAsync(Services services, CancellationToken cancellationToken)
    {
        string address = services.Layout.LedgerAddress;
        Ledger.LedgerClient client = new(services.Connect(address));
        try
        {
            return await client.GetTrialBalanceAsync(new GetTrialBalanceRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", address, e);
        }
    }

    public static void PrintAccounts(TrialBalance balance) => Output.Table(
        ["account", "name", ">debit 借方", ">credit 贷方"],
        balance.Accounts.Select(account => new[]
        {
            account.Code,
            account.Name,
            account.BalanceFen > 0 ? Output.Yuan(account.BalanceFen) : "",
            account.BalanceFen < 0 ? Output.Yuan(-account.BalanceFen) : "",
        }));

    private static string SentenceOf(Outbox outbox, SortedDictionary<int, long> wanted, TimeSpan bound)
    {
        OutboxShard? unready = outbox.Shards.FirstOrDefault(shard => !shard.Ready);
        return unready is null
            ? string.Create(CultureInfo.InvariantCulture, $"After {bound.TotalSeconds} s the ledger is still {outbox.Shards.Sum(shard => Math.Max(0, wanted[shard.Shard] - shard.Committed))} records behind adjudication.")
            : $"Shard {unready.Shard} of adjudication is not ready: {unready.Reason}";
    }

    private static void PrintJson(TrialBalance balance) => Output.WriteJson(new
    {
        balance.Balanced,
        balance.DebitFen,
        balance.CreditFen,
        balance.StandingSettlements,
        balance.FundPaidFen,
        Accounts = balance.Accounts.Select(account => new { account.Code, account.Name, account.BalanceFen }),
    });

    private static void Print(TrialBalance balance)
    {
        PrintAccounts(balance);
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"debit 借方合计 {Output.Yuan(balance.DebitFen)}, credit 贷方合计 {Output.Yuan(balance.CreditFen)}: {(balance.Balanced ? "balanced 平衡" : "NOT BALANCED 不平衡")}"));
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{balance.StandingSettlements:#,##0} standing settlements 有效结算, fund paid 基金支付 {Output.Yuan(balance.FundPaidFen)}"));
    }
}
