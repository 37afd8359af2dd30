using System.Diagnostics.Metrics;
using System.Globalization;
using Claims.Adjudication.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Store;

/// <summary>What maxmemory leaves for outboxes that fill up. The fixture's two shards hold 1 000 records each at most.</summary>
public sealed class RedisMemoryTests
{
    private const long Outboxes = 2 * 1_000 * RedisMemory.RecordBytes;

    [Fact]
    public async Task Redis_without_maxmemory_has_nothing_to_show()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2, longestOutbox: 1_000);

        Assert.Null(await RedisMemory.SpareBytesAsync(fixture.Redis.Multiplexer, 2_000));
        Assert.Null(await ShownAsync(fixture));
    }

    [Theory]
    [InlineData(64, 1)]
    [InlineData(2, -1)]
    public async Task Redis_with_maxmemory_shows_what_full_outboxes_leave_of_it(long limitMebibytes, int sign)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2, longestOutbox: 1_000);
        long limit = limitMebibytes << 20;
        await fixture.Redis.ExecuteAsync("CONFIG", "SET", "maxmemory", limit.ToString(CultureInfo.InvariantCulture));

        long shown = (await ShownAsync(fixture))!.Value;

        Assert.Equal(sign, Math.Sign(shown));
        long used = limit - Outboxes - shown;
        Assert.InRange(used, 500_000, 4L << 20);
    }

    private static async Task<long?> ShownAsync(StoreFixture fixture)
    {
        using RedisMemory watch = new(fixture.Store, TimeProvider.System, NullLogger<RedisMemory>.Instance);
        await watch.RefreshAsync(CancellationToken.None);
        long? shown = null;
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (watch.Owns(instrument.Meter)) listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => shown = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return shown;
    }
}
