using Claims.Adjudication.Settling;
using Adjudication.Tests.Store;
using Adjudication.Tests.Coverage;
using Claims.Adjudication;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Settling;

/// <summary>Whole answers: checks, coverage, script and words, on a real Redis; Eligibility is what the test says.</summary>
public sealed class SettlementDeskTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 1, 0, 0, TimeSpan.FromHours(8));
    private StoreFixture _fixture = null!;
    private EligibilityDirectory _eligibility = null!;
    private SettlementDesk _desk = null!;
    private bool _eligibilityDown;

    public async Task InitializeAsync()
    {
        _fixture = await StoreFixture.StartAsync();
        await StartDeskAsync();
    }

    /// <summary>One that holds nothing of Eligibility yet.</summary>
    private async Task StartDeskAsync()
    {
        FixedTime time = new(Now);
        _eligibility = new EligibilityDirectory(new Eligibility.EligibilityClient(new NoCalls()), LookupAsync, new AdjudicationSettings(),
            time, NullLogger<EligibilityDirectory>.Instance);
        await _eligibility.StartAsync(CancellationToken.None);
        _desk = new SettlementDesk(_fixture.Store, _eligibility, Packs.Zhengzhou, time);
    }

    public async Task DisposeAsync()
    {
        await StopEligibilityAsync();
        await _fixture.DisposeAsync();
    }

    private async Task StopEligibilityAsync()
    {
        await _eligibility.StopAsync(CancellationToken.None);
        _eligibility.Dispose();
    }

    [Fact]
    public async Task Settle_whole_answer_is_told_with_its_sources()
    {
        SettleReply reply = await _desk.SettleAsync(Request("R1"));

        Assert.Equal((Decision.Settled, 4_000, 5_500, 3_300, 6_700),
            (reply.Decision, reply.DeductibleFen, reply.RateBp, reply.FundPayFen, reply.SelfPayFen));
        Assert.Equal((30_000, 0, 3_300, 26_700), (reply.CapFen, reply.CapUsedBeforeFen, reply.CapUsedAfterFen, reply.CapRemainingFen));
        Assert.Equal("zhengzhou-outpatient@2025-01-01", reply.PolicyId);
        Assert.Equal(Packs.Zhengzhou.Hash, reply.PolicyHash);
        Assert.Equal(
            "一、费用总额100.00元，其中政策范围内100.00元，以此为计算基数（郑医保〔2023〕6号 三）。" +
            "二、起付标准（每日每机构）40.00元，本次负担起付标准40.00元（郑医保〔2023〕6号 三）。" +
            "三、省市县其他等级支付比例55%：（100.00－40.00）×55%＝33.00元（郑医保〔2023〕6号 三）。" +
            "四、年度最高支付限额300.00元，此前已用0.00元，本次未超过限额（郑医保〔2023〕6号 三）。" +
            "五、统筹基金支付33.00元，个人负担67.00元。",
            reply.Trace);
        Assert.Equal(reply.Trace, (await _desk.FindAsync(
            new GetSettlementRequest { FacilityCode = "H3", InsuredId = "P01", SettlementId = reply.SettlementId })).Trace);
        Assert.Equal(reply, await _desk.FindAsync(new GetSettlementRequest { FacilityCode = "H3", InsuredId = "P01", RequestId = "R1" }));
    }

    [Fact]
    public async Task Settle_replay_is_the_same_answer_even_while_eligibility_is_down()
    {
        SettleReply first = await _desk.SettleAsync(Request("R1"));
        _eligibilityDown = true;
        await _fixture.Redis.Multiplexer.GetServer("127.0.0.1", _fixture.Server.Port).ScriptFlushAsync();

        SettleReply again = await _desk.SettleAsync(Request("R1"));
        SettleRequest elsewhere = Request("R2", facility: "H9");

        Assert.True(again.Replayed);
        again.Replayed = false;
        Assert.Equal(first, again);
        await Assert.ThrowsAsync<EligibilityUnavailableException>(() => _desk.SettleAsync(elsewhere).AsTask());
    }

    [Fact]
    public async Task Stream_answers_as_single_calls_do()
    {
        SettleRequest lines = Request("R2", totalFen: 0, inScopeFen: 0);
        lines.Lines.Add(
            new FeeLine { LineId = "1", ItemCode = "A1", UnitPriceMilliFen = 5_000_000, QuantityE4 = 20_000, AmountFen = 10_000 });
        SettleRequest[] requests =
        [
            Request("R1"), Request("R1"), Request("R1", totalFen: 20_000, inScopeFen: 20_000), lines, Request("R3", facility: "H9"),
            Request("R4", date: "2025-13-01"), Request("R5"), Request("R1"),
        ];
        (List<SettleReply> streamed, Exception? failure) = await StreamAsync(requests);

        // The same again, on a store that has seen nothing.
        await DisposeAsync();
        await InitializeAsync();
        List<SettleReply> single = [];
        foreach (SettleRequest request in requests) single.Add(await _desk.SettleAsync(request));

        Assert.Null(failure);
        Assert.Equal(single, streamed);
        Assert.Equal(["", "", "DUPLICATE_CONFLICT", "", "FACILITY_UNKNOWN", "INVALID_REQUEST", "", ""],
            streamed.Select(reply => reply.ReasonCode));
        Assert.Equal([false, true, false, false, false, false, false, true], streamed.Select(reply => reply.Replayed));
    }

    [Fact]
    public async Task Stream_while_eligibility_is_down_answers_what_was_settled_and_ends_at_what_was_not()
    {
        SettleReply first = await _desk.SettleAsync(Request("R1"));
        _eligibilityDown = true;
        await StopEligibilityAsync();
        await StartDeskAsync();

        (List<SettleReply> answers, Exception? failure) = await StreamAsync([Request("R1"), Request("R2", facility: "H9"), Request("R1")]);

        SettleReply again = Assert.Single(answers);
        Assert.True(again.Replayed);
        Assert.Equal(first.SettlementId, again.SettlementId);
        Assert.IsType<EligibilityUnavailableException>(failure);
    }

    [Fact]
    public async Task Cancel_with_an_insured_id_of_a_megabyte_is_refused()
    {
        SettleReply refused = await _desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = new string('P', 1_000_000), OriginalRequestId = "R1" });

        Assert.Equal((Decision.Refused, "INVALID_REQUEST"), (refused.Decision, refused.ReasonCode));
        Assert.Contains("insured_id", refused.ReasonText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settle_with_lines_computes_the_parts_and_tells_each_line()
    {
        SettleRequest request = Request("R1", totalFen: 0, inScopeFen: 0);
        request.Lines.Add(
            new FeeLine { LineId = "1", ItemCode = "A1", UnitPriceMilliFen = 5_000_000, QuantityE4 = 20_000, AmountFen = 10_000 });
        request.Lines.Add(
            new FeeLine { LineId = "2", ItemCode = "B1", UnitPriceMilliFen = 1_000_000, QuantityE4 = 10_000, AmountFen = 1_000 });
        request.Lines.Add(new FeeLine { LineId = "3", ItemCode = "C1", UnitPriceMilliFen = 500_000, QuantityE4 = 10_000, AmountFen = 500 });

        SettleReply reply = await _desk.SettleAsync(request);
        SettleReply cancelled = await _desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "R1" });
        request.Lines[0].LineId = "4";
        SettleReply conflict = await _desk.SettleAsync(request);

        Assert.Equal((11_500, 500, 0, 100, 10_900),
            (reply.TotalFen, reply.FullSelfPayFen, reply.OverLimitFen, reply.PreSelfPayFen, reply.InScopeFen));
        Assert.Equal(3_795, reply.FundPayFen);
        Assert.Equal(["1", "2", "3"], reply.LineResults.Select(line => line.LineId));
        Assert.Equal((100, 900), (reply.LineResults[1].PreSelfPayFen, reply.LineResults[1].InScopeFen));
        Assert.Equal((-11_500, -3_795, -900), (cancelled.TotalFen, cancelled.FundPayFen, cancelled.LineResults[1].InScopeFen));
        Assert.Equal("DUPLICATE_CONFLICT", conflict.ReasonCode);
    }

    [Fact]
    public async Task Settle_with_a_line_of_no_catalogue_is_refused_and_stores_nothing()
    {
        SettleRequest request = Request("R1", totalFen: 1_000, inScopeFen: 0);
        request.Lines.Add(
            new FeeLine { LineId = "1", ItemCode = "NONE", UnitPriceMilliFen = 1_000_000, QuantityE4 = 10_000, AmountFen = 1_000 });

        SettleReply reply = await _desk.SettleAsync(request);

        Assert.Equal((Decision.Refused, "INVALID_REQUEST", "ITEM_UNKNOWN"),
            (reply.Decision, reply.ReasonCode, reply.LineResults.Single().ReasonCode));
        Assert.Equal("SETTLEMENT_UNKNOWN",
            (await _desk.FindAsync(new GetSettlementRequest { FacilityCode = "H3", InsuredId = "P01", RequestId = "R1" })).ReasonCode);
    }

    [Fact]
    public async Task Cancel_names_later_settlements_that_the_cap_had_cut()
    {
        SettleReply first = await _desk.SettleAsync(Request("R1", totalFen: 50_000, inScopeFen: 50_000));
        SettleReply cut = await _desk.SettleAsync(Request("R2", totalFen: 40_000, inScopeFen: 40_000, date: "2025-03-06"));
        Assert.Equal("CAP_REACHED", cut.ReasonCode);

        SettleReply cancelled = await _desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = "P01", SettlementId = first.SettlementId });
        SettleReply again = await _desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = "P01", SettlementId = first.SettlementId });

        Headroom headroom = Assert.Single(cancelled.Headroom);
        Assert.Equal((cut.SettlementId, 19_800 - 4_700), (headroom.SettlementId, headroom.ShortfallFen));
        Assert.Equal("R1", cancelled.OriginalRequestId);
        Assert.True(again.Replayed);
        Assert.Equal(cancelled.Headroom, again.Headroom);
    }

    [Fact]
    public async Task CloseYear_ends_settling_and_undoing_but_not_replays()
    {
        SettleReply lastDay = await _desk.SettleAsync(Request("R1", date: "2025-12-31"));
        SettleReply undone = await _desk.CancelAsync(
            new CancelRequest { RequestId = "C0", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "R1" });
        SettleReply kept = await _desk.SettleAsync(Request("R2", date: "2025-12-31"));
        Assert.Equal((Decision.Settled, Decision.Cancelled, 0L), (lastDay.Decision, undone.Decision, undone.CapUsedAfterFen));

        await _desk.CloseYearAsync(2025);

        Assert.Equal("YEAR_CLOSED", (await _desk.SettleAsync(Request("R3", date: "2025-12-31"))).ReasonCode);
        Assert.Equal("YEAR_CLOSED", (await _desk.QuoteAsync(Request("R3", date: "2025-12-31"))).ReasonCode);
        Assert.Equal("YEAR_CLOSED", (await _desk.CancelAsync(
            new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "R2" })).ReasonCode);
        Assert.Equal("YEAR_CLOSED", (await _desk.ReverseAsync(
            new ReverseRequest { RequestId = "V1", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "R2" })).ReasonCode);
        Assert.Equal("YEAR_CLOSED", (await _desk.ReverseAsync(
            new ReverseRequest { RequestId = "V2", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "C0" })).ReasonCode);
        Assert.True((await _desk.SettleAsync(Request("R2", date: "2025-12-31"))).Replayed);
        Assert.Equal(kept.FundPayFen,
            (await _desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P01", Year = 2025 })).FundPaidFen);
        Assert.Equal(Decision.Settled, (await _desk.SettleAsync(Request("R4", date: "2026-01-01"))).Decision);
    }

    [Fact]
    public async Task Accumulators_tell_the_year_with_what_stands()
    {
        await _desk.SettleAsync(Request("R1"));
        await _desk.SettleAsync(Request("R2"));
        await _desk.CancelAsync(new CancelRequest { RequestId = "C1", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "R2" });

        Claims.V1.Accumulators year = await _desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P01", Year = 2025 });
        Claims.V1.Accumulators before = await _desk.AccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P01", Year = 2023 });

        Assert.Equal((3_300, 30_000, 26_700), (year.FundPaidFen, year.CapFen, year.CapRemainingFen));
        Assert.Equal(["R1"], year.Settlements.Select(settlement => settlement.RequestId));
        Assert.Equal(("H3", "2025-03-05", 4_000L),
            (year.FacilityDays.Single().FacilityCode, year.FacilityDays.Single().Date, year.FacilityDays.Single().DeductibleBorneFen));
        Assert.False(before.HasCapRemainingFen);
    }

    [Fact]
    public async Task Reverse_names_itself_is_refused()
    {
        ReverseReply reply = await _desk.ReverseAsync(
            new ReverseRequest { RequestId = "V1", FacilityCode = "H3", InsuredId = "P01", OriginalRequestId = "V1" });

        Assert.Equal((ReverseReply.Types.Outcome.ReverseRefused, "INVALID_REQUEST"), (reply.Outcome, reply.ReasonCode));
    }

    private static SettleRequest Request(
        string requestId, string facility = "H3", string date = "2025-03-05", long totalFen = 10_000, long inScopeFen = 10_000) => new()
        {
            RequestId = requestId,
            FacilityCode = facility,
            InsuredId = "P01",
            VisitDate = date,
            VisitType = VisitType.Ordinary,
            TotalFen = totalFen,
            InScopeFen = inScopeFen,
        };

    /// <returns>The answers of a stream, and what ended it before its time.</returns>
    private async Task<(List<SettleReply> Answers, Exception? Failure)> StreamAsync(IEnumerable<SettleRequest> requests)
    {
        Written written = new();
        Exception? failure = null;
        using (VisitsUnderWay visits = new(_desk, written, 8, TimeProvider.System, (_, _) => { }, e => failure = e, CancellationToken.None))
        {
            foreach (SettleRequest request in requests) await visits.AddAsync(request, CancellationToken.None);
            await visits.EndAsync();
        }

        return (written.Answers, failure);
    }

    private Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
    {
        if (_eligibilityDown) throw new RpcException(new Status(StatusCode.Unavailable, "down"));
        LookupReply reply = new();
        if (request.FacilityCodes.Contains("H3")) reply.Facilities.Add(new Facility
        {
            FacilityCode = "H3",
            County = "410122",
            AdminLevel = AdminLevel.County,
            Grade = "2A",
            PooledFrom = "2024-01-01",
        });
        if (request.InsuredIds.IndexOf("P01") is >= 0 and int position)
        {
            Enrolled insured = new() { Position = position };
            foreach (int year in (int[])[2024, 2025, 2026])
            {
                insured.Enrolments.Add(new Enrolment
                {
                    PlanYear = year,
                    County = "410105",
                    Paid = true,
                    WaitingFrom = (year * 10_000) + 101,
                    CoveredFrom = (year * 10_000) + 101,
                    CoveredTo = (year * 10_000) + 1231,
                });
            }

            reply.Enrolled.Add(insured);
        }

        if (request.ItemCodes.Contains("A1"))
            reply.Items.Add(new CatalogueItem { ItemCode = "A1", ItemClass = ItemClass.ClassA, ValidFrom = "2024-01-01" });
        if (request.ItemCodes.Contains("B1"))
            reply.Items.Add(
            new CatalogueItem { ItemCode = "B1", ItemClass = ItemClass.ClassB, FirstSelfPayBp = 1_000, ValidFrom = "2024-01-01" });
        if (request.ItemCodes.Contains("C1"))
            reply.Items.Add(new CatalogueItem { ItemCode = "C1", ItemClass = ItemClass.ClassC, ValidFrom = "2024-01-01" });
        return Task.FromResult(reply);
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    /// <summary>What a stream has sent, as it was when it was written: the answer is used again. What may be held is, until more is
    /// written.</summary>
    private sealed class Written : IServerStreamWriter<Answer>
    {
        private readonly List<SettleReply> _held = [];

        public List<SettleReply> Answers { get; } = [];

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(Answer message)
        {
            lock (Answers)
            {
                _held.Add(message.Whole());
                if (WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) is true) return Task.CompletedTask;
                Answers.AddRange(_held);
                _held.Clear();
            }

            return Task.CompletedTask;
        }
    }
}
