using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Rules;
using Claims.Policy;
using Claims.V1;

namespace Claims.Adjudication.Api;

/// <summary>One visit's way: checks, coverage, rules and accumulators in one atomic step, answer.</summary>
public sealed class SettlementDesk(SettlementStore store, EligibilityDirectory eligibility, PolicyPack pack, TimeProvider time)
{
    private static readonly TimeSpan ChinaStandardTime = TimeSpan.FromHours(8);

    /// <exception cref="EligibilityUnavailableException">Coverage cannot be known, and the request is not one settled before.</exception>
    /// <exception cref="StoreUnavailableException">The accumulators cannot be known, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">A bound is reached; nothing happened.</exception>
    public async Task<SettleReply> SettleAsync(SettleRequest request)
    {
        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, Today());
        if (visit is null) return Refused(request, refusal!);

        ShardQueue shard = store.ShardOf(request.InsuredId);
        CoveredVisit? covered = null;
        EligibilityUnavailableException? unknown = null;
        try
        {
            (covered, refusal) = await CheckCoverageAsync(visit);
        }
        catch (EligibilityUnavailableException e)
        {
            // Whatever was settled before is answered even so.
            unknown = e;
        }

        if (covered is null)
        {
            StepReply found = await shard.RunAsync(StepFor(StepMode.Look, visit, Step.NoTerms, stored: null));
            if (found.Outcome is StepOutcome.Missing) return unknown is null ? Refused(request, refusal!) : throw unknown;
            return await AnswerStoredAsync(shard, request, found);
        }

        (StoredRequest stored, Citations citations) = await StoredRequestAsync(shard, covered);
        StepReply reply = await shard.RunAsync(StepFor(StepMode.Settle, visit, TermsOf(covered), stored));
        return reply.Outcome is StepOutcome.New
            ? Settled(Decision.Settled, shard, request, new StoredRecord(reply.Header, default, stored), citations, replayed: false)
            : await AnswerStoredAsync(shard, request, reply);
    }

    /// <summary>The same answer as <see cref="SettleAsync"/> would give to a new request, without effect; it neither reads nor writes stored requests.</summary>
    /// <inheritdoc cref="SettleAsync" path="/exception"/>
    public async Task<SettleReply> QuoteAsync(SettleRequest request)
    {
        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, Today());
        if (visit is null) return Refused(request, refusal!);
        (CoveredVisit? covered, refusal) = await CheckCoverageAsync(visit);
        if (covered is null) return Refused(request, refusal!);

        ShardQueue shard = store.ShardOf(request.InsuredId);
        (StoredRequest stored, Citations citations) = await StoredRequestAsync(shard, covered);
        StepReply reply = await shard.RunAsync(StepFor(StepMode.Quote, visit, TermsOf(covered), stored));
        return Settled(Decision.Quoted, shard, request, new StoredRecord(reply.Header, default, stored), citations, replayed: false);
    }

    /// <exception cref="StoreUnavailableException">The store cannot be known.</exception>
    public async Task<SettleReply> FindAsync(GetSettlementRequest request)
    {
        string requestId = request.KeyCase is GetSettlementRequest.KeyOneofCase.RequestId ? request.RequestId : "";
        Refusal? refusal = RequestChecks.CheckCode("facility_code", request.FacilityCode)
            ?? RequestChecks.CheckCode("insured_id", request.InsuredId)
            ?? request.KeyCase switch
            {
                GetSettlementRequest.KeyOneofCase.RequestId => RequestChecks.CheckCode("request_id", request.RequestId),
                GetSettlementRequest.KeyOneofCase.SettlementId => RequestChecks.CheckCode("settlement_id", request.SettlementId),
                _ => Refusal.Invalid("key", "缺失：请给出 settlement_id 或 request_id。"),
            };
        if (refusal is not null) return Replies.Refused(requestId, request.FacilityCode, request.InsuredId, refusal);

        ShardQueue shard = store.ShardOf(request.InsuredId);
        long? sequence = SettlementIds.SequenceOf(request.SettlementId, shard.Shard);
        foreach (StoredSettlement found in await SettlementsAsync(shard, request.InsuredId))
        {
            bool wanted = requestId.Length > 0 ? found.RequestId == requestId : found.Record.Header.Sequence == sequence && found.SettlementId(shard.Shard) == request.SettlementId;
            if (wanted && found.FacilityCode == request.FacilityCode) return await TellAsync(shard, request.InsuredId, found);
        }

        return Replies.Refused(requestId, request.FacilityCode, request.InsuredId, Refusal.Of(Reasons.SettlementUnknown));
    }

    /// <exception cref="StoreUnavailableException">The store cannot be known: the remaining cap is not answered as 0.</exception>
    public async Task<V1.Accumulators> AccumulatorsAsync(GetAccumulatorsRequest request)
    {
        ShardQueue shard = store.ShardOf(request.InsuredId);
        IReadOnlyList<(string Field, byte[] Value)> fields = await shard.ReadInsuredAsync(request.InsuredId);
        V1.Accumulators reply = new() { InsuredId = request.InsuredId, Year = request.Year };
        foreach (AccumulatorField field in fields.Select(f => AccumulatorField.Read(f.Field, f.Value)).OfType<AccumulatorField>())
        {
            if (field.Year != request.Year) continue;
            if (field.Day is { } day)
            {
                reply.FacilityDays.Add(new V1.Accumulators.Types.FacilityDay
                {
                    FacilityCode = field.FacilityCode,
                    Date = day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
                    DeductibleBorneFen = field.AmountFen,
                });
            }
            else
            {
                reply.FundPaidFen = field.AmountFen;
            }
        }

        // A year without a policy has no cap, and so nothing that could remain.
        if (pack.OutpatientOn(new DateOnly(request.Year, 12, 31)) is { } policy)
        {
            reply.CapFen = policy.AnnualCapFen.Value;
            reply.CapRemainingFen = Math.Max(reply.CapFen - reply.FundPaidFen, 0);
        }

        foreach (StoredSettlement settlement in StoredSettlement.AllOf(fields))
        {
            if (settlement.Record.VisitDate.Year == request.Year) reply.Settlements.Add(await TellAsync(shard, request.InsuredId, settlement));
        }

        return reply;
    }

    private DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().ToOffset(ChinaStandardTime).DateTime);

    private async ValueTask<(CoveredVisit?, Refusal?)> CheckCoverageAsync(Visit visit)
    {
        (FacilityTerms? facility, InsuredTerms? insured) = await eligibility.FindAsync(visit.Request.FacilityCode, visit.Request.InsuredId);
        return CoverageChecks.Check(pack, visit, facility, insured);
    }

    private async Task<SettleReply> AnswerStoredAsync(ShardQueue shard, SettleRequest request, StepReply reply)
    {
        if (reply.Outcome is StepOutcome.Conflict) return Refused(request, Refusal.Of(Reasons.DuplicateConflict));
        StoredRecord record = reply.Record!;
        Citations citations = await store.Citations.ReadAsync(shard, record.Request.Citations);
        return Settled(Decision.Settled, shard, request, record, citations, replayed: true);
    }

    private static async Task<IReadOnlyList<StoredSettlement>> SettlementsAsync(ShardQueue shard, string insuredId) =>
        StoredSettlement.AllOf(await shard.ReadInsuredAsync(insuredId));

    private async Task<SettleReply> TellAsync(ShardQueue shard, string insuredId, StoredSettlement found)
    {
        Citations citations = await store.Citations.ReadAsync(shard, found.Record.Request.Citations);
        return Replies.Settled(Decision.Settled, shard.Shard, found.RequestId, found.FacilityCode, insuredId, found.Record, citations, replayed: false);
    }

    private async ValueTask<(StoredRequest Stored, Citations Citations)> StoredRequestAsync(ShardQueue shard, CoveredVisit covered)
    {
        SettleRequest request = covered.Visit.Request;
        Citations citations = Citations.For(pack, covered.Policy, covered.Facility.Tier, request.VisitType);
        StoredRequest stored = new()
        {
            VisitDay = covered.Visit.Date.DayNumber,
            VisitType = (int)request.VisitType,
            TotalFen = request.TotalFen,
            FullSelfPayFen = request.FullSelfPayFen,
            OverLimitFen = request.OverLimitFen,
            PreSelfPayFen = request.PreSelfPayFen,
            InScopeFen = request.InScopeFen,
            RateBp = covered.Terms.RateBasisPoints,
            TariffFen = covered.Terms.TariffFen,
            CapFen = covered.Terms.CapFen,
            Tier = (int)covered.Facility.Tier,
            InsuredCounty = CountyNumber(covered.Enrolment.County),
            FacilityCounty = CountyNumber(covered.Facility.County),
            Citations = await store.Citations.KeyOfAsync(shard, citations),
            SettledAtUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        if (covered.Terms.AllowanceFen is { } allowanceFen) stored.AllowanceFen = allowanceFen;
        return (stored, citations);
    }

    private static int CountyNumber(string county) => int.Parse(county, System.Globalization.CultureInfo.InvariantCulture);

    private static byte[] TermsOf(CoveredVisit covered) =>
        Step.PackTerms(covered.Terms, covered.Visit.Date.Year, covered.Visit.Request.TotalFen, covered.Visit.Request.InScopeFen);

    private static Step StepFor(StepMode mode, Visit visit, byte[] terms, StoredRequest? stored) => new(
        mode,
        visit.Request.InsuredId,
        terms,
        RequestField.Of(visit.Request.FacilityCode, visit.Request.RequestId),
        Step.DayFieldOf(visit.Date, visit.Request.FacilityCode),
        Fingerprints.Content(visit.Request, stored));

    private static SettleReply Refused(SettleRequest request, Refusal refusal) =>
        Replies.Refused(request.RequestId, request.FacilityCode, request.InsuredId, refusal);

    private static SettleReply Settled(Decision decision, ShardQueue shard, SettleRequest request, StoredRecord record, Citations citations, bool replayed) =>
        Replies.Settled(decision, shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, citations, replayed);
}
