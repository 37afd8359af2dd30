using System.Globalization;
using Claims.Cli;
using Claims.PrivateServers;

namespace Claims.LoadTests.Chaos.Stage;

/// <summary>One process of the system under chaos. It ends with the harness, whatever ends that.</summary>
public abstract class SystemProcess(string name)
{
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public string Name { get; } = name;

    protected abstract ProcessIdentity Identity { get; }

    /// <summary>SIGTERM, or what means the same to it.</summary>
    protected virtual ProcessSignal StopSignal => ProcessSignal.Terminate;

    public bool IsRunning => Identity.IsRunning;

    /// <summary>Starts it over the same data on the same port; returns at once or once it answers.</summary>
    /// <exception cref="PrivateServerException">It does not start.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // A process that was killed counts as gone before its last threads have let go of its port and its files.
        long deadline = Environment.TickCount64 + (long)StartBound.TotalMilliseconds;
        while (true)
        {
            try
            {
                await StartOnceAsync(cancellationToken);
                return;
            }
            catch (PrivateServerException) when (Environment.TickCount64 < deadline)
            {
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
    }

    protected abstract Task StartOnceAsync(CancellationToken cancellationToken);

    public abstract Task<bool> IsReadyAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();

    public async Task KillAsync()
    {
        Identity.Signal(ProcessSignal.Kill);
        await Identity.WaitForExitAsync(StopBound);
    }

    /// <summary>Asks it to stop; kills it where that takes too long.</summary>
    public async Task StopAsync()
    {
        Identity.Signal(StopSignal);
        if (!await Identity.WaitForExitAsync(StopBound)) await KillAsync();
    }

    /// <summary>It and its children stand still.</summary>
    public void Pause() => SignalAll(ProcessSignal.Stop);

    public void Resume() => SignalAll(ProcessSignal.Continue);

    /// <exception cref="CommandException">It is not ready within the bound.</exception>
    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)ReadyBound.TotalMilliseconds;
        while (!await IsReadyAsync(cancellationToken))
        {
            if (Environment.TickCount64 >= deadline || !IsRunning)
            {
                throw new CommandException(
                    $"{Name} {(IsRunning ? $"was not ready within {ReadyBound.TotalSeconds} s" : "ended")}.", ExitCodes.Failed);
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private void SignalAll(ProcessSignal signal)
    {
        if (!IsRunning) return;
        foreach (ProcessIdentity child in ChildrenOf(Identity.Pid)) child.Signal(signal);
        Identity.Signal(signal);
    }

    private static IEnumerable<ProcessIdentity> ChildrenOf(int parent)
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out int pid)) continue;
            string stat;
            try
            {
                stat = File.ReadAllText($"/proc/{pid}/stat");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            // The second field is the program's name in parentheses; the fourth is the parent.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (int.Parse(fields[1], CultureInfo.InvariantCulture) == parent && ProcessIdentity.Of(pid) is { } child) yield return child;
        }
    }
}

/// <summary>A service of the system, or the embedded broker.</summary>
/// <param name="command">Made anew for each start: the broker's address may have become another.</param>
/// <param name="isReady">Whether it answers.</param>
public sealed class CommandProcess(
    string name, Func<CancellationToken, Task<ServerCommand>> command, Func<CancellationToken, Task<bool>> isReady) : SystemProcess(name)
{
    private ServerProcess? _process;

    protected override ProcessIdentity Identity => _process?.Identity ?? default;

    protected override async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        _process?.Dispose();
        _process = await ServerProcess.StartOwnedAsync(await command(cancellationToken), cancellationToken);
    }

    public override Task<bool> IsReadyAsync(CancellationToken cancellationToken) => isReady(cancellationToken);

    public override ValueTask DisposeAsync()
    {
        _process?.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class RedisProcess(PrivateRedis redis) : SystemProcess("redis")
{
    protected override ProcessIdentity Identity => redis.Process;

    protected override Task StartOnceAsync(CancellationToken cancellationToken) => redis.RestartAsync(cancellationToken);

    public override Task<bool> IsReadyAsync(CancellationToken cancellationToken) => redis.AnswersAsync(cancellationToken);

    public override ValueTask DisposeAsync() => redis.DisposeAsync();
}

public sealed class PostgresProcess(PrivatePostgres postgres) : SystemProcess("postgres")
{
    protected override ProcessIdentity Identity => postgres.Process;

    // To PostgreSQL, SIGTERM means to wait until every client has left of its own.
    protected override ProcessSignal StopSignal => ProcessSignal.Interrupt;

    protected override Task StartOnceAsync(CancellationToken cancellationToken) => postgres.RestartAsync(cancellationToken);

    public override Task<bool> IsReadyAsync(CancellationToken cancellationToken) => postgres.AnswersAsync(cancellationToken);

    public override ValueTask DisposeAsync() => postgres.DisposeAsync();
}
