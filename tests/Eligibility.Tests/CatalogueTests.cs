using Claims.V1;
using Grpc.Core;

namespace Claims.Eligibility.Tests;

/// <summary>The three catalogues over the wire. The service is shared: each test has item codes of its own.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class CatalogueTests(SharedService shared) : IClassFixture<SharedService>
{
    private const string Header = "item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_from,valid_to\n";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Periods_of_known_items_are_found_ascending_as_they_were_imported()
    {
        long before = (await LookupAsync()).Version;
        ImportReply taken = await ImportAsync(
            "G-2,\"针, 剂\",乙,1000,1234567,2025-01-01,\r\n"
            + "G-1,挂号费,丙,,,2024-01-01,9999-12-31\r\n"
            + "G-2,针剂,乙,0,,2024-03-01,2024-03-01\r\n"
            + "中药 饮片,甘草,甲,0,9223372036854775807,2024-01-01,2024-12-31\r\n"
            + "G-2,针剂,甲,,1,2023-01-01,2024-02-29");
        Assert.Equal(new ImportReply { Rows = 5 }, taken);

        LookupReply reply = await LookupAsync("G-2", "G-9", "中药 饮片", "G-1", "G-2");
        Assert.Equal(before + 1, reply.Version);
        Assert.Equal(
            [
                new CatalogueItem { ItemCode = "G-1", ItemClass = ItemClass.ClassC, ValidFrom = "2024-01-01", ValidTo = "9999-12-31" },
                new CatalogueItem
                {
                    ItemCode = "G-2",
                    ItemClass = ItemClass.ClassA,
                    PriceLimitMilliFen = 1,
                    ValidFrom = "2023-01-01",
                    ValidTo = "2024-02-29",
                },
                new CatalogueItem { ItemCode = "G-2", ItemClass = ItemClass.ClassB, ValidFrom = "2024-03-01", ValidTo = "2024-03-01" },
                new CatalogueItem
                {
                    ItemCode = "G-2",
                    ItemClass = ItemClass.ClassB,
                    FirstSelfPayBp = 1000,
                    PriceLimitMilliFen = 1234567,
                    ValidFrom = "2025-01-01",
                },
                new CatalogueItem
                {
                    ItemCode = "中药 饮片",
                    ItemClass = ItemClass.ClassA,
                    PriceLimitMilliFen = long.MaxValue,
                    ValidFrom = "2024-01-01",
                    ValidTo = "2024-12-31",
                },
            ],
            reply.Items);
        Assert.Empty((await LookupAsync("G-9", "g-1", "")).Items);
    }

    [Theory]
    [InlineData(",x,甲,,,2024-01-01,", "item_code", "'' is not an identifier of 1 to 30 characters")]
    [InlineData("B234567890123456789012345678901,x,甲,,,2024-01-01,", "item_code", "is not an identifier of 1 to 30 characters")]
    [InlineData("B\t2,x,甲,,,2024-01-01,", "item_code", "without control characters")]
    [InlineData("B2,\"x\ny\",甲,,,2024-01-01,", "name", "is not a name")]
    [InlineData("B2,x,丁,,,2024-01-01,", "class", "'丁' is not one of 丙, 乙, 甲")]
    [InlineData("B2,x,,,,2024-01-01,", "class", "'' is not one of 丙, 乙, 甲")]
    [InlineData("B2,x,乙,10001,,2024-01-01,", "first_self_pay_bp", "'10001' is not a whole number from 0 to 10000")]
    [InlineData("B2,x,乙,-1,,2024-01-01,", "first_self_pay_bp", "'-1' is not a whole number")]
    [InlineData("B2,x,乙,10.5,,2024-01-01,", "first_self_pay_bp", "'10.5' is not a whole number")]
    [InlineData("B2,x,乙,10%,,2024-01-01,", "first_self_pay_bp", "'10%' is not a whole number")]
    [InlineData("B2,x,甲,1,,2024-01-01,", "first_self_pay_bp", "'1' is a first self-pay, which only class 乙 has")]
    [InlineData("B2,x,丙,10000,,2024-01-01,", "first_self_pay_bp", "which only class 乙 has")]
    [InlineData("B2,x,乙,,0,2024-01-01,", "price_limit_milli_fen", "'0' is not a whole number from 1 to 9223372036854775807")]
    [InlineData("B2,x,乙,,9223372036854775808,2024-01-01,", "price_limit_milli_fen", "is not a whole number")]
    [InlineData("B2,x,乙,,50.00,2024-01-01,", "price_limit_milli_fen",
        "'50.00' is not a whole number from 1 to 9223372036854775807, in thousandths of a fen")]
    [InlineData("B2,x,乙,,5e3,2024-01-01,", "price_limit_milli_fen", "'5e3' is not a whole number")]
    [InlineData("B2,x,乙,,-1,2024-01-01,", "price_limit_milli_fen", "'-1' is not a whole number")]
    [InlineData("B2,x,乙,, 5,2024-01-01,", "price_limit_milli_fen", "' 5' is not a whole number")]
    [InlineData("B2,x,甲,,,,", "valid_from", "'' is not a date of the form yyyy-MM-dd")]
    [InlineData("B2,x,甲,,,2024-02-30,", "valid_from", "'2024-02-30' is not a date")]
    [InlineData("B2,x,甲,,,2024-03-01,2024/03/02", "valid_to", "'2024/03/02' is not a date")]
    [InlineData("B2,x,甲,,,2024-03-01,2024-02-29", "valid_to", "'2024-02-29' is before valid_from")]
    [InlineData("B2,x,甲,,,2024-03-01", "valid_to", "the row has 6 fields, but the header has 7")]
    [InlineData("B1,x,甲,,,2024-01-01,", "item_code", "'B1 2024-01-01' stands in line 2 already")]
    public async Task Bad_row_is_named_and_nothing_of_the_file_is_taken(string row, string column, string message)
    {
        long version = (await LookupAsync()).Version;
        ImportReply reply = await ImportAsync($"B1,阿司匹林,甲,,,2024-01-01,2024-06-30\n{row}\nB3,x,甲,,,2024-01-01,\n");
        AssertFault(reply, 3, column, message);
        LookupReply found = await LookupAsync("B1", "B2", "B3");
        Assert.Empty(found.Items);
        Assert.Equal(version, found.Version);
    }

    [Theory]
    [InlineData("甲,,,2024-01-01,2024-06-30", "甲,,,2024-06-30,", "from 2024-06-30 on overlaps line 2, from 2024-01-01 to 2024-06-30")]
    [InlineData("甲,,,2024-06-30,", "甲,,,2024-01-01,2024-06-30", "from 2024-01-01 to 2024-06-30 overlaps line 2, from 2024-06-30 on")]
    [InlineData("甲,,,2024-01-01,", "乙,,,2025-01-01,", "from 2025-01-01 on overlaps line 2, from 2024-01-01 on")]
    [InlineData("甲,,,2024-01-01,2024-12-31", "甲,,,2024-03-01,2024-03-01", "from 2024-03-01 to 2024-03-01 overlaps line 2,")]
    public async Task Overlap_within_the_file_is_named_by_its_later_line(string first, string second, string message)
    {
        AssertFault(await ImportAsync($"W1,x,{first}\nW2,x,{first}\nW1,x,{second}\nW2,x,{second}\n"), 4, "valid_from", $"'W1' {message}");
        Assert.Empty((await LookupAsync("W1", "W2")).Items);
    }

    [Theory]
    [InlineData("F1,x,甲,,,2024-01-01,\nF1,x,甲,,,2024-02-01,\nF1,x,甲,,,2024-01-01,\nF2,x,丁,,,2024-01-01,\n", 3, "valid_from")]
    [InlineData("F1,x,甲,,,2024-01-01,\nF1,x,甲,,,2024-01-01,\nF1,x,甲,,,2024-02-01,\nF2,x,丁,,,2024-01-01,\n", 3, "item_code")]
    [InlineData("F1,x,甲,,,2024-01-01,\nF2,x,丁,,,2024-01-01,\nF1,x,甲,,,2024-02-01,\n", 3, "class")]
    // In order of their days, line 5 stands between the two that contradict each other first.
    [InlineData("F1,x,甲,,,2024-01-01,2024-12-31\nF1,x,甲,,,2024-08-01,2024-08-31\nF2,x,甲,,,2024-01-01,\nF1,x,甲,,,2024-05-01,2024-05-31\n", 3,
        "valid_from")]
    public async Task First_of_several_faults_is_the_one_named(string rows, long line, string column) =>
        AssertFault(await ImportAsync(rows), line, column, "");

    [Theory]
    [InlineData("S1,x,甲,,,2024-06-30,2024-12-31", "'S1' from 2024-06-30 to 2024-12-31 overlaps the stored from 2024-01-01 to 2024-06-30")]
    [InlineData("S1,x,甲,,,2023-01-01,", "'S1' from 2023-01-01 on overlaps the stored from 2024-01-01 to 2024-06-30")]
    [InlineData("S1,x,甲,,,2026-01-01,2026-01-01", "'S1' from 2026-01-01 to 2026-01-01 overlaps the stored from 2025-01-01 on")]
    // The same first day replaces a period, and may then reach into the next.
    [InlineData("S1,x,甲,,,2024-01-01,2025-01-01", "'S1' from 2024-01-01 to 2025-01-01 overlaps the stored from 2025-01-01 on")]
    public async Task Overlap_with_what_is_stored_is_named_and_nothing_of_the_file_is_taken(string row, string message)
    {
        Assert.Null((await ImportAsync("S1,x,甲,,,2024-01-01,2024-06-30\nS1,x,甲,,,2025-01-01,\n")).Error);
        LookupReply before = await LookupAsync("S1", "S2");
        AssertFault(await ImportAsync($"S2,x,甲,,,2024-01-01,\n{row}\n"), 3, "valid_from", message);
        Assert.Equal(before, await LookupAsync("S1", "S2"));
    }

    [Theory]
    [InlineData("U1", "U1,新名,乙,500,88,2024-01-01,2024-12-31\nU1,x,丙,,,2025-01-01,\n")]
    [InlineData("U2", "U2,x,丙,,,2025-01-01,\nU2,新名,乙,500,88,2024-01-01,2024-12-31\n")]
    public async Task Period_of_the_same_first_day_is_replaced_and_makes_room_for_the_next(string code, string rows)
    {
        Assert.Null((await ImportAsync($"{code},x,甲,,7,2024-01-01,\n{code}-other,x,甲,,,2024-01-01,\n")).Error);
        long version = (await LookupAsync()).Version;
        Assert.Equal(new ImportReply { Rows = 2 }, await ImportAsync(rows));

        LookupReply reply = await LookupAsync(code, $"{code}-other");
        Assert.Equal(version + 1, reply.Version);
        Assert.Equal(
            [
                new CatalogueItem
                {
                    ItemCode = code,
                    ItemClass = ItemClass.ClassB,
                    FirstSelfPayBp = 500,
                    PriceLimitMilliFen = 88,
                    ValidFrom = "2024-01-01",
                    ValidTo = "2024-12-31",
                },
                new CatalogueItem { ItemCode = code, ItemClass = ItemClass.ClassC, ValidFrom = "2025-01-01" },
                new CatalogueItem { ItemCode = $"{code}-other", ItemClass = ItemClass.ClassA, ValidFrom = "2024-01-01" },
            ],
            reply.Items);
        Assert.Equal([(code, "新名"), ($"{code}-other", "x")], (await SearchAsync(code, limit: 100)).Items
            .Select(item => (item.ItemCode, item.Name)));
    }

    [Fact]
    public async Task Of_imports_at_the_same_time_that_overlap_one_is_taken()
    {
        ImportReply[] replies = await Task.WhenAll(Enumerable.Range(1, 4).Select(month => ImportAsync($"C1,x,甲,,,2024-0{month}-01,\n")));
        Assert.Single(replies, reply => reply.Rows == 1);
        Assert.All(replies.Where(reply => reply.Rows == 0),
            reply => AssertFault(reply, 2, "valid_from", "overlaps the stored from 2024-0"));
        Assert.Single((await LookupAsync("C1")).Items);
    }

    [Theory]
    [InlineData("item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_to,valid_from\n")]
    [InlineData("item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_from\n")]
    [InlineData(RegistryDatabase.FacilityHeader)]
    public async Task Other_header_is_refused(string header)
    {
        ImportReply reply = await shared.Service.ImportAsync(ImportKind.Catalogue, header + "H1,x,甲,,,2024-01-01,\n");
        AssertFault(reply, 1, "", $"but must be '{Header.TrimEnd()}'");
        Assert.Empty((await LookupAsync("H1")).Items);
    }

    [Fact]
    public async Task Lookup_of_more_than_five_thousand_items_is_an_invalid_argument()
    {
        string[] codes = [.. Enumerable.Range(0, 5_000).Select(number => $"L{number}")];
        Assert.Empty((await LookupAsync(codes)).Items);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => LookupAsync([.. codes, "L5000"]));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public async Task Search_for_more_than_a_hundred_items_or_none_is_an_invalid_argument(int limit)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => SearchAsync("nothing", limit));
        Assert.Equal((StatusCode.InvalidArgument, "limit must be 1 to 100"), (refused.StatusCode, refused.Status.Detail));
        Assert.Empty((await SearchAsync("nothing", limit: 100)).Items);
    }

    private static void AssertFault(ImportReply reply, long line, string column, string message)
    {
        Assert.Equal(0, reply.Rows);
        Assert.NotNull(reply.Error);
        Assert.Equal((line, column), (reply.Error.Line, reply.Error.Column));
        Assert.Contains(message, reply.Error.Message, StringComparison.Ordinal);
    }

    private Task<ImportReply> ImportAsync(string rows) => shared.Service.ImportAsync(ImportKind.Catalogue, Header + rows);

    private async Task<LookupReply> LookupAsync(params string[] itemCodes) =>
        await shared.Service.Client.LookupAsync(new LookupRequest { ItemCodes = { itemCodes } }, deadline: DateTime.UtcNow + Bound);

    private async Task<CatalogueMatches> SearchAsync(string query, int limit) => await shared.Service.Clinic.SearchCatalogueAsync(
        new SearchCatalogueRequest { Query = query, Date = "2024-06-18", Limit = limit }, deadline: DateTime.UtcNow + Bound);
}
