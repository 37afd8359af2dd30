using System.Diagnostics;
using System.Globalization;

namespace Claims.LoadTests.Scenarios.Loads;

/// <summary>Closed loop in steps: connections with one caller each, who calls again once answered.</summary>
/// <param name="Steps">Connections; every step takes an equal part of the time.</param>
public sealed record Callers(params IReadOnlyList<int> Steps) : Load
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    /// <summary>The name of a step's phase.</summary>
    public static string PhaseOf(int connections) =>
        string.Create(CultureInfo.InvariantCulture, $"{connections} connection{(connections == 1 ? "" : "s")}");

    public override string Shape => $"single calls, one at a time over each of {string.Join(", ", Steps)} connections in turn";

    public override Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken) =>
        CallAsync(run, Steps[0], duration, cancellationToken);

    public override async Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        foreach (int connections in Steps)
        {
            run.Recorder.Begin(PhaseOf(connections), counts: true);
            await CallAsync(run, connections, duration / Steps.Count, cancellationToken);
        }
    }

    private static Task CallAsync(LoadRun run, int connections, TimeSpan duration, CancellationToken cancellationToken)
    {
        long deadline = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        return Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(CallOnAsync, cancellationToken)));

        async Task CallOnAsync()
        {
            V1.Adjudication.AdjudicationClient client = run.Connect();
            while (Stopwatch.GetTimestamp() < deadline)
                await run.Hospitals.CallAsync(client, run.Hospitals.Next(Stopwatch.GetTimestamp()), CallBound, cancellationToken);
        }
    }
}
