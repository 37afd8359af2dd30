using Claims.Ledger.Refusals;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>What was refused, and why. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class RefusalLogService(RefusalStore store, LedgerSettings settings, ILogger<RefusalLogService> logger)
    : RefusalLog.RefusalLogBase
{
    private const int LargestBatch = 500;

    public override async Task<KeepRefusalsReply> Keep(KeepRefusalsRequest request, ServerCallContext context)
    {
        if (request.Refusals.Count > LargestBatch)
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"refusals: at most {LargestBatch} at a time"));
        try
        {
            await store.KeepAsync(request.Refusals, context.CancellationToken);
            return new KeepRefusalsReply();
        }
        catch (NpgsqlException exception)
        {
            throw Unavailable(exception);
        }
    }

    public override async Task<FindRefusalsReply> Find(FindRefusalsRequest request, ServerCallContext context)
    {
        try
        {
            FindRefusalsReply reply = new() { KeptDays = settings.RefusalDays };
            reply.Refusals.AddRange(await store.FindAsync(request.FacilityCode, request.RequestId, context.CancellationToken));
            return reply;
        }
        catch (NpgsqlException exception)
        {
            throw Unavailable(exception);
        }
    }

    private RpcException Unavailable(NpgsqlException exception) =>
        logger.Unavailable(exception, "refusals cannot be read or kept at the moment");
}
