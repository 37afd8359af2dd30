using System.Collections.Concurrent;
using Adjudication.Tests.Outbox;
using Adjudication.Tests.Store;
using Claims.Adjudication.Store;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Adjudication.Tests.Rebuilding;

/// <summary>A ledger that has booked what a test says of a store's outbox, as the relay reads it.</summary>
internal sealed class FakeBooks(StoreFixture fixture) : Ledger.LedgerClient
{
    private readonly ConcurrentDictionary<int, List<StoredRecords.Types.Record>> _records = [];
    private readonly HashSet<ByteString> _terms = [];

    public bool Initialised { get; set; } = true;

    public int ClosedThrough { get; set; }

    public string Stopped { get; set; } = "";

    /// <summary>Done once, when records are next listed.</summary>
    public Action? WhenListed { get; set; }

    /// <summary>After how many messages the next lists of records break off; later ones do not.</summary>
    public Queue<int> Breaks { get; } = new();

    public long Position(int shard) => _records.GetValueOrDefault(shard)?.Max(record => (long?)record.Sequence) ?? 0;

    /// <summary>Books everything up to a number, in the words in which the relay would have published it.</summary>
    public async Task BookAsync(int shard, long upTo = long.MaxValue)
    {
        ShardQueue queue = fixture.Store.Shards[shard];
        List<StoredRecords.Types.Record> records = _records.GetOrAdd(shard, _ => []);
        foreach (OutboxEntry entry in await ReadAsync(queue, Position(shard) + 1))
        {
            if (entry.Record.Header.Sequence > upTo) return;
            Assert.Equal(Position(shard) + 1, entry.Record.FirstSequence);
            if (entry.Record.Terms is { } key)
                _terms.Add(ByteString.CopyFrom((await fixture.Store.Terms.ReadKeptAsync(queue, key)).Text.Span));
            records.Add(new StoredRecords.Types.Record
            {
                Sequence = entry.Record.Header.Sequence,
                InsuredId = entry.InsuredId,
                FacilityCode = entry.FacilityCode,
                RequestId = entry.RequestId,
                StatedId = entry.Key.StatedId,
                StoredRecord = ByteString.CopyFrom(entry.Stored.Span),
            });
        }
    }

    /// <summary>What waits in the outbox from a number on.</summary>
    public static Task<IReadOnlyList<OutboxEntry>> ReadAsync(ShardQueue shard, long from) =>
        OutboxReader.ReadAsync(shard, shard.Status.Stamp!, from);

    public override AsyncUnaryCall<global::Claims.V1.Store> OpenStoreAsync(OpenStoreRequest request, CallOptions options) => new(
        Task.FromResult(new global::Claims.V1.Store
        {
            Epoch = StoreFixture.Epoch,
            Shards = fixture.Store.Shards.Count,
            Initialised = Initialised,
            Watermarks =
            {
                fixture.Store.Shards.Select(shard =>
                    new ShardWatermark { Shard = shard.Shard, Sequence = Position(shard.Shard), Stopped = Stopped }),
            },
        }),
        Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

    public override AsyncServerStreamingCall<StoredRecords> ListStoredRecords(ListStoredRecordsRequest request, CallOptions options)
    {
        Action? whenListed = WhenListed;
        WhenListed = null;
        whenListed?.Invoke();
        List<StoredRecords> news =
        [
            new() { Position = new StoredRecords.Types.Position { Sequence = Position(request.Shard), ClosedThrough = ClosedThrough } },
            .. _terms.Select(terms => new StoredRecords { Terms = terms }),
            .. _records.GetValueOrDefault(request.Shard, [])
                .Where(record => request.InsuredId.Length == 0 || record.InsuredId == request.InsuredId)
                .OrderBy(record => record.InsuredId, StringComparer.Ordinal).ThenBy(record => record.Sequence)
                .Select(record => new StoredRecords { Record = record }),
        ];
        return new AsyncServerStreamingCall<StoredRecords>(
            new Reader(news, Breaks.TryDequeue(out int messages) ? messages : int.MaxValue),
            Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    private sealed class Reader(List<StoredRecords> news, int breaksAfter) : IAsyncStreamReader<StoredRecords>
    {
        private int _next;

        public StoredRecords Current => news[_next - 1];

        public Task<bool> MoveNext(CancellationToken cancellationToken) => _next == breaksAfter
            ? Task.FromException<bool>(new RpcException(new Status(StatusCode.Unavailable, "the line broke")))
            : Task.FromResult(_next++ < news.Count);
    }
}
