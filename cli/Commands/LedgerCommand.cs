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
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public static Command Create() => new("ledger", "Read the books.") { TrialBalanceCommand() };

    private static Command TrialBalanceCommand()
    {
        Option<int> wait = new("--wait")
        {
            Description = "Seconds to wait at most until all that was settled is in the books.",
            DefaultValueFactory = _ => DefaultWaitSeconds,
        };
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

    /// <summary>Until the ledger has committed every record that adjudication has numbered.</summary>
    /// <exception cref="CommandException">It has not within the bound, or adjudication does not answer.</exception>
    public static async Task WaitUntilPostedAsync(Services services, TimeSpan bound, CancellationToken cancellationToken)
    {
        string address = services.Layout.AdjudicationAddress;
        AdjudicationOperations.AdjudicationOperationsClient client = new(services.Connect(address));
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        try
        {
            while (true)
            {
                Outbox outbox = await client.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
                if (outbox.Shards.All(shard => shard.Ready && shard.Sequence == shard.Committed))
                    return;
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException(SentenceOf(outbox, bound), ExitCodes.Unavailable);
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

    private static string SentenceOf(Outbox outbox, TimeSpan bound)
    {
        OutboxShard? unready = outbox.Shards.FirstOrDefault(shard => !shard.Ready);
        long behind = outbox.Shards.Sum(shard => shard.Sequence - shard.Committed);
        return unready is null
            ? string.Create(CultureInfo.InvariantCulture, $"After {bound.TotalSeconds} s the ledger is still {behind} records behind adjudication.")
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
