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
}
