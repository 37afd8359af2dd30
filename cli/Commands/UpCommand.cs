using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;
using Claims.V1;

namespace Claims.Cli.Commands;

public static class UpCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Option<bool> fresh = new("--fresh") { Description = "Remove the data of an earlier run first." };
        Option<bool> detach = new("--detach") { Description = "Return once all is ready; without it, run until Ctrl-C." };
        Option<bool> observe = new("--observe")
        {
            Description = "Start Prometheus with our alerts, Alertmanager and exporters too, and Grafana where it is installed.",
        };
        Option<bool> traces = new("--traces")
        {
            Description = "Show the way of every visit through the system: the dashboard of .NET Aspire, a NuGet package, is fetched once.",
        };
        Option<string?> archive = new("--archive")
        {
            Description = "Keep PostgreSQL's WAL in this directory, so that a backup can be restored to any moment; remembered until "
                + "--no-archive. Better on another disk than the data.",
        };
        Option<bool> noArchive = new("--no-archive") { Description = "Keep it no longer." };
        Option<string?> policy = CommonOptions.Policy();
        Option<string?> city = CommonOptions.City();
        Command command = new("up", "Start the whole system on loopback; data under .claims/ or $CLAIMS_DATA, ports from "
            + "$CLAIMS_PORT_BASE.")
        {
            policy,
            city,
            fresh,
            detach,
            observe,
            traces,
            archive,
            noArchive,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(noArchive) && result.GetValue(archive) is not null)
                result.AddError("--archive and --no-archive contradict each other.");
            if (result.GetValue(archive) is { Length: 0 }) result.AddError("--archive names a directory.");
        });
        command.SetAction((result, cancel) => RunAsync(
            result.GetValue(policy), result.GetValue(city), result.GetValue(fresh), result.GetValue(detach), result.GetValue(observe),
            result.GetValue(traces),
            result.GetValue(noArchive) ? "" : result.GetValue(archive) is { } kept ? Path.GetFullPath(kept) : null, cancel));
        return command;
    }

    private static async Task<int> RunAsync(
        string? directory, string? city, bool fresh, bool detach, bool observe, bool traces, string? archive,
        CancellationToken cancellationToken)
    {
        SystemLayout layout = SystemLayout.FromEnvironment();
        CityPolicy policy = CityPolicy.Choose(directory, city, fresh ? null : SystemState.Read(layout.StateFile).Policy);
        // A policy with a fault is named before anything is removed.
        _ = policy.Load();
        string? kafka = Environment.GetEnvironmentVariable("CLAIMS_KAFKA");
        long begun = Stopwatch.GetTimestamp();
        IReadOnlyDictionary<string, ProcessIdentity> own;
        using (Supervisor supervisor = await Supervisor.OpenAsync(layout, Output.Line, cancellationToken))
        {
            await supervisor.UpAsync(fresh, policy, string.IsNullOrEmpty(kafka) ? null : kafka, observe, traces, archive,
                cancellationToken);
            own = supervisor.StartedNow;
        }

        string? lost = await ProcessDefinitions.LostStoreAsync(layout, cancellationToken);
        string state = lost is null ? "Ready" : "Started";
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{state} after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s: adjudication on 127.0.0.1:{layout.AdjudicationPort}, "
                + $"clinics' HTTP on 127.0.0.1:{layout.GatewayPort}, policy of {policy.City}, data in {layout.DataDirectory}"));
        if (observe)
        {
            Output.Line($"Prometheus on http://127.0.0.1:{layout.PrometheusPort}, "
                + $"Alertmanager on http://127.0.0.1:{layout.AlertmanagerPort}" + (Observers.HasGrafana
                    ? $", Grafana on http://127.0.0.1:{layout.GrafanaPort}"
                    : "; grafana-server is not installed: install Grafana's own package and run this again, or import "
                        + "deploy/grafana/dashboards into a Grafana of yours."));
        }

        if (traces) Output.Line($"Traces on http://127.0.0.1:{layout.TracesPort}/traces");
        Output.Line(
            "Whoever calls from this machine and sends no claims-identity is claims://role/local, which may do what the commands do.");
        await TellPageAsync(layout, cancellationToken);
        if (lost is not null) Output.Error($"adjudication runs and settles nothing: {lost} Run `claims rebuild` now.");
        if (detach)
            return lost is null ? ExitCodes.Done : ExitCodes.Unavailable;

        Output.Line(own.Count > 0
            ? "Ctrl-C stops it."
            : "All of it ran already: Ctrl-C ends this command, `claims down` stops the system.");
        await WatchAsync(layout, cancellationToken);
        using Supervisor stopping = await Supervisor.OpenAsync(layout, Output.Line, CancellationToken.None);
        IReadOnlyList<string> others = await stopping.DownAsync(own);
        if (others.Count > 0)
            Output.Line($"Goes on, since another command started it: {string.Join(", ", others)}; `claims down` stops it.");
        return cancellationToken.IsCancellationRequested ? Interruption.ExitCode : ExitCodes.Done;
    }

    /// <summary>Where clinics log in, and with what where nobody can yet.</summary>
    private static async Task TellPageAsync(SystemLayout layout, CancellationToken cancellationToken)
    {
        using Services services = new(layout);
        IssuedCredential? first = await ClinicCommand.FirstLoginAsync(services, cancellationToken);
        Output.Line($"Clinics' page on {layout.GatewayAddress}/" + (first is null
            ? "; `claims clinic add CODE` lets a clinic of the registry log in."
            : $", one-time first login: facility {first.FacilityCode}, clerk {first.Clerk}, password {first.Secret}"
                + " (to be changed there)."));
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
