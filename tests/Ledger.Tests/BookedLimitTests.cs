using Claims.Ledger.SubLedger;

namespace Ledger.Tests;

public sealed class BookedLimitTests
{
    [Fact]
    public void Lines_are_read_in_their_order() => Assert.Equal(
        [
            new BookedLimit('c', 20_000, 0, 5_000, "cordinary.day:20250618"),
            new BookedLimit('m', 30_000, 8_000, 4_000, "bordinary:2025"),
            new BookedLimit('D', 4_000, 1_000, 3_000, "bordinary:20250618:H 1"),
            new BookedLimit('d', 4_000, 0, 4_000, ""),
            new BookedLimit('b', 0, 70_000, -5_000, "cordinary:2025Q2"),
            new BookedLimit('A', 1, 2, 3, "bordinary:202506"),
            new BookedLimit('a', 1, 2, 3, "bordinary:202506"),
            new BookedLimit('n', 5, 2, 1, "nordinary.times:2025"),
            new BookedLimit('f', 30_000, 12_345, -678, "fordinary.year:2025"),
            new BookedLimit('s', 30_000, 12_345, 0, "fdelivery.year:2025"),
        ],
        BookedLimit.Read(
            "c 20000 0 5000 cordinary.day:20250618\nm 30000 8000 4000 bordinary:2025\nD 4000 1000 3000 bordinary:20250618:H 1\n"
            + "d 4000 0 4000 \nb 0 70000 -5000 cordinary:2025Q2\nA 1 2 3 bordinary:202506\na 1 2 3 bordinary:202506\n"
            + "n 5 2 1 nordinary.times:2025\nf 30000 12345 -678 fordinary.year:2025\ns 30000 12345 0 fdelivery.year:2025"));

    [Fact]
    public void Nothing_is_no_limit() => Assert.Empty(BookedLimit.Read(""));

    [Theory]
    [InlineData(" ")]
    [InlineData("f 1 2 3")]
    [InlineData("x 1 2 3 fordinary.year:2025")]
    [InlineData("ff 1 2 3 fordinary.year:2025")]
    [InlineData(" 1 2 3 fordinary.year:2025")]
    [InlineData("f 1.5 2 3 fordinary.year:2025")]
    [InlineData("f 1 two 3 fordinary.year:2025")]
    [InlineData("f 1 2  fordinary.year:2025")]
    [InlineData("f 1 2 9223372036854775808 fordinary.year:2025")]
    [InlineData("f 1 2 3 fordinary.year:2025\n")]
    [InlineData("f 1 2 3 fordinary.year:2025\n\nf 1 2 3 fordinary.month:202506")]
    public void Other_text_is_none(string limits) => Assert.Equal(
        "has limits that are not kind, limit, used before, moved, accumulator",
        Assert.Throws<UnbookableRecordException>(() => BookedLimit.Read(limits)).Message);
}
