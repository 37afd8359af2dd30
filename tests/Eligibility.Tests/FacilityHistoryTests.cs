using System.Globalization;
using Claims.Eligibility.Facilities;
using Claims.Eligibility.History;
using Claims.Eligibility.Import;
using Claims.Hosting;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>What a facility was, is and will be; and that nothing of it is overwritten.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class FacilityHistoryTests(PostgresServer postgres)
{
    private const string Header = RegistryDatabase.FacilityHeader;
    private const string LongHeader = RegistryDatabase.FacilityPeriodsHeader;
    private const string OneFacility = Header + "F1,甲,410105,city,2A,hospital,2024-01-01,\n";
    private const string TwoFacilities = OneFacility + "F2,乙,410105,city,2A,hospital,2024-01-01,\n";

    private static readonly PolicyPack Policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");
    private static readonly ChangeCause Cause = new("claims://role/bureau", "检查发现违规");

    [Fact]
    public async Task Upgraded_facility_has_the_tier_of_the_day()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(LongHeader
            + "F1,甲,410105,city,2A,hospital,2024-01-01,,,2025-06-30\nF1,甲,410105,province,3A,hospital,2024-01-01,,2025-07-01,\n");

        FacilityHistory history = await HistoryAsync(registry, "F1");

        Assert.Equal(("city", "2A"), TierOn(history, "2025-06-30"));
        Assert.Equal(("province", "3A"), TierOn(history, "2025-07-01"));
        Assert.Equal(("city", "2A"), TierOn(history, "2024-01-01"));
        Assert.Null(TierOn(history, "2023-12-31"));
        Facility newest = Assert.Single((await LookupAsync(registry, "F1")).Facilities);
        Assert.Equal(("3A", 2), (newest.Grade, newest.Periods.Count));
    }

    [Fact]
    public async Task Several_rows_without_periods_hold_for_their_agreements_and_leave_a_gap()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(
            Header + "F1,甲,410105,city,2A,hospital,2025-09-01,\nF1,甲,410105,county,none,hospital,2024-01-01,2025-05-31\n");

        FacilityHistory history = await HistoryAsync(registry, "F1");

        Assert.Equal(("county", "none"), TierOn(history, "2025-05-31"));
        Assert.Null(TierOn(history, "2025-06-01"));
        Assert.Null(TierOn(history, "2025-08-31"));
        Assert.Equal(("city", "2A"), TierOn(history, "2025-09-01"));
        Assert.Equal("该机构门诊统筹协议已于2025年5月31日终止，自2025年9月1日起重新开通居民医保门诊统筹，就诊日期不在协议期内，本次费用不能由门诊统筹支付。",
            history.NotPooledOn(new DateOnly(2025, 7, 1)));
    }

    [Fact]
    public async Task One_row_replaces_all_periods_and_what_was_known_stays_known()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(
            Header + "F1,甲,410105,city,2A,hospital,2025-09-01,\nF1,甲,410105,county,none,hospital,2024-01-01,2025-05-31\n");
        long rows = await registry.CountAsync("facility_period");
        await registry.ImportFacilitiesAsync(Header + "F1,乙,410105,township,none,hospital,2024-01-01,\n");

        Facility now = Assert.Single((await LookupAsync(registry, "F1")).Facilities);
        Assert.Equal(("乙", AdminLevel.Township, 0), (now.Name, now.AdminLevel, now.Periods.Count));
        Assert.Equal(rows + 1, await registry.CountAsync("facility_period"));
        Assert.Equal(1, await registry.CountAsync("facility"));
    }

    [Fact]
    public async Task Same_file_again_makes_no_entry()
    {
        const string Rows = "F1,甲,410105,city,2A,hospital,2025-09-01,\nF2,乙,410105,village,none,clinic,,\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(Header + Rows);
        await registry.ImportFacilitiesAsync(Header + Rows + "F3,丙,410105,village,none,clinic,,\n");
        Assert.Equal(3, await registry.CountAsync("facility_period"));
        // What a later file did not name is still known.
        await registry.ImportFacilitiesAsync(Header + Rows);
        Assert.Equal((3, 3), (await registry.CountAsync("facility_period"), await registry.CountAsync("facility")));
    }

    [Theory]
    [InlineData("F1,x,410105,city,2A,h,2024-01-01,2024-06-30,,\nF1,x,410105,city,3A,h,2024-06-30,,,\n", 3, "valid_from",
        "'F1' from 2024-06-30 on overlaps line 2, from 2024-01-01 to 2024-06-30")]
    [InlineData("F1,x,410105,city,2A,h,2024-01-01,,,2024-06-30\nF1,x,410105,city,3A,h,2024-01-01,,2024-06-30,\n", 3, "valid_from",
        "'F1' from 2024-06-30 on overlaps line 2, from the beginning to 2024-06-30")]
    [InlineData("F1,x,410105,city,2A,h,2024-01-01,,2024-07-01,2024-06-30\n", 2, "valid_to", "'2024-06-30' is before valid_from")]
    [InlineData("F1,x,410105,city,2A,h,2024-01-01,,2024-13-01,\n", 2, "valid_from", "'2024-13-01' is not a date")]
    [InlineData("F1,x,410105,city,2A,h,,,,\nF1,x,410105,city,3A,h,2024-01-01,,2024-06-30,\n", 3, "facility_code",
        "'F1' stands in line 2 already")]
    [InlineData("F1,x,410105,city,2A,h,2024-01-01,2024-02-01,,\nF1,x,410105,city,3A,h,2024-01-01,,,\n", 3, "facility_code",
        "'F1' stands in line 2 already")]
    public async Task Periods_that_contradict_each_other_are_named_and_nothing_is_taken(
        string rows, long line, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportFacilitiesAsync(LongHeader + rows));
        Assert.Equal((line, column), (fault.Line, fault.Column));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, await registry.CountAsync("facility"));
    }

    [Fact]
    public async Task Row_that_changes_a_closed_year_is_refused_and_one_that_repeats_it_is_taken()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(OneFacility);
        await ClosedYears.CloseAsync(registry.Database, 2024, Cause, TimeProvider.System, CancellationToken.None);

        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportFacilitiesAsync(
            Header + "F2,x,410105,city,2A,hospital,2025-01-01,\nF1,甲,410105,city,3A,hospital,2024-01-01,\n"));
        Assert.Equal((3, "'F1' would be another on 2024-12-31, and that year is closed"), (fault.Line, fault.Message));
        await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportFacilitiesAsync(
            Header + "F3,x,410105,city,2A,hospital,2024-12-31,\n"));

        await registry.ImportFacilitiesAsync(LongHeader
            + "F1,新名,410105,city,2A,hospital,2024-01-01,,,2024-12-31\nF1,新名,410105,city,3A,hospital,2024-01-01,,2025-01-01,\n"
            + "F2,x,410105,city,2A,hospital,2025-01-01,,,\n");
        Assert.Equal(("city", "3A"), TierOn(await HistoryAsync(registry, "F1"), "2025-01-01"));
    }

    [Fact]
    public async Task Whatever_decides_a_visit_of_a_closed_year_stays_and_so_do_its_pooled_days()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(OneFacility);
        await ClosedYears.CloseAsync(registry.Database, 2024, Cause, TimeProvider.System, CancellationToken.None);

        foreach ((string row, string day) in ((string, string)[])
        [
            ("F1,甲,410122,city,2A,hospital,2024-01-01,", "2024-12-31"), ("F1,甲,410105,county,2A,hospital,2024-01-01,", "2024-12-31"),
            ("F1,甲,410105,city,2A,hospital,2024-01-01,2024-12-30", "2024-12-31"),
            ("F1,甲,410105,city,2A,hospital,2024-01-02,", "2024-01-01"), ("F1,甲,410105,city,2A,hospital,2023-12-31,", "2023-12-31"),
            ("F1,甲,410105,city,2A,hospital,,", "2024-12-31"),
        ])
        {
            ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
                () => registry.ImportFacilitiesAsync($"{Header}{row}\n"));
            Assert.Equal($"'F1' would be another on {day}, and that year is closed", fault.Message);
        }

        await registry.ImportFacilitiesAsync(Header + "F1,甲,410105,city,2A,hospital,2024-01-01,2024-12-31\n");
        Assert.Null(TierOn(await HistoryAsync(registry, "F1"), "2025-01-01"));
    }

    [Fact]
    public async Task File_that_names_fewer_periods_of_a_facility_takes_the_others_away()
    {
        const string First = "F1,甲,410105,city,2A,hospital,2024-01-01,,,2025-06-30\n";
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(LongHeader + First + "F1,甲,410105,city,3A,hospital,2024-01-01,,2025-07-01,\n");
        Assert.NotNull(TierOn(await HistoryAsync(registry, "F1"), "2025-07-01"));

        await registry.ImportFacilitiesAsync(LongHeader + First);

        Assert.Equal(1, await registry.CountAsync("facility"));
        Assert.Null(TierOn(await HistoryAsync(registry, "F1"), "2025-07-01"));
    }

    [Fact]
    public async Task Suspension_holds_from_its_day_until_the_day_of_its_end_and_is_shown_with_who_and_why()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(OneFacility);
        FacilityOffice office = new(registry.Database, TimeProvider.System);
        long version = await registry.VersionAsync();

        FacilityRecord suspended = (await office.SuspendAsync("F1", new DateOnly(2025, 3, 10), Cause, CancellationToken.None))!;
        FacilityHistory history = await HistoryAsync(registry, "F1");
        Assert.Equal(("city", "2A"), TierOn(history, "2025-03-09"));
        Assert.Null(TierOn(history, "2025-03-10"));
        Assert.Equal("该机构自2025年3月10日起暂停居民医保门诊统筹，本次费用不能由门诊统筹支付。", history.NotPooledOn(new DateOnly(2026, 1, 1)));
        Assert.Equal((version + 1, version + 1), (suspended.Version, await registry.VersionAsync()));
        SuspensionRecord standing = Assert.Single(suspended.Suspensions);
        Assert.Equal(("claims://role/bureau", "检查发现违规", null), (standing.Suspended.MadeBy, standing.Suspended.Reason, standing.Resumed));

        await Assert.ThrowsAsync<FacilityRefusedException>(
            () => office.SuspendAsync("F1", new DateOnly(2025, 4, 1), Cause, CancellationToken.None));
        await Assert.ThrowsAsync<FacilityRefusedException>(
            () => office.ResumeAsync("F1", new DateOnly(2025, 3, 9), Cause, CancellationToken.None));
        await office.ResumeAsync("F1", new DateOnly(2025, 5, 1), Cause with { Reason = "整改完成" }, CancellationToken.None);
        history = await HistoryAsync(registry, "F1");
        Assert.Null(TierOn(history, "2025-04-30"));
        Assert.Equal(("city", "2A"), TierOn(history, "2025-05-01"));
        Assert.Equal("该机构自2025年3月10日起暂停居民医保门诊统筹，2025年5月1日起恢复，本次费用不能由门诊统筹支付。",
            history.NotPooledOn(new DateOnly(2025, 4, 30)));
        Assert.Equal("整改完成", Assert.Single((await office.ShowAsync("F1", null, CancellationToken.None))!.Suspensions).Resumed.Reason);

        await Assert.ThrowsAsync<FacilityRefusedException>(() => office.ResumeAsync("F1", null, Cause, CancellationToken.None));
        await Assert.ThrowsAsync<FacilityRefusedException>(
            () => office.SuspendAsync("F1", new DateOnly(2025, 4, 30), Cause, CancellationToken.None));
        Assert.Null(await office.SuspendAsync("F9", null, Cause, CancellationToken.None));
        await registry.ImportFacilitiesAsync(Header + "F1,甲,410105,city,3A,hospital,2024-01-01,\n");
        Assert.Null(TierOn(await HistoryAsync(registry, "F1"), "2025-04-30"));
    }

    [Fact]
    public async Task Facility_that_was_suspended_before_is_suspended_and_resumed_again()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(TwoFacilities);
        FacilityOffice office = new(registry.Database, TimeProvider.System);
        await office.SuspendAsync("F1", new DateOnly(2025, 3, 1), Cause, CancellationToken.None);
        await office.ResumeAsync("F1", new DateOnly(2025, 4, 1), Cause, CancellationToken.None);
        // On the very day from which it was pooled again; a suspension that is taken back on its first day holds on none.
        await office.SuspendAsync("F1", new DateOnly(2025, 4, 1), Cause, CancellationToken.None);
        await office.ResumeAsync("F1", new DateOnly(2025, 4, 1), Cause, CancellationToken.None);
        await office.SuspendAsync("F1", new DateOnly(2025, 6, 1), Cause, CancellationToken.None);
        await office.SuspendAsync("F2", new DateOnly(2025, 6, 1), Cause, CancellationToken.None);

        FacilityRecord record =
            (await office.ResumeAsync("F1", new DateOnly(2025, 6, 3), Cause with { Reason = "整改完成" }, CancellationToken.None))!;

        Assert.Equal(["2025-03-01 2025-04-01", "2025-04-01 2025-04-01", "2025-06-01 2025-06-03"],
            record.Suspensions.Select(one => $"{one.Suspension.SuspendedFrom} {one.Suspension.ResumedFrom}"));
        Assert.Equal("整改完成", record.Suspensions[2].Resumed.Reason);
        FacilityHistory history = await HistoryAsync(registry, "F1");
        Assert.Equal(["2025-03-31", "2025-06-01", "2025-06-02"],
            ((string[])["2025-02-28", "2025-03-31", "2025-04-01", "2025-05-31", "2025-06-01", "2025-06-02", "2025-06-03"])
                .Where(date => TierOn(history, date) is null));
        Assert.Null(TierOn(await HistoryAsync(registry, "F2"), "2025-06-03"));
    }

    [Fact]
    public async Task Suspension_of_today_is_of_the_day_in_china_and_one_of_a_day_to_come_is_taken_back_today()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(TwoFacilities);
        // In China it is the next day.
        FacilityOffice office = new(registry.Database, new StoppedClock(new(2025, 3, 9, 20, 0, 0, TimeSpan.Zero)));

        await office.SuspendAsync("F1", null, Cause, CancellationToken.None);
        FacilityHistory history = await HistoryAsync(registry, "F1");
        Assert.NotNull(TierOn(history, "2025-03-09"));
        Assert.Null(TierOn(history, "2025-03-10"));
        await office.ResumeAsync("F1", null, Cause, CancellationToken.None);
        Assert.NotNull(TierOn(await HistoryAsync(registry, "F1"), "2025-03-10"));

        await office.SuspendAsync("F2", new DateOnly(2025, 5, 1), Cause, CancellationToken.None);
        FacilityRecord record = (await office.ResumeAsync("F2", null, Cause, CancellationToken.None))!;
        Assert.Equal(("2025-05-01", "2025-05-01"),
            (record.Suspensions[0].Suspension.SuspendedFrom, record.Suspensions[0].Suspension.ResumedFrom));
        Assert.NotNull(TierOn(await HistoryAsync(registry, "F2"), "2025-05-01"));
    }

    [Fact]
    public async Task Suspension_is_shown_as_it_was_known_at_the_end_of_a_day()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        StoppedClock clock = new(new(2025, 3, 1, 4, 0, 0, TimeSpan.Zero));
        await registry.ImportFacilitiesAsync(OneFacility, clock: clock);
        FacilityOffice office = new(registry.Database, clock);
        clock.Now = clock.Now.AddDays(1);
        await office.SuspendAsync("F1", new DateOnly(2025, 2, 1), Cause, CancellationToken.None);
        clock.Now = clock.Now.AddDays(1);
        await office.ResumeAsync("F1", new DateOnly(2025, 2, 15), Cause, CancellationToken.None);

        Assert.Equal(["", "2025-02-01 ", "2025-02-01 2025-02-15", "2025-02-01 2025-02-15"],
            [await KnownAsync(new(2025, 3, 1)), await KnownAsync(new(2025, 3, 2)), await KnownAsync(new(2025, 3, 3)),
                await KnownAsync(null)]);

        async Task<string> KnownAsync(DateOnly? asOf) => string.Join(' ',
            (await office.ShowAsync("F1", asOf, CancellationToken.None))!.Suspensions
                .Select(one => $"{one.Suspension.SuspendedFrom} {one.Suspension.ResumedFrom}"));
    }

    [Fact]
    public async Task Explanation_tells_level_agreement_and_share_of_the_day_each_with_its_source()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(LongHeader
            + "F1,甲,410105,village,none,clinic,2023-06-01,,2023-05-01,2025-06-30\n"
            + "F1,甲,410105,province,3A,hospital,2023-06-01,,2025-07-01,\n"
            + "F2,乙,410105,village,none,clinic,2023-06-01,2025-05-31,,2025-06-30\n");
        FacilityOffice office = new(registry.Database, TimeProvider.System);
        FacilityRecord record = (await office.ShowAsync("F1", null, CancellationToken.None))!;

        Explanation last = FacilityExplanation.Of(record, new(2025, 6, 30), Policy);
        Assert.True(last.Holds);
        Assert.Equal(
            ["甲（F1）2025年6月30日登记为村卫生室，等级未定，属金水区，自2023年5月1日起至2025年6月30日止。", "门诊统筹协议自2023年6月1日起。",
                "普通门诊统筹按基层医疗机构结算，支付比例65%。", "2025年6月30日的就诊可以由门诊统筹结算。"],
            last.Sentences.Select(sentence => sentence.Text));
        Assert.EndsWith("claims://role/bureau 测试", last.Sentences[0].Source, StringComparison.Ordinal);
        Assert.Equal("郑医保〔2023〕6号 三", last.Sentences[2].Source);
        Assert.Equal(["普通门诊统筹按省级三级甲等结算，支付比例45%。", "起付标准（每日每机构）40元。"],
            FacilityExplanation.Of(record, new(2025, 7, 1), Policy).Sentences.Select(sentence => sentence.Text).Skip(2).SkipLast(1));

        FacilityRecord ends = (await office.ShowAsync("F2", null, CancellationToken.None))!;
        Assert.Equal(["乙（F2）2025年5月31日登记为村卫生室，等级未定，属金水区，至2025年6月30日止。", "门诊统筹协议自2023年6月1日起至2025年5月31日止。"],
            FacilityExplanation.Of(ends, new(2025, 5, 31), Policy).Sentences.Select(sentence => sentence.Text).Take(2));

        // Pooled on the day, but by no policy.
        Explanation before = FacilityExplanation.Of(record, new(2023, 12, 31), Policy);
        Assert.Equal((false, "系统中没有2023年12月31日适用的门诊统筹政策，不能结算。"), (before.Holds, before.Sentences[^1].Text));
    }

    [Fact]
    public async Task Explanation_tells_why_a_day_is_not_pooled_and_who_suspended_and_resumed()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        StoppedClock clock = new(new(2025, 3, 1, 4, 0, 0, TimeSpan.Zero));
        await registry.ImportFacilitiesAsync(
            LongHeader + "F1,甲,410105,city,2A,hospital,2024-02-01,,2024-01-01,2025-12-31\nF2,乙,410105,city,2A,hospital,,,,\n");
        FacilityOffice office = new(registry.Database, clock);
        await office.SuspendAsync("F1", new DateOnly(2025, 3, 10), Cause, CancellationToken.None);
        clock.Now = clock.Now.AddDays(30);
        await office.ResumeAsync(
            "F1", new DateOnly(2025, 5, 1), new("claims://role/bureau/li", "整改完成"), CancellationToken.None);
        FacilityRecord record = (await office.ShowAsync("F1", null, CancellationToken.None))!;

        Explanation suspended = FacilityExplanation.Of(record, new(2025, 4, 30), Policy);
        Assert.False(suspended.Holds);
        Assert.Equal(
            [("自2025年3月10日起暂停门诊统筹，原因：检查发现违规。", "登记：2025-03-01 12:00:00 claims://role/bureau 检查发现违规"),
                ("自2025年5月1日起恢复，原因：整改完成。", "登记：2025-03-31 12:00:00 claims://role/bureau/li 整改完成"),
                ("该机构自2025年3月10日起暂停居民医保门诊统筹，2025年5月1日起恢复，本次费用不能由门诊统筹支付。", "")],
            suspended.Sentences.Skip(2).Select(sentence => (sentence.Text, sentence.Source)));
        Assert.True(FacilityExplanation.Of(record, new(2025, 5, 1), Policy).Holds);
        Explanation after = FacilityExplanation.Of(record, new(2026, 1, 1), Policy);
        Assert.Equal((false, "登记中没有F1在2026年1月1日的级别和等级。"), (after.Holds, after.Sentences[0].Text));
        FacilityRecord without = (await office.ShowAsync("F2", null, CancellationToken.None))!;
        Assert.Contains("登记中没有门诊统筹协议。",
            FacilityExplanation.Of(without, new(2025, 4, 30), Policy).Sentences.Select(sentence => sentence.Text));
    }

    /// <summary>Random periods, agreements and suspensions, each read by what is stored and by a plain list of days.</summary>
    [Fact]
    public async Task Random_histories_are_read_as_a_plain_model_of_days_has_them()
    {
        int seed = Random.Shared.Next();
        Random random = new(seed);
        DateOnly first = new(2025, 1, 1);
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        FacilityOffice office = new(registry.Database, TimeProvider.System);
        for (int number = 0; number < 20; number++)
        {
            string code = $"F{number}";
            string?[] grades = new string?[365];
            string rows = "";
            int[] cuts = [0, .. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(1, 365)).Distinct().Order(), 365];
            for (int period = 1; period < cuts.Length; period++)
            {
                (int from, int to) = (cuts[period - 1], cuts[period] - 1);
                // Some days are of no period, and an agreement is shorter than its period, or longer.
                if (random.Next(5) == 0) continue;
                (int pooledFrom, int pooledTo) = (random.Next(0, to + 1), random.Next(from, 365));
                if (pooledTo < pooledFrom) continue;
                string grade = random.Next(2) == 0 ? "3A" : "2B";
                rows += $"{code},甲,410105,city,{grade},hospital,{Day(pooledFrom)},{Day(pooledTo)},{Day(from)},{Day(to)}\n";
                for (int day = Math.Max(from, pooledFrom); day <= Math.Min(to, pooledTo); day++) grades[day] = grade;
            }

            if (rows.Length == 0) continue;
            await registry.ImportFacilitiesAsync(LongHeader + rows);
            int suspended = random.Next(0, 364);
            await office.SuspendAsync(code, first.AddDays(suspended), Cause, CancellationToken.None);
            int resumed = random.Next(suspended + 1, 400);
            if (resumed < 365) await office.ResumeAsync(code, first.AddDays(resumed), Cause, CancellationToken.None);
            for (int day = suspended; day < Math.Min(resumed, 365); day++) grades[day] = null;

            FacilityHistory history = await HistoryAsync(registry, code);
            for (int day = 0; day < 365; day++)
            {
                string? read = history.PooledOn(first.AddDays(day))?.Grade;
                Assert.True(grades[day] == read, $"Seed {seed}, {code}, {Day(day)}: '{read}' and not '{grades[day]}'.");
            }
        }

        string Day(int day) => first.AddDays(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Suspension_in_a_closed_year_is_refused()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(OneFacility);
        await ClosedYears.CloseAsync(registry.Database, 2024, Cause, TimeProvider.System, CancellationToken.None);
        FacilityOffice office = new(registry.Database, TimeProvider.System);

        FacilityRefusedException refused = await Assert.ThrowsAsync<FacilityRefusedException>(
            () => office.SuspendAsync("F1", new DateOnly(2024, 12, 31), Cause, CancellationToken.None));
        Assert.Equal("2024-12-31 lies in 2024, which is closed", refused.Message);
        Assert.NotNull(await office.SuspendAsync("F1", new DateOnly(2025, 1, 1), Cause, CancellationToken.None));
    }

    [Theory]
    [InlineData("UPDATE facility_period SET grade = '3A'")]
    [InlineData("DELETE FROM facility_suspension")]
    [InlineData("UPDATE registry_change SET made_by = 'x'")]
    [InlineData("DELETE FROM closed_year")]
    [InlineData("UPDATE enrolment_span SET paid_on = NULL")]
    [InlineData("TRUNCATE facility_resumption")]
    [InlineData("DELETE FROM enrolment_replaced")]
    [InlineData("UPDATE registration SET reply = ''")]
    [InlineData("TRUNCATE registration")]
    public async Task History_is_append_only_for_its_owner_and_more_so_for_the_service(string change)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(change));
        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);

        refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync($"SET ROLE claims_eligibility; {change}"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);

        async Task ExecuteAsync(string sql)
        {
            await using NpgsqlCommand command = registry.Database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task<FacilityHistory> HistoryAsync(RegistryDatabase registry, string code) =>
        EligibilityTerms.Of(Assert.Single((await LookupAsync(registry, code)).Facilities));

    private static Task<LookupReply> LookupAsync(RegistryDatabase registry, string code) =>
        registry.Registry.LookupAsync([code], [], [], inNumbers: true, CancellationToken.None);

    private static (string, string)? TierOn(FacilityHistory history, string date) =>
        history.PooledOn(DateOnly.ParseExact(date, "yyyy-MM-dd", null)) is { } period ? (period.AdminLevel, period.Grade) : null;
}
