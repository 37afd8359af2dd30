using System.Text;
using Claims.Policy;

namespace Policy.Tests;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("")]
    [InlineData("410105198001011234")]
    [InlineData("中牟县人民医院")]
    [InlineData("阿不都热合曼·买买提")]
    [InlineData("𠮷野家 é e\u0301")]
    public void Text_that_is_seen_as_it_is_is_plain_and_shown_as_it_is(string text)
    {
        Assert.True(PlainText.Is(text));
        Assert.Same(text, PlainText.Shown(text));
    }

    [Theory]
    [InlineData("P\u00011", "P\\u{1}1")]
    [InlineData("P\u007f", "P\\u{7f}")]
    [InlineData("\u001b[31mred", "\\u{1b}[31mred")]
    [InlineData("医\u202e院", "医\\u{202e}院")]
    [InlineData("a\u2066b\u2069", "a\\u{2066}b\\u{2069}")]
    [InlineData("P1\u200b", "P1\\u{200b}")]
    [InlineData("\ufeffP1", "\\u{feff}P1")]
    [InlineData("a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c")]
    [InlineData("soft\u00adhyphen", "soft\\u{ad}hyphen")]
    public void Text_that_shows_another_one_is_not_plain_and_is_shown_with_its_numbers(string text, string shown)
    {
        Assert.False(PlainText.Is(text));
        Assert.Equal(shown, PlainText.Shown(text));
    }

    [Fact]
    public void Ends_of_lines_are_not_plain_and_stay_on_a_terminal()
    {
        Assert.False(PlainText.Is("a\nb"));
        Assert.Equal("a\nb", PlainText.Shown("a\nb"));
        Assert.Equal("a\\u{d}\nb", PlainText.Shown("a\r\nb"));
    }

    [Fact]
    public void Each_character_beyond_the_first_plane_is_judged_as_one()
    {
        Assert.True(PlainText.IsHidden(new Rune(0xE0041)));
        Assert.Equal("x\\u{e0041}y", PlainText.Shown("x" + new Rune(0xE0041) + "y"));
    }
}
