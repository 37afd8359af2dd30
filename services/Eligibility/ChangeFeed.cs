using Npgsql;

namespace Claims.Eligibility;

/// <summary>The registry's version as this instance knows it, whichever instance took the import.</summary>
/// <remarks>Woken by NOTIFY, and by a clock where a notice was lost with its connection.</remarks>
internal sealed class ChangeFeed(NpgsqlDataSource database, ILogger<ChangeFeed> logger) : BackgroundService
{
    public const string Channel = "registry_changed";

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private TaskCompletionSource raised = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long current;

    /// <summary>0 until it has been read.</summary>
    public long Version => Interlocked.Read(ref current);

    /// <summary>The first version above <paramref name="seen"/>.</summary>
    public async Task<long> NextAsync(long seen, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (current > seen) return current;
                next = raised.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Tells the waiting; a version that is not higher is known already.</summary>
    public void Raise(long version)
    {
        TaskCompletionSource told;
        lock (gate)
        {
            if (version <= current) return;
            current = version;
            told = raised;
            raised = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        told.SetResult();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (NpgsqlException lost)
            {
                logger.LogWarning(new EventId(1, "registry_feed_lost"), lost,
                    "The registry's change notices are interrupted; version {Version} stands until PostgreSQL answers again.", Version);
                await Task.Delay(RetryInterval, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using (NpgsqlCommand listen = new($"LISTEN {Channel}", connection)) await listen.ExecuteNonQueryAsync(cancellationToken);
        await using NpgsqlCommand read = new("SELECT version FROM registry_version", connection);
        while (true)
        {
            Raise((long)(await read.ExecuteScalarAsync(cancellationToken))!);
            await connection.WaitAsync(PollInterval, cancellationToken);
        }
    }
}
