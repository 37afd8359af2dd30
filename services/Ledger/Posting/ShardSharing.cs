using System.Globalization;
using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Posting;

/// <summary>
/// Divides the shards among the living instances. Each holds one PostgreSQL advisory lock per shard that it posts, all on one
/// session, so that the locks of an instance that dies are free as soon as its connection is closed.
/// </summary>
internal sealed class ShardSharing(
    LedgerSettings settings, Watermarks watermarks, OwnShards own, Peers peers, Books books, LedgerMetrics metrics, TimeProvider clock,
    ILogger<ShardSharing> logger) : IDisposable
{
    /// <summary>First keys of the advisory locks; the second is the shard, or 0 for being alive.</summary>
    public const int ShardKey = 0x1ed9_0001;

    /// <inheritdoc cref="ShardKey"/>
    public const int AliveKey = 0x1ed9_0002;

    /// <summary>What stands before host:process in the session's application_name.</summary>
    public const string ApplicationPrefix = "claims-ledger ";

    private const int TimeoutSeconds = 5;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan BatchBound = TimeSpan.FromSeconds(5);

    private CancellationTokenSource _session = new();

    /// <summary>Why no shards are held, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Ends with the present session: from then on this instance no longer hears what the others commit.</summary>
    public CancellationToken SessionLost => Volatile.Read(ref _session).Token;

    public void Dispose() => _session.Dispose();

    /// <summary>Holds a fair share until cancelled. Without its session the instance posts nothing, and makes a new one.</summary>
    public async Task RunAsync(int shards, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await ShareAsync(shards, cancellationToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                Problem = failure.Message;
                // What was counted last is not known any more. Where another instance has a session, the alert goes by what that one sees.
                metrics.Unposted = shards;
                books.Forget();
                await Interlocked.Exchange(ref _session, new CancellationTokenSource()).CancelAsync();
                logger.LogWarning("The session that holds this instance's shards is lost: {Reason} None is posted until there is another.",
                    failure.Message);
            }

            await Task.Delay(Retry, clock, cancellationToken);
        }
    }

    private async Task ShareAsync(int shards, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection session = new(ConnectionString());
        await session.OpenAsync(cancellationToken);
        try
        {
            session.Notification += (_, notice) => peers.Hear(notice.Payload);

            // An instance whose host has vanished gives up its shards once the server has waited 5 s for it.
            await ExecuteAsync(session, string.Create(CultureInfo.InvariantCulture, $"""
                SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 5000;
                LISTEN {Peers.Channel};
                SELECT pg_advisory_lock_shared({AliveKey}, 0)
                """), cancellationToken);
            Problem = null;
            long balanced = 0;
            while (true)
            {
                if (balanced == 0 || clock.GetElapsedTime(balanced) >= Interval)
                {
                    balanced = clock.GetTimestamp();
                    await BalanceAsync(session, shards, cancellationToken);
                }

                await RefreshAsync(session, cancellationToken);
                TimeSpan rest = Interval - clock.GetElapsedTime(balanced);
                // Npgsql counts whole milliseconds, and waits for ever on 0 of them.
                if (rest >= ShortestWait) await session.WaitAsync(rest, cancellationToken);
            }
        }
        finally
        {
            own.Set([]);
            await BatchDoneAsync(CancellationToken.None);
        }
    }

    private async Task BalanceAsync(NpgsqlConnection session, int shards, CancellationToken cancellationToken)
    {
        (int instances, HashSet<int> held) = await LocksAsync(session, cancellationToken);
        int share = (shards + instances - 1) / instances;
        int[] mine = [.. own.Shards.Order()];
        if (mine.Length > share)
        {
            await ReleaseAsync(session, mine[share..], cancellationToken);
        }
        else if (mine.Length < share)
        {
            int[] free = [.. Enumerable.Range(0, shards).Where(shard => !held.Contains(shard))];
            // Instances that start together would all reach for the same ones.
            Random.Shared.Shuffle(free);
            held.UnionWith(await TakeAsync(session, free.AsMemory(0, Math.Min(free.Length, share - mine.Length)), cancellationToken));
        }

        metrics.Unposted = shards - held.Count;
    }

    /// <returns>Living instances, and the shards that one of them holds.</returns>
    private static async Task<(int Instances, HashSet<int> Held)> LocksAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("""
            SELECT classid::bigint, objid::bigint FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database
                WHERE datname = current_database())
            """, session);
        int instances = 0;
        HashSet<int> held = [];
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetInt64(0) == AliveKey) instances++;
            else if (row.GetInt64(0) == ShardKey) held.Add((int)row.GetInt64(1));
        }

        return (instances, held);
    }

    private async Task<int[]> TakeAsync(NpgsqlConnection session, ReadOnlyMemory<int> free, CancellationToken cancellationToken)
    {
        if (free.Length == 0) return [];
        await using NpgsqlCommand take =
            new("SELECT array_agg(shard) FROM unnest($1::integer[]) AS shard WHERE pg_try_advisory_lock($2, shard)", session)
            {
                Parameters = { new() { Value = free.ToArray() }, new() { Value = ShardKey } },
            };
        int[] taken = await take.ExecuteScalarAsync(cancellationToken) as int[] ?? [];
        if (taken.Length == 0) return [];

        // What the last holder has committed; its batch under way, should there be one, moves the watermark on, and is noticed then.
        await RefreshAsync(session, cancellationToken);
        own.Set(own.Shards.Concat(taken));
        logger.LogInformation("Posting {Shards} more shards, now {Own}.", taken.Length, own.Shards.Count);
        return taken;
    }

    private async Task ReleaseAsync(NpgsqlConnection session, int[] shards, CancellationToken cancellationToken)
    {
        own.Set(own.Shards.Except(shards));
        await BatchDoneAsync(cancellationToken);
        await using NpgsqlCommand release = new("SELECT count(pg_advisory_unlock($2, shard)) FROM unnest($1::integer[]) AS shard", session)
        {
            Parameters = { new() { Value = shards }, new() { Value = ShardKey } },
        };
        await release.ExecuteNonQueryAsync(cancellationToken);
        logger.LogInformation("Left {Shards} shards to another instance, now {Own}.", shards.Length, own.Shards.Count);
    }

    /// <summary>Batches that begin from now on go by the present share. One that takes longer is left to the watermark row.</summary>
    private async Task BatchDoneAsync(CancellationToken cancellationToken)
    {
        if (await own.Posting.WaitAsync(BatchBound, cancellationToken)) own.Posting.Release();
    }

    private async Task RefreshAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        long before = watermarks.Version;
        if (await ClaimsStore.ReadAsync(session, cancellationToken) is not { } row) return;
        int[] resumed = [.. watermarks.Refresh(row, before).Where(own.Shards.Contains)];
        if (resumed.Length > 0) peers.AskAgain(resumed);
    }

    private string ConnectionString() => new NpgsqlConnectionStringBuilder(PostgresStore.WithRole(settings.Postgres, LedgerServices.Role))
    {
        ApplicationName = string.Create(
            CultureInfo.InvariantCulture, $"{ApplicationPrefix}{Environment.MachineName}:{Environment.ProcessId}"),
        Pooling = false,
        Timeout = TimeoutSeconds,
        CommandTimeout = TimeoutSeconds,
    }.ConnectionString;

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(sql, session);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
