using System.Collections;
using Claims.Cli.Operations;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Demo;

/// <summary>One hospital's system: a stream of visits, some on their way at a time, sent again where the stream broke.</summary>
/// <param name="answered">Takes each visit and its answer, in the order in which the answers come; the next answer is read once it is
/// done.</param>
public sealed class HospitalStream(
    V1.Adjudication.AdjudicationClient client, IReadOnlyList<SettleRequest> visits, Func<SettleRequest, SettleReply, Task> answered)
{
    private const int Window = 1024;
    private static readonly TimeSpan OutageBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly BitArray _answered = new(visits.Count);
    private readonly OutageClock _outage = new(TimeProvider.System, OutageBound);

    /// <exception cref="RpcException">The stream broke for good, or nothing has been answered for a minute.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await StreamUnansweredAsync(cancellationToken);
                return;
            }
            catch (RpcException e) when (OutageClock.IsPassing(e) && !cancellationToken.IsCancellationRequested)
            {
                _outage.Failed();
                if (_outage.IsGone)
                    throw;
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private async Task StreamUnansweredAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource stalled = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stalled.CancelAfter(StallBound);
        using SemaphoreSlim window = new(Window);
        // Replies for one insured keep their order, so the oldest of a key is the one that is answered.
        Dictionary<(string, string, string), Queue<int>> waiting = [];
        foreach (int index in Enumerable.Range(0, visits.Count).Where(index => !_answered[index]))
        {
            SettleRequest visit = visits[index];
            (string, string, string) key = (visit.FacilityCode, visit.InsuredId, visit.RequestId);
            if (!waiting.TryGetValue(key, out Queue<int>? queue))
                waiting[key] = queue = new Queue<int>();
            queue.Enqueue(index);
        }
        int[] unanswered = [.. waiting.Values.SelectMany(queue => queue).Order()];

        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> call = client.SettleStream(null, null, stalled.Token);
        Task writing = WriteAsync(call, unanswered, window, stalled);
        try
        {
            while (await call.ResponseStream.MoveNext(stalled.Token))
            {
                SettleReply reply = call.ResponseStream.Current;
                int index = waiting[(reply.FacilityCode, reply.InsuredId, reply.RequestId)].Dequeue();
                _answered[index] = true;
                _outage.Answered();
                await answered(visits[index], reply);
                window.Release();
                stalled.CancelAfter(StallBound);
            }
            await writing;
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled }
            && stalled.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            if (writing.IsFaulted)
                await writing;
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, $"no answer for {StallBound.TotalSeconds} s"));
        }
        if (!_answered.HasAllSet())
            throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended before every visit was answered"));
    }

    private async Task WriteAsync(
        AsyncDuplexStreamingCall<SettleRequest, SettleReply> call, int[] indexes, SemaphoreSlim window, CancellationTokenSource stalled)
    {
        try
        {
            foreach (int index in indexes)
            {
                await window.WaitAsync(stalled.Token);
                await call.RequestStream.WriteAsync(visits[index], stalled.Token);
            }
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // A call that has ended says why on its reading side.
        }
        catch
        {
            await stalled.CancelAsync();
            throw;
        }
    }
}
