using System.Diagnostics;

namespace Claims.Cli.Demo;

/// <summary>Changes the registry once, when half of the visits have been answered.</summary>
/// <param name="visits">How many there are.</param>
/// <param name="change">Takes the changed facilities and people into the registry.</param>
public sealed class RegistryChanges(int visits, Func<Task> change)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    private int _answered;

    /// <summary>Called for each answer, from any thread; the one that makes the half waits for the change.</summary>
    public Task AnsweredAsync(CancellationToken cancellationToken) =>
        Interlocked.Increment(ref _answered) == (visits + 1) / 2 ? ChangeAsync(cancellationToken) : Task.CompletedTask;

    // A process may have been killed on purpose just now. What was taken already is taken again without an entry.
    private async Task ChangeAsync(CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await change();
                return;
            }
            catch (CommandException e) when (e.ExitCode == ExitCodes.Unavailable && Stopwatch.GetElapsedTime(begun) < Bound)
            {
                await Task.Delay(Between, cancellationToken);
            }
        }
    }
}
