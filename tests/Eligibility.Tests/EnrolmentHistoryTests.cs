using Claims.Eligibility.Enrolment;
using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>Spans of cover that end and begin, what was known when, and who is enrolled twice.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class EnrolmentHistoryTests(PostgresServer postgres)
{
    private const string Header = RegistryDatabase.InsuredHeader;
    private const string LongHeader = RegistryDatabase.InsuredSpansHeader;

    private static readonly PolicyPack Policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");
    private static readonly ChangeCause Cause = new("claims://role/bureau", "窗口办理");

    [Theory]
    // Moved away and came back.
    [InlineData("2025-01-01", "")]
    [InlineData("2025-03-31", "")]
    [InlineData("2025-04-01", "参保人的待遇已于2025年3月31日终止（已迁出，请按迁入地规定办理），请核对参保缴费情况。")]
    [InlineData("2025-08-31", "参保人的待遇已于2025年3月31日终止（已迁出，请按迁入地规定办理），请核对参保缴费情况。")]
    [InlineData("2025-09-01", "")]
    [InlineData("2025-12-31", "")]
    public async Task Cover_ends_and_begins_again_with_its_spans(string day, string refusal)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,,2025-09-01,,\n"
            + "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,,,2025-03-31,moved_away\n");
        Assert.Equal(refusal, await RefusalAsync(registry, "P1", day));
    }

    [Theory]
    [InlineData("2025-06-30", "")]
    [InlineData("2025-07-01", "WRONG_SCHEME")]
    public async Task Who_changes_to_the_employees_scheme_is_paid_by_it_from_that_day(string day, string code)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,,,2025-06-30,employee_scheme\n"
            + "P1,张三,employee,410105,general,2025,2024-11-05,1980-01-01,,2025-07-01,,\n");
        Assert.Equal(code, CoverageChecks.CheckInsured(Policy, await TermsAsync(registry, "P1"), Day(day), out _)?.Code ?? "");
    }

    [Theory]
    // Paid on March 1: general waits until the 31st; destitute from March 10 on does not.
    [InlineData("2025-03-01", "IN_WAITING_PERIOD", "general")]
    [InlineData("2025-03-09", "IN_WAITING_PERIOD", "general")]
    [InlineData("2025-03-10", "", "destitute")]
    [InlineData("2025-06-30", "", "destitute")]
    public async Task Category_has_its_dates(string day, string code, string category)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410105,general,2025,2025-03-01,1980-01-01,,,2025-03-09,changed\n"
            + "P1,张三,resident,410105,destitute,2025,2025-03-01,1980-01-01,,2025-03-10,,\n");
        Refusal? refusal = CoverageChecks.CheckInsured(Policy, await TermsAsync(registry, "P1"), Day(day), out EnrolmentTerms decided);
        Assert.Equal((code, category), (refusal?.Code ?? "", decided.Category));
    }

    [Fact]
    public async Task Withdrawn_from_the_beginning_covers_nothing_says_why_and_is_no_head()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,,,2024-12-31,withdrawn_duplicate\n");
        Assert.Equal("参保人2025年度的参保登记已于2024年12月31日终止（重复参保已退出），请核对参保缴费情况。",
            await RefusalAsync(registry, "P1", "2025-01-01"));
        Assert.Empty((await registry.Registry.CountHeadsAsync("resident", 2025, "", CancellationToken.None)).Counties);
    }

    [Fact]
    public async Task Head_is_one_however_many_spans_and_changes_he_has_in_a_county()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(Header + "P1,张三,resident,410122,general,2025,,1980-01-01,\n");
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410105,general,2025,,1980-01-01,,,2025-03-31,moved_away\n"
            + "P1,张三,resident,410105,general,2025,2025-09-01,1980-01-01,,2025-09-01,,\n"
            + "P2,李四,resident,410105,general,2025,,1980-01-01,,,2025-03-31,moved_away\n"
            + "P2,李四,resident,410122,general,2025,2025-04-01,1980-01-01,,2025-04-01,,\n");
        Assert.Equal(
            [("410105", 2L, 1L), ("410122", 1L, 1L)],
            (await registry.Registry.CountHeadsAsync("resident", 2025, "", CancellationToken.None)).Counties
                .Select(RegistryDatabase.Heads));
    }

    [Theory]
    [InlineData("P1,x,resident,410105,general,2025,,,,2024-12-31,,\n", 2, "begins_on", "'2024-12-31' is not a day of the plan year")]
    [InlineData("P1,x,resident,410105,general,2025,,,,2025-02-01,2025-01-31,death\n", 2, "ended_on", "'2025-01-31' is before begins_on")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,2024-12-30,death\n", 2, "ended_on",
        "is not a day of the plan year, nor the day before it")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,2026-01-01,death\n", 2, "ended_on", "is not a day of the plan year")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,2025-01-31,\n", 2, "end_cause", "'' is no cause, which an ended_on has")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,,death\n", 2, "end_cause", "'death' is the cause of an end that has no ended_on")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,2025-01-31,ill\n", 2, "end_cause", "'ill' is not one of changed, death,")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,2025-01-31,death\nP1,x,resident,410105,general,2025,,,,2025-01-31,,\n", 3,
        "begins_on", "'P1' from 2025-01-31 on overlaps line 2, from 2025-01-01 to 2025-01-31")]
    [InlineData("P1,x,resident,410105,general,2025,,,,,,\nP1,x,resident,410105,general,2025,,,,,2025-01-31,death\n", 3, "insured_id",
        "'P1 2025' stands in line 2 already")]
    public async Task Bad_span_is_named_and_nothing_of_the_file_is_taken(string rows, long line, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportInsuredAsync(LongHeader + rows));
        Assert.Equal((line, column), (fault.Line, fault.Column));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, await registry.CountAsync("enrolment"));
    }

    [Fact]
    public async Task Row_of_a_closed_year_is_refused_unless_it_says_what_is_known()
    {
        const string Known = "P1,张三,resident,410105,general,2024,2023-11-05,1980-01-01,\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(Header + Known);
        await ClosedYears.CloseAsync(registry.Database, 2024, Cause, TimeProvider.System, CancellationToken.None);

        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportInsuredAsync(Header + Known + "P2,李四,resident,410105,general,2024,2023-11-05,,\n"));
        Assert.Equal((3, "'P2' would be another in 2024, and that year is closed"), (fault.Line, fault.Message));
        await registry.ImportInsuredAsync(Header + Known + "P2,李四,resident,410105,general,2025,2024-11-05,,\n");
        Assert.Equal(2, await registry.CountAsync("enrolment"));
    }

    [Fact]
    public async Task Year_that_is_closed_already_or_before_one_that_is_changes_nothing()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        (int through, long? version) = await CloseAsync(2024);
        Assert.Equal((2024, true), (through, version is not null));
        long changes = await registry.CountAsync("registry_change");

        Assert.Equal((2024, null), await CloseAsync(2024));
        Assert.Equal((2024, null), await CloseAsync(2023));

        Assert.Equal(1, await registry.CountAsync("closed_year"));
        Assert.Equal(changes, await registry.CountAsync("registry_change"));
        (int next, long? nextVersion) = await CloseAsync(2025);
        Assert.Equal((2025, version + 1), (next, nextVersion));

        Task<(int Through, long? Version)> CloseAsync(int year) =>
            ClosedYears.CloseAsync(registry.Database, year, Cause, TimeProvider.System, CancellationToken.None);
    }

    [Fact]
    public async Task Span_of_a_closed_year_is_refused_unless_the_file_says_all_that_is_known_of_the_year()
    {
        const string First = "P1,张三,resident,410105,general,2024,2023-11-05,,,,2024-03-31,moved_away\n";
        const string Second = "P1,张三,resident,410105,general,2024,2023-11-05,,,2024-09-01,,\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader + First + Second);
        await ClosedYears.CloseAsync(registry.Database, 2024, Cause, TimeProvider.System, CancellationToken.None);

        await registry.ImportInsuredAsync(LongHeader + Second + First);
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportInsuredAsync(LongHeader + "P2,李四,resident,410105,general,2025,2024-11-05,,,,,\n" + First));
        Assert.Equal((3, "'P1' would be another in 2024, and that year is closed"), (fault.Line, fault.Message));
        Assert.Equal(2, await registry.CountAsync("enrolment_span"));
    }

    [Fact]
    public async Task Row_that_differs_in_one_column_alone_is_a_change_in_either_form()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        long changes = 0;
        string row = await ChangedAsync(Header, "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,2024-10-31",
            ("张三", "李四"), ("resident", "employee"), ("410105", "410122"), ("general", "student"), ("2024-11-05", "2024-11-06"),
            ("1980-01-01", "1980-01-02"), ("2024-10-31", "2024-10-30"));
        await ChangedAsync(LongHeader, $"{row},2025-01-02,2025-06-30,changed",
            ("李四", "王五"), ("employee", "resident"), ("410122", "410105"), ("student", "general"), ("2024-11-06", "2024-11-05"),
            ("1980-01-02", "1980-01-01"), ("2024-10-30", "2024-10-31"), ("2025-01-02", "2025-01-03"), ("2025-06-30", "2025-07-01"),
            (",changed", ",death"));

        async Task<string> ChangedAsync(string header, string first, params (string From, string To)[] columns)
        {
            await registry.ImportInsuredAsync($"{header}{first}\n");
            Assert.Equal(++changes, await registry.CountAsync("enrolment_span"));
            foreach ((string from, string to) in columns)
            {
                first = first.Replace(from, to, StringComparison.Ordinal);
                await registry.ImportInsuredAsync($"{header}{first}\n");
                Assert.Equal((to, ++changes), (to, await registry.CountAsync("enrolment_span")));
            }

            return first;
        }
    }

    [Fact]
    public async Task File_that_names_fewer_spans_of_a_year_takes_the_others_away()
    {
        const string First = "P1,张三,resident,410105,general,2025,2024-11-05,,,,2025-03-31,moved_away\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader + First + "P1,张三,resident,410105,general,2025,2024-11-05,,,2025-09-01,,\n");
        Assert.Equal("", await RefusalAsync(registry, "P1", "2025-09-01"));

        await registry.ImportInsuredAsync(LongHeader + First);

        Assert.Equal(1, await registry.CountAsync("enrolment"));
        Assert.NotEqual("", await RefusalAsync(registry, "P1", "2025-09-01"));
    }

    [Fact]
    public async Task Same_rows_again_make_no_entry_in_either_form()
    {
        const string Plain = "P1,张三,resident,410105,general,2025,2024-11-05,1980-01-01,\n";
        const string Spans = "P2,李四,resident,410105,general,2025,2024-11-05,,,,2025-03-31,moved_away\n"
            + "P2,李四,resident,410105,general,2025,2024-11-05,,,2025-09-01,,\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        for (int round = 0; round < 2; round++)
        {
            await registry.ImportInsuredAsync(Header + Plain);
            await registry.ImportInsuredAsync(LongHeader + Spans);
        }

        Assert.Equal(3, await registry.CountAsync("enrolment_span"));
        await registry.ImportInsuredAsync(LongHeader + Spans.Replace("2025-09-01", "2025-09-02", StringComparison.Ordinal));
        Assert.Equal((5, 3), (await registry.CountAsync("enrolment_span"), await registry.CountAsync("enrolment")));
    }

    [Fact]
    public async Task What_was_known_on_a_day_is_read_and_every_change_says_who_and_why()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        StoppedClock clock = new(new DateTimeOffset(2025, 3, 1, 4, 0, 0, TimeSpan.Zero));
        Registrations counter = new(registry.Database, Policy, clock);
        await counter.RegisterAsync(Enrol("R1", "P1"), Cause, CancellationToken.None);
        clock.Now = clock.Now.AddDays(10);
        await counter.RegisterAsync(
            new RegisterRequest { RequestId = "R2", InsuredId = "P1", PlanYear = 2025, Pay = new Pay { PaidOn = "2025-03-11" } },
            Cause with { Reason = "补缴" }, CancellationToken.None);

        await using NpgsqlConnection connection = await registry.Database.OpenConnectionAsync();
        RegisteredSpan before = Assert.Single(await EnrolmentSpans.ReadAsync(connection, "P1", new(2025, 3, 10), CancellationToken.None));
        RegisteredSpan thatDay = Assert.Single(await EnrolmentSpans.ReadAsync(connection, "P1", new(2025, 3, 11), CancellationToken.None));
        RegisteredSpan now = Assert.Single(await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None));
        Assert.Equal((null, "窗口办理", "2025-03-01 12:00:00"), (before.Row.PaidOn, before.Change.Reason, before.Change.MadeAt));
        Assert.Equal((new DateOnly(2025, 3, 11), "补缴", "claims://role/bureau"),
            (now.Row.PaidOn!.Value, now.Change.Reason, now.Change.MadeBy));
        Assert.Equal((now.Row.PaidOn, now.Change.MadeAt), (thatDay.Row.PaidOn, thatDay.Change.MadeAt));
        Assert.Empty(await EnrolmentSpans.ReadAsync(connection, "P1", new(2025, 2, 28), CancellationToken.None));
    }

    [Fact]
    public async Task Duplicates_in_two_schemes_two_counties_and_two_ids_are_listed_and_what_ended_is_not()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "S1,甲,resident,410105,general,2025,2024-11-05,1980-01-01,,,,\nS1,甲,employee,410105,general,2025,2024-11-05,1980-01-01,,,,\n"
            + "C1,乙,resident,410105,general,2025,2024-11-05,1980-01-02,,,,\nC1,乙,resident,410122,general,2025,2024-11-05,1980-01-02,,,,\n"
            + "E1,丙,resident,410105,general,2025,2024-11-05,1980-01-03,,,2025-06-30,employee_scheme\n"
            + "E1,丙,employee,410105,general,2025,2024-11-05,1980-01-03,,2025-07-01,,\n"
            + "W1,丁,resident,410105,general,2025,2024-11-05,1980-01-04,,,2024-12-31,withdrawn_duplicate\n"
            + "W1,丁,resident,410122,general,2025,2024-11-05,1980-01-04,,,,\n"
            + "W2,辛,resident,410105,general,2025,2024-11-05,1980-01-07,,,2025-06-30,withdrawn_duplicate\n"
            + "W2,辛,employee,410122,general,2025,2024-11-05,1980-01-07,,,,\n"
            + "T1,戊,resident,410105,newborn,2025,2025-01-05,2025-01-01,,,,\nT2,戊,resident,410105,newborn,2025,2025-01-05,2025-01-01,,,,\n"
            + "U1,己,resident,410105,general,2025,,1980-01-05,,,,\nU1,己,resident,410122,general,2025,2024-11-05,1980-01-05,,,,\n"
            // Of one day in both.
            + "D1,壬,resident,410105,general,2025,2024-11-05,1980-01-08,,,2025-06-30,employee_scheme\n"
            + "D1,壬,employee,410105,general,2025,2024-11-05,1980-01-08,,2025-06-30,,\n"
            // Of the name of two others, and born on another day.
            + "N1,戊,resident,410105,newborn,2025,2025-01-05,2025-01-02,,,,\nN2,戊,resident,410105,newborn,2025,2025-01-05,2025-01-02,,,,\n"
            // Of one name and birthday, of whom one has died, or one has not paid.
            + "V1,癸,resident,410105,general,2025,2024-11-05,1980-01-09,,,2025-06-30,death\n"
            + "V2,癸,resident,410105,general,2025,2024-11-05,1980-01-09,,,,\n"
            + "X1,子,resident,410105,general,2025,,1980-01-10,,,,\nX2,子,resident,410105,general,2025,2024-11-05,1980-01-10,,,,\n");
        await registry.ImportInsuredAsync(Header + "M1,丑,resident,410105,general,2025,2024-11-05,1980-01-11,\n");
        // He moved: the earlier entry of all of the year was left by an end.
        await registry.ImportInsuredAsync(LongHeader
            + "M1,丑,resident,410105,general,2025,2024-11-05,1980-01-11,,,2025-06-30,moved_away\n"
            + "M1,丑,resident,410122,general,2025,2024-11-05,1980-01-11,,2025-07-01,,\n");
        await registry.ImportInsuredAsync(Header + "R1,庚,resident,410105,general,2025,2024-11-05,1980-01-06,\n");
        await registry.ImportInsuredAsync(Header + "R1,庚,resident,410122,general,2025,2024-11-05,1980-01-06,\n");

        List<Duplicate> found = [];
        Duplicates duplicates = new(registry.Database);
        await foreach (Duplicate duplicate in duplicates.ListAsync(2025, CancellationToken.None)) found.Add(duplicate);

        Assert.Equal(
            ["C1 TwoCounties 410105 C1 410122 False", "D1 TwoSchemes 410105 D1 410105 False", "N1 TwoIds 410105 N2 410105 False",
                "R1 TwoCounties 410105 R1 410122 True", "S1 TwoSchemes 410105 S1 410105 False",
                "T1 TwoIds 410105 T2 410105 False"],
            found.Select(one => $"{one.InsuredId} {one.Kind} {one.County} {one.OtherInsuredId} {one.OtherCounty} {one.Replaced}")
                .Order(StringComparer.Ordinal));
        await foreach (Duplicate other in duplicates.ListAsync(2024, CancellationToken.None)) Assert.Fail(other.InsuredId);
    }

    [Fact]
    public async Task Act_at_the_counter_happens_once_and_its_repeat_has_the_same_answer()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        (RegisterReply first, long? version) = await counter.RegisterAsync(Enrol("R1", "P1"), Cause, CancellationToken.None);
        (RegisterReply again, long? raised) = await counter.RegisterAsync(Enrol("R1", "P1"), Cause, CancellationToken.None);

        Assert.Equal((version!.Value, null), (await registry.VersionAsync(), raised));
        Assert.True(again.Replayed);
        again.Replayed = false;
        Assert.Equal(first, again);
        Assert.Equal(1, await registry.CountAsync("enrolment_span"));
        await Assert.ThrowsAsync<RegistrationConflictException>(
            () => counter.RegisterAsync(Enrol("R1", "P2"), Cause, CancellationToken.None));
        // Another counter's id is another id.
        await counter.RegisterAsync(Enrol("R1", "P2"), Cause with { By = "claims://role/local" }, CancellationToken.None);
    }

    [Fact]
    public async Task Counter_refuses_what_the_registry_does_not_allow_in_a_clerks_words()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        int request = 0;
        Assert.Equal("该参保人没有2025年度的参保登记。", await RefusedAsync(one => one.Pay = new Pay { PaidOn = "2025-01-01" }));
        await ActAsync(one => one.Enrol = Enrol("", "").Enrol);
        Assert.Equal("该参保人2025年度已在金水区参加城乡居民医保，请先办理终止，避免重复参保。", await RefusedAsync(one => one.Enrol = Enrol("", "").Enrol));
        await ActAsync(one => one.Pay = new Pay { PaidOn = "2025-01-05" });
        Assert.Equal("该参保人2025年度已于2025年1月5日缴费。", await RefusedAsync(one => one.Pay = new Pay { PaidOn = "2025-01-06" }));
        await ActAsync(one => one.End = new End { EndedOn = "2025-05-31", EndCause = "employee_scheme" });
        Assert.Equal("该参保人2025年度的参保登记已经终止。",
            await RefusedAsync(one => one.End = new End { EndedOn = "2025-06-01", EndCause = "death" }));
        Assert.Equal("该参保人2025年度的参保至2025年5月31日止，新登记须自其后开始。", await RefusedAsync(one => one.Enrol = Enrol("", "").Enrol));
        EnrolmentSpan later = Enrol("", "").Enrol;
        later.BeginsOn = "2025-05-31";
        Assert.Equal("该参保人2025年度的参保至2025年5月31日止，新登记须自其后开始。", await RefusedAsync(one => one.Enrol = later));
        later.BeginsOn = "2025-06-01";
        later.PaidOn = "2025-06-01";
        Assert.Equal(2, (await ActAsync(one => one.Enrol = later)).Spans.Count);

        later.County = "110101";
        Assert.Equal("请求字段 correct.spans.county 不是本市的6位行政区划代码。",
            await RefusedAsync(one => one.Correct = new Correct { Spans = { later } }));
        later.County = "410105";
        Assert.Equal("请求字段 correct.spans 中2025年6月1日起的一段与前一段重叠。",
            await RefusedAsync(one => one.Correct = new Correct { Spans = { later, later } }));
        await ClosedYears.CloseAsync(registry.Database, 2025, Cause, TimeProvider.System, CancellationToken.None);
        Assert.Equal("2025年度已年终结账，不能再变更该年度的参保登记。", await RefusedAsync(one => one.Correct = new Correct { Spans = { later } }));

        async Task<RegisterReply> ActAsync(Action<RegisterRequest> act)
        {
            RegisterRequest one = new() { RequestId = $"R{++request}", InsuredId = "P1", PlanYear = 2025 };
            act(one);
            return (await counter.RegisterAsync(one, Cause, CancellationToken.None)).Reply;
        }

        async Task<string> RefusedAsync(Action<RegisterRequest> act)
        {
            long rows = await registry.CountAsync("enrolment_span");
            string message = (await Assert.ThrowsAsync<RegistrationRefusedException>(() => ActAsync(act))).Message;
            Assert.Equal(rows, await registry.CountAsync("enrolment_span"));
            return message;
        }
    }

    [Fact]
    public async Task Payment_at_the_counter_leaves_every_other_field_and_the_other_year_as_they_were()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        EnrolmentSpan span = new()
        {
            Name = "李四",
            Scheme = "employee",
            County = "410122",
            Category = "low_income",
            BirthDate = "1980-01-02",
            TransferEndedOn = "2024-12-03",
            BeginsOn = "2025-02-04",
        };
        await ActAsync("R1", 2024, "上年", one => one.Enrol = Enrol("", "").Enrol);
        await ActAsync("R2", 2025, "本年", one => one.Enrol = span.Clone());

        RegisterReply paid = await ActAsync("R3", 2025, "缴费", one => one.Pay = new Pay { PaidOn = "2025-03-05" });
        RegisterReply before = await ActAsync("R4", 2024, "补缴", one => one.Pay = new Pay { PaidOn = "2024-04-06" });

        span.PaidOn = "2025-03-05";
        Assert.Equal((span, "缴费"), (Assert.Single(paid.Spans), paid.Change.Reason));
        Assert.Equal(("2024-04-06", "补缴"), (Assert.Single(before.Spans).PaidOn, before.Change.Reason));
        await using NpgsqlConnection connection = await registry.Database.OpenConnectionAsync();
        Assert.Equal(
            [("张三", new EnrolmentRow(2024, "resident", "410105", "general", new(2024, 4, 6), new(1980, 1, 1), null)),
                ("李四", new EnrolmentRow(
                    2025, "employee", "410122", "low_income", new(2025, 3, 5), new(1980, 1, 2), new(2024, 12, 3), new(2025, 2, 4)))],
            (await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None)).Select(known => (known.Name, known.Row)));

        async Task<RegisterReply> ActAsync(string request, int year, string reason, Action<RegisterRequest> act)
        {
            RegisterRequest one = new() { RequestId = request, InsuredId = "P1", PlanYear = year };
            act(one);
            return (await counter.RegisterAsync(one, Cause with { Reason = reason }, CancellationToken.None)).Reply;
        }
    }

    [Fact]
    public async Task Counter_names_the_field_that_is_wrong_and_registers_nothing_of_it()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        foreach ((string differs, string field) in ((string, string)[])
        [
            ("""{"name":"张\u0007三"}""", "name"), ("""{"scheme":"rural"}""", "scheme"), ("""{"county":"41010"}""", "county"),
            ("""{"category":"pupil"}""", "category"), ("""{"paidOn":"2025-13-01"}""", "paid_on"),
            ("""{"birthDate":"1980/01/01"}""", "birth_date"), ("""{"transferEndedOn":"2025-1-1"}""", "transfer_ended_on"),
            ("""{"beginsOn":"2024-12-31"}""", "begins_on"), ("""{"beginsOn":"2026-01-01"}""", "begins_on"),
            ("""{"endedOn":"2024-12-30","endCause":"death"}""", "ended_on"),
            ("""{"endedOn":"2026-01-01","endCause":"death"}""", "ended_on"),
            ("""{"beginsOn":"2025-03-02","endedOn":"2025-03-01","endCause":"death"}""", "ended_on"),
            ("""{"endedOn":"2025-03-01"}""", "end_cause"), ("""{"endCause":"death"}""", "end_cause"),
            ("""{"endedOn":"2025-03-01","endCause":"ill"}""", "end_cause"),
        ]) Assert.StartsWith($"请求字段 correct.spans.{field} ", await RefusedAsync(Corrected(differs)), StringComparison.Ordinal);
        RegisterRequest ended = Enrol("R1", "P1");
        (ended.Enrol.EndedOn, ended.Enrol.EndCause) = ("2025-03-01", "death");
        Assert.Equal("请求字段 enrol.ended_on 新登记的参保不能已经终止。", await RefusedAsync(ended));
        foreach (int count in (int[])[0, 21])
        {
            RegisterRequest spans = new() { RequestId = "R1", InsuredId = "P1", PlanYear = 2025, Correct = new Correct() };
            spans.Correct.Spans.AddRange(Enumerable.Repeat(Enrol("", "").Enrol, count));
            Assert.Equal("请求字段 correct.spans 应为1至20段。", await RefusedAsync(spans));
        }

        // The last is 2025 where only the lower half of the number is kept.
        foreach (int year in (int[])[1999, 2101, 65536 + 2025])
        {
            RegisterRequest other = Enrol("R1", "P1");
            other.PlanYear = year;
            Assert.Equal("请求字段 plan_year 不是2000至2100的年度。", await RefusedAsync(other));
        }

        Assert.Equal(0, await registry.CountAsync("enrolment_span"));
        int request = 0;
        foreach (string bound in (string[])["2024-12-31", "2025-12-31"])
        {
            RegisterRequest at = Corrected($$"""{"endedOn":"{{bound}}","endCause":"death"}""");
            at.RequestId = $"R{++request}";
            Assert.Single((await counter.RegisterAsync(at, Cause, CancellationToken.None)).Reply.Spans);
        }

        static RegisterRequest Corrected(string differs)
        {
            EnrolmentSpan span = Enrol("", "").Enrol;
            span.MergeFrom(EnrolmentSpan.Parser.ParseJson(differs));
            return new() { RequestId = "R1", InsuredId = "P1", PlanYear = 2025, Correct = new Correct { Spans = { span } } };
        }

        async Task<string> RefusedAsync(RegisterRequest one) => (await Assert.ThrowsAsync<RegistrationRefusedException>(
            () => counter.RegisterAsync(one, Cause, CancellationToken.None))).Message;
    }

    [Fact]
    public async Task Payment_or_end_without_its_day_is_refused_and_changes_nothing()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        await counter.RegisterAsync(Enrol("R1", "P1"), Cause, CancellationToken.None);
        RegisterRequest request = new() { RequestId = "R2", InsuredId = "P1", PlanYear = 2025, Pay = new Pay() };
        Assert.Equal("请求字段 pay.paid_on 缺失。", await RefusedAsync());
        request.End = new End();
        Assert.Equal("请求字段 end.ended_on 缺失。", await RefusedAsync());
        Assert.Equal(1, await registry.CountAsync("enrolment_span"));

        async Task<string> RefusedAsync() => (await Assert.ThrowsAsync<RegistrationRefusedException>(
            () => counter.RegisterAsync(request, Cause, CancellationToken.None))).Message;
    }

    [Fact]
    public async Task Correction_takes_spans_in_any_order_and_refuses_two_that_have_a_day_in_common()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        EnrolmentSpan later = Enrol("", "").Enrol;
        later.BeginsOn = "2025-07-01";
        EnrolmentSpan first = Enrol("", "").Enrol;
        (first.EndedOn, first.EndCause) = ("2025-06-30", "changed");
        RegisterRequest request =
            new() { RequestId = "R1", InsuredId = "P1", PlanYear = 2025, Correct = new Correct { Spans = { later, first } } };

        Assert.Equal([first, later], (await counter.RegisterAsync(request, Cause, CancellationToken.None)).Reply.Spans);

        request.RequestId = "R2";
        request.Correct.Spans[0].BeginsOn = "2025-06-30";
        Assert.Equal("请求字段 correct.spans 中2025年6月30日起的一段与前一段重叠。",
            (await Assert.ThrowsAsync<RegistrationRefusedException>(
                () => counter.RegisterAsync(request, Cause, CancellationToken.None))).Message);
    }

    [Fact]
    public async Task Explanation_tells_payment_waiting_and_end_each_with_its_source()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(LongHeader
            + "P1,张三,resident,410122,student,2024,2023-11-05,1980-01-01,,,,\n"
            + "P1,张三,resident,410105,general,2025,2025-03-01,1980-01-01,,,2025-06-30,employee_scheme\n");
        await using NpgsqlConnection connection = await registry.Database.OpenConnectionAsync();
        List<RegisteredSpan> spans = await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None);

        Explanation covered = InsuredExplanation.Of("P1", spans, new(2025, 6, 30), Policy);
        Assert.True(covered.Holds);
        Assert.Equal(
            ["2025年度在金水区参加城乡居民医保，类别为普通居民。", "2025年3月1日缴费，等待期30天，自2025年3月31日起享受待遇。",
                "本段参保至2025年6月30日止，原因：转入职工医保。", "2025年6月30日享受城乡居民医保待遇。"],
            covered.Sentences.Select(sentence => sentence.Text));
        Assert.Equal("豫医保办〔2023〕71号 五", covered.Sentences[1].Source);
        Assert.Contains("claims://role/bureau 测试", covered.Sentences[0].Source, StringComparison.Ordinal);
        Assert.DoesNotContain("张三", covered.ToString(), StringComparison.Ordinal);

        Assert.False(InsuredExplanation.Of("P1", spans, new(2025, 7, 1), Policy).Holds);
        Assert.Equal("查无此参保人，请核对人员编号或医保电子凭证。",
            Assert.Single(InsuredExplanation.Of("P9", [], new(2025, 7, 1), Policy).Sentences).Text);
    }

    [Theory]
    [InlineData("general", "2024-12-31", "", "", "2024年12月31日缴费，在2025年之前，自2025年1月1日起享受待遇。", "豫医保办〔2023〕71号 五", true)]
    [InlineData("newborn", "2025-06-20", "2025-06-01", "", "2025年6月1日出生，自出生之日起享受待遇。",
        "豫医保办〔2023〕71号 五; 郑医保办〔2024〕60号 一", true)]
    [InlineData("disabled", "2025-06-20", "", "", "2025年6月20日缴费，丧失劳动能力残疾人不设等待期，自2025年6月20日起享受待遇。",
        "豫医保办〔2023〕71号 五; 郑医保〔2023〕6号 一", true)]
    [InlineData("general", "2025-06-20", "", "2025-05-31",
        "原参保于2025年5月31日中断，3个月内于2025年6月20日缴费，不设等待期，自2025年6月20日起享受待遇。", "医保发〔2021〕32号 二", true)]
    [InlineData("general", "2025-06-20", "", "", "2025年6月20日缴费，等待期30天，自2025年7月20日起享受待遇。", "豫医保办〔2023〕71号 五", false)]
    [InlineData("general", "2026-01-05", "", "", "2026年1月5日缴费，没有可以享受2025年度待遇的规定。", "豫医保办〔2023〕71号 五", false)]
    [InlineData("destitute", "", "", "", "尚未缴费，缴费之前不享受待遇。", "豫医保办〔2023〕71号 五", false)]
    public void Explanation_tells_by_which_rule_cover_begins(
        string category, string paidOn, string birthDate, string transferEndedOn, string text, string source, bool holds)
    {
        EnrolmentRow row = new(2025, "resident", "410105", category, WireDate.Parse(paidOn), WireDate.Parse(birthDate),
            WireDate.Parse(transferEndedOn));

        Explanation told = InsuredExplanation.Of("P1", [new RegisteredSpan(row, "张三", 1, new Change())], new(2025, 7, 1), Policy);

        Assert.Equal((text, source, holds), (told.Sentences[1].Text, told.Sentences[1].Source, told.Holds));
    }

    [Fact]
    public void Explanation_tells_of_a_county_outside_the_citys_pooling_of_a_later_beginning_and_of_a_year_without_rules()
    {
        Change change = new() { MadeAt = "2025-03-01 12:00:00", MadeBy = "claims://role/bureau" };
        RegisteredSpan Span(int year) => new(
            new(year, "resident", "410181", "general", new(year - 1, 11, 5), null, null, BeginsOn: new(year, 3, 2)), "张三", 1, change);

        Explanation told = InsuredExplanation.Of("P1", [Span(2025)], new(2025, 7, 1), Policy);

        Assert.Equal(
            [("2025年度在巩义市参加城乡居民医保，类别为普通居民。", "登记：2025-03-01 12:00:00 claims://role/bureau"),
                ("巩义市不在本市市级统筹范围内。", "郑政办〔2021〕24号 一"),
                ("2024年11月5日缴费，在2025年之前，自2025年1月1日起享受待遇。", "豫医保办〔2023〕71号 五"),
                ("本段参保自2025年3月2日起。", "登记：2025-03-01 12:00:00 claims://role/bureau")],
            told.Sentences.SkipLast(1).Select(sentence => (sentence.Text, sentence.Source)));
        Assert.False(told.Holds);
        PolicyPack later = Policy with { Coverage = Policy.Coverage with { FromPlanYear = 2026 } };
        Assert.Contains("系统中没有2025年度的待遇享受期规定。",
            InsuredExplanation.Of("P1", [Span(2025)], new(2025, 7, 1), later).Sentences.Select(sentence => sentence.Text));
    }

    [Fact]
    public async Task Explanation_of_a_year_is_by_the_rules_of_that_year()
    {
        PolicyPack changed = Policy with
        {
            EarlierCoverage = [Policy.Coverage],
            Coverage = Policy.Coverage with { FromPlanYear = 2026, WaitingDays = new(90, "x") },
        };
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(Header + "P1,张三,resident,410105,general,2025,2025-03-01,1980-01-01,\n"
            + "P1,张三,resident,410105,general,2026,2026-03-01,1980-01-01,\n");
        await using NpgsqlConnection connection = await registry.Database.OpenConnectionAsync();
        List<RegisteredSpan> spans = await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None);

        Assert.Equal(
            (true, "2025年3月1日缴费，等待期30天，自2025年3月31日起享受待遇。", "2025年3月31日享受城乡居民医保待遇。"), On(new(2025, 3, 31)));
        (bool holds, string begins, _) = On(new(2026, 3, 31));
        Assert.Equal((false, "2026年3月1日缴费，等待期90天，自2026年5月30日起享受待遇。"), (holds, begins));

        (bool Holds, string Begins, string Last) On(DateOnly day)
        {
            Explanation told = InsuredExplanation.Of("P1", spans, day, changed);
            return (told.Holds, told.Sentences[1].Text, told.Sentences[^1].Text);
        }
    }

    /// <summary>Random histories, each read by what is stored and by a plain list of days.</summary>
    [Fact]
    public async Task Random_histories_are_read_as_a_plain_model_of_days_has_them()
    {
        int seed = Random.Shared.Next();
        Random random = new(seed);
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        for (int history = 0; history < 20; history++)
        {
            string id = $"P{history}";
            bool[]? covered = null;
            for (int change = random.Next(1, 5); change > 0; change--)
            {
                // Cuts of the year, every other piece a span; paid before the year, so that each covers what it spans.
                int[] cuts = [.. Enumerable.Range(0, random.Next(1, 4) * 2).Select(_ => random.Next(365)).Distinct().Order()];
                if (cuts.Length % 2 == 1) cuts = cuts[1..];
                if (cuts.Length == 0) cuts = [0, 364];
                covered = new bool[365];
                string rows = "";
                for (int span = 0; span < cuts.Length; span += 2)
                {
                    DateOnly first = new DateOnly(2025, 1, 1).AddDays(cuts[span]);
                    DateOnly last = new DateOnly(2025, 1, 1).AddDays(cuts[span + 1] - 1);
                    rows += $"{id},名,resident,410105,general,2025,2024-11-05,,,{first:yyyy-MM-dd},{last:yyyy-MM-dd},moved_away\n";
                    for (int day = cuts[span]; day < cuts[span + 1]; day++) covered[day] = true;
                }

                await registry.ImportInsuredAsync(LongHeader + rows);
            }

            InsuredTerms? terms = await TermsAsync(registry, id);
            for (int day = 0; day < 365; day++)
            {
                DateOnly date = new DateOnly(2025, 1, 1).AddDays(day);
                bool read = CoverageChecks.CheckInsured(Policy, terms, date, out _) is null;
                Assert.True(covered![day] == read, $"Seed {seed}, {id}, {date:yyyy-MM-dd}: {read}.");
            }
        }
    }

    private static RegisterRequest Enrol(string requestId, string insuredId) => new()
    {
        RequestId = requestId,
        InsuredId = insuredId,
        PlanYear = 2025,
        Enrol = new EnrolmentSpan { Name = "张三", Scheme = "resident", County = "410105", Category = "general", BirthDate = "1980-01-01" },
    };

    private static async Task<string> RefusalAsync(RegistryDatabase registry, string id, string day) =>
        CoverageChecks.CheckInsured(Policy, await TermsAsync(registry, id), Day(day), out _)?.Text ?? "";

    private static async Task<InsuredTerms?> TermsAsync(RegistryDatabase registry, string id)
    {
        LookupReply reply = await registry.Registry.LookupAsync([], [id], [], inNumbers: true, CancellationToken.None);
        return reply.Enrolled.Count == 0 ? null : EligibilityTerms.Of(id, Assert.Single(reply.Enrolled));
    }

    private static DateOnly Day(string day) => DateOnly.ParseExact(day, "yyyy-MM-dd", null);
}
