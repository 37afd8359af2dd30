using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>What the accumulators of a shard must be, folded from its sub-ledger.</summary>
internal sealed class ShardFold(NpgsqlDataSource database)
{
    // Sorting and folding a shard come before its first row.
    private const int TimeoutSeconds = 300;

    /// <summary>The shard's last sequence first, then per insured in the order of insured_id.</summary>
    public async IAsyncEnumerable<ShardAccumulators> OfAsync(int shard, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using (NpgsqlCommand position = Command(
            "SELECT coalesce(max(sequence), 0) FROM sub_ledger WHERE shard = $1", shard, connection))
        {
            yield return new ShardAccumulators { Sequence = (long)(await position.ExecuteScalarAsync(cancellationToken))! };
        }

        await using NpgsqlCommand fold = Command("""
            SELECT insured_id, visit_date, facility_code, count(*),
                coalesce(sum(fund_pay_fen) FILTER (WHERE counts_against_cap), 0)::bigint,
                sum(CASE kind WHEN 'SETTLEMENT' THEN 1 WHEN 'RESTORATION' THEN 1 WHEN 'CANCELLATION' THEN -1 ELSE 0 END),
                sum(deductible_fen)::bigint
            FROM sub_ledger WHERE shard = $1 GROUP BY insured_id, visit_date, facility_code
            ORDER BY insured_id COLLATE "C", visit_date, facility_code COLLATE "C"
            """, shard, connection);
        InsuredAccumulators? insured = null;
        await using NpgsqlDataReader row = await fold.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            string id = row.GetString(0);
            if (insured is not null && insured.InsuredId != id) yield return new ShardAccumulators { Insured = WithoutZeros(insured) };
            if (insured?.InsuredId != id) insured = new InsuredAccumulators { InsuredId = id };
            DateOnly? visitDate = await row.IsDBNullAsync(1, cancellationToken) ? null : row.GetFieldValue<DateOnly>(1);
            string facility = row.GetString(2);
            insured.Records += row.GetInt64(3);
            if (visitDate is { } date)
                Add(insured, date, facility, usedFen: row.GetInt64(4), standing: row.GetInt64(5), deductibleFen: row.GetInt64(6));
        }

        if (insured is not null) yield return new ShardAccumulators { Insured = WithoutZeros(insured) };
    }

    private static void Add(InsuredAccumulators insured, DateOnly date, string facility, long usedFen, long standing, long deductibleFen)
    {
        if (insured.Years.Count == 0 || insured.Years[^1].Year != date.Year) insured.Years.Add(new UsedYear { Year = date.Year });
        insured.Years[^1].UsedFen += usedFen;
        insured.Years[^1].StandingSettlements += standing;
        if (deductibleFen != 0)
            insured.Days.Add(new BorneDay
            {
                VisitDate = date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                FacilityCode = facility,
                DeductibleFen = deductibleFen,
            });
    }

    private static InsuredAccumulators WithoutZeros(InsuredAccumulators insured)
    {
        for (int i = insured.Years.Count - 1; i >= 0; i--)
        {
            if (insured.Years[i] is { UsedFen: 0, StandingSettlements: 0 }) insured.Years.RemoveAt(i);
        }

        return insured;
    }

    private static NpgsqlCommand Command(string sql, int shard, NpgsqlConnection connection)
    {
        NpgsqlCommand command = new(sql, connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = shard });
        return command;
    }
}
