using System.Text.Json;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using EntryState = Claims.V1.FacilityEntry.Types.State;

namespace Gateway.Tests;

/// <summary>The browser's list, what Adjudication answers and the books, each of the three wrong in turn.</summary>
[Collection(nameof(RunningGateway))]
public sealed class DayComparisonTests
{
    private static readonly SettleReply Settled =
        new() { Decision = Decision.Settled, SettlementId = "S1", TotalFen = 100, FundPayFen = 60 };
    private static readonly SettleReply Unknown = new() { Decision = Decision.Refused, ReasonCode = "SETTLEMENT_UNKNOWN" };

    private static readonly SettleReply Undone = new()
    {
        Decision = Decision.Settled,
        SettlementId = "S1",
        FundPayFen = 60,
        UndoneBy = new SettlementRef { SettlementId = "S2" },
    };

    public static TheoryData<string, string, string, string> Cases => new()
    {
        // state of the list, cause in the books, what Adjudication says, the difference that is told
        { "SETTLED", "", "settled", "" },
        { "已结算", "", "settled", "" },
        { "SETTLED", "MissingHere", "settled", "NOT_BOOKED_YET" },
        { "SETTLED", "MissingHere", "unknown", "MISSING_HERE" },
        { "SETTLED", "Amount", "settled", "AMOUNT" },
        { "SETTLED", "CancelledHere", "undone", "CANCELLED_HERE" },
        { "WAITING", "", "unknown", "NOT_SENT" },
        { "SENDING", "", "settled", "SETTLED_UNNOTICED" },
        { "SENDING", "MissingThere", "settled", "SETTLED_UNNOTICED" },
        { "FAILED", "", "unknown", "" },
        { "FAILED", "", "settled", "SETTLED_UNNOTICED" },
        { "FAILED", "", "undone", "" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Line_of_the_list_is_told_where_the_three_do_not_agree(string state, string cause, string says, string told)
    {
        FacilityBooks? compared = null;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request switch
        {
            FacilityBooks books => Task.FromResult<IMessage>(Reply(compared = books, cause)),
            GetSettlementRequest => Task.FromResult<IMessage>(says == "settled" ? Settled : says == "undone" ? Undone : Unknown),
            _ => ClinicAtPage.Answered(request, context),
        }, _ => { });
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/day/compare", new
        {
            date = "2026-06-18",
            lines = new[] { new { requestId = "R1", state, insuredId = "P1", settlementId = "S1", totalFen = 100, fundPayFen = 60 } },
        });

        Assert.Equal(200, answer.Status);
        Assert.Equal(told, string.Join(' ', answer.Json.GetProperty("differences").EnumerateArray()
            .Select(difference => difference.GetProperty("cause").GetString())));
        Assert.Equal(told.Length == 0 || told == "NOT_BOOKED_YET", answer.Json.GetProperty("reconciled").GetBoolean());
        Assert.Equal(told.Length == 0, answer.Json.GetProperty("complete").GetBoolean());
        Assert.All(answer.Json.GetProperty("differences").EnumerateArray(),
            difference => Assert.NotEqual("", difference.GetProperty("toDo").GetString()));
        // The clinic's own facility, whatever is sent.
        Assert.Equal(("HW1", "2026-06-18"), (compared!.Scope.FacilityCode, compared.Scope.Period.From));
        Assert.Equal(state is "SETTLED" or "已结算" ? 1 : 0, compared.Lines.Count);
    }

    [Fact]
    public async Task Settlement_that_is_noted_as_cancelled_stands_as_both()
    {
        FacilityBooks? compared = null;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request is FacilityBooks books
            ? Task.FromResult<IMessage>(Reply(compared = books, ""))
            : ClinicAtPage.Answered(request, context), _ => { });
        await clinic.LogInAsync();

        await clinic.PostAsync("/clinic/day/compare", new
        {
            date = "2026-06-18",
            lines = new object[]
            {
                new { requestId = "R1", state = "CANCELLED", insuredId = "P1", settlementId = "S1", totalFen = 100, fundPayFen = 60 },
                new { requestId = "R2", state = "已撤销", insuredId = "P1", settlementId = "S2", totalFen = 200, fundPayFen = 70 },
                new { requestId = "C2", state = "撤销", insuredId = "P1", originalRequestId = "R2", totalFen = -200, fundPayFen = -70 },
            },
        });

        Assert.Equal(["Settle R1 100", "Cancel R1 -100", "Settle R2 200", "Cancel C2 -200"],
            compared!.Lines.Select(line => $"{line.Kind} {line.RequestId} {line.TotalFen}"));
    }

    [Fact]
    public async Task Clinic_of_which_nothing_was_ever_booked_is_compared_all_the_same()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request switch
        {
            FacilityBooks => throw new RpcException(new Status(StatusCode.NotFound, "nothing was ever booked")),
            GetSettlementRequest => Task.FromResult<IMessage>(Settled),
            _ => ClinicAtPage.Answered(request, context),
        }, _ => { });
        await clinic.LogInAsync();

        ClinicAnswer none = await clinic.PostAsync("/clinic/day/compare", new { date = "2026-06-18", lines = Array.Empty<object>() });
        ClinicAnswer one = await clinic.PostAsync("/clinic/day/compare", new
        {
            date = "2026-06-18",
            lines = new[] { new { requestId = "R1", state = "SETTLED", insuredId = "P1", totalFen = 100, fundPayFen = 60 } },
        });

        Assert.True(none.Json.GetProperty("reconciled").GetBoolean());
        Assert.Equal("NOT_BOOKED_YET", one.Json.GetProperty("differences")[0].GetProperty("cause").GetString());
    }

    [Theory]
    [InlineData("""{"date":"2026-06-18","lines":[{"requestId":"R1","state":"DONE"}]}""", "state")]
    [InlineData("""{"date":"2026-06-18","lines":[{"requestId":"R1","state":"SETTLED"}]}""", "insuredId")]
    [InlineData("""{"date":"2026-06-18","lines":[{"requestId":"","state":"WAITING"}]}""", "requestId")]
    [InlineData("""{"date":"18.06.2026","lines":[]}""", "date")]
    [InlineData("""{"date":"2026-06-18"}""", "字段")]
    public async Task List_that_cannot_be_compared_is_refused_by_its_line(string body, string names)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/day/compare", body);

        Assert.Equal(400, answer.Status);
        Assert.Contains(names, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Day_that_is_not_named_is_Chinas_and_its_net_leaves_out_what_was_cancelled()
    {
        FacilityEntry[] entries =
        [
            new() { State = EntryState.Standing, RequestId = "R1", TotalFen = 100, FundPayFen = 60, SelfPayFen = 40 },
            new() { State = EntryState.Undone, RequestId = "R2", TotalFen = 200, FundPayFen = 70, SelfPayFen = 130 },
            new() { State = EntryState.Undoing, RequestId = "C2", TotalFen = -200, FundPayFen = -70, SelfPayFen = -130 },
        ];
        List<ListFacilityEntriesRequest> asked = [];
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(
            (request, context) =>
            {
                if (request is not ListFacilityEntriesRequest list) return ClinicAtPage.Answered(request, context);
                asked.Add(list);
                return Task.FromResult<IMessage>(new FacilityEntries { Entries = { entries } });
            },
            services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(new EarlyMorning())));
        await clinic.LogInAsync();

        ClinicAnswer day = await clinic.GetAsync("/clinic/day");
        ClinicAnswer found = await clinic.GetAsync("/clinic/find?request=R1");

        Assert.Equal(("2026-06-18", false), (day.Json.GetProperty("date").GetString(), day.Json.GetProperty("complete").GetBoolean()));
        Assert.Equal("2026-06-18", found.Json.GetProperty("to").GetString());
        Assert.Equal(["2026-06-18 2026-06-18 ", "2026-03-18 2026-06-18 R1"],
            asked.Select(one => $"{one.Period.From} {one.Period.To} {one.RequestId}"));
        Assert.Equal("""{"settlements":2,"cancellations":1,"net":1,"totalFen":100,"fundPayFen":60,"selfPayFen":40}""",
            day.Json.GetProperty("totals").GetRawText());
    }

    private static FacilityBooksReply Reply(FacilityBooks books, string cause)
    {
        FacilityBooksReply reply = new() { Summary = new LinesSummary { Outcome = TotalsOutcome.Balanced, Complete = true } };
        if (cause.Length == 0) return reply;
        LineDifference difference = new()
        {
            Cause = Enum.Parse<DifferenceCause>(cause),
            CauseText = "不一致",
            ActionText = "请核对。",
            Line = books.Lines.FirstOrDefault(),
        };
        if (cause != "MissingHere")
            difference.Entry = new CentreEntry { RequestId = "R1", SettlementId = "S1", InsuredId = "P1", FundPayFen = 50 };
        reply.Differences.Add(difference);
        return reply;
    }

    /// <summary>One o'clock of 18 June in China, and still the 17th in Greenwich.</summary>
    private sealed class EarlyMorning : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 6, 17, 17, 0, 0, TimeSpan.Zero);
    }
}
