namespace Claims.Cli.Tests;

public sealed class TextTableTests
{
    [Fact]
    public void Columns_line_up_where_chinese_takes_two_places()
    {
        string table = TextTable.Render(["name", ">贷方"], [["市级财政专户", "¥1.00"], ["bank", "¥1,000.00"]]);

        Assert.Equal(
            """
              name               贷方
              ────────────  ─────────
              市级财政专户      ¥1.00
              bank          ¥1,000.00

            """,
            table);
        Assert.Single(table.TrimEnd('\n').Split('\n').Select(line => TextTable.WidthOf(line)).Distinct());
    }

    [Fact]
    public void Table_without_rows_has_its_headings() => Assert.Equal("  a\n  ─\n", TextTable.Render(["a"], []));

    [Fact]
    public void Text_that_is_too_wide_is_broken_into_lines()
    {
        string table = TextTable.Render(
            ["code", "name 名称", ">fund 基金"],
            [["H4101", "city hospital of the western district 市第一人民医院（西区）", "¥1.00"], ["H4102", "b", "¥23.00"]], 40);

        Assert.Equal(
            """
              code   name 名称             fund 基金
              ─────  ────────────────────  ─────────
              H4101  city hospital of the      ¥1.00
                     western district 市
                     第一人民医院（西区）
              H4102  b                        ¥23.00

            """,
            table);
    }

    [Fact]
    public void Table_whose_figures_alone_are_too_wide_becomes_blocks()
    {
        string table = TextTable.Render(
            ["facility 机构", ">owed 应付", ">paid 已付", "memo 摘要"],
            [["H4101", "¥1,000,000.00", "¥999,999.00", ""], ["H4102", "¥2.00", "¥1.00", "three words here 和中文字"]], 30);

        Assert.Equal(
            """
              facility 机构  H4101
              owed 应付      ¥1,000,000.00
              paid 已付      ¥999,999.00

              facility 机构  H4102
              owed 应付      ¥2.00
              paid 已付      ¥1.00
              memo 摘要      three words
                             here 和中文字

            """,
            table);
    }

    [Fact]
    public void Headings_alone_are_broken_where_they_are_too_wide() => Assert.Equal(
        "  facility 机构\n  owed 应付\n", TextTable.Render(["facility 机构", ">owed 应付"], [], 20));

    [Theory]
    [InlineData(80)]
    [InlineData(60)]
    [InlineData(40)]
    public void No_line_is_wider_than_the_terminal(int width)
    {
        string[] columns =
            [">no. 编号", "posted 记账日", "business 业务日", "kind 种类", "county", "period 期间", ">amount 金额", "by 经办", "memo 摘要"];
        string[] row = ["1,234", "2025-03-05", "2025-03-04", "应收财政补助", "410122", "2025", "¥78,000,000.00", "李会计", "三月份的财政补助，按人数核定"];

        string table = TextTable.Render(columns, [row, row], width);

        Assert.All(table.Split('\n'), line => Assert.InRange(TextTable.WidthOf(line), 0, width));
        Assert.Contains("¥78,000,000.00", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_character_that_is_not_seen_is_shown_by_its_number_and_counted_as_shown()
    {
        string table = TextTable.Render(["id", "name"], [["P1\u202e", "甲\u001b[2J"], ["P200000000000", "乙"]], 80);

        Assert.Equal("""
              id             name
              ─────────────  ───────────
              P1\u{202e}     甲\u{1b}[2J
              P200000000000  乙

            """, table);
    }

    [Fact]
    public void Json_character_that_is_not_seen_is_written_as_an_escape_that_means_the_same()
    {
        string json = Output.Json(new { name = "甲\u202e乙\u200b" });

        Assert.Equal("{\n  \"name\": \"甲\\u202e乙\\u200b\"\n}", json.ReplaceLineEndings("\n"));
    }
}
