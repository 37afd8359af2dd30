using System.Text.Json;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims policy check|show|contribution|subsidy</c> tell of the files, without a system.</summary>
[Collection(nameof(FakeSystem))]
public sealed class PolicyFilesCommandTests(FakeSystem system) : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-policy-files-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Contribution_tells_what_a_person_pays_and_which_treasury_the_rest()
    {
        string[] quote = ["policy", "contribution", "--year", "2025", "--category", "low_income", "--county", "410122"];

        Ran table = await system.RunAsync(quote);

        Assert.Equal((0, ""), (table.ExitCode, table.Errors));
        Assert.Equal(
            ["每人每年 金额", "个人缴费标准 400元", "个人缴纳 20元", "市级财政资助 0元", "区县（市）财政资助 380元", "郑医保办〔2024〕60号 一, 五"],
            table.Lines[..6]);
        (await system.RunAsync([.. quote, "--json"])).IsJson(0, """
            {"planYear":2025,"category":"low_income","county":"410122","standardFen":40000,"selfFen":2000,"aidFen":38000,"cityAidFen":0,
             "countyAidFen":38000,"payersNotInHand":null,"sources":["郑医保办〔2024〕60号 一, 五","郑医保〔2023〕6号 一; 郑医保办〔2024〕60号 一"]}
            """);
    }

    [Fact]
    public async Task Contribution_whose_payers_are_not_in_hand_says_so_and_names_none()
    {
        string[] quote = ["policy", "contribution", "--city", "xinzhou", "--year", "2024", "--category", "destitute"];

        Assert.Equal(
            ["个人缴费标准 380元", "个人缴纳 0元", "财政资助 380元", "资助由哪级财政负担、各负担多少的文件不在手"], (await system.RunAsync(quote)).Lines[1..5]);
        (await system.RunAsync([.. quote, "--json"])).IsJson(0, """
            {"planYear":2024,"category":"destitute","county":"","standardFen":38000,"selfFen":0,"aidFen":38000,"cityAidFen":null,
             "countyAidFen":null,"payersNotInHand":"资助由哪级财政负担、各负担多少的文件不在手","sources":["忻医保发〔2023〕10号 一","忻医保发〔2023〕10号 四"]}
            """);
    }

    [Fact]
    public async Task Subsidy_tells_the_part_of_every_treasury_and_their_sum()
    {
        string[] subsidy = ["policy", "subsidy", "--year", "2023", "--county", "410122"];

        Assert.Equal(
            ["每人每年 金额", "中央财政 384元", "省财政 76.8元", "市财政 70元", "区县（市）财政 249.2元", "合计 780元", "郑医保〔2023〕6号 二"],
            (await system.RunAsync(subsidy)).Lines);
        (await system.RunAsync([.. subsidy, "--json"])).IsJson(0, """
            {"year":2023,"county":"410122","totalFen":78000,"centralFen":38400,"provinceFen":7680,"cityFen":7000,"countyFen":24920,
             "remainder":null,"remainderFen":null,"source":"郑医保〔2023〕6号 二","ruling":null}
            """);
    }

    [Fact]
    public async Task Subsidy_of_which_only_the_citys_part_is_known_tells_how_much_comes_from_elsewhere()
    {
        string[] subsidy = ["policy", "subsidy", "--year", "2023", "--county", "provincial_college"];

        Assert.Equal(["市财政 140元", "其余 640元", "合计 780元"], (await system.RunAsync(subsidy)).Lines[1..4]);
        JsonElement json = JsonDocument.Parse((await system.RunAsync([.. subsidy, "--json"])).Output).RootElement;
        Assert.Equal((14_000, 64_000), (json.GetProperty("cityFen").GetInt64(), json.GetProperty("remainderFen").GetInt64()));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("centralFen").ValueKind);
    }

    [Fact]
    public async Task Check_names_the_floor_of_the_province_that_a_city_stays_below()
    {
        Shipped(("zhengzhou-outpatient.yaml", "grassroots: 65", "grassroots: 59"));

        Ran ran = await system.RunAsync("policy", "check", _directory.FullName, "--json");

        Assert.Equal(1, ran.ExitCode);
        JsonElement json = JsonDocument.Parse(ran.Output).RootElement;
        Assert.False(json.GetProperty("ok").GetBoolean());
        string[] expected =
        [
            .. new[] { "zhengzhou-outpatient@2024-01-01", "zhengzhou-outpatient@2025-01-01" }
                .Select(period => $"{period} 基层医疗机构支付比例: 59%, the province asks 不低于60% (豫医保办〔2023〕71号 二)."),
        ];
        Assert.Equal(expected, json.GetProperty("faults").EnumerateArray().Select(fault => fault.GetString()));
        Assert.Equal(string.Concat(expected.Select(fault => $"claims: {fault}\n")), ran.Errors);
    }

    [Fact]
    public async Task Floor_that_cannot_be_compared_is_told_and_is_no_fault()
    {
        Shipped(("zhengzhou-outpatient.yaml", "per: day\n      at: facility", "per: month\n      at: anywhere"));

        Ran table = await system.RunAsync("policy", "check", _directory.FullName);
        Ran json = await system.RunAsync("policy", "check", _directory.FullName, "--json");

        Assert.Equal((0, ""), (table.ExitCode, table.Errors));
        Assert.Contains(table.Lines, line => line.StartsWith("zhengzhou: 2 outpatient periods, 12 provincial floors compared, hash ",
            StringComparison.Ordinal));
        Assert.Equal(4, table.Lines.Count(line => line.Contains("无法比较", StringComparison.Ordinal)));
        JsonElement city = JsonDocument.Parse(json.Output).RootElement.GetProperty("cities")[1];
        Assert.Equal((12, 4), (city.GetProperty("floorsChecked").GetInt32(), city.GetProperty("floorsNotCompared").GetArrayLength()));
    }

    [Fact]
    public async Task Fault_of_a_file_that_cities_share_is_named_once()
    {
        Shipped();
        string rulings = Path.Combine(_directory.FullName, "rulings.yaml");
        int lines = File.ReadAllLines(rulings).Length;
        File.AppendAllText(rulings, "unknown: 1\n");

        Ran ran = await system.RunAsync("policy", "check", _directory.FullName);

        Assert.Equal(1, ran.ExitCode);
        string fault = Assert.Single(ran.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"claims: rulings.yaml:{lines + 1}: ", fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_tells_the_notice_and_when_coverage_begins()
    {
        Ran ran = await system.RunAsync("policy", "show", "--on", "2025-06-18");

        Assert.Equal(0, ran.ExitCode);
        Assert.StartsWith("zhengzhou-outpatient@2025-01-01 ", ran.Lines[0], StringComparison.Ordinal);
        int coverage = Array.IndexOf(ran.Lines, "参保与待遇期");
        Assert.Equal(
            [
                "当年缴费等待期 30天 豫医保办〔2023〕71号 五（裁定 first-covered-day）", "转移接续期限 3个月 医保发〔2021〕32号 二（裁定 transfer-window）",
                "转移接续享受待遇 缴费当日 豫医保办〔2023〕71号 五（裁定 exempt-from-payment）",
            ],
            ran.Lines[(coverage + 2)..(coverage + 5)]);
        Assert.Equal("统筹区外 巩义市 郑政办〔2021〕24号 一", ran.Lines[^1]);
    }

    /// <summary>A program that reckons by these words pays what they say.</summary>
    [Theory]
    [InlineData("shizhou", "day facility before_rate reverse_order", "ordinary 1 3 2 4000 null")]
    [InlineData("yunmen", "month anywhere after_rate reverse_order", null)]
    [InlineData("hongxi", "visit anywhere before_rate free", null)]
    public async Task Show_tells_programs_how_a_deductible_is_borne(string city, string deductible, string? classes)
    {
        JsonElement outpatient = await OutpatientAsync(city);

        JsonElement ordinary = outpatient.GetProperty("benefits")[0];
        JsonElement borne = ordinary.GetProperty("deductible");
        JsonElement cap = ordinary.GetProperty("caps")[0];
        string[] words = ["per", "at", "order", "undo"];
        Assert.Equal(deductible, string.Join(' ', words.Select(word => borne.GetProperty(word).GetString())));
        Assert.Equal(("fund_pay", "year"), (cap.GetProperty("of").GetString(), cap.GetProperty("per").GetString()));
        Assert.Equal(city == "hongxi" ? "year" : null,
            borne.GetProperty("atMost") is { ValueKind: JsonValueKind.Object } atMost ? atMost.GetProperty("per").GetString() : null);
        if (classes is null) return;
        JsonElement first = borne.GetProperty("fen")[0];
        Assert.Equal(classes, string.Join(' ', (string[])
        [
            ordinary.GetProperty("name").GetString()!,
            .. outpatient.GetProperty("facilityClasses").EnumerateArray().Select(one => one.GetProperty("number").GetRawText()),
            first.GetProperty("value").GetRawText(), first.GetProperty("personClass").GetRawText(),
        ]));
    }

    [Fact]
    public async Task Show_tells_programs_the_ages_and_categories_of_each_class_of_persons()
    {
        JsonElement outpatient = await OutpatientAsync("jinping");

        string[] names = ["ageBelow", "ageFrom", "category"];
        Assert.Equal(["minor 18 null []", """poor null null ["destitute","low_income"]""", "adult null null []"],
            outpatient.GetProperty("personClasses").EnumerateArray().Select(one =>
                $"{one.GetProperty("name").GetString()} "
                    + string.Join(' ', names.Select(name => JsonSerializer.Serialize(one.GetProperty(name))))));
        Assert.Equal("year", outpatient.GetProperty("benefits")[0].GetProperty("bands").GetProperty("per").GetString());
    }

    /// <summary>Of one of the cities that there are for tests.</summary>
    private async Task<JsonElement> OutpatientAsync(string city)
    {
        string cities = Path.Combine(Repository.Root, "tests", "cities");
        Ran ran = await system.RunAsync("policy", "show", "--on", "2025-06-18", "--directory", cities, "--city", city, "--json");
        return JsonDocument.Parse(ran.Output).RootElement.GetProperty("outpatient");
    }

    /// <summary>The shipped files, with one text of a file replaced everywhere.</summary>
    private void Shipped(params (string File, string Text, string By)[] replaced)
    {
        foreach (string file in Directory.GetFiles(Repository.PolicyDirectory, "*.yaml"))
            File.Copy(file, Path.Combine(_directory.FullName, Path.GetFileName(file)));
        foreach ((string name, string text, string by) in replaced)
        {
            string path = Path.Combine(_directory.FullName, name);
            string before = File.ReadAllText(path);
            Assert.Contains(text, before, StringComparison.Ordinal);
            File.WriteAllText(path, before.Replace(text, by, StringComparison.Ordinal));
        }
    }
}
