using System.CommandLine;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

public static class DownCommand
{
    public static Command Create()
    {
        Command command = new("down", "Stop the system; its data stays.");
        command.SetAction(async (_, cancel) =>
        {
            SystemLayout layout = SystemLayout.FromEnvironment();
            if (!layout.IsOurs)
            {
                Output.Line($"Nothing has been started in {layout.DataDirectory}.");
                return ExitCodes.Done;
            }
            using Supervisor supervisor = await Supervisor.OpenAsync(layout, Output.Line, cancel);
            await supervisor.DownAsync(cancel);
            return ExitCodes.Done;
        });
        return command;
    }
}
