using System.Runtime.CompilerServices;
using Claims.Ledger.Store;
using Claims.V1;

namespace Claims.Ledger.Posting;

/// <summary>
/// The committed watermark of every shard, for those who watch: what may be trimmed, and where to publish again from.
/// </summary>
internal sealed class Watermarks(TimeProvider clock)
{
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(10);

    // A gap is announced again for as long as it lasts: what was published again may be lost again.
    private static readonly TimeSpan Reminder = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<StoreRow> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Shard[] _shards = [];
    private long _version;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes once the store is known.</summary>
    public Task<StoreRow> Opened => _opened.Task;

    /// <summary>Shards that no longer post, with the reason.</summary>
    public IReadOnlyList<(int Shard, string Reason)> Stopped
    {
        get
        {
            lock (_gate) return [.. _shards.Index().Where(entry => entry.Item.Stopped.Length > 0).Select(entry => (entry.Index, entry.Item.Stopped))];
        }
    }

    /// <summary>The first call counts: afterwards only posting moves the watermarks.</summary>
    public void Open(StoreRow store)
    {
        lock (_gate)
        {
            if (_shards.Length > 0) return;
            _shards = [.. store.Watermarks.Select(sequence => new Shard { Sequence = sequence })];
            _opened.SetResult(store);
        }
    }

    public bool IsStopped(int shard)
    {
        lock (_gate) return _shards[shard].Stopped.Length > 0;
    }

    public long Sequence(int shard)
    {
        lock (_gate) return _shards[shard].Sequence;
    }

    /// <summary>The books now have everything up to these sequences; a shard whose watermark stays as it was is not announced.</summary>
    public void Advance(IEnumerable<(int Shard, long Sequence)> committed) => Change(() =>
    {
        foreach ((int index, long sequence) in committed)
        {
            Shard shard = _shards[index];
            if (sequence == shard.Sequence) continue;
            shard.Sequence = sequence;
            shard.InGap = false;
            shard.ChangedAt = _version;
        }
    });

    /// <summary>Records after the watermark are missing: publish again.</summary>
    public void AnnounceGaps(IEnumerable<int> shards) => Change(() =>
    {
        foreach (int index in shards)
        {
            Shard shard = _shards[index];
            shard.InGap = true;
            shard.ChangedAt = shard.GapAt = _version;
        }
    });

    /// <summary>
    /// The feed starts from the broker's end, so whatever was published before is not going to arrive: watchers that
    /// are connected already publish again.
    /// </summary>
    public void AnnounceRestart() => Change(() =>
    {
        foreach (Shard shard in _shards) shard.ChangedAt = shard.GapAt = _version;
    });

    public void Stop(int shard, string reason) => Change(() =>
    {
        _shards[shard].Stopped = reason;
        _shards[shard].ChangedAt = _version;
    });

    /// <summary>Every shard at once, then those that changed.</summary>
    public async IAsyncEnumerable<V1.Watermarks> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long seen = -1;
        while (true)
        {
            (V1.Watermarks news, long version, Task changed) = Since(seen);
            if (news.Shards.Count > 0) yield return news;
            seen = version;

            while (!await ChangedWithin(changed, Reminder, cancellationToken))
            {
                V1.Watermarks gaps = StandingGaps();
                if (gaps.Shards.Count > 0) yield return gaps;
            }

            await Task.Delay(Coalesce, clock, cancellationToken);
        }
    }

    private (V1.Watermarks News, long Version, Task Changed) Since(long seen)
    {
        lock (_gate)
        {
            V1.Watermarks news = new();
            foreach ((int index, Shard shard) in _shards.Index())
            {
                if (shard.ChangedAt <= seen) continue;
                bool gap = seen < 0 ? shard.InGap : shard.GapAt > seen;
                news.Shards.Add(shard.Announce(index, gap));
            }

            return (news, _version, _changed.Task);
        }
    }

    private V1.Watermarks StandingGaps()
    {
        lock (_gate)
        {
            V1.Watermarks gaps = new();
            foreach ((int index, Shard shard) in _shards.Index())
            {
                if (shard.InGap) gaps.Shards.Add(shard.Announce(index, gap: true));
            }

            return gaps;
        }
    }

    private async Task<bool> ChangedWithin(Task changed, TimeSpan time, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(time, clock, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Change(Action change)
    {
        lock (_gate)
        {
            _version++;
            change();
            TaskCompletionSource changed = _changed;
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            changed.SetResult();
        }
    }

    private sealed class Shard
    {
        public long Sequence { get; set; }

        public string Stopped { get; set; } = "";

        /// <summary>A record beyond the watermark arrived and none was booked since.</summary>
        public bool InGap { get; set; }

        /// <summary>Version of the last change of any kind, and of the last gap.</summary>
        public long ChangedAt { get; set; }

        public long GapAt { get; set; }

        public ShardWatermark Announce(int index, bool gap) => new() { Shard = index, Sequence = Sequence, Gap = gap, Stopped = Stopped };
    }
}
