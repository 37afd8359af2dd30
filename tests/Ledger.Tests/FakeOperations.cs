using Claims.V1;
using Grpc.Core;

namespace Ledger.Tests;

/// <summary>Adjudication as its operators see it: two shards, and what each has stored.</summary>
internal sealed class FakeOperations(Func<int, IEnumerable<ShardAccumulators>> stored) : AdjudicationOperations.AdjudicationOperationsClient
{
    public const int Shards = 2;

    public override AsyncUnaryCall<Outbox> GetOutboxAsync(
        GetOutboxRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default)
    {
        Outbox outbox = new() { Shards = { Enumerable.Range(0, Shards).Select(shard => new OutboxShard { Shard = shard, Ready = true }) } };
        return new AsyncUnaryCall<Outbox>(
            Task.FromResult(outbox), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    public override AsyncServerStreamingCall<ShardAccumulators> ListAccumulators(
        ListAccumulatorsRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken =
            default) =>
        new(new Told(() => stored(request.Shard)), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

    private sealed class Told(Func<IEnumerable<ShardAccumulators>> stored) : IAsyncStreamReader<ShardAccumulators>
    {
        private IEnumerator<ShardAccumulators>? _rows;

        public ShardAccumulators Current => _rows!.Current;

        public Task<bool> MoveNext(CancellationToken cancellationToken) => Task.FromResult((_rows ??= stored().GetEnumerator()).MoveNext());
    }
}
