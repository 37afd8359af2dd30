using System.Globalization;
using Claims.Hosting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;
using State = Claims.V1.FacilityEntry.Types.State;

namespace Claims.Ledger.Reconciliation;

/// <summary>A facility's entries, for its own list of a day.</summary>
internal sealed class FacilityEntriesReader(NpgsqlDataSource database, TimeProvider clock)
{
    private const int TimeoutSeconds = 30;

    // What undid an entry is the facility's own and later, so both are read in one pass. The last days are cheap
    // (sub_ledger_facility_period); a day long ago costs what the facility has settled since.
    private static string Sql(Period period) => $"""
        WITH entry AS MATERIALIZED (
            SELECT *, coalesce(nullif(original_settlement_id, ''), settlement_id) AS subject, {period.SqlCondition} AS in_period
            FROM sub_ledger WHERE facility_code = $1 AND settled_at >= $2 AND kind <> 'REQUEST_ONLY'
        ), latest AS (
            SELECT DISTINCT ON (subject) subject, kind AS latest_kind FROM entry ORDER BY subject, settled_at DESC, shard, sequence DESC
        ), of_request AS (
            SELECT subject FROM entry WHERE request_id = $6 OR original_request_id = $6
        )
        SELECT kind, settlement_id, original_settlement_id, request_id, original_request_id, insured_id, visit_date, visit_type, settled_at,
            total_fen, full_self_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, rate_basis_points, fund_pay_fen,
            reason_code, visit_id, latest_kind
        FROM entry JOIN latest USING (subject)
        WHERE in_period AND ($6 = '' OR subject IN (SELECT subject FROM of_request)) AND ($7 = '' OR insured_id = $7)
        ORDER BY settled_at DESC, shard DESC, sequence DESC LIMIT $8
        """;

    public async Task<FacilityEntries> ReadAsync(string facilityCode, Period period, string requestId, string insuredId, int limit,
        CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand(Sql(period));
        command.CommandTimeout = TimeoutSeconds;
        period.AddParameters(command, facilityCode);
        command.Parameters.Add(new() { Value = requestId });
        command.Parameters.Add(new() { Value = insuredId });
        command.Parameters.Add(new() { Value = limit + 1 });
        List<FacilityEntry> entries = [];
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) entries.Add(Read(row));
        FacilityEntries reply = new()
        {
            More = entries.Count > limit,
            ReadAt = ChinaTime.Text(clock.GetUtcNow()),
            Totals = new SettlementTotals(),
        };
        reply.Entries.AddRange(entries.Take(limit).Reverse());
        foreach (FacilityEntry entry in reply.Entries)
        {
            TotalsComparison.Add(reply.Totals, new SettlementTotals
            {
                Count = entry.State == State.Undoing ? -1 : 1,
                TotalFen = entry.TotalFen,
                FundPayFen = entry.FundPayFen,
            });
        }

        return reply;
    }

    private static FacilityEntry Read(NpgsqlDataReader row) => new()
    {
        Kind = row.GetString(0),
        SettlementId = row.GetString(1),
        OriginalSettlementId = row.GetString(2),
        RequestId = row.GetString(3),
        OriginalRequestId = row.GetString(4),
        InsuredId = row.GetString(5),
        VisitDate = row.GetFieldValue<DateOnly>(6).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        VisitType = SubLedgerTable.VisitTypeOf(row.GetString(7)),
        SettledAt = ChinaTime.Text(row.GetFieldValue<DateTimeOffset>(8)),
        TotalFen = row.GetInt64(9),
        FullSelfPayFen = row.GetInt64(10),
        OverLimitFen = row.GetInt64(11),
        PreSelfPayFen = row.GetInt64(12),
        InScopeFen = row.GetInt64(13),
        DeductibleFen = row.GetInt64(14),
        RateBp = row.GetInt32(15),
        FundPayFen = row.GetInt64(16),
        SelfPayFen = row.GetInt64(9) - row.GetInt64(16),
        ReasonCode = row.GetString(17),
        VisitId = row.GetString(18),
        State = row.GetString(0) switch
        {
            "CANCELLATION" => State.Undoing,
            "RESTORATION" => State.Restoring,
            _ => row.GetString(19) == "CANCELLATION" ? State.Undone : State.Standing,
        },
    };
}
