using Claims.Ledger.SubLedger;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Ledger.Api;

/// <summary>What the registry says of the facilities and the people of settlements that are read in their order.</summary>
/// <remarks>Holds every facility, and the people of one shard: those of one shard come together.</remarks>
internal sealed class RegistryAnswers(Eligibility.EligibilityClient eligibility, ILogger logger)
{
    /// <summary>A look-up takes at most a thousand of each.</summary>
    public const int EntriesAtATime = 1_000;

    private readonly Dictionary<string, FacilityHistory?> _facilities = new(StringComparer.Ordinal);
    private readonly Dictionary<string, InsuredTerms?> _insured = new(StringComparer.Ordinal);
    private int _shard = -1;

    /// <exception cref="RpcException">FAILED_PRECONDITION where this ledger was not told of a registry.</exception>
    public static RegistryAnswers Of(IServiceProvider services, ILogger logger) => new(
        services.GetService<Eligibility.EligibilityClient>()
            ?? throw new RpcException(new Status(StatusCode.FailedPrecondition,
                "this ledger has no Claims:EligibilityAddress: the registry cannot be asked")),
        logger);

    /// <returns>Null where the registry does not know it.</returns>
    public FacilityHistory? Facility(string code) => _facilities[code];

    /// <returns>Null where the registry does not know him.</returns>
    public InsuredTerms? Insured(string id) => _insured[id];

    /// <summary>Asks for those that it has no answer for yet.</summary>
    /// <exception cref="RpcException">UNAVAILABLE where the registry does not answer.</exception>
    public async Task AskAsync((SubLedgerEntry Entry, bool OfMerged)[] some, CancellationToken cancellationToken)
    {
        if (some[0].Entry.Shard != _shard) _insured.Clear();
        _shard = some[^1].Entry.Shard;
        LookupRequest question = new() { Enrolled = true };
        foreach (SubLedgerEntry entry in some.Select(one => one.Entry).Where(entry => entry.Kind == "SETTLEMENT"))
        {
            if (_facilities.TryAdd(entry.FacilityCode, null)) question.FacilityCodes.Add(entry.FacilityCode);
            if (_insured.TryAdd(entry.InsuredId, null)) question.InsuredIds.Add(entry.InsuredId);
        }

        if (question.FacilityCodes.Count + question.InsuredIds.Count == 0) return;
        LookupReply reply = await LookUpAsync(question, cancellationToken);
        foreach (Facility facility in reply.Facilities) _facilities[facility.FacilityCode] = EligibilityTerms.Of(facility);
        foreach (Enrolled enrolled in reply.Enrolled)
        {
            string id = question.InsuredIds[enrolled.Position];
            _insured[id] = EligibilityTerms.Of(id, enrolled);
        }
    }

    private async Task<LookupReply> LookUpAsync(LookupRequest question, CancellationToken cancellationToken)
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
}
