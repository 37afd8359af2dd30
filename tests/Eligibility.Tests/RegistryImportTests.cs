using System.Text.Json;
using Claims.Eligibility.Import;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

[Collection(nameof(PostgresCollection))]
public sealed class RegistryImportTests(PostgresServer postgres)
{
    private const string FacilityHeader = RegistryDatabase.FacilityHeader;
    private const string InsuredHeader = RegistryDatabase.InsuredHeader;
    private const string SoundFacility = "F1,省人民医院,410105,province,3A,hospital,2024-01-01,\n";
    private const string SoundInsured = "P1,张三,resident,410105,general,2024,2023-11-05,1980-01-01,\n";

    [Fact]
    public async Task Facility_is_found_as_it_was_imported()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportResult result = await registry.ImportFacilitiesAsync(
            FacilityHeader + SoundFacility
                + "F2,\"某村\"\"一\"\"卫生室, 东\",410182,village,none,clinic,2024-01-01,2024-06-30\r\nF3,未签约,410122,county,2A,hospital,,");
        Assert.Equal(3, result.Rows);

        LookupReply reply = await registry.Registry.LookupAsync(["F2", "F9", "F3"], [], [], inNumbers: false, CancellationToken.None);
        Assert.Equal(result.Version, reply.Version);
        Facility expected = new()
        {
            FacilityCode = "F2",
            Name = "某村\"一\"卫生室, 东",
            County = "410182",
            AdminLevel = AdminLevel.Village,
            Grade = "none",
            Kind = "clinic",
            PooledFrom = "2024-01-01",
            PooledTo = "2024-06-30",
        };
        Assert.Equal(expected, Assert.Single(reply.Facilities, facility => facility.FacilityCode == "F2"));
        Assert.Equal("", Assert.Single(reply.Facilities, facility => facility.FacilityCode == "F3").PooledFrom);
        Assert.Equal(2, reply.Facilities.Count);
    }

    [Fact]
    public async Task Insured_are_found_with_their_plan_years_ascending_and_without_their_names()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(
            InsuredHeader + "P2,李四,resident,410105,general,2025,2025-03-01,1980-01-01,\nP1,张三,employee,410181,general,2024,,1980-01-01,\n"
            + "P2,李四,resident,410122,low_income,2024,2024-03-01,1980-01-01,\n");

        LookupReply reply = await registry.Registry.LookupAsync([], ["P1", "P2", "P3"], [], inNumbers: false, CancellationToken.None);
        Coverage unpaid = new() { PlanYear = 2024, Scheme = "employee", County = "410181", Category = "general" };
        Coverage exempt = new()
        {
            PlanYear = 2024,
            Scheme = "resident",
            County = "410122",
            Category = "low_income",
            Paid = true,
            WaitingFrom = "2024-03-01",
            CoveredFrom = "2024-03-01",
            CoveredTo = "2024-12-31",
        };
        Coverage waiting = new()
        {
            PlanYear = 2025,
            Scheme = "resident",
            County = "410105",
            Category = "general",
            Paid = true,
            WaitingFrom = "2025-03-01",
            CoveredFrom = "2025-03-31",
            CoveredTo = "2025-12-31",
        };
        Assert.Equal(new Insured { InsuredId = "P1", Coverages = { unpaid } },
            Assert.Single(reply.Insured, insured => insured.InsuredId == "P1"));
        Assert.Equal(new Insured { InsuredId = "P2", Coverages = { exempt, waiting } },
            Assert.Single(reply.Insured, insured => insured.InsuredId == "P2"));
        Assert.Equal(2, reply.Insured.Count);
        Assert.DoesNotContain("张三", reply.ToString(), StringComparison.Ordinal);

        LookupReply inNumbers = await registry.Registry.LookupAsync(
            [], ["P3", "P1", "P2", "P1"], [], inNumbers: true, CancellationToken.None);
        Claims.V1.Enrolment unpaidInNumbers = new() { PlanYear = 2024, Scheme = "employee", County = "410181", BirthDate = 19800101 };
        Claims.V1.Enrolment exemptInNumbers = new()
        {
            PlanYear = 2024,
            County = "410122",
            Category = "low_income",
            BirthDate = 19800101,
            Paid = true,
            WaitingFrom = 20240301,
            CoveredFrom = 20240301,
            CoveredTo = 20241231,
        };
        Claims.V1.Enrolment waitingInNumbers = new()
        {
            PlanYear = 2025,
            County = "410105",
            BirthDate = 19800101,
            Paid = true,
            WaitingFrom = 20250301,
            CoveredFrom = 20250331,
            CoveredTo = 20251231,
        };
        Assert.Equal(
            [new Enrolled { Position = 1, Enrolments = { unpaidInNumbers } },
                new Enrolled { Position = 2, Enrolments = { exemptInNumbers, waitingInNumbers } }],
            inNumbers.Enrolled.OrderBy(insured => insured.Position));
        Assert.Empty(inNumbers.Insured);
    }

    [Fact]
    public async Task Look_up_after_a_large_import_is_planned_for_the_few_rows_it_finds()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(InsuredHeader + string.Concat(
            Enumerable.Range(0, 20_000).Select(number => $"P{number},张三,resident,410105,general,2025,2024-11-05,1980-01-01,\n")));

        await using NpgsqlCommand explain = registry.Database.CreateCommand("""
            SET plan_cache_mode = force_generic_plan;
            PREPARE look_up (text[]) AS SELECT scheme FROM enrolment_span WHERE insured_id = ANY ($1);
            EXPLAIN (FORMAT JSON) EXECUTE look_up ('{P1,P2}')
            """);
        using JsonDocument plan = JsonDocument.Parse((string)(await explain.ExecuteScalarAsync())!);

        // PostgreSQL takes an array that it does not know yet to have ten elements.
        Assert.Equal(10, plan.RootElement[0].GetProperty("Plan").GetProperty("Plan Rows").GetInt64());
    }

    [Fact]
    public async Task Heads_are_counted_per_county_scheme_and_plan_year_and_the_paid_among_them()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(
            InsuredHeader
                + "P1,甲,resident,410105,general,2025,2024-11-05,1980-01-01,\nP2,乙,resident,410105,low_income,2025,2025-03-01,1980-01-01,\n"
            + "P3,丙,resident,410105,general,2025,,1980-01-01,\nP4,丁,resident,410122,general,2025,2024-11-05,1980-01-01,\n"
            + "P4,丁,resident,410105,general,2024,2023-11-05,1980-01-01,\nP5,戊,employee,410105,general,2025,2024-11-05,1980-01-01,\n");

        CountHeadsReply all = await registry.Registry.CountHeadsAsync("resident", 2025, "", CancellationToken.None);
        CountHeadsReply one = await registry.Registry.CountHeadsAsync("resident", 2025, "410122", CancellationToken.None);

        Assert.Equal([("410105", 3L, 2L), ("410122", 1L, 1L)], all.Counties.Select(RegistryDatabase.Heads));
        Assert.Equal([("410122", 1L, 1L)], one.Counties.Select(RegistryDatabase.Heads));
        Assert.Empty((await registry.Registry.CountHeadsAsync("employee", 2024, "", CancellationToken.None)).Counties);
    }

    [Fact]
    public async Task Second_file_replaces_what_it_names_and_leaves_the_rest()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportResult first = await registry.ImportInsuredAsync(
            InsuredHeader + SoundInsured + "P2,李四,resident,410105,general,2024,,1980-01-01,\n");
        ImportResult second = await registry.ImportInsuredAsync(
            InsuredHeader + "P2,李四,resident,410105,general,2024,2024-02-01,1980-01-01,\n");

        Assert.Equal(first.Version + 1, second.Version);
        Assert.Equal(2, await registry.CountAsync("enrolment"));
        LookupReply reply = await registry.Registry.LookupAsync([], ["P1", "P2"], [], inNumbers: false, CancellationToken.None);
        Assert.Equal("2024-01-01 2024-03-02",
            string.Join(' ', reply.Insured.OrderBy(insured => insured.InsuredId).Select(insured => insured.Coverages[0].CoveredFrom)));
    }

    [Theory]
    [InlineData("F2,x,410105,province,3A,hospital,2024-02-30,\n", 3, "pooled_from", "'2024-02-30' is not a date of the form yyyy-MM-dd")]
    [InlineData("F2,x,410105,province,3A,hospital,2023-02-29,\n", 3, "pooled_from", "'2023-02-29' is not a date")]
    [InlineData("F2,x,410105,province,3A,hospital,2024-1-1,\n", 3, "pooled_from", "'2024-1-1' is not a date")]
    [InlineData("F2,x,410105,province,3A,hospital,2024-02-01,2024-01-31\n", 3, "pooled_to", "'2024-01-31' is before pooled_from")]
    [InlineData("F2,x,410105,province,3A,hospital,,2024-01-31\n", 3, "pooled_to", "has no pooled_from")]
    [InlineData("F2,x,410105,Province,3A,hospital,,\n", 3, "admin_level",
        "'Province' is not one of city, community, county, province, township, village")]
    [InlineData("F2,x,410105,province,4A,hospital,,\n", 3, "grade", "'4A' is not a grade")]
    [InlineData("F2,x,41010,province,3A,hospital,,\n", 3, "county", "'41010' is not a 6-digit administrative code")]
    [InlineData("F2,x,110101,province,3A,hospital,,\n", 3, "county", "'110101' is not a county of the city's policy")]
    [InlineData(",x,410105,province,3A,hospital,,\n", 3, "facility_code", "'' is not a code")]
    [InlineData("F 2,x,410105,province,3A,hospital,,\n", 3, "facility_code", "'F 2' is not a code")]
    [InlineData("F2,x,410105,province,3A,hospital,\n", 3, "pooled_to", "the row has 7 fields, but the header has 8")]
    [InlineData("F2,x,410105,province,3A,hospital,,,\n", 3, "", "the row has 9 fields, but the header has 8")]
    [InlineData("\n", 3, "", "the line is empty")]
    [InlineData("F1,x,410105,province,3A,hospital,,\n", 3, "facility_code", "'F1' stands in line 2 already")]
    [InlineData("F2,\"x\n\ny\",410105,province,3A,hospital,,\n", 3, "name", "is not a name")]
    [InlineData("F2,\"x\",410105,province,3A,hospital,,\nF1,x,410105,province,3A,hospital,,\nF3,x,1,province,3A,hospital,,\n", 4,
        "facility_code", "'F1' stands in line 2 already")]
    [InlineData("F2,\"x\",410105,province,3A,hospital,,\nF4,x,1,province,3A,hospital,,\nF1,x,410105,province,3A,hospital,,\n", 4, "county",
        "'1' is not a 6-digit administrative code")]
    [InlineData("F2,\"x,410105,province,3A,hospital,,\n", 3, "", "has no end")]
    public async Task Bad_facility_row_is_named_and_nothing_of_the_file_is_taken(string rows, long line, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        long version = await registry.VersionAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportFacilitiesAsync(FacilityHeader + SoundFacility + rows));
        Assert.Equal((line, column), (fault.Line, fault.Column));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal((0, version), (await registry.CountAsync("facility"), await registry.VersionAsync()));
    }

    [Theory]
    [InlineData("P2,x,residents,410105,general,2024,,,\n", "scheme", "'residents' is not one of employee, resident")]
    [InlineData("P2,x,resident,410105,low-income,2024,,,\n", "category", "'low-income' is not one of child_in_difficulty,")]
    [InlineData("P2,x,resident,410105,general,24,,,\n", "plan_year", "'24' is not a year")]
    [InlineData("P2,x,resident,410105,general,,,,\n", "plan_year", "'' is not a year")]
    [InlineData("P2,x,resident,410105,general,2024,05/11/2023,,\n", "paid_on", "'05/11/2023' is not a date")]
    [InlineData("P2,x,resident,410105,general,2024,,1980-13-01,\n", "birth_date", "'1980-13-01' is not a date")]
    [InlineData("P2,x,resident,410105,general,2024,,, 2024-01-01\n", "transfer_ended_on", "' 2024-01-01' is not a date")]
    [InlineData("P1,x,resident,410105,general,2024,,,\n", "insured_id", "'P1 2024' stands in line 2 already")]
    [InlineData("P1234567890123456789012345678901,x,resident,410105,general,2024,,,\n", "insured_id", "is not a code of 1 to 30")]
    public async Task Bad_insured_row_is_named_and_nothing_of_the_file_is_taken(string rows, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        long version = await registry.VersionAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportInsuredAsync(InsuredHeader + SoundInsured + rows));
        Assert.Equal((3, column), (fault.Line, fault.Column));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal((0, version), (await registry.CountAsync("enrolment"), await registry.VersionAsync()));
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData(RegistryDatabase.InsuredHeader, "must be 'facility_code,name,county")]
    [InlineData("facility_code,name,county,admin_level,grade,kind,pooled_to,pooled_from\n", "must be 'facility_code,name,county")]
    public async Task Other_header_is_refused(string csv, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportFacilitiesAsync(csv));
        Assert.Equal(1, fault.Line);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Header_alone_takes_nothing_and_is_not_a_fault()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Assert.Equal(0, (await registry.ImportFacilitiesAsync(FacilityHeader)).Rows);
    }

    [Fact]
    public async Task Imports_at_the_same_time_raise_the_version_once_each()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        long before = await registry.VersionAsync();
        string[] files = [.. Enumerable.Range(0, 4)
            .Select(file => InsuredHeader + string.Concat(
            Enumerable.Range(0, 500).Select(row => $"P{row},x,resident,410105,general,{2022 + file},,,\n")))];
        ImportResult[] results = await Task.WhenAll(files.Select(registry.ImportInsuredAsync));
        Assert.Equal([before + 1, before + 2, before + 3, before + 4], results.Select(result => result.Version).Order());
        Assert.Equal(2000, await registry.CountAsync("enrolment"));
    }
}
