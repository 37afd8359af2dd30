using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.Cli.Operations;
using Claims.Hosting;
using Grpc.Core;
using Grpc.Health.V1;

namespace Claims.Cli.Commands;

public static class StatusCommand
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("status", "Show what runs; exit code 0 only when everything is ready.") { json };
        command.SetAction(async (result, cancel) =>
        {
            if (ReachOptions.Of(result) is { Addresses.Count: > 0 } reach)
                return await ElsewhereAsync(result, reach, result.GetValue(json), cancel);
            SystemLayout layout = SystemLayout.FromEnvironment();
            ProcessStatus[] processes = await ReadAsync(layout, cancel);
            if (result.GetValue(json))
                Output.WriteJson(new { layout.DataDirectory, layout.PortBase, Ready = processes.All(process => process.Ready), processes });
            else
                Print(processes);
            return processes.All(process => process.Ready) ? ExitCodes.Done : ExitCodes.Unavailable;
        });
        return command.Reaching();
    }

    /// <summary>Of a system that this command did not start there are no processes to see: each service is asked.</summary>
    private static async Task<int> ElsewhereAsync(ParseResult parsed, Reach reach, bool json, CancellationToken cancellationToken)
    {
        using Services services = Services.Of(parsed);
        ServiceStatus[] asked = await Task.WhenAll(reach.Addresses.Where(one => one.Key != ReachOptions.Operators).Select(
            async service => new ServiceStatus(service.Key, service.Value, await StateAsync(services, service.Value, cancellationToken))));
        if (json) Output.WriteJson(new { Ready = asked.All(service => service.Ready), Services = asked });
        else Output.Table(["service", "address", "state"], asked.Select(service => new[] { service.Name, service.Address, service.State }));
        return asked.All(service => service.Ready) ? ExitCodes.Done : ExitCodes.Unavailable;
    }

    private static async Task<string> StateAsync(Services services, string address, CancellationToken cancellationToken)
    {
        try
        {
            HealthCheckResponse health = await new Health.HealthClient(services.Connect(address))
                .CheckAsync(new HealthCheckRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
            return health.Status == HealthCheckResponse.Types.ServingStatus.Serving ? ServiceStatus.IsReady : "not ready";
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{(ClaimsChannel.IsBroken(e) ? "does not answer" : SendSummary.StatusName(e.StatusCode))}: {Services.Reason(e)}";
        }
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
            process.Since is { } since ? ChinaTime.Text(since) : "",
        }));

    private sealed record ProcessStatus(string Name, string State, bool Ready, int? Pid, int[] Ports, DateTimeOffset? Since);

    private sealed record ServiceStatus(string Name, string Address, string State)
    {
        public const string IsReady = "ready";

        public bool Ready => State == IsReady;
    }
}
