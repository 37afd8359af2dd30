namespace Hosting.Tests;

internal static class Eventually
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <exception cref="OperationCanceledException">Not within 30 s.</exception>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using CancellationTokenSource bound = new(Bound);
        while (!await condition()) await Task.Delay(Poll, bound.Token);
    }
}
