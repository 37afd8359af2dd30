using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>
/// A copy of PostgreSQL's data takes the place of what has been written since. Once the books have come up to where they were, the ledgers
/// are restarted: only then do they chain on from links that are others than those that they had seen.
/// </summary>
public sealed class PutBack(Scene scene) : IFault
{
    private string Data => Path.Combine(scene.System.PostgresDirectory, "data");

    private string Copy => Path.Combine(scene.System.PostgresDirectory, "copy");

    public Task BeginAsync(CancellationToken cancellationToken) =>
        WhileStoppedAsync(() => Files.CopyAsync(Data, Copy, cancellationToken), cancellationToken);

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await WhileStoppedAsync(
            () =>
            {
                Directory.Delete(Data, recursive: true);
                Directory.Move(Copy, Data);
                return Task.CompletedTask;
            },
            cancellationToken);
        await scene.Operator.WaitForBooksAsync(cancellationToken);
        for (int instance = 1; instance <= ChaosSystem.Instances; instance++)
        {
            SystemProcess ledger = scene.System.Processes[ChaosSystem.Ledger(instance)];
            await ledger.StopAsync();
            await ledger.StartAsync(cancellationToken);
        }
    }

    private async Task WhileStoppedAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        SystemProcess postgres = scene.System.Processes[ChaosSystem.Postgres];
        await postgres.StopAsync();
        await work();
        await postgres.StartAsync(cancellationToken);
    }
}
