using Adjudication.Tests.Settling;
using Claims.Adjudication.Api;
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

    private OperationsApi Api => new(fixture.Store.Store, null!, fixture.Desk, null!, fixture.Eligibility, new Acts.ActsClient(_acts),
        fixture.Time, NullLogger<OperationsApi>.Instance);

    private Task<MergeInsuredReply> MergeAsync(string old, string own) => Api.MergeInsured(
        new MergeInsuredRequest { MergedId = old, IntoId = own, Reason = "落户", Actor = "甲" }, new TestCall());

    /// <summary>An id of another shard.</summary>
    private string Other(string old) => Enumerable.Range(0, 1_000).Select(number => $"{old[..3]}-{number}")
        .First(id => Shards.Of(id, fixture.Store.Store.Shards.Count) != Shards.Of(old, fixture.Store.Store.Shards.Count));
}
