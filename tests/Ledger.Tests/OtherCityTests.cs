using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using Claims.Hosting;
using Claims.Ledger;
using Claims.Ledger.GeneralLedger;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Ledger.Tests.Funding;
using Npgsql;

namespace Ledger.Tests;

/// <summary>A city's counties and its own code are the policy's: another pack, another chart.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class OtherCityTests(LedgerDatabase databases)
{
    private const string Unknown = "990199";
    private static readonly PolicyPack Shizhou = LedgerDatabase.OtherCity;

    [Fact]
    public async Task Accounts_of_another_city_have_its_codes_and_its_names()
    {
        await using Fund fund = await Fund.OpenAsync(databases, new DateOnly(2025, 3, 10), Shizhou);
        await CountyNames.WriteAsync(fund.Ledger.Database, Shizhou, CancellationToken.None);
        await fund.BookAsync(new PublishedLog(1), ("H1", "990102", "2025-02-03", 100), ("H2", "990121", "2025-02-03", 200),
            ("H3", Unknown, "2025-02-03", 300));
        await fund.Income.ReceiveAsync(
            fund.Head(), IncomeKind.IncomeOther, "resident", "990100", Payer.Unspecified, 1_000, CancellationToken.None);
        await fund.Payments.TransferAsync(fund.Head(), TransferRoute.SpecialToCity, "resident", "990100", 900, CancellationToken.None);
        await fund.Payments.TransferAsync(fund.Head(), TransferRoute.CityToCounty, "resident", "990121", 200, CancellationToken.None);
        await fund.PayAsync("990102", new DateOnly(2025, 2, 1));

        Assert.Equal(
            [
                ("1003.resident.990100", "市级财政专户存款—城乡居民—示州市本级", 100),
                ("1004.resident.990100", "市级支出户存款—城乡居民—示州市本级", 600),
                ("1005.resident.990121", "县级支出户存款—城乡居民—北岭县", 200),
                ("2101.resident.990102.H1", "应付定点机构款—城乡居民—东河区—H1", 0),
                ("2101.resident.990121.H2", "应付定点机构款—城乡居民—北岭县—H2", -200),
                ("2101.resident.990199.H3", "应付定点机构款—城乡居民—990199—H3", -300),
                ("4005.resident.990100", "其他收入—城乡居民—示州市本级", -1_000),
                ("5102.resident.990102", "待遇支出—生育补助—城乡居民—东河区", 100),
                ("5102.resident.990121", "待遇支出—生育补助—城乡居民—北岭县", 200),
                ("5102.resident.990199", "待遇支出—生育补助—城乡居民—990199", 300),
            ],
            (await fund.Ledger.TrialBalanceAsync()).Accounts.Select(account => (account.Code, account.Name, account.BalanceFen)));
        await fund.AssertBalancedAsync();
        Assert.Equal(["990121"], (await fund.Payments.ProposeReplenishmentsAsync(
            "resident", new DateOnly(2025, 3, 1), CancellationToken.None)).Counties.Select(county => county.County));
        foreach (string outside in new[] { "410105", "990181", Unknown })
            await Assert.ThrowsAsync<PolicyException>(() => fund.ProposeAsync(outside, new DateOnly(2025, 2, 1)));
    }

    [Fact]
    public async Task Ledgers_that_start_together_write_the_names_once_and_a_new_name_replaces_the_old()
    {
        string postgres = PostgresStore.WithRole(await databases.CreateAsync(), LedgerServices.Role);
        await using NpgsqlDataSource one = NpgsqlDataSource.Create(postgres);
        await using NpgsqlDataSource other = NpgsqlDataSource.Create(postgres);
        await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(start => CountyNames.WriteAsync(start % 2 == 0 ? one : other, Shizhou, CancellationToken.None)));
        Assert.Equal(["990100 示州市本级", "990102 东河区", "990103 西河区", "990121 北岭县", "990181 南塘市"], await NamesAsync(one));

        ImmutableSortedDictionary<string, County> renamed = Shizhou.Counties.Remove("990103")
            .SetItem("990121", Shizhou.Counties["990121"] with { Name = "北岭区" });
        await CountyNames.WriteAsync(one, Shizhou with { Counties = renamed }, CancellationToken.None);

        Assert.Equal(["990100 示州市本级", "990102 东河区", "990103 西河区", "990121 北岭区", "990181 南塘市"], await NamesAsync(one));
    }

    [Fact]
    public async Task Service_of_another_city_enters_what_names_no_county_under_that_citys_code()
    {
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync(), policy: "cities", city: "shizhou");

        Assert.Equal("990100", (await served.Funding.ReceiveAsync(Interest)).County);
        TrialBalance books = await served.Client.GetTrialBalanceAsync(new GetTrialBalanceRequest());
        Assert.Contains(books.Accounts, account => account.Name == "利息收入—城乡居民—示州市本级");
    }

    [Fact]
    public async Task City_without_a_counties_file_is_served_and_its_missing_file_is_named_where_it_is_needed()
    {
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync(), city: "xinzhou");

        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await served.Funding.ReceiveAsync(Interest));

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("there is no xinzhou-counties.yaml", refused.Status.Detail, StringComparison.Ordinal);
        Assert.True((await served.Client.GetTrialBalanceAsync(new GetTrialBalanceRequest())).Balanced);
    }

    [Theory]
    [InlineData("", "zhengzhou", nameof(LedgerSettings.PolicyDirectory), "PolicyDirectory field is required")]
    [InlineData("policy", "nowhere", nameof(LedgerSettings.City), "is 'nowhere', and ")]
    public void Ledger_without_a_policy_does_not_start(string directory, string city, string setting, string named)
    {
        LedgerSettings settings = new()
        {
            Postgres = "Host=127.0.0.1",
            Kafka = new(StringComparer.Ordinal) { ["bootstrap.servers"] = "127.0.0.1:1" },
            PolicyDirectory = directory.Length > 0 ? Path.Combine(AppContext.BaseDirectory, directory) : "",
            City = city,
        };
        List<ValidationResult> problems = [];

        Assert.False(Validator.TryValidateObject(settings, new ValidationContext(settings), problems, validateAllProperties: true));

        ValidationResult problem = Assert.Single(problems);
        Assert.Equal([setting], problem.MemberNames);
        Assert.Contains(named, problem.ErrorMessage, StringComparison.Ordinal);
    }

    private static ReceiveRequest Interest { get; } =
        new() { Header = new() { Key = "K1", Actor = "clerk" }, Kind = IncomeKind.IncomeInterest, AmountFen = 5 };

    private static async Task<List<string>> NamesAsync(NpgsqlDataSource database)
    {
        await using NpgsqlCommand command =
            database.CreateCommand("SELECT county || ' ' || name FROM county WHERE county LIKE '99%' ORDER BY county");
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        List<string> names = [];
        while (await row.ReadAsync()) names.Add(row.GetString(0));
        return names;
    }
}
