using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>The impact of another policy over gRPC. One calculation at a time: each holds a shard's settlements in memory.</summary>
internal sealed class PolicyImpactService(
    EntryReader entries, TimeProvider clock, ILogger<PolicyImpactService> logger) : V1.PolicyImpact.PolicyImpactBase, IDisposable
{
    private const int SettlementsInMessage = 500;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _one = new(1);

    public override async Task Calculate(ImpactRequest request, IServerStreamWriter<ImpactNews> responseStream, ServerCallContext context)
    {
        if (!_one.Wait(0, CancellationToken.None))
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "another impact is being calculated; ask again after it"));
        try
        {
            await CalculateAsync(request, responseStream, context.CancellationToken);
        }
        catch (ImpactRequestException exception)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, exception.Message));
        }
        catch (BooksDisagreeException exception)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, exception.Message));
        }
        catch (OverflowException)
        {
            throw new RpcException(new Status(StatusCode.OutOfRange, "a sum is beyond what an amount can hold"));
        }
        catch (NpgsqlException exception)
        {
            logger.LogWarning("PostgreSQL could not be asked: {Reason}", exception.Message);
            throw new RpcException(new Status(StatusCode.Unavailable, "the books cannot be read at the moment"));
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

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
        ImpactCalculation calculation = new(pack, from);
        long read = 0;
        long told = clock.GetTimestamp();
        await foreach ((SubLedgerEntry entry, bool ofMerged) in entries.LivedAsync(from.Year, "", cancellationToken))
        {
            calculation.Add(entry, ofMerged);
            read++;
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
