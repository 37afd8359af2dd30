using Npgsql;

namespace Claims.Ledger.Posting;

/// <param name="Instance">host:process that posts it; null while none does.</param>
internal sealed record ShardState(int Shard, long Sequence, string? Instance, ShardStop? Stop);

/// <summary>Where a shard stopped, until a person lets it go on.</summary>
internal sealed record ShardStop(string Reason, DateTimeOffset StoppedAt, long PoisonId);

internal sealed record PoisonRow(long PoisonId, DateTimeOffset FoundAt, int Shard, long Offset, string Reason, int RecordBytes);

/// <summary>The state of every shard as the database has it, for operators.</summary>
internal sealed class ShardStates(NpgsqlDataSource database, TimeProvider clock)
{
    private const int LatestPoison = 100;

    public async Task<IReadOnlyList<ShardState>> ReadAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand("""
            SELECT watermark.shard, watermark.sequence, substr(session.application_name, length($2) + 1), stop.reason, stop.stopped_at,
                stop.poison_id
            FROM shard_watermark AS watermark
            LEFT JOIN shard_stop AS stop ON stop.shard = watermark.shard AND stop.resumed_at IS NULL
            LEFT JOIN pg_locks AS held ON held.locktype = 'advisory' AND held.objsubid = 2 AND held.granted
                AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND held.classid::bigint = $1 AND held.objid::bigint = watermark.shard
            LEFT JOIN pg_stat_activity AS session ON session.pid = held.pid
            ORDER BY watermark.shard
            """);
        read.Parameters.Add(new() { Value = (long)ShardSharing.ShardKey });
        read.Parameters.Add(new() { Value = ShardSharing.ApplicationPrefix });
        List<ShardState> shards = [];
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            ShardStop? stop = await row.IsDBNullAsync(3, cancellationToken)
                ? null
                : new ShardStop(row.GetString(3), row.GetFieldValue<DateTimeOffset>(4), row.GetInt64(5));
            shards.Add(new ShardState(row.GetInt32(0), row.GetInt64(1),
                await row.IsDBNullAsync(2, cancellationToken) ? null : row.GetString(2), stop));
        }

        return shards;
    }

    /// <returns>Newest first, 100 at most.</returns>
    public async Task<IReadOnlyList<PoisonRow>> ReadPoisonAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand("""
            SELECT poison_id, found_at, shard, kafka_offset, reason, octet_length(record) FROM poison_record
                ORDER BY poison_id DESC LIMIT $1
            """);
        read.Parameters.Add(new() { Value = LatestPoison });
        List<PoisonRow> rows = [];
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            rows.Add(new PoisonRow(row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetInt32(2), row.GetInt64(3),
                row.GetString(4), row.GetInt32(5)));
        return rows;
    }

    /// <summary>Lets a stopped shard go on; the instance that posts it hears of it and asks for its records again.</summary>
    /// <param name="caller">Who lets it, a URI.</param>
    /// <returns>The watermark after which it goes on and why it had stopped, or null where it has not.</returns>
    public async Task<(long Sequence, string Stopped)?> ResumeAsync(int shard, string caller, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand resume = database.CreateCommand("""
            WITH resumed AS (
                UPDATE shard_stop AS stop SET resumed_at = greatest($2, stop.stopped_at) FROM shard_watermark AS watermark
                WHERE stop.shard = $1 AND stop.resumed_at IS NULL AND watermark.shard = stop.shard
                RETURNING watermark.sequence, stop.reason
            ), added AS (
                INSERT INTO batch (posted_at) SELECT $2 FROM resumed RETURNING batch_id
            ), acted AS (
                INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
                SELECT batch_id, 'SHARD_RESUMED', $1::text, left(reason, 500), $3, '', $2 FROM resumed, added
            )
            SELECT sequence, reason FROM resumed
            """);
        resume.Parameters.Add(new() { Value = shard });
        resume.Parameters.Add(new() { Value = clock.GetUtcNow() });
        resume.Parameters.Add(new() { Value = caller });
        await using NpgsqlDataReader row = await resume.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (row.GetInt64(0), row.GetString(1)) : null;
    }
}
