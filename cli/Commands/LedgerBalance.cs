using System.CommandLine;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger balance</c>: the accounts on a day of the past.</summary>
internal static class LedgerBalance
{
    public static Command Create()
    {
        Option<DateOnly> on = CommonOptions.Day("--on", "Day up to and including which entries count, yyyy-MM-dd");
        Option<string> by = FundingOptions.By();
        Option<bool> json = CommonOptions.Json();
        Command command = new("balance", "Every account's balance on a day of the past") { on, by, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            Balances balances = await funding.GetBalancesAsync(new GetBalancesRequest
            {
                On = FundingOptions.Iso(parsed.GetRequiredValue(on)),
                By = FundingOptions.DateKinds[parsed.GetRequiredValue(by)],
            }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    balances.On,
                    By = parsed.GetRequiredValue(by),
                    Accounts = balances.Accounts.Select(
                        account => new { account.Code, account.Name, account.DebitFen, account.CreditFen, account.BalanceFen }),
                });
                return ExitCodes.Done;
            }

            Output.Table(["account", "name", ">debit 借方", ">credit 贷方", ">balance 余额"], balances.Accounts.Select(account =>
                new[]
                {
                    account.Code, account.Name, Output.Yuan(account.DebitFen), Output.Yuan(account.CreditFen),
                    Output.Yuan(account.BalanceFen),
                }));
            return ExitCodes.Done;
        }, cancel));
        return command;
    }
}
