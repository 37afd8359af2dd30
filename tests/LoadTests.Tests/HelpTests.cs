using System.Diagnostics;
using Claims.Cli;

namespace Claims.LoadTests.Tests;

public sealed class HelpTests
{
    [Theory]
    [InlineData("bench", "--insured")]
    [InlineData("load", "--rate-scale")]
    [InlineData("chaos", "--seed")]
    public async Task Help_of_the_claims_command_names_the_options_of_the_measurement(string command, string option)
    {
        ProcessStartInfo start = new("dotnet",
            [typeof(CommandException).Assembly.Location, command, "--help"])
        { UseShellExecute = false, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string help = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(ExitCodes.Done, process.ExitCode);
        Assert.Contains($"claims {command} [", help, StringComparison.Ordinal);
        Assert.Contains(option, help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rounds", "abc", "bench")]
    [InlineData("--rounds", "0", "bench")]
    [InlineData("--rate-scale", "abc", "load", "mixed")]
    [InlineData("--seconds", "abc", "load", "mixed")]
    [InlineData("--minutes", "0", "chaos")]
    public async Task Number_that_is_none_or_out_of_range_is_a_sentence(string option, string value, params string[] command)
    {
        ProcessStartInfo start = new("dotnet",
            [typeof(CommandException).Assembly.Location, .. command, option,
            value])
        { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();

        Assert.Equal(ExitCodes.Failed, process.ExitCode);
        Assert.Contains(option, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }
}
