using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.V1;

namespace Claims.LoadTests.Hospitals;

/// <summary>Single calls, each caller with one at a time.</summary>
public static class UnaryBench
{
    /// <param name="connections">HTTP/2 connections.</param>
    /// <param name="callers">Over all connections.</param>
    /// <returns>Settlements per second.</returns>
    public static async Task<double> MeasureAsync(
        SystemLayout layout, Workload workload, int visits, int connections, int callers, CancellationToken cancellationToken)
    {
        using Services services = new(layout);
        V1.Adjudication.AdjudicationClient[] clients =
            [.. Enumerable.Range(0, connections)
                .Select(_ => new V1.Adjudication.AdjudicationClient(services.Connect(layout.AdjudicationAddress)))];
        SettleRequest[] requests = [.. Enumerable.Range(0, visits).Select(_ => workload.Next())];
        int next = -1;
        long begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => CallAsync(clients[caller % connections])));
        return visits / Stopwatch.GetElapsedTime(begun).TotalSeconds;

        async Task CallAsync(V1.Adjudication.AdjudicationClient client)
        {
            for (int index = Interlocked.Increment(ref next); index < visits; index = Interlocked.Increment(ref next))
            {
                SettleReply reply = await client.SettleAsync(requests[index], cancellationToken: cancellationToken);
                if (reply.Decision is not Decision.Settled || reply.Replayed)
                    throw new CommandException($"A visit was answered {reply.Decision} {reply.ReasonCode}: the measurement counts for "
                        + $"nothing.", ExitCodes.Failed);
            }
        }
    }
}
