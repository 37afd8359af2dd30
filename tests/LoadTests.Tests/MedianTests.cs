using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Tests;

public sealed class MedianTests
{
    [Fact]
    public void Median_of_an_odd_number_of_rounds_is_the_middle_one() => Assert.Equal(7, Median.Of([100, 1, 7]));

    [Fact]
    public void Median_of_an_even_number_of_rounds_lies_between_the_middle_two() => Assert.Equal(5, Median.Of([4, 100, 6, 1]));

    [Fact]
    public void Median_of_no_round_is_refused() => Assert.Throws<ArgumentException>(() => Median.Of([]));
}
