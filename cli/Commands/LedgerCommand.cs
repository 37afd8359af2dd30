using System.CommandLine;

namespace Claims.Cli.Commands;

public static class LedgerCommand
{
    public static Command Create()
    {
        Command command = new("ledger", "Read the books, reconcile hospitals with them, move the fund's money, close months and years.")
        {
            LedgerTrialBalance.Create(),
            LedgerCloseYear.Create(),
            LedgerPosting.ShardsCommand(),
            LedgerPosting.ResumeCommand(),
            LedgerVerify.Create(),
            LedgerActs.Create(),
            LedgerReconciliation.Create(),
            LedgerStatement.Create(),
            FundingCalls.Waiting(LedgerIncome.Create()),
            FundingCalls.Waiting(LedgerPay.Create()),
            FundingCalls.Waiting(LedgerPlan.Create()),
            FundingCalls.Waiting(LedgerDeficit.Create()),
            FundingCalls.Waiting(LedgerBalance.Create()),
            FundingCalls.Waiting(LedgerCloseMonth.Create()),
            LedgerVouchers.ListCommand(),
            FundingCalls.Waiting(LedgerVouchers.ReverseCommand()),
        };
        return command.Reaching();
    }
}
