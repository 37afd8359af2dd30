using Claims.Hosting;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.History;

/// <summary>Who changes the registry, and why.</summary>
/// <param name="By">The caller's URI.</param>
internal sealed record ChangeCause(string By, string Reason);

/// <summary>A change under way, in the transaction of its rows.</summary>
/// <param name="Version">The version that the registry has with it.</param>
internal readonly record struct RegistryChange(long ChangeId, long Version)
{
    public const int MostReasonCharacters = 200;

    /// <summary>Takes the row of <c>registry_version</c> first: changes are made one after the other, never wait for each other's rows in
    /// turn, and their ids ascend with time.</summary>
    public static async Task<RegistryChange> BeginAsync(NpgsqlConnection connection, string kind, ChangeCause cause, TimeProvider clock,
        TimeSpan bound, CancellationToken cancellationToken)
    {
        long version;
        await using (NpgsqlCommand raise = new("UPDATE registry_version SET version = version + 1 RETURNING version", connection)
        { CommandTimeout = (int)bound.TotalSeconds })
            version = (long)(await raise.ExecuteScalarAsync(cancellationToken))!;
        await using NpgsqlCommand insert = new(
            "INSERT INTO registry_change (made_at, made_by, kind, reason) VALUES ($1, $2, $3, $4) RETURNING change_id", connection);
        insert.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = clock.GetUtcNow().UtcDateTime });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = cause.By });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = cause.Reason });
        long changeId = (long)(await insert.ExecuteScalarAsync(cancellationToken))!;
        // Told when the transaction commits, and not at all where it does not.
        await using NpgsqlCommand notify = new($"NOTIFY {ChangeFeed.Channel}", connection);
        await notify.ExecuteNonQueryAsync(cancellationToken);
        return new(changeId, version);
    }

    /// <summary>The moment up to which changes are read.</summary>
    /// <param name="asOf">The end of that day; null: whatever is there.</param>
    public static NpgsqlParameter Until(DateOnly? asOf) => new()
    {
        NpgsqlDbType = NpgsqlDbType.TimestampTz,
        Value = asOf is { } day
            ? ChinaTime.StartOf(day.AddDays(1)).UtcDateTime
            : DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc),
    };

    /// <summary>Columns <c>made_at</c>, <c>made_by</c> and <c>reason</c>, from <paramref name="column"/> on.</summary>
    public static Change Read(NpgsqlDataReader reader, int column) => new()
    {
        MadeAt = ChinaTime.Text(new DateTimeOffset(reader.GetDateTime(column))),
        MadeBy = reader.GetString(column + 1),
        Reason = reader.GetString(column + 2),
    };
}

/// <summary>What decides the visits of a closed year is not changed any more.</summary>
internal static class ClosedYears
{
    /// <returns>The latest closed year, 0 while there is none. Asked by whoever holds a change, it stays what it is until that
    /// ends.</returns>
    public static async Task<int> ThroughAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("SELECT COALESCE(max(year), 0)::integer FROM closed_year", connection);
        return (int)(await read.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Closes a year and so all before it; one that is closed already stays so.</summary>
    public static async Task<(int Through, long? Version)> CloseAsync(
        NpgsqlDataSource database, int year, ChangeCause cause, TimeProvider clock, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        RegistryChange change = await RegistryChange.BeginAsync(
            connection, "CLOSE_YEAR", cause, clock, TimeSpan.FromSeconds(30), cancellationToken);
        int through = await ThroughAsync(connection, cancellationToken);
        if (year <= through) return (through, null);
        await using NpgsqlCommand insert = new("INSERT INTO closed_year (year, change_id) VALUES ($1, $2)", connection);
        insert.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)year });
        insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = change.ChangeId });
        await insert.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (year, change.Version);
    }
}
