using System.Data;
using System.Runtime.CompilerServices;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Reconciliation;

/// <summary>Net sums of the sub-ledger for facilities and days.</summary>
internal sealed class TotalsReader(NpgsqlDataSource database)
{
    private const int TimeoutSeconds = 300;

    private const string Sums = """
        sum(CASE kind WHEN 'CANCELLATION' THEN -1 ELSE 1 END)::bigint, sum(total_fen)::bigint, sum(fund_pay_fen)::bigint
        """;

    /// <summary>By visit type; a type without entries is absent.</summary>
    public async Task<Dictionary<VisitType, SettlementTotals>> ByVisitTypeAsync(
        string facilityCode, Period period, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand($"""
            SELECT visit_type, {Sums} FROM sub_ledger WHERE facility_code = $1 AND {period.SqlCondition} GROUP BY visit_type
            """);
        command.CommandTimeout = TimeoutSeconds;
        period.AddParameters(command, facilityCode);
        Dictionary<VisitType, SettlementTotals> totals = [];
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) totals.Add(SubLedgerTable.VisitTypeOf(row.GetString(0)), Read(row));
        return totals;
    }

    /// <summary>In the connection's snapshot; a facility or a type without entries is absent.</summary>
    /// <param name="facilityCode">Empty: of every facility.</param>
    public static async Task<Dictionary<string, Dictionary<VisitType, SettlementTotals>>> ByFacilityAndTypeAsync(
        NpgsqlConnection connection, string facilityCode, Period period, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new($"""
            SELECT visit_type, {Sums}, facility_code FROM sub_ledger WHERE ($1 = '' OR facility_code = $1) AND {period.SqlCondition}
                GROUP BY facility_code, visit_type
            """, connection) { CommandTimeout = TimeoutSeconds };
        period.AddParameters(command, facilityCode);
        Dictionary<string, Dictionary<VisitType, SettlementTotals>> totals = new(StringComparer.Ordinal);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            string code = row.GetString(4);
            if (!totals.TryGetValue(code, out Dictionary<VisitType, SettlementTotals>? types)) totals.Add(code, types = []);
            types.Add(SubLedgerTable.VisitTypeOf(row.GetString(0)), Read(row));
        }

        return totals;
    }

    /// <exception cref="UnknownFacilityException">Nothing of one of them was ever booked.</exception>
    public static async Task RequireKnownAsync(
        NpgsqlConnection connection, IEnumerable<string> facilityCodes, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new("""
            SELECT code FROM unnest($1::text[]) AS code WHERE NOT EXISTS (SELECT FROM sub_ledger WHERE facility_code = code)
                ORDER BY code COLLATE "C" LIMIT 1
            """, connection) { CommandTimeout = TimeoutSeconds };
        command.Parameters.Add(new() { Value = facilityCodes.ToArray() });
        if (await command.ExecuteScalarAsync(cancellationToken) is string unknown) throw new UnknownFacilityException(unknown);
    }

    /// <inheritdoc cref="RequireKnownAsync(NpgsqlConnection, IEnumerable{string}, CancellationToken)"/>
    public async Task RequireKnownAsync(string facilityCode, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await RequireKnownAsync(connection, [facilityCode], cancellationToken);
    }

    /// <summary>Every facility that has entries, by code.</summary>
    public async IAsyncEnumerable<FacilityTotals> ByFacilityAsync(
        Period period, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand($"""
            SELECT facility_code, {Sums} FROM sub_ledger WHERE {period.SqlCondition} GROUP BY facility_code
                ORDER BY facility_code COLLATE "C"
            """);
        command.CommandTimeout = TimeoutSeconds;
        period.AddParameters(command, "");
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            yield return new FacilityTotals { FacilityCode = row.GetString(0), Totals = Read(row) };
    }

    private static SettlementTotals Read(NpgsqlDataReader row) =>
        new() { Count = row.GetInt64(1), TotalFen = row.GetInt64(2), FundPayFen = row.GetInt64(3) };
}
