using System.CommandLine;

namespace Claims.Cli.Commands;

public static class LedgerCommand
{
    public static Command Create() => new("ledger", "Read the books, reconcile hospitals with them, move the fund's money, close months and years.")
    {
        LedgerTrialBalance.Create(),
        LedgerCloseYear.Create(),
        LedgerPosting.ShardsCommand(),
        LedgerPosting.ResumeCommand(),
        LedgerVerify.Create(),
        LedgerReconciliation.Create(),
        LedgerStatement.Create(),
        LedgerIncome.Create(),
        LedgerPay.Create(),
        LedgerPlan.Create(),
        LedgerDeficit.Create(),
        LedgerBalance.Create(),
        LedgerCloseMonth.Create(),
        LedgerVouchers.ListCommand(),
        LedgerVouchers.ReverseCommand(),
    };
}
