using Claims.Hosting;
using Claims.Ledger.Closing;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>The ledger over gRPC. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class LedgerService(ClaimsStore store, PostgresTrust trust, Posting.Watermarks watermarks, ShardSharing sharing,
    BookReader books, EntryReader entries, StoredRecordReader storedRecords, ClosedYears closedYears, ILogger<LedgerService> logger)
    : V1.Ledger.LedgerBase
{
    private const int EpochDigits = 32;
    private const int MostShards = 1024;
    private const int LastYear = 9998;

    public override Task<V1.Store> OpenStore(OpenStoreRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(IsEpoch(request.ProposedEpoch), "proposed_epoch is not 32 lower-case hexadecimal digits");
        Require(request.Shards is > 0 and <= MostShards, $"shards is not between 1 and {MostShards}");
        await trust.RequireAsync(context.CancellationToken);
        return Opened(await store.OpenAsync(request.ProposedEpoch, request.Shards, context.CancellationToken));
    });

    public override Task<V1.Store> ConfirmStore(ConfirmStoreRequest request, ServerCallContext context) => Answer(async () =>
    {
        await trust.RequireAsync(context.CancellationToken);
        bool confirmed = await store.ConfirmAsync(request.Epoch, context.CancellationToken);
        if (confirmed && await store.ReadAsync(context.CancellationToken) is { } row) return Opened(row);
        throw new RpcException(new Status(StatusCode.FailedPrecondition, "these books are not kept for that store"));
    });

    public override async Task WatchWatermarks(
        WatchWatermarksRequest request, IServerStreamWriter<V1.Watermarks> responseStream, ServerCallContext context)
    {
        if (!watermarks.Opened.IsCompleted) throw new RpcException(new Status(StatusCode.FailedPrecondition, "no store has been opened"));

        // Who has lost its session does not hear what other instances commit: its watchers are better off with one of those.
        CancellationToken lost = sharing.SessionLost;
        if (sharing.Problem is not null) throw Stale();
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lost);
        try
        {
            await foreach (V1.Watermarks news in watermarks.WatchAsync(either.Token)) await responseStream.WriteAsync(news);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw Stale();
        }

        static RpcException Stale() =>
            new(new Status(StatusCode.Unavailable, "this instance has lost its session with PostgreSQL and does not know the watermarks"));
    }

    public override Task<TrialBalance> GetTrialBalance(GetTrialBalanceRequest request, ServerCallContext context) =>
        Answer(() => books.TrialBalanceAsync(context.CancellationToken));

    public override Task ListInsuredYears(
        ListInsuredYearsRequest request, IServerStreamWriter<InsuredYear> responseStream, ServerCallContext context) =>
        Stream(entries.InsuredYearsAsync(context.CancellationToken), responseStream);

    public override Task<CloseLedgerYearReply> CloseYear(CloseLedgerYearRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(request.Year is >= 1 and <= LastYear, $"year is not between 1 and {LastYear}");
        try
        {
            return new CloseLedgerYearReply
            {
                ClosedThrough = await closedYears.CloseAsync(request.Year, context.Caller().ToString(), context.CancellationToken),
            };
        }
        catch (YearStaysOpenException exception)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, exception.Message));
        }
    });

    public override Task ListEntries(
        ListEntriesRequest request, IServerStreamWriter<SubLedgerEntry> responseStream, ServerCallContext context)
    {
        Require(request.FromYear is >= 0 and <= LastYear, $"from_year is not between 0 and {LastYear}");
        return Stream(entries.EntriesAsync(request.FromYear, context.CancellationToken), responseStream);
    }

    public override async Task ListStoredRecords(
        ListStoredRecordsRequest request, IServerStreamWriter<StoredRecords> responseStream, ServerCallContext context)
    {
        if (!watermarks.Opened.IsCompleted) throw new RpcException(new Status(StatusCode.FailedPrecondition, "no store has been opened"));
        Require(request.Shard >= 0 && request.Shard < (await watermarks.Opened).Shards, "shard is not one of the store's");
        try
        {
            await Stream(storedRecords.OfAsync(request.Shard, request.InsuredId, context.CancellationToken), responseStream);
        }
        catch (RecordNotKeptException exception)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, exception.Message));
        }
    }

    private V1.Store Opened(StoreRow row)
    {
        watermarks.Open(row);
        V1.Store reply = new() { Epoch = row.Epoch, Shards = row.Shards, Initialised = row.Initialised };
        Dictionary<int, string> stopped = watermarks.Stopped.ToDictionary();
        reply.Watermarks.AddRange(row.Watermarks.Select((sequence, shard) =>
            new ShardWatermark { Shard = shard, Sequence = sequence, Stopped = stopped.GetValueOrDefault(shard, "") }));
        return reply;
    }

    private Task Stream<T>(IAsyncEnumerable<T> rows, IServerStreamWriter<T> responseStream) => Answer(async () =>
    {
        await foreach (T row in rows) await responseStream.WriteAsync(row);
        return true;
    });

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (PostgresNotTrustedException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
        catch (NpgsqlException exception)
        {
            throw logger.Unavailable(exception, "the books cannot be read at the moment");
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new RpcException(new Status(StatusCode.InvalidArgument, otherwise));
    }

    private static bool IsEpoch(string text) => text.Length == EpochDigits && text.All(char.IsAsciiHexDigitLower);
}
