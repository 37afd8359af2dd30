using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

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
        CallInvoker[] hospitals = [.. Enumerable.Range(0, connections).Select(_ => services.Connect(layout.AdjudicationAddress))];
        return await MeasureAsync(hospitals, (_, _) => workload.Next(), visits, callers, cancellationToken);
    }

    /// <param name="hospitals">A connection each.</param>
    /// <param name="visit">By the hospital's number, from 0 on, and the visit's.</param>
    /// <param name="callers">Over all hospitals.</param>
    /// <returns>Settlements per second.</returns>
    public static async Task<double> MeasureAsync(
        CallInvoker[] hospitals, Func<int, int, SettleRequest> visit, int visits, int callers, CancellationToken cancellationToken)
    {
        int connections = hospitals.Length;
        V1.Adjudication.AdjudicationClient[] clients =
            [.. hospitals.Select(hospital => new V1.Adjudication.AdjudicationClient(hospital))];
        int each = (visits + connections - 1) / connections;
        SettleRequest[][] requests =
            [.. Enumerable.Range(0, connections).Select(hospital =>
                (SettleRequest[])[.. Enumerable.Range(0, each).Select(number => visit(hospital, number))])];
        int[] next = new int[connections];
        long begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => CallAsync(caller % connections)));
        return requests.Sum(of => of.Length) / Stopwatch.GetElapsedTime(begun).TotalSeconds;

        async Task CallAsync(int hospital)
        {
            SettleRequest[] own = requests[hospital];
            int index;
            while ((index = Interlocked.Increment(ref next[hospital])) <= own.Length)
            {
                SettleReply reply = await clients[hospital].SettleAsync(own[index - 1], cancellationToken: cancellationToken);
                if (reply.Decision is not Decision.Settled || reply.Replayed)
                    throw new CommandException($"A visit was answered {reply.Decision} {reply.ReasonCode}: the measurement counts for "
                        + $"nothing.", ExitCodes.Failed);
            }
        }
    }
}
