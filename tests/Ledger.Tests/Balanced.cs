using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

internal static class Balanced
{
    /// <summary>Every record once, unchanged; general ledger, sub-ledger and batch ranges all come to the log.</summary>
    public static async Task AssertAsync(RunningLedger ledger, PublishedLog log)
    {
        List<(int, long, string, string, long)> rows = [];
        await foreach (SubLedgerEntry entry in ledger.Entries.EntriesAsync(0, CancellationToken.None))
            rows.Add((entry.Shard, entry.Sequence, entry.SettlementId, entry.VisitDate, entry.FundPayFen));
        Assert.Equal(log.Records.Select(
            record => (record.Shard, record.Sequence, record.SettlementId, record.VisitDate, record.FundPayFen)), rows);

        TrialBalance trial = await ledger.TrialBalanceAsync();
        Assert.True(trial.Balanced);
        Assert.Equal(log.FundPaidFen, trial.FundPaidFen);
        Assert.Equal(log.FundPaidFen, trial.DebitFen);
        Assert.Equal(log.FundPaidFen, trial.CreditFen);
        Assert.Equal(log.Records.Sum(record => record.Kind == Kind.Cancellation ? -1 : 1), trial.StandingSettlements);
        Assert.Equal(0, trial.Accounts.Sum(account => account.BalanceFen));

        // The rows that a journal's ranges name add up to the journal.
        Assert.Equal(0, await ledger.CountAsync("""
            WITH behind AS (
                SELECT range.batch_id, row.scheme, row.visit_date, sum(row.fund_pay_fen) AS fen
                FROM batch_range AS range JOIN sub_ledger AS row ON row.shard = range.shard AND row.sequence BETWEEN range.first_sequence
                    AND range.last_sequence
                GROUP BY range.batch_id, row.scheme, row.visit_date
            ), entered AS (
                SELECT journal.batch_id, journal.scheme, journal.business_date, sum(posting.debit_fen) AS fen
                FROM journal JOIN posting USING (journal_id) GROUP BY journal.batch_id, journal.scheme, journal.business_date
            )
            SELECT count(*) FROM behind FULL JOIN entered
                ON behind.batch_id = entered.batch_id AND behind.scheme = entered.scheme AND behind.visit_date = entered.business_date
            WHERE coalesce(behind.fen, 0) <> coalesce(entered.fen, 0)
            """));
    }
}
