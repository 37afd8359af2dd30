using System.Collections.Immutable;
using Claims.Kafka;
using Claims.V1;
using Grpc.Core;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// Opens each shard once Redis and the ledger agree about it, and again after it had to close. A shard key is created only
/// while the ledger has never had a confirmed store; afterwards a Redis without it has lost data, and pays nothing. What Redis must be is
/// asked for as long as a shard is open: every second, of every node.
/// </summary>
public sealed class StoreOpener(SettlementStore store, Ledger.LedgerClient ledger,
    StoreOpener.PublishedCall published, TimeProvider time, ILogger<StoreOpener> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LedgerLimit = TimeSpan.FromSeconds(5);
    private static readonly Script Open = Script.FromResource("open.lua");
    private const string Restore = "; claims rebuild restores it from the books (docs/operations.md#redis-has-lost-data)";

    /// <summary>Of an epoch's shards, the last number that Kafka has.</summary>
    /// <exception cref="KafkaReadException">Kafka does not answer.</exception>
    public delegate IReadOnlyDictionary<int, long> PublishedCall(string epoch, IReadOnlyCollection<int> shards);

    // Told once, however often it is tried.
    private string _notAsked = "";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await CloseWithoutTrustAsync();
            ImmutableArray<ShardQueue> closed = [.. store.Shards.Where(shard => shard.Status.Epoch is null)];
            if (closed.Length > 0)
            {
                try
                {
                    await OpenAsync(closed, stoppingToken);
                }
                catch (Exception e) when (e is RpcException or RedisException or TimeoutException)
                {
                    Wait(closed, e is RpcException ? "the ledger does not answer" : "Redis does not answer", e);
                }
            }

            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task CloseWithoutTrustAsync()
    {
        ImmutableArray<ShardQueue> open = [.. store.Shards.Where(shard => shard.Status.Epoch is not null)];
        if (open.Length == 0) return;
        try
        {
            string? fault = await RedisTrust.FindFaultAsync(store.Redis.Multiplexer, store.Replicas);
            _notAsked = "";
            if (fault is not null)
                foreach (ShardQueue shard in open) Refuse(shard, fault);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // A node that does not answer this answers no visit either, and is asked again in a second.
            if (_notAsked != e.Message) log.LogWarning("Redis was not asked whether it can be trusted: {Cause}", e.Message);
            _notAsked = e.Message;
        }
    }

    private async Task OpenAsync(ImmutableArray<ShardQueue> closed, CancellationToken cancellation)
    {
        V1.Store known = await LedgerStore.AskAsync(ledger, store.Shards.Count, cancellation);
        if (known.Shards != store.Shards.Count)
        {
            foreach (ShardQueue shard in closed)
                shard.Close($"The ledger's store has {known.Shards} shards, this service is set to {store.Shards.Count}.");
            return;
        }

        if (await RedisTrust.FindFaultAsync(store.Redis.Multiplexer, store.Replicas) is { } fault)
        {
            foreach (ShardQueue shard in closed) Refuse(shard, fault);
            return;
        }

        Dictionary<ShardQueue, ShardStatus> seen = closed.ToDictionary(shard => shard, shard => shard.Status);
        Dictionary<int, long> watermarks = known.Watermarks.ToDictionary(mark => mark.Shard, mark => mark.Sequence);
        List<(ShardQueue Shard, string Stamp, long Sequence)> good = [];
        List<(ShardQueue Shard, Exception Cause)> silent = [];
        foreach ((ShardQueue shard, RedisValue[] found, Exception? cause) in await Task.WhenAll(
            closed.Select(shard => FindAsync(shard, known))))
        {
            if (cause is not null)
            {
                silent.Add((shard, cause));
                continue;
            }

            long watermark = watermarks.GetValueOrDefault(shard.Shard);
            if (found.Length == 0) Refuse(shard, $"its key is missing from Redis{Restore}");
            else if ((string)found[4]! == "1")
                Refuse(shard, $"it is being rebuilt; where that was interrupted, claims rebuild --shard {shard.Shard} ends it");
            else if (StoreStamp.EpochOf((string)found[0]!) != known.Epoch) Refuse(shard, "Redis holds the store of another ledger");
            else if ((long)found[1] < Math.Max(Math.Max(watermark, shard.LowestSequence), (long)found[5]))
                Refuse(shard, $"Redis is behind what was acknowledged{Restore}");
            else if ((long)found[2] != (long)found[3])
            {
                Refuse(shard, $"Redis counts {(long)found[2]} insured in it and knows {(long)found[3]}{Restore}");
            }
            else good.Add((shard, (string)found[0]!, Math.Max(watermark, (long)found[1])));
        }

        await DropThoseBehindKafkaAsync(known.Epoch, good);
        if (silent.Count > 0) Wait([.. silent.Select(shard => shard.Shard)], "Redis does not answer", silent[0].Cause);

        // Only a store whose every shard exists is confirmed: from then on a missing key means lost data.
        if (!known.Initialised && good.Count == store.Shards.Count)
        {
            await ledger.ConfirmStoreAsync(
                new ConfirmStoreRequest { Epoch = known.Epoch }, deadline: DateTime.UtcNow + LedgerLimit, cancellationToken: cancellation);
        }
        else if (!known.Initialised)
        {
            return;
        }

        int opened = 0;
        foreach ((ShardQueue shard, string stamp, long sequence) in good)
        {
            store.Terms.Forget(shard.Shard);
            if (shard.Open(stamp, sequence, seen[shard])) opened++;
        }

        if (opened > 0) log.LogInformation("Opened {Shards} shards of store {Epoch}", opened, known.Epoch);
    }

    /// <summary>What has been published had been acknowledged. While Kafka does not answer, shards open all the same: visits do not wait
    /// for it, and a number that is given out twice is noticed by the ledger.</summary>
    private async Task DropThoseBehindKafkaAsync(string epoch, List<(ShardQueue Shard, string Stamp, long Sequence)> good)
    {
        if (good.Count == 0) return;
        try
        {
            IReadOnlyDictionary<int, long> tail = await Task.Run(() => published(epoch, [.. good.Select(one => one.Shard.Shard)]));
            foreach ((ShardQueue shard, _, long sequence) in good.ToArray())
            {
                if (tail.GetValueOrDefault(shard.Shard) is not (> 0 and long last) || last <= sequence) continue;
                shard.RaiseLowestSequence(last);
                Refuse(shard, $"Redis is behind what was acknowledged{Restore}");
                good.RemoveAll(one => one.Shard == shard);
            }
        }
        catch (KafkaReadException e)
        {
            log.LogWarning("Kafka was not asked how far it has the records of {Shards} shards that open: {Cause}", good.Count, e.Message);
        }
    }

    /// <summary>One shard's key; the nodes of a cluster are asked at the same time, and one that is away keeps none of the
    /// others.</summary>
    private static async Task<(ShardQueue Shard, RedisValue[] Found, Exception? Cause)> FindAsync(ShardQueue shard, V1.Store known)
    {
        try
        {
            return (shard, (RedisValue[])(
                await shard.Scripts.CallAsync(
                    Open, [shard.Keys.Shard, shard.Keys.Known], [known.Epoch, known.Initialised ? "0" : "1"]))!, null);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return (shard, [], e);
        }
    }

    /// <summary>Told once per cause, however often it is tried.</summary>
    private void Wait(ImmutableArray<ShardQueue> closed, string cause, Exception exception)
    {
        string sentence = $"The store cannot be opened: {cause}.";
        if (closed.Any(shard => shard.Status.Reason != sentence))
            log.LogWarning(exception, "{Shards} shards cannot be opened yet: {Cause}", closed.Length, cause);
        foreach (ShardQueue shard in closed) shard.Close(sentence);
    }

    private void Refuse(ShardQueue shard, string reason)
    {
        string sentence = $"Shard {shard.Shard} stays closed: {reason}.";
        if (shard.Status.Reason != sentence) log.LogError("{Reason}", sentence);
        shard.Close(sentence);
    }
}
