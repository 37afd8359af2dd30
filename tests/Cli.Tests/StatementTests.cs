using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Claims.Cli.Statements;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class StatementTests
{
    [Theory]
    [InlineData(0, "零元整")]
    [InlineData(5, "伍分")]
    [InlineData(50, "伍角整")]
    [InlineData(100, "壹元整")]
    [InlineData(105, "壹元零伍分")]
    [InlineData(150, "壹元伍角整")]
    [InlineData(1_000, "壹拾元整")]
    [InlineData(10_010, "壹佰元壹角整")]
    [InlineData(100_500, "壹仟零伍元整")]
    [InlineData(123_456_789, "壹佰贰拾叁万肆仟伍佰陆拾柒元捌角玖分")]
    [InlineData(1_000_000, "壹万元整")]
    [InlineData(1_000_100, "壹万零壹元整")]
    [InlineData(1_010_000, "壹万零壹佰元整")]
    [InlineData(10_000_000_000, "壹亿元整")]
    [InlineData(10_000_000_100, "壹亿零壹元整")]
    [InlineData(11_000_000_000, "壹亿壹仟万元整")]
    [InlineData(10_100_000_000, "壹亿零壹佰万元整")]
    [InlineData(1_000_000_000_000_000, "壹拾万亿元整")]
    [InlineData(-330_000, "负叁仟叁佰元整")]
    public void Amount_in_capital_numerals_is_as_on_a_voucher(long fen, string expected) =>
        Assert.Equal(expected, StatementWords.Capital(fen));

    [Fact]
    public void Largest_and_smallest_amounts_have_capital_numerals()
    {
        Assert.EndsWith("元零柒分", StatementWords.Capital(long.MaxValue), StringComparison.Ordinal);
        Assert.StartsWith("负", StatementWords.Capital(long.MinValue), StringComparison.Ordinal);
    }

    [Fact]
    public void Page_has_every_figure_of_the_statement_and_loads_nothing()
    {
        FacilityStatement statement = Sample();

        string page = StatementHtml.Render(statement);

        string[] cells = [.. page.Split("<td").Skip(1)
            .Select(cell => WebUtility.HtmlDecode(
            cell[(cell.IndexOf('>', StringComparison.Ordinal) + 1)..cell.IndexOf("</td>", StringComparison.Ordinal)]))];
        foreach (StatementGroup group in (StatementGroup[])[.. statement.Statement.Groups, statement.Statement.Sum])
            AssertRow(
                cells, [group.TotalFen, group.FullSelfPayFen, group.OverLimitFen, group.PreSelfPayFen, group.InScopeFen,
                    group.DeductibleFen],
                [group.CapCutFen, group.FundPayFen, group.CancelledFundPayFen, group.SelfPayFen]);
        foreach (PayableAccount account in (PayableAccount[])[.. statement.Statement.Payables, statement.Statement.PayableSum])
            AssertRow(cells, [account.OpeningFen, account.PayableFen, account.OtherFen, account.PaidFen, account.ClosingFen]);
        foreach (StatementLine line in statement.Lines)
            AssertRow(
                cells,
                [
                    line.TotalFen, line.FullSelfPayFen, line.OverLimitFen, line.PreSelfPayFen, line.InScopeFen, line.DeductibleFen,
                    line.CapCutFen, line.FundPayFen,
                    line.TotalFen - line.FundPayFen,
                ]);
        PayableAccount sum = statement.Statement.PayableSum;
        Assert.Contains("本期应付（大写） 人民币叁拾叁元整 ", Words(page), StringComparison.Ordinal);
        Assert.Contains($"期末应付余额（大写） 人民币{StatementWords.Capital(sum.ClosingFen)} ", Words(page), StringComparison.Ordinal);
        Assert.NotEqual(sum.OpeningFen, sum.ClosingFen);
        Assert.DoesNotMatch("""(?i)<script|<link|<img|src=|href=|url\(|@import|https?:""", page);
        Assert.DoesNotContain("尚未结束", page, StringComparison.Ordinal);
        Assert.DoesNotContain("不一致", page, StringComparison.Ordinal);
    }

    private static string Words(string page) => string.Join(
        ' ',
        WebUtility.HtmlDecode(Regex.Replace(page, "<[^>]*>", " ", RegexOptions.NonBacktracking))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void Page_shows_no_insured_id_and_no_markup_of_others()
    {
        FacilityStatement statement = Sample() with { FacilityName = "<script>alert('x')</script>&\"" };
        statement.Lines[0].SettlementId = "<b>";

        string page = StatementHtml.Render(statement);

        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("P00000001", page, StringComparison.Ordinal);
        Assert.Contains("***0001", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Page_of_a_month_that_has_not_ended_or_does_not_agree_says_so(bool complete, bool agrees)
    {
        FacilityStatement statement = Sample();
        (statement.Statement.Complete, statement.Statement.Agrees) = (complete, agrees);

        string page = StatementHtml.Render(statement);

        Assert.Equal((!complete, !agrees), (page.Contains("本月尚未结束", StringComparison.Ordinal),
            page.Contains("明细合计与总账应付款不一致", StringComparison.Ordinal)));
    }

    [Fact]
    public void Page_names_the_facility_the_days_and_when_it_was_made_and_numbers_its_lines()
    {
        FacilityStatement statement = Sample();

        string words = Words(StatementHtml.Render(statement));

        Assert.Contains("2025-03-01 至 2025-03-31 机构：示例医院（H1） 编制时间：2025-04-01 09:00:00 单位：元 ", words, StringComparison.Ordinal);
        Assert.Equal(["1 2025-03-02", "2 2025-03-02", "3 2025-03-02"],
            Regex.Matches(words[words.IndexOf("三、明细", StringComparison.Ordinal)..], @"(?<= )\d 2025-03-02(?= )", RegexOptions.None,
                TimeSpan.FromSeconds(1)).Select(match => match.Value));
        Assert.Equal(2, Regex.Count(words, " 合计 "));
        Assert.DoesNotContain("三、明细", StatementHtml.Render(statement with { Lines = [] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Csv_is_for_a_spreadsheet_and_runs_nothing_in_it()
    {
        FacilityStatement statement = Sample();
        statement.Lines[0].RequestId = "=HYPERLINK(\"x\",\"y\")";
        statement.Lines[0].InsuredId = "41010519900101123456";
        statement.Lines[1].RequestId = "-1+2";

        string csv = StatementCsv.Render(statement);

        Assert.StartsWith("\uFEFF入账日期,结算时间,业务,", csv, StringComparison.Ordinal);
        Assert.Contains("\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\",'41010519900101123456,", csv, StringComparison.Ordinal);
        Assert.Contains(",'-1+2,", csv, StringComparison.Ordinal);
        Assert.Contains(",120.00,11.00,6.00,3.00,100.00,40.00,0.00,33.00,87.00,", csv, StringComparison.Ordinal);
        Assert.Contains(",-120.00,-11.00,-6.00,-3.00,-100.00,-40.00,0.00,-33.00,-87.00,", csv, StringComparison.Ordinal);
        Assert.Equal(statement.Lines.Count + 1, csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Json_and_table_have_every_part_of_the_total()
    {
        FacilityStatement statement = Sample();

        JsonNode json = JsonNode.Parse(StatementJson.Render(statement))!;
        string table = StatementTable.Render(statement, width: 400);

        string[] names = ["totalFen", "fullSelfPayFen", "overLimitFen", "preSelfPayFen", "inScopeFen"];
        Assert.Equal([24_100, 2_101, 1_202, 697, 20_100], names.Select(name => json["groups"]![0]!["figures"]![name]!.GetValue<long>()));
        Assert.Equal([-12_000, -1_100, -600, -300, -10_000], names.Select(name => json["lines"]![1]![name]!.GetValue<long>()));
        Assert.Equal(("other", "ORDINARY", "CANCELLATION"),
            (Text(json["groups"]![0]!["tier"]), Text(json["lines"]![1]!["visitType"]), Text(json["lines"]![1]!["kind"])));
        Assert.Equal(2, Regex.Count(table, @"241\.00 +21\.01 +12\.02 +6\.97 +201\.00", RegexOptions.None, TimeSpan.FromSeconds(1)));
        Assert.Contains("\n  合计 ", table, StringComparison.Ordinal);

        static string Text(JsonNode? node) => node!.GetValue<string>();
    }

    [Fact]
    public void Class_of_facilities_stands_by_its_label_and_without_one_by_its_name()
    {
        FacilityStatement statement = Sample();
        (statement.Lines[0].Tier, statement.Lines[0].TierLabel) = ("city_3a", "市级三级甲等");
        statement.Lines[1].Tier = "province_4a";
        (statement.Statement.Groups[0].Tier, statement.Statement.Groups[0].TierLabel) = ("county_2b", "县级二级乙等");

        Assert.Contains(",市级三级甲等,", StatementCsv.Render(statement), StringComparison.Ordinal);
        Assert.Contains(",province_4a,", StatementCsv.Render(statement), StringComparison.Ordinal);
        Assert.Contains("县级二级乙等", StatementHtml.Render(statement), StringComparison.Ordinal);
    }

    [Fact]
    public void What_there_is_no_word_for_is_refused_and_not_shown()
    {
        FacilityStatement statement = Sample();
        statement.Lines[0].Kind = "REQUEST_ONLY";
        Assert.Contains("REQUEST_ONLY", Assert.Throws<CommandException>(() => StatementHtml.Render(statement)).Message,
            StringComparison.Ordinal);

        statement.Statement.Groups[0].VisitType = (VisitType)99;
        Assert.Contains("99", Assert.Throws<CommandException>(() => StatementTable.Render(statement)).Message, StringComparison.Ordinal);
        Assert.Contains("99", Assert.Throws<CommandException>(() => StatementJson.Render(statement)).Message, StringComparison.Ordinal);
    }

    /// <summary>The figures stand side by side; between two parts there may be others.</summary>
    private static void AssertRow(string[] cells, params long[][] parts)
    {
        foreach (long[] part in parts)
        {
            string[] figures = [.. part.Select(fen => (fen / 100m).ToString("#,##0.00", CultureInfo.InvariantCulture))];
            Assert.Contains(Enumerable.Range(0, cells.Length - figures.Length + 1),
                start => cells.AsSpan(start, figures.Length).SequenceEqual(figures));
        }
    }

    private static FacilityStatement Sample()
    {
        StatementGroup ordinary = new()
        {
            Tier = "other",
            VisitType = VisitType.Ordinary,
            Settlements = 3,
            Cancellations = 1,
            TotalFen = 24_100,
            FullSelfPayFen = 2_101,
            OverLimitFen = 1_202,
            PreSelfPayFen = 697,
            InScopeFen = 20_100,
            DeductibleFen = 8_000,
            CapCutFen = 3_355,
            CapCutSettlements = 1,
            FundPayFen = 3_300,
            SelfPayFen = 20_800,
            CancelledFundPayFen = -3_300,
        };
        PayableAccount account = new()
        {
            AccountCode = "2101.resident.410105.H1",
            Name = "应付定点机构款—城乡居民—金水区—H1",
            OpeningFen = 1_234_567,
            PayableFen = 3_300,
            OtherFen = -1,
            PaidFen = 1_234_000,
            ClosingFen = 3_866,
        };
        Statement statement = new()
        {
            FacilityCode = "H1",
            Month = "2025-03",
            From = "2025-03-01",
            To = "2025-03-31",
            PreparedAt = "2025-04-01 09:00:00",
            Complete = true,
            Agrees = true,
            Groups = { ordinary },
            Sum = ordinary.Clone(),
            Payables = { account },
            PayableSum = account.Clone(),
        };
        return new FacilityStatement("示例医院", statement, [Line(1, 1), Line(2, -1), Line(3, 1)]);
    }

    private static StatementLine Line(int number, int sign) => new()
    {
        PostedOn = "2025-03-02",
        SettledAt = "2025-03-02 10:00:00",
        Kind = sign > 0 ? "SETTLEMENT" : "CANCELLATION",
        SettlementId = $"2025-01-000000000{number}",
        RequestId = $"R{number}",
        InsuredId = $"P0000000{number}",
        VisitDate = "2025-03-02",
        Tier = "other",
        VisitType = VisitType.Ordinary,
        TotalFen = sign * 12_000,
        FullSelfPayFen = sign * 1_100,
        OverLimitFen = sign * 600,
        PreSelfPayFen = sign * 300,
        InScopeFen = sign * 10_000,
        DeductibleFen = sign * 4_000,
        FundPayFen = sign * 3_300,
    };
}
