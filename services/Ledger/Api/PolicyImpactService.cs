using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Api;

/// <summary>The impact of another policy over gRPC. One calculation at a time: each holds a shard's settlements in memory.</summary>
internal sealed class PolicyImpactService(
    EntryReader entries, IServiceProvider services, TimeProvider clock, ILogger<PolicyImpactService> logger)
    : V1.PolicyImpact.PolicyImpactBase, IDisposable
{
    private const int SettlementsInMessage = 500;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);
    private readonly RelivingTurn _turn = new("another impact is being calculated; ask again after it", logger);

    public override async Task Calculate(ImpactRequest request, IServerStreamWriter<ImpactNews> responseStream, ServerCallContext context)
    {
        try
        {
            await _turn.TakeAsync(() => CalculateAsync(request, responseStream, context.CancellationToken));
        }
        catch (ImpactRequestException exception)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, exception.Message));
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task CalculateAsync(
        ImpactRequest request, IServerStreamWriter<ImpactNews> responseStream, CancellationToken cancellationToken)
    {
        DateOnly from = SentPack.FirstDay(request.From);
        PolicyPack pack;
        try
        {
            pack = SentPack.Of(request);
        }
        catch (PolicyException exception)
        {
            await responseStream.WriteAsync(
                new ImpactNews { Faults = new PackFaults { Faults = { exception.Faults } } }, cancellationToken);
            return;
        }

        await responseStream.WriteAsync(new ImpactNews { Pack = new ImpactPack { City = pack.City, Hash = pack.Hash } }, cancellationToken);
        // Where everybody is in one class, the registry need not be there.
        RegistryAnswers? registry =
            pack.Outpatient.Any(policy => policy.PersonClasses.Length > 1) ? RegistryAnswers.Of(services, logger) : null;
        ImpactCalculation calculation = new(pack, from, id => registry?.Insured(id));
        long read = 0;
        long told = clock.GetTimestamp();
        await foreach ((SubLedgerEntry Entry, bool OfMerged)[] some in entries.LivedAsync(from.Year, "", cancellationToken)
            .Chunk(RegistryAnswers.EntriesAtATime).WithCancellation(cancellationToken))
        {
            if (registry is not null) await registry.AskAsync(some, cancellationToken);
            foreach ((SubLedgerEntry entry, bool ofMerged) in some) calculation.Add(entry, ofMerged);
            read += some.Length;
            if (clock.GetElapsedTime(told) < ProgressInterval) continue;
            told = clock.GetTimestamp();
            await responseStream.WriteAsync(new ImpactNews { Progress = new ImpactProgress { Entries = read } }, cancellationToken);
        }

        (IReadOnlyList<DifferingSettlement> differing, ImpactTotals totals) = calculation.Finish();
        foreach (DifferingSettlement[] some in differing.Chunk(SettlementsInMessage))
            await responseStream.WriteAsync(
                new ImpactNews { Settlements = new DifferingSettlements { Settlements = { some } } }, cancellationToken);
        await responseStream.WriteAsync(new ImpactNews { Totals = totals }, cancellationToken);
    }
}
