using System.Diagnostics;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Tests;

public sealed class MachineNoiseTests
{
    [Fact]
    public void StolenPercent_is_the_share_of_the_ticks_between_two_readings()
    {
        (long Stolen, long Total) before = MachineNoise.ProcessorTicks("cpu  100 5 50 800 10 0 5 30 7 0");
        (long Stolen, long Total) after = MachineNoise.ProcessorTicks("cpu  160 5 60 800 10 0 5 60 9 0");

        Assert.Equal((30, 1_000), before);
        Assert.Equal(30, MachineNoise.StolenPercent(before, after));
        Assert.Equal(0, MachineNoise.StolenPercent(after, after));
    }

    [Fact]
    public async Task Listen_hears_how_late_a_thread_wakes_until_it_ends()
    {
        long begun = Stopwatch.GetTimestamp();
        using MachineNoise noise = MachineNoise.Listen();
        await Task.Delay(TimeSpan.FromMilliseconds(200));

        (LatencyHistogram late, double stolen) = noise.End();

        long heard = late.Count;
        Assert.InRange(heard, 1, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        Assert.InRange(stolen, 0, 100);
        await Task.Delay(TimeSpan.FromMilliseconds(20));
        Assert.Equal(heard, late.Count);
    }
}
