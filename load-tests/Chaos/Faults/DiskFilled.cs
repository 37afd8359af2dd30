using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>A store's disk is full. Redis ends at its first write that fails, PostgreSQL at one of its log; both are started
/// again.</summary>
public sealed class DiskFilled(Scene scene, string target) : IFault
{
    public Task BeginAsync(CancellationToken cancellationToken)
    {
        scene.System.Disks[target].Fill();
        return Task.CompletedTask;
    }

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        scene.System.Disks[target].Empty();
        await ProcessFaults.StartAsync(scene.System, scene.System.Processes[target], cancellationToken);
    }
}
