using System.Globalization;
using Claims.Ledger.Impact;
using Claims.Ledger.SubLedger;
using Claims.Policy;
using Claims.Rules;
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

    // A look-up takes at most a thousand of each.
    private const int EntriesAtATime = 1_000;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);
    private readonly RelivingTurn _turn = new("another recheck runs; ask again after it", logger);

    public override async Task Run(RecheckRequest request, IServerStreamWriter<RecheckNews> responseStream, ServerCallContext context)
    {
        DateOnly from = DateOnly.MinValue;
        if (request.From.Length > 0 && !DateOnly.TryParseExact(request.From, "yyyy-MM-dd", CultureInfo.InvariantCulture,
            DateTimeStyles.None, out from))
            throw new RpcException(new Status(StatusCode.InvalidArgument, "from is not of the form yyyy-MM-dd"));
        Eligibility.EligibilityClient eligibility = services.GetService<Eligibility.EligibilityClient>()
            ?? throw new RpcException(new Status(StatusCode.FailedPrecondition,
                "this ledger has no Claims:EligibilityAddress: the registry cannot be asked"));
        await _turn.TakeAsync(() => RunAsync(request, from, eligibility, responseStream, context.CancellationToken));
    }

    public void Dispose() => _turn.Dispose();

    private async Task RunAsync(RecheckRequest request, DateOnly from, Eligibility.EligibilityClient eligibility,
        IServerStreamWriter<RecheckNews> responseStream, CancellationToken cancellationToken)
    {
        Dictionary<string, FacilityHistory?> facilities = new(StringComparer.Ordinal);
        Dictionary<string, InsuredTerms?> insured = new(StringComparer.Ordinal);
        RegistryRecheck recheck = new(policy, from, request, code => facilities[code], id => insured[id]);
        long of = await entries.EstimateAsync(cancellationToken);
        long read = 0;
        int shard = -1;
        long told = clock.GetTimestamp();
        await foreach ((SubLedgerEntry Entry, bool OfMerged)[] some in entries
            .LivedAsync(from.Year > 1 ? from.Year : 0, request.InsuredId, cancellationToken)
            .Chunk(EntriesAtATime).WithCancellation(cancellationToken))
        {
            // Those of one shard come together, so that no more is held than a shard's people.
            if (some[0].Entry.Shard != shard) insured.Clear();
            shard = some[^1].Entry.Shard;
            await AskAsync(eligibility, some, facilities, insured, cancellationToken);
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

    private async Task AskAsync(Eligibility.EligibilityClient eligibility, (SubLedgerEntry Entry, bool OfMerged)[] some,
        Dictionary<string, FacilityHistory?> facilities, Dictionary<string, InsuredTerms?> insured, CancellationToken cancellationToken)
    {
        LookupRequest question = new() { Enrolled = true };
        foreach (SubLedgerEntry entry in some.Select(one => one.Entry).Where(entry => entry.Kind == "SETTLEMENT"))
        {
            if (facilities.TryAdd(entry.FacilityCode, null)) question.FacilityCodes.Add(entry.FacilityCode);
            if (insured.TryAdd(entry.InsuredId, null)) question.InsuredIds.Add(entry.InsuredId);
        }

        if (question.FacilityCodes.Count + question.InsuredIds.Count == 0) return;
        LookupReply reply = await LookUpAsync(eligibility, question, cancellationToken);
        foreach (Facility facility in reply.Facilities) facilities[facility.FacilityCode] = EligibilityTerms.Of(facility);
        foreach (Enrolled enrolled in reply.Enrolled)
        {
            string id = question.InsuredIds[enrolled.Position];
            insured[id] = EligibilityTerms.Of(id, enrolled);
        }
    }

    private async Task<LookupReply> LookUpAsync(
        Eligibility.EligibilityClient eligibility, LookupRequest question, CancellationToken cancellationToken)
    {
        try
        {
            return await eligibility.LookupAsync(question, cancellationToken: cancellationToken);
        }
        catch (RpcException exception) when (exception.StatusCode is not StatusCode.Cancelled)
        {
            logger.LogWarning("Eligibility could not be asked: {Reason}", exception.Status.Detail);
            throw new RpcException(new Status(StatusCode.Unavailable, "the registry cannot be asked at the moment"));
        }
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
