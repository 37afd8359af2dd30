using Claims.Cli.LocalSystem;

namespace Claims.Cli.Demo;

/// <summary>
/// Kills one process after the other while a day's visits stream, evenly over the day, and starts each again. The day waits where
/// it would otherwise be over before the next process is killed.
/// </summary>
/// <param name="visits">How many answers the day has.</param>
public sealed class FaultPlan(TemporarySystem system, int visits) : IDisposable
{
    private readonly SemaphoreSlim _due = new(0);
    private readonly TaskCompletionSource[] _recovered =
        [.. ProcessDefinitions.StartOrder.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];

    private int _answered;

    public void Dispose() => _due.Dispose();

    /// <summary>Called after each answer, from any thread; completes once the next visit may follow.</summary>
    public Task AnsweredAsync()
    {
        int answered = Interlocked.Increment(ref _answered);
        int due = CrashesDueAfter(answered);
        if (due > CrashesDueAfter(answered - 1))
            _due.Release();
        return due > 1 ? _recovered[due - 2].Task : Task.CompletedTask;
    }

    /// <summary>Returns once every process has been killed and is up again.</summary>
    /// <exception cref="CommandException">A process does not start again.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach ((int crash, string process) in ProcessDefinitions.StartOrder.Index())
        {
            await _due.WaitAsync(cancellationToken);
            try
            {
                await system.CrashAsync(process, cancellationToken);
                _recovered[crash].SetResult();
            }
            catch (Exception e)
            {
                Array.ForEach(_recovered, recovered => recovered.TrySetException(e));
                throw;
            }
        }
    }

    private int CrashesDueAfter(int answered) =>
        Math.Min((int)((long)answered * (_recovered.Length + 1) / visits), _recovered.Length);
}
