using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Claims.PrivateServers;

namespace Claims.Cli.Tests;

public sealed class BrokerCommandTests
{
    private const int Times = 40;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Broker_that_is_frozen_and_goes_on_serves_again()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-broker-");
        string address = Path.Combine(directory.FullName, "address");
        ProcessStartInfo start = new("dotnet", [typeof(CommandException).Assembly.Location, "broker", "--address-file", address])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process broker = Process.Start(start)!;
        try
        {
            await UntilAsync(() => File.Exists(address));
            ProcessIdentity process = ProcessIdentity.Of(broker.Id)!.Value;
            for (int time = 0; time < Times; time++)
            {
                process.Signal(ProcessSignal.Stop);
                await UntilAsync(() => StateOf(broker.Id) == 'T');
                process.Signal(ProcessSignal.Continue);
                await UntilAsync(() => StateOf(broker.Id) != 'T');
                using TcpClient client = new();
                await client.ConnectAsync(IPEndPoint.Parse(await File.ReadAllTextAsync(address))).WaitAsync(Bound);
            }
        }
        finally
        {
            broker.Kill();
            await broker.WaitForExitAsync();
            directory.Delete(recursive: true);
        }
    }

    private static char StateOf(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        return stat[stat.LastIndexOf(')') + 2];
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource bound = new(Bound);
        while (!condition()) await Task.Delay(TimeSpan.FromMilliseconds(2), bound.Token);
    }
}
