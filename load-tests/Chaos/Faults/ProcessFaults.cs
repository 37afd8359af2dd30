using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>What may happen to a process, or to several at once.</summary>
public static class ProcessFaults
{
    private const string Adjudications = "both adjudications";
    private const string Ledgers = "both ledgers";
    private const string Everything = "everything";

    private static readonly string[] Processes =
    [
        ChaosSystem.Redis, ChaosSystem.Postgres, ChaosSystem.Broker, ChaosSystem.Eligibility, ChaosSystem.Ledger(1), ChaosSystem.Ledger(2),
        ChaosSystem.Adjudication(1), ChaosSystem.Adjudication(2), ChaosSystem.Gateway,
    ];

    public static IReadOnlyList<string> Targets { get; } = [.. Processes, Adjudications, Ledgers, Everything];

    /// <summary>In the order in which they start.</summary>
    public static IReadOnlyList<SystemProcess> Of(ChaosSystem system, string target) =>
    [
        .. (target switch
        {
            Adjudications => [ChaosSystem.Adjudication(1), ChaosSystem.Adjudication(2)],
            Ledgers => [ChaosSystem.Ledger(1), ChaosSystem.Ledger(2)],
            Everything => Processes,
            _ => new[] { target },
        }).Select(name => system.Processes[name]),
    ];

    public static async Task StartAsync(ChaosSystem system, SystemProcess process, CancellationToken cancellationToken)
    {
        if (process.IsRunning) return;
        if (process.Name == ChaosSystem.Broker) await system.RestartBrokerAsync(cancellationToken);
        else await process.StartAsync(cancellationToken);
    }
}

/// <summary>kill -9, and started again.</summary>
public sealed class Killed(Scene scene, string target) : IFault
{
    private readonly IReadOnlyList<SystemProcess> _processes = ProcessFaults.Of(scene.System, target);

    public Task BeginAsync(CancellationToken cancellationToken) => Task.WhenAll(_processes.Select(process => process.KillAsync()));

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        foreach (SystemProcess process in _processes) await ProcessFaults.StartAsync(scene.System, process, cancellationToken);
    }
}

/// <summary>SIGSTOP, and SIGCONT: what was on its way goes on as if no time had passed.</summary>
public sealed class Frozen(Scene scene, string target) : IFault
{
    private readonly IReadOnlyList<SystemProcess> _processes = ProcessFaults.Of(scene.System, target);

    public Task BeginAsync(CancellationToken cancellationToken)
    {
        foreach (SystemProcess process in _processes) process.Pause();
        return Task.CompletedTask;
    }

    public Task EndAsync(CancellationToken cancellationToken)
    {
        foreach (SystemProcess process in _processes) process.Resume();
        return Task.CompletedTask;
    }
}

/// <summary>Stopped in order, and started again.</summary>
public sealed class Restarted(Scene scene, string target) : IFault
{
    private readonly IReadOnlyList<SystemProcess> _processes = ProcessFaults.Of(scene.System, target);

    public Task BeginAsync(CancellationToken cancellationToken) => Task.WhenAll(_processes.Select(process => process.StopAsync()));

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        foreach (SystemProcess process in _processes) await ProcessFaults.StartAsync(scene.System, process, cancellationToken);
    }
}
