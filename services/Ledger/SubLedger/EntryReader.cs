using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.SubLedger;

/// <summary>Reads the sub-ledger row by row as PostgreSQL sends it: memory does not grow with the number of rows.</summary>
internal sealed class EntryReader(NpgsqlDataSource database)
{
    // Sorting and folding come before the first row.
    private const int TimeoutSeconds = 300;

    /// <summary>In order of shard and sequence.</summary>
    /// <param name="fromYear">The earliest year of a visit; 0 for everything.</param>
    public IAsyncEnumerable<SubLedgerEntry> EntriesAsync(int fromYear, CancellationToken cancellationToken) =>
        ReadAsync("$1 = 0 OR visit_date >= make_date($1, 1, 1)", "shard, sequence", fromYear, [], cancellationToken);

    /// <summary>The same as it was lived: first all whose ids were never merged, in order of shard and sequence; then the others, in the
    /// order of time, since a merge goes across shards.</summary>
    /// <param name="insuredId">Of him alone, or, where his ids were merged, of all whose ids were; empty for everybody.</param>
    public async IAsyncEnumerable<(SubLedgerEntry Entry, bool OfMerged)> LivedAsync(
        int fromYear, string insuredId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string[] merged = await MergedAsync(cancellationToken);
        bool everybody = insuredId.Length == 0;
        string of = !everybody ? " AND insured_id = ANY ($2)" : merged.Length == 0 ? "" : " AND insured_id <> ALL ($2)";
        if (everybody || !merged.Contains(insuredId, StringComparer.Ordinal))
        {
            string[] ids = everybody ? merged : [insuredId];
            await foreach (SubLedgerEntry entry in ReadAsync(
                $"($1 = 0 OR visit_date >= make_date($1, 1, 1)){of}", "shard, sequence", fromYear, ids, cancellationToken))
                yield return (entry, false);
            if (!everybody) yield break;
        }

        if (merged.Length == 0) yield break;
        await foreach (SubLedgerEntry entry in ReadAsync(
            "($1 = 0 OR visit_date IS NULL OR visit_date >= make_date($1, 1, 1)) AND insured_id = ANY ($2)", "settled_at, shard, sequence",
            fromYear, merged, cancellationToken))
            yield return (entry, true);
    }

    private async Task<string[]> MergedAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT array(SELECT insured_id FROM sub_ledger WHERE kind = 'MERGE_OUT'
                UNION SELECT split_part(note, E'\n', 1) FROM sub_ledger WHERE kind = 'MERGE_OUT')
            """);
        command.CommandTimeout = TimeoutSeconds;
        return (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async IAsyncEnumerable<SubLedgerEntry> ReadAsync(
        string where, string order, int fromYear, string[] merged, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand($"""
            SELECT shard, sequence, coalesce(settlement_id, ''), facility_code, insured_id, request_id, visit_date, fund_pay_fen, kind,
                original_settlement_id, visit_type, tier, total_fen, in_scope_fen, deductible_fen, cap_used_before_fen, cap_used_after_fen,
                insured_county, policy_id, limits, person_id, note
            FROM sub_ledger WHERE {where} ORDER BY {order}
            """);
        command.Parameters.Add(new() { Value = fromYear });
        if (merged.Length > 0) command.Parameters.Add(new() { Value = merged });
        command.CommandTimeout = TimeoutSeconds;
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            yield return new SubLedgerEntry
            {
                Shard = row.GetInt32(0),
                Sequence = row.GetInt64(1),
                SettlementId = row.GetString(2),
                FacilityCode = row.GetString(3),
                InsuredId = row.GetString(4),
                RequestId = row.GetString(5),
                VisitDate = await row.IsDBNullAsync(6, cancellationToken)
                    ? ""
                    : row.GetFieldValue<DateOnly>(6).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                FundPayFen = row.GetInt64(7),
                Kind = row.GetString(8),
                OriginalSettlementId = row.GetString(9),
                VisitType = SubLedgerTable.VisitTypeOf(row.GetString(10)),
                Tier = row.GetString(11),
                TotalFen = row.GetInt64(12),
                InScopeFen = row.GetInt64(13),
                DeductibleFen = row.GetInt64(14),
                CapUsedBeforeFen = row.GetInt64(15),
                CapUsedAfterFen = row.GetInt64(16),
                InsuredCounty = row.GetString(17),
                PolicyId = row.GetString(18),
                Limits = row.GetString(19),
                PersonId = row.GetString(20),
                Note = row.GetString(21),
            };
        }
    }

    /// <summary>About how many there are, as PostgreSQL last counted them.</summary>
    public async Task<long> EstimateAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'sub_ledger'::regclass");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Folded per insured and year of visit, in that order.</summary>
    public async IAsyncEnumerable<InsuredYear> InsuredYearsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT coalesce(nullif(person_id, ''), insured_id) COLLATE "C" AS person, extract(year FROM visit_date)::integer AS year,
                coalesce(sum(fund_pay_fen) FILTER (WHERE counts_against_cap), 0)::bigint,
                sum(fund_pay_fen)::bigint,
                sum(CASE kind WHEN 'CANCELLATION' THEN -1 ELSE 1 END)
            FROM sub_ledger WHERE kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION')
            GROUP BY person, year ORDER BY person, year
            """);
        command.CommandTimeout = TimeoutSeconds;
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            yield return new InsuredYear
            {
                InsuredId = row.GetString(0),
                Year = row.GetInt32(1),
                CappedFundPayFen = row.GetInt64(2),
                FundPayFen = row.GetInt64(3),
                StandingSettlements = row.GetInt64(4),
            };
        }
    }
}
