using System.Diagnostics;
using System.Globalization;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios.Loads;

/// <summary>
/// Open loop: operations come when they are due, whether or not earlier ones have been answered, and each latency counts from the
/// moment at which the operation was due. Visits go over the streams in turn; cancellations are single calls.
/// </summary>
/// <param name="Corners">From 0 to 1 of the duration, and the rate at that moment; straight lines between them.</param>
public sealed record Arrivals(params IReadOnlyList<(double Share, double PerSecond)> Corners) : Load
{
    private const int StreamCount = 8;

    // As many as Adjudication reads of one stream: beyond it, what is due waits here, and its latency with it.
    private const int Window = 1_024;
    private const int CallsAtOnce = 256;
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Arrivals Constant(double perSecond) => new((0, perSecond), (1, perSecond));

    public override string Shape => Corners.All(corner => corner.PerSecond == Corners[0].PerSecond)
        ? string.Create(CultureInfo.InvariantCulture,
            $"{Corners[0].PerSecond:#,##0} arrivals a second over {StreamCount} streams, whatever has been answered")
        : string.Create(
            CultureInfo.InvariantCulture,
            $"arrivals over {StreamCount} streams, whatever has been answered: {string.Join(", ", Corners.Select(corner => string.Create(CultureInfo.InvariantCulture, $"{corner.PerSecond:#,##0}/s at {corner.Share:0%}")))}");

    /// <summary>The rate over a given time.</summary>
    public RateProfile Over(TimeSpan duration, double rateScale) =>
        new([.. Corners.Select(corner => (corner.Share * duration.TotalSeconds, corner.PerSecond * rateScale))]);

    public override Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken) =>
        SendAsync(run, RateProfile.Constant(Corners[0].PerSecond * run.Options.RateScale, duration), cancellationToken);

    public override Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        run.Recorder.Begin("arrivals", counts: true);
        return SendAsync(run, Over(duration, run.Options.RateScale), cancellationToken);
    }

    private static async Task SendAsync(LoadRun run, RateProfile rate, CancellationToken cancellationToken)
    {
        LoadStream[] streams = [.. Enumerable.Range(0, StreamCount).Select(_ => new LoadStream(run.Hospitals, run.Connect(), Window))];
        V1.Adjudication.AdjudicationClient single = run.Connect();
        using SemaphoreSlim calls = new(CallsAtOnce);
        try
        {
            await Pace.KeepAsync(rate, SendOneAsync, cancellationToken);
        }
        finally
        {
            for (int call = 0; call < CallsAtOnce; call++) await calls.WaitAsync(cancellationToken);
            await Task.WhenAll(streams.Select(stream => stream.DisposeAsync().AsTask()));
        }

        async Task SendOneAsync(long visit, long due)
        {
            Operation operation = run.Hospitals.Next(due);
            if (operation.Settle is { } settle)
            {
                LoadStream stream = streams[visit % StreamCount];
                await stream.WaitForRoomAsync(cancellationToken);
                await stream.SendAsync(settle, cancellationToken);
                return;
            }

            await calls.WaitAsync(cancellationToken);
            _ = CancelAsync(operation);
        }

        async Task CancelAsync(Operation operation)
        {
            try
            {
                await run.Hospitals.CallAsync(single, operation, CallBound, cancellationToken);
            }
            finally
            {
                calls.Release();
            }
        }
    }
}
