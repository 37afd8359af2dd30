using System.Runtime.CompilerServices;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Acts;

/// <summary>Acts that are the ledger's only to write down, each in a batch of its own; and all of them, to read.</summary>
internal sealed class ActBook(NpgsqlDataSource database, PostgresTrust trust, TimeProvider clock)
{
    /// <summary>Of one act, without what comes after WHERE; <see cref="Read"/> takes its rows.</summary>
    private const string Columns = "SELECT act_id, kind, subject, detail, caller, actor, acted_at, batch_id FROM act";

    private const int TimeoutSeconds = 30;

    /// <param name="caller">Who asked for it, a URI.</param>
    /// <exception cref="PostgresNotTrustedException">Nothing was written.</exception>
    /// <exception cref="NpgsqlException">PostgreSQL could not be asked; it may even have committed.</exception>
    public async Task<Act> RecordAsync(ActKind kind, string subject, string detail, string caller, CancellationToken cancellationToken)
    {
        await trust.RequireAsync(cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        return await RecordAsync(connection, kind, subject, detail, caller, cancellationToken);
    }

    /// <summary>The same, in the transaction of the connection.</summary>
    public async Task<Act> RecordAsync(NpgsqlConnection connection, ActKind kind, string subject, string detail, string caller,
        CancellationToken cancellationToken)
    {
        await using NpgsqlCommand insert = new("""
            WITH added AS (INSERT INTO batch (posted_at) VALUES ($5) RETURNING batch_id)
            INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
            SELECT batch_id, $1, $2, $3, $4, '', $5 FROM added
            RETURNING act_id, kind, subject, detail, caller, actor, acted_at, batch_id
            """, connection) { CommandTimeout = TimeoutSeconds };
        foreach (object value in new object[] { ActKinds.Text(kind), subject, detail, caller, clock.GetUtcNow() })
            insert.Parameters.Add(new() { Value = value });
        await using NpgsqlDataReader row = await insert.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return Read(row);
    }

    /// <summary>Ascending by number.</summary>
    /// <param name="kind">Unspecified: all.</param>
    public async IAsyncEnumerable<Act> ListAsync(long after, ActKind kind, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read =
            database.CreateCommand($"{Columns} WHERE act_id > $1 AND ($2 = '' OR kind = $2) ORDER BY act_id");
        read.CommandTimeout = TimeoutSeconds;
        read.Parameters.Add(new() { Value = after });
        read.Parameters.Add(new() { Value = kind == ActKind.Unspecified ? "" : ActKinds.Text(kind) });
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) yield return Read(row);
    }

    /// <summary>The latest of some kinds about a subject, or null.</summary>
    public static async Task<Act?> LatestAsync(
        NpgsqlConnection connection, string subject, ActKind[] kinds, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read =
            new($"{Columns} WHERE kind = ANY ($1) AND subject = $2 ORDER BY act_id DESC LIMIT 1", connection);
        read.Parameters.Add(new() { Value = Array.ConvertAll(kinds, ActKinds.Text) });
        read.Parameters.Add(new() { Value = subject });
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    private static Act Read(NpgsqlDataReader row) => new()
    {
        ActId = row.GetInt64(0),
        Kind = ActKinds.Of(row.GetString(1)),
        Subject = row.GetString(2),
        Detail = row.GetString(3),
        Caller = row.GetString(4),
        Actor = row.GetString(5),
        ActedAtUnixMs = row.GetFieldValue<DateTimeOffset>(6).ToUnixTimeMilliseconds(),
        BatchId = row.GetInt64(7),
    };
}
