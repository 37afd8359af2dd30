using System.Collections.Concurrent;
using Claims.Adjudication.Store;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using StackExchange.Redis;

namespace Claims.Adjudication.Rebuilding;

/// <summary>Rebuilds of this instance's shards, one at a time for each; and insured who are put back as they are found to be
/// gone.</summary>
public sealed class Rebuilds : IHostedService
{
    private static readonly TimeSpan BooksLimit = TimeSpan.FromSeconds(30);

    // A visit waits for it.
    private static readonly TimeSpan BooksLimitOfAVisit = TimeSpan.FromSeconds(2);

    // Whoever could not be put back is not tried again with each visit.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    // A store that loses many is looked after by an operator; it must not take the ledger's time from the books.
    private const int MostAtATime = 4;

    private readonly SettlementStore _store;
    private readonly Ledger.LedgerClient _ledger;
    private readonly TimeProvider _time;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<Rebuilds> _log;
    private readonly ConcurrentDictionary<int, bool> _underWay = new();
    private readonly ConcurrentDictionary<string, Task<bool>> _restorations = new(StringComparer.Ordinal);
    private int _restoring;

    public Rebuilds(SettlementStore store, Ledger.LedgerClient ledger, TimeProvider time, IHostApplicationLifetime lifetime,
        ILogger<Rebuilds> log)
    {
        _store = store;
        _ledger = ledger;
        _time = time;
        _lifetime = lifetime;
        _log = log;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (ShardQueue shard in _store.Shards) shard.Restore = PutBackAsync;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Goes on where the caller goes away, until the service stops: a shard is not left closed because a terminal was.</summary>
    /// <param name="tell">Takes what is reported on the way.</param>
    /// <exception cref="RebuildException">Why not.</exception>
    /// <exception cref="RpcException">The ledger does not answer.</exception>
    /// <exception cref="RedisException">Redis does not answer.</exception>
    public async Task<RebuildReport> RebuildAsync(int shard, bool dryRun, Func<RebuildProgress, Task> tell)
    {
        if (!_underWay.TryAdd(shard, true)) throw new RebuildException($"shard {shard} is being rebuilt already");
        try
        {
            RebuildReport report = await new ShardRebuild(_store.Shards[shard], _store, _ledger, _time, tell)
                .RunAsync(dryRun, _lifetime.ApplicationStopping);
            if (report.Changed)
            {
                _log.LogWarning("Shard {Shard} was rebuilt from {Records} booked and {Unbooked} unbooked records: {Missing} insured were "
                    + "missing, {Differing} differed, {Unknown} were in no book, {Lost} ranges of numbers were lost", shard, report.Records,
                    report.UnbookedRecords, report.MissingInsured, report.DifferingInsured, report.UnknownInsured,
                    report.LostNumbers.Count);
            }

            return report;
        }
        finally
        {
            _underWay.TryRemove(shard, out _);
        }
    }

    /// <summary>What is stored of one insured, while the shard serves.</summary>
    /// <exception cref="RebuildException">Why not.</exception>
    /// <exception cref="RpcException">The ledger does not answer.</exception>
    /// <exception cref="RedisException">Redis does not answer.</exception>
    public Task<RebuildReport> RestoreAsync(string insuredId, bool dryRun, CancellationToken cancellation) =>
        RestoreAsync(insuredId, dryRun, BooksLimit, cancellation);

    /// <summary>Whether an insured who was gone is back. Asked for by many at once, it is done once.</summary>
    private async Task<bool> PutBackAsync(string insuredId)
    {
        if (_restorations.TryGetValue(insuredId, out Task<bool>? underWay)) return await underWay;
        TaskCompletionSource<bool> mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        underWay = _restorations.GetOrAdd(insuredId, mine.Task);
        if (underWay != mine.Task) return await underWay;
        bool isBack = await TryPutBackAsync(insuredId);
        if (isBack) _restorations.TryRemove(insuredId, out _);
        else _ = ForgetLaterAsync(insuredId);
        mine.SetResult(isBack);
        return isBack;
    }

    private async Task ForgetLaterAsync(string insuredId)
    {
        await Task.Delay(Pause, _time);
        _restorations.TryRemove(insuredId, out _);
    }

    private async Task<bool> TryPutBackAsync(string insuredId)
    {
        try
        {
            if (Interlocked.Increment(ref _restoring) > MostAtATime) return false;
            await RestoreAsync(insuredId, dryRun: false, BooksLimitOfAVisit, _lifetime.ApplicationStopping);
            return true;
        }
        catch (Exception e) when (e is RebuildException or RpcException or RedisException or TimeoutException or StoreUnavailableException
            or OperationCanceledException)
        {
            _log.LogError("What was stored of insured {Insured} is gone from Redis and was not put back: {Reason}", Mask.Insured(insuredId),
                e is RpcException ? "the ledger does not answer" : e.Message);
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _restoring);
        }
    }

    private async Task<RebuildReport> RestoreAsync(string insuredId, bool dryRun, TimeSpan limit, CancellationToken cancellation)
    {
        RebuildReport report = await new InsuredRestoration(_store.ShardOf(insuredId), _store, _ledger, _time)
            .RunAsync(insuredId, dryRun, limit, cancellation);
        if (report.Changed)
        {
            AdjudicationMetrics.InsuredRestored();
            _log.LogWarning("Insured {Insured} was gone from shard {Shard}, or not whole, and is restored from {Records} booked records",
                Mask.Insured(insuredId), report.Shard, report.Records);
        }

        return report;
    }
}
