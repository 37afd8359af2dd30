using System.Diagnostics;
using Claims.Cli;

namespace Claims.LoadTests.Tests;

public sealed class HelpTests
{
    [Theory]
    [InlineData("bench", "--insured")]
    [InlineData("load", "--rate-scale")]
    public async Task Help_of_the_claims_command_names_the_options_of_the_measurement(string command, string option)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CommandException).Assembly.Location, command, "--help"]) { UseShellExecute = false, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string help = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(ExitCodes.Done, process.ExitCode);
        Assert.Contains($"claims {command} [", help, StringComparison.Ordinal);
        Assert.Contains(option, help, StringComparison.Ordinal);
    }
}
