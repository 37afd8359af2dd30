using System.Collections.Concurrent;
using System.Collections.Immutable;
using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Rules;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;

namespace Claims.Adjudication.Api;

/// <summary>One visit's way: checks, coverage, rules and accumulators in one atomic step, answer.</summary>
public sealed class SettlementDesk(SettlementStore store, EligibilityDirectory eligibility, PolicyPack pack, TimeProvider time)
{
    // One for each policy, tier and visit type of the pack.
    private readonly ConcurrentDictionary<(string PolicyId, Tier, VisitType), Citations> _citations = new();

    /// <exception cref="EligibilityUnavailableException">Coverage cannot be known, and the request is not one settled before.</exception>
    /// <exception cref="StoreUnavailableException">The accumulators cannot be known, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">A bound is reached; nothing happened.</exception>
    public async Task<SettleReply> SettleAsync(SettleRequest request)
    {
        (Visit? visit, SettleReply? refused) = CheckRequest(request);
        if (visit is null) return refused!;

        ShardQueue shard = store.ShardOf(request.InsuredId);
        CoveredVisit? covered = null;
        EligibilityUnavailableException? unknown = null;
        try
        {
            (covered, refused) = await CheckCoverageAsync(visit);
        }
        catch (EligibilityUnavailableException e)
        {
            // Whatever was settled before is answered even so.
            unknown = e;
        }

        if (covered is null)
        {
            StepReply found = await shard.RunAsync(StepFor(StepMode.Look, visit, Step.NoTerms, stored: null));
            if (found.Outcome is StepOutcome.Missing) return unknown is null ? refused! : throw unknown;
            return await AnswerStoredAsync(shard, request, found);
        }

        (StoredRequest stored, Citations citations) = await StoredRequestAsync(shard, covered);
        StepReply reply = await shard.RunAsync(StepFor(StepMode.Settle, visit, TermsOf(covered), stored));
        return reply.Outcome is StepOutcome.New
            ? Settled(Decision.Settled, shard, request, new StoredRecord(reply.Header, default, stored), citations, replayed: false)
            : await AnswerStoredAsync(shard, request, reply);
    }

    /// <summary>Takes a settlement back: the cap and the deductible are restored, and the answer is its negative mirror.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be known, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">A bound is reached; nothing happened.</exception>
    public async Task<SettleReply> CancelAsync(CancelRequest request)
    {
        ShardQueue shard = store.ShardOf(request.InsuredId);
        (string? target, Refusal? refusal) = RequestChecks.CheckKey(request.RequestId, request.FacilityCode, request.InsuredId) is { } badKey
            ? (null, badKey)
            : TargetOf(request, shard);
        if (target is null) return Refused(refusal!);

        StepReply reply = await shard.RunAsync(UndoingStep(StepMode.Cancel, request.InsuredId, request.FacilityCode, request.RequestId, target));
        if (reply.Outcome is not (StepOutcome.New or StepOutcome.Replay)) return Refused(RefusalOf(reply.Outcome));
        UndoingRecord record = UndoingRecord.Read(reply.Bytes);
        Citations citations = await store.Citations.ReadAsync(shard, record.Target!.Value.Request.Citations);
        return Replies.Cancelled(shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, citations, reply.Outcome is StepOutcome.Replay);

        SettleReply Refused(Refusal why)
        {
            SettleReply refused = Replies.Refused(request.RequestId, request.FacilityCode, request.InsuredId, why);
            refused.OriginalRequestId = request.OriginalRequestId;
            return refused;
        }
    }

    /// <summary>Undoes whatever the original request did; marks it where it never came.</summary>
    /// <inheritdoc cref="CancelAsync" path="/exception"/>
    public async Task<ReverseReply> ReverseAsync(ReverseRequest request)
    {
        Refusal? refusal = RequestChecks.CheckKey(request.RequestId, request.FacilityCode, request.InsuredId)
            ?? RequestChecks.CheckCode("original_request_id", request.OriginalRequestId)
            ?? (request.OriginalRequestId == request.RequestId ? Refusal.Invalid("original_request_id", "不能与本次请求编号相同。") : null);
        if (refusal is not null) return Refused(refusal);

        ShardQueue shard = store.ShardOf(request.InsuredId);
        string target = RequestField.Of(request.FacilityCode, request.OriginalRequestId);
        StepReply reply = await shard.RunAsync(UndoingStep(StepMode.Reverse, request.InsuredId, request.FacilityCode, request.RequestId, target));
        if (reply.Outcome is not (StepOutcome.New or StepOutcome.Replay)) return Refused(RefusalOf(reply.Outcome));

        UndoingRecord record = UndoingRecord.Read(reply.Bytes);
        if (record.Target is null) return new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo };
        bool replayed = reply.Outcome is StepOutcome.Replay;
        Citations citations = await store.Citations.ReadAsync(shard, record.Target.Value.Request.Citations);
        return record.Header.State is RecordState.UndidCancellation
            ? new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.CancellationUndone,
                Mirror = Replies.Restored(shard.Shard, request.FacilityCode, request.InsuredId, record, citations, replayed),
            }
            : new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.SettlementUndone,
                Mirror = Replies.Cancelled(shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, citations, replayed),
            };

        static ReverseReply Refused(Refusal why) => new() { Outcome = ReverseReply.Types.Outcome.ReverseRefused, ReasonCode = why.Code, ReasonText = why.Text };
    }

    /// <summary>The same answer as <see cref="SettleAsync"/> would give to a new request, without effect; it neither reads nor writes stored requests.</summary>
    /// <inheritdoc cref="SettleAsync" path="/exception"/>
    public async Task<SettleReply> QuoteAsync(SettleRequest request)
    {
        (Visit? visit, SettleReply? refused) = CheckRequest(request);
        if (visit is null) return refused!;
        (CoveredVisit? covered, refused) = await CheckCoverageAsync(visit);
        if (covered is null) return refused!;

        ShardQueue shard = store.ShardOf(request.InsuredId);
        (StoredRequest stored, Citations citations) = await StoredRequestAsync(shard, covered);
        StepReply reply = await shard.RunAsync(StepFor(StepMode.Quote, visit, TermsOf(covered), stored));
        if (reply.Outcome is not StepOutcome.New) return Refused(request, RefusalOf(reply.Outcome));
        return Settled(Decision.Quoted, shard, request, new StoredRecord(reply.Header, default, stored), citations, replayed: false);
    }

    /// <summary>What a repeat of the request would be answered: the settlement while it stands, a cancellation's mirror, or that it was cancelled or reversed.</summary>
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
        foreach (StoredAnswer found in StoredAnswer.AllOf(await shard.ReadInsuredAsync(request.InsuredId)))
        {
            bool wanted = requestId.Length > 0 ? found.RequestId == requestId : found.Header.Sequence == sequence;
            if (wanted && found.FacilityCode == request.FacilityCode) return await TellAsync(shard, request.InsuredId, found);
        }

        return Replies.Refused(requestId, request.FacilityCode, request.InsuredId, Refusal.Of(Reasons.SettlementUnknown));
    }

    /// <summary>Closes the years of visits up to this one in every shard; there is no way back.</summary>
    /// <exception cref="StoreUnavailableException">A shard did not answer; asking again completes what is left.</exception>
    public Task CloseYearAsync(int year) => Task.WhenAll(store.Shards.Select(shard => shard.CloseYearAsync(year)));

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

        foreach (StoredAnswer answer in StoredAnswer.AllOf(fields))
        {
            bool stands = answer.Header is { Kind: RecordKind.Settlement, State: RecordState.Active };
            if (stands && answer.Header.VisitDate.Year == request.Year) reply.Settlements.Add(await TellAsync(shard, request.InsuredId, answer));
        }

        return reply;
    }

    private (Visit?, SettleReply?) CheckRequest(SettleRequest request)
    {
        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, ChinaTime.Today(time));
        if (visit is null) return (null, Refused(request, refusal!));
        return FeeLines.Check(request.Lines) is { } fault ? (null, Refused(request, fault.Refusal, fault.Lines)) : (visit, null);
    }

    private async ValueTask<(CoveredVisit?, SettleReply?)> CheckCoverageAsync(Visit visit)
    {
        SettleRequest request = visit.Request;
        string[] itemCodes = request.Lines.Count == 0 ? [] : [.. request.Lines.Select(line => line.ItemCode).Distinct(StringComparer.Ordinal)];
        Known known = await eligibility.FindAsync(request.FacilityCode, request.InsuredId, itemCodes);
        if (request.Lines.Count > 0)
        {
            (Refusal? fault, ImmutableArray<LineOutcome> lines, FeeParts sum) = Split(visit, known);
            if ((fault ?? RequestChecks.CheckAgainstLines(request, sum)) is { } bad) return (null, Refused(request, bad, lines));
            visit = visit with { Fees = sum, Lines = lines };
        }

        (CoveredVisit? covered, Refusal? refusal) = CoverageChecks.Check(pack, visit, known.Facility, known.Insured);
        return (covered, covered is null ? Refused(request, refusal!) : null);
    }

    private static (Refusal? Fault, ImmutableArray<LineOutcome> Lines, FeeParts Sum) Split(Visit visit, Known known) =>
        FeeLines.Split(visit.Request.Lines, visit.Date, code => known.Items.GetValueOrDefault(code, []));

    private async Task<SettleReply> AnswerStoredAsync(ShardQueue shard, SettleRequest request, StepReply reply)
    {
        if (reply.Outcome is not StepOutcome.Replay) return Refused(request, RefusalOf(reply.Outcome));
        StoredRecord record = StoredRecord.Read(reply.Bytes);
        Citations citations = await store.Citations.ReadAsync(shard, record.Request.Citations);
        return Settled(Decision.Settled, shard, request, record, citations, replayed: true);
    }

    private static Refusal RefusalOf(StepOutcome outcome) => Refusal.Of(outcome switch
    {
        StepOutcome.Conflict => Reasons.DuplicateConflict,
        StepOutcome.Cancelled => Reasons.RequestCancelled,
        StepOutcome.Reversed => Reasons.RequestReversed,
        StepOutcome.TargetUnknown => Reasons.SettlementUnknown,
        StepOutcome.TargetUndone => Reasons.AlreadyCancelled,
        StepOutcome.BlockedByLater => Reasons.CancelBlockedByLaterSettlement,
        StepOutcome.RestoreImpossible => Reasons.RestoreImpossible,
        StepOutcome.YearClosed => Reasons.YearClosed,
        _ => throw new InvalidOperationException($"{outcome} is no refusal."),
    });

    private static (string? Target, Refusal? Refusal) TargetOf(CancelRequest request, ShardQueue shard)
    {
        switch (request.TargetCase)
        {
            case CancelRequest.TargetOneofCase.OriginalRequestId:
                Refusal? bad = RequestChecks.CheckCode("original_request_id", request.OriginalRequestId);
                return bad is null ? (RequestField.Of(request.FacilityCode, request.OriginalRequestId), null) : (null, bad);
            case CancelRequest.TargetOneofCase.SettlementId:
                // An id that was never given out names no settlement; sequence 0 is never given out either.
                return (Step.TargetOf(SettlementIds.SequenceOf(request.SettlementId, shard.Shard) ?? 0), null);
            default:
                return (null, Refusal.Invalid("target", "缺失：请给出 settlement_id 或 original_request_id。"));
        }
    }

    private Step UndoingStep(StepMode mode, string insuredId, string facilityCode, string requestId, string target) => new(
        mode,
        insuredId,
        target,
        RequestField.Of(facilityCode, requestId),
        Fingerprints.Content(mode is StepMode.Cancel ? 'C' : 'V', target, new StoredUndoing { UndoneAtUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds(), Trace = StoredTrace.OfCall() }));

    private async Task<SettleReply> TellAsync(ShardQueue shard, string insuredId, StoredAnswer found)
    {
        switch (found.Header.Kind, found.Header.State)
        {
            case (RecordKind.Settlement, RecordState.Active):
                StoredRecord settlement = StoredRecord.Read(found.Bytes);
                return Replies.Settled(Decision.Settled, shard.Shard, found.RequestId, found.FacilityCode, insuredId, settlement, await CitationsOf(settlement), replayed: false);
            case (RecordKind.Cancellation, RecordState.Active) or (RecordKind.Reversal, RecordState.UndidSettlement):
                UndoingRecord undoing = UndoingRecord.Read(found.Bytes);
                return Replies.Cancelled(shard.Shard, found.RequestId, found.FacilityCode, insuredId, undoing, await CitationsOf(undoing.Target!.Value), replayed: false);
            case (RecordKind.Reversal, RecordState.UndidCancellation):
                UndoingRecord restoring = UndoingRecord.Read(found.Bytes);
                return Replies.Restored(shard.Shard, found.FacilityCode, insuredId, restoring, await CitationsOf(restoring.Target!.Value), replayed: false);
            case (RecordKind.Settlement, RecordState.Cancelled):
                return Replies.Refused(found.RequestId, found.FacilityCode, insuredId, Refusal.Of(Reasons.RequestCancelled));
            case (RecordKind.Reversal, _):
                return Replies.Refused(found.RequestId, found.FacilityCode, insuredId, Refusal.Of(Reasons.SettlementUnknown));
            default:
                return Replies.Refused(found.RequestId, found.FacilityCode, insuredId, Refusal.Of(Reasons.RequestReversed));
        }

        ValueTask<Citations> CitationsOf(StoredRecord record) => store.Citations.ReadAsync(shard, record.Request.Citations);
    }

    private async ValueTask<(StoredRequest Stored, Citations Citations)> StoredRequestAsync(ShardQueue shard, CoveredVisit covered)
    {
        SettleRequest request = covered.Visit.Request;
        Citations citations = _citations.GetOrAdd(
            (covered.Policy.PolicyId, covered.Facility.Tier, request.VisitType), static (_, of) => Citations.For(of.pack, of.Policy, of.Tier, of.VisitType),
            (pack, covered.Policy, covered.Facility.Tier, request.VisitType));
        StoredRequest stored = new()
        {
            VisitType = (int)request.VisitType,
            TotalFen = covered.Visit.TotalFen,
            FullSelfPayFen = covered.Visit.Fees.FullSelfPayFen,
            OverLimitFen = covered.Visit.Fees.OverLimitFen,
            PreSelfPayFen = covered.Visit.Fees.PreSelfPayFen,
            InScopeFen = covered.Visit.Fees.InScopeFen,
            RateBp = covered.Terms.RateBasisPoints,
            AllowanceFen = covered.Terms.AllowanceFen ?? 0,
            Tier = (int)covered.Facility.Tier,
            InsuredCounty = CountyNumber(covered.Enrolment.County),
            FacilityCounty = CountyNumber(covered.Facility.County),
            Citations = await store.Citations.KeyOfAsync(shard, citations),
            SettledAtUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
            Trace = StoredTrace.OfCall(),
        };
        foreach (LineOutcome line in covered.Visit.Lines)
        {
            stored.Lines.Add(new StoredLine
            {
                LineId = line.LineId,
                FullSelfPayFen = line.Parts.FullSelfPayFen,
                OverLimitFen = line.Parts.OverLimitFen,
                PreSelfPayFen = line.Parts.PreSelfPayFen,
                InScopeFen = line.Parts.InScopeFen,
            });
        }

        return (stored, citations);
    }

    private static int CountyNumber(string county) => int.Parse(county, System.Globalization.CultureInfo.InvariantCulture);

    private static byte[] TermsOf(CoveredVisit covered) =>
        Step.PackTerms(covered.Terms, covered.Visit.Date, covered.Visit.TotalFen, covered.Visit.Fees.InScopeFen);

    private static Step StepFor(StepMode mode, Visit visit, byte[] terms, StoredRequest? stored) => new(
        mode,
        visit.Request.InsuredId,
        terms,
        RequestField.Of(visit.Request.FacilityCode, visit.Request.RequestId),
        Fingerprints.Content(visit.Request, stored),
        stored);

    private static SettleReply Refused(SettleRequest request, Refusal refusal, ImmutableArray<LineOutcome> lines = default)
    {
        SettleReply reply = Replies.Refused(request.RequestId, request.FacilityCode, request.InsuredId, refusal);
        if (lines.IsDefaultOrEmpty) return reply;
        foreach (LineOutcome line in lines) reply.LineResults.Add(Replies.LineOf(line));
        return reply;
    }

    private static SettleReply Settled(Decision decision, ShardQueue shard, SettleRequest request, in StoredRecord record, Citations citations, bool replayed) =>
        Replies.Settled(decision, shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, citations, replayed);
}
