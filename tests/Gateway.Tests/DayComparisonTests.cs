using System.Collections.Concurrent;
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
        { "已撤回", "", "settled", "SETTLED_UNNOTICED" },
        { "UNKNOWN", "", "lost", "OUTCOME_UNKNOWN" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Line_of_the_list_is_told_where_the_three_do_not_agree(string state, string cause, string says, string told)
    {
        FacilityBooks? compared = null;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request switch
        {
            FacilityBooks books => Task.FromResult<IMessage>(Reply(compared = books, cause)),
            GetSettlementRequest => Task.FromResult<IMessage>(says switch
            {
                "settled" => Settled,
                "undone" => Undone,
                "lost" => new SettleReply { Decision = Decision.Refused, ReasonCode = "RECORDS_LOST" },
                _ => Unknown,
            }),
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

    /// <summary>Where it says complete, the browser lets its personal data go.</summary>
    [Theory]
    [InlineData(false, "目前一致。对账期尚未结束。")]
    [InlineData(true, "本日已对平：本机、中心与账簿一致。")]
    public async Task Day_is_complete_when_the_books_say_so_and_the_sums_stand_each_on_its_side(bool complete, string text)
    {
        LinesSummary summary = new()
        {
            Outcome = TotalsOutcome.CentreMore,
            Complete = complete,
            Notice = "对账期尚未结束。",
            Facility = new SettlementTotals { Count = 1, TotalFen = 100, FundPayFen = 60 },
            Centre = new SettlementTotals { Count = 2, TotalFen = 300, FundPayFen = 130 },
        };
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request is FacilityBooks
            ? Task.FromResult<IMessage>(new FacilityBooksReply { Summary = summary })
            : ClinicAtPage.Answered(request, context), _ => { });
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/day/compare", new { date = "2026-06-18", lines = Array.Empty<object>() });

        Assert.Equal((true, complete, "CENTRE_MORE", text),
            (answer.Json.GetProperty("reconciled").GetBoolean(), answer.Json.GetProperty("complete").GetBoolean(),
                answer.Json.GetProperty("outcome").GetString(), answer.Json.GetProperty("text").GetString()));
        Assert.Equal("""{"count":1,"totalFen":100,"fundPayFen":60}""", answer.Json.GetProperty("list").GetRawText());
        Assert.Equal("""{"count":2,"totalFen":300,"fundPayFen":130}""", answer.Json.GetProperty("books").GetRawText());
    }

    [Fact]
    public async Task Difference_names_its_own_line_and_the_amount_of_either_side()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) => request switch
        {
            FacilityBooks books => Task.FromResult<IMessage>(new FacilityBooksReply
            {
                Summary = new LinesSummary { Outcome = TotalsOutcome.FacilityMore, Complete = true },
                Differences =
                {
                    new LineDifference
                    {
                        Cause = DifferenceCause.MissingHere, CauseText = "中心没有", ActionText = "重发", Line = books.Lines[1],
                    },
                    new LineDifference
                    {
                        Cause = DifferenceCause.MissingThere, CauseText = "本机没有", ActionText = "补记",
                        Entry = new CentreEntry { RequestId = "R9", SettlementId = "S9", InsuredId = "P9", FundPayFen = 50 },
                    },
                },
            }),
            _ => ClinicAtPage.Answered(request, context),
        }, _ => { });
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/day/compare", new
        {
            date = "2026-06-18",
            lines = new object[]
            {
                new { requestId = "R1", state = "FAILED", insuredId = "P1" },
                new { requestId = "R2", state = "SETTLED", insuredId = "P2", settlementId = "S2", totalFen = 100, fundPayFen = 60 },
                new { requestId = "R3", state = "SETTLED", insuredId = "P3", settlementId = "S3", totalFen = 200, fundPayFen = 70 },
            },
        });

        Assert.Equal("有 2 笔不一致，请按各笔提示处理后再核对。", answer.Json.GetProperty("text").GetString());
        Assert.Equal(["MISSING_HERE 中心没有 重发 R3 S3 P3 70 ", "MISSING_THERE 本机没有 补记 R9 S9 P9  50"],
            answer.Json.GetProperty("differences").EnumerateArray()
                .Select(difference => string.Join(' ', difference.EnumerateObject().Select(field => field.Value.ToString()))));
        Assert.Equal(["HW1 P1 R1", "HW1 P3 R3"], clinic.Asked.OfType<GetSettlementRequest>()
            .Select(asked => $"{asked.FacilityCode} {asked.InsuredId} {asked.RequestId}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task First_500_open_lines_are_asked_about_8_at_a_time_and_the_rest_is_told_as_unknown()
    {
        ConcurrentBag<int> atOnce = [];
        int asking = 0;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(async (request, context) =>
        {
            if (request is FacilityBooks) return new FacilityBooksReply { Summary = new LinesSummary() };
            if (request is not GetSettlementRequest) return await ClinicAtPage.Answered(request, context);
            atOnce.Add(Interlocked.Increment(ref asking));
            // Long enough for others to begin meanwhile.
            await Task.Delay(1);
            Interlocked.Decrement(ref asking);
            return Unknown;
        }, _ => { });
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/day/compare", new
        {
            date = "2026-06-18",
            lines = Enumerable.Range(1, 503).Select(number => new { requestId = $"R{number:000}", state = "WAITING", insuredId = "P1" }),
        });

        Assert.Equal(200, answer.Status);
        Assert.Equal(Enumerable.Range(1, 503).Select(number => $"R{number:000} {(number > 500 ? "OUTCOME_UNKNOWN" : "NOT_SENT")}"),
            answer.Json.GetProperty("differences").EnumerateArray()
                .Select(difference => $"{difference.GetProperty("requestId").GetString()} {difference.GetProperty("cause").GetString()}"));
        Assert.Equal(500, clinic.Asked.OfType<GetSettlementRequest>().Count());
        Assert.InRange(atOnce.Max(), 2, 8);
    }

    [Fact]
    public async Task Fifth_day_at_once_is_turned_away_and_each_that_ends_or_fails_makes_room_for_another()
    {
        TaskCompletionSource compare = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource four = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int days = 0;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(async (request, context) =>
        {
            if (request is not FacilityBooks) return await ClinicAtPage.Answered(request, context);
            int day = Interlocked.Increment(ref days);
            if (day == 4) four.SetResult();
            await compare.Task;
            if (day == 1) throw new RpcException(new Status(StatusCode.Unavailable, "the ledger is away"));
            return new FacilityBooksReply { Summary = new LinesSummary() };
        }, _ => { });
        await clinic.LogInAsync();
        Task<ClinicAnswer>[] compared = [.. Enumerable.Range(0, 4).Select(_ => CompareAsync())];
        await four.Task.WaitAsync(RunningGateway.Bound);

        ClinicAnswer fifth = await CompareAsync();
        compare.SetResult();

        Assert.Equal(429, fifth.Status);
        Assert.Equal([200, 200, 200, 503], (await Task.WhenAll(compared)).Select(answer => answer.Status).Order());
        for (int again = 0; again < 5; again++) Assert.Equal(200, (await CompareAsync()).Status);

        Task<ClinicAnswer> CompareAsync() =>
            clinic.PostAsync("/clinic/day/compare", new { date = "2026-06-18", lines = Array.Empty<object>() });
    }

    [Fact]
    public async Task Line_of_the_books_has_each_field_in_its_own_place_and_is_the_clinics_who_asks()
    {
        FacilityEntry[] entries =
        [
            new()
            {
                State = EntryState.Standing, Kind = "SETTLE", SettlementId = "S1", OriginalSettlementId = "S0", RequestId = "R1",
                OriginalRequestId = "R0", InsuredId = "P1", VisitDate = "2026-06-16", VisitType = VisitType.PrenatalCheck,
                SettledAt = "2026-06-17 09:00:00", TotalFen = 1, FullSelfPayFen = 2, OverLimitFen = 3, PreSelfPayFen = 4, InScopeFen = 5,
                DeductibleFen = 6, RateBp = 7, FundPayFen = 8, SelfPayFen = 9, ReasonCode = "CAP_EXHAUSTED", VisitId = "V1",
            },
            new() { State = EntryState.Undone }, new() { State = EntryState.Undoing }, new() { State = EntryState.Restoring },
        ];
        List<string> asked = [];
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(
            (request, context) =>
            {
                if (request is not ListFacilityEntriesRequest list) return ClinicAtPage.Answered(request, context);
                asked.Add($"{list.FacilityCode} {list.InsuredId}");
                return Task.FromResult<IMessage>(
                    new FacilityEntries { Entries = { entries }, ReadAt = "2026-06-18 01:00:00", More = true });
            },
            services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(new EarlyMorning())));
        await clinic.LogInAsync();

        JsonElement day = (await clinic.GetAsync("/clinic/day?date=2026-06-17")).Json;

        Assert.Equal("SETTLE SETTLED 已结算 S1 S0 R1 R0 P1 2026-06-16 PRENATAL_CHECK 2026-06-17 09:00:00 1 2 3 4 5 6 7 8 9 CAP_EXHAUSTED V1",
            string.Join(' ', day.GetProperty("lines")[0].EnumerateObject().Select(field => field.Value.ToString())));
        Assert.Equal(["SETTLED", "CANCELLED", "CANCELLATION", "RESTORED"],
            day.GetProperty("lines").EnumerateArray().Select(line => line.GetProperty("state").GetString()));
        Assert.Equal((true, "", true, "2026-06-18 01:00:00"),
            (day.GetProperty("complete").GetBoolean(), day.GetProperty("notice").GetString(), day.GetProperty("more").GetBoolean(),
                day.GetProperty("readAt").GetString()));
        Assert.Equal(200, (await clinic.GetAsync("/clinic/find?insured=P7")).Status);
        string token = clinic.Eligibility.Issue("HW2");
        Assert.Equal(200, (await clinic.GetAsync("/clinic/day", ("Authorization", $"Bearer {token}"))).Status);
        Assert.Equal(["HW1 ", "HW1 P7", "HW2 "], asked);
    }

    [Theory]
    [InlineData("from=2025-06-18&to=2026-06-18", 200, "")]
    [InlineData("from=2025-06-17&to=2026-06-18", 400, "查询期间不超过 366 天。")]
    [InlineData("from=2026-06-18&to=2026-06-18", 200, "")]
    [InlineData("from=2026-06-19&to=2026-06-18", 400, "起始日期（from）晚于截止日期（to）。")]
    [InlineData("from=18.06.2026", 400, "日期（from）应为 yyyy-MM-dd 形式。")]
    [InlineData("to=1999-12-31", 400, "日期（to）应为 yyyy-MM-dd 形式。")]
    [InlineData("request=R234567890123456789012345678901", 400, "编号不超过 30 个字符。")]
    [InlineData("insured=P234567890123456789012345678901", 400, "编号不超过 30 个字符。")]
    public async Task Entries_are_found_within_a_years_days(string query, int status, string text)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();

        ClinicAnswer answer = await clinic.GetAsync($"/clinic/find?{query}");

        Assert.Equal((status, text), (answer.Status, status == 200 ? "" : answer.Text));
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
    [InlineData("""{"date":"2026-06-18","lines":[{"requestId":"R234567890123456789012345678901","state":"WAITING"}]}""", "requestId")]
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
