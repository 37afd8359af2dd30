namespace Claims.Hosting;

/// <summary>Who is refused may try again at once: the log tells of it once a second, a counter of each.</summary>
internal sealed class QuietLog(TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private long _told = time.GetTimestamp() - (long)(Pause.TotalSeconds * time.TimestampFrequency);

    public bool MayTell()
    {
        long told = Volatile.Read(ref _told);
        long now = time.GetTimestamp();
        return time.GetElapsedTime(told, now) >= Pause && Interlocked.CompareExchange(ref _told, now, told) == told;
    }
}
