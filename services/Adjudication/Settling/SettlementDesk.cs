using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using System.Text;
using Claims.Adjudication.Merging;
using Claims.Adjudication.Store;
using Claims.Adjudication.Coverage;
using Claims.Rules;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;

namespace Claims.Adjudication.Settling;

/// <summary>One visit's way: checks, coverage, rules and accumulators in one atomic step, answer.</summary>
public sealed class SettlementDesk
{
    private readonly SettlementStore _store;
    private readonly EligibilityDirectory _eligibility;
    private readonly TermsCatalogue _terms;
    private readonly TimeProvider _time;
    private readonly Formula _formula;
    private readonly Merges _merges;

    public SettlementDesk(SettlementStore store, EligibilityDirectory eligibility, PolicyPack pack, TimeProvider time)
        : this(store, eligibility, pack, time, Adjudicator.Adjudicate)
    {
    }

    /// <param name="formula">Another reading of the rules, for the tests that show which answers depend on it.</param>
    internal SettlementDesk(SettlementStore store, EligibilityDirectory eligibility, PolicyPack pack, TimeProvider time, Formula formula) =>
        (_store, _eligibility, _terms, _time, _formula, _merges) =
            (store, eligibility, new TermsCatalogue(pack), time, formula, new Merges(store, time));

    /// <summary>The rules' own reckoning of a visit, to compare the script's with.</summary>
    /// <param name="usedBefore">In the order of the terms' limits.</param>
    /// <param name="moved">Takes what each limit's accumulator moves by.</param>
    internal delegate Settlement Formula(
        Terms terms, long totalFen, long inScopeFen, ReadOnlySpan<long> usedBefore, Span<long> moved);

    /// <inheritdoc cref="SettleAsync(SettleRequest, Answer)"/>
    public async ValueTask<SettleReply> SettleAsync(SettleRequest request)
    {
        Answer answer = new();
        await SettleAsync(request, answer);
        return answer.Whole();
    }

    /// <param name="answer">Takes the answer; it may have held another one before.</param>
    /// <exception cref="EligibilityUnavailableException">Coverage cannot be known, and the request is not one settled before.</exception>
    /// <exception cref="StoreUnavailableException">The accumulators cannot be known, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">A bound is reached; nothing happened.</exception>
    public async ValueTask SettleAsync(SettleRequest request, Answer answer)
    {
        if (CheckRequest(request, answer) is not { } visit) return;
        Known known;
        try
        {
            known = await FindAsync(visit);
        }
        catch (EligibilityUnavailableException e)
        {
            await AnswerUnknownAsync(visit, answer, e);
            return;
        }

        if (TryBegin(visit, known, answer, out SettlingStep step, out ValueTask otherwise))
            await EndAsync(await step.Reply, request, step.Shard, step.Terms, answer);
        else await otherwise;
    }

    /// <summary>Takes a settlement back: the cap and the deductible are restored, and the answer is its negative mirror.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be known, or the outcome is unknown.</exception>
    /// <exception cref="StoreBusyException">A bound is reached; nothing happened.</exception>
    public async ValueTask<SettleReply> CancelAsync(CancelRequest request)
    {
        if (RequestChecks.CheckKey(request.RequestId, request.FacilityCode, request.InsuredId) is { } badKey) return Refused(badKey);
        if (CheckTarget(request) is { } refusal) return Refused(refusal);

        (StepReply reply, ShardQueue shard, Refusal? tooLong) = await UndoAsync(
            StepMode.Cancel, request.InsuredId, request.FacilityCode, request.RequestId, request.OriginalRequestId,
            (statedId, at) => TargetOf(request, statedId, at));
        if (tooLong is not null) return Refused(tooLong);
        if (reply.Outcome is not (StepOutcome.New or StepOutcome.Replay)) return RefusedBy(reply);
        UndoingRecord record = UndoingRecord.Read(reply.Bytes);
        Terms terms = await _store.Terms.ReadAsync(shard, record.Target!.Value.Request.Terms);
        return Replies.Cancelled(shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, terms,
            reply.Outcome is StepOutcome.Replay);

        SettleReply RefusedBy(in StepReply step)
        {
            SettlementRef? other = OtherOf(shard, step, request.FacilityCode);
            SettleReply refused = Refused(RefusalOf(step, other));
            refused.Other = other;
            return refused;
        }

        SettleReply Refused(Refusal why)
        {
            SettleReply refused = Replies.Refused(request.RequestId, request.FacilityCode, request.InsuredId, why);
            refused.OriginalRequestId = request.OriginalRequestId;
            return refused;
        }
    }

    /// <summary>Undoes whatever the original request did; marks it where it never came.</summary>
    /// <inheritdoc cref="CancelAsync" path="/exception"/>
    public async ValueTask<ReverseReply> ReverseAsync(ReverseRequest request)
    {
        Refusal? refusal = RequestChecks.CheckKey(request.RequestId, request.FacilityCode, request.InsuredId)
            ?? RequestChecks.CheckCode("original_request_id", request.OriginalRequestId)
            ?? (request.OriginalRequestId == request.RequestId ? Refusal.Invalid("original_request_id", "不能与本次请求编号相同。") : null);
        if (refusal is not null) return Refused(refusal);

        (StepReply reply, ShardQueue shard, Refusal? tooLong) = await UndoAsync(
            StepMode.Reverse, request.InsuredId, request.FacilityCode, request.RequestId, request.OriginalRequestId,
            (statedId, _) => (RequestField.Of(request.FacilityCode, request.OriginalRequestId, statedId),
                RequestField.Of(request.FacilityCode, request.OriginalRequestId)));
        if (tooLong is not null) return Refused(tooLong);
        if (reply.Outcome is not (StepOutcome.New or StepOutcome.Replay))
            return Refused(RefusalOf(reply, OtherOf(shard, reply, request.FacilityCode)));

        UndoingRecord record = UndoingRecord.Read(reply.Bytes);
        if (record.Target is null) return NothingToUndo(record.Header.State, request);
        bool replayed = reply.Outcome is StepOutcome.Replay;
        Terms terms = await _store.Terms.ReadAsync(shard, record.Target.Value.Request.Terms);
        return record.Header.State is RecordState.UndidCancellation
            ? new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.CancellationUndone,
                Mirror = Replies.Restored(shard.Shard, request.FacilityCode, request.InsuredId, record, terms, replayed),
            }
            : new ReverseReply
            {
                Outcome = ReverseReply.Types.Outcome.SettlementUndone,
                Mirror = Replies.Cancelled(shard.Shard, request.RequestId, request.FacilityCode, request.InsuredId, record, terms,
                    replayed),
            };

        static ReverseReply NothingToUndo(RecordState state, ReverseRequest request) => new()
        {
            Outcome = ReverseReply.Types.Outcome.NothingToUndo,
            ReasonCode = state is RecordState.FoundUndone ? Reasons.AlreadyCancelled : Reasons.SettlementUnknown,
            ReasonText = state is RecordState.FoundUndone
                ? $"请求{request.OriginalRequestId}此前已撤销或冲正，没有可冲正的结算。"
                : $"该参保人在本机构名下没有请求{request.OriginalRequestId}，没有可冲正的结算；此编号已作废，之后到达也不会结算。请核对人员编号与请求编号。",
        };

        static ReverseReply Refused(Refusal why) =>
            new() { Outcome = ReverseReply.Types.Outcome.ReverseRefused, ReasonCode = why.Code, ReasonText = why.Text };
    }

    /// <summary>The same answer as <see cref="SettleAsync(SettleRequest)"/> would give to a new request, without effect; it neither reads
    /// nor writes stored requests.</summary>
    /// <inheritdoc cref="SettleAsync(SettleRequest, Answer)" path="/exception"/>
    public async ValueTask<SettleReply> QuoteAsync(SettleRequest request)
    {
        Answer answer = new();
        if (CheckRequest(request, answer) is not { } visit) return answer.Reply;
        if (CheckCoverage(visit, await FindAsync(visit), answer) is not { } covered) return answer.Reply;

        ShardQueue shard = _store.ShardOf(request.InsuredId);
        Terms terms = covered.Terms;
        FillStored(answer.Stored, covered, await _store.Terms.KeyOfAsync(shard, terms));
        StepReply reply = await shard.RunAsync(StepFor(StepMode.Quote, covered, answer.Stored));
        if (reply.IsElsewhere)
        {
            if (TooLongForMerged("request_id", request.FacilityCode, request.RequestId, request.InsuredId) is { } tooLong)
            {
                Refuse(answer, request, tooLong);
                return answer.Reply;
            }

            (reply, shard) = await FollowAsync(StepMode.Quote, request, reply, terms, answer);
        }

        if (reply.Outcome is not StepOutcome.New) RefuseBy(answer, request, shard, reply);
        else SettleNew(answer, Decision.Quoted, "", request, reply.Header, reply.Limits, terms);
        return answer.Whole();
    }

    /// <summary>What a repeat of the request would be answered: the settlement while it stands, a cancellation's mirror, or that it was
    /// cancelled or reversed.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be known.</exception>
    public async ValueTask<SettleReply> FindAsync(GetSettlementRequest request)
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

        (ShardQueue shard, string holderId, IReadOnlyList<(string Field, byte[] Value)> fields) =
            await _merges.ReadAsync(request.InsuredId);
        IReadOnlyList<StoredAnswer> all = StoredAnswer.AllOf(fields);

        // Two ids that were merged may have the same request id.
        if (all.Where(IsWanted).OrderBy(found => found.Key.InsuredIdOr(holderId) != request.InsuredId).FirstOrDefault() is { } wanted)
            return await TellAsync(shard, wanted.Key.InsuredIdOr(holderId), wanted, all);
        return Replies.Refused(requestId, request.FacilityCode, request.InsuredId, Refusal.Of(Reasons.SettlementUnknown));

        bool IsWanted(StoredAnswer found) => found.FacilityCode == request.FacilityCode
            && (requestId.Length > 0
                ? found.RequestId == requestId
                : Replies.IdOf(shard.Shard, found.Header) == request.SettlementId);
    }

    /// <summary>Closes the years of visits up to this one in every shard; there is no way back.</summary>
    /// <exception cref="StoreUnavailableException">A shard did not answer; asking again completes what is left.</exception>
    public Task CloseYearAsync(int year) => Task.WhenAll(_store.Shards.Select(shard => shard.CloseYearAsync(year)));

    /// <exception cref="StoreUnavailableException">The store cannot be known: the remaining cap is not answered as 0.</exception>
    /// <exception cref="EligibilityUnavailableException">Whether the insured has a cap cannot be known.</exception>
    public async ValueTask<V1.Accumulators> AccumulatorsAsync(GetAccumulatorsRequest request)
    {
        (ShardQueue shard, string holderId, IReadOnlyList<(string Field, byte[] Value)> fields) =
            await _merges.ReadAsync(request.InsuredId);
        V1.Accumulators reply = new() { InsuredId = request.InsuredId, Year = request.Year };
        AccumulatorField[] year = [.. fields.Select(field => AccumulatorField.Read(field.Field, field.Value)).OfType<AccumulatorField>()
            .Where(field => field.Year == request.Year)];
        foreach (AccumulatorField field in year)
        {
            // All that the day bore has been cancelled since where it is 0.
            if (field is not { IsBorne: true, Day: { } day, FacilityCode.Length: > 0, Amount: > 0 }) continue;
            reply.FacilityDays.Add(new V1.Accumulators.Types.FacilityDay
            {
                FacilityCode = field.FacilityCode,
                Date = day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
                DeductibleBorneFen = field.Amount,
            });
        }

        string? annual = TermsCompiler.AnnualAccumulator(_terms.Pack, request.Year);
        reply.FundPaidFen = year.FirstOrDefault(field => field.Name == annual)?.Amount ?? 0;
        (long? capFen, Refusal? none) =
            CoverageChecks.CapOf(_terms.Pack, await _eligibility.FindInsuredAsync(request.InsuredId), request.Year);
        if (capFen is { } cap)
        {
            reply.CapFen = cap;
            reply.CapRemainingFen = Math.Max(cap - reply.FundPaidFen, 0);
        }

        if (none is not null)
        {
            reply.ReasonCode = none.Code;
            reply.ReasonText = none.Text;
        }

        IReadOnlyList<StoredAnswer> all = StoredAnswer.AllOf(fields);
        foreach (StoredAnswer answer in all)
        {
            bool stands = answer.Header is { Kind: RecordKind.Settlement, State: RecordState.Active };
            if (stands && answer.Header.VisitDate.Year == request.Year)
                reply.Settlements.Add(await TellAsync(shard, answer.Key.InsuredIdOr(holderId), answer, all));
        }

        return reply;
    }

    // The stages of a settlement, for SettleAsync and for the stream, which takes them without an object for each wait.

    /// <returns>Null where the request is refused, and the answer says why.</returns>
    internal Visit? CheckRequest(SettleRequest request, Answer answer)
    {
        (Visit? visit, Refusal? refusal) = RequestChecks.Check(request, ChinaTime.Today(_time));
        if (visit is null)
        {
            Refuse(answer, request, refusal!);
            return null;
        }

        if (FeeLines.Check(request.Lines) is not { } fault) return visit;
        Refuse(answer, request, fault.Refusal, fault.Lines);
        return null;
    }

    /// <exception cref="EligibilityUnavailableException">Coverage cannot be known.</exception>
    internal ValueTask<Known> FindAsync(in Visit visit)
    {
        SettleRequest request = visit.Request;
        string[] itemCodes = request.Lines.Count == 0
            ? []
            : [.. request.Lines.Select(line => line.ItemCode).Distinct(StringComparer.Ordinal)];
        return _eligibility.FindAsync(request.FacilityCode, request.InsuredId, itemCodes);
    }

    /// <returns>Null where the visit is refused, and the answer says why.</returns>
    private CoveredVisit? CheckCoverage(Visit visit, in Known known, Answer answer)
    {
        SettleRequest request = visit.Request;
        if (request.Lines.Count > 0)
        {
            (Refusal? fault, ImmutableArray<LineOutcome> lines, FeeParts sum) = Split(visit, known);
            if ((fault ?? RequestChecks.CheckAgainstLines(request, sum)) is { } bad)
            {
                Refuse(answer, request, bad, lines);
                return null;
            }

            visit = visit with { Fees = sum, Lines = lines };
        }

        (CoveredVisit? covered, Refusal? refusal) = CoverageChecks.Check(_terms, visit, known.Facility, known.Insured);
        if (covered is null) Refuse(answer, request, refusal!);
        return covered;
    }

    private static (Refusal? Fault, ImmutableArray<LineOutcome> Lines, FeeParts Sum) Split(in Visit visit, in Known known)
    {
        ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> items = known.Items;
        return FeeLines.Split(visit.Request.Lines, visit.Date, code => items.GetValueOrDefault(code, []));
    }

    /// <summary>Whatever was settled before is answered although coverage cannot be known.</summary>
    /// <param name="why">Thrown where nothing is stored of the request.</param>
    internal async ValueTask AnswerUnknownAsync(Visit visit, Answer answer, EligibilityUnavailableException why)
    {
        if (!await TryAnswerStoredAsync(visit, answer)) ExceptionDispatchInfo.Throw(why);
    }

    /// <summary>Sends a covered visit to the _store.</summary>
    /// <param name="step">The store's reply, for <see cref="EndAsync"/>.</param>
    /// <param name="otherwise">Completes when a visit that takes another way is answered.</param>
    internal bool TryBegin(in Visit visit, in Known known, Answer answer, out SettlingStep step, out ValueTask otherwise)
    {
        step = default;
        if (CheckCoverage(visit, known, answer) is not { } covered)
        {
            otherwise = AnswerStoredOrRefusedAsync(visit, answer);
            return false;
        }

        ShardQueue shard = _store.ShardOf(visit.Request.InsuredId);
        Terms terms = covered.Terms;
        ValueTask<uint> key = _store.Terms.KeyOfAsync(shard, terms);
        if (!key.IsCompletedSuccessfully)
        {
            otherwise = SettleCitedAsync(covered, shard, terms, key, answer);
            return false;
        }

        FillStored(answer.Stored, covered, key.Result);
        step = new SettlingStep(shard.RunAsync(StepFor(StepMode.Settle, covered, answer.Stored)), shard, terms);
        otherwise = default;
        return true;
    }

    /// <summary>Answers by what the store has replied: at once, unless the request was settled before.</summary>
    internal ValueTask EndAsync(in StepReply reply, SettleRequest request, ShardQueue shard, Terms terms, Answer answer)
    {
        if (reply.IsElsewhere) return EndMergedAsync(reply, request, terms, answer);
        if (reply.Outcome is not StepOutcome.New) return AnswerStoredAsync(shard, request, reply, answer);
        SettleNew(answer, Decision.Settled, reply.SettlementId, request, reply.Header, reply.Limits, terms);
        return ValueTask.CompletedTask;
    }

    private async ValueTask EndMergedAsync(StepReply reply, SettleRequest request, Terms terms, Answer answer)
    {
        if (TooLongForMerged("request_id", request.FacilityCode, request.RequestId, request.InsuredId) is { } refusal)
        {
            Refuse(answer, request, refusal);
            return;
        }

        (StepReply end, ShardQueue shard) = await FollowAsync(StepMode.Settle, request, reply, terms, answer);
        await EndAsync(end, request, shard, terms, answer);
    }

    /// <summary>The store has 255 bytes for what a request lies under, and of an id that was merged that has a part: it was too long for
    /// the longest codes that are not written in Latin letters.</summary>
    private static Refusal? TooLongForMerged(string name, string facilityCode, string requestId, string insuredId) =>
        RequestField.BytesOf(Encoding.UTF8.GetByteCount(facilityCode), requestId, insuredId) > RequestField.MostBytes
            ? Refusal.Invalid(name, "对已合并的人员编号过长，请改用合并后的编号，或使用较短的请求编号。")
            : null;

    /// <summary>The same step where the records of the insured are, whose id was merged into another.</summary>
    private ValueTask<(StepReply Reply, ShardQueue Shard)> FollowAsync(
        StepMode mode, SettleRequest request, StepReply reply, Terms? terms, Answer answer)
    {
        DateOnly date = DateOnly.ParseExact(request.VisitDate, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        return _merges.FollowAsync(request.InsuredId, reply, async (holder, shard) =>
        {
            if (terms is null) return await shard.RunAsync(Step.Visit(mode, holder, request, date, null, 0, 0, null));
            StoredRequest stored = answer.Stored;
            stored.Terms = await _store.Terms.KeyOfAsync(shard, terms);
            return await shard.RunAsync(
                Step.Visit(mode, holder, request, date, terms, stored.TotalFen, stored.InScopeFen, stored));
        });
    }

    private async ValueTask SettleCitedAsync(
        CoveredVisit covered, ShardQueue shard, Terms terms, ValueTask<uint> key, Answer answer)
    {
        FillStored(answer.Stored, covered, await key);
        await EndAsync(await shard.RunAsync(StepFor(StepMode.Settle, covered, answer.Stored)), covered.Visit.Request, shard, terms,
            answer);
    }

    /// <summary>What would be refused now may have been settled before, and then its answer stands.</summary>
    /// <param name="answer">Says the refusal.</param>
    private async ValueTask AnswerStoredOrRefusedAsync(Visit visit, Answer answer) => await TryAnswerStoredAsync(visit, answer);

    /// <returns>False where nothing is stored of the request; the answer is as it was.</returns>
    private async ValueTask<bool> TryAnswerStoredAsync(Visit visit, Answer answer)
    {
        SettleRequest request = visit.Request;
        ShardQueue shard = _store.ShardOf(request.InsuredId);
        StepReply found = await shard.RunAsync(Step.Visit(StepMode.Look, request, visit.Date, terms: null, 0, 0, stored: null));
        if (found.IsElsewhere)
        {
            if (TooLongForMerged("request_id", request.FacilityCode, request.RequestId, request.InsuredId) is not null) return false;
            (found, shard) = await FollowAsync(StepMode.Look, request, found, terms: null, answer);
        }

        if (found.Outcome is StepOutcome.Missing) return false;
        await AnswerStoredAsync(shard, request, found, answer);
        return true;
    }

    private async ValueTask AnswerStoredAsync(ShardQueue shard, SettleRequest request, StepReply reply, Answer answer)
    {
        if (reply.Outcome is not StepOutcome.Replay)
        {
            RefuseBy(answer, request, shard, reply);
            return;
        }

        StoredRecord record = StoredRecord.Read(reply.Bytes);
        if (!StatesTheSame(request, record.Request))
        {
            RequestField.Key key = new(request.FacilityCode, request.RequestId, "");
            SettlementRef stands = SettlementRefs.Of(
                shard.Shard, new StoredAnswer(key, record.Header, reply.Bytes), request.FacilityCode);
            Refuse(answer, request, SettlementRefs.Name(Reasons.DuplicateConflict, stands));
            answer.Reply.Other = stands;
            return;
        }

        Terms terms = await _store.Terms.ReadAsync(shard, record.Request.Terms);
        Settle(answer, Decision.Settled, Replies.IdOf(shard.Shard, record.Header), request, record, answer.UsesOf(record.Limits), terms,
            replayed: true);
    }

    /// <summary>Whether the sums that a request with fee lines states are those that were computed when it was settled: 0 states
    /// nothing.</summary>
    private static bool StatesTheSame(SettleRequest request, StoredRequest settled)
    {
        return request.Lines.Count == 0
            || (Same(request.TotalFen, settled.TotalFen) && Same(request.FullSelfPayFen, settled.FullSelfPayFen)
                && Same(request.OverLimitFen, settled.OverLimitFen) && Same(request.PreSelfPayFen, settled.PreSelfPayFen)
                && Same(request.InScopeFen, settled.InScopeFen));

        static bool Same(long statedFen, long settledFen) => statedFen == 0 || statedFen == settledFen;
    }

    private static SettlementRef? OtherOf(ShardQueue shard, in StepReply reply, string facilityCode) =>
        reply.Named() is { } named ? SettlementRefs.Of(shard.Shard, named, facilityCode) : null;

    private static void RefuseBy(Answer answer, SettleRequest request, ShardQueue shard, in StepReply reply)
    {
        SettlementRef? other = OtherOf(shard, reply, request.FacilityCode);
        Refuse(answer, request, RefusalOf(reply, other));
        answer.Reply.Other = other;
    }

    /// <exception cref="StoreUnavailableException">What is stored cannot be read by this program.</exception>
    private static Refusal RefusalOf(in StepReply reply, SettlementRef? other) => reply.Outcome switch
    {
        StepOutcome.Refused => SettlementRefs.Name(reply.ReasonCode, other),
        StepOutcome.FormatUnknown => throw new StoreUnavailableException(
            $"A stored record has format {Encoding.ASCII.GetString(reply.Bytes.Span)}, and this program reads "
                + $"format {RecordHeader.Format}."),
        StepOutcome.Gone => Refusal.Of(Reasons.RecordsLost),
        StepOutcome unforeseen => throw new InvalidOperationException($"{unforeseen} is no refusal."),
    };

    private static Refusal? CheckTarget(CancelRequest request) => request.TargetCase switch
    {
        CancelRequest.TargetOneofCase.OriginalRequestId => RequestChecks.CheckCode("original_request_id", request.OriginalRequestId),
        CancelRequest.TargetOneofCase.SettlementId => null,
        _ => Refusal.Invalid("target", "缺失：请给出 settlement_id 或 original_request_id。"),
    };

    /// <param name="statedId">The id that the request names, where that was merged into another; otherwise empty.</param>
    /// <param name="at">Where the settlement is looked for.</param>
    private static (string Target, string Asked) TargetOf(CancelRequest request, string statedId, ShardQueue at)
    {
        if (request.TargetCase is CancelRequest.TargetOneofCase.OriginalRequestId)
        {
            return (RequestField.Of(request.FacilityCode, request.OriginalRequestId, statedId),
                RequestField.Of(request.FacilityCode, request.OriginalRequestId));
        }

        // An id that was never given out names no settlement; sequence 0 is never given out either.
        (int year, int shard, long sequence) = SettlementIds.Read(request.SettlementId) ?? (0, at.Shard, 0);
        return (Step.TargetOf(year, shard, sequence, at.Shard), Step.TargetOf(year, sequence));
    }

    /// <param name="target">Of an id that was merged, and of where its records are: what is undone, as the store and as the request name
    /// it.</param>
    /// <param name="originalRequestId">Empty where the settlement is named by its id.</param>
    /// <returns>Or why the store cannot be asked.</returns>
    private async ValueTask<(StepReply Reply, ShardQueue Shard, Refusal? TooLong)> UndoAsync(StepMode mode, string insuredId,
        string facilityCode, string requestId, string originalRequestId,
        Func<string, ShardQueue, (string Target, string Asked)> target)
    {
        StoredUndoing stored = new() { UndoneAtUnixMs = _time.GetUtcNow().ToUnixTimeMilliseconds(), Trace = StoredTrace.OfCall() };
        ShardQueue own = _store.ShardOf(insuredId);
        StepReply reply = await RunAsync(new Holder(insuredId), own);
        if (!reply.IsElsewhere) return (reply, own, null);
        if ((TooLongForMerged("request_id", facilityCode, requestId, insuredId)
            ?? TooLongForMerged("original_request_id", facilityCode, originalRequestId, insuredId)) is { } tooLong)
            return (reply, own, tooLong);
        (reply, own) = await _merges.FollowAsync(insuredId, reply, RunAsync);
        return (reply, own, null);

        ValueTask<StepReply> RunAsync(Holder holder, ShardQueue at)
        {
            (string wanted, string asked) = target(holder.StatedId, at);
            return at.RunAsync(Step.Undoing(mode, holder, facilityCode, requestId, wanted, asked, stored));
        }
    }

    /// <param name="all">Everything stored of the insured.</param>
    private async Task<SettleReply> TellAsync(ShardQueue shard, string insuredId, StoredAnswer found, IReadOnlyList<StoredAnswer> all)
    {
        switch (found.Header.Kind, found.Header.State)
        {
            case (RecordKind.Settlement, RecordState.Active):
                StoredRecord settlement = StoredRecord.Read(found.Bytes);
                return Replies.Settled(shard.Shard, found.RequestId, found.FacilityCode, insuredId, settlement,
                    await TermsOf(settlement), replayed: false);
            case (RecordKind.Settlement, RecordState.Cancelled or RecordState.Reversed):
                StoredRecord undone = StoredRecord.Read(found.Bytes);
                string reason = found.Header.State is RecordState.Cancelled ? Reasons.RequestCancelled : Reasons.RequestReversed;
                SettlementRef? by = UndoneBy(found, all) is { } cause ? SettlementRefs.Of(shard.Shard, cause, found.FacilityCode) : null;
                return Replies.NotStanding(shard.Shard, found, insuredId, undone, await TermsOf(undone), reason, by);
            case (RecordKind.Cancellation, RecordState.Active) or (RecordKind.Reversal, RecordState.UndidSettlement):
                UndoingRecord undoing = UndoingRecord.Read(found.Bytes);
                return Replies.Cancelled(
                    shard.Shard, found.RequestId, found.FacilityCode, insuredId, undoing, await TermsOf(undoing.Target!.Value),
                    replayed: false);
            case (RecordKind.Reversal, RecordState.UndidCancellation):
                UndoingRecord restoring = UndoingRecord.Read(found.Bytes);
                return Replies.Restored(shard.Shard, found.FacilityCode, insuredId, restoring, await TermsOf(restoring.Target!.Value),
                    replayed: false);
            case (RecordKind.Reversal, _):
                return Replies.Refused(found.RequestId, found.FacilityCode, insuredId, Refusal.Of(Reasons.SettlementUnknown));
            default:
                return Replies.Refused(found.RequestId, found.FacilityCode, insuredId, Refusal.Of(Reasons.RequestReversed));
        }

        ValueTask<Terms> TermsOf(StoredRecord record) => _store.Terms.ReadAsync(shard, record.Request.Terms);
    }

    /// <summary>The cancellation or reversal that undid a settlement: the newest of those that name it.</summary>
    private static StoredAnswer? UndoneBy(StoredAnswer settlement, IReadOnlyList<StoredAnswer> all)
    {
        string field = RequestField.Of(settlement.FacilityCode, settlement.RequestId, settlement.Key.StatedId);
        return all.LastOrDefault(answer =>
            answer.Header is { Kind: RecordKind.Cancellation, State: RecordState.Active }
                or { Kind: RecordKind.Reversal, State: RecordState.UndidSettlement }
            && UndoingRecord.Read(answer.Bytes).TargetField == field);
    }

    /// <summary>Every field is written: it may have held another visit's before.</summary>
    private void FillStored(StoredRequest stored, in CoveredVisit covered, uint terms)
    {
        stored.VisitType = (int)covered.Visit.Request.VisitType;
        stored.TotalFen = covered.Visit.TotalFen;
        stored.FullSelfPayFen = covered.Visit.Fees.FullSelfPayFen;
        stored.OverLimitFen = covered.Visit.Fees.OverLimitFen;
        stored.PreSelfPayFen = covered.Visit.Fees.PreSelfPayFen;
        stored.InScopeFen = covered.Visit.Fees.InScopeFen;
        stored.InsuredCounty = CountyNumber(covered.Enrolment.County);
        stored.FacilityCounty = CountyNumber(covered.Facility.County);
        stored.Terms = terms;
        stored.SettledAtUnixMs = _time.GetUtcNow().ToUnixTimeMilliseconds();
        stored.Trace = StoredTrace.OfCall();
        stored.Lines.Clear();
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
    }

    private static int CountyNumber(string county) => int.Parse(county, System.Globalization.CultureInfo.InvariantCulture);

    private static Step StepFor(StepMode mode, in CoveredVisit covered, StoredRequest stored) => Step.Visit(
        mode, covered.Visit.Request, covered.Visit.Date, covered.Terms, covered.Visit.TotalFen, covered.Visit.Fees.InScopeFen, stored);

    private static void Refuse(Answer answer, SettleRequest request, Refusal refusal, ImmutableArray<LineOutcome> lines = default)
    {
        answer.Calculation = null;
        Replies.Refuse(answer.Reply, request.RequestId, request.FacilityCode, request.InsuredId, refusal);
        if (lines.IsDefaultOrEmpty) return;
        foreach (LineOutcome line in lines) answer.Reply.LineResults.Add(Replies.LineOf(line));
    }

    /// <summary>Answers what the script has just decided, once the rules have come to the same.</summary>
    /// <exception cref="InvalidOperationException">They have not: nothing is answered.</exception>
    private void SettleNew(Answer answer, Decision decision, string settlementId, SettleRequest request, in RecordHeader header,
        in StoredLimits limits, Terms terms)
    {
        StoredRecord record = new(header, limits, default, answer.Stored) { VisitId = request.VisitId };
        ReadOnlyMemory<LimitUse> uses = answer.UsesOf(limits);
        Compare(answer.Stored, settlementId, header, uses.Span, terms);
        Settle(answer, decision, settlementId, request, record, uses, terms, replayed: false);
    }

    private void Compare(StoredRequest stored, string settlementId, in RecordHeader header, ReadOnlySpan<LimitUse> uses, Terms terms)
    {
        Span<long> before = stackalloc long[uses.Length];
        Span<long> moved = stackalloc long[uses.Length];
        for (int index = 0; index < uses.Length; index++) before[index] = uses[index].UsedBefore;
        Settlement rules = _formula(
            terms, stored.TotalFen, Math.Min(stored.InScopeFen, Step.BaseLimitFen), before, moved);
        bool same = rules == header.Outcome;
        for (int index = 0; index < uses.Length; index++) same &= uses[index].Moved == moved[index];
        if (same) return;
        throw new InvalidOperationException(
            $"Settlement {settlementId}: the script says deductible {header.DeductibleFen}, fund {header.FundPayFen} {header.ReasonCode}; "
                + $"the rules say {rules.DeductibleFen}, {rules.FundPayFen} {rules.ReasonCode}.");
    }

    private static void Settle(Answer answer, Decision decision, string settlementId, SettleRequest request, in StoredRecord record,
        ReadOnlyMemory<LimitUse> uses, Terms terms, bool replayed) =>
        Replies.Settle(answer, decision, settlementId, request.RequestId, request.FacilityCode, request.InsuredId, record, uses, terms,
            replayed);
}

/// <summary>A visit that is with the _store.</summary>
internal readonly record struct SettlingStep(ValueTask<StepReply> Reply, ShardQueue Shard, Terms Terms);
