using System.CommandLine;

namespace Claims.Cli.Commands;

/// <summary>A command of load-tests/, which knows its own options and prints them.</summary>
public static class InstrumentCommand
{
    public static Command Create(string name, string description)
    {
        Option<bool> help = new("--help", "-h", "-?") { Description = "Show the command's options." };
        Command command = new(name, description) { help };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((result, cancel) => LoadTests.RunAsync(
            name, result.GetValue(help) ? ["--help"] : result.UnmatchedTokens, cancel));
        return command;
    }
}
