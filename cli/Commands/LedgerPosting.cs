using System.CommandLine;
using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>What an operator sees and does about the ledger's shards.</summary>
public static class LedgerPosting
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Command ShardsCommand()
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("shards",
            "How far each shard is booked, who posts it, where it stopped; exit code 0 only when every shard posts.") { json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            ListShardsReply reply = await ListAsync(services, cancel);
            ShardLine[] shards = Lines(reply, await OutboxAsync(services, cancel));
            if (result.GetValue(json))
                Output.WriteJson(new { Posting = shards.All(shard => shard.Posts), shards, Poison = reply.Poison.Select(PoisonLine.Of) });
            else
                Print(shards, reply);
            return shards.All(shard => shard.Posts) ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    public static Command ResumeCommand()
    {
        Argument<int> shard = new("shard") { Description = "Number of the stopped shard." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("resume",
            "Let a stopped shard go on after its last booked record, once the cause is removed.") { shard, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            int number = result.GetValue(shard);
            ResumeShardReply reply = await ResumeAsync(services, number, cancel);
            if (result.GetValue(json))
                Output.WriteJson(new { Shard = number, reply.Sequence, reply.Stopped });
            else
                Output.Line(string.Create(CultureInfo.InvariantCulture,
                    $"Shard {number} 分片恢复入账: it goes on after record {reply.Sequence}. It had stopped because {reply.Stopped}."));
            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<ListShardsReply> ListAsync(Services services, CancellationToken cancellationToken)
    {
        try
        {
            return await new LedgerShards.LedgerShardsClient(services.Connect(services.Layout.LedgerAddress))
                .ListShardsAsync(new ListShardsRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", services.Layout.LedgerAddress, e);
        }
    }

    private static async Task<ResumeShardReply> ResumeAsync(Services services, int shard, CancellationToken cancellationToken)
    {
        try
        {
            return await new LedgerShards.LedgerShardsClient(services.Connect(services.Layout.LedgerAddress))
                .ResumeShardAsync(new ResumeShardRequest { Shard = shard }, null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            int[] shards = [.. (await ListAsync(services, cancellationToken)).Shards.Select(known => known.Shard_)];
            throw new CommandException(shards.Length == 0 || shards.Contains(shard)
                ? $"Nothing to resume: {e.Status.Detail}; `claims ledger shards` shows which have."
                : string.Create(CultureInfo.InvariantCulture, $"There is no shard {shard}: they are {shards.Min()} to {shards.Max()}."), e);
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", services.Layout.LedgerAddress, e);
        }
    }

    /// <returns>Null while adjudication does not answer: the books are there all the same.</returns>
    private static async Task<Outbox?> OutboxAsync(Services services, CancellationToken cancellationToken)
    {
        try
        {
            CallInvoker operators = services.Connect(services.Layout.AdjudicationOperatorsAddress);
            return await new AdjudicationOperations.AdjudicationOperationsClient(operators)
                .GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            return null;
        }
    }

    private static ShardLine[] Lines(ListShardsReply reply, Outbox? outbox)
    {
        Dictionary<int, long> settled = outbox?.Shards.ToDictionary(shard => shard.Shard, shard => shard.Sequence) ?? [];
        return
        [
            .. reply.Shards.Select(shard => new ShardLine(
                shard.Shard_,
                shard.Sequence,
                settled.TryGetValue(shard.Shard_, out long sequence) ? Math.Max(sequence - shard.Sequence, 0) : null,
                shard.Instance.Length > 0 ? shard.Instance : null,
                shard.Stopped.Length > 0 ? shard.Stopped : null,
                shard.StoppedAtUnixMs > 0 ? DateTimeOffset.FromUnixTimeMilliseconds(shard.StoppedAtUnixMs) : null,
                shard.PoisonId > 0 ? shard.PoisonId : null)),
        ];
    }

    private static void Print(ShardLine[] shards, ListShardsReply reply)
    {
        Output.Table(
            ["shard", ">booked", ">waiting", "posted by", "state"],
            shards.Select(shard => new[]
            {
                shard.Shard.ToString(CultureInfo.InvariantCulture),
                shard.Sequence.ToString(CultureInfo.InvariantCulture),
                shard.LagRecords?.ToString(CultureInfo.InvariantCulture) ?? "?",
                shard.Instance ?? "nobody",
                shard.Stopped is null ? "posting" : $"STOPPED: {shard.Stopped}",
            }));
        if (reply.Poison.Count == 0)
            return;
        Output.Line("Records set aside, newest first:");
        Output.Table(
            [">poison_id", "found", ">shard", ">offset", ">bytes", "the record"],
            reply.Poison.Select(PoisonLine.Of).Select(poison => new[]
            {
                poison.PoisonId.ToString(CultureInfo.InvariantCulture),
                ChinaTime.Text(poison.FoundAt),
                poison.Shard.ToString(CultureInfo.InvariantCulture),
                poison.KafkaOffset.ToString(CultureInfo.InvariantCulture),
                poison.RecordBytes.ToString(CultureInfo.InvariantCulture),
                poison.Reason,
            }));
    }

    /// <param name="LagRecords">Settled and not booked; null while adjudication does not answer.</param>
    private sealed record ShardLine(
        int Shard, long Sequence, long? LagRecords, string? Instance, string? Stopped, DateTimeOffset? StoppedAt, long? PoisonId)
    {
        public bool Posts => Instance is not null && Stopped is null;
    }

    private sealed record PoisonLine(long PoisonId, DateTimeOffset FoundAt, int Shard, long KafkaOffset, string Reason, int RecordBytes)
    {
        public static PoisonLine Of(ListShardsReply.Types.Poison poison) => new(
            poison.PoisonId, DateTimeOffset.FromUnixTimeMilliseconds(poison.FoundAtUnixMs), poison.Shard, poison.KafkaOffset, poison.Reason,
            poison.RecordBytes);
    }
}
