using System.Globalization;
using System.Text;
using Claims.Eligibility.Clinics;
using Claims.Eligibility.Facilities;
using Claims.Eligibility.History;
using Claims.Policy;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

[Collection(nameof(PostgresCollection))]
public sealed class ClinicLookupsTests(PostgresServer postgres)
{
    private static readonly DateOnly Day = new(2026, 6, 18);
    private static readonly PolicyPack Policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

    /// <summary>Of GB 2312's first level, which is sorted by pinyin, of its second, which is not and has half of the drugs' characters, and
    /// of none.</summary>
    [Theory]
    [InlineData("阿莫西林胶囊", "amxljn")]
    [InlineData("头孢克肟分散片", "tbkwfsp")]
    [InlineData("奥美拉唑", "amlz")]
    [InlineData("吡嗪酰胺", "bqxa")]
    [InlineData("硝苯地平缓释片(Ⅱ)", "xbdphsp")]
    [InlineData("0.9%氯化钠注射液", "09lhnzsy")]
    [InlineData("维生素B12", "wssb12")]
    [InlineData("黄芪", "hq")]
    [InlineData("鿫兙", "")]
    [InlineData("重组人胰岛素", "zzryds")]
    [InlineData("ＡＢ", "")]
    [InlineData("", "")]
    public async Task Initials_of_a_name_are_its_pinyins(string name, string initials)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await using NpgsqlCommand command = registry.Database.CreateCommand("SELECT pinyin_initials($1)");
        command.Parameters.Add(new() { Value = name });

        Assert.Equal(initials, (string)(await command.ExecuteScalarAsync())!);
    }

    [Theory]
    [InlineData("amxl", "A1 A2")]
    [InlineData("AMXL", "A1 A2")]
    [InlineData("amxlp", "A2")]
    [InlineData("莫西", "A1 A2")]
    [InlineData("a1", "A1")]
    [InlineData("a", "A1 A2 B1")]
    [InlineData("xlj", "A1")]
    [InlineData("tb", "B2")]
    [InlineData("%", "")]
    [InlineData("zzz", "")]
    [InlineData("'", "")]
    public async Task Item_is_found_by_code_name_or_initials(string query, string codes)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await FillAsync(registry, """
            ('A1', '阿莫西林胶囊', 1, 0, NULL, '2024-01-01', NULL), ('A2', '阿莫西林片', 2, 1000, 250000, '2024-01-01', NULL),
            ('B1', '氨溴索', 1, 0, NULL, '2024-01-01', NULL), ('B2', '头孢克肟', 3, 0, NULL, '2024-01-01', NULL),
            ('B3', '阿莫西林旧', 1, 0, NULL, '2024-01-01', '2025-12-31'), ('B4', '阿莫西林新', 1, 0, NULL, '2027-01-01', NULL)
            """);

        CatalogueMatches found = await LookupsOf(registry).SearchAsync(query, Day, 20, default);

        Assert.Equal(codes, string.Join(' ', found.Items.Select(item => item.ItemCode).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Code_that_is_typed_whole_stands_first_and_then_what_begins_so()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await FillAsync(registry, """
            ('AM', '阿莫西林克拉维酸钾分散片', 1, 0, NULL, '2024-01-01', NULL), ('AM1', '甘草甘草甘草', 1, 0, NULL, '2024-01-01', NULL),
            ('X1', '阿莫西林', 1, 0, NULL, '2024-01-01', NULL), ('X2', '阿莫西林片', 1, 0, NULL, '2024-01-01', NULL),
            ('X3', 'x-am', 1, 0, NULL, '2024-01-01', NULL)
            """);

        Assert.Equal(["AM", "AM1", "X1", "X2", "X3"],
            (await LookupsOf(registry).SearchAsync("am", Day, 20, default)).Items.Select(item => item.ItemCode));
        Assert.Equal("AM", Assert.Single((await LookupsOf(registry).SearchAsync("am", Day, 1, default)).Items).ItemCode);
    }

    [Fact]
    public async Task Item_is_found_on_the_first_and_the_last_day_of_its_period()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await FillAsync(registry, """
            ('A1', '甲', 1, 0, NULL, '2026-06-18', NULL), ('A2', '乙', 1, 0, NULL, '2024-01-01', '2026-06-18'),
            ('A3', '丙', 1, 0, NULL, '2026-06-19', NULL), ('A4', '丁', 1, 0, NULL, '2024-01-01', '2026-06-17')
            """);

        Assert.Equal(["A1", "A2"], (await LookupsOf(registry).SearchAsync("a", Day, 20, default)).Items.Select(item => item.ItemCode));
    }

    [Fact]
    public async Task Item_brings_its_class_and_limit_of_the_day()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await FillAsync(registry, "('A2', '阿莫西林片', 2, 1000, 250000, '2024-01-01', NULL), ('A3', '阿莫西林', 1, 0, NULL, '2024-01-01', NULL)");

        CatalogueMatches found = await LookupsOf(registry).SearchAsync("amxl", Day, 1, default);

        CatalogueMatch shortest = Assert.Single(found.Items);
        Assert.Equal(("A3", false), (shortest.ItemCode, shortest.HasPriceLimitMilliFen));
        found = await LookupsOf(registry).SearchAsync("a2", Day, 5, default);
        Assert.Equal((ItemClass.ClassB, 1000, 250_000L),
            (found.Items[0].ItemClass, found.Items[0].FirstSelfPayBasisPoints, found.Items[0].PriceLimitMilliFen));
    }

    [Fact]
    public async Task Insured_is_shown_by_a_masked_name_and_the_enrolment_of_the_year()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(RegistryDatabase.InsuredHeader
            + "P1,张三丰,resident,410105,general,2026,2025-11-05,1980-01-01,\nP2,李四,resident,410105,general,2025,2024-11-05,1980-01-01,\n");
        ClinicLookups lookups = LookupsOf(registry);

        InsuredCard enrolled = (await lookups.FindInsuredAsync("P1", Day, default))!;
        InsuredCard before = (await lookups.FindInsuredAsync("P2", Day, default))!;

        Assert.Equal(("张*丰", "resident", "410105", "金水区"), (enrolled.NameMasked, enrolled.Scheme, enrolled.County, enrolled.CountyName));
        Assert.Equal(("李*", ""), (before.NameMasked, before.Scheme));
        Assert.Null(await lookups.FindInsuredAsync("P3", Day, default));
    }

    [Fact]
    public async Task Insured_who_is_enrolled_for_the_next_year_already_is_shown_with_the_enrolment_of_the_day()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(RegistryDatabase.InsuredHeader
            + "P1,张三丰,resident,410105,general,2026,2025-11-05,1980-01-01,\nP1,张四丰,employee,410122,general,2027,2026-11-05,1980-01-01,\n");

        InsuredCard card = (await LookupsOf(registry).FindInsuredAsync("P1", Day, default))!;

        Assert.Equal(("张*丰", "resident", "金水区"), (card.NameMasked, card.Scheme, card.CountyName));
    }

    [Theory]
    [InlineData("2026-03-31", "410105")]
    [InlineData("2026-08-31", "410105")]
    [InlineData("2026-09-01", "410102")]
    public async Task Insured_who_has_moved_is_shown_with_the_county_of_the_day(string day, string county)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(RegistryDatabase.InsuredSpansHeader
            + "P1,张三丰,resident,410102,general,2026,2025-11-05,1980-01-01,,2026-09-01,,\n"
            + "P1,张三丰,resident,410105,general,2026,2025-11-05,1980-01-01,,,2026-08-31,moved_away\n");

        InsuredCard card = (await LookupsOf(registry).FindInsuredAsync("P1", DateOnly.Parse(day, CultureInfo.InvariantCulture), default))!;

        Assert.Equal(county, card.County);
    }

    [Fact]
    public async Task Suggested_clinic_is_not_suspended_and_has_its_name_of_today()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(RegistryDatabase.FacilityPeriodsHeader
            + "H1,停用卫生室,410105,village,none,village_clinic,2024-01-01,,,\n"
            + "H2,旧名卫生室,410105,village,none,village_clinic,2024-01-01,,,2026-05-31\n"
            + "H2,新名卫生室,410105,village,none,village_clinic,2024-01-01,,2026-06-01,2026-06-30\n"
            + "H2,再改卫生室,410105,village,none,village_clinic,2024-01-01,,2026-07-01,\n");
        StoppedClock clock = new(new DateTimeOffset(Day, new TimeOnly(8, 0), TimeSpan.Zero));
        FacilityOffice office = new(registry.Database, clock);
        await office.SuspendAsync("H1", Day, new ChangeCause("claims://role/bureau", "检查"), default);

        SuggestedClinic suggested = (await new ClinicLookups(registry.Database, Policy, clock).SuggestAsync(default))!;

        Assert.Equal(("H2", "新名卫生室"), (suggested.FacilityCode, suggested.Name));
        await office.ResumeAsync("H1", Day, new ChangeCause("claims://role/bureau", "整改完成"), default);
        Assert.Equal("H1", (await new ClinicLookups(registry.Database, Policy, clock).SuggestAsync(default))!.FacilityCode);
    }

    [Fact]
    public async Task Suggested_clinic_has_an_agreement_today_is_the_smallest_and_is_none_where_somebody_can_log_in()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(RegistryDatabase.FacilityHeader
            + "H1,市医院,410105,city,3A,hospital,2024-01-01,\nH2,村卫生室,410105,village,none,village_clinic,2024-01-01,2026-06-17\n"
            + "H3,村卫生室,410105,village,none,village_clinic,2026-06-19,\nH4,村卫生室,410105,village,none,village_clinic,,\n"
            + "H5,乡卫生院,410105,township,none,township,2026-06-18,2026-06-18\n");
        StoppedClock clock = new(new DateTimeOffset(Day, new TimeOnly(8, 0), TimeSpan.Zero));
        ClinicLookups lookups = new(registry.Database, Policy, clock);

        Assert.Equal("H5", (await lookups.SuggestAsync(default))?.FacilityCode);
        using ClinicCredentials credentials = new(registry.Database, new EligibilitySettings(), clock);
        await credentials.IssueAsync("H1", "his", false, TimeSpan.FromDays(1), default);
        Assert.Null(await lookups.SuggestAsync(default));
    }

    [Theory]
    [InlineData("2026-05-31", "旧名")]
    [InlineData("2026-06-01", "新名")]
    [InlineData("2026-06-30", "新名")]
    [InlineData("2026-07-01", "再改")]
    [InlineData("2019-01-01", "旧名")]
    public async Task Name_of_a_facility_is_that_of_the_day_or_the_nearest(string day, string name)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(RegistryDatabase.FacilityPeriodsHeader
            + "H2,旧名,410105,village,none,village_clinic,2024-01-01,,2020-01-01,2026-05-31\n"
            + "H2,新名,410105,village,none,village_clinic,2024-01-01,,2026-06-01,2026-06-30\n"
            + "H2,再改,410105,village,none,village_clinic,2024-01-01,,2026-07-01,\n");
        await using NpgsqlCommand command = registry.Database.CreateCommand(FacilityPeriods.NameSql("$1", "$2"));
        command.Parameters.Add(new() { Value = "H2" });
        command.Parameters.Add(new() { Value = DateOnly.Parse(day, CultureInfo.InvariantCulture) });

        Assert.Equal(name, await command.ExecuteScalarAsync() as string);
    }

    [Theory]
    [InlineData("张三丰", "张*丰")]
    [InlineData("李四", "李*")]
    [InlineData("王", "*")]
    [InlineData("欧阳娜娜", "欧**娜")]
    [InlineData("𠮷野家", "𠮷*家")]
    [InlineData("", "")]
    public void Name_shows_its_ends_alone(string name, string masked) => Assert.Equal(masked, ClinicLookups.MaskedName(name));

    private static ClinicLookups LookupsOf(RegistryDatabase registry) => new(registry.Database, Policy, TimeProvider.System);

    private static async Task FillAsync(RegistryDatabase registry, string rows)
    {
        await using NpgsqlCommand command = registry.Database.CreateCommand(
            "INSERT INTO catalogue_item (item_code, name, class, first_self_pay_bp, price_limit_milli_fen, valid_from, valid_to) "
            + $"VALUES {rows}");
        await command.ExecuteNonQueryAsync();
    }
}
