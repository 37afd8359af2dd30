using System.Diagnostics;
using Claims.LoadTests.Measuring;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// Visits that arrive when they arrive, whether or not earlier ones have been answered: each latency counts from the moment at which
/// the visit was due, so that a system that falls behind cannot hide it by being asked less.
/// </summary>
public sealed class OpenLoop(IReadOnlyList<CallInvoker> hospitals)
{
    private static readonly TimeSpan LastAnswerBound = TimeSpan.FromSeconds(30);

    /// <summary>Sends the visits at an even rate, each over the next hospital's stream in turn.</summary>
    /// <param name="visits">With request ids of their own: an answer is known by its id.</param>
    /// <param name="latencies">Takes one latency per answer.</param>
    /// <returns>The answers, in no order.</returns>
    /// <exception cref="RpcException">A stream broke.</exception>
    /// <exception cref="TimeoutException">The last answers were not there 30 s after the last visit was due.</exception>
    public async Task<IReadOnlyCollection<SettleReply>> SendAsync(
        IReadOnlyList<SettleRequest> visits, double perSecond, LatencyHistogram latencies, CancellationToken cancellationToken)
    {
        Dictionary<string, int> order = visits.Index().ToDictionary(visit => visit.Item.RequestId, visit => visit.Index);
        SettleReply[] replies = new SettleReply[visits.Count];
        long[] dueTicks = new long[visits.Count];
        int answered = 0;
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        AsyncDuplexStreamingCall<SettleRequest, SettleReply>[] calls =
            [.. hospitals.Select(hospital => new V1.Adjudication.AdjudicationClient(hospital).SettleStream(cancellationToken: cancellationToken))];
        RateProfile rate = RateProfile.Constant(perSecond, TimeSpan.FromSeconds(visits.Count / perSecond));
        try
        {
            Task reading = Task.WhenAll(calls.Select(ReadAsync));
            await Pace.KeepAsync(rate, SendOneAsync, cancellationToken);
            await Task.WhenAny(reading, all.Task.WaitAsync(LastAnswerBound, cancellationToken)).Unwrap();
            await Task.WhenAll(calls.Select(call => call.RequestStream.CompleteAsync()));
            await reading;
            return replies;
        }
        finally
        {
            foreach (AsyncDuplexStreamingCall<SettleRequest, SettleReply> call in calls) call.Dispose();
        }

        Task SendOneAsync(long index, long due)
        {
            // By rounding, a profile may have one visit more than the list.
            if (index >= visits.Count) return Task.CompletedTask;
            dueTicks[index] = due;
            return calls[index % calls.Length].RequestStream.WriteAsync(visits[(int)index], cancellationToken);
        }

        async Task ReadAsync(AsyncDuplexStreamingCall<SettleRequest, SettleReply> call)
        {
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                long now = Stopwatch.GetTimestamp();
                SettleReply reply = call.ResponseStream.Current;
                int index = order[reply.RequestId];
                latencies.Record(Stopwatch.GetElapsedTime(dueTicks[index], now));
                replies[index] = reply;
                if (Interlocked.Increment(ref answered) == visits.Count) all.SetResult();
            }
        }
    }
}
