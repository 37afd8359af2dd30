using Claims.LoadTests.Posting;

namespace Claims.LoadTests.Tests;

public sealed class PostingBenchTests
{
    [Fact]
    public async Task Generated_log_is_booked_by_the_ledger_whole()
    {
        PostingRound round = await PostingBench.MeasureAsync(records: 3_200, warmUp: 320, _ => { }, CancellationToken.None);

        Assert.True(round.PerSecond > 0);
        Assert.Equal(["broker", "ledger", "postgres", "publisher"], round.CpuMicroseconds.Keys.Order(StringComparer.Ordinal));
    }
}
