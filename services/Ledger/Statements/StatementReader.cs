using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.Hosting;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Statements;

/// <summary>A facility's month [3203], read in one snapshot.</summary>
/// <remarks>
/// The month is that of the posting date: an entry belongs to the month in which it moved the payable account, so a statement's
/// closing balance is the account's balance at the month's end and the next one's opening balance, and a past month does not
/// change any more. An entry settled in the last seconds of a month and posted in the first of the next is on the next statement.
/// </remarks>
internal sealed class StatementReader(NpgsqlDataSource database, PolicyPack policy, TimeProvider clock)
{
    private const int TimeoutSeconds = 300;
    private const int LinesInMessage = 500;

    // $1 facility_code, $2 and $3 the instants at which the month begins and ends. The rows of a month lie, shard by shard, between
    // the first and the last that its batches wrote; batch_range then says exactly which batch wrote a row. What was settled
    // more than a day before the first row of the month's batches cannot be among them: clocks do not differ by that much.
    private const string Entries = """
        WITH month AS MATERIALIZED (
            SELECT shard, min(first_sequence) AS first, max(last_sequence) AS last
            FROM batch JOIN batch_range USING (batch_id) WHERE posted_at >= $2 AND posted_at < $3 GROUP BY shard
        ), entry AS MATERIALIZED (
            SELECT sub_ledger.*, posted.posted_at
            FROM sub_ledger JOIN month ON month.shard = sub_ledger.shard AND sub_ledger.sequence BETWEEN month.first AND month.last
                CROSS JOIN LATERAL (
                    SELECT batch_id FROM batch_range
                    WHERE batch_range.shard = sub_ledger.shard AND first_sequence <= sub_ledger.sequence
                        ORDER BY first_sequence DESC LIMIT 1
                ) AS range
                JOIN batch AS posted ON posted.batch_id = range.batch_id AND posted_at >= $2 AND posted_at < $3
            WHERE facility_code = $1 AND kind <> 'REQUEST_ONLY'
                AND settled_at >= (SELECT min(settled_at) FROM month JOIN sub_ledger AS early ON early.shard = month.shard
                    AND early.sequence = month.first) - interval '1 day'
        )
        """;

    /// <summary>The statement, then its lines in the order of their settlement.</summary>
    /// <exception cref="UnknownFacilityException">Nothing of the facility was ever booked.</exception>
    public async IAsyncEnumerable<StatementPart> ReadAsync(
        string facilityCode, StatementMonth month, bool withoutLines, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        Statement statement = new()
        {
            FacilityCode = facilityCode,
            Month = month.ToString(),
            From = month.First.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            To = month.Last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            PreparedAt = ChinaTime.Text(now),
            Complete = ChinaTime.DayOf(now) > month.Last,
        };
        statement.Groups.AddRange(await GroupsAsync(connection, facilityCode, month, cancellationToken));
        statement.Sum = Sum(statement.Groups);
        statement.Payables.AddRange(await PayablesAsync(connection, facilityCode, month, cancellationToken));
        statement.PayableSum = Sum(statement.Payables);
        if (statement.Payables.Count == 0 && statement.Groups.Count == 0
            && !await HasEntriesAsync(connection, facilityCode, cancellationToken))
            throw new UnknownFacilityException(facilityCode);
        statement.Agrees = statement.Sum.FundPayFen == statement.PayableSum.PayableFen;
        yield return new StatementPart { Statement = statement };
        if (withoutLines) yield break;

        await using NpgsqlCommand command = Command(connection, Entries + """
            SELECT posted_at, settled_at, kind, settlement_id, original_settlement_id, request_id, insured_id, visit_date, tier, visit_type,
                total_fen, in_scope_fen, deductible_fen, shortfall_fen, fund_pay_fen, reason_code, full_self_pay_fen, over_limit_fen, pre_self_pay_fen
            FROM entry ORDER BY settled_at, shard, sequence
            """, facilityCode, month);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        StatementLines lines = new();
        while (await row.ReadAsync(cancellationToken))
        {
            StatementLine line = LineOf(row);
            line.TierLabel = LabelOf(line.Tier);
            lines.Lines.Add(line);
            if (lines.Lines.Count < LinesInMessage) continue;
            yield return new StatementPart { Lines = lines };
            lines = new();
        }

        if (lines.Lines.Count > 0) yield return new StatementPart { Lines = lines };
    }

    private static async Task<bool> HasEntriesAsync(NpgsqlConnection connection, string facilityCode, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command =
            new("SELECT EXISTS (SELECT FROM sub_ledger WHERE facility_code = $1)", connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = facilityCode });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<List<StatementGroup>> GroupsAsync(
        NpgsqlConnection connection, string facilityCode, StatementMonth month, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(connection, Entries + """
            SELECT tier, visit_type, count(*) FILTER (WHERE kind <> 'CANCELLATION'), count(*) FILTER (WHERE kind = 'CANCELLATION'),
                sum(total_fen)::bigint, sum(in_scope_fen)::bigint, sum(deductible_fen)::bigint, sum(shortfall_fen)::bigint, sum(sign(shortfall_fen))::bigint,
                sum(fund_pay_fen)::bigint, coalesce(sum(fund_pay_fen) FILTER (WHERE kind = 'CANCELLATION'), 0)::bigint,
                sum(full_self_pay_fen)::bigint, sum(over_limit_fen)::bigint, sum(pre_self_pay_fen)::bigint
            FROM entry GROUP BY tier, visit_type
            """, facilityCode, month);
        List<StatementGroup> groups = [];
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            groups.Add(new StatementGroup
            {
                Tier = row.GetString(0),
                TierLabel = LabelOf(row.GetString(0)),
                VisitType = SubLedgerTable.VisitTypeOf(row.GetString(1)),
                Settlements = row.GetInt64(2),
                Cancellations = row.GetInt64(3),
                TotalFen = row.GetInt64(4),
                InScopeFen = row.GetInt64(5),
                DeductibleFen = row.GetInt64(6),
                CapCutFen = row.GetInt64(7),
                CapCutSettlements = row.GetInt64(8),
                FundPayFen = row.GetInt64(9),
                SelfPayFen = row.GetInt64(4) - row.GetInt64(9),
                CancelledFundPayFen = row.GetInt64(10),
                FullSelfPayFen = row.GetInt64(11),
                OverLimitFen = row.GetInt64(12),
                PreSelfPayFen = row.GetInt64(13),
            });
        }

        return [.. groups.OrderBy(group => group.Tier, StringComparer.Ordinal).ThenBy(group => group.VisitType)];
    }

    /// <summary>From the general ledger alone: the balance as it is kept, less what has been posted since.</summary>
    private static async Task<List<PayableAccount>> PayablesAsync(
        NpgsqlConnection connection, string facilityCode, StatementMonth month, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new("""
            WITH facility_account AS MATERIALIZED (
                SELECT account_code, concat_ws('—', account_kind.name, coalesce(scheme.name, account.scheme), coalesce(county.name,
                    account.county), facility_code) AS name,
                    coalesce(account_balance.credit_fen - account_balance.debit_fen, 0) AS balance_fen
                FROM account JOIN account_kind USING (kind) LEFT JOIN scheme USING (scheme) LEFT JOIN county USING (county) LEFT
                    JOIN account_balance USING (account_code)
                WHERE kind = '2101' AND facility_code = $1
            ), moved AS (
                SELECT account_code, posting_date, debit_fen, credit_fen,
                    EXISTS (SELECT FROM batch_range WHERE batch_range.batch_id = journal.batch_id) AS from_claims
                FROM journal JOIN posting USING (journal_id)
                WHERE posting_date >= $2 AND account_code IN (SELECT account_code FROM facility_account)
            )
            SELECT account_code, name,
                (balance_fen - coalesce(sum(credit_fen - debit_fen), 0))::bigint,
                coalesce(sum(credit_fen) FILTER (WHERE posting_date <= $3 AND from_claims), 0)::bigint,
                coalesce(sum(credit_fen) FILTER (WHERE posting_date <= $3 AND NOT from_claims), 0)::bigint,
                coalesce(sum(debit_fen) FILTER (WHERE posting_date <= $3), 0)::bigint
            FROM facility_account LEFT JOIN moved USING (account_code)
            GROUP BY account_code, name, balance_fen ORDER BY account_code COLLATE "C"
            """, connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = facilityCode });
        command.Parameters.Add(new() { Value = month.First });
        command.Parameters.Add(new() { Value = month.Last });
        List<PayableAccount> accounts = [];
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            PayableAccount account = new()
            {
                AccountCode = row.GetString(0),
                Name = row.GetString(1),
                OpeningFen = row.GetInt64(2),
                PayableFen = row.GetInt64(3),
                OtherFen = row.GetInt64(4),
                PaidFen = row.GetInt64(5),
            };
            account.ClosingFen = account.OpeningFen + account.PayableFen + account.OtherFen - account.PaidFen;
            accounts.Add(account);
        }

        return accounts;
    }

    /// <summary>What the policy calls a class of facilities, the newest period first; its name where it has none any more.</summary>
    private string LabelOf(string facilityClass) => policy.Outpatient.Reverse()
        .SelectMany(period => period.FacilityClasses).FirstOrDefault(one => one.Name == facilityClass)?.Label ?? facilityClass;

    private static StatementLine LineOf(NpgsqlDataReader row) => new()
    {
        PostedOn = ChinaTime.DayOf(row.GetFieldValue<DateTimeOffset>(0)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        SettledAt = ChinaTime.Text(row.GetFieldValue<DateTimeOffset>(1)),
        Kind = row.GetString(2),
        SettlementId = row.GetString(3),
        OriginalSettlementId = row.GetString(4),
        RequestId = row.GetString(5),
        InsuredId = row.GetString(6),
        VisitDate = row.GetFieldValue<DateOnly>(7).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Tier = row.GetString(8),
        VisitType = SubLedgerTable.VisitTypeOf(row.GetString(9)),
        TotalFen = row.GetInt64(10),
        InScopeFen = row.GetInt64(11),
        DeductibleFen = row.GetInt64(12),
        CapCutFen = row.GetInt64(13),
        FundPayFen = row.GetInt64(14),
        ReasonCode = row.GetString(15),
        FullSelfPayFen = row.GetInt64(16),
        OverLimitFen = row.GetInt64(17),
        PreSelfPayFen = row.GetInt64(18),
    };

    private static StatementGroup Sum(IEnumerable<StatementGroup> groups)
    {
        StatementGroup sum = new();
        foreach (StatementGroup group in groups)
        {
            sum.Settlements += group.Settlements;
            sum.Cancellations += group.Cancellations;
            sum.TotalFen += group.TotalFen;
            sum.InScopeFen += group.InScopeFen;
            sum.DeductibleFen += group.DeductibleFen;
            sum.CapCutFen += group.CapCutFen;
            sum.CapCutSettlements += group.CapCutSettlements;
            sum.FundPayFen += group.FundPayFen;
            sum.SelfPayFen += group.SelfPayFen;
            sum.CancelledFundPayFen += group.CancelledFundPayFen;
            sum.FullSelfPayFen += group.FullSelfPayFen;
            sum.OverLimitFen += group.OverLimitFen;
            sum.PreSelfPayFen += group.PreSelfPayFen;
        }

        return sum;
    }

    private static PayableAccount Sum(IEnumerable<PayableAccount> accounts)
    {
        PayableAccount sum = new();
        foreach (PayableAccount account in accounts)
        {
            sum.OpeningFen += account.OpeningFen;
            sum.PayableFen += account.PayableFen;
            sum.OtherFen += account.OtherFen;
            sum.PaidFen += account.PaidFen;
            sum.ClosingFen += account.ClosingFen;
        }

        return sum;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, string facilityCode, StatementMonth month)
    {
        NpgsqlCommand command = new(sql, connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = facilityCode });
        command.Parameters.Add(new() { Value = ChinaTime.StartOf(month.First) });
        command.Parameters.Add(new() { Value = ChinaTime.StartOf(month.Last.AddDays(1)) });
        return command;
    }
}
