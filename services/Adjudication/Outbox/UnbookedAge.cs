namespace Claims.Adjudication.Outbox;

/// <summary>Since when a shard's oldest record waits for the ledger.</summary>
/// <remarks>Kept by message, of at most the relay's window of records. A message has the time of its first record, so what a part of it
/// waits for is told too old by a beat at most.</remarks>
internal sealed class UnbookedAge(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Queue<(long Last, long FirstUnixMs)> _messages = new();
    private long _newest;
    private long _waitingSinceUnixMs;

    /// <summary>Looks at whether records wait of which none has been handed over: Redis is away, or another relay publishes.</summary>
    public void Look(long committed, long givenOut)
    {
        lock (_gate)
        {
            Drop(committed);
            if (_messages.Count > 0 || givenOut <= committed) _waitingSinceUnixMs = 0;
            else if (_waitingSinceUnixMs == 0) _waitingSinceUnixMs = Now;
        }
    }

    /// <summary>Records up to this one were handed to Kafka; of those handed over again the first time counts.</summary>
    public void HandedOver(long last, long firstSettledAtUnixMs)
    {
        lock (_gate)
        {
            if (last <= _newest) return;
            _messages.Enqueue((last, firstSettledAtUnixMs));
            _newest = last;
        }
    }

    public TimeSpan Of(long committed, long givenOut)
    {
        lock (_gate)
        {
            Drop(committed);
            if (givenOut <= committed) return TimeSpan.Zero;
            long since = _messages.TryPeek(out (long Last, long FirstUnixMs) oldest) ? oldest.FirstUnixMs : _waitingSinceUnixMs;
            return since == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Max(0, Now - since));
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private void Drop(long committed)
    {
        while (_messages.TryPeek(out (long Last, long FirstUnixMs) oldest) && oldest.Last <= committed) _messages.Dequeue();
    }
}
