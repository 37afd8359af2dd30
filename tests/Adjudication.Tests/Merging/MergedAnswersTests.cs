using Adjudication.Tests.Settling;
using Adjudication.Tests.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Merging;
using Claims.Adjudication.Settling;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Merging;

/// <summary>What hospitals are answered under two ids that are one person, and who may make them one.</summary>
public sealed class MergedAnswersTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private readonly WrittenActs _acts = new();

    [Fact]
    public async Task Every_call_under_either_id_speaks_of_one_person()
    {
        (string old, string own) = ("PM1-old", Other("PM1-old"));
        SettleReply first = await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", own, date: "2025-03-06"));

        MergeInsuredReply merged = await MergeAsync(old, own);

        Assert.False(merged.DoneBefore);
        Assert.True((await MergeAsync(old, own)).DoneBefore);
        SettleReply repeated = await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        Assert.Equal((first.SettlementId, true, first.FundPayFen), (repeated.SettlementId, repeated.Replayed, repeated.FundPayFen));
        SettleReply quoted = await fixture.Desk.QuoteAsync(DeskFixture.VisitOf(20_000, "R2", old, date: "2025-03-07"));
        SettleReply settled = await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R2", old, date: "2025-03-07"));
        Assert.Equal((Decision.Quoted, quoted.FundPayFen), (quoted.Decision, settled.FundPayFen));
        Assert.Equal(2 * first.FundPayFen, settled.CapUsedBeforeFen);

        Accumulators byOld = await fixture.Desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = old, Year = 2025 });
        Accumulators byOwn = await fixture.Desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = own, Year = 2025 });
        Assert.Equal((byOwn.FundPaidFen, byOwn.CapRemainingFen), (byOld.FundPaidFen, byOld.CapRemainingFen));
        Assert.Equal(settled.CapUsedAfterFen, byOld.FundPaidFen);
        Assert.Equal(byOwn.Settlements, byOld.Settlements);
        Assert.Equal([(old, "R1"), (old, "R2"), (own, "R1")],
            byOld.Settlements.Select(settlement => (settlement.InsuredId, settlement.RequestId)).OrderBy(key => key.InsuredId == own)
                .ThenBy(key => key.RequestId, StringComparer.Ordinal));

        foreach (string id in (string[])[old, own])
        {
            SettleReply found = await fixture.Desk.FindAsync(new GetSettlementRequest
            {
                FacilityCode = DeskFixture.Hospital,
                InsuredId = id,
                SettlementId = first.SettlementId,
            });
            Assert.Equal((old, first.SettlementId, Decision.Settled), (found.InsuredId, found.SettlementId, found.Decision));
            SettleReply byRequest = await fixture.Desk.FindAsync(new GetSettlementRequest
            {
                FacilityCode = DeskFixture.Hospital,
                InsuredId = id,
                RequestId = "R1",
            });
            Assert.Equal(id, byRequest.InsuredId);
        }

        SettleReply cancelled = await fixture.Desk.CancelAsync(new CancelRequest
        {
            RequestId = "C1",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = own,
            SettlementId = first.SettlementId,
        });
        Assert.Equal((Decision.Cancelled, "R1", -first.FundPayFen),
            (cancelled.Decision, cancelled.OriginalRequestId, cancelled.FundPayFen));
        Assert.Equal(Reasons.RequestCancelled, (await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old))).ReasonCode);
        ReverseReply reversed = await fixture.Desk.ReverseAsync(new ReverseRequest
        {
            RequestId = "V1",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = old,
            OriginalRequestId = "R2",
        });
        Assert.Equal(ReverseReply.Types.Outcome.SettlementUndone, reversed.Outcome);
    }

    [Fact]
    public async Task Without_eligibility_a_repeat_under_the_merged_id_is_answered()
    {
        (string old, string own) = ("PM2-old", Other("PM2-old"));
        SettleReply first = await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await MergeAsync(old, own);

        SettleReply repeated = await fixture.DeskWithoutEligibility.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));

        Assert.Equal((first.SettlementId, true), (repeated.SettlementId, repeated.Replayed));
    }

    [Theory]
    [InlineData("PM3", "Q-unknown", "因由", "甲", StatusCode.FailedPrecondition)]
    [InlineData("PM3", "PM3", "因由", "甲", StatusCode.FailedPrecondition)]
    [InlineData("PM3", "PM4", "", "甲", StatusCode.InvalidArgument)]
    [InlineData("PM3", "PM4", "因\n由", "甲", StatusCode.InvalidArgument)]
    [InlineData("PM3", "PM4", "因由", " ", StatusCode.InvalidArgument)]
    [InlineData("", "PM4", "因由", "甲", StatusCode.InvalidArgument)]
    public async Task Merge_that_cannot_be_made_is_refused_and_changes_nothing(
        string old, string own, string reason, string actor, StatusCode code)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => Api.MergeInsured(
            new MergeInsuredRequest { MergedId = old, IntoId = own, Reason = reason, Actor = actor }, new TestCall()));

        Assert.Equal(code, refused.StatusCode);
        Assert.Empty(await fixture.Store.Store.ShardOf("PM3").ReadInsuredAsync("PM3"));
    }

    [Fact]
    public async Task Merge_tells_the_visits_that_are_settled_twice_and_the_limits_that_are_overdrawn()
    {
        (string old, string own) = ("PM7-old", Other("PM7-old"));
        foreach (string id in (string[])[old, own])
        {
            SettleRequest visit = DeskFixture.VisitOf(20_000, "R1", id);
            visit.VisitId = "V1";
            await fixture.Desk.SettleAsync(visit);
        }

        MergeInsuredReply merged = await MergeAsync(old, own);

        Assert.Equal([$"{DeskFixture.Hospital} V1"], merged.SettledTwice);
        Assert.Equal(
            [new OverdrawnLimit { Accumulator = $"bordinary:20250305:{DeskFixture.Hospital}", Limit = 4_000, Used = 8_000 }],
            merged.Overdrawn);
    }

    [Fact]
    public async Task Ids_are_parted_although_the_registry_does_not_know_the_other_any_more()
    {
        (string old, string own) = ("PM8-old", "Q-PM8");
        await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await new Merges(fixture.Store.Store, fixture.Time).MergeAsync(old, own, "甲", "因由");

        MergeInsuredReply parted = await Api.MergeInsured(
            new MergeInsuredRequest { MergedId = old, IntoId = own, Reason = "有误", Actor = "乙", Undo = true }, new TestCall());

        Assert.False(parted.DoneBefore);
        Assert.True((await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old))).Replayed);
        Assert.Equal(4_000, (await fixture.Desk.QuoteAsync(DeskFixture.VisitOf(20_000, "R2", old, date: "2025-03-06"))).DeductibleFen);
    }

    [Theory]
    [InlineData(200, 64, true)]
    [InlineData(201, 64, false)]
    [InlineData(200, 65, false)]
    public async Task Merge_takes_a_reason_of_200_characters_and_an_actor_of_64(int reason, int actor, bool isTaken)
    {
        MergeInsuredRequest request = new()
        {
            MergedId = "PM9-old",
            IntoId = "PM9-own",
            Reason = new string('因', reason),
            Actor = new string('甲', actor),
        };

        RpcException? refused = isTaken
            ? await Record.ExceptionAsync(() => Api.MergeInsured(request, new TestCall())) as RpcException
            : await Assert.ThrowsAsync<RpcException>(() => Api.MergeInsured(request, new TestCall()));

        Assert.Equal(isTaken ? null : StatusCode.InvalidArgument, refused?.StatusCode);
        Assert.Equal(isTaken ? 1 : 0, _acts.Acts.Count);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1_000, false)]
    public async Task Merge_that_the_store_cannot_take_now_is_told_to_be_asked_for_again(long longestOutbox, bool isOpen)
    {
        await using SettlementStore store = new(fixture.Store.Redis, shardCount: 4, longestOutbox);
        foreach (ShardQueue shard in store.Shards)
            if (isOpen) shard.Open(StoreFixture.Epoch, 0);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ApiOn(store).MergeInsured(
            new MergeInsuredRequest { MergedId = "PM10-old", IntoId = "PM10-own", Reason = "因由", Actor = "甲" }, new TestCall()));

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.EndsWith(" The same again goes through with it 请重试.", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Undoings_that_are_repeated_after_the_merge_are_answered_as_before_to_the_letter()
    {
        (string old, string own) = ("PM13-old", Other("PM13-old"));
        SettleReply[] settled = new SettleReply[5];
        for (int visit = 1; visit < settled.Length; visit++)
        {
            // The first leaves nothing of the cap to those after it.
            settled[visit] = await fixture.Desk.SettleAsync(
                DeskFixture.VisitOf(200_000, $"R{visit}", old, date: $"2025-03-0{visit}"));
        }

        CancelRequest byRequest = new()
        {
            RequestId = "C1",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = old,
            OriginalRequestId = "R1",
        };
        CancelRequest byId = new()
        {
            RequestId = "C2",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = old,
            SettlementId = settled[2].SettlementId,
        };
        ReverseRequest reversal = new()
        {
            RequestId = "V3",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = old,
            OriginalRequestId = "R3",
        };
        ReverseRequest restoration = new()
        {
            RequestId = "V2",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = old,
            OriginalRequestId = "C2",
        };
        SettleReply[] before = await UndoAsync();
        Assert.NotEmpty(before[0].Headroom);
        Assert.Equal((Decision.Settled, settled[2].SettlementId), (before[^1].Decision, before[^1].SettlementId));

        await MergeAsync(old, own);

        // A cancellation that was itself undone is not in effect, and is refused as such before and after.
        SettleReply[] after = await UndoAsync();
        Assert.Equal(Reasons.RequestReversed, after[1].ReasonCode);
        Assert.Equal(
            before.Where((_, index) => index != 1).Select(answer => new SettleReply(answer) { Replayed = true }),
            after.Where((_, index) => index != 1));

        async Task<SettleReply[]> UndoAsync() =>
        [
            await fixture.Desk.CancelAsync(byRequest), await fixture.Desk.CancelAsync(byId),
            (await fixture.Desk.ReverseAsync(reversal)).Mirror, (await fixture.Desk.ReverseAsync(restoration)).Mirror,
        ];
    }

    [Fact]
    public async Task Visit_under_a_merged_id_brings_its_terms_to_the_shard_that_it_is_settled_in()
    {
        (string old, string own) = ("PM14-old", Other("PM14-old"));
        await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await MergeAsync(old, own);

        // A facility of another class, which nobody else of these tests visits.
        SettleRequest visit = DeskFixture.VisitOf(200_000, "R2", old, DeskFixture.Province, "2025-03-06");
        SettleReply settled = await fixture.Desk.SettleAsync(visit);

        Assert.Equal(new SettleReply(settled) { Replayed = true }, await fixture.Desk.SettleAsync(visit));
    }

    [Fact]
    public async Task GetSettlement_under_a_merged_id_names_what_undid_it()
    {
        (string old, string own) = ("PM11-old", Other("PM11-old"));
        SettleReply first = await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await MergeAsync(old, own);
        SettleReply cancelled = await fixture.Desk.CancelAsync(new CancelRequest
        {
            RequestId = "C1",
            FacilityCode = DeskFixture.Hospital,
            InsuredId = own,
            SettlementId = first.SettlementId,
        });

        SettleReply found = await fixture.Desk.FindAsync(
            new GetSettlementRequest { FacilityCode = DeskFixture.Hospital, InsuredId = old, RequestId = "R1" });

        Assert.Equal((Reasons.RequestCancelled, "C1", cancelled.SettlementId),
            (found.ReasonCode, found.UndoneBy?.RequestId, found.UndoneBy?.SettlementId));
    }

    [Fact]
    public async Task Codes_that_are_too_long_for_a_merged_id_are_refused_with_the_field_by_every_call()
    {
        const string TooLong = "对已合并的人员编号过长，请改用合并后的编号，或使用较短的请求编号。";
        (string old, string own) = ("P" + new string('旧', 29), "PM12-own");
        (string facility, string request) = (new string('院', 30), new string('请', 30));
        using EligibilityDirectory eligibility = await DeskFixture.StartDirectoryAsync((asked, _) =>
        {
            LookupReply reply = DeskFixture.Lookup(new LookupRequest(asked) { FacilityCodes = { DeskFixture.Hospital } });
            foreach (Facility known in reply.Facilities) known.FacilityCode = facility;
            return Task.FromResult(reply);
        });
        SettlementDesk desk = new(fixture.Store.Store, eligibility, Packs.Zhengzhou, fixture.Time);
        await fixture.Desk.SettleAsync(DeskFixture.VisitOf(20_000, "R1", old));
        await MergeAsync(old, own);
        SettleRequest visit = DeskFixture.VisitOf(20_000, request, old, facility);

        SettleReply settled = await desk.SettleAsync(visit);
        SettleReply quoted = await desk.QuoteAsync(visit);
        SettleReply cancelled = await desk.CancelAsync(new CancelRequest
        {
            RequestId = request,
            FacilityCode = facility,
            InsuredId = old,
            SettlementId = "2025-00-0000000001",
        });
        SettleReply cancelledByRequest = await desk.CancelAsync(new CancelRequest
        {
            RequestId = "C1",
            FacilityCode = facility,
            InsuredId = old,
            OriginalRequestId = request,
        });
        ReverseReply reversed = await desk.ReverseAsync(new ReverseRequest
        {
            RequestId = "V1",
            FacilityCode = facility,
            InsuredId = old,
            OriginalRequestId = request,
        });

        // The control: whoever was not merged has room for them.
        string plain = "P" + new string('新', 29);
        string undoing = new('销', 30);
        SettleReply settledPlain = await desk.SettleAsync(DeskFixture.VisitOf(20_000, request, plain, facility));
        SettleReply cancelledPlain = await desk.CancelAsync(new CancelRequest
        {
            RequestId = undoing,
            FacilityCode = facility,
            InsuredId = plain,
            OriginalRequestId = request,
        });
        ReverseReply reversedPlain = await desk.ReverseAsync(new ReverseRequest
        {
            RequestId = new string('冲', 30),
            FacilityCode = facility,
            InsuredId = plain,
            OriginalRequestId = undoing,
        });
        await eligibility.StopAsync(CancellationToken.None);

        Assert.Equal(
            [
                $"请求字段 request_id {TooLong}", $"请求字段 request_id {TooLong}", $"请求字段 request_id {TooLong}",
                $"请求字段 original_request_id {TooLong}", $"请求字段 original_request_id {TooLong}",
            ],
            new[] { settled.ReasonText, quoted.ReasonText, cancelled.ReasonText, cancelledByRequest.ReasonText, reversed.ReasonText });
        Assert.Equal((Decision.Refused, ReverseReply.Types.Outcome.ReverseRefused), (quoted.Decision, reversed.Outcome));
        Assert.Equal((Decision.Settled, Decision.Cancelled, ReverseReply.Types.Outcome.CancellationUndone),
            (settledPlain.Decision, cancelledPlain.Decision, reversedPlain.Outcome));
        await Assert.ThrowsAsync<EligibilityUnavailableException>(() => fixture.DeskWithoutEligibility.SettleAsync(visit).AsTask());
    }

    [Theory]
    [InlineData(false, ActKind.InsuredMerged, "***M5-o into ***M6-n")]
    [InlineData(true, ActKind.InsuredParted, "***M5-o from ***M6-n")]
    public async Task Merge_that_the_ledger_does_not_write_down_does_not_begin(bool undo, ActKind kind, string subject)
    {
        const string Old = "PM5-o";
        _acts.Refusal = new Status(StatusCode.DeadlineExceeded, "away");

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => Api.MergeInsured(
            new MergeInsuredRequest { MergedId = Old, IntoId = "PM6-n", Reason = "因由", Actor = "甲", Undo = undo }, new TestCall()));

        Assert.Equal(new Status(StatusCode.Unavailable, "The ledger could not write it down: away"), refused.Status);
        Assert.Equal([new RecordActRequest { Kind = kind, Subject = subject, Caller = "claims://role/local" }], _acts.Acts);
        Assert.Empty(await fixture.Store.Store.ShardOf(Old).ReadInsuredAsync(Old));
    }

    private OperationsApi Api => ApiOn(fixture.Store.Store);

    private OperationsApi ApiOn(SettlementStore store) => new(store, null!, fixture.Desk, null!, fixture.Eligibility,
        new Acts.ActsClient(_acts), fixture.Time, NullLogger<OperationsApi>.Instance);

    private Task<MergeInsuredReply> MergeAsync(string old, string own) => Api.MergeInsured(
        new MergeInsuredRequest { MergedId = old, IntoId = own, Reason = "落户", Actor = "甲" }, new TestCall());

    /// <summary>An id of another shard.</summary>
    private string Other(string old) => Enumerable.Range(0, 1_000).Select(number => $"{old[..3]}-{number}")
        .First(id => Shards.Of(id, fixture.Store.Store.Shards.Count) != Shards.Of(old, fixture.Store.Store.Shards.Count));
}
