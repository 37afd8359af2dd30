using System.Globalization;
using System.Text;
using Claims.Eligibility.Enrolment;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>Every column of a file against every field of an answer, and each bound of what a row may hold.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class RegistryContentTests(PostgresServer postgres)
{
    private const string FacilityHeader = RegistryDatabase.FacilityHeader;
    private const string InsuredHeader = RegistryDatabase.InsuredHeader;

    [Fact]
    public async Task Every_column_of_every_facility_is_answered_and_replaced()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(
            FacilityHeader
            + "F1,省人民医院,410105,province,3A,hospital,2024-01-01,2026-12-31\nF2,市医院,410103,city,3B,hospital-2,2024-02-02,\nF3,县医院,410122,county,2A,hospital.3,2024-03-03,2025-03-03\n"
            + "F4,乡卫生院,410182,township,1,centre,2024-04-04,\nF5,社区中心,410171,community,none,station,,\nF6,村卫生室,410181,village,1C,clinic,2024-06-06,2024-06-06\n");
        Facility[] expected =
        [
            new()
            {
                FacilityCode = "F1",
                Name = "省人民医院",
                County = "410105",
                AdminLevel = AdminLevel.Province,
                Grade = "3A",
                Kind = "hospital",
                PooledFrom = "2024-01-01",
                PooledTo = "2026-12-31",
            },
            new()
            {
                FacilityCode = "F2",
                Name = "市医院",
                County = "410103",
                AdminLevel = AdminLevel.City,
                Grade = "3B",
                Kind = "hospital-2",
                PooledFrom = "2024-02-02",
            },
            new()
            {
                FacilityCode = "F3",
                Name = "县医院",
                County = "410122",
                AdminLevel = AdminLevel.County,
                Grade = "2A",
                Kind = "hospital.3",
                PooledFrom = "2024-03-03",
                PooledTo = "2025-03-03",
            },
            new()
            {
                FacilityCode = "F4",
                Name = "乡卫生院",
                County = "410182",
                AdminLevel = AdminLevel.Township,
                Grade = "1",
                Kind = "centre",
                PooledFrom = "2024-04-04",
            },
            new()
            {
                FacilityCode = "F5",
                Name = "社区中心",
                County = "410171",
                AdminLevel = AdminLevel.Community,
                Grade = "none",
                Kind = "station",
            },
            new()
            {
                FacilityCode = "F6",
                Name = "村卫生室",
                County = "410181",
                AdminLevel = AdminLevel.Village,
                Grade = "1C",
                Kind = "clinic",
                PooledFrom = "2024-06-06",
                PooledTo = "2024-06-06",
            },
        ];
        Assert.Equal(expected, await FacilitiesAsync());

        await registry.ImportFacilitiesAsync(FacilityHeader + "F1,新名,410104,city,2B,clinic,,\n");
        expected[0] =
            new() { FacilityCode = "F1", Name = "新名", County = "410104", AdminLevel = AdminLevel.City, Grade = "2B", Kind = "clinic" };
        Assert.Equal(expected, await FacilitiesAsync());

        async Task<IEnumerable<Facility>> FacilitiesAsync() =>
            (await registry.Registry.LookupAsync(["F1", "F2", "F3", "F4", "F5", "F6"], [], [], inNumbers: false, CancellationToken.None))
                .Facilities.OrderBy(facility => facility.FacilityCode, StringComparer.Ordinal);
    }

    [Fact]
    public async Task Every_column_of_an_insured_counts_for_the_answer_and_is_replaced()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(
            InsuredHeader + "P1,甲,resident,410105,general,2024,2024-03-10,1980-01-01,2024-01-31\nP2,乙,employee,410122,newborn,2025,2025-06-20,2025-06-01,\n"
            + "P3,丙,resident,410184,general,2025,2025-06-20,1980-01-01,2024-01-31\n");
        Coverage transferred = Days("2024-03-10", "2024-03-10", "2024-12-31",
            new() { PlanYear = 2024, Scheme = "resident", County = "410105", Category = "general" });
        Coverage born = Days("2025-06-01", "2025-06-01", "2025-12-31",
            new() { PlanYear = 2025, Scheme = "employee", County = "410122", Category = "newborn" });
        Coverage waiting = Days("2025-06-20", "2025-07-20", "2025-12-31",
            new() { PlanYear = 2025, Scheme = "resident", County = "410184", Category = "general" });
        Assert.Equal([transferred, born, waiting], await CoveragesAsync());

        await registry.ImportInsuredAsync(
            InsuredHeader + "P1,甲,employee,410103,low_income,2024,2024-05-05,1980-01-01,\nP2,乙,resident,410105,general,2025,,,\n");
        Coverage exempt = Days("2024-05-05", "2024-05-05", "2024-12-31",
            new() { PlanYear = 2024, Scheme = "employee", County = "410103", Category = "low_income" });
        Assert.Equal([exempt, new() { PlanYear = 2025, Scheme = "resident", County = "410105", Category = "general" }, waiting],
            await CoveragesAsync());

        async Task<IEnumerable<Coverage>> CoveragesAsync() =>
            (await registry.Registry.LookupAsync([], ["P1", "P2", "P3"], [], inNumbers: false, CancellationToken.None))
                .Insured.OrderBy(insured => insured.InsuredId, StringComparer.Ordinal)
                .Select(insured => Assert.Single(insured.Coverages));

        static Coverage Days(string waitingFrom, string coveredFrom, string coveredTo, Coverage coverage)
        {
            (coverage.Paid, coverage.WaitingFrom, coverage.CoveredFrom, coverage.CoveredTo) = (true, waitingFrom, coveredFrom, coveredTo);
            return coverage;
        }
    }

    /// <summary>Whoever keeps an answer drops it at a newer version: one that says more than its data has would stay.</summary>
    [Fact]
    public async Task Answer_is_never_of_a_newer_version_than_its_data()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await using NpgsqlConnection writer = await registry.Database.OpenConnectionAsync();
        await using NpgsqlTransaction change = await writer.BeginTransactionAsync();
        await ExecuteAsync("LOCK TABLE registry_version");
        Task<LookupReply> asked = registry.Registry.LookupAsync(["F1"], [], [], inNumbers: false, CancellationToken.None);
        await Poll.UntilAsync(TimeSpan.FromSeconds(30), () => Waiting() == 1);
        await ExecuteAsync("""
            INSERT INTO facility_period (facility_code, change_id, valid_from, valid_to, name, county, admin_level, grade, kind)
                VALUES ('F1', 1, '-infinity', 'infinity', '甲', '410105', 1, '3A', 'hospital');
            UPDATE registry_version SET version = version + 1
            """);
        await change.CommitAsync();

        LookupReply reply = await asked;

        Assert.Equal(await registry.VersionAsync(), reply.Version);
        Assert.Single(reply.Facilities);

        async Task ExecuteAsync(string sql)
        {
            await using NpgsqlCommand command = new(sql, writer);
            await command.ExecuteNonQueryAsync();
        }

        long Waiting()
        {
            using NpgsqlCommand command = registry.Database.CreateCommand(
                "SELECT count(*) FROM pg_locks WHERE relation = 'registry_version'::regclass AND NOT granted");
            return (long)command.ExecuteScalar()!;
        }
    }

    [Fact]
    public async Task Heads_of_either_scheme_and_year_are_counted_apart()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        StringBuilder rows = new(InsuredHeader);
        foreach ((string scheme, int year, string county, int enrolled, int paid) in new[]
            {
                ("resident", 2024, "410105", 5, 3), ("resident", 2025, "410105", 7, 2), ("employee", 2024, "410105", 4, 4),
                ("employee", 2025, "410122", 3, 0), ("resident", 2024, "410122", 2, 1)
            })
        {
            for (int head = 0; head < enrolled; head++)
                rows.Append(CultureInfo.InvariantCulture,
                    $"{scheme}-{year}-{county}-{head},x,{scheme},{county},general,{year},{(head < paid ? $"{year - 1}-11-05" : "")},,\n");
        }

        await registry.ImportInsuredAsync(rows.ToString());

        Assert.Equal([Heads("410105", 5, 3), Heads("410122", 2, 1)], await CountAsync("resident", 2024));
        Assert.Equal([Heads("410105", 7, 2)], await CountAsync("resident", 2025));
        Assert.Equal([Heads("410105", 4, 4)], await CountAsync("employee", 2024));
        Assert.Equal([Heads("410122", 3, 0)], await CountAsync("employee", 2025));
        Assert.Equal([Heads("410122", 2, 1)], await CountAsync("resident", 2024, "410122"));
        Assert.Empty(await CountAsync("resident", 2025, "410122"));

        async Task<IEnumerable<(string, long, long)>> CountAsync(string scheme, int year, string county = "") =>
            (await registry.Registry.CountHeadsAsync(scheme, year, county, CancellationToken.None)).Counties.Select(RegistryDatabase.Heads);

        static (string, long, long) Heads(string county, long enrolled, long paid) => (county, enrolled, paid);
    }

    [Fact]
    public async Task Rows_at_the_bounds_of_every_column_are_taken()
    {
        string code = new('C', 30);
        string name = new('名', 200);
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportFacilitiesAsync(
            FacilityHeader
            + $"{code},{name},410105,city,3C,{new string('k', 30)},2024-01-01,2024-01-01\na-b_c.D,,410105,city,1,k,2024-01-01,\n");
        await registry.ImportInsuredAsync(
            InsuredHeader
            + $"{code},{name},resident,410105,student,2000,,,\nP,,employee,410181,general,2100,2100-12-31,2100-12-31,2100-12-31\n");

        Assert.Equal((2, 2), (await registry.CountAsync("facility"), await registry.CountAsync("enrolment")));
        await using NpgsqlCommand read = registry.Database.CreateCommand("SELECT name FROM enrolment WHERE insured_id = $1");
        read.Parameters.Add(new() { Value = code });
        Assert.Equal(name, await read.ExecuteScalarAsync());
    }

    [Theory]
    [InlineData("P2,x,resident,410105,general,1999,,,", "plan_year", "'1999' is not a year from 2000 to 2100")]
    [InlineData("P2,x,resident,410105,general,2101,,,", "plan_year", "'2101' is not a year from 2000 to 2100")]
    [InlineData("P2,x,resident,410105,general,+2024,,,", "plan_year", "'+2024' is not a year from 2000 to 2100")]
    [InlineData("P2,x,resident,41010,general,2024,,,", "county", "'41010' is not a 6-digit administrative code")]
    [InlineData("P2,x,resident,41010x,general,2024,,,", "county", "'41010x' is not a 6-digit administrative code")]
    [InlineData("P2,x,resident,110101,general,2024,,,", "county", "'110101' is not a county of the city's policy")]
    [InlineData("P2,x,,410105,general,2024,,,", "scheme", "'' is not one of employee, resident")]
    [InlineData("P2,x,resident,410105,,2024,,,", "category",
        "'' is not one of child_in_difficulty, destitute, disabled, general, low_income, low_income_edge, newborn, relapse_risk, "
        + "residence_permit, student")]
    [InlineData("P2,NAME201,resident,410105,general,2024,,,", "name", "is not a name of at most 200 characters, each of them seen")]
    [InlineData("P/2,x,resident,410105,general,2024,,,", "insured_id", "'P/2' is not a code of 1 to 30 letters, digits, '-', '_' or '.'")]
    [InlineData("张2,x,resident,410105,general,2024,,,", "insured_id", "'张2' is not a code of 1 to 30 letters, digits, '-', '_' or '.'")]
    public async Task Row_beyond_a_bound_is_named_with_its_column(string row, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportInsuredAsync(
            InsuredHeader + "P1,x,resident,410105,general,2024,,,\n" + row.Replace(
                "NAME201", new string('名', 201), StringComparison.Ordinal) + "\n"));
        Assert.Equal((3, column), (fault.Line, fault.Column));
        Assert.EndsWith(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, await registry.CountAsync("enrolment"));
    }

    [Fact]
    public async Task Value_that_is_long_is_quoted_by_its_beginning()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => registry.ImportFacilitiesAsync(FacilityHeader + $"F1,x,{new string('9', 61)},city,1,k,,\n"));
        Assert.Equal($"'{new string('9', 60)}…' is not a 6-digit administrative code", fault.Message);
    }

    [Fact]
    public void Insured_of_either_form_have_every_field_and_the_place_they_were_asked_at()
    {
        EnrolmentRow first = new(
            2024, "employee", "410122", "disabled", new(2024, 2, 3), new(1980, 5, 6), null, new(2024, 1, 2), new(2024, 9, 30), "death");
        EnrolmentRow second = new(2025, "resident", "410105", "general", new(2025, 2, 3), null, null);
        CoveredDays days = new(new(2024, 2, 3), new(2024, 3, 4), new(2024, 12, 31));
        LookupReply inTexts = new();
        LookupReply inNumbers = new();
        foreach ((LookupReply reply, bool numbers) in new[] { (inTexts, false), (inNumbers, true) })
        {
            InsuredAnswers answers = new(reply, ["B", "A", "C", "A"], numbers);
            answers.Add("A", first, days);
            answers.Add("A", second, null);
            answers.Add("C", second, days);
        }

        Assert.Equal(
            new LookupReply
            {
                Insured =
                {
                    new Insured
                    {
                        InsuredId = "A",
                        Coverages =
                        {
                            new Coverage
                            {
                                PlanYear = 2024,
                                Scheme = "employee",
                                County = "410122",
                                Category = "disabled",
                                Paid = true,
                                WaitingFrom = "2024-02-03",
                                CoveredFrom = "2024-03-04",
                                CoveredTo = "2024-12-31",
                                BeginsOn = "2024-01-02",
                                EndedOn = "2024-09-30",
                                EndCause = "death",
                            },
                            new Coverage { PlanYear = 2025, Scheme = "resident", County = "410105", Category = "general" },
                        },
                    },
                    new Insured
                    {
                        InsuredId = "C",
                        Coverages =
                        {
                            new Coverage
                            {
                                PlanYear = 2025,
                                Scheme = "resident",
                                County = "410105",
                                Category = "general",
                                Paid = true,
                                WaitingFrom = "2024-02-03",
                                CoveredFrom = "2024-03-04",
                                CoveredTo = "2024-12-31",
                            },
                        },
                    },
                },
            },
            inTexts);
        Assert.Equal(
            new LookupReply
            {
                Enrolled =
                {
                    new Enrolled
                    {
                        Position = 1,
                        Enrolments =
                        {
                            new V1.Enrolment
                            {
                                PlanYear = 2024,
                                Scheme = "employee",
                                County = "410122",
                                Paid = true,
                                WaitingFrom = 20240203,
                                CoveredFrom = 20240304,
                                CoveredTo = 20241231,
                                Category = "disabled",
                                BirthDate = 19800506,
                                BeginsOn = 20240102,
                                EndedOn = 20240930,
                                EndCause = "death",
                            },
                            new V1.Enrolment { PlanYear = 2025, County = "410105" },
                        },
                    },
                    new Enrolled
                    {
                        Position = 2,
                        Enrolments =
                        {
                            new V1.Enrolment
                            {
                                PlanYear = 2025,
                                County = "410105",
                                Paid = true,
                                WaitingFrom = 20240203,
                                CoveredFrom = 20240304,
                                CoveredTo = 20241231,
                            },
                        },
                    },
                },
            },
            inNumbers);
    }
}
