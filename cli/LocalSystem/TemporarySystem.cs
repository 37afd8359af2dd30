using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>A whole system in a temporary place on free ports, stopped and removed on disposal.</summary>
public sealed class TemporarySystem : IAsyncDisposable
{
    private static readonly TimeSpan KillBound = TimeSpan.FromSeconds(10);

    private readonly CityPolicy _policy;
    private readonly Action<string> _tell;
    private bool _keep;

    private TemporarySystem(SystemLayout layout, CityPolicy policy, Action<string> tell)
    {
        Layout = layout;
        _policy = policy;
        _tell = tell;
    }

    public SystemLayout Layout { get; }

    /// <param name="purpose">Part of the directory's name.</param>
    /// <param name="tell">Takes one line per step.</param>
    /// <exception cref="CommandException">Something cannot start; nothing is left behind.</exception>
    /// <exception cref="PrivateServerException">The same, of Redis or PostgreSQL.</exception>
    public static async Task<TemporarySystem> StartAsync(
        string purpose, CityPolicy policy, Action<string> tell, CancellationToken cancellationToken)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory($"claims-{purpose}-");
        TemporarySystem system = new(new SystemLayout(directory.FullName, FreePort.Take(SystemLayout.PortCount)), policy, tell);
        tell($"Starting a system of its own in {directory.FullName} …");
        try
        {
            await system.UpAsync(cancellationToken);
            return system;
        }
        catch
        {
            await system.DisposeAsync();
            throw;
        }
    }

    /// <summary>Leaves the system running, and says where it is.</summary>
    public void Keep()
    {
        _keep = true;
        _tell($"Still running: CLAIMS_DATA={Layout.DataDirectory} CLAIMS_PORT_BASE={Layout.PortBase} ./claims status");
    }

    /// <summary>SIGKILL to one process, then everything up again over the same data.</summary>
    public async Task CrashAsync(string process, CancellationToken cancellationToken)
    {
        ProcessRecord record = SystemState.Read(Layout.StateFile).Running(process)
            ?? throw new CommandException($"{process} does not run, so it cannot be killed.", ExitCodes.Failed);
        record.Identity.Signal(ProcessSignal.Kill);
        await record.Identity.WaitForExitAsync(KillBound, cancellationToken);
        _tell($"  {process} killed");
        await UpAsync(cancellationToken);
    }

    /// <summary>Stops one process in order, as an operator would.</summary>
    public async Task StopAsync(string process, CancellationToken cancellationToken)
    {
        using Supervisor supervisor = await Supervisor.OpenAsync(Layout, line => _tell($"  {line}"), cancellationToken);
        await supervisor.StopAsync(process);
    }

    /// <summary>Starts what does not run, over the same data.</summary>
    public async Task UpAsync(CancellationToken cancellationToken)
    {
        using Supervisor supervisor = await Supervisor.OpenAsync(Layout, line => _tell($"  {line}"), cancellationToken);
        await supervisor.UpAsync(fresh: false, _policy, kafka: null, observe: false, traces: false, archive: null, cancellationToken);
    }

    /// <summary>The process that runs under this name.</summary>
    public int PidOf(string process) => SystemState.Read(Layout.StateFile).Running(process)?.Pid
        ?? throw new CommandException($"{process} does not run.", ExitCodes.Failed);

    public async ValueTask DisposeAsync()
    {
        if (_keep) return;
        using (Supervisor supervisor = await Supervisor.OpenAsync(Layout, _ => { }, CancellationToken.None))
            await supervisor.DownAsync(CancellationToken.None);
        Directory.Delete(Layout.DataDirectory, recursive: true);
    }
}
