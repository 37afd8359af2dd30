using System.Diagnostics;
using System.Globalization;

namespace Claims.LoadTests.Measuring;

/// <summary>
/// What the machine itself adds while something is measured: the processor time that its host gave to others, and how much later than
/// asked for a thread wakes from a sleep of a millisecond. No answer can be steadier than that.
/// </summary>
public sealed class MachineNoise : IDisposable
{
    private const int StolenColumn = 7;
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(1);

    private readonly LatencyHistogram _late = new();
    private readonly (long Stolen, long Total) _before = ProcessorTicksNow();
    private readonly ManualResetEventSlim _ended = new();
    private readonly Thread _napping;

    private MachineNoise()
    {
        _napping = new Thread(NapUntilEnded) { IsBackground = true };
        _napping.Start();
    }

    public static MachineNoise Listen() => new();

    /// <returns>How late the thread woke, and the share of processor time that went to others in percent.</returns>
    public (LatencyHistogram Late, double StolenPercent) End()
    {
        _ended.Set();
        _napping.Join();
        return (_late, StolenPercent(_before, ProcessorTicksNow()));
    }

    public void Dispose()
    {
        _ended.Set();
        _napping.Join();
        _ended.Dispose();
    }

    /// <param name="line">The first line of /proc/stat: cpu, then ticks of user, nice, system, idle, iowait, irq, softirq, steal and
    /// guests, which user has too.</param>
    public static (long Stolen, long Total) ProcessorTicks(string line)
    {
        long[] ticks = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(StolenColumn + 1)
            .Select(column => long.Parse(column, CultureInfo.InvariantCulture))];
        return (ticks[StolenColumn], ticks.Sum());
    }

    public static double StolenPercent((long Stolen, long Total) before, (long Stolen, long Total) after) =>
        after.Total == before.Total ? 0 : 100.0 * (after.Stolen - before.Stolen) / (after.Total - before.Total);

    public static (long Stolen, long Total) ProcessorTicksNow() => ProcessorTicks(File.ReadLines("/proc/stat").First());

    private void NapUntilEnded()
    {
        while (!_ended.IsSet)
        {
            long asleep = Stopwatch.GetTimestamp();
            Thread.Sleep(Nap);
            TimeSpan late = Stopwatch.GetElapsedTime(asleep) - Nap;
            _late.Record(late > TimeSpan.Zero ? late : TimeSpan.Zero);
        }
    }
}
