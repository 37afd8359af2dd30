using System.Diagnostics;
using Claims.LoadTests.Measuring;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// Visits that arrive when they arrive, whether or not earlier ones have been answered: each latency counts from the moment at which
/// the visit was due, so that a system that falls behind cannot hide it by being asked less. Requests are encoded before and answers
/// decoded after: the load generator takes as little of the machine as it can.
/// </summary>
public sealed class OpenLoop(IReadOnlyList<CallInvoker> hospitals)
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create((byte[] message) => message, message => message);

    /// <summary>The contract's stream without its messages.</summary>
    private static readonly Method<byte[], byte[]> SettleStream =
        new(MethodType.DuplexStreaming, V1.Adjudication.Descriptor.FullName, nameof(SettleStream), Bytes, Bytes);

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
        byte[][] requests = [.. visits.Select(RawStream.Encode)];
        byte[][] answers = new byte[visits.Count][];
        long[] dueTicks = new long[visits.Count];
        int answered = 0;
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        AsyncDuplexStreamingCall<byte[], byte[]>[] calls =
            [.. hospitals.Select(hospital => hospital.AsyncDuplexStreamingCall(
                SettleStream, null, new CallOptions(cancellationToken: cancellationToken)))];
        RateProfile rate = RateProfile.Constant(perSecond, TimeSpan.FromSeconds(visits.Count / perSecond));
        try
        {
            Task reading = Task.WhenAll(calls.Select(ReadAsync));
            await Pace.KeepAsync(rate, SendOneAsync, cancellationToken);
            await Task.WhenAny(reading, all.Task.WaitAsync(LastAnswerBound, cancellationToken)).Unwrap();
            await Task.WhenAll(calls.Select(call => call.RequestStream.CompleteAsync()));
            await reading;
            return [.. RawStream.Decode(answers)];
        }
        finally
        {
            foreach (AsyncDuplexStreamingCall<byte[], byte[]> call in calls) call.Dispose();
        }

        Task SendOneAsync(long index, long due)
        {
            // By rounding, a profile may have one visit more than the list.
            if (index >= visits.Count) return Task.CompletedTask;
            dueTicks[index] = due;
            return calls[index % calls.Length].RequestStream.WriteAsync(requests[index], cancellationToken);
        }

        async Task ReadAsync(AsyncDuplexStreamingCall<byte[], byte[]> call)
        {
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                long now = Stopwatch.GetTimestamp();
                byte[] answer = call.ResponseStream.Current;
                int index = order[RawStream.RequestIdOf(answer)];
                latencies.Record(Stopwatch.GetElapsedTime(dueTicks[index], now));
                answers[index] = answer;
                if (Interlocked.Increment(ref answered) == visits.Count) all.SetResult();
            }
        }
    }
}
