namespace Ledger.Tests;

internal static class Eventually
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    /// <summary>Returns as soon as the condition holds; fails with <paramref name="state"/> when it does not within the deadline.</summary>
    public static Task HoldsAsync(Func<bool> condition, Func<string> state) => HoldsAsync(() => Task.FromResult(condition()), state);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, Func{string})"/>
    public static async Task HoldsAsync(Func<Task<bool>> condition, Func<string> state)
    {
        using PeriodicTimer timer = new(Poll);
        long end = Environment.TickCount64 + (long)RunningLedger.Deadline.TotalMilliseconds;
        while (!await condition())
        {
            if (Environment.TickCount64 > end) Assert.Fail($"not within {RunningLedger.Deadline.TotalSeconds} s: {state()}");
            await timer.WaitForNextTickAsync();
        }
    }
}
