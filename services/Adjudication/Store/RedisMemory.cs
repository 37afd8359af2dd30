using System.Diagnostics.Metrics;
using System.Globalization;
using Claims.Hosting;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// Shows how much memory a Redis with <c>maxmemory</c> has to spare when every outbox fills up, which happens while the ledger is away.
/// It is a warning ahead of time and closes nothing: Redis refuses a write for memory before it does anything, and what makes room, the
/// trimming of outboxes, goes on without memory.
/// </summary>
internal sealed class RedisMemory : Watch
{
    /// <summary>What a new settlement takes with its answer, its accumulators and its record in the outbox; 540 B were measured.</summary>
    public const long RecordBytes = 600;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly SettlementStore _store;
    private readonly ILogger<RedisMemory> _log;
    private volatile Spare? _latest;

    public RedisMemory(SettlementStore store, TimeProvider clock, ILogger<RedisMemory> log)
        : base("Claims.Adjudication.Store", clock)
    {
        (_store, _log) = (store, log);
        Meter.CreateObservableGauge("claims_redis_spare_memory_bytes",
            () => _latest is { Bytes: { } spare } ? [new Measurement<long>(spare)] : Array.Empty<Measurement<long>>(),
            description: "What maxmemory leaves when every outbox is full, of the Redis that has the least; nothing without maxmemory.");
    }

    public override async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            _latest = new(await SpareBytesAsync(_store.Redis.Multiplexer, _store.Shards.Sum(shard => shard.LongestOutbox)));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            _latest = null;
            _log.LogWarning("Redis was not asked how much memory it has: {Cause}", e.Message);
        }
    }

    /// <summary>Meters of one name in a process are told apart by this.</summary>
    internal bool Owns(Meter meter) => meter == Meter;

    /// <returns>Of the master that has the least; null where none has a limit.</returns>
    /// <param name="records">That all outboxes together may take; masters have equal shares of them.</param>
    /// <exception cref="RedisException">A node did not answer.</exception>
    /// <exception cref="TimeoutException">A node did not answer within 5 s.</exception>
    public static async Task<long?> SpareBytesAsync(IConnectionMultiplexer redis, long records)
    {
        IServer[] masters =
        [
            .. redis.GetEndPoints().Select(endPoint => redis.GetServer(endPoint))
                .Where(server => server.IsConnected && !server.IsReplica),
        ];
        if (masters.Length == 0) return null;
        long share = records * RecordBytes / masters.Length;
        long? least = null;
        foreach (IGrouping<string, KeyValuePair<string, string>>[] said in await Task.WhenAll(
            masters.Select(server => server.InfoAsync("memory").WaitAsync(Limit))))
        {
            Dictionary<string, string> memory = said.SelectMany(section => section).ToDictionary(StringComparer.Ordinal);
            long limit = long.Parse(memory["maxmemory"], CultureInfo.InvariantCulture);
            if (limit == 0) continue;
            long spare = limit - long.Parse(memory["used_memory"], CultureInfo.InvariantCulture) - share;
            if (least is null || spare < least) least = spare;
        }

        return least;
    }

    /// <summary>One answer, so that a reader sees the whole of it.</summary>
    private sealed record Spare(long? Bytes);
}
