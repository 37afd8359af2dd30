namespace Adjudication.Tests;

internal static class Eventually
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>Returns as soon as the condition holds; fails with <paramref name="state"/> when it does not within the bound.</summary>
    public static async Task HoldsAsync(TimeSpan bound, Func<Task<bool>> condition, Func<string>? state = null, TimeSpan? poll = null)
    {
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        using PeriodicTimer timer = new(poll ?? Poll);
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < deadline, $"not within {bound.TotalSeconds} s. {state?.Invoke()}");
            await timer.WaitForNextTickAsync();
        }
    }
}
