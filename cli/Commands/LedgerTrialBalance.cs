using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger trial-balance</c>.</summary>
public static class LedgerTrialBalance
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Option<int> wait = PostedBooks.WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("trial-balance", "Every account's balance; exit code 0 only when debit equals credit.") { wait, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            await PostedBooks.WaitAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            TrialBalance balance = await ReadAsync(services, cancel);
            if (result.GetValue(json))
                PrintJson(balance);
            else
                Print(balance);
            return balance.Balanced ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    /// <exception cref="CommandException">The ledger does not answer.</exception>
    public static async Task<TrialBalance> ReadAsync(Services services, CancellationToken cancellationToken)
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
            $"debit 借方合计 {Output.Yuan(balance.DebitFen)}, credit "
                + $"贷方合计 {Output.Yuan(balance.CreditFen)}: {(balance.Balanced ? "balanced 平衡" : "NOT BALANCED 不平衡")}"));
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{balance.StandingSettlements:#,##0} standing settlements 有效结算, fund paid 基金支付 {Output.Yuan(balance.FundPaidFen)}"));
    }
}
