using Claims.Eligibility.Enrolment;
using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
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
            + "U1,己,resident,410105,general,2025,,1980-01-05,,,,\nU1,己,resident,410122,general,2025,2024-11-05,1980-01-05,,,,\n");
        await registry.ImportInsuredAsync(Header + "R1,庚,resident,410105,general,2025,2024-11-05,1980-01-06,\n");
        await registry.ImportInsuredAsync(Header + "R1,庚,resident,410122,general,2025,2024-11-05,1980-01-06,\n");

        List<Duplicate> found = [];
        Duplicates duplicates = new(registry.Database);
        await foreach (Duplicate duplicate in duplicates.ListAsync(2025, CancellationToken.None)) found.Add(duplicate);

        Assert.Equal(
            ["C1 TwoCounties 410105 C1 410122 False", "R1 TwoCounties 410105 R1 410122 True", "S1 TwoSchemes 410105 S1 410105 False",
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
