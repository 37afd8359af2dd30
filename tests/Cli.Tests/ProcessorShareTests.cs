using Claims.Cli.LocalSystem;

namespace Claims.Cli.Tests;

public sealed class ProcessorShareTests
{
    [Theory]
    [InlineData(null, 1, "1")]
    [InlineData(null, 2, "1")]
    [InlineData(null, 3, "1")]
    [InlineData("", 16, "8")]
    [InlineData("12", 16, "12")]
    public void Share_of_a_machine_is_half_of_it_unless_the_caller_has_set_it(string? set, int processors, string expected) =>
        Assert.Equal(expected, ProcessorShare.Of(set, processors));
}
