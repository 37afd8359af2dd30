using System.Data;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.GeneralLedger;

/// <summary>Reads the general ledger.</summary>
internal sealed class BookReader(NpgsqlDataSource database)
{
    private const int TimeoutSeconds = 60;

    /// <summary>One snapshot of all books. Balanced: debits equal credits over all postings, and every kept balance equals its
    /// postings.</summary>
    public async Task<TrialBalance> TrialBalanceAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        TrialBalance trial = new() { Balanced = true };
        await using (NpgsqlCommand accounts = Command("""
            WITH summed AS (
                SELECT account_code, sum(debit_fen)::bigint AS debit_fen, sum(credit_fen)::bigint AS credit_fen FROM posting
                    GROUP BY account_code
            )
            SELECT account_code, name, coalesce(summed.debit_fen, 0), coalesce(summed.credit_fen, 0),
                coalesce(summed.debit_fen, 0) = coalesce(kept.debit_fen, 0) AND coalesce(summed.credit_fen, 0) = coalesce(kept.credit_fen,
                    0)
            FROM account_named
                LEFT JOIN summed USING (account_code)
                LEFT JOIN account_balance AS kept USING (account_code)
            ORDER BY account_code COLLATE "C"
            """, snapshot))
        {
            await using NpgsqlDataReader row = await accounts.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                long debitFen = row.GetInt64(2);
                long creditFen = row.GetInt64(3);
                trial.DebitFen += debitFen;
                trial.CreditFen += creditFen;
                trial.Balanced &= row.GetBoolean(4);
                trial.Accounts.Add(
                    new TrialBalance.Types.Account { Code = row.GetString(0), Name = row.GetString(1), BalanceFen = debitFen - creditFen });
            }
        }

        trial.Balanced &= trial.DebitFen == trial.CreditFen;
        await using NpgsqlCommand totals = Command("""
            SELECT coalesce(sum(CASE WHEN kind = 'CANCELLATION' THEN -1 WHEN kind IN ('SETTLEMENT', 'RESTORATION') THEN 1 END), 0)::bigint,
                coalesce(sum(fund_pay_fen), 0)::bigint
            FROM sub_ledger
            """, snapshot);
        await using NpgsqlDataReader total = await totals.ExecuteReaderAsync(cancellationToken);
        await total.ReadAsync(cancellationToken);
        trial.StandingSettlements = total.GetInt64(0);
        trial.FundPaidFen = total.GetInt64(1);
        return trial;
    }

    private static NpgsqlCommand Command(string sql, NpgsqlTransaction transaction) =>
        new(sql, transaction.Connection, transaction) { CommandTimeout = TimeoutSeconds };
}
