using System.Collections.Concurrent;
using Claims.V1;
using Grpc.Core;

namespace Adjudication.Tests.Refusals;

/// <summary>A ledger that keeps refusals, or is away.</summary>
internal sealed class FakeRefusalLog : RefusalLog.RefusalLogClient
{
    public ConcurrentQueue<RefusedRequest[]> Batches { get; } = new();

    public IEnumerable<RefusedRequest> Kept => Batches.SelectMany(batch => batch);

    public int Calls;

    public bool Away { get; set; }

    public override AsyncUnaryCall<KeepRefusalsReply> KeepAsync(KeepRefusalsRequest request, Metadata? headers = null,
        DateTime? deadline = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref Calls);
        if (!Away) Batches.Enqueue([.. request.Refusals.Select(refused => refused.Clone())]);
        Task<KeepRefusalsReply> reply = Away
            ? Task.FromException<KeepRefusalsReply>(new RpcException(new Status(StatusCode.Unavailable, "away")))
            : Task.FromResult(new KeepRefusalsReply());
        return new AsyncUnaryCall<KeepRefusalsReply>(
            reply, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }
}
