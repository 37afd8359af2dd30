using Claims.Hosting;
using Claims.Ledger.Posting;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>What an operator sees and does about shards. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class LedgerShardsService(ShardStates states, ILogger<LedgerShardsService> logger) : LedgerShards.LedgerShardsBase
{
    public override async Task<ListShardsReply> ListShards(ListShardsRequest request, ServerCallContext context)
    {
        try
        {
            ListShardsReply reply = new();
            reply.Shards.AddRange((await states.ReadAsync(context.CancellationToken)).Select(state => new ListShardsReply.Types.Shard
            {
                Shard_ = state.Shard,
                Sequence = state.Sequence,
                Instance = state.Instance ?? "",
                Stopped = state.Stop?.Reason ?? "",
                StoppedAtUnixMs = state.Stop?.StoppedAt.ToUnixTimeMilliseconds() ?? 0,
                PoisonId = state.Stop?.PoisonId ?? 0,
            }));
            reply.Poison.AddRange((await states.ReadPoisonAsync(context.CancellationToken)).Select(row => new ListShardsReply.Types.Poison
            {
                PoisonId = row.PoisonId,
                FoundAtUnixMs = row.FoundAt.ToUnixTimeMilliseconds(),
                Shard = row.Shard,
                KafkaOffset = row.Offset,
                Reason = row.Reason,
                RecordBytes = row.RecordBytes,
            }));
            return reply;
        }
        catch (NpgsqlException exception)
        {
            throw Unavailable(exception);
        }
    }

    public override async Task<ResumeShardReply> ResumeShard(ResumeShardRequest request, ServerCallContext context)
    {
        try
        {
            string caller = context.Caller().ToString();
            if (await states.ResumeAsync(request.Shard, caller, context.CancellationToken) is not var (sequence, stopped))
                throw new RpcException(new Status(StatusCode.FailedPrecondition, $"shard {request.Shard} has not stopped"));
            logger.LogWarning("Shard {Shard} goes on after {Sequence}, by {Caller}; it had stopped: {Reason}", request.Shard, sequence,
                caller, stopped);
            return new ResumeShardReply { Sequence = sequence, Stopped = stopped };
        }
        catch (NpgsqlException exception)
        {
            throw Unavailable(exception);
        }
    }

    private RpcException Unavailable(NpgsqlException exception) =>
        logger.Unavailable(exception, "the books cannot be read at the moment");
}
