using System.Globalization;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Merging;
using Claims.Adjudication.Settling;
using Claims.Adjudication.Store;
using Claims.Adjudication.Outbox;
using Claims.Adjudication.Rebuilding;
using Claims.Hosting;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;
using StackExchange.Redis;

namespace Claims.Adjudication.Api;

/// <summary>How far adjudication is ahead of the ledger, for operators.</summary>
public sealed class OperationsApi(
    SettlementStore store, OutboxRelay relay, SettlementDesk desk, Rebuilds rebuilds, EligibilityDirectory eligibility,
    Acts.ActsClient acts, TimeProvider time, ILogger<OperationsApi> log)
    : AdjudicationOperations.AdjudicationOperationsBase
{
    private const int MostReasonCharacters = 200;
    private const int MostActorCharacters = 64;
    private static readonly TimeSpan RedisLimit = TimeSpan.FromSeconds(5);

    public override async Task<V1.Outbox> GetOutbox(GetOutboxRequest request, ServerCallContext context)
    {
        try
        {
            OutboxShard[] shards = await Task.WhenAll(store.Shards.Select(ReadAsync)).WaitAsync(RedisLimit, context.CancellationToken);
            V1.Outbox reply =
                new() { Epoch = store.Shards.Select(shard => shard.Status.Epoch).FirstOrDefault(epoch => epoch is not null) ?? "" };
            reply.Shards.AddRange(shards);
            return reply;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "Redis does not answer."));
        }
    }

    public override async Task<CloseYearReply> CloseYear(CloseYearRequest request, ServerCallContext context)
    {
        int thisYear = ChinaTime.Today(time).Year;
        if (request.Year < 2000 || request.Year >= thisYear)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition, $"Year {request.Year} has not ended; the latest that can be closed is {thisYear - 1}."));
        }

        await RecordAsync(ActKind.YearClosedToHospitals, request.Year.ToString(CultureInfo.InvariantCulture), context);
        try
        {
            await desk.CloseYearAsync(request.Year);
            return new CloseYearReply { ClosedThrough = request.Year };
        }
        catch (StoreUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
    }

    public override async Task ListAccumulators(
        ListAccumulatorsRequest request, IServerStreamWriter<ShardAccumulators> responseStream, ServerCallContext context)
    {
        if (request.Shard < 0 || request.Shard >= store.Shards.Count)
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"shard is not between 0 and {store.Shards.Count - 1}"));
        try
        {
            long? sequence = null;
            await foreach (ShardPage page in store.Shards[request.Shard].ReadAllAsync(context.CancellationToken))
            {
                if (sequence is null) await responseStream.WriteAsync(new ShardAccumulators { Sequence = page.Sequence });
                foreach (InsuredAccumulators insured in page.Insured)
                    await responseStream.WriteAsync(new ShardAccumulators { Insured = insured });
                sequence = page.Sequence;
            }

            await responseStream.WriteAsync(new ShardAccumulators { Sequence = sequence!.Value });
        }
        catch (StoreUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
    }

    public override async Task RebuildShard(
        RebuildShardRequest request, IServerStreamWriter<RebuildNews> responseStream, ServerCallContext context)
    {
        if (request.InsuredId.Length == 0 && (request.Shard < 0 || request.Shard >= store.Shards.Count))
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"shard is not between 0 and {store.Shards.Count - 1}"));
        if (!request.DryRun)
        {
            await (request.InsuredId.Length > 0
                ? RecordAsync(ActKind.InsuredRestored, Mask.Insured(request.InsuredId), context)
                : RecordAsync(ActKind.ShardRebuilt, request.Shard.ToString(CultureInfo.InvariantCulture), context));
        }

        try
        {
            RebuildReport report = request.InsuredId.Length > 0
                ? await rebuilds.RestoreAsync(request.InsuredId, request.DryRun, context.CancellationToken)
                : await rebuilds.RebuildAsync(request.Shard, request.DryRun, TellAsync);
            await responseStream.WriteAsync(new RebuildNews { Report = report });
        }
        catch (RebuildException e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        catch (StoreUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"Redis does not answer: {e.Message}"));
        }

        Task TellAsync(RebuildProgress progress) => context.CancellationToken.IsCancellationRequested
            ? Task.CompletedTask
            : responseStream.WriteAsync(new RebuildNews { Progress = progress });
    }

    /// <summary>Before it is done: what nobody could write down is not done.</summary>
    /// <exception cref="RpcException">The ledger refuses it, in its own words, or does not answer.</exception>
    private async Task RecordAsync(ActKind kind, string subject, ServerCallContext context)
    {
        RecordActRequest act = new() { Kind = kind, Subject = subject, Caller = context.Caller().ToString() };
        try
        {
            await acts.RecordAsync(act, cancellationToken: context.CancellationToken);
        }
        catch (RpcException refused) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw refused.StatusCode == StatusCode.FailedPrecondition
                ? new RpcException(new Status(StatusCode.FailedPrecondition, refused.Status.Detail))
                : new RpcException(new Status(StatusCode.Unavailable, $"The ledger could not write it down: {refused.Status.Detail}"));
        }
    }

    public override async Task<MergeInsuredReply> MergeInsured(MergeInsuredRequest request, ServerCallContext context)
    {
        CheckMerge(request);
        try
        {
            if (!request.Undo && await eligibility.FindInsuredAsync(request.IntoId) is null)
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition,
                    $"the registry does not know {Mask.Insured(request.IntoId)}: nobody is merged into an id that is not there "
                        + "参保登记中没有该编号"));
            }

            await (request.Undo
                ? RecordAsync(ActKind.InsuredParted, $"{Mask.Insured(request.MergedId)} from {Mask.Insured(request.IntoId)}", context)
                : RecordAsync(ActKind.InsuredMerged, $"{Mask.Insured(request.MergedId)} into {Mask.Insured(request.IntoId)}", context));
            Merges merges = new(store, time);
            MergeOutcome outcome = request.Undo
                ? await merges.PartAsync(request.MergedId, request.IntoId, request.Actor, request.Reason)
                : await merges.MergeAsync(request.MergedId, request.IntoId, request.Actor, request.Reason);
            log.LogWarning("Insured {Merged} {Was} {Into} by {Actor}, merge {Merge}; {Overdrawn} limits are overdrawn",
                Mask.Insured(request.MergedId), request.Undo ? "was parted from" : "was merged into", Mask.Insured(request.IntoId),
                request.Actor, outcome.Merge, outcome.Overdrawn.Count);
            return new MergeInsuredReply
            {
                Merge = outcome.Merge,
                DoneBefore = !outcome.IsNew,
                SettledTwice = { outcome.SettledTwice },
                Overdrawn =
                {
                    outcome.Overdrawn.Select(over =>
                        new OverdrawnLimit { Accumulator = over.Accumulator, Limit = over.Limit, Used = over.Used }),
                },
            };
        }
        catch (MergeException e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        catch (Exception e) when (e is StoreUnavailableException or StoreBusyException or EligibilityUnavailableException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"{e.Message} The same again goes through with it 请重试."));
        }
    }

    private static void CheckMerge(MergeInsuredRequest request)
    {
        Refusal? bad = RequestChecks.CheckCode("merged_id", request.MergedId) ?? RequestChecks.CheckCode("into_id", request.IntoId);
        if (bad is not null) throw new RpcException(new Status(StatusCode.InvalidArgument, bad.Text));
        RequireLine("reason", request.Reason, MostReasonCharacters);
        RequireLine("actor", request.Actor, MostActorCharacters);

        static void RequireLine(string field, string text, int most)
        {
            if (text.Trim().Length == 0 || text.Length > most || !PlainText.Is(text))
                throw new RpcException(new Status(StatusCode.InvalidArgument, $"{field} is not a line of 1 to {most} characters"));
        }
    }

    private async Task<OutboxShard> ReadAsync(ShardQueue shard)
    {
        RedisValue sequence = await store.Redis.HashGetAsync(shard.Keys.Shard, "seq");
        (long committed, long published) = relay.PositionOf(shard.Shard);
        ShardStatus status = shard.Status;
        return new OutboxShard
        {
            Shard = shard.Shard,
            Ready = status.Epoch is not null,
            Reason = status.Reason,
            Sequence = sequence.IsNull ? 0 : (long)sequence,
            Committed = committed,
            Published = published,
        };
    }
}
