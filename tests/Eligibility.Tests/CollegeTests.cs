using Claims.Eligibility.Enrolment;
using Claims.Eligibility.History;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>Which college somebody is a student of, and heads by category and college.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class CollegeTests(PostgresServer postgres)
{
    private const string Header =
        "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on,begins_on,ended_on,end_cause,college\n";

    private static readonly PolicyPack Policy = PolicyLoader.Load(Path.Combine(AppContext.BaseDirectory, "policy"), "zhengzhou");

    [Fact]
    public async Task Heads_are_told_by_category_and_college_of_the_first_span_that_is_paid()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(Header
            + "P1,x,resident,410105,general,2025,2024-11-05,,,,,,\n"
            + "P2,x,resident,410105,student,2025,2024-11-05,,,,,,city_college\n"
            + "P3,x,resident,410105,student,2025,2024-11-05,,,,,,provincial_college\n"
            + "P4,x,resident,410105,student,2025,2024-11-05,,,,,,provincial_college\n"
            + "P5,x,resident,410105,student,2025,,,,,,,central_college\n"
            // Paid as general, and low income from March on: his contribution was paid by himself.
            + "P6,x,resident,410105,low_income,2025,2024-11-05,,,2025-03-01,,,\n"
            + "P6,x,resident,410105,general,2025,2024-11-05,,,,2025-02-28,changed,\n"
            // The first span was not paid for.
            + "P7,x,resident,410105,general,2025,,,,,2025-02-28,changed,\n"
            + "P7,x,resident,410105,destitute,2025,2025-03-01,,,2025-03-01,,,\n"
            + "P8,x,resident,410105,general,2025,2024-11-05,,,,2024-12-31,withdrawn_duplicate,\n");

        CountyHeads heads = Assert.Single((await registry.Registry.CountHeadsAsync("resident", 2025, "", CancellationToken.None)).Counties);

        Assert.Equal((7L, 6L), (heads.Enrolled, heads.Paid));
        Assert.Equal(
            [("destitute", "", 1L), ("general", "", 2L), ("student", "city_college", 1L), ("student", "provincial_college", 2L)],
            heads.Of.Select(of => (of.Category, of.College, of.Paid)));
    }

    [Fact]
    public async Task File_without_the_column_says_of_no_college_and_the_same_file_makes_no_entry()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await registry.ImportInsuredAsync(RegistryDatabase.InsuredHeader + "P1,x,resident,410105,student,2025,2024-11-05,,\n");
        Assert.Equal("", await CollegeAsync(registry));

        const string Known = Header + "P1,x,resident,410105,student,2025,2024-11-05,,,,,,city_college\n";
        await registry.ImportInsuredAsync(Known);
        await registry.ImportInsuredAsync(Known);
        Assert.Equal((2, "city_college"), (await registry.CountAsync("enrolment_span"), await CollegeAsync(registry)));

        // As of the other columns, a row says all of the year.
        await registry.ImportInsuredAsync(RegistryDatabase.InsuredHeader + "P1,x,resident,410105,student,2025,2024-11-05,,\n");
        Assert.Equal((3, ""), (await registry.CountAsync("enrolment_span"), await CollegeAsync(registry)));
    }

    [Theory]
    [InlineData(Header + "P1,x,resident,410105,student,2025,,,,,,,village_college\n", "college",
        "'village_college' is not one of central_college, city_college, provincial_college")]
    [InlineData("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on,college\n", "",
        "which 'begins_on,ended_on,end_cause' may follow, and then 'college' may follow")]
    public async Task Other_college_or_column_is_named(string csv, string column, string message)
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => registry.ImportInsuredAsync(csv));
        Assert.Equal(column, fault.Column);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counter_registers_the_college_keeps_it_through_payment_and_refuses_another_word()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        Registrations counter = new(registry.Database, Policy, TimeProvider.System);
        EnrolmentSpan span = new() { Name = "x", Scheme = "resident", County = "410105", Category = "student" };
        span.College = "central_college";
        await ActAsync(new() { RequestId = "R1", Enrol = span });

        RegisterReply paid = await ActAsync(new() { RequestId = "R2", Pay = new Pay { PaidOn = "2025-03-01" } });

        Assert.Equal("central_college", Assert.Single(paid.Spans).College);
        Assert.Equal("central_college", await CollegeAsync(registry));
        await using NpgsqlConnection connection = await registry.Database.OpenConnectionAsync();
        List<RegisteredSpan> spans = await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None);
        Assert.Equal("2025年度在金水区参加城乡居民医保，类别为学生，就读于中央属院校。",
            InsuredExplanation.Of("P1", spans, new(2025, 6, 30), Policy).Sentences[0].Text);
        span.College = "college";
        Assert.Equal("请求字段 correct.spans.college 不是city_college、provincial_college、central_college之一。",
            (await Assert.ThrowsAsync<RegistrationRefusedException>(
                () => ActAsync(new() { RequestId = "R3", Correct = new Correct { Spans = { span } } }))).Message);

        // A file that says the same but for the college takes it away, and says nothing new after that.
        const string Year = RegistryDatabase.InsuredHeader + "P1,x,resident,410105,student,2025,2025-03-01,,\n";
        await registry.ImportInsuredAsync(Year);
        await registry.ImportInsuredAsync(Year);
        Assert.Equal((3, ""), (await registry.CountAsync("enrolment_span"), await CollegeAsync(registry)));

        async Task<RegisterReply> ActAsync(RegisterRequest request)
        {
            (request.InsuredId, request.PlanYear) = ("P1", 2025);
            return (await counter.RegisterAsync(request, new ChangeCause("claims://role/bureau", "窗口办理"), CancellationToken.None)).Reply;
        }
    }

    private static async Task<string?> CollegeAsync(RegistryDatabase registry)
    {
        await using NpgsqlCommand read = registry.Database.CreateCommand("SELECT college FROM enrolment");
        return (string?)await read.ExecuteScalarAsync();
    }
}
