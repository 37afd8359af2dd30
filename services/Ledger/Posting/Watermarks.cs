using System.Runtime.CompilerServices;
using Claims.V1;

namespace Claims.Ledger.Posting;

/// <summary>
/// The committed watermark of every shard, whichever instance posts it, for those who watch: what may be trimmed, and where
/// to publish again from.
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
            lock (_gate)
                return [.. _shards.Index().Where(entry => entry.Item.Stopped.Length > 0)
                .Select(entry => (entry.Index, entry.Item.Stopped))];
        }
    }

    /// <summary>Rises with every change.</summary>
    public long Version
    {
        get
        {
            lock (_gate) return _version;
        }
    }

    /// <summary>The first call counts: afterwards posting and <see cref="Refresh"/> move the watermarks.</summary>
    public void Open(StoreRow store)
    {
        lock (_gate)
        {
            if (_shards.Length > 0) return;
            _shards = [.. store.Watermarks.Zip(store.Stopped, (sequence, stopped) => new Shard { Sequence = sequence, Stopped = stopped })];
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

    /// <summary>The books now have everything up to these sequences.</summary>
    public void Advance(IEnumerable<(int Shard, long Sequence)> committed) => Change(() =>
    {
        foreach ((int index, long sequence) in committed) Move(_shards[index], sequence);
    });

    /// <summary>What the database has, other instances' work included; a shard that is as it was is not announced.</summary>
    /// <param name="since">The <see cref="Version"/> before the database was read: what was written here since is newer.</param>
    /// <returns>Shards that had stopped and go on.</returns>
    public IReadOnlyList<int> Refresh(StoreRow row, long since)
    {
        List<int> resumed = [];
        lock (_gate)
        {
            if (!_shards.Index().Any(entry => IsNews(entry.Item, entry.Index))) return [];
            Change(() =>
            {
                foreach ((int index, Shard shard) in _shards.Index().Where(entry => IsNews(entry.Item, entry.Index)))
                {
                    if (shard.Sequence != row.Watermarks[index]) Move(shard, row.Watermarks[index]);
                    if (shard.Stopped == row.Stopped[index]) continue;
                    if (row.Stopped[index].Length == 0) resumed.Add(index);
                    Halt(shard, row.Stopped[index]);
                }
            });
        }

        return resumed;

        bool IsNews(Shard shard, int index) =>
            shard.WrittenAt <= since && (shard.Sequence != row.Watermarks[index] || shard.Stopped != row.Stopped[index]);
    }

    /// <summary>Records after the watermark are missing: publish again.</summary>
    /// <returns>The shards of which this was not known.</returns>
    public IReadOnlyList<int> AnnounceGaps(IEnumerable<int> shards)
    {
        lock (_gate)
        {
            int[] fresh = [.. shards.Where(index => !_shards[index].InGap)];
            foreach (int index in fresh) _shards[index].InGap = true;
            if (fresh.Length > 0) AskAgain(fresh);
            return fresh;
        }
    }

    /// <summary>What was published of these shards is not going to arrive: watchers publish again from the watermarks.</summary>
    public void AskAgain(IEnumerable<int> shards) => Change(() =>
    {
        foreach (int index in shards)
        {
            Shard shard = _shards[index];
            shard.Announcement++;
            shard.ChangedAt = shard.GapAt = _version;
        }
    });

    public void Stop(int shard, string reason) => Change(() => Halt(_shards[shard], reason));

    /// <summary>Every shard at once, then those that changed.</summary>
    public async IAsyncEnumerable<V1.Watermarks> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long seen = -1;
        long reminded = clock.GetTimestamp();
        while (true)
        {
            bool reminds = clock.GetElapsedTime(reminded) >= Reminder;
            if (reminds) reminded = clock.GetTimestamp();
            (V1.Watermarks news, long version, Task changed) = Since(seen, reminds);
            if (news.Shards.Count > 0) yield return news;
            seen = version;

            await ChangedWithin(changed, Reminder, cancellationToken);
            await Task.Delay(Coalesce, clock, cancellationToken);
        }
    }

    private void Move(Shard shard, long sequence)
    {
        shard.Sequence = sequence;
        shard.InGap = false;
        shard.ChangedAt = shard.WrittenAt = _version;
    }

    private void Halt(Shard shard, string reason)
    {
        shard.Stopped = reason;
        shard.ChangedAt = shard.WrittenAt = _version;
    }

    private (V1.Watermarks News, long Version, Task Changed) Since(long seen, bool reminds)
    {
        lock (_gate)
        {
            V1.Watermarks news = new();
            foreach ((int index, Shard shard) in _shards.Index())
            {
                bool stands = shard.InGap && (reminds || seen < 0);
                if (shard.ChangedAt > seen || stands) news.Shards.Add(shard.Announce(index, stands || (seen >= 0 && shard.GapAt > seen)));
            }

            return (news, _version, _changed.Task);
        }
    }

    private async Task ChangedWithin(Task changed, TimeSpan time, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(time, clock, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Whoever watches is reminded.
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

        /// <summary>Requests to publish again, so far.</summary>
        public long Announcement { get; set; }

        /// <summary>Version of the last change of any kind, of the last request to publish again, and of what the database has.</summary>
        public long ChangedAt { get; set; }

        public long GapAt { get; set; }

        public long WrittenAt { get; set; }

        public ShardWatermark Announce(int index, bool gap) =>
            new() { Shard = index, Sequence = Sequence, Gap = gap, Stopped = Stopped, Announcement = gap ? Announcement : 0 };
    }
}
