using Claims.V1;
using Grpc.Core;

namespace Claims.SystemTests;

/// <summary>One trace from the hospital's call to the ledger's transaction.</summary>
public sealed class TracesTests
{
    private const string Hospital = "b7ad6b7169203331";
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task One_trace_goes_from_the_hospitals_call_over_look_up_redis_and_kafka_to_the_ledgers_transaction()
    {
        const string Traced = "0af7651916cd43dd8448eb211c80319c";
        const string Untraced = "1af7651916cd43dd8448eb211c80319c";
        await using TraceCollector collector = await TraceCollector.StartAsync();
        RunningSystem system = new()
        {
            // Nothing is recorded but what the caller has decided on, and what hangs on that.
            Variables =
            [
                ("Claims__OtlpEndpoint", collector.Address), ("Claims__TraceSampleRatio", "0"), ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ],
        };
        await system.InitializeAsync();
        await using DisposeAfter after = new(system.DisposeAsync);
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("facilities.csv", """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
            HT1,甲,410105,township,1A,hospital,2024-01-01,

            """)));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("insured.csv", """
            insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on
            PT1,乙,resident,410105,general,2025,2024-11-05,1988-08-08,
            PT2,丙,resident,410105,general,2025,2024-11-05,1988-08-08,

            """)));
        Adjudication.AdjudicationClient adjudication = new(system.Connect(system.PortBase + 1));

        SettleReply settled = await SettleAsync("PT1", Traced, "01");
        await SettleAsync("PT2", Untraced, "00");

        Assert.Equal(Decision.Settled, settled.Decision);
        (string Service, string Name)[] expected =
        [
            ("adjudication", "claims.v1.Adjudication/Settle"), ("adjudication", "claims.v1.Eligibility/Lookup"),
            ("adjudication", "eligibility.look_up"), ("adjudication", "eligibility.wait"), ("adjudication", "kafka.publish"),
            ("adjudication", "redis.settle"), ("eligibility", "claims.v1.Eligibility/Lookup"), ("ledger", "ledger.book"),
        ];
        CollectedSpan[] spans = [];
        await Eventually.HoldsAsync(() =>
        {
            spans = collector.Spans;
            CollectedSpan[] own = [.. spans.Where(span => span.Trace == Traced)];
            string[] links = [.. own.Where(span => span.Name == "ledger.book").SelectMany(span => span.Links)];
            return Task.FromResult(expected.All(wanted => own.Any(span => (span.Service, span.Name) == wanted))
                && links.Length > 0 && links.All(link => spans.Any(batch => link == $"{batch.Trace}/{batch.Id}")));
        }, Bound);

        // Its first is the hospital's, and every other one hangs on one that is there.
        CollectedSpan[] trace = [.. spans.Where(span => span.Trace == Traced)];
        CollectedSpan call = trace.Single(span => (span.Service, span.Name) == ("adjudication", "claims.v1.Adjudication/Settle"));
        Assert.Equal(Hospital, call.Parent);
        Assert.All(trace.Where(span => span != call), span => Assert.Contains(trace, parent => parent.Id == span.Parent));

        // The batch is a trace of its own, recorded since it is linked to this one; its transaction is below it.
        CollectedSpan booked = trace.Single(span => span.Name == "ledger.book");
        CollectedSpan batch = spans.Single(span => booked.Links.Single() == $"{span.Trace}/{span.Id}");
        Assert.Equal(("ledger", "ledger.post_batch"), (batch.Service, batch.Name));
        Assert.Contains($"{Traced}/{booked.Parent}", batch.Links);
        Assert.Contains(spans, span => span.Trace == batch.Trace && span.Parent == batch.Id);
        Assert.DoesNotContain(spans, span => span.Trace == Untraced);

        async Task<SettleReply> SettleAsync(string insured, string trace, string flags) => await adjudication.SettleAsync(
            new SettleRequest
            {
                RequestId = $"R-{insured}",
                FacilityCode = "HT1",
                InsuredId = insured,
                VisitDate = "2025-06-18",
                VisitType = VisitType.Ordinary,
                TotalFen = 10_000,
                InScopeFen = 10_000,
            }, new Metadata { { "traceparent", $"00-{trace}-{Hospital}-{flags}" } });
    }
}
