using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>The audit over gRPC. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class AuditService(
    Chain chain, Verification verification, ShardFold fold, IServiceProvider services, ILogger<AuditService> logger) : V1.Audit.AuditBase
{
    private const int HashDigits = 64;
    private static readonly TimeSpan PauseOfMovingShard = TimeSpan.FromMilliseconds(500);

    public override Task<ChainHead> GetChainHead(GetChainHeadRequest request, ServerCallContext context) => Answer(async () =>
    {
        ChainState state = await chain.StateAsync(context.CancellationToken) ?? throw NotOpened();
        return new ChainHead { Link = state.End.Link, Hash = state.End.HashText, WaitingBatches = state.Waiting, Broken = state.Broken };
    });

    public override Task Verify(VerifyRequest request, IServerStreamWriter<VerifyNews> responseStream, ServerCallContext context) =>
        Answer(async () =>
    {
        bool isHead = request.ExpectLink > 0 && request.ExpectHash.Length == HashDigits
            && request.ExpectHash.All(char.IsAsciiHexDigitLower);
        bool isNone = request.ExpectLink == 0 && request.ExpectHash.Length == 0;
        if (!isHead && !isNone)
            throw new RpcException(new Status(
                StatusCode.InvalidArgument, $"expect_link and expect_hash are not a link and {HashDigits} lower-case hexadecimal digits"));
        return await verification.RunAsync(request, responseStream.WriteAsync, context.CancellationToken) ? true : throw NotOpened();
    });

    public override Task FoldShard(
        FoldShardRequest request, IServerStreamWriter<ShardAccumulators> responseStream, ServerCallContext context) => Answer(async () =>
    {
        await foreach (ShardAccumulators news in fold.OfAsync(request.Shard, context.CancellationToken))
            await responseStream.WriteAsync(news);
        return true;
    });

    public override Task CompareAccumulators(
        CompareAccumulatorsRequest request, IServerStreamWriter<CompareAccumulatorsNews> responseStream, ServerCallContext context) =>
            Answer(async () =>
    {
        AdjudicationOperations.AdjudicationOperationsClient adjudication =
            services.GetService<AdjudicationOperations.AdjudicationOperationsClient>()
            ?? throw new RpcException(new Status(
                StatusCode.FailedPrecondition, "the ledger cannot ask for the accumulators: set Claims__AdjudicationAddress"));
        await new AccumulatorsComparison(adjudication, fold.OfAsync, PauseOfMovingShard)
            .RunAsync(responseStream.WriteAsync, context.CancellationToken);
        return true;
    });

    private static RpcException NotOpened() => new(new Status(StatusCode.FailedPrecondition, "no store has been opened"));

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (UnknownChainFormatException exception)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, exception.Message));
        }
        catch (AdjudicationAwayException exception)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message));
        }
        catch (NpgsqlException exception)
        {
            logger.LogWarning("PostgreSQL could not be asked: {Reason}", exception.Message);
            throw new RpcException(new Status(StatusCode.Unavailable, "the books cannot be read at the moment"));
        }
    }
}
