using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary><c>claims facility</c> and <c>claims insured</c>: what they ask for and what they print.</summary>
[Collection(nameof(FakeSystem))]
public sealed class RegistryCommandTests(FakeSystem system)
{
    private static readonly FacilityRecord Record = new()
    {
        FacilityCode = "H1",
        Periods =
        {
            new FacilityPeriod
            {
                ValidTo = "2025-06-30",
                Name = "示例医院",
                County = "410105",
                AdminLevel = AdminLevel.City,
                Grade = "2A",
                Kind = "hospital",
                PooledFrom = "2024-01-01",
            },
        },
        Change = new Change { MadeAt = "2025-07-01 09:00:00", MadeBy = "claims://role/bureau", Reason = "facilities.csv" },
        Suspensions =
        {
            new SuspensionRecord
            {
                Suspension = new Suspension { SuspendedFrom = "2025-08-01" },
                Suspended = new Change { MadeAt = "2025-08-01 10:00:00", MadeBy = "claims://role/bureau", Reason = "违规收费" },
            },
        },
    };

    [Fact]
    public async Task Show_prints_periods_and_suspensions_with_who_and_why()
    {
        system.Begin().Answer<ShowFacilityRequest>("RegistryOffice/ShowFacility", _ => Record);
        Ran shown = await system.RunAsync("facility", "show", "H1", "--as-of", "2025-08-01");
        Assert.Equal(0, shown.ExitCode);
        Assert.Contains(shown.Lines, line => line.Contains("2025-06-30", StringComparison.Ordinal)
            && line.Contains("city 市级", StringComparison.Ordinal));
        Assert.Contains(shown.Lines, line => line.Contains("2025-08-01 10:00:00 claims://role/bureau: 违规收费", StringComparison.Ordinal));
        Assert.Equal(new ShowFacilityRequest { FacilityCode = "H1", AsOf = "2025-08-01" }, Assert.Single(system.Received).Request);

        (await system.RunAsync("facility", "show", "H1", "--json")).IsJson(0, """
            {"facilityCode":"H1","periods":[{"validFrom":"","validTo":"2025-06-30","name":"示例医院","county":"410105","adminLevel":"city",
            "grade":"2A","kind":"hospital","pooledFrom":"2024-01-01","pooledTo":""}],
            "change":{"madeAt":"2025-07-01 09:00:00","madeBy":"claims://role/bureau","reason":"facilities.csv"},
            "suspensions":[{"suspendedFrom":"2025-08-01","resumedFrom":"",
            "suspended":{"madeAt":"2025-08-01 10:00:00","madeBy":"claims://role/bureau","reason":"违规收费"},"resumed":null}]}
            """);
    }

    [Fact]
    public async Task Show_tells_who_suspended_and_who_resumed_and_the_days_of_either()
    {
        FacilityRecord resumed = new(Record);
        resumed.Periods[0].ValidFrom = "2024-01-01";
        resumed.Periods[0].PooledTo = "2025-05-31";
        resumed.Suspensions[0].Suspension.ResumedFrom = "2025-09-01";
        resumed.Suspensions[0].Resumed =
            new Change { MadeAt = "2025-08-31 16:00:00", MadeBy = "claims://role/bureau/li", Reason = "整改完成" };
        system.Begin().Answer<ShowFacilityRequest>("RegistryOffice/ShowFacility", _ => resumed);

        Ran shown = await system.RunAsync("facility", "show", "H1");

        Assert.Contains("2024-01-01 2025-06-30 示例医院 410105 city 市级 2A 2024-01-01 2025-05-31", shown.Lines);
        Assert.Contains("2025-08-01 2025-08-01 10:00:00 claims://role/bureau: 违规收费 "
            + "2025-09-01 2025-08-31 16:00:00 claims://role/bureau/li: 整改完成", shown.Lines);
    }

    [Theory]
    [InlineData(AdminLevel.Province, "province", "省级")]
    [InlineData(AdminLevel.City, "city", "市级")]
    [InlineData(AdminLevel.County, "county", "县级")]
    [InlineData(AdminLevel.Township, "township", "乡镇")]
    [InlineData(AdminLevel.Community, "community", "社区")]
    [InlineData(AdminLevel.Village, "village", "村")]
    public async Task Show_names_the_level_that_decides_what_the_fund_pays(AdminLevel level, string name, string chinese)
    {
        FacilityRecord record = new(Record);
        record.Periods[0].AdminLevel = level;
        system.Begin().Answer<ShowFacilityRequest>("RegistryOffice/ShowFacility", _ => record);

        Assert.Contains($" {name} {chinese} 2A ", (await system.RunAsync("facility", "show", "H1")).Lines[1], StringComparison.Ordinal);
        Assert.Contains($"\"adminLevel\": \"{name}\"", (await system.RunAsync("facility", "show", "H1", "--json")).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Suspend_and_resume_name_the_day_and_the_reason()
    {
        system.Begin()
            .Answer<SuspendFacilityRequest>("RegistryOffice/SuspendFacility", _ => Record)
            .Answer<ResumeFacilityRequest>("RegistryOffice/ResumeFacility",
                _ => throw new RpcException(new Status(StatusCode.FailedPrecondition, "H1 is not suspended")));
        Assert.Equal(0, (await system.RunAsync("facility", "suspend", "H1", "--reason", "违规收费", "--from", "2025-08-01")).ExitCode);
        Ran refused = await system.RunAsync("facility", "resume", "H1", "--reason", "整改完成");
        Assert.Equal((1, "The eligibility service says: H1 is not suspended."), (refused.ExitCode, refused.Errors));
        Assert.Equal(
            [new SuspendFacilityRequest { FacilityCode = "H1", From = "2025-08-01", Reason = "违规收费" },
                (Google.Protobuf.IMessage)new ResumeFacilityRequest { FacilityCode = "H1", Reason = "整改完成" }],
            system.Received.Select(call => call.Request));
        Assert.NotEqual(0, (await system.RunAsync("facility", "suspend", "H1")).ExitCode);
    }

    [Fact]
    public async Task Explanations_are_printed_a_sentence_a_line_with_their_sources()
    {
        Explanation explanation = new()
        {
            Holds = true,
            Sentences = { new Sentence { Text = "甲。", Source = "某文 一" }, new Sentence { Text = "乙。" } },
        };
        system.Begin()
            .Answer<ExplainFacilityRequest>("RegistryOffice/ExplainFacility", _ => explanation)
            .Answer<ExplainInsuredRequest>("RegistryOffice/ExplainInsured", _ => explanation);
        Assert.Equal(["甲。（某文 一）", "乙。"], (await system.RunAsync("facility", "explain", "H1", "--on", "2025-03-01")).Lines);
        (await system.RunAsync("insured", "explain", "P1", "--on", "2025-03-01", "--as-of", "2025-04-01", "--json")).IsJson(0,
            """{"holds":true,"sentences":[{"text":"甲。","source":"某文 一"},{"text":"乙。","source":""}]}""");
        Assert.Equal(
            [new ExplainFacilityRequest { FacilityCode = "H1", On = "2025-03-01" },
                (Google.Protobuf.IMessage)new ExplainInsuredRequest { InsuredId = "P1", On = "2025-03-01", AsOf = "2025-04-01" }],
            system.Received.Select(call => call.Request));
    }

    [Theory]
    [InlineData(DuplicateKind.TwoSchemes, "twoSchemes", "two schemes 两个险种")]
    [InlineData(DuplicateKind.TwoCounties, "twoCounties", "two counties 两个区县")]
    [InlineData(DuplicateKind.TwoIds, "twoIds", "two ids 两个编号")]
    public async Task Duplicates_are_listed_by_kind_with_both_enrolments(DuplicateKind kind, string code, string label)
    {
        Duplicate duplicate = new()
        {
            Kind = kind,
            InsuredId = "P1",
            Scheme = "resident",
            County = "410105",
            OtherInsuredId = "P2",
            OtherScheme = "employee",
            OtherCounty = "410122",
            Replaced = true,
        };
        system.Begin().List<ListDuplicatesRequest>("RegistryOffice/ListDuplicates", _ => [duplicate]);

        (await system.RunAsync("insured", "duplicates", "--year", "2025", "--json")).IsJson(0, $$"""
            {"duplicates":[{"planYear":2025,"kind":"{{code}}","insuredId":"P1","scheme":"resident","county":"410105",
            "otherInsuredId":"P2","otherScheme":"employee","otherCounty":"410122","replaced":true}]}
            """);
        Ran listed = await system.RunAsync("insured", "duplicates", "--year", "2025");

        Assert.Equal(
            [$"2025 {label} P1 resident 410105 P2 employee 410122 first replaced 前者已被替换", "1 found 共1条."], listed.Lines[1..]);
        duplicate.Replaced = false;
        Assert.Equal($"2025 {label} P1 resident 410105 P2 employee 410122",
            (await system.RunAsync("insured", "duplicates", "--year", "2025")).Lines[1]);
    }

    [Fact]
    public async Task Duplicates_without_a_year_are_those_of_every_year_up_to_the_next()
    {
        system.Begin().List<ListDuplicatesRequest>("RegistryOffice/ListDuplicates", _ => []);
        int next = ChinaTime.Today(TimeProvider.System).Year + 1;

        Ran ran = await system.RunAsync("insured", "duplicates");

        Assert.Equal("0 found 共0条.", ran.Lines[^1]);
        Assert.Equal(Enumerable.Range(2021, next - 2020), system.Received.Select(call => ((ListDuplicatesRequest)call.Request).PlanYear));
    }
}
