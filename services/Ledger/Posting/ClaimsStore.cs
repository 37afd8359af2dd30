using Npgsql;

namespace Claims.Ledger.Posting;

/// <summary>The store of accumulators that these books are kept for, as the database has it.</summary>
/// <param name="Epoch">32 lower-case hexadecimal digits.</param>
/// <param name="Watermarks">Index = shard: everything up to that sequence is in the books.</param>
/// <param name="Stopped">Index = shard: why it no longer posts, empty while it does.</param>
internal sealed record StoreRow(string Epoch, int Shards, bool Initialised, long[] Watermarks, string[] Stopped);

/// <summary>Opens the store once, and reads it.</summary>
internal sealed class ClaimsStore(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>The first proposal becomes the store, for good; every caller gets that one.</summary>
    public async Task<StoreRow> OpenAsync(string proposedEpoch, int shards, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken))
        {
            await using NpgsqlCommand open = new("""
                WITH opened AS (
                    INSERT INTO store (epoch, shards, opened_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING shards
                )
                INSERT INTO shard_watermark (shard, sequence) SELECT shard, 0 FROM opened, generate_series(0, opened.shards - 1) AS shard
                """, connection, transaction)
            {
                Parameters = { new() { Value = proposedEpoch }, new() { Value = shards }, new() { Value = clock.GetUtcNow() } },
            };
            await open.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        return await ReadAsync(cancellationToken) ?? throw new InvalidOperationException("the store that was just opened is not there");
    }

    /// <returns>False when the store has another epoch, or none has been opened.</returns>
    public async Task<bool> ConfirmAsync(string epoch, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand confirm = database.CreateCommand("UPDATE store SET initialised = true WHERE epoch = $1");
        confirm.Parameters.Add(new() { Value = epoch });
        return await confirm.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <returns>Null before a store has been opened.</returns>
    public async Task<StoreRow?> ReadAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        return await ReadAsync(connection, cancellationToken);
    }

    /// <returns>Null before a store has been opened.</returns>
    public static async Task<StoreRow?> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT epoch, shards, initialised, state.sequences, state.stops
            FROM store, (
                SELECT array_agg(watermark.sequence ORDER BY watermark.shard) AS sequences, array_agg(coalesce(stop.reason, '')
                    ORDER BY watermark.shard) AS stops
                FROM shard_watermark AS watermark LEFT JOIN shard_stop AS stop ON stop.shard = watermark.shard AND stop.resumed_at IS NULL
            ) AS state
            """, connection);
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken)) return null;
        return new StoreRow(row.GetString(0), row.GetInt32(1), row.GetBoolean(2), row.GetFieldValue<long[]>(3),
            row.GetFieldValue<string[]>(4));
    }
}
