using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

public static class UpCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Option<bool> fresh = new("--fresh") { Description = "Remove the data of an earlier run first." };
        Option<bool> detach = new("--detach") { Description = "Return once all is ready; without it, run until Ctrl-C." };
        Option<string?> policy = CommonOptions.Policy();
        Option<string?> city = CommonOptions.City();
        Command command = new("up", "Start the whole system on loopback; data under .claims/ or $CLAIMS_DATA, ports from "
            + "$CLAIMS_PORT_BASE.")
        {
            policy,
            city,
            fresh,
            detach,
        };
        command.SetAction((result, cancel) => RunAsync(
            result.GetValue(policy), result.GetValue(city), result.GetValue(fresh), result.GetValue(detach), cancel));
        return command;
    }

    private static async Task<int> RunAsync(string? directory, string? city, bool fresh, bool detach, CancellationToken cancellationToken)
    {
        SystemLayout layout = SystemLayout.FromEnvironment();
        CityPolicy policy = CityPolicy.Choose(directory, city, fresh ? null : SystemState.Read(layout.StateFile).Policy);
        // A policy with a fault is named before anything is removed.
        _ = policy.Load();
        string? kafka = Environment.GetEnvironmentVariable("CLAIMS_KAFKA");
        long begun = Stopwatch.GetTimestamp();
        using (Supervisor supervisor = await Supervisor.OpenAsync(layout, Output.Line, cancellationToken))
            await supervisor.UpAsync(fresh, policy, string.IsNullOrEmpty(kafka) ? null : kafka, cancellationToken);
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"Ready after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s: adjudication on 127.0.0.1:{layout.AdjudicationPort}, "
                + $"clinics' HTTP on 127.0.0.1:{layout.GatewayPort}, policy of {policy.City}, data in {layout.DataDirectory}"));
        Output.Line(
            "Whoever calls from this machine and sends no claims-identity is claims://role/local, which may do what the commands do.");
        if (detach)
            return ExitCodes.Done;

        Output.Line("Ctrl-C stops it.");
        await WatchAsync(layout, cancellationToken);
        using Supervisor stopping = await Supervisor.OpenAsync(layout, Output.Line, CancellationToken.None);
        await stopping.DownAsync(CancellationToken.None);
        return ExitCodes.Done;
    }

    /// <summary>Until cancelled or until nothing runs any more; says when a process ends by itself.</summary>
    private static async Task WatchAsync(SystemLayout layout, CancellationToken cancellationToken)
    {
        HashSet<string> ended = [];
        try
        {
            while (true)
            {
                await Task.Delay(WatchInterval, cancellationToken);
                SystemState state = SystemState.Read(layout.StateFile);
                if (!state.Processes.Keys.Any(process => state.Running(process) is not null))
                    return;
                foreach (string process in state.Processes.Keys)
                {
                    if (state.Running(process) is not null)
                        ended.Remove(process);
                    else if (ended.Add(process))
                        Output.Error($"{process} has ended; `claims up` starts it again. Its log is {layout.LogFile(process)}.");
                }
            }
        }
        catch (OperationCanceledException)
        {
            Output.Line("Stopping …");
        }
    }
}
