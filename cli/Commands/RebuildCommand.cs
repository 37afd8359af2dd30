using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>Makes a store that has lost a part whole again, from the ledger's books.</summary>
public static class RebuildCommand
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    // A shard of ten million settlements takes some ten seconds here.
    private static readonly TimeSpan ShardBound = TimeSpan.FromMinutes(10);

    // Each waits two seconds for the books to come to rest, and does nothing else meanwhile.
    private const int ShardsAtATime = 8;

    public static Command Create()
    {
        Option<int?> shard = new("--shard") { Description = "Only this shard; without it every shard is looked at." };
        Option<string?> insured = new("--insured") { Description = "Only what is stored of this insured; the shard serves on." };
        Option<bool> dryRun = new("--dry-run") { Description = "Say what would be changed, and change nothing." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("rebuild",
            "Restore accumulators, answers and deductibles of the store from the ledger's books. A shard that is whole is left as it is; "
            + "one that is not answers UNAVAILABLE until it is. Exit code 0 only where everything is whole.")
        {
            shard,
            insured,
            dryRun,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(insured) is { } one && (one.Length == 0 || result.GetResult(shard) is not null))
                result.AddError("--insured names one insured, whose shard is known by it.");
        });
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            Run run = new(services, result.GetValue(dryRun));
            if (result.GetValue(insured) is { } insuredId)
                await run.AddAsync(new RebuildShardRequest { InsuredId = insuredId }, cancel);
            else
                await Parallel.ForEachAsync(
                    result.GetValue(shard) is { } one ? [one] : await ShardsAsync(services, cancel),
                    new ParallelOptions { MaxDegreeOfParallelism = ShardsAtATime, CancellationToken = cancel },
                    async (number, stop) => await run.AddAsync(new RebuildShardRequest { Shard = number }, stop));
            if (result.GetValue(json)) run.PrintJson();
            else run.Print();
            return run.ExitCode;
        });
        return command.Reaching();
    }

    private static async Task<int[]> ShardsAsync(Services services, CancellationToken cancellationToken)
    {
        try
        {
            Outbox outbox = await ClientOf(services).GetOutboxAsync(
                new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
            return [.. outbox.Shards.Select(shard => shard.Shard)];
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", services.Layout.AdjudicationOperatorsAddress, e);
        }
    }

    private static AdjudicationOperations.AdjudicationOperationsClient ClientOf(Services services) =>
        new(services.Connect(services.Layout.AdjudicationOperatorsAddress));

    /// <summary>What came of one shard or insured.</summary>
    /// <param name="Insured">Masked; null where it is a whole shard.</param>
    /// <param name="Failure">Why nothing did, or null.</param>
    private sealed record Part(string? Insured, RebuildReport Report, string? Failure)
    {
        public string Name => Insured ?? Number(Report.Shard);

        public string Title => Insured is null ? $"Shard {Name}" : $"Insured {Name}";
    }

    private static string Number(long value) => value.ToString("#,##0", CultureInfo.InvariantCulture);

    private sealed class Run(Services services, bool dryRun)
    {
        private readonly AdjudicationOperations.AdjudicationOperationsClient _client = ClientOf(services);
        private readonly ConcurrentBag<Part> _done = [];
        private volatile bool _unavailable;

        public int ExitCode => _unavailable ? ExitCodes.Unavailable : _done.All(IsWhole) ? ExitCodes.Done : ExitCodes.Failed;

        private IEnumerable<Part> Parts => _done.OrderBy(part => part.Report.Shard);

        public async Task AddAsync(RebuildShardRequest request, CancellationToken cancellationToken)
        {
            request.DryRun = dryRun;
            Part part = new(
                request.InsuredId.Length > 0 ? Mask.Insured(request.InsuredId) : null, new RebuildReport { Shard = request.Shard },
                Failure: null);
            bool reported = false;
            try
            {
                using AsyncServerStreamingCall<RebuildNews> call =
                    _client.RebuildShard(request, null, DateTime.UtcNow + ShardBound, cancellationToken);
                await foreach (RebuildNews news in call.ResponseStream.ReadAllAsync(cancellationToken))
                {
                    part = part with { Report = news.Report ?? part.Report };
                    reported |= news.Report is not null;
                    if (news.Progress is { Records: > 0 } progress)
                        Output.Progress($"{Verb} {part.Name}: {Number(progress.Records)} records read");
                }

                if (!reported)
                {
                    _unavailable = true;
                    part = part with { Failure = "the answer ended before its report" };
                }

                _done.Add(part);
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.FailedPrecondition)
            {
                _done.Add(part with { Failure = e.Status.Detail });
            }
            catch (RpcException e) when (e is { StatusCode: StatusCode.Unavailable, Status.DebugException: null }
                or { StatusCode: StatusCode.DeadlineExceeded })
            {
                _unavailable = true;
                _done.Add(part with { Failure = Services.Reason(e) });
            }
            catch (RpcException e)
            {
                throw Services.Refusal("adjudication", services.Layout.AdjudicationOperatorsAddress, e);
            }
        }

        private string Verb => dryRun ? "Comparing 核对" : "Rebuilding 重建";

        public void Print()
        {
            Output.Table(
                ["shard", "state 状态", ">records", ">insured", ">gone", ">differ", ">unknown", ">unbooked", ">lost"],
                Parts.Select(part => new[]
                {
                    part.Name,
                    StateOf(part),
                    Number(part.Report.Records),
                    Number(part.Report.Insured),
                    Number(part.Report.MissingInsured),
                    Number(part.Report.DifferingInsured),
                    Number(part.Report.UnknownInsured),
                    Number(part.Report.UnbookedRecords),
                    Number(part.Report.LostNumbers.Sum(lost => lost.LastSequence - lost.FirstSequence + 1)),
                }));
            foreach (Part part in Parts.Where(part => part.Failure is not null)) Output.Line($"{part.Title}: {part.Failure}.");
            foreach ((Part part, LostRecord lost) in
                Parts.SelectMany(part => part.Report.LostRecords.Select(lost => (part, lost))))
            {
                Output.Line(string.Create(CultureInfo.InvariantCulture,
                    $"{part.Title}: record {lost.Sequence} was acknowledged and is nowhere 已答复而无处可寻: request "
                    + $"{lost.RequestId} of {lost.FacilityCode} for {Mask.Insured(lost.InsuredId)}; it is settled anew where its sender "
                    + $"repeats it."));
            }

            Output.Line(_done.All(IsWhole)
                ? "The store has what the books say 存储与账册一致."
                : dryRun
                    ? "The store is not what the books say 存储与账册不一致; without --dry-run it is rebuilt."
                    : "Not everything is whole 尚未全部恢复.");
        }

        public void PrintJson() => Output.WriteJson(new
        {
            Ok = _done.All(IsWhole),
            DryRun = dryRun,
            Shards = Parts.Select(part => new
            {
                part.Insured,
                part.Report.Shard,
                State = CodeOf(part),
                part.Failure,
                WasClosed = part.Report.Closed.Length > 0 ? part.Report.Closed : null,
                part.Report.Sequence,
                part.Report.Records,
                part.Report.UnbookedRecords,
                InsuredCount = part.Report.Insured,
                part.Report.MissingInsured,
                part.Report.DifferingInsured,
                part.Report.UnknownInsured,
                part.Report.RestDiffers,
                LostNumbers = part.Report.LostNumbers.Select(lost => new { lost.FirstSequence, lost.LastSequence }),
                LostRecords = part.Report.LostRecords.Select(lost => new
                {
                    lost.Sequence,
                    Insured = Mask.Insured(lost.InsuredId),
                    lost.FacilityCode,
                    lost.RequestId,
                }),
            }),
        });

        private bool IsWhole(Part part) => part.Failure is null && (!dryRun || !IsApart(part.Report));

        private static bool IsApart(RebuildReport report) => report.Closed.Length > 0 || report.LostRecords.Count > 0 || report.RestDiffers
            || report.MissingInsured + report.DifferingInsured + report.UnknownInsured > 0;

        private static string CodeOf(Part part) => part switch
        {
            { Failure: not null } => "failed",
            { Report.Changed: true } => "rebuilt",
            _ => IsApart(part.Report) ? "apart" : "whole",
        };

        private static string StateOf(Part part) => CodeOf(part) switch
        {
            "failed" => "FAILED 失败",
            "rebuilt" => "rebuilt 重建",
            "apart" => "differs 不同",
            _ => "whole 完好",
        };
    }
}
