using Claims.Cli;
using Claims.LoadTests.Hospitals;

namespace Claims.LoadTests.Limit;

/// <summary>What the store alone can do: the settlement script with batches of the size that the service makes.</summary>
public static class RedisLimit
{
    /// <param name="batch">Visits in one call of the script.</param>
    /// <returns>Settlements per second.</returns>
    /// <exception cref="CommandException">The script failed.</exception>
    public static async Task<double> MeasureAsync(Workload workload, int visits, int batch, CancellationToken cancellationToken)
    {
        await using ScriptStore store = await ScriptStore.StartAsync(cancellationToken);
        // Written before, so that encoding them is not measured.
        string file = store.FilePath("commands.resp");
        int calls;
        await using (FileStream commands = File.Create(file))
            calls = await store.WriteCallsAsync(
                commands, Enumerable.Range(0, visits).Select(_ => workload.Next()), batch, cancellationToken);

        return visits / await store.PipeAsync(SendAsync, cancellationToken);

        async Task<int> SendAsync(Stream input)
        {
            await using FileStream commands = File.OpenRead(file);
            await commands.CopyToAsync(input, cancellationToken);
            return calls;
        }
    }
}
