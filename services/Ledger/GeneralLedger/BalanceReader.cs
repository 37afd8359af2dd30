using System.Globalization;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.GeneralLedger;

/// <summary>Balances and results of the past, added up from the postings: whatever was entered since does not move them, by posting
/// date.</summary>
internal sealed class BalanceReader(NpgsqlDataSource database)
{
    private const int TimeoutSeconds = 60;

    /// <summary>Accounts with postings up to and including the day, ascending by code.</summary>
    public async Task<Balances> OnAsync(DateOnly day, DateKind by, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand($"""
            SELECT account_code, name, debit_fen, credit_fen
            FROM (
                SELECT account_code, sum(debit_fen)::bigint AS debit_fen, sum(credit_fen)::bigint AS credit_fen
                FROM posting JOIN journal USING (journal_id) WHERE {Date(by)} <= $1 GROUP BY account_code
            ) AS summed JOIN account_named USING (account_code)
            ORDER BY account_code COLLATE "C"
            """);
        read.CommandTimeout = TimeoutSeconds;
        read.Parameters.Add(new() { Value = day });
        Balances balances = new() { On = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            (long debitFen, long creditFen) = (row.GetInt64(2), row.GetInt64(3));
            balances.Accounts.Add(new Balances.Types.Account
            {
                Code = row.GetString(0),
                Name = row.GetString(1),
                DebitFen = debitFen,
                CreditFen = creditFen,
                BalanceFen = debitFen - creditFen,
            });
        }

        return balances;
    }

    /// <summary>Income less expense per county and for the fund, from the first to the last day. A deficit is not divided: the document
    /// that would divide it is not known (郑政办〔2021〕24号 四(三)).</summary>
    public async Task<FundResult> ResultAsync(string scheme, DateOnly from, DateOnly to, DateKind by, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand($"""
            SELECT account.county, coalesce(county.name, account.county),
                coalesce(sum(credit_fen - debit_fen) FILTER (WHERE kind = '{ChartOfAccounts.ContributionIncome}'), 0)::bigint,
                coalesce(sum(credit_fen - debit_fen) FILTER (WHERE kind = '{ChartOfAccounts.SubsidyIncome}'), 0)::bigint,
                coalesce(sum(credit_fen - debit_fen) FILTER (WHERE kind LIKE '4%' AND kind NOT IN ('{ChartOfAccounts.ContributionIncome}',
                    '{ChartOfAccounts.SubsidyIncome}')), 0)::bigint,
                coalesce(sum(debit_fen - credit_fen) FILTER (WHERE kind LIKE '5%'), 0)::bigint
            FROM account JOIN posting USING (account_code) JOIN journal USING (journal_id) LEFT JOIN county USING (county)
            WHERE (kind LIKE '4%' OR kind LIKE '5%') AND account.scheme = $1 AND {Date(by)} BETWEEN $2 AND $3
            GROUP BY account.county, county.name ORDER BY account.county COLLATE "C"
            """);
        read.CommandTimeout = TimeoutSeconds;
        read.Parameters.Add(new() { Value = scheme });
        read.Parameters.Add(new() { Value = from });
        read.Parameters.Add(new() { Value = to });
        FundResult result = new() { Fund = new CountyResult() };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            CountyResult county = new()
            {
                County = row.GetString(0),
                Name = row.GetString(1),
                ContributionsFen = row.GetInt64(2),
                SubsidiesFen = row.GetInt64(3),
                OtherIncomeFen = row.GetInt64(4),
                ExpenseFen = row.GetInt64(5),
            };
            county.ResultFen = county.ContributionsFen + county.SubsidiesFen + county.OtherIncomeFen - county.ExpenseFen;
            result.Counties.Add(county);
            result.Fund.ContributionsFen += county.ContributionsFen;
            result.Fund.SubsidiesFen += county.SubsidiesFen;
            result.Fund.OtherIncomeFen += county.OtherIncomeFen;
            result.Fund.ExpenseFen += county.ExpenseFen;
            result.Fund.ResultFen += county.ResultFen;
        }

        return result;
    }

    private static string Date(DateKind by) => by == DateKind.ByBusiness ? "business_date" : "posting_date";
}
