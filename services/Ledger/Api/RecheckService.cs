using System.Globalization;
using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Api;

/// <summary>What a correction of the registry has made wrong, over gRPC. One at a time: each holds a shard's settlements in
/// memory.</summary>
internal sealed class RecheckService(
    EntryReader entries, PolicyPack policy, IServiceProvider services, TimeProvider clock, ILogger<RecheckService> logger)
    : Recheck.RecheckBase, IDisposable
{
    private const int SettlementsInMessage = 500;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);
    private readonly RelivingTurn _turn = new("another recheck runs; ask again after it", logger);

    public override async Task Run(RecheckRequest request, IServerStreamWriter<RecheckNews> responseStream, ServerCallContext context)
    {
        DateOnly from = DateOnly.MinValue;
        if (request.From.Length > 0 && !DateOnly.TryParseExact(request.From, "yyyy-MM-dd", CultureInfo.InvariantCulture,
            DateTimeStyles.None, out from))
            throw new RpcException(new Status(StatusCode.InvalidArgument, "from is not of the form yyyy-MM-dd"));
        RegistryAnswers registry = RegistryAnswers.Of(services, logger);
        await _turn.TakeAsync(() => RunAsync(request, from, registry, responseStream, context.CancellationToken));
    }

    public void Dispose() => _turn.Dispose();

    private async Task RunAsync(RecheckRequest request, DateOnly from, RegistryAnswers registry,
        IServerStreamWriter<RecheckNews> responseStream, CancellationToken cancellationToken)
    {
        RegistryRecheck recheck = new(policy, from, request, registry.Facility, registry.Insured);
        long of = await entries.EstimateAsync(cancellationToken);
        long read = 0;
        long told = clock.GetTimestamp();
        await foreach ((SubLedgerEntry Entry, bool OfMerged)[] some in entries
            .LivedAsync(from.Year > 1 ? from.Year : 0, request.InsuredId, cancellationToken)
            .Chunk(RegistryAnswers.EntriesAtATime).WithCancellation(cancellationToken))
        {
            await registry.AskAsync(some, cancellationToken);
            foreach ((SubLedgerEntry entry, bool ofMerged) in some) recheck.Add(entry, ofMerged);
            read += some.Length;
            await TellAsync(recheck, responseStream, cancellationToken);
            if (clock.GetElapsedTime(told) < ProgressInterval) continue;
            told = clock.GetTimestamp();
            await responseStream.WriteAsync(new RecheckNews { Progress = new RecheckProgress { Entries = read, Of = Math.Max(of, read) } },
                cancellationToken);
        }

        recheck.Finish();
        await TellAsync(recheck, responseStream, cancellationToken);
        await responseStream.WriteAsync(new RecheckNews { Totals = recheck.Totals }, cancellationToken);
    }

    private static async Task TellAsync(
        RegistryRecheck recheck, IServerStreamWriter<RecheckNews> responseStream, CancellationToken cancellationToken)
    {
        foreach (WrongSettlement[] some in recheck.Found.Chunk(SettlementsInMessage))
            await responseStream.WriteAsync(
                new RecheckNews { Settlements = new WrongSettlements { Settlements = { some } } }, cancellationToken);
        recheck.Found.Clear();
    }
}
