using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>A copy of PostgreSQL's data takes the place of what has been written since.</summary>
public sealed class PutBack(Scene scene) : IFault
{
    private string Data => Path.Combine(scene.System.PostgresDirectory, "data");

    private string Copy => Path.Combine(scene.System.PostgresDirectory, "copy");

    public Task BeginAsync(CancellationToken cancellationToken) =>
        WhileStoppedAsync(() => Files.CopyAsync(Data, Copy, cancellationToken), cancellationToken);

    public Task EndAsync(CancellationToken cancellationToken) => WhileStoppedAsync(
        () =>
        {
            Directory.Delete(Data, recursive: true);
            Directory.Move(Copy, Data);
            return Task.CompletedTask;
        },
        cancellationToken);

    private async Task WhileStoppedAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        SystemProcess postgres = scene.System.Processes[ChaosSystem.Postgres];
        await postgres.StopAsync();
        await work();
        await postgres.StartAsync(cancellationToken);
    }
}
