using Adjudication.Tests.Coverage;
using Adjudication.Tests.Store;
using Claims.Adjudication;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Settling;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Settling;

/// <summary>An answer is what was decided when it was given, whatever today's program would decide.</summary>
public sealed class DecidedOnceTests : IAsyncLifetime
{
    private const string DeductibleRule = "deductible = min(base, max(limits[i] - used[i], 0))";
    private StoreFixture _fixture = null!;
    private EligibilityDirectory _eligibility = null!;

    public async Task InitializeAsync()
    {
        _fixture = await StoreFixture.StartAsync(shards: 1);
        _eligibility = new EligibilityDirectory(
            new Eligibility.EligibilityClient(new NoCalls()), LookupAsync, new AdjudicationSettings(), TimeProvider.System,
            NullLogger<EligibilityDirectory>.Instance);
        await _eligibility.StartAsync(CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await _eligibility.StopAsync(CancellationToken.None);
        _eligibility.Dispose();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task Replay_by_a_program_of_another_formula_is_the_old_answer_to_the_letter()
    {
        SettlementDesk today = new(_fixture.Store, _eligibility, Packs.Zhengzhou, TimeProvider.System);
        SettleReply plain = await today.SettleAsync(Request("R1", inScopeFen: 10_000));
        SettleReply cut = await today.SettleAsync(Request("R2", inScopeFen: 200_000));
        SettleReply exhausted = await today.SettleAsync(Request("R3", inScopeFen: 5_000));
        SettleReply cancelled = await today.CancelAsync(
            new CancelRequest { RequestId = "R4", FacilityCode = "H1", InsuredId = "P1", OriginalRequestId = "R3" });
        Assert.Equal(("", "CAP_REACHED", "CAP_EXHAUSTED"), (plain.ReasonCode, cut.ReasonCode, exhausted.ReasonCode));

        await using SettlementStore sameRedis = new(
            _fixture.Redis, shardCount: 1, longestOutbox: 1_000_000,
            Script.FromResource("settle.lua").Mutated(DeductibleRule, "deductible = min(base, 777)"));
        sameRedis.Shards[0].Open(StoreFixture.Epoch, 0);
        SettlementDesk later = new(sameRedis, _eligibility, Packs.Zhengzhou, TimeProvider.System,
            (terms, _, inScopeFen, before, moved) =>
            {
                long deductibleFen = moved[0] = Math.Min(inScopeFen, 777);
                long uncappedFen = (((inScopeFen - deductibleFen) * terms.RateBasisPoints) + 5_000) / 10_000;
                moved[1] = Math.Min(uncappedFen, Math.Max(terms.Limits[1].Limit - before[1], 0));
                return new Settlement(deductibleFen, uncappedFen, moved[1]);
            });

        Assert.Equal(777, (await later.QuoteAsync(Request("R9", inScopeFen: 10_000))).DeductibleFen);
        Assert.Equal(Replayed(plain), await later.SettleAsync(Request("R1", inScopeFen: 10_000)));
        Assert.Equal(Replayed(cut), await later.SettleAsync(Request("R2", inScopeFen: 200_000)));
        Assert.Equal(plain, await later.FindAsync(new GetSettlementRequest { FacilityCode = "H1", InsuredId = "P1", RequestId = "R1" }));
        Assert.Equal(cut, await later.FindAsync(
            new GetSettlementRequest { FacilityCode = "H1", InsuredId = "P1", SettlementId = cut.SettlementId }));
        Assert.Equal(
            Replayed(cancelled),
            await later.CancelAsync(
                new CancelRequest { RequestId = "R4", FacilityCode = "H1", InsuredId = "P1", OriginalRequestId = "R3" }));
    }

    [Fact]
    public async Task Settle_where_script_and_rules_differ_in_the_reason_alone_answers_nothing()
    {
        SettlementDesk desk = new(_fixture.Store, _eligibility, Packs.Zhengzhou, TimeProvider.System,
            (terms, totalFen, inScopeFen, before, moved) =>
            {
                Settlement rules = Adjudicator.Adjudicate(terms, totalFen, inScopeFen, before, moved);
                return rules with { UncappedFen = rules.UncappedFen + 1 };
            });

        await Assert.ThrowsAsync<InvalidOperationException>(() => desk.SettleAsync(Request("R1", inScopeFen: 10_000)).AsTask());
    }

    [Fact]
    public async Task Settle_where_script_and_rules_differ_in_what_a_limit_moves_by_alone_answers_nothing()
    {
        SettlementDesk desk = new(_fixture.Store, _eligibility, Packs.Zhengzhou, TimeProvider.System,
            (terms, totalFen, inScopeFen, before, moved) =>
            {
                Settlement rules = Adjudicator.Adjudicate(terms, totalFen, inScopeFen, before, moved);
                moved[1]++;
                return rules;
            });

        await Assert.ThrowsAsync<InvalidOperationException>(() => desk.SettleAsync(Request("R1", inScopeFen: 10_000)).AsTask());
    }

    private static SettleReply Replayed(SettleReply first)
    {
        SettleReply replayed = first.Clone();
        replayed.Replayed = true;
        return replayed;
    }

    private static SettleRequest Request(string requestId, long inScopeFen) => new()
    {
        RequestId = requestId,
        FacilityCode = "H1",
        InsuredId = "P1",
        VisitDate = "2025-06-18",
        VisitType = VisitType.Ordinary,
        TotalFen = inScopeFen + 500,
        FullSelfPayFen = 500,
        InScopeFen = inScopeFen,
    };

    private static Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
    {
        LookupReply reply = new();
        if (request.FacilityCodes.Contains("H1"))
            reply.Facilities.Add(new Facility
            {
                FacilityCode = "H1",
                County = "410122",
                AdminLevel = AdminLevel.County,
                Grade = "2A",
                PooledFrom = "2024-01-01",
            });
        if (request.InsuredIds.IndexOf("P1") is >= 0 and int position)
        {
            Enrolled insured = new() { Position = position };
            insured.Enrolments.Add(new Enrolment
            {
                PlanYear = 2025,
                County = "410105",
                Paid = true,
                WaitingFrom = 20250101,
                CoveredFrom = 20250101,
                CoveredTo = 20251231,
            });
            reply.Enrolled.Add(insured);
        }

        return Task.FromResult(reply);
    }
}
