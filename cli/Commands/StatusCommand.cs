using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

public static class StatusCommand
{
    public static Command Create()
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("status", "Show what runs; exit code 0 only when everything is ready.") { json };
        command.SetAction(async (result, cancel) =>
        {
            SystemLayout layout = SystemLayout.FromEnvironment();
            ProcessStatus[] processes = await ReadAsync(layout, cancel);
            if (result.GetValue(json))
                Output.WriteJson(new { layout.DataDirectory, layout.PortBase, Ready = processes.All(process => process.Ready), processes });
            else
                Print(processes);
            return processes.All(process => process.Ready) ? ExitCodes.Done : ExitCodes.Unavailable;
        });
        return command;
    }

    private static async Task<ProcessStatus[]> ReadAsync(SystemLayout layout, CancellationToken cancellationToken)
    {
        SystemState state = SystemState.Read(layout.StateFile);
        return await Task.WhenAll(ProcessDefinitions.StartOrder
            // With a Kafka of one's own there is no embedded broker to miss.
            .Where(process => process != ProcessDefinitions.Broker || state.Processes.ContainsKey(process) || state.Processes.Count == 0)
            .Concat(Observers.StartOrder.Where(state.Processes.ContainsKey))
            .Select(async process =>
            {
                ProcessRecord? running = state.Running(process);
                bool ready = running is not null && await ProcessDefinitions.IsReadyAsync(layout, process, cancellationToken);
                return new ProcessStatus(
                    process,
                    ready ? "ready" : running is not null ? "not ready" : state.Processes.ContainsKey(process) ? "ended" : "stopped",
                    ready,
                    running?.Pid,
                    [.. ProcessDefinitions.PortsOf(layout, process).Select(port => port.Port)],
                    running?.StartedAt);
            }));
    }

    private static void Print(IEnumerable<ProcessStatus> processes) => Output.Table(
        ["process", "state", ">pid", "ports", "since"],
        processes.Select(process => new[]
        {
            process.Name,
            process.State,
            process.Pid?.ToString(CultureInfo.InvariantCulture) ?? "",
            string.Join(" ", process.Ports),
            process.Since?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "",
        }));

    private sealed record ProcessStatus(string Name, string State, bool Ready, int? Pid, int[] Ports, DateTimeOffset? Since);
}
