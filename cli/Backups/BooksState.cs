using Claims.PrivateServers;
using Npgsql;

namespace Claims.Cli.Backups;

/// <summary>How far the books of a database cluster are.</summary>
/// <param name="Initialised">Whether every shard of the store has been seen once.</param>
/// <param name="Watermarks">Index = shard.</param>
/// <param name="LastBookedAt">When the last batch was posted; null where there was none.</param>
/// <param name="Now">The server's clock.</param>
public sealed record BooksState(
    string Epoch, bool Initialised, long[] Watermarks, DateTimeOffset? LastBookedAt, string SystemIdentifier, DateTimeOffset Now)
{
    private const string Database = "ledger";

    /// <exception cref="CommandException">There are no books in it.</exception>
    public static async Task<BooksState> ReadAsync(PrivatePostgres postgres, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(postgres);
        try
        {
            await using NpgsqlConnection connection = new(postgres.ConnectionString(Database) + ";Pooling=false");
            await connection.OpenAsync(cancellationToken);
            await using NpgsqlCommand read = new("""
                SELECT epoch, initialised, (SELECT array_agg(sequence ORDER BY shard) FROM shard_watermark),
                    (SELECT max(posted_at) FROM batch), (SELECT system_identifier::text FROM pg_control_system()), clock_timestamp()
                FROM store
                """, connection);
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
            if (!await row.ReadAsync(cancellationToken)) throw new CommandException("No store has been opened: there are no books yet.");
            return new BooksState(row.GetString(0), row.GetBoolean(1), row.GetFieldValue<long[]>(2),
                await row.IsDBNullAsync(3, cancellationToken) ? null : row.GetFieldValue<DateTimeOffset>(3), row.GetString(4),
                row.GetFieldValue<DateTimeOffset>(5));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new CommandException("There are no books in this PostgreSQL.", e);
        }
    }
}
