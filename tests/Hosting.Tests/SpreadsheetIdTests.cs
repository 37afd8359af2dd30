using Claims.Hosting;

namespace Hosting.Tests;

public sealed class SpreadsheetIdTests
{
    [Theory]
    [InlineData("=1+1")]
    [InlineData("+8613800000000")]
    [InlineData("-1")]
    [InlineData("@SUM(A1)")]
    [InlineData("＝1+1")]
    [InlineData("＋86")]
    [InlineData("－1")]
    [InlineData("＠SUM(A1)")]
    [InlineData("\tx")]
    [InlineData("410105198001011234")]
    public void Text_that_a_spreadsheet_would_change_has_an_apostrophe_before_it_and_comes_back_without(string text)
    {
        Assert.Equal("'" + text, SpreadsheetId.Write(text));
        Assert.Equal(text, SpreadsheetId.Read("'" + text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("H41010500001")]
    [InlineData("P-1")]
    [InlineData("123456789012345")]
    [InlineData("'quoted")]
    [InlineData("中牟＝县")]
    public void Text_that_stays_as_it_is_is_written_and_read_as_it_is(string text)
    {
        Assert.Equal(text, SpreadsheetId.Write(text));
        Assert.Equal(text, SpreadsheetId.Read(text));
    }
}
