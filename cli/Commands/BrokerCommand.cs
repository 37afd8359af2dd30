using System.CommandLine;
using Claims.Kafka;

namespace Claims.Cli.Commands;

/// <summary>The embedded Kafka broker as a process of its own, which `up` starts.</summary>
public static class BrokerCommand
{
    private const int Shards = 32;

    public static Command Create()
    {
        Option<FileInfo> addressFile = new("--address-file") { Description = "Where to write host:port once it listens.", Required = true };
        Command command = new("broker", "Run the embedded Kafka broker until stopped.") { addressFile };
        command.Hidden = true;
        command.SetAction(async (result, cancel) =>
        {
            string path = result.GetRequiredValue(addressFile).FullName;
            using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, Shards);
            await File.WriteAllTextAsync(path + ".new", broker.BootstrapServers, cancel);
            File.Move(path + ".new", path, overwrite: true);
            Output.Line($"listening on {broker.BootstrapServers}");
            TaskCompletionSource stopped = new();
            await using (cancel.Register(stopped.SetResult))
                await stopped.Task;
            return ExitCodes.Done;
        });
        return command;
    }
}
