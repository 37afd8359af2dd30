using System.Globalization;

namespace Grpc.Protocol;

/// <summary>The <c>grpc-timeout</c> header: at most eight digits and a unit (H, M, S, m, u, n).</summary>
internal static class GrpcTimeout
{
    private const long LargestValue = 99_999_999;

    /// <summary>False for what is not a timeout. Spans beyond <see cref="TimeSpan.MaxValue"/> come out as that.</summary>
    public static bool TryParse(string header, out TimeSpan timeout)
    {
        timeout = default;
        if (header.Length is < 2 or > 9 ||
            !long.TryParse(header.AsSpan(0, header.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            return false;
        // A nanosecond is finer than a tick: rounded up, so that a deadline never falls before the one that was asked for.
        (long ticks, bool known) = header[^1] switch
        {
            'H' => (TimeSpan.TicksPerHour, true),
            'M' => (TimeSpan.TicksPerMinute, true),
            'S' => (TimeSpan.TicksPerSecond, true),
            'm' => (TimeSpan.TicksPerMillisecond, true),
            'u' => (TimeSpan.TicksPerMicrosecond, true),
            'n' => (0, true),
            _ => (0, false),
        };
        if (!known)
            return false;
        timeout = ticks == 0 ? TimeSpan.FromTicks((value + 99) / 100)
            : value > TimeSpan.MaxValue.Ticks / ticks ? TimeSpan.MaxValue
            : TimeSpan.FromTicks(value * ticks);
        return true;
    }

    /// <summary>The finest unit that fits in eight digits, rounded up; nothing below one microsecond.</summary>
    public static string Format(TimeSpan timeout)
    {
        long ticks = Math.Max(timeout.Ticks, TimeSpan.TicksPerMicrosecond);
        ReadOnlySpan<(long Ticks, char Unit)> units =
        [
            (TimeSpan.TicksPerMicrosecond, 'u'), (TimeSpan.TicksPerMillisecond, 'm'), (TimeSpan.TicksPerSecond, 'S'),
            (TimeSpan.TicksPerMinute, 'M'), (TimeSpan.TicksPerHour, 'H'),
        ];
        foreach ((long unitTicks, char unit) in units)
        {
            long value = (ticks / unitTicks) + (ticks % unitTicks == 0 ? 0 : 1);
            if (value <= LargestValue)
                return string.Create(CultureInfo.InvariantCulture, $"{value}{unit}");
        }
        return $"{LargestValue}H";
    }
}
