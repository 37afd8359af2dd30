using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Refusals;

/// <summary>Refusals, as long as they are kept.</summary>
internal sealed class RefusalStore(NpgsqlDataSource database, LedgerSettings settings, TimeProvider clock)
{
    private const int TimeoutSeconds = 5;
    private const int RemovalTimeoutSeconds = 60;

    /// <summary>One that is there already is not entered twice.</summary>
    public async Task KeepAsync(IReadOnlyCollection<RefusedRequest> refusals, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand insert = database.CreateCommand("""
            INSERT INTO refusal (refused_at, operation, facility_code, request_id, insured_masked, reason_code, reason_text, instance)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            """);
        insert.CommandTimeout = TimeoutSeconds;
        insert.Parameters.Add(new()
        {
            Value = refusals.Select(one => DateTimeOffset.FromUnixTimeMilliseconds(one.RefusedAtUnixMs).UtcDateTime).ToArray(),
        });
        foreach (Func<RefusedRequest, string> column in Texts) insert.Parameters.Add(new() { Value = refusals.Select(column).ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>The latest 100, oldest first.</returns>
    public async Task<IReadOnlyList<RefusedRequest>> FindAsync(string facilityCode, string requestId, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand select = database.CreateCommand("""
            SELECT refused_at, operation, insured_masked, reason_code, reason_text, instance FROM refusal
            WHERE facility_code = $1 AND request_id = $2 AND refused_at > $3 ORDER BY refused_at DESC LIMIT 100
            """);
        select.CommandTimeout = TimeoutSeconds;
        select.Parameters.Add(new() { Value = facilityCode });
        select.Parameters.Add(new() { Value = requestId });
        select.Parameters.Add(new() { Value = Oldest });
        List<RefusedRequest> found = [];
        await using NpgsqlDataReader row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            found.Insert(0, new RefusedRequest
            {
                RefusedAtUnixMs = new DateTimeOffset(row.GetDateTime(0)).ToUnixTimeMilliseconds(),
                Operation = row.GetString(1),
                FacilityCode = facilityCode,
                RequestId = requestId,
                InsuredMasked = row.GetString(2),
                ReasonCode = row.GetString(3),
                ReasonText = row.GetString(4),
                Instance = row.GetString(5),
            });
        }

        return found;
    }

    /// <summary>Removes what is older than it is kept, and says how many.</summary>
    public async Task<int> RemoveOldAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand delete = database.CreateCommand("SELECT remove_refusals($1)");
        delete.CommandTimeout = RemovalTimeoutSeconds;
        delete.Parameters.Add(new() { Value = Oldest });
        return (int)(await delete.ExecuteScalarAsync(cancellationToken))!;
    }

    private DateTime Oldest => clock.GetUtcNow().UtcDateTime.AddDays(-settings.RefusalDays);

    private static readonly Func<RefusedRequest, string>[] Texts =
    [
        one => one.Operation, one => one.FacilityCode, one => one.RequestId, one => one.InsuredMasked, one => one.ReasonCode,
        one => one.ReasonText, one => one.Instance,
    ];
}
